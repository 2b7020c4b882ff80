/*
 * The bounds of what is under way in a session at one time: all that its flow control
 * stands on. A bound decides how fast a session is, never whether it comes to its end,
 * and tests show that by making each as small as it can be.
 */
#ifndef LADE_AGENT_SYNC_SESSION_LIMITS_H
#define LADE_AGENT_SYNC_SESSION_LIMITS_H

#include <stdint.h>

/* Jobs that may wait for a worker; a bundle is at most LADE_BUNDLE_MAX. */
#define LADE_JOBS_MAX 16u
/* A bundle is full at this many bytes. */
#define LADE_BUNDLE_FULL (256u << 10)
/*
 * A bundle that is not full waits for company while the receiver has this many bytes that it
 * has not acknowledged: it is busy, and each bundle costs both sides some waking up.
 */
#define LADE_UNANSWERED_ENOUGH (256u << 10)
/* Control bytes queued beyond which lade_session_wait_room() waits. */
#define LADE_SESSION_QUEUE (512u << 10)

/*
 * Each from 1 to the constant it is named with; 0, and what is above, is that constant. Except for
 * entry_credit, each side has its own. Set by tests alone.
 */
struct lade_session_limits {
	uint32_t slots;        /* receiver: LADE_SLOTS_MAX */
	uint32_t described;    /* receiver: as many files at once as there are descriptors for, LADE_SLOTS_MAX at most */
	uint32_t want_runs;    /* receiver: LADE_WANT_RUNS_MAX */
	uint32_t want_gaps;    /* receiver: LADE_WANT_GAPS_MAX */
	uint32_t jobs;         /* receiver: LADE_JOBS_MAX */
	uint32_t descriptors;  /* sender: LADE_DESCRIPTORS_MAX */
	uint32_t bundle;       /* sender: LADE_BUNDLE_FULL; 1: each small file travels alone */
	uint32_t unanswered;   /* sender: LADE_UNANSWERED_ENOUGH */
	uint32_t queue;        /* either: LADE_SESSION_QUEUE */
	/*
	 * Either, and the same on both: LADE_ENTRY_CREDIT. The receiver keeps up to an eighth of it
	 * back, and what is left must pay for the longest message of the entry stream: at least
	 * 8/7 of that.
	 */
	uint32_t entry_credit;
};

/* The bounds of a session of which wanted is asked; NULL: nothing is. */
struct lade_session_limits lade_session_limits_of(const struct lade_session_limits *wanted);

#endif
