/*
 * Waiting for a process, or for a time, while signals may tell us to end.
 */
#ifndef LADE_AGENT_JOBS_WATCH_H
#define LADE_AGENT_JOBS_WATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"

/* The caller's storage. */
struct lade_job_watch {
	sigset_t signals; /* that are waited for, and blocked meanwhile */
	sigset_t before;  /* what was blocked before */
	bool stopped;     /* SIGINT, SIGTERM or SIGHUP came */
};

/* Begin: from now on these signals do nothing of themselves. One at a time, and without threads. */
void lade_job_watch_begin(struct lade_job_watch *watch);

/* In a process that was forked: signals are as they were. */
void lade_job_watch_leave(const struct lade_job_watch *watch);

/* The end of it. */
void lade_job_watch_end(const struct lade_job_watch *watch);

/* A process that is waited for. */
struct lade_job_child {
	pid_t pid;
	bool own_group;     /* it has a process group of its own: all of that is ended, and no terminal tells it anything */
	uint64_t timeout_s; /* that it may take; 0: any time */
};

/*
 * Wait for a child. It is told to end (SIGTERM, and a minute later SIGKILL) when its time is over, and when we are. Returns 0 with what waitpid(2) says of it, or
 * LADE_E_TIMEOUT: its time was over, and it has ended.
 */
int lade_job_watch_child(struct lade_job_watch *watch, const struct lade_job_child *child, int *status_out);

/* Let seconds pass. Returns 0, or LADE_E_CANCELLED if we were told to end meanwhile or before. */
int lade_job_watch_sleep(struct lade_job_watch *watch, uint64_t seconds);

#endif
