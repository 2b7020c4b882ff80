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
#include "agent/sync/sync.h"

/* How long a hook may take. */
#define HOOK_MS (5 * 60 * 1000)

/* The worker gets the keys through its channel: they are in no memory that is inherited. */
static void start_worker(struct monitor *monitor, struct visit *visit)
{
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
	/* From now on it is the worker's alone: when that ends, the peer sees it. */
	close(visit->fd);
	visit->fd = -1;
	if (forked < 0) {
		lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
		lade_visit_kill(visit);
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
	visit->deadline_ms = lade_monitor_now_ms() + HOOK_MS;
	return true;
}

static void refuse(struct visit *visit, const char *reason)
{
	visit->refused = true;
	snprintf(visit->reason, sizeof(visit->reason), "%s", reason);
}

void lade_monitor_begin_session(struct monitor *monitor, struct visit *visit)
{
	struct lade_hook_environment environment;

	visit->stage = VISIT_BEFORE;
	visit->deadline_ms = 0;
	if (visit->module->before) {
		describe(visit, &environment);
		if (start_hook(monitor, visit, visit->module->before, &environment))
			return;
		refuse(visit, "the server's hook could not be run");
	}
	/* The greeter is about to end by itself; it has no part in this any more. */
	start_worker(monitor, visit);
}

/* True if a hook has ended well. */
static bool went_well(struct monitor *monitor, const struct visit *visit, const char *command, int how)
{
	if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
		return true;
	if (WIFSIGNALED(how))
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

void lade_monitor_hear_worker(struct monitor *monitor, struct visit *visit)
{
	switch (monitor->message->type) {
	case LADE_CHANNEL_PROGRESS:
		visit->progress = monitor->message->progress;
		break;
	case LADE_CHANNEL_RESULT:
		visit->result = monitor->message->result;
		visit->progress = visit->result.last;
		visit->has_result = true;
		break;
	case LADE_CHANNEL_TAKEN:
		visit->joining -= visit->joining > 0;
		if (!monitor->message->taken.good)
			lade_daemon_log_line(monitor->log, LOG_NOTICE, "session %llu of %s: somebody else wanted to join it",
					     (unsigned long long)visit->number, visit->peer);
		break;
	case LADE_CHANNEL_COMPLAINT:
		lade_daemon_log_line(monitor->log, LOG_ERR, "session %llu of %s: %s", (unsigned long long)visit->number, visit->peer,
				     monitor->message->complaint.text);
		break;
	default:
		lade_visit_kill(visit);
		break;
	}
}

void lade_monitor_session_ended(struct monitor *monitor, struct visit *visit)
{
	struct lade_hook_environment environment;
	struct lade_session_facts facts;

	lade_session_facts_of(visit, &facts);
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
