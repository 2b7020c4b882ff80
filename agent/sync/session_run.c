/*
 * Running a session: its threads, the wait for its end with progress and signals, the
 * last words to a peer after a failure.
 */
#include "agent/sync/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "agent/sync/grant.h"
#include "agent/sync/totals.h"
#include "agent/sync/watch.h"
#include "agent/tree/directory.h"
#include "protocol/message.h"
#include "transport/clock.h"
#include "transport/frame.h"

#define PROGRESS_PERIOD_MS 200
/* How long a peer may take to read last words and to hang up. */
#define GRACE_MS 3000
/* More than a session has open: held directories, and files on their way. */
#define DESCRIPTORS_LIKELY (2 * (int)LADE_DIRECTORIES_HELD - 1)

/* Written by the signal handler, read by wait_for_end(): the signal flag of this process. */
static volatile sig_atomic_t signal_seen;
/* Somebody looks at the flag, and ends in good order. Before that nothing is lost, and who waits for a peer or a file would go on waiting. */
static volatile sig_atomic_t signal_watched;
static int signal_pipe[2] = { -1, -1 };

static void on_signal(int number)
{
	int saved = errno;

	if (!signal_watched)
		_exit(LADE_EXIT_SIGNAL);
	signal_seen = number;
	(void)!write(signal_pipe[1], "", 1);
	errno = saved;
}

int lade_session_signals(struct lade_fault *fault)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK))
		return lade_fault_set(fault, LADE_E_SYSTEM, "create signal pipe", NULL);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction old;

		/* What nohup(1) ignores stays ignored. */
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		if (sigaction(numbers[i], &action, NULL))
			return lade_fault_set(fault, LADE_E_SYSTEM, "handle signals", NULL);
	}
	return 0;
}

/* Take what is to be written, maybe nothing before a move; wait for it. False at the end. */
static bool wait_queue(struct lade_session *session, struct lade_writer *control_out)
{
	bool taken, due = false;

	lade_writer_init(control_out, LADE_CONTROL_MAX);
	lade_session_lock(session);
	while (!(taken = lade_session_take(session, control_out)) && !(due = lade_succession_due(session)) && !session->failed &&
	       !session->finished)
		pthread_cond_wait(&session->to_writer, &session->lock);
	lade_session_unlock(session);
	return taken || due;
}

void lade_session_write_queue(struct lade_session *session)
{
	struct lade_writer control;
	struct lade_fault fault;
	int error = 0;

	while (!error && wait_queue(session, &control)) {
		error = lade_succession_step(session, &fault);
		if (!error && control.len)
			error = lade_frame_write(session->connection, lade_slice(control.data, control.len), 0, &fault);
		lade_writer_fini(&control);
	}
	if (error)
		lade_session_write_failed(session, &fault);
}

/* Read and drop what comes until the connection ends: what a reader does once the session has failed. */
static void drain(struct lade_session *session)
{
	uint8_t scratch[4096];
	size_t got;

	do {
		while (lade_connection_read_some(session->connection, scratch, sizeof(scratch), &got, NULL) == 0 && got)
			;
	} while (lade_succession_drain(session));
}

/* [move] It is alone in its frame. Returns 1 if this is one, 0, or LADE_E_PROTOCOL. */
static int follow(struct lade_session *session, struct lade_slice control, uint32_t payload_len)
{
	struct lade_message message;
	struct lade_reader reader;
	int error;

	if (!control.len || ((const uint8_t *)control.data)[0] != LADE_MSG_MOVE)
		return 0;
	lade_reader_init(&reader, control.data, control.len);
	error = lade_message_get(&reader, &message);
	if (!error && (payload_len || lade_reader_left(&reader)))
		error = LADE_E_PROTOCOL;
	if (!error)
		error = lade_succession_follow(session, &message.move);
	return error ? error : 1;
}

void lade_session_read_frames(struct lade_session *session, lade_session_hear *hear, void *role)
{
	struct lade_writer control;
	struct lade_fault fault;
	uint32_t payload_len;
	int result = 0;

	lade_writer_init(&control, LADE_CONTROL_MAX);
	while (result == 0) {
		result = lade_frame_read(session->connection, &control, &payload_len, &fault);
		if (result == 0 && lade_session_failed(session)) {
			drain(session);
			break;
		}
		fault.code = result;
		if (result == 0)
			result = follow(session, lade_slice(control.data, control.len), payload_len);
		if (result == 0)
			result = hear(role, lade_slice(control.data, control.len), payload_len, &fault);
		else if (result == 1)
			result = 0;
		/* What a peer may not say is described here, for all messages alike. */
		if (result < 0 && !fault.code)
			lade_fault_set(&fault, result, "understand", session->connection->peer);
	}
	if (result < 0)
		lade_session_fail(session, &fault);
	lade_writer_fini(&control);
}

static void show_progress(struct lade_session *session, bool last)
{
	const struct lade_grant *grant = session->settings->grant;
	struct lade_progress progress;

	if (grant && grant->progress) {
		lade_session_lock(session);
		progress = session->progress;
		lade_session_unlock(session);
		grant->progress(grant->context, &progress);
	}
	if (!session->events || !session->events->progress)
		return;
	lade_session_lock(session);
	progress = session->progress;
	lade_session_unlock(session);
	pthread_mutex_lock(&session->event_lock);
	session->events->progress(session->events->context, &progress, last);
	pthread_mutex_unlock(&session->event_lock);
}

static void fail_with(struct lade_session *session, int code, const char *operation, const char *subject)
{
	struct lade_fault fault;

	lade_fault_set(&fault, code, operation, subject);
	lade_session_fail(session, &fault);
}

/* --timeout: fail for a silent peer, and do not be one. */
static void watch_peer(struct lade_session *session, struct lade_watch *watch)
{
	struct lade_connection *connection = session->connection;
	uint64_t moved = lade_movers_consumed(session->movers);
	const struct lade_watch_facts facts = {
		.heard = atomic_load(&connection->received) + moved,
		.said = atomic_load(&connection->sent) + moved,
		.waiting = lade_connection_waiting(connection),
	};

	switch (lade_watch_look(watch, &facts, lade_clock_ms())) {
	case LADE_WATCH_SPEAK:
		lade_session_keep_alive(session);
		break;
	case LADE_WATCH_OVER:
		fail_with(session, LADE_E_TIMEOUT, "wait for", connection->peer);
		break;
	case LADE_WATCH_FINE:
		break;
	}
}

/* Wait for the end or a failure: progress, signals, and limits of time. */
static void wait_for_end(struct lade_session *session)
{
	struct pollfd wait_for[] = {
		{ .fd = session->wake_fd, .events = POLLIN },
		{ .fd = signal_pipe[0], .events = POLLIN },
		{ .fd = -1, .events = POLLIN },
	};
	bool over = false, lost = false;
	struct lade_watch watch;
	uint64_t count;
	int ticks = 0, ready;

	lade_watch_init(&watch, session->settings->timeout, lade_clock_ms());
	while (!over) {
		wait_for[2].fd = lade_succession_fd(session);
		ready = poll(wait_for, 3, PROGRESS_PERIOD_MS);
		if (ready == 0) {
			show_progress(session, false);
			ticks += lost;
		}
		lade_succession_look(session, ready > 0 && wait_for[2].revents);
		(void)!read(session->wake_fd, &count, sizeof(count));
		if (signal_seen)
			fail_with(session, LADE_E_CANCELLED, session->events ? "sync" : "serve (the other side was told to stop)", NULL);
		if (atomic_load_explicit(&session->copied, memory_order_relaxed))
			lade_session_say_copied(session);
		watch_peer(session, &watch);
		if (session->settings->stop_at && time(NULL) >= session->settings->stop_at)
			fail_with(session, LADE_E_STOPPED, "sync", NULL);
		if (ticks * PROGRESS_PERIOD_MS >= GRACE_MS)
			fail_with(session, LADE_E_CLOSED, "send to", session->connection->peer);
		lade_session_lock(session);
		over = session->finished || session->failed;
		lost = session->lost;
		lade_session_unlock(session);
	}
	show_progress(session, true);
}

/* A reader's or writer's thread: run it, then tell that it has returned. */
struct runner {
	struct lade_session *session;
	void *(*function)(void *role);
	void *role;
	unsigned *running;
};

static void *run_thread(void *argument)
{
	struct runner *runner = argument;

	runner->function(runner->role);
	lade_session_lock(runner->session);
	--*runner->running;
	pthread_cond_broadcast(&runner->session->returned);
	lade_session_unlock(runner->session);
	return NULL;
}

/* Wait a while for the threads of a kind. A peer that was silent for too long has had its time. */
static void wait_returned(struct lade_session *session, const unsigned *running)
{
	struct timespec until;

	lade_session_lock(session);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += session->fault.code == LADE_E_TIMEOUT ? 1 : GRACE_MS / 1000;
	while (*running && pthread_cond_timedwait(&session->returned, &session->lock, &until) == 0)
		;
	lade_session_unlock(session);
}

static bool both_returned(struct lade_session *session)
{
	bool returned;

	lade_session_lock(session);
	returned = session->reading == 0 && session->writing == 0;
	lade_session_unlock(session);
	return returned;
}

/*
 * After a failure the writer sends what is queued, last of all the REPORT. The peer
 * reads it, ends, and so ends our reader; whoever does not is cut off. False: reader or
 * writer will never return.
 */
static bool part(struct lade_session *session)
{
	const struct lade_connection *connection = session->connection;

	if (!lade_session_failed(session))
		return true;
	wait_returned(session, &session->writing);
	lade_connection_end_writing(session->connection);
	wait_returned(session, &session->reading);
	lade_connection_cancel(session->connection);
	if (connection->kind != LADE_CONNECTION_PIPES)
		return true;
	/*
	 * Pipes cannot be cut off: who waits there is woken when the child dies, which it does not as long as it is stopped, nor if it
	 * left its end to others. Then, and at our own standard input and output, he is left behind: the process ends soon.
	 */
	if (connection->child > 0) {
		wait_returned(session, &session->writing);
		wait_returned(session, &session->reading);
	}
	if (!both_returned(session) && connection->child > 0) {
		(void)kill(connection->child, SIGKILL);
		wait_returned(session, &session->writing);
		wait_returned(session, &session->reading);
	}
	return both_returned(session);
}

static void tell_fault(struct lade_session *session)
{
	struct lade_msg_report report;

	if (!session->failed || !session->events || session->fault.code == LADE_E_REMOTE)
		return;
	lade_report_of(&report, LADE_REPORT_FATAL, lade_exit_of(&session->fault), &session->fault);
	session->events->report(session->events->context, &report);
}

static void add_totals(const struct lade_session *session, struct lade_msg_end *out)
{
	const struct lade_msg_end *ours = &session->totals, *theirs = &session->peer_totals;

	*out = *ours;
	lade_totals_add(out, theirs);
	out->exit = (uint32_t)session->exit;
}

/*
 * Where a process has threads its table of descriptors grows only after a grace period of RCU, 5 to 15 ms
 * (fs/file.c, expand_fdtable()); before it has any that costs nothing. fd: any that is open.
 */
static void make_room_for_descriptors(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTORS_LIKELY);

	if (high >= 0)
		close(high);
}

int lade_session_run(struct lade_session *session, const struct lade_session_threads *threads, void *role,
		     struct lade_msg_end *totals_out)
{
	struct runner runners[2] = {
		{ session, threads->reader, role, &session->reading },
		{ session, threads->writer, role, &session->writing },
	};
	pthread_t ids[2 + LADE_SESSION_OTHERS];
	unsigned count = 0;
	sigset_t all, old;

	make_room_for_descriptors(session->connection->in_fd);
	/* Signals are this thread's; SIGBUS is raised in the thread that touched the page, blocked or not. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	signal_watched = 1;
	pthread_sigmask(SIG_BLOCK, &all, &old);
	session->reading = session->writing = 1;
	for (int i = 0; i < 2; i++)
		if (pthread_create(&ids[count], NULL, run_thread, &runners[i]) == 0)
			count++;
	for (int i = 0; count >= 2 && i < LADE_SESSION_OTHERS && threads->others[i]; i++)
		if (pthread_create(&ids[count], NULL, threads->others[i], role) == 0)
			count++;
		else
			fail_with(session, LADE_E_MEMORY, "start a thread", NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (count < 2)
		_exit(LADE_EXIT_MEMORY); /* not even two threads: nothing can be said to anybody */
	wait_for_end(session);
	if (part(session)) {
		pthread_join(ids[0], NULL);
	} else {
		tell_fault(session);
		_exit(session->exit);
	}
	for (unsigned i = 1; i < count; i++)
		pthread_join(ids[i], NULL);
	tell_fault(session);
	session->connection->lost = session->failed && session->fault.code == LADE_E_CLOSED;
	add_totals(session, totals_out);
	return session->exit;
}
