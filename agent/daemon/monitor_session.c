/*
 * Sessions: hooks, the worker, and what is said about it in the log.
 */
#include "agent/daemon/monitor_internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/daemon/hook.h"
#include "agent/daemon/session_line.h"
#include "agent/daemon/worker.h"
#include "agent/locked_memory.h"
#include "protocol/exit_status.h"
#include "transport/clock.h"

/* How long a hook may take. */
#define HOOK_MS (5 * 60 * 1000)

/* The worker gets the keys through its channel: they are in no memory that is inherited. */
static void start_worker(struct monitor *monitor, struct visit *visit)
{
	struct lade_module_metrics *row;
	struct lade_fault fault;
	int forked = lade_visit_fork(visit, &fault);

	if (forked == 0)
		_exit(lade_worker_run(monitor, visit));
	if (forked > 0)
		forked = lade_channel_send(visit->channel, visit->secret, &fault);
	lade_locked_memory_free(visit->secret, sizeof(*visit->secret));
	visit->secret = NULL;
	visit->stage = VISIT_SESSION;
	visit->deadline_ms = 0;
	visit->heard_ms = lade_clock_ms();
	row = lade_metrics_module(&monitor->metrics, visit->module->name);
	if (row)
		row->started++;
	/* From now on it is the worker's alone: when that ends, the peer sees it. */
	close(visit->fd);
	visit->fd = -1;
	if (forked < 0) {
		lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
		lade_visit_kill(visit);
		/* As wait(2) has it; if there is no worker, nothing else will say how it ended. */
		visit->how = LADE_EXIT_IPC << 8;
	}
}

static void describe(const struct visit *visit, struct lade_hook_environment *environment)
{
	environment->len = environment->count = 0;
	lade_hook_set(environment, "LADE_SESSION", "%llu", (unsigned long long)visit->number);
	lade_hook_set(environment, "LADE_MODULE", "%s", visit->module->name);
	lade_hook_set(environment, "LADE_PATH", "%s", visit->module->path);
	lade_hook_set(environment, "LADE_ADDRESS", "%s", visit->host);
	lade_hook_set(environment, "LADE_IDENTITY", "%s", visit->identity);
}

/* Start a hook, as whose helper. False if that failed. */
static bool start_hook(struct monitor *monitor, struct visit *visit, const char *command, struct lade_hook_environment *environment)
{
	struct lade_fault fault;

	if (lade_hook_start(command, environment, &visit->helper, &fault)) {
		visit->helper = 0;
		lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
		return false;
	}
	visit->deadline_ms = lade_clock_ms() + HOOK_MS;
	visit->overdue = false;
	return true;
}

static void refuse(struct visit *visit, const char *reason)
{
	visit->refused = true;
	snprintf(visit->reason, sizeof(visit->reason), "%s", reason);
}

/* The greeter has no part in this any more, and nobody will look at its time: if it does not end by itself, it ends now. */
static void dismiss_greeter(struct visit *visit)
{
	if (visit->pid)
		(void)kill(visit->pid, SIGKILL);
	close(visit->channel);
	visit->channel = -1;
}

void lade_monitor_begin_session(struct monitor *monitor, struct visit *visit)
{
	struct lade_hook_environment environment;

	dismiss_greeter(visit);
	visit->stage = VISIT_BEFORE;
	visit->deadline_ms = 0;
	if (visit->module->before) {
		describe(visit, &environment);
		if (start_hook(monitor, visit, visit->module->before, &environment))
			return;
		refuse(visit, "the server's hook could not be run");
	}
	start_worker(monitor, visit);
}

/* True if a hook has ended well. */
static bool went_well(struct monitor *monitor, const struct visit *visit, const char *command, int how)
{
	if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
		return true;
	if (visit->overdue)
		lade_daemon_log_line(monitor->log, LOG_ERR, "hook '%s' for %s: killed after %d s", command, visit->peer, HOOK_MS / 1000);
	else if (WIFSIGNALED(how))
		lade_daemon_log_line(monitor->log, LOG_ERR, "hook '%s' for %s: killed by signal %d", command, visit->peer, WTERMSIG(how));
	else
		lade_daemon_log_line(monitor->log, LOG_ERR, "hook '%s' for %s: exit status %d", command, visit->peer, WEXITSTATUS(how));
	return false;
}

void lade_monitor_hook_ended(struct monitor *monitor, struct visit *visit, int how)
{
	if (visit->stage == VISIT_BEFORE) {
		if (!went_well(monitor, visit, visit->module->before, how))
			refuse(visit, "the server's hook for this module refused the session");
		start_worker(monitor, visit);
	} else {
		(void)went_well(monitor, visit, visit->module->after, how);
		lade_visit_free(visit);
	}
}

/* How much more it is; a worker that counts backwards is not believed. */
static uint64_t growth(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* A worker has said how far it is. */
static void take_progress(struct monitor *monitor, struct visit *visit, const struct lade_channel_progress *progress)
{
	struct lade_module_metrics *row = lade_metrics_module(&monitor->metrics, visit->module->name);
	const struct lade_channel_progress *before = &visit->counted;
	uint64_t in = growth(before->received, progress->received), out = growth(before->sent, progress->sent);
	uint64_t files = growth(before->files_done, progress->files_done);
	int64_t now_ms = lade_clock_ms();

	if (row) {
		row->bytes_in += in;
		row->bytes_out += out;
		row->files += files;
	}
	if (now_ms > visit->heard_ms)
		visit->rate = (uint64_t)((double)(in + out) * 1000 / (double)(now_ms - visit->heard_ms));
	visit->heard_ms = now_ms;
	visit->progress = *progress;
	visit->counted.received += in;
	visit->counted.sent += out;
	visit->counted.files_done += files;
}

void lade_monitor_hear_worker(struct monitor *monitor, struct visit *visit)
{
	char what[64];

	switch (monitor->message->type) {
	case LADE_CHANNEL_PROGRESS:
		take_progress(monitor, visit, &monitor->message->progress);
		break;
	case LADE_CHANNEL_RESULT:
		visit->result = monitor->message->result;
		take_progress(monitor, visit, &visit->result.last);
		visit->has_result = true;
		break;
	case LADE_CHANNEL_TAKEN:
		/* Each that it was given, once: more would fill the log. */
		if (!visit->joining) {
			lade_visit_kill(visit);
			break;
		}
		visit->joining--;
		if (!monitor->message->taken.good)
			lade_daemon_log_line(monitor->log, LOG_NOTICE, "session %llu of %s: somebody else wanted to join it",
					     (unsigned long long)visit->number, visit->peer);
		break;
	case LADE_CHANNEL_COMPLAINT:
		snprintf(what, sizeof(what), "session %llu", (unsigned long long)visit->number);
		lade_visit_complain(monitor, visit, LOG_ERR, what);
		break;
	default:
		lade_visit_kill(visit);
		break;
	}
}

static void count_end(struct monitor *monitor, const struct visit *visit, const struct lade_session_facts *facts)
{
	struct lade_module_metrics *row = lade_metrics_module(&monitor->metrics, visit->module->name);

	if (!row)
		return;
	row->ended[lade_metrics_outcome(facts->status, visit->refused)]++;
	row->seconds += facts->seconds;
}

void lade_monitor_session_ended(struct monitor *monitor, struct visit *visit)
{
	struct lade_hook_environment environment;
	struct lade_session_facts facts;

	lade_session_facts_of(visit, &facts);
	count_end(monitor, visit, &facts);
	lade_session_line(monitor->log, visit->shared->config->log_format, &facts);
	if (visit->module->after) {
		describe(visit, &environment);
		lade_hook_set(&environment, "LADE_EXIT_STATUS", "%d", facts.status);
		lade_hook_set(&environment, "LADE_ACTION", "%s", facts.action);
		lade_hook_set(&environment, "LADE_FILES", "%llu", (unsigned long long)facts.files);
		lade_hook_set(&environment, "LADE_BYTES_IN", "%llu", (unsigned long long)facts.bytes_in);
		lade_hook_set(&environment, "LADE_BYTES_OUT", "%llu", (unsigned long long)facts.bytes_out);
		lade_hook_set(&environment, "LADE_SECONDS", "%.3f", facts.seconds);
		visit->stage = VISIT_AFTER;
		if (start_hook(monitor, visit, visit->module->after, &environment))
			return;
	}
	lade_visit_free(visit);
}
