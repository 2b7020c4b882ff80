/*
 * The loop of the monitor: connections, words of its processes, signals, deadlines. Nothing in it waits for anybody.
 */
#include "agent/daemon/monitor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/greeter.h"
#include "agent/daemon/monitor_internal.h"
#include "agent/daemon/status_socket.h"
#include "agent/locked_memory.h"
#include "agent/sync/descriptor_limit.h"
#include "protocol/exit_status.h"
#include "transport/clock.h"

/* Pause after an accept that failed for want of descriptors or memory. */
#define ACCEPT_PAUSE_MS 200

/* What sessions get between being told to end and being killed. */
#define ABORT_MS 5000

/* What logins get when it stops. */
#define LOGIN_STOP_MS 2000

/* Connections that are taken before the others are looked at again. */
#define ACCEPTS_MAX 64

/* ---- starting ---- */

static int take_signals(struct monitor *monitor, struct lade_fault *fault)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &ours, NULL) == 0)
		monitor->signal_fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	return monitor->signal_fd < 0 ? lade_fault_set(fault, LADE_E_SYSTEM, "wait for signals", NULL) : 0;
}

static int start(struct monitor *monitor, struct lade_fault *fault)
{
	struct timespec now;
	int error;

	/* Each connection takes two while it logs in, one later. */
	lade_descriptor_limit_raise(ULONG_MAX);
	clock_gettime(CLOCK_REALTIME, &now);
	monitor->metrics.start_time = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	monitor->started_ms = lade_clock_ms();
	monitor->pid = getpid();
	monitor->message = lade_locked_memory_new(sizeof(*monitor->message), false);
	if (!monitor->message)
		return lade_fault_set(fault, LADE_E_MEMORY, "start the daemon", NULL);
	/* First: whoever sees that it listens may send signals. */
	error = take_signals(monitor, fault);
	if (error)
		return error;
	lade_notify_init(&monitor->notify, monitor->started_ms);
	error = lade_monitor_configure(monitor, fault);
	if (!error)
		lade_notify_ready();
	return error;
}

/* ---- words and ends of processes ---- */

/* One datagram of a process. False: no more can be heard now. */
static bool hear(struct monitor *monitor, struct visit *visit)
{
	struct lade_fault fault;
	int error = lade_channel_receive(visit->channel, monitor->message, &fault);

	if (error == LADE_E_AGAIN)
		return false;
	if (error) {
		/* It ends, or is made to: the rest follows when it is reaped. */
		close(visit->channel);
		visit->channel = -1;
		if (error != LADE_E_CLOSED)
			lade_visit_kill(visit);
		return false;
	}
	if (visit->stage == VISIT_SESSION)
		lade_monitor_hear_worker(monitor, visit);
	else
		lade_monitor_hear_greeter(monitor, visit);
	return true;
}

/* If nothing runs for a visit any more, it ends as what it has become. */
static void end_if_over(struct monitor *monitor, struct visit *visit)
{
	if (visit->stage == VISIT_FREE || visit->pid || visit->helper)
		return;
	if (visit->stage == VISIT_SESSION)
		lade_monitor_session_ended(monitor, visit);
	else
		lade_monitor_login_ended(monitor, visit);
}

/* The greeter or the worker has ended. What it said last may be unread, and by that the visit may go on with another one. */
static void process_ended(struct monitor *monitor, struct visit *visit, int how)
{
	visit->pid = 0;
	visit->how = how;
	while (!visit->pid && visit->channel >= 0 && hear(monitor, visit))
		;
}

/* The checker or the hook has ended. */
static void helper_ended(struct monitor *monitor, struct visit *visit, int how)
{
	visit->helper = 0;
	if (visit->checking)
		lade_monitor_checked(monitor, visit, how);
	else
		lade_monitor_hook_ended(monitor, visit, how);
}

/* A process has ended: whose was it? */
static void reaped(struct monitor *monitor, pid_t pid, int how)
{
	for (unsigned i = 0; i < monitor->visit_used; i++) {
		struct visit *visit = &monitor->visits[i];

		if (visit->stage == VISIT_FREE || (visit->helper != pid && visit->pid != pid))
			continue;
		if (visit->helper == pid)
			helper_ended(monitor, visit, how);
		else
			process_ended(monitor, visit, how);
		end_if_over(monitor, visit);
		return;
	}
}

static void reap(struct monitor *monitor)
{
	pid_t pid;
	int how;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
		if (!lade_monitor_answered(monitor, pid))
			reaped(monitor, pid, how);
	lade_monitor_start_checkers(monitor);
}

/* ---- signals ---- */

/* Have the logins end soon: they get no session any more, but those that are about to ask for one are told why. */
static void hurry_logins(struct monitor *monitor)
{
	int64_t deadline_ms = lade_clock_ms() + LOGIN_STOP_MS;

	for (unsigned i = 0; i < monitor->visit_used; i++) {
		struct visit *visit = &monitor->visits[i];

		if ((visit->stage == VISIT_LOGIN || visit->stage == VISIT_CHECK) && visit->deadline_ms > deadline_ms)
			visit->deadline_ms = deadline_ms;
	}
}

/* No more connections; sessions have the time of the configuration to end. Told so once more, the time is over. */
static void begin_stop(struct monitor *monitor)
{
	struct lade_metrics_now now;

	if (monitor->stop_ms) {
		lade_daemon_log_line(monitor->log, LOG_NOTICE, "stopping at once");
		monitor->stop_ms = lade_clock_ms();
		return;
	}
	lade_monitor_count(monitor, &now);
	lade_daemon_log_line(monitor->log, LOG_INFO, "stopping: %u sessions have %u s to end", now.sessions, monitor->shared->config->stop_timeout);
	lade_notify_stopping();
	lade_listening_close(&monitor->listening);
	hurry_logins(monitor);
	monitor->stop_ms = lade_clock_ms() + (int64_t)monitor->shared->config->stop_timeout * 1000;
}

/* Read the configuration anew. If it is wrong, all stays as it is. Sessions keep the one that they began with. */
static void reload(struct monitor *monitor)
{
	struct lade_fault fault;

	if (monitor->stop_ms)
		return;
	lade_notify_reloading();
	if (lade_monitor_configure(monitor, &fault)) {
		monitor->metrics.reload_failures++;
		lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
		lade_daemon_log_line(monitor->log, LOG_ERR, "the configuration stays as it was");
	} else {
		monitor->metrics.reloads++;
		lade_daemon_log_line(monitor->log, LOG_INFO, "read %s again", monitor->config_file);
	}
	lade_notify_ready();
}

static void take_signal(struct monitor *monitor)
{
	struct signalfd_siginfo info;

	while (read(monitor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(monitor);
			break;
		case SIGHUP:
			reload(monitor);
			break;
		default:
			begin_stop(monitor);
			break;
		}
	}
}

/* ---- connections and channels ---- */

/* Take what waits at a listener, for one of the ways in which that goes on. */
static void accept_some(struct monitor *monitor, struct lade_listener *listener, void (*take)(struct monitor *monitor, int fd))
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct lade_fault fault;
		int fd, error = lade_listener_accept(listener, 0, NULL, &fd, &fault);

		if (error == LADE_E_AGAIN)
			return;
		if (error) {
			if (!monitor->accept_fails)
				lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
			monitor->accept_fails = true;
			monitor->accept_again_ms = lade_clock_ms() + ACCEPT_PAUSE_MS;
			return;
		}
		monitor->accept_fails = false;
		take(monitor, fd);
	}
}

static void take_peer(struct monitor *monitor, int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	if (getpeername(fd, (struct sockaddr *)&address, &len))
		close(fd);
	else
		lade_monitor_welcome(monitor, fd, &address);
}

static void take_scraper(struct monitor *monitor, int fd)
{
	lade_monitor_answer(monitor, fd, true);
}

static void take_looker(struct monitor *monitor, int fd)
{
	lade_monitor_answer(monitor, fd, false);
}

/* Somebody waits at the listener with that descriptor; a reload may have closed it meanwhile. */
static void accept_at(struct monitor *monitor, int fd)
{
	if (fd == monitor->status.fd)
		accept_some(monitor, &monitor->status, take_looker);
	for (unsigned i = 0; i < monitor->listening.count; i++) {
		struct lade_listening_place *place = &monitor->listening.places[i];

		if (place->listener.fd == fd) {
			accept_some(monitor, &place->listener, place->metrics ? take_scraper : take_peer);
			return;
		}
	}
}

static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

/* Kill what a visit has run for too long. Returns when that is to be looked at next. */
static int64_t keep_time_of(struct monitor *monitor, struct visit *visit, int64_t now_ms)
{
	if (visit->stage == VISIT_FREE || !visit->deadline_ms)
		return INT64_MAX;
	if (visit->deadline_ms > now_ms)
		return visit->deadline_ms;
	if (visit->stage == VISIT_LOGIN || visit->stage == VISIT_CHECK) {
		lade_daemon_log_line(monitor->log, LOG_NOTICE, "login of %s: ended: it took too long", visit->peer);
		visit->refusal = monitor->stop_ms ? LADE_REFUSAL_STOPPING : LADE_REFUSAL_TIMEOUT;
	}
	visit->overdue = true;
	visit->deadline_ms = 0;
	lade_visit_kill(visit);
	return INT64_MAX;
}

/* Do what is due. Returns milliseconds until something is again, or -1. */
static int keep_time(struct monitor *monitor)
{
	int64_t now_ms = lade_clock_ms(), next_ms = lade_monitor_time_answers(monitor, now_ms);
	struct lade_metrics_now now;

	if (monitor->accept_again_ms <= now_ms)
		monitor->accept_again_ms = 0;
	if (monitor->accept_again_ms)
		next_ms = sooner(next_ms, monitor->accept_again_ms);
	if (monitor->stop_ms)
		next_ms = sooner(next_ms, monitor->stop_ms);
	for (unsigned i = 0; i < monitor->visit_used; i++)
		next_ms = sooner(next_ms, keep_time_of(monitor, &monitor->visits[i], now_ms));
	lade_monitor_count(monitor, &now);
	next_ms = sooner(next_ms, lade_notify_turn(&monitor->notify, now_ms, now.sessions, now.logins));
	if (next_ms == INT64_MAX)
		return -1;
	return next_ms > now_ms ? (int)sooner(next_ms - now_ms, 60000) : 0;
}

/* Stopping: tell the sessions to end when their time is over, then make them. */
static void cut_off(struct monitor *monitor)
{
	if (!monitor->stop_ms || lade_clock_ms() < monitor->stop_ms)
		return;
	for (unsigned i = 0; i < monitor->visit_used; i++) {
		struct visit *visit = &monitor->visits[i];

		if (visit->stage == VISIT_SESSION && visit->pid && !monitor->cut_off)
			(void)kill(visit->pid, SIGTERM);
		else if (visit->stage != VISIT_FREE)
			lade_visit_kill(visit);
	}
	monitor->cut_off = true;
	monitor->stop_ms = lade_clock_ms() + ABORT_MS;
}

/* Places at the end that have become free need no look any more. */
static void forget_free(struct monitor *monitor)
{
	while (monitor->visit_used && monitor->visits[monitor->visit_used - 1].stage == VISIT_FREE)
		monitor->visit_used--;
}

/* What is waited for: signals, then *listeners_out listeners, then channels. Returns how many. */
static nfds_t fill_polls(const struct monitor *monitor, struct pollfd *polls, nfds_t *listeners_out)
{
	nfds_t count = 0;

	polls[count++] = (struct pollfd){ .fd = monitor->signal_fd, .events = POLLIN };
	for (unsigned i = 0; i < monitor->listening.count && !monitor->accept_again_ms; i++)
		polls[count++] = (struct pollfd){ .fd = monitor->listening.places[i].listener.fd, .events = POLLIN };
	/* Also while it stops: what it waits for is worth a look. */
	if (!monitor->accept_again_ms)
		polls[count++] = (struct pollfd){ .fd = monitor->status.fd, .events = POLLIN };
	*listeners_out = count - 1;
	for (unsigned i = 0; i < monitor->visit_used; i++)
		if (monitor->visits[i].stage != VISIT_FREE && monitor->visits[i].channel >= 0)
			polls[count++] = (struct pollfd){ .fd = monitor->visits[i].channel, .events = POLLIN };
	return count;
}

static struct visit *visit_of(struct monitor *monitor, int channel)
{
	for (unsigned i = 0; i < monitor->visit_used; i++)
		if (monitor->visits[i].stage != VISIT_FREE && monitor->visits[i].channel == channel)
			return &monitor->visits[i];
	return NULL;
}

/* Act on what came. Words before ends: what a process said last is heard before it is reaped. */
static void act(struct monitor *monitor, const struct pollfd *polls, nfds_t count, nfds_t listeners)
{
	for (nfds_t i = 1 + listeners; i < count; i++) {
		struct visit *visit = polls[i].revents ? visit_of(monitor, polls[i].fd) : NULL;

		if (visit)
			(void)hear(monitor, visit);
	}
	if (polls[0].revents)
		take_signal(monitor);
	for (nfds_t i = 1; i <= listeners; i++)
		if (polls[i].revents)
			accept_at(monitor, polls[i].fd);
}

static int loop(struct monitor *monitor, struct lade_fault *fault)
{
	struct pollfd *polls = NULL;
	size_t room = 0;

	while (!monitor->stop_ms || monitor->visit_used) {
		size_t wanted = 2 + monitor->listening.count + monitor->visit_max;
		nfds_t count, listeners;
		int wait_ms, ready;

		if (wanted > room) {
			free(polls);
			polls = calloc(wanted, sizeof(*polls));
			room = wanted;
		}
		if (!polls)
			return lade_fault_set(fault, LADE_E_MEMORY, "wait for connections", NULL);
		wait_ms = keep_time(monitor);
		count = fill_polls(monitor, polls, &listeners);
		ready = poll(polls, count, wait_ms);
		if (ready < 0 && errno != EINTR) {
			free(polls);
			return lade_fault_set(fault, LADE_E_SYSTEM, "wait for connections", NULL);
		}
		if (ready > 0)
			act(monitor, polls, count, listeners);
		cut_off(monitor);
		forget_free(monitor);
	}
	free(polls);
	return 0;
}

static void finish(struct monitor *monitor)
{
	lade_listening_close(&monitor->listening);
	lade_status_socket_close(&monitor->status);
	free(monitor->visits);
	lade_metrics_fini(&monitor->metrics);
	lade_config_release(monitor->shared);
	lade_locked_memory_free(monitor->message, sizeof(*monitor->message));
	lade_daemon_log_close(monitor->log);
	if (monitor->signal_fd >= 0)
		close(monitor->signal_fd);
}

int lade_monitor_run(const char *file, struct lade_complaint *complaint)
{
	struct monitor monitor = { .config_file = file, .signal_fd = -1, .status.fd = -1 };
	struct lade_fault fault;
	int error = start(&monitor, &fault);

	if (!error)
		error = loop(&monitor, &fault);
	if (error)
		lade_complain_fault(complaint, error == LADE_E_USAGE ? LADE_EXIT_USAGE : LADE_EXIT_SOCKET, &fault);
	finish(&monitor);
	return error ? complaint->exit_status : LADE_EXIT_OK;
}
