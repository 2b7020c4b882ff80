/*
 * sigtimedwait(2) is the only place that waits: nothing comes between a look and a wait.
 */
#include "agent/jobs/watch.h"

#include <errno.h>
#include <sys/wait.h>
#include <time.h>

/* How long a process may take to end that was told to, in seconds. */
#define GRACE_S 60

/* No wait is longer than this, in seconds. */
#define WAIT_MAX_S (24 * 60 * 60)

void lade_job_watch_begin(struct lade_job_watch *watch)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;

	watch->stopped = false;
	sigemptyset(&watch->signals);
	/* Ignored ones stay so (nohup); but for SIGCHLD: without it nothing could be waited for. */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&watch->signals, ends[i]);
	(void)signal(SIGCHLD, SIG_DFL);
	sigaddset(&watch->signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &watch->signals, &watch->before);
}

void lade_job_watch_leave(const struct lade_job_watch *watch)
{
	(void)sigprocmask(SIG_SETMASK, &watch->before, NULL);
}

void lade_job_watch_end(const struct lade_job_watch *watch)
{
	lade_job_watch_leave(watch);
}

static int64_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Wait for a signal until the clock shows deadline. Returns it, or 0 for none. */
static int wait_signal(const struct lade_job_watch *watch, int64_t deadline, siginfo_t *info)
{
	int64_t left = deadline - now_s();
	struct timespec time;
	int number;

	if (left < 0)
		left = 0;
	time = (struct timespec){ .tv_sec = left < WAIT_MAX_S ? (time_t)left : WAIT_MAX_S };
	number = sigtimedwait(&watch->signals, info, &time);
	return number < 0 ? 0 : number;
}

static void end_child(const struct lade_job_child *child, int number)
{
	/* It may not have its group yet. */
	if (!child->own_group || kill(-child->pid, number))
		(void)kill(child->pid, number);
}

/* True if it has ended. */
static bool has_ended(const struct lade_job_child *child, int *status_out)
{
	return waitpid(child->pid, status_out, WNOHANG) == child->pid;
}

int lade_job_watch_child(struct lade_job_watch *watch, const struct lade_job_child *child, int *status_out)
{
	int64_t deadline = child->timeout_s ? now_s() + (int64_t)child->timeout_s : INT64_MAX;
	bool told = false, late = false;
	siginfo_t info;

	while (!has_ended(child, status_out)) {
		const int number = wait_signal(watch, deadline, &info);

		if (number == SIGCHLD)
			continue;
		if (number) {
			watch->stopped = true;
			/* What a terminal says (SI_KERNEL) it says to a child of our group, too: a second signal would not let it end in order. */
			if (child->own_group || info.si_code <= 0)
				end_child(child, SIGTERM);
			deadline = now_s() + GRACE_S;
			told = true;
		} else if (now_s() >= deadline) {
			end_child(child, told ? SIGKILL : SIGTERM);
			late = late || !told;
			deadline = told ? INT64_MAX : now_s() + GRACE_S;
			told = true;
		}
	}
	return late ? LADE_E_TIMEOUT : 0;
}

int lade_job_watch_sleep(struct lade_job_watch *watch, uint64_t seconds)
{
	const int64_t deadline = now_s() + (int64_t)seconds;
	siginfo_t info;

	while (!watch->stopped && now_s() < deadline) {
		const int number = wait_signal(watch, deadline, &info);

		if (number && number != SIGCHLD)
			watch->stopped = true;
	}
	return watch->stopped ? LADE_E_CANCELLED : 0;
}
