/*
 * The bounds of a session: those that were asked for, and the program's own for the others.
 */
#include "agent/sync/session_limits.h"

#include "protocol/limits.h"

/* What is held in arrays has their size at most. */
static uint32_t bound(uint32_t wanted, uint32_t most)
{
	return wanted && wanted < most ? wanted : most;
}

struct lade_session_limits lade_session_limits_of(const struct lade_session_limits *wanted)
{
	static const struct lade_session_limits nothing;
	const struct lade_session_limits *from = wanted ? wanted : &nothing;

	return (struct lade_session_limits){
		.slots = bound(from->slots, LADE_SLOTS_MAX),
		.want_runs = bound(from->want_runs, LADE_WANT_RUNS_MAX),
		.want_gaps = bound(from->want_gaps, LADE_WANT_GAPS_MAX),
		.jobs = bound(from->jobs, LADE_JOBS_MAX),
		.descriptors = bound(from->descriptors, LADE_DESCRIPTORS_MAX),
		.bundle = bound(from->bundle, LADE_BUNDLE_FULL),
		.unanswered = bound(from->unanswered, LADE_UNANSWERED_ENOUGH),
		.queue = bound(from->queue, LADE_SESSION_QUEUE),
		.entry_credit = bound(from->entry_credit, LADE_ENTRY_CREDIT),
	};
}
