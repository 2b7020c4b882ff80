/*
 * Moving a session. Connections change hands with the lock held, so each of the three threads sees a whole one or none.
 */
#include "agent/sync/succession.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/sync/session.h"
#include "transport/clock.h"
#include "transport/frame.h"

/* Moves that a peer may have without a reason that we can see, and one more for each so many bytes of his. */
#define MOVES_FREE 64u
#define MOVES_BYTES_SHIFT 30

/* Dialling is tried so often, with so long a pause. */
#define TRIES_MAX 3u
#define PAUSE_MS 1000

static bool is_server(const struct lade_succession *succession)
{
	return succession->ways->session;
}

/* Both directions are where there is anything: it is time for the next one. The lock is held. */
static bool is_settled(const struct lade_succession *succession)
{
	return succession->in == succession->out && succession->have == succession->out;
}

static void no_connection(struct lade_connection *connection)
{
	memset(connection, 0, sizeof(*connection));
	connection->in_fd = connection->out_fd = -1;
}

void lade_succession_init(struct lade_session *session)
{
	struct lade_succession *succession = &session->succession;
	struct lade_msg_session message;

	succession->ways = session->settings->successors;
	succession->dial_fd = succession->cancel_fd = -1;
	no_connection(&succession->fresh);
	if (!succession->ways)
		return;
	lade_handshake_join_key(&session->key, succession->join.key);
	succession->begun = session->connection->sent_len;
	if (!is_server(succession))
		return;
	message.number = succession->join.session = succession->ways->session;
	lade_put_session(lade_session_queue(session), &message); /* [session] */
	lade_session_queued(session, true);
}

void lade_succession_fini(struct lade_session *session)
{
	struct lade_succession *succession = &session->succession;
	const uint64_t one = 1;

	if (succession->dialling) {
		lade_session_lock(session);
		succession->cancelled = true;
		if (succession->dial_fd >= 0)
			(void)shutdown(succession->dial_fd, SHUT_RDWR);
		(void)!write(succession->cancel_fd, &one, sizeof(one));
		lade_session_unlock(session);
		pthread_join(succession->dialler, NULL);
		if (!succession->dial_error)
			lade_connection_close(&succession->dial_connection);
	}
	if (succession->cancel_fd >= 0)
		close(succession->cancel_fd);
	lade_connection_close(&succession->fresh);
	sodium_memzero(&succession->join, sizeof(succession->join));
}

/* ---- the writer ---- */

static enum lade_wear wear(const struct lade_session *session)
{
	uint64_t most = session->succession.ways->move_bytes, sent = session->connection->sent_len - session->succession.begun;

	if (most && sent >= most)
		return LADE_WEAR_SPENT;
	if (most && sent >= most / 2)
		return LADE_WEAR_WORN;
	return lade_connection_wear(session->connection);
}

/* Behind END nothing is said, MOVE neither: who hears END hears no more, and what he leaves unread would have the kernel reset the connection. */
static bool is_over(const struct lade_session *session)
{
	return session->failed || session->finished || session->said_end;
}

bool lade_succession_due(const struct lade_session *session)
{
	const struct lade_succession *succession = &session->succession;

	if (!succession->ways || is_over(session) || succession->have == succession->out)
		return false;
	return !is_server(succession) || succession->in == succession->have;
}

enum step { GO_ON, ASK, MOVE };

/* What is to be done before the next frame; waits for it. */
static enum step choose(struct lade_session *session)
{
	struct lade_succession *succession = &session->succession;
	enum step step = GO_ON;

	lade_session_lock(session);
	while (!is_over(session)) {
		enum lade_wear worn = wear(session);

		if (lade_succession_due(session))
			step = MOVE;
		else if (worn != LADE_WEAR_NONE && is_settled(succession) && !succession->asked)
			step = ASK;
		if (step != GO_ON || worn != LADE_WEAR_SPENT)
			break;
		if (!succession->spent_ms)
			succession->spent_ms = lade_clock_ms();
		pthread_cond_wait(&session->to_writer, &session->lock);
	}
	succession->spent_ms = 0;
	if (step == MOVE)
		succession->leaving = true;
	if (step == ASK) {
		succession->asked = true;
		succession->asked_count++;
		succession->wanted = !is_server(succession);
	}
	lade_session_unlock(session);
	return step;
}

/* Write the one message in writer, which is freed. */
static int say(struct lade_session *session, struct lade_writer *writer, struct lade_fault *fault)
{
	int error = writer->error ? lade_fault_set(fault, writer->error, "send to", session->connection->peer) :
		lade_frame_write(session->connection, lade_slice(writer->data, writer->len), 0, fault);

	lade_writer_fini(writer);
	return error;
}

/* [move-wanted] It does not go through the queue: that may be what waits. */
static int ask(struct lade_session *session, struct lade_fault *fault)
{
	const struct lade_msg_move_wanted message = { session->succession.out + 1 };
	struct lade_writer writer;

	if (!is_server(&session->succession)) {
		lade_session_wake(session);
		return 0;
	}
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_move_wanted(&writer, &message);
	return say(session, &writer, fault);
}

/* [move] */
static int move(struct lade_session *session, struct lade_fault *fault)
{
	struct lade_succession *succession = &session->succession;
	const struct lade_msg_move message = { succession->out + 1 };
	struct lade_writer writer;
	int error;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_move(&writer, &message);
	error = say(session, &writer, fault);
	if (error)
		return error;
	lade_session_lock(session);
	error = lade_connection_take_out(session->connection, &succession->fresh);
	succession->out = message.connection;
	succession->asked = succession->leaving = false;
	succession->begun = session->connection->sent_len;
	lade_session_unlock(session);
	lade_session_wake(session);
	return error ? lade_fault_set(fault, error, "go on by another connection to", session->connection->peer) : 0;
}

int lade_succession_step(struct lade_session *session, struct lade_fault *fault)
{
	enum step step = GO_ON;
	int error = 0;

	if (!session->succession.ways)
		return 0;
	do {
		step = choose(session);
		if (step == ASK)
			error = ask(session, fault);
		else if (step == MOVE)
			error = move(session, fault);
	} while (!error && step != GO_ON);
	return error;
}

/* ---- the reader ---- */

/* The peer wants to move, or has, once more. False: too often. */
static bool count_move(struct lade_session *session, uint32_t reasons)
{
	uint64_t most = MOVES_FREE + reasons + (session->connection->received_len >> MOVES_BYTES_SHIFT);

	return ++session->succession.heard_count <= most;
}

/* [move-wanted] A client that has no other way lets the server wait. */
static bool heard_wanted(struct lade_session *session, uint32_t connection)
{
	struct lade_succession *succession = &session->succession;

	if (!succession->ways)
		return true;
	if (connection != succession->in + 1 || !count_move(session, 0))
		return false;
	/* It may be there already, for our own sake. */
	if (succession->have < connection)
		succession->wanted = true;
	return true;
}

int lade_succession_hear(struct lade_session *session, const struct lade_message *message)
{
	struct lade_succession *succession = &session->succession;
	bool good = session->events; /* a server says such, and hears none */

	lade_session_lock(session);
	if (good && message->type == LADE_MSG_SESSION) {
		good = message->session.number && !succession->join.session;
		succession->join.session = message->session.number;
	} else if (good) {
		good = heard_wanted(session, message->move_wanted.connection);
	}
	lade_session_unlock(session);
	lade_session_wake(session);
	return good ? 0 : LADE_E_PROTOCOL;
}

/* [move] The lock is held. */
static bool may_follow(struct lade_session *session, uint32_t connection)
{
	struct lade_succession *succession = &session->succession;

	if (!succession->ways || succession->have == succession->in || connection != succession->have)
		return false;
	/* The client goes first; it may have said so just now. */
	return is_server(succession) ? count_move(session, succession->asked_count) : succession->out == succession->have || succession->leaving;
}

int lade_succession_follow(struct lade_session *session, const struct lade_msg_move *message)
{
	struct lade_succession *succession = &session->succession;
	int error = LADE_E_PROTOCOL;

	lade_session_lock(session);
	if (may_follow(session, message->connection))
		error = lade_connection_take_in(session->connection, &succession->fresh);
	if (!error) {
		succession->in = message->connection;
		pthread_cond_signal(&session->to_writer);
	}
	lade_session_unlock(session);
	return error;
}

bool lade_succession_drain(struct lade_session *session)
{
	struct lade_succession *succession = &session->succession;
	bool taken;

	lade_session_lock(session);
	taken = succession->ways && succession->have != succession->in &&
		lade_connection_take_in(session->connection, &succession->fresh) == 0;
	if (taken)
		succession->in = succession->have;
	lade_session_unlock(session);
	return taken;
}

/* ---- the session's thread ---- */

/* There is a next connection. The lock is held. */
static void install(struct lade_session *session, const struct lade_connection *fresh)
{
	struct lade_succession *succession = &session->succession;

	lade_connection_close(&succession->fresh);
	succession->fresh = *fresh;
	succession->have = succession->out + 1;
	succession->wanted = false;
	pthread_cond_signal(&session->to_writer);
}

/*
 * [joined] Judge a connection that has come in, and take it if it is the client's: in the place of one that was not used yet, too. The lock is held while
 * JOINED is written, so that who hears it finds all in place; nothing was written there before, and so it does not wait.
 */
static bool accept_successor(struct lade_session *session, struct lade_successor *successor)
{
	struct lade_succession *succession = &session->succession;
	struct lade_join join = succession->join;
	bool good;

	memcpy(join.exporter, successor->exporter, sizeof(join.exporter));
	good = lade_handshake_join_proves(&join, true, successor->proof);
	lade_session_lock(session);
	if (good && succession->in == succession->out && !session->failed && !session->finished &&
	    lade_handshake_say_joined(&successor->connection, &join, NULL) == 0)
		install(session, &successor->connection);
	else
		lade_connection_close(&successor->connection);
	lade_session_unlock(session);
	sodium_memzero(&join, sizeof(join));
	return good;
}

static void take_successor(struct lade_session *session)
{
	struct lade_succession *succession = &session->succession;
	struct lade_successor successor;
	struct lade_fault fault;
	int error = succession->ways->take(succession->ways->context, &successor, &fault);

	/* A channel that fails would be readable for ever. */
	succession->deaf = error == LADE_E_CLOSED || error == LADE_E_SYSTEM;
	if (!error)
		succession->ways->judged(succession->ways->context, accept_successor(session, &successor));
	else if (!succession->deaf)
		succession->ways->judged(succession->ways->context, true);
}

/* Everything of dialling that takes time. Returns 0 with the connection, which is closed otherwise. */
static int dial(struct lade_session *session, struct lade_connection *fresh, struct lade_fault *fault)
{
	struct lade_succession *succession = &session->succession;
	const struct lade_successors *ways = succession->ways;
	struct lade_join join;
	int error = ways->dial(ways->context, &succession->cancel_fd, fresh, fault);

	if (error)
		return error;
	lade_session_lock(session);
	join = succession->join;
	succession->dial_fd = fresh->in_fd;
	if (succession->cancelled)
		(void)shutdown(fresh->in_fd, SHUT_RDWR);
	lade_session_unlock(session);
	error = ways->shake(ways->context, fresh, join.exporter, fault);
	if (!error)
		error = lade_handshake_join(fresh, &join, fault);
	lade_session_lock(session);
	succession->dial_fd = -1;
	lade_session_unlock(session);
	if (error)
		lade_connection_close(fresh);
	sodium_memzero(&join, sizeof(join));
	return error;
}

static void *run_dialler(void *argument)
{
	struct lade_session *session = argument;
	struct lade_succession *succession = &session->succession;
	struct lade_connection fresh;
	struct lade_fault fault;
	int error = dial(session, &fresh, &fault);

	lade_session_lock(session);
	succession->dial_error = error;
	if (error)
		succession->dial_fault = fault;
	else
		succession->dial_connection = fresh;
	succession->dialled = true;
	lade_session_unlock(session);
	lade_session_wake(session);
	return NULL;
}

static void start_dialler(struct lade_session *session)
{
	struct lade_succession *succession = &session->succession;
	struct lade_fault fault;

	if (succession->cancel_fd < 0)
		succession->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (succession->cancel_fd >= 0 && pthread_create(&succession->dialler, NULL, run_dialler, session) == 0) {
		succession->dialling = true;
		return;
	}
	lade_fault_set(&fault, LADE_E_MEMORY, "start a thread", NULL);
	lade_session_fail(session, &fault);
}

/* The dialler is done. What may be better next time is tried again; another host, or one that does not know us, will not be. */
static void end_dialler(struct lade_session *session)
{
	struct lade_succession *succession = &session->succession;
	struct lade_fault *fault = &succession->dial_fault;

	pthread_join(succession->dialler, NULL);
	succession->dialling = succession->dialled = false;
	if (!succession->dial_error) {
		lade_session_lock(session);
		succession->tries = 0;
		install(session, &succession->dial_connection);
		lade_session_unlock(session);
		return;
	}
	succession->again_ms = lade_clock_ms() + PAUSE_MS;
	/* Another host key, or a server that does not want us: it ends as at the opening. */
	if (fault->code == LADE_E_REFUSED)
		fault->code = LADE_E_AUTH;
	if (++succession->tries >= TRIES_MAX || fault->code == LADE_E_AUTH)
		lade_session_fail(session, fault);
}

/* What the lock has to be held for: is it time to dial, is the dialler done, has the writer waited for too long? */
static void look_at(struct lade_session *session, bool *dial_out, bool *dialled_out, bool *late_out)
{
	struct lade_succession *succession = &session->succession;
	uint32_t patience_ms = succession->ways->patience_ms ? succession->ways->patience_ms : LADE_MOVE_PATIENCE_MS;
	int64_t now = lade_clock_ms();

	lade_session_lock(session);
	*dialled_out = succession->dialled;
	*dial_out = succession->wanted && succession->join.session && is_settled(succession) && !succession->dialling && now >= succession->again_ms && !is_over(session);
	*late_out = succession->spent_ms && now - succession->spent_ms >= patience_ms;
	lade_session_unlock(session);
}

/*
 * True if what comes in may be judged. Not while our writer leaves: the client may have heard our MOVE, and come by the next connection, before the
 * writer has written that down, who wakes us then; and one who reads no MOVE keeps nobody waiting but the writer.
 */
static bool may_take(struct lade_session *session)
{
	bool may;

	lade_session_lock(session);
	may = !session->succession.leaving;
	lade_session_unlock(session);
	return may;
}

int lade_succession_fd(struct lade_session *session)
{
	const struct lade_succession *succession = &session->succession;

	return succession->ways && is_server(succession) && !succession->deaf && may_take(session) ? succession->ways->fd : -1;
}

void lade_succession_look(struct lade_session *session, bool readable)
{
	bool dials, dialled, late;
	struct lade_fault fault;

	if (!session->succession.ways)
		return;
	if (readable && may_take(session))
		take_successor(session);
	look_at(session, &dials, &dialled, &late);
	if (dialled)
		end_dialler(session);
	else if (dials)
		start_dialler(session);
	if (late) {
		lade_fault_set(&fault, LADE_E_TIMEOUT, "go on by another connection (the key of this one is worn out) to", session->connection->peer);
		lade_session_fail(session, &fault);
	}
}
