/*
 * Visits: their places, their processes and their end.
 */
#include "agent/daemon/monitor_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/locked_memory.h"
#include "agent/tree/landlock.h"
#include "protocol/exit_status.h"
#include "transport/clock.h"

void lade_config_release(struct shared_config *shared)
{
	if (!shared || --shared->users)
		return;
	lade_tls_context_free(shared->tls);
	lade_key_free(shared->key);
	lade_daemon_config_free(shared->config);
	free(shared);
}

struct visit *lade_visit_new(struct monitor *monitor)
{
	for (unsigned i = 0; i < monitor->visit_max; i++) {
		struct visit *visit = &monitor->visits[i];

		if (visit->stage != VISIT_FREE)
			continue;
		if (i >= monitor->visit_used)
			monitor->visit_used = i + 1;
		memset(visit, 0, sizeof(*visit));
		visit->fd = visit->channel = -1;
		visit->refusal = LADE_REFUSAL_COUNT;
		visit->number = ++monitor->next_number;
		visit->started_ms = lade_clock_ms();
		visit->shared = monitor->shared;
		visit->shared->users++;
		return visit;
	}
	return NULL;
}

void lade_visit_free(struct visit *visit)
{
	if (visit->fd >= 0)
		close(visit->fd);
	if (visit->channel >= 0)
		close(visit->channel);
	lade_locked_memory_free(visit->secret, sizeof(*visit->secret));
	visit->secret = NULL;
	lade_config_release(visit->shared);
	visit->shared = NULL;
	visit->stage = VISIT_FREE;
}

void lade_visit_complain(struct monitor *monitor, struct visit *visit, int priority, const char *what)
{
	if (visit->has_complained) {
		lade_visit_kill(visit);
		return;
	}
	visit->has_complained = true;
	lade_daemon_log_line(monitor->log, priority, "%s of %s: %s", what, visit->peer, monitor->message->complaint.text);
}

/* Kill a process with all that it has started: each has a group of its own, which it may not have made yet. 0: none. */
static void kill_group(pid_t pid)
{
	if (pid) {
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL);
	}
}

void lade_visit_kill(struct visit *visit)
{
	visit->killed = true;
	kill_group(visit->pid);
	kill_group(visit->helper);
}

int lade_visit_fork(struct visit *visit, struct lade_fault *fault)
{
	int ends[2];
	pid_t pid;

	if (lade_channel_pair(ends, fault))
		return LADE_E_SYSTEM;
	pid = fork();
	if (pid < 0) {
		lade_fault_set(fault, LADE_E_SYSTEM, "fork", NULL);
		close(ends[0]);
		close(ends[1]);
		return LADE_E_SYSTEM;
	}
	if (visit->channel >= 0)
		close(visit->channel);
	visit->channel = ends[pid == 0];
	close(ends[pid != 0]);
	visit->pid = pid;
	visit->has_complained = false;
	if (pid == 0)
		lade_monitor_become_child((int *[]){ &visit->channel, &visit->fd }, 2);
	return pid != 0;
}

void lade_monitor_become_child(int *keep[], int count)
{
	/* What ends the daemon from its terminal is not meant for the visit: the monitor says how it ends. */
	(void)setpgid(0, 0);
	if (lade_privileges_keep(keep, count, NULL))
		_exit(LADE_EXIT_IPC);
	/* All that was set for the monitor. */
	lade_privileges_reset_signals();
	(void)signal(SIGPIPE, SIG_IGN);
	lade_privileges_harden();
}

int lade_monitor_give_up_rights(const struct monitor *monitor, struct lade_fault *fault)
{
	struct lade_privileges stranger = monitor->stranger;
	int error;

	stranger.group_count = 0;
	error = lade_privileges_drop(&stranger, fault);
	if (!error && lade_landlock_confine(NULL, 0, fault) < 0)
		error = fault->code;
	return error;
}
