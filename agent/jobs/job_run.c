/*
 * A try is `lade backup` in a process of its own, so that its priority is its own, it can be ended when its time is over, and whatever becomes of it,
 * the run goes on to its end: `after` runs if `before` did not fail.
 */
#include "agent/jobs/job_run.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/command_backup.h"
#include "agent/complaint.h"
#include "agent/daemon/hook.h"
#include "agent/jobs/job_metrics.h"
#include "agent/repository_options.h"
#include "agent/screen.h"

/* ioprio_set(2), for which there is no header. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_SHIFT 13
#define IOPRIO_CLASS_BEST_EFFORT 2
#define IOPRIO_CLASS_IDLE 3
#define IOPRIO_LEAST 7

/* What the process of a try says of it. */
struct outcome {
	struct lade_backup_result result;
	bool is_mute; /* standard output could not be written */
};

/* A run that has begun. */
struct going {
	const struct lade_job_run *run;
	struct lade_job_report report;
	struct timespec begun;
	int status;      /* so far */
	bool backed_up;  /* a try made it to the end */
};

void lade_job_say(const struct lade_job *job, const char *format, ...)
{
	char text[LADE_COMPLAINT_SIZE + 128];
	va_list arguments;
	const int len = snprintf(text, sizeof(text), "job %s: ", job->name);

	va_start(arguments, format);
	(void)vsnprintf(text + len, sizeof(text) - (size_t)len, format, arguments);
	va_end(arguments);
	lade_screen_print(stderr, text);
}

static void say_fault(const struct lade_job *job, const struct lade_fault *fault)
{
	struct lade_complaint complaint;

	lade_complain_fault(&complaint, LADE_REPOSITORY_ERROR, fault);
	lade_job_say(job, "%s", complaint.text);
}

/* How bad a status is; those that are not named here are errors of another kind. */
static unsigned badness(int status)
{
	static const int order[] = { LADE_REPOSITORY_OK, LADE_REPOSITORY_PARTIAL, LADE_REPOSITORY_BUSY, LADE_REPOSITORY_ABSENT, LADE_REPOSITORY_KEY,
				     LADE_REPOSITORY_ERROR };
	const unsigned count = sizeof(order) / sizeof(order[0]);
	unsigned i = 0;

	while (i < count && order[i] != status)
		i++;
	return status == LADE_REPOSITORY_INTERRUPTED ? count + 1 : i;
}

int lade_job_worse(int status, int other)
{
	return badness(other) > badness(status) ? other : status;
}

/* ---- hooks ---- */

/* What the program was told by who started it, of use to hooks. */
static void pass_on(struct lade_hook_environment *environment)
{
	static const char *const names[] = { "HOME", "USER", "LOGNAME", "LANG", "TZ", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value)
			lade_hook_set(environment, names[i], "%s", value);
	}
}

/* Why a hook did not end well. */
static void say_hook(const struct lade_job *job, const char *setting, int error, int status)
{
	if (error)
		lade_job_say(job, "%s: it took longer than the timeout of %llu s", setting, (unsigned long long)job->timeout);
	else if (WIFSIGNALED(status))
		lade_job_say(job, "%s: it was ended by signal %d", setting, WTERMSIG(status));
	else
		lade_job_say(job, "%s: it failed with exit status %d", setting, WEXITSTATUS(status));
}

/* Run the hook of that setting; NULL is none. Returns 0, or a negative code after telling why. */
static int run_hook(const struct going *going, const char *setting, const char *command)
{
	const struct lade_job *job = going->run->job;
	struct lade_hook_environment environment = { .len = 0 };
	char snapshot[2 * LADE_HASH_LEN + 1] = "";
	struct lade_job_child child = { .own_group = true, .timeout_s = job->timeout };
	struct lade_fault fault;
	int error, status = 0;

	if (!command)
		return 0;
	if (going->report.result.made)
		sodium_bin2hex(snapshot, sizeof(snapshot), going->report.result.snapshot, LADE_HASH_LEN);
	lade_hook_set(&environment, "LADE_JOB", "%s", job->name);
	lade_hook_set(&environment, "LADE_STATUS", "%d", going->status);
	lade_hook_set(&environment, "LADE_SNAPSHOT", "%s", snapshot);
	pass_on(&environment);
	(void)fflush(NULL);
	error = lade_hook_start(command, &environment, &child.pid, &fault);
	if (error) {
		say_fault(job, &fault);
		return error;
	}
	error = lade_job_watch_child(going->run->watch, &child, &status);
	if (!error && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	say_hook(job, setting, error, status);
	return error ? error : LADE_E_REFUSED;
}

/* ---- tries ---- */

/* In the new process: have the job's priorities. A backup that is more in the way than it should be is better than none. */
static void be_nice(const struct lade_job *job)
{
	const int class = job->ionice == LADE_JOB_IONICE_IDLE ? IOPRIO_CLASS_IDLE : IOPRIO_CLASS_BEST_EFFORT;

	if (job->nice && setpriority(PRIO_PROCESS, 0, job->nice))
		lade_job_say(job, "nice: %s", strerror(errno));
	if (job->ionice != LADE_JOB_IONICE_NONE && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, class << IOPRIO_CLASS_SHIFT | IOPRIO_LEAST) < 0)
		lade_job_say(job, "ionice: %s", strerror(errno));
}

/*
 * True if a terminal may tell our process group something, and be asked for a password. Else a try is a group of its own: a command whose output is backed up
 * ends with it.
 */
static bool has_terminal(void)
{
	const int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* In the new process: back up, and say what came of it by way of fd. */
static void back_up(const struct lade_job_run *run, int argc, char **argv, int fd)
{
	struct outcome outcome = { .is_mute = false };
	int status;

	if (!has_terminal())
		(void)setpgid(0, 0);
	lade_job_watch_leave(run->watch);
	be_nice(run->job);
	status = lade_command_backup_run(argc, argv, &outcome.result);
	outcome.is_mute = lade_screen_flush(0) != 0;
	/* It fits into the pipe; who reads it learns from its length whether it is whole. */
	(void)!write(fd, &outcome, sizeof(outcome));
	_exit(status);
}

/* What a try made it to, and how it ended. */
static int take_outcome(struct going *going, int fd, int status)
{
	struct outcome outcome;

	if (read(fd, &outcome, sizeof(outcome)) == (ssize_t)sizeof(outcome))
		going->report.result = outcome.result;
	else
		outcome.is_mute = false;
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != LADE_REPOSITORY_OK && WEXITSTATUS(status) != LADE_REPOSITORY_PARTIAL))
		return -1;
	going->backed_up = true;
	return outcome.is_mute ? LADE_REPOSITORY_ERROR : WEXITSTATUS(status);
}

/* The exit status of a try by what waitpid(2) says of it. */
static int status_of(const struct going *going, int error, int status)
{
	const struct lade_job *job = going->run->job;

	if (error)
		lade_job_say(job, "it took longer than the timeout of %llu s, and was ended", (unsigned long long)job->timeout);
	else if (going->run->watch->stopped)
		return LADE_REPOSITORY_INTERRUPTED;
	else if (WIFEXITED(status))
		return WEXITSTATUS(status);
	else
		lade_job_say(job, "the backup was ended by signal %d", WTERMSIG(status));
	return LADE_REPOSITORY_ERROR;
}

/* Wait for a try. *again_out: what failed may pass. */
static int await(struct going *going, pid_t pid, int fd, bool *again_out)
{
	const struct lade_job_child child = { .pid = pid, .own_group = !has_terminal(), .timeout_s = going->run->job->timeout };
	int status = 0, error = lade_job_watch_child(going->run->watch, &child, &status);
	int exit_status;

	going->report.result = (struct lade_backup_result){ .made = false };
	/* It may have made it to the end although it was told to stop, or its time was over. */
	exit_status = take_outcome(going, fd, status);
	if (exit_status >= 0)
		return exit_status;
	exit_status = status_of(going, error, status);
	*again_out = !error && (exit_status == LADE_REPOSITORY_ERROR || exit_status == LADE_REPOSITORY_ABSENT || exit_status == LADE_REPOSITORY_BUSY);
	return exit_status;
}

/* Try once. Returns an exit status. */
static int try_once(struct going *going, bool *again_out)
{
	const struct lade_job *job = going->run->job;
	char **argv = NULL;
	int ends[2] = { -1, -1 }, argc, status = LADE_REPOSITORY_ERROR;
	pid_t pid;

	*again_out = false;
	going->report.tries++;
	if (lade_job_command_line(job, &going->run->manner, &argc, &argv)) {
		lade_job_say(job, "out of memory");
		goto out;
	}
	(void)fflush(NULL);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		lade_job_say(job, "start the backup: %s", strerror(errno));
		goto out;
	}
	pid = fork();
	if (pid == 0)
		back_up(going->run, argc, argv, ends[1]);
	if (pid < 0)
		lade_job_say(job, "start the backup: %s", strerror(errno));
	else
		status = await(going, pid, ends[0], again_out);
out:
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	lade_job_command_line_free(argv);
	return status;
}

/* Try until it is done, or all is in vain. */
static int try_all(struct going *going)
{
	const struct lade_job *job = going->run->job;
	bool again;
	int status = try_once(going, &again);

	for (unsigned retry = 1; again && retry <= job->retries && !going->run->watch->stopped; retry++) {
		const uint64_t wait = lade_job_retry_wait(job->retry_wait, retry, randombytes_random());

		lade_job_say(job, "it failed with status %d; the next try, %u of %u, is in %llu s", status, retry + 1, job->retries + 1, (unsigned long long)wait);
		if (lade_job_watch_sleep(going->run->watch, wait))
			return LADE_REPOSITORY_INTERRUPTED;
		status = try_once(going, &again);
	}
	return status;
}

/* ---- the whole ---- */

static void remember(const struct going *going)
{
	struct lade_fault fault;

	if (lade_job_state_put(going->run->state_fd, going->run->job->name, &going->report.state, &fault))
		say_fault(going->run->job, &fault);
}

static void work(struct going *going)
{
	const struct lade_job *job = going->run->job;

	if (run_hook(going, "before", job->before)) {
		going->status = going->run->watch->stopped ? LADE_REPOSITORY_INTERRUPTED : LADE_REPOSITORY_ERROR;
		return;
	}
	going->status = going->run->watch->stopped ? LADE_REPOSITORY_INTERRUPTED : try_all(going);
	if (run_hook(going, "after", job->after))
		going->status = lade_job_worse(going->status, LADE_REPOSITORY_ERROR);
}

static void finish(struct going *going)
{
	const struct lade_job *job = going->run->job;
	struct timespec now;
	struct lade_fault fault;

	if (going->status)
		(void)run_hook(going, "on failure", job->on_failure);
	clock_gettime(CLOCK_MONOTONIC, &now);
	going->report.seconds = (double)(now.tv_sec - going->begun.tv_sec) + (double)(now.tv_nsec - going->begun.tv_nsec) / 1e9;
	going->report.state.has_status = true;
	going->report.state.status = going->status;
	if (going->backed_up) {
		going->report.state.success_start = going->report.state.start;
		going->report.state.success = (int64_t)time(NULL);
	}
	remember(going);
	if (job->metrics && lade_job_metrics_put(job->metrics, job->name, &going->report, &fault))
		say_fault(job, &fault);
}

/* The lock is ours. */
static int run_locked(struct going *going)
{
	const struct lade_job_run *run = going->run;
	const int64_t now = (int64_t)time(NULL);
	struct lade_fault fault;
	int64_t due;

	/* Another run may have ended since somebody looked. */
	if (lade_job_state_get(run->state_fd, run->job->name, &going->report.state, &fault))
		say_fault(run->job, &fault);
	if (run->due && (!lade_job_due(&run->job->schedule, now, going->report.state.success_start, &due) || due > now))
		return LADE_REPOSITORY_OK;
	if (run->due && lade_job_watch_sleep(run->watch, lade_job_jitter(run->job->jitter, randombytes_random())))
		return LADE_REPOSITORY_INTERRUPTED;
	clock_gettime(CLOCK_MONOTONIC, &going->begun);
	/* From when it was due to begin: jitter does not add up. */
	going->report.state.start = now;
	remember(going);
	work(going);
	finish(going);
	return going->status;
}

int lade_job_run(const struct lade_job_run *run)
{
	struct going going = { .run = run, .status = LADE_REPOSITORY_OK };
	struct lade_job_holder holder = { 0 };
	struct lade_fault fault;
	int lock = -1, status, error = lade_job_lock(run->state_fd, run->job->name, &lock, &holder, &fault);

	if (error == LADE_E_AGAIN) {
		if (run->due)
			return LADE_REPOSITORY_OK;
		if (holder.pid)
			lade_job_say(run->job, "it is running already, as process %ld", (long)holder.pid);
		else
			lade_job_say(run->job, "it is running already");
		return LADE_REPOSITORY_BUSY;
	}
	if (error) {
		say_fault(run->job, &fault);
		return LADE_REPOSITORY_ERROR;
	}
	status = run_locked(&going);
	close(lock);
	return status;
}
