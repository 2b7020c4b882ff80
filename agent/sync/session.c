/*
 * The shared part of a session: its queue and its failure. Control messages wait in chunks that are whole
 * frames: a chunk is closed when it holds CHUNK_FULL bytes, which leaves room for the
 * longest message, so no message is ever split.
 */
#include "agent/sync/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/limits.h"
#include "protocol/message.h"

#define CHUNK_FULL (32u << 10)

/* Bytes of a REPORT whose texts are as long as those of a fault. */
#define LAST_WORDS_MAX (LADE_FAULT_SUBJECT_SIZE + 1024u)

struct lade_chunk {
	struct lade_chunk *next;
	struct lade_writer control;
};

/* Memory for the last words, for when there is no other. */
static int reserve_last_words(struct lade_session *session)
{
	session->spare = calloc(1, sizeof(*session->spare));
	if (!session->spare)
		return LADE_E_MEMORY;
	lade_writer_init(&session->spare->control, LADE_CONTROL_MAX);
	return lade_writer_reserve(&session->spare->control, LAST_WORDS_MAX) ? 0 : LADE_E_MEMORY;
}

static void free_chunk(struct lade_chunk *chunk)
{
	if (chunk)
		lade_writer_fini(&chunk->control);
	free(chunk);
}

int lade_session_init(struct lade_session *session, struct lade_connection *connection,
		      const struct lade_settings *settings, const struct lade_events *events,
		      const struct lade_run_key *key, struct lade_fault *fault)
{
	int error;

	memset(session, 0, sizeof(*session));
	session->connection = connection;
	session->settings = settings;
	session->limits = lade_session_limits_of(settings->limits);
	session->events = events;
	session->key = session->names = session->files = *key;
	lade_run_key_choose(&session->key, (enum lade_digest_kind)settings->checksum);
	lade_run_key_choose(&session->files, (enum lade_digest_kind)settings->file_checksum);
	session->pieces = session->key;
	session->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (session->wake_fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create eventfd", NULL);
	error = reserve_last_words(session);
	if (!error)
		error = lade_movers_new(settings->calls, &session->movers);
	if (error) {
		free_chunk(session->spare);
		close(session->wake_fd);
		return lade_fault_set(fault, error, "start a session", NULL);
	}
	pthread_mutex_init(&session->lock, NULL);
	pthread_mutex_init(&session->event_lock, NULL);
	pthread_cond_init(&session->to_writer, NULL);
	pthread_cond_init(&session->room, NULL);
	pthread_cond_init(&session->returned, NULL);
	lade_succession_init(session);
	return 0;
}

void lade_session_fini(struct lade_session *session)
{
	lade_succession_fini(session);
	while (session->first) {
		struct lade_chunk *chunk = session->first;

		session->first = chunk->next;
		free_chunk(chunk);
	}
	free_chunk(session->spare);
	lade_movers_free(session->movers);
	close(session->wake_fd);
	pthread_cond_destroy(&session->returned);
	pthread_cond_destroy(&session->room);
	pthread_cond_destroy(&session->to_writer);
	pthread_mutex_destroy(&session->event_lock);
	pthread_mutex_destroy(&session->lock);
}

void lade_session_lock(struct lade_session *session)
{
	pthread_mutex_lock(&session->lock);
}

void lade_session_unlock(struct lade_session *session)
{
	pthread_mutex_unlock(&session->lock);
}

/* Everybody who waits for anything looks again: the session has finished or failed. */
static void wake_all(struct lade_session *session)
{
	pthread_cond_broadcast(&session->to_writer);
	pthread_cond_broadcast(&session->room);
	for (int i = 0; i < LADE_SESSION_WAITS; i++)
		if (session->role_waits[i])
			pthread_cond_broadcast(session->role_waits[i]);
}

void lade_session_wake(struct lade_session *session)
{
	const uint64_t one = 1;

	(void)!write(session->wake_fd, &one, sizeof(one));
}

/* A writer for when memory is out: it takes nothing and says so. */
static struct lade_writer *no_writer(struct lade_session *session)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_MEMORY, "queue a message", NULL);
	lade_session_fail_locked(session, &fault);
	return NULL;
}

/* Append a chunk to those that are to be written. */
static struct lade_writer *append(struct lade_session *session, struct lade_chunk *chunk)
{
	if (session->last)
		session->last->next = chunk;
	else
		session->first = chunk;
	session->last = chunk;
	return &chunk->control;
}

/* The writer of the last words. With no memory left a message before it may be cut off, and what others had in the same chunk goes with it. */
static struct lade_writer *last_writer(struct lade_session *session, int code)
{
	struct lade_chunk *spare = session->spare, *last = session->last;

	if (code != LADE_E_MEMORY)
		return lade_session_queue(session);
	session->spare = NULL;
	if (!last || !last->control.error)
		return append(session, spare);
	lade_writer_fini(&last->control);
	last->control = spare->control;
	free(spare);
	return &last->control;
}

struct lade_writer *lade_session_queue(struct lade_session *session)
{
	static _Thread_local struct lade_writer nowhere;
	struct lade_chunk *chunk = session->last;

	if (chunk && chunk->control.len < CHUNK_FULL && !chunk->control.error)
		return &chunk->control;
	chunk = calloc(1, sizeof(*chunk));
	if (!chunk) {
		no_writer(session);
		lade_writer_init(&nowhere, 0);
		return &nowhere;
	}
	lade_writer_init(&chunk->control, LADE_CONTROL_MAX);
	return append(session, chunk);
}

/* Bytes queued: the closed chunks' are counted when they close, the last one's are looked at. */
static size_t queued_bytes(const struct lade_session *session)
{
	size_t sum = 0;

	for (const struct lade_chunk *chunk = session->first; chunk; chunk = chunk->next)
		sum += chunk->control.len;
	return sum;
}

void lade_session_queued(struct lade_session *session, bool urgent)
{
	struct lade_chunk *last = session->last;

	if (last && last->control.error)
		no_writer(session);
	if (!last || last->control.len == 0)
		return;
	session->queued = queued_bytes(session);
	if (urgent)
		session->urgent = true;
	if (session->urgent || session->queued >= LADE_SESSION_FLUSH)
		pthread_cond_signal(&session->to_writer);
}

/* [copied] */
static void queue_copied(struct lade_session *session)
{
	const struct lade_msg_copied copied = { atomic_load_explicit(&session->copied, memory_order_relaxed) - session->copied_said };

	if (!copied.bytes)
		return;
	session->copied_said += copied.bytes;
	lade_put_copied(lade_session_queue(session), &copied);
}

void lade_session_say_copied(struct lade_session *session)
{
	lade_session_lock(session);
	if (!session->said_end && !session->failed && !session->finished) {
		queue_copied(session);
		lade_session_queued(session, true);
	}
	lade_session_unlock(session);
}

void lade_session_queue_end(struct lade_session *session)
{
	queue_copied(session);
	session->totals.exit = (uint32_t)session->exit;
	lade_put_end(lade_session_queue(session), &session->totals); /* [end] */
	session->said_end = true;
	lade_session_queued(session, true);
}

void lade_session_keep_alive(struct lade_session *session)
{
	lade_session_lock(session);
	if (!session->queued && !session->said_end && !session->failed && !session->finished) {
		const struct lade_msg_keepalive keepalive = { ++session->keepalives };

		lade_put_keepalive(lade_session_queue(session), &keepalive); /* [keepalive] */
	}
	/* What is queued is a sign, too. */
	lade_session_queued(session, true);
	lade_session_unlock(session);
}

void lade_session_wait_room(struct lade_session *session)
{
	while (!session->failed && session->queued > session->limits.queue) {
		/* What fills the queue may be too little for the writer to begin with. */
		lade_session_queued(session, true);
		pthread_cond_wait(&session->room, &session->lock);
	}
}

bool lade_session_take(struct lade_session *session, struct lade_writer *control_out)
{
	struct lade_chunk *chunk = session->first;

	if (!chunk || chunk->control.len == 0)
		return false;
	if (!session->urgent && session->queued < LADE_SESSION_FLUSH)
		return false;
	*control_out = chunk->control;
	session->first = chunk->next;
	if (!session->first) {
		session->last = NULL;
		session->urgent = false;
	}
	free(chunk);
	session->queued = queued_bytes(session);
	pthread_cond_broadcast(&session->room);
	return true;
}

void lade_session_fail_locked(struct lade_session *session, const struct lade_fault *fault)
{
	struct lade_msg_report report;
	struct lade_writer *writer;

	if (session->failed || session->finished)
		return;
	session->failed = true;
	session->fault = *fault;
	if (fault->code != LADE_E_REMOTE)
		session->exit = lade_exit_worse(session->exit, lade_exit_of(fault));
	if (fault->code != LADE_E_REMOTE && fault->code != LADE_E_CLOSED) {
		/* The peer shall know; where our user is on the other side, so shall he. */
		lade_report_of(&report, LADE_REPORT_FATAL, lade_exit_of(fault), fault);
		writer = last_writer(session, fault->code);
		lade_put_report(writer, &report);
		session->urgent = true;
	}
	/* What is under way, and the last words behind it, are not to wait. */
	lade_throttle_lift(session->connection->throttle);
	wake_all(session);
	lade_session_wake(session);
}

void lade_session_fail(struct lade_session *session, const struct lade_fault *fault)
{
	lade_session_lock(session);
	lade_session_fail_locked(session, fault);
	lade_session_unlock(session);
}

void lade_session_finish(struct lade_session *session)
{
	session->finished = true;
	wake_all(session);
	lade_session_wake(session);
}

bool lade_session_failed(struct lade_session *session)
{
	bool failed;

	lade_session_lock(session);
	failed = session->failed;
	lade_session_unlock(session);
	return failed;
}

void lade_session_write_failed(struct lade_session *session, const struct lade_fault *fault)
{
	lade_session_lock(session);
	if (fault->code == LADE_E_CLOSED && !session->failed) {
		session->lost = true;
		lade_session_wake(session);
		while (!session->failed && !session->finished)
			pthread_cond_wait(&session->to_writer, &session->lock);
	}
	lade_session_fail_locked(session, fault);
	lade_session_unlock(session);
}
