/*
 * What is remembered of a job between its runs, and the lock by which it has one at a time: files of the state (agent/state.h).
 */
#ifndef LADE_AGENT_JOBS_JOB_STATE_H
#define LADE_AGENT_JOBS_JOB_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"

/* All zeros: it never ran. Times are in seconds since 1970. */
struct lade_job_state {
	int64_t start;         /* of the last run */
	int64_t success_start; /* when the last one began that made it to the end; 0: none has */
	int64_t success;       /* and when it ended */
	bool has_status;       /* a run has ended */
	int status;            /* the exit status of the last one that did */
};

/*
 * Open the directory of the states of the jobs of a directory; usual: those which `lade run` looks for by itself. Returns 0 with a descriptor that the caller
 * closes, or LADE_E_SYSTEM.
 */
int lade_job_state_open(const char *jobs_directory, bool usual, int *fd_out, struct lade_fault *fault);

/*
 * Read what is known of the job called name. Returns 0, also if nothing is, or if the file is damaged, which is as good as nothing; or LADE_E_SYSTEM.
 */
int lade_job_state_get(int directory_fd, const char *name, struct lade_job_state *state_out, struct lade_fault *fault);

/* Remember it. Returns 0 or LADE_E_SYSTEM. */
int lade_job_state_put(int directory_fd, const char *name, const struct lade_job_state *state, struct lade_fault *fault);

/* Who has a job's lock. */
struct lade_job_holder {
	pid_t pid; /* 0: it is not known */
};

/*
 * Lock the job called name, until *fd_out is closed by us and by all who were forked meanwhile. Returns 0; LADE_E_AGAIN with holder_out filled if somebody
 * else has it, or LADE_E_SYSTEM.
 */
int lade_job_lock(int directory_fd, const char *name, int *fd_out, struct lade_job_holder *holder_out, struct lade_fault *fault);

#endif
