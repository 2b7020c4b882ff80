/*
 * A run of a job: lock, hooks, tries, and what is remembered and told of it.
 */
#ifndef LADE_AGENT_JOBS_JOB_RUN_H
#define LADE_AGENT_JOBS_JOB_RUN_H

#include <stdbool.h>

#include "agent/jobs/job.h"
#include "agent/jobs/job_state.h"
#include "agent/jobs/watch.h"

/* What a run needs; all is borrowed. */
struct lade_job_run {
	const struct lade_job *job;
	struct lade_job_manner manner;
	int state_fd; /* lade_job_state_open() */
	bool due;     /* only if it is due, after its jitter, and not if it runs already */
	struct lade_job_watch *watch; /* that has begun */
};

/*
 * Do it. Returns an exit status: that of `lade backup` (agent/repository_options.h), LADE_REPOSITORY_BUSY if another run has the lock, LADE_REPOSITORY_ERROR
 * if a hook failed or time was over, LADE_REPOSITORY_INTERRUPTED. What is wrong is told on standard error.
 */
int lade_job_run(const struct lade_job_run *run);

/* The worse of two exit statuses of jobs. */
int lade_job_worse(int status, int other);

/* Print "lade: job NAME: TEXT" to standard error, printf-like. */
void lade_job_say(const struct lade_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
