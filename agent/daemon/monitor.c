/*
 * The loop of the monitor: connections, words of its processes, signals, deadlines. Nothing in it waits for anybody.
 */
#include "agent/daemon/monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/greeter.h"
#include "agent/daemon/monitor_internal.h"
#include "agent/fingerprint.h"
#include "agent/key.h"
#include "agent/screen.h"
#include "agent/locked_memory.h"
#include "agent/sync/sync.h"

/* Pause after an accept that failed for want of descriptors or memory. */
#define ACCEPT_PAUSE_MS 200

/* What sessions get between being told to end and being killed. */
#define ABORT_MS 5000

/* Connections that are taken before the others are looked at again. */
#define ACCEPTS_MAX 64

int64_t lade_monitor_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- starting ---- */

struct reporting {
	const char *file;
	unsigned count;
	struct lade_daemon_log *log; /* NULL: the screen */
};

static void report_config(void *context, const struct lade_config_error *error)
{
	struct reporting *reporting = context;
	char text[LADE_COMPLAINT_SIZE];

	if (error->line)
		snprintf(text, sizeof(text), "%s:%u: %s", reporting->file, error->line, error->text);
	else
		snprintf(text, sizeof(text), "%s: %s", reporting->file, error->text);
	reporting->count++;
	if (reporting->log)
		lade_daemon_log_line(reporting->log, LOG_ERR, "%s", text);
	else
		lade_screen_print(stderr, text);
}

/* Read the configuration, whose faults are told one by one. */
static int read_config(const char *file, struct lade_daemon_log *log, struct shared_config **shared_out, struct lade_fault *fault)
{
	struct reporting reporting = { .file = file, .log = log };
	struct shared_config *shared = calloc(1, sizeof(*shared));
	int error;

	if (!shared)
		return lade_fault_set(fault, LADE_E_MEMORY, "read", file);
	error = lade_daemon_config_read(file, report_config, &reporting, &shared->config, fault);
	if (error) {
		free(shared);
		if (error == LADE_E_USAGE)
			lade_fault_set(fault, LADE_E_USAGE, "read the configuration", file);
		return error;
	}
	shared->users = 1;
	*shared_out = shared;
	return 0;
}

static int open_listeners(struct monitor *monitor, struct lade_fault *fault)
{
	const struct lade_daemon_config *config = monitor->shared->config;
	int error = 0;

	monitor->listeners = calloc(config->listen_count, sizeof(*monitor->listeners));
	if (!monitor->listeners)
		return lade_fault_set(fault, LADE_E_MEMORY, "listen", NULL);
	for (unsigned i = 0; i < config->listen_count && !error; i++) {
		struct lade_listener_address address;

		error = lade_listener_parse(config->listen[i], &address);
		if (error)
			return lade_fault_set(fault, error, "listen on", config->listen[i]);
		error = lade_listener_open(&monitor->listeners[i], &address, false, fault);
		monitor->listener_count += !error;
	}
	return error;
}

/* Make what the greeters' handshakes need, while files can be read and the host key is at hand. */
static int prepare_tls(struct monitor *monitor, struct shared_config *shared, struct lade_fault *fault)
{
	struct lade_tls_setup setup = {
		.server = true, .signer = &monitor->asking_signer, .certificate_file = shared->config->certificate, .ca_file = shared->config->ca,
	};
	uint8_t certificate[LADE_TLS_CERTIFICATE_MAX];
	int error = 0;

	if (!setup.certificate_file) {
		error = lade_tls_self_sign(&monitor->signer, certificate, &setup.certificate_len, fault);
		setup.certificate = certificate;
	}
	return error ? error : lade_tls_context_new(&setup, &shared->tls, fault);
}

static int load_key(struct monitor *monitor, struct lade_fault *fault)
{
	char text[LADE_FINGERPRINT_TEXT_SIZE];
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	bool made;
	int error = lade_key_obtain(monitor->shared->config->host_key, &monitor->key, &made, fault);

	if (error)
		return error;
	lade_key_signer(monitor->key, &monitor->signer);
	monitor->asking_signer = (struct lade_tls_signer){ .sign = lade_greeter_sign, .context = &monitor->greeter_channel };
	memcpy(monitor->asking_signer.public_key, monitor->signer.public_key, sizeof(monitor->signer.public_key));
	lade_tls_fingerprint(monitor->signer.public_key, fingerprint);
	lade_fingerprint_show(fingerprint, text);
	lade_daemon_log_line(monitor->log, LOG_INFO, "%s host key %s", made ? "made the" : "the", text);
	return 0;
}

/* Places for as many as may be at once. More come with a new configuration, none go. */
static int make_places(struct monitor *monitor, struct lade_fault *fault)
{
	const struct lade_daemon_config *config = monitor->shared->config;
	/* Those whose hook runs behind the session are not counted: room for them. */
	unsigned wanted = config->max_logins + 2 * config->max_connections;
	struct visit *visits;

	if (wanted <= monitor->visit_max)
		return 0;
	visits = realloc(monitor->visits, wanted * sizeof(*visits));
	if (!visits)
		return lade_fault_set(fault, LADE_E_MEMORY, "make places for sessions", NULL);
	memset(visits + monitor->visit_max, 0, (wanted - monitor->visit_max) * sizeof(*visits));
	monitor->visits = visits;
	monitor->visit_max = wanted;
	return 0;
}

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

/* Each connection takes two descriptors while it logs in, one later. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Who the greeters are, and workers of modules that name nobody. */
static int find_stranger(struct monitor *monitor, struct lade_fault *fault)
{
	monitor->stranger.change = false;
	return geteuid() ? 0 : lade_privileges_find(monitor->shared->config->user, NULL, &monitor->stranger, fault);
}

static int start(struct monitor *monitor, struct lade_fault *fault)
{
	const struct lade_daemon_config *config;
	int error = read_config(monitor->config_file, NULL, &monitor->shared, fault);

	if (error)
		return error;
	raise_descriptors();
	config = monitor->shared->config;
	error = lade_daemon_log_open(config->log_journal, config->log_file, &monitor->log, fault);
	if (!error)
		error = find_stranger(monitor, fault);
	if (!error)
		error = load_key(monitor, fault);
	if (!error)
		error = prepare_tls(monitor, monitor->shared, fault);
	if (!error)
		error = make_places(monitor, fault);
	if (!error && !(monitor->message = lade_locked_memory_new(sizeof(*monitor->message), false)))
		error = lade_fault_set(fault, LADE_E_MEMORY, "start the daemon", NULL);
	if (!error)
		error = open_listeners(monitor, fault);
	return error ? error : take_signals(monitor, fault);
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

/* The greeter or the worker has ended. What it said last may be unread, and by that the visit may go on with another one. */
static void process_ended(struct monitor *monitor, struct visit *visit)
{
	while (!visit->pid && visit->channel >= 0 && hear(monitor, visit))
		;
	if (visit->pid || visit->helper)
		return;
	if (visit->stage == VISIT_SESSION)
		lade_monitor_session_ended(monitor, visit);
	else
		lade_visit_free(visit);
}

/* A process has ended: whose was it? */
static void reaped(struct monitor *monitor, pid_t pid, int how)
{
	for (unsigned i = 0; i < monitor->visit_max; i++) {
		struct visit *visit = &monitor->visits[i];

		if (visit->stage == VISIT_FREE)
			continue;
		if (visit->helper == pid) {
			visit->helper = 0;
			if (visit->checking)
				lade_monitor_checked(monitor, visit, how);
			else
				lade_monitor_hook_ended(monitor, visit, how);
			if (visit->stage != VISIT_FREE && !visit->pid && visit->stage != VISIT_AFTER && !visit->helper)
				lade_visit_free(visit);
			return;
		}
		if (visit->pid == pid) {
			visit->pid = 0;
			visit->how = how;
			process_ended(monitor, visit);
			return;
		}
	}
}

static void reap(struct monitor *monitor)
{
	pid_t pid;
	int how;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0)
		reaped(monitor, pid, how);
	lade_monitor_start_checkers(monitor);
}

/* ---- signals ---- */

/* No more connections; sessions have the time of the configuration to end. */
static void begin_stop(struct monitor *monitor)
{
	if (monitor->stop_ms)
		return;
	lade_daemon_log_line(monitor->log, LOG_INFO, "stopping");
	for (unsigned i = 0; i < monitor->listener_count; i++)
		lade_listener_close(&monitor->listeners[i]);
	monitor->listener_count = 0;
	monitor->stop_ms = lade_monitor_now_ms() + (int64_t)monitor->shared->config->stop_timeout * 1000;
}

/* Read the configuration anew. If it is wrong, the old one stays. Sessions keep the one that they began with. */
static void reload(struct monitor *monitor)
{
	struct shared_config *shared, *old = monitor->shared;
	struct lade_fault fault;
	int error;

	if (monitor->stop_ms)
		return;
	error = read_config(monitor->config_file, monitor->log, &shared, &fault);
	if (!error && prepare_tls(monitor, shared, &fault)) {
		error = fault.code;
		lade_config_release(shared);
	}
	if (error) {
		lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
		lade_daemon_log_line(monitor->log, LOG_ERR, "the configuration stays as it was");
		return;
	}
	monitor->shared = shared;
	lade_config_release(old);
	if (make_places(monitor, &fault) || find_stranger(monitor, &fault))
		lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
	lade_daemon_log_line(monitor->log, LOG_INFO, "read %s again", monitor->config_file);
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

static void accept_some(struct monitor *monitor, struct lade_listener *listener)
{
	struct sockaddr_storage address;

	for (int i = 0; i < ACCEPTS_MAX; i++) {
		socklen_t len = sizeof(address);
		struct lade_fault fault;
		int fd, error = lade_listener_accept(listener, 0, NULL, &fd, &fault);

		if (error == LADE_E_AGAIN)
			return;
		if (error) {
			if (!monitor->accept_again_ms)
				lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
			monitor->accept_again_ms = lade_monitor_now_ms() + ACCEPT_PAUSE_MS;
			return;
		}
		monitor->accept_again_ms = 0;
		memset(&address, 0, sizeof(address));
		if (getpeername(fd, (struct sockaddr *)&address, &len))
			close(fd);
		else
			lade_monitor_welcome(monitor, fd, &address);
	}
}

/* Kill what is over its time. Returns milliseconds until the next one is, or -1. */
static int keep_time(struct monitor *monitor)
{
	int64_t now_ms = lade_monitor_now_ms(), next_ms = INT64_MAX;

	if (monitor->accept_again_ms)
		next_ms = monitor->accept_again_ms;
	if (monitor->stop_ms && monitor->stop_ms < next_ms)
		next_ms = monitor->stop_ms;
	for (unsigned i = 0; i < monitor->visit_max; i++) {
		struct visit *visit = &monitor->visits[i];

		if (visit->stage == VISIT_FREE || !visit->deadline_ms)
			continue;
		if (visit->deadline_ms <= now_ms) {
			lade_visit_kill(visit);
			visit->deadline_ms = 0;
		} else if (visit->deadline_ms < next_ms) {
			next_ms = visit->deadline_ms;
		}
	}
	if (next_ms == INT64_MAX)
		return -1;
	return next_ms > now_ms ? (int)(next_ms - now_ms < 60000 ? next_ms - now_ms : 60000) : 0;
}

/* Stopping: tell the sessions to end when their time is over, then make them. */
static void cut_off(struct monitor *monitor)
{
	if (!monitor->stop_ms || lade_monitor_now_ms() < monitor->stop_ms)
		return;
	for (unsigned i = 0; i < monitor->visit_max; i++) {
		struct visit *visit = &monitor->visits[i];

		if (visit->stage == VISIT_SESSION && visit->pid && !monitor->cut_off)
			(void)kill(visit->pid, SIGTERM);
		else if (visit->stage != VISIT_FREE)
			lade_visit_kill(visit);
	}
	monitor->cut_off = true;
	monitor->stop_ms = lade_monitor_now_ms() + ABORT_MS;
}

static bool anybody_there(const struct monitor *monitor)
{
	for (unsigned i = 0; i < monitor->visit_max; i++)
		if (monitor->visits[i].stage != VISIT_FREE)
			return true;
	return false;
}

/* What is waited for: signals, listeners, channels, in this order. Returns how many. */
static nfds_t fill_polls(const struct monitor *monitor, struct pollfd *polls)
{
	nfds_t count = 0;
	bool accepts = !monitor->accept_again_ms || lade_monitor_now_ms() >= monitor->accept_again_ms;

	polls[count++] = (struct pollfd){ .fd = monitor->signal_fd, .events = POLLIN };
	for (unsigned i = 0; i < monitor->listener_count; i++)
		polls[count++] = (struct pollfd){ .fd = accepts ? monitor->listeners[i].fd : -1, .events = POLLIN };
	for (unsigned i = 0; i < monitor->visit_max; i++)
		if (monitor->visits[i].stage != VISIT_FREE && monitor->visits[i].channel >= 0)
			polls[count++] = (struct pollfd){ .fd = monitor->visits[i].channel, .events = POLLIN };
	return count;
}

static struct visit *visit_of(struct monitor *monitor, int channel)
{
	for (unsigned i = 0; i < monitor->visit_max; i++)
		if (monitor->visits[i].stage != VISIT_FREE && monitor->visits[i].channel == channel)
			return &monitor->visits[i];
	return NULL;
}

static int loop(struct monitor *monitor, struct lade_fault *fault)
{
	struct pollfd *polls = NULL;
	size_t room = 0;

	while (!monitor->stop_ms || anybody_there(monitor)) {
		size_t wanted = 1 + monitor->listener_count + monitor->visit_max;
		unsigned listeners = monitor->listener_count;
		nfds_t count;
		int ready;

		if (wanted > room) {
			free(polls);
			polls = calloc(wanted, sizeof(*polls));
			room = wanted;
		}
		if (!polls)
			return lade_fault_set(fault, LADE_E_MEMORY, "wait for connections", NULL);
		count = fill_polls(monitor, polls);
		ready = poll(polls, count, keep_time(monitor));
		if (ready < 0 && errno != EINTR) {
			free(polls);
			return lade_fault_set(fault, LADE_E_SYSTEM, "wait for connections", NULL);
		}
		/* Words before ends: what a process said last is heard before it is reaped. */
		for (nfds_t i = 1 + listeners; ready > 0 && i < count; i++) {
			struct visit *visit = polls[i].revents ? visit_of(monitor, polls[i].fd) : NULL;

			if (visit)
				(void)hear(monitor, visit);
		}
		if (ready > 0 && polls[0].revents)
			take_signal(monitor);
		for (unsigned i = 0; ready > 0 && i < listeners && i < monitor->listener_count; i++)
			if (polls[1 + i].revents)
				accept_some(monitor, &monitor->listeners[i]);
		cut_off(monitor);
	}
	free(polls);
	return 0;
}

static void finish(struct monitor *monitor)
{
	for (unsigned i = 0; i < monitor->listener_count; i++)
		lade_listener_close(&monitor->listeners[i]);
	free(monitor->listeners);
	free(monitor->visits);
	lade_config_release(monitor->shared);
	lade_key_free(monitor->key);
	lade_locked_memory_free(monitor->message, sizeof(*monitor->message));
	lade_daemon_log_close(monitor->log);
	if (monitor->signal_fd >= 0)
		close(monitor->signal_fd);
}

int lade_monitor_run(const char *file, struct lade_complaint *complaint)
{
	struct monitor monitor = { .config_file = file, .signal_fd = -1 };
	struct lade_fault fault;
	int error = start(&monitor, &fault);

	if (!error) {
		for (unsigned i = 0; i < monitor.listener_count; i++)
			lade_daemon_log_line(monitor.log, LOG_INFO, "listening on %s", monitor.listeners[i].name);
		error = loop(&monitor, &fault);
	}
	if (error)
		lade_complain_fault(complaint, error == LADE_E_USAGE ? LADE_EXIT_USAGE : LADE_EXIT_SOCKET, &fault);
	finish(&monitor);
	return error ? complaint->exit_status : LADE_EXIT_OK;
}
