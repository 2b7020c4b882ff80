/*
 * The bounds of a session: those that were asked for, and the program's own for the others.
 */
#include "agent/sync/session_limits.h"

#include <sys/resource.h>

#include "protocol/limits.h"

/* Descriptors for everything but described files: held directories, those of alternatives, descriptors in flight, the rest. */
#define DESCRIPTORS_ELSEWHERE 700u
/* A described file has its basis open, a temporary file, and perhaps a copy from an earlier attempt. */
#define DESCRIPTORS_EACH 3u

/* What is held in arrays has their size at most. */
static uint32_t bound(uint32_t wanted, uint32_t most)
{
	return wanted && wanted < most ? wanted : most;
}

/* Files that are described wait for answers with their descriptors open, however many there are of them. */
static uint32_t described_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > DESCRIPTORS_ELSEWHERE + DESCRIPTORS_EACH * LADE_SLOTS_MAX)
		return LADE_SLOTS_MAX;
	if (limit.rlim_cur < DESCRIPTORS_ELSEWHERE + DESCRIPTORS_EACH)
		return 1;
	return (uint32_t)(limit.rlim_cur - DESCRIPTORS_ELSEWHERE) / DESCRIPTORS_EACH;
}

struct lade_session_limits lade_session_limits_of(const struct lade_session_limits *wanted)
{
	static const struct lade_session_limits nothing;
	const struct lade_session_limits *from = wanted ? wanted : &nothing;

	return (struct lade_session_limits){
		.slots = bound(from->slots, LADE_SLOTS_MAX),
		.described = bound(from->described, described_max()),
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
