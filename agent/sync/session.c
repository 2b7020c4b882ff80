/*
 * The shared part of a session: its queue, its reports, its failure. Control messages wait in chunks that are whole
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

/* Most bytes of a text that is converted for people; longer ones stay as they are. */
#define SHOWN_MAX (LADE_TEXT_MAX + 1)

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

int lade_exit_worse(int a, int b)
{
	/* What ends a session outranks what left files out; partial outranks vanished, that what was not deleted. */
	static const int ranks[] = { LADE_EXIT_OK, LADE_EXIT_DELETE_LIMIT, LADE_EXIT_VANISHED, LADE_EXIT_PARTIAL };
	const int count = sizeof(ranks) / sizeof(ranks[0]);
	int rank_a = count, rank_b = count;

	for (int i = 0; i < count; i++) {
		if (a == ranks[i])
			rank_a = i;
		if (b == ranks[i])
			rank_b = i;
	}
	return rank_b > rank_a ? b : a;
}

int lade_exit_of(const struct lade_fault *fault)
{
	switch (fault->code) {
	case LADE_OK:
		return LADE_EXIT_OK;
	case LADE_E_USAGE:
		return LADE_EXIT_USAGE;
	case LADE_E_MISFIT:
		return LADE_EXIT_SELECT;
	case LADE_E_VERSION:
	case LADE_E_STRANGER:
		return LADE_EXIT_VERSION;
	case LADE_E_UNSUPPORTED:
		return LADE_EXIT_UNSUPPORTED;
	case LADE_E_AUTH:
	case LADE_E_REFUSED:
		return LADE_EXIT_AUTH;
	case LADE_E_PROTOCOL:
	case LADE_E_TRUNCATED:
	case LADE_E_LIMIT:
	case LADE_E_CLOSED:
		return LADE_EXIT_STREAM;
	case LADE_E_CANCELLED:
		return LADE_EXIT_SIGNAL;
	case LADE_E_TIMEOUT:
	case LADE_E_STOPPED:
		return LADE_EXIT_TIMEOUT;
	case LADE_E_MEMORY:
		return LADE_EXIT_MEMORY;
	default:
		return LADE_EXIT_FILE;
	}
}

/* Texts in the other side's character set, or in ours; it borrows from what it is made of. */
struct converted {
	char first[SHOWN_MAX], second[SHOWN_MAX];
};

/* [charset] Have the names of a report, or an item, converted. */
static void convert(const struct lade_session *session, enum lade_charset_way way, struct lade_slice *first, struct lade_slice *second,
		    struct converted *converted)
{
	struct lade_charset *charset = session->settings->charset;

	*first = lade_charset_show(charset, way, *first, converted->first, sizeof(converted->first));
	*second = lade_charset_show(charset, way, *second, converted->second, sizeof(converted->second));
}

/* Put a report on its way; a longer text than the protocol carries is cut. */
static void deliver_as_it_is(struct lade_session *session, struct lade_msg_report *report)
{
	if (report->subject.len > LADE_TEXT_MAX)
		report->subject.len = LADE_TEXT_MAX;
	if (session->events) {
		pthread_mutex_lock(&session->event_lock);
		session->events->report(session->events->context, report);
		pthread_mutex_unlock(&session->event_lock);
		return;
	}
	lade_session_lock(session);
	lade_put_report(lade_session_queue(session), report);
	lade_session_queued(session, report->severity >= LADE_REPORT_ERROR);
	lade_session_unlock(session);
}

static void deliver(struct lade_session *session, struct lade_msg_report *report)
{
	struct converted converted;

	if (!session->events)
		convert(session, LADE_CHARSET_OUT, &report->subject, &report->reason, &converted);
	deliver_as_it_is(session, report);
}

static struct lade_slice text_slice(const char *text)
{
	return lade_slice(text, text ? strlen(text) : 0);
}

static void fill(struct lade_msg_report *report, enum lade_severity severity, int exit_status, const char *operation,
		 const char *subject, const char *reason)
{
	*report = (struct lade_msg_report){
		.severity = severity,
		.exit = (uint32_t)exit_status,
		.operation = text_slice(operation),
		.subject = text_slice(subject),
		.reason = text_slice(reason),
	};
}

void lade_report_of(struct lade_msg_report *report, enum lade_severity severity, int exit_status,
		    const struct lade_fault *fault)
{
	fill(report, severity, exit_status, fault->operation, fault->subject, lade_fault_reason(fault));
	report->error = (uint32_t)fault->sys_errno;
}

static void note_exit(struct lade_session *session, int exit_status)
{
	lade_session_lock(session);
	session->exit = lade_exit_worse(session->exit, exit_status);
	lade_session_unlock(session);
}

void lade_session_tell(struct lade_session *session, enum lade_severity severity, int exit_status,
		       const char *operation, const char *subject, const char *reason)
{
	struct lade_msg_report report;

	fill(&report, severity, exit_status, operation, subject, reason);
	note_exit(session, exit_status);
	deliver(session, &report);
}

void lade_session_report(struct lade_session *session, enum lade_severity severity, int exit_status,
			 const struct lade_fault *fault)
{
	struct lade_msg_report report;

	lade_report_of(&report, severity, exit_status, fault);
	note_exit(session, exit_status);
	deliver(session, &report);
}

void lade_session_tell_unconverted(struct lade_session *session, const char *operation, const char *name)
{
	struct lade_msg_report report;
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_SYSTEM, operation, name);
	lade_report_of(&report, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
	note_exit(session, LADE_EXIT_PARTIAL);
	deliver_as_it_is(session, &report);
}

bool lade_session_wants(const struct lade_session *session, enum lade_topic topic)
{
	return topic <= LADE_TOPIC_ALWAYS || (session->settings->notes & (UINT64_C(1) << topic));
}

void lade_session_note(struct lade_session *session, enum lade_topic topic, const char *what, const char *name,
		       const char *rest)
{
	struct lade_msg_report report;

	if (!lade_session_wants(session, topic))
		return;
	fill(&report, LADE_REPORT_NOTE, 0, what, name, rest);
	report.topic = topic;
	deliver(session, &report);
}

bool lade_session_itemizes(const struct lade_session *session, uint32_t changes)
{
	const struct lade_settings *settings = session->settings;

	return (settings->options & LADE_OPTION_ITEMIZE) && (changes || (settings->items & LADE_ITEMS_UNCHANGED));
}

/* Leave of an item what was asked for. A path longer than the protocol carries is cut: it is for people to read. */
static void trim(struct lade_msg_item *item, uint64_t parts)
{
	if (item->path.len > LADE_PATH_MAX / 8)
		item->path.len = LADE_PATH_MAX / 8;
	if (item->target.len > LADE_PATH_MAX / 16)
		item->target.len = LADE_PATH_MAX / 16;
	if (!(parts & LADE_ITEMS_SIZE))
		item->size = 0;
	if (!(parts & LADE_ITEMS_TIME))
		item->mtime_s = item->mtime_ns = 0;
	if (!(parts & LADE_ITEMS_IDS))
		item->uid = item->gid = 0;
	if (!(parts & LADE_ITEMS_MOVED))
		item->moved = item->signed_len = 0;
	if (!(parts & LADE_ITEMS_DIGEST))
		item->digest.len = 0;
}

/* Give an item to the user of this side, who may want to know where the session stands. */
static void show_item(struct lade_session *session, const struct lade_msg_item *item)
{
	const struct lade_events *events = session->events;
	struct lade_progress progress;

	if (events->stands) {
		lade_session_lock(session);
		progress = session->progress;
		lade_session_unlock(session);
	}
	pthread_mutex_lock(&session->event_lock);
	if (events->stands)
		events->stands(events->context, &progress);
	events->item(events->context, item);
	pthread_mutex_unlock(&session->event_lock);
}

void lade_session_item(struct lade_session *session, const struct lade_msg_item *item)
{
	struct lade_msg_item said = *item;
	struct converted converted;

	if (!lade_session_itemizes(session, item->changes))
		return;
	trim(&said, session->settings->items);
	if (session->events) {
		show_item(session, &said);
		return;
	}
	convert(session, LADE_CHARSET_OUT, &said.path, &said.target, &converted);
	lade_session_lock(session);
	lade_session_wait_room(session);
	lade_put_item(lade_session_queue(session), &said);
	lade_session_queued(session, false);
	lade_session_unlock(session);
}

void lade_session_list(struct lade_session *session, const char *path, const struct lade_msg_entry *entry)
{
	if (!session->events || !session->events->listed)
		return;
	pthread_mutex_lock(&session->event_lock);
	session->events->listed(session->events->context, path, entry);
	pthread_mutex_unlock(&session->event_lock);
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

static void heard_report(struct lade_session *session, const struct lade_msg_report *report)
{
	struct lade_msg_report shown = *report;
	struct converted converted;
	struct lade_fault fault;

	if (session->events) {
		convert(session, LADE_CHARSET_IN, &shown.subject, &shown.reason, &converted);
		pthread_mutex_lock(&session->event_lock);
		session->events->report(session->events->context, &shown);
		pthread_mutex_unlock(&session->event_lock);
	}
	if (report->severity != LADE_REPORT_FATAL) {
		note_exit(session, (int)report->exit);
		return;
	}
	/* A session that ends by it has failed, whatever the other side says. */
	note_exit(session, report->exit ? (int)report->exit : LADE_EXIT_STREAM);
	lade_fault_set(&fault, LADE_E_REMOTE, "run the session on the other side", NULL);
	lade_session_fail(session, &fault);
}

bool lade_session_hears(enum lade_message_type type)
{
	return type == LADE_MSG_REPORT || type == LADE_MSG_ITEM || type == LADE_MSG_KEEPALIVE || type == LADE_MSG_SESSION ||
		type == LADE_MSG_MOVE_WANTED;
}

int lade_session_heard(struct lade_session *session, const struct lade_message *message)
{
	struct lade_msg_item shown;
	struct converted converted;

	if (message->type == LADE_MSG_REPORT) {
		heard_report(session, &message->report);
		return 0;
	}
	/* [keepalive] That it came is all it says. */
	if (message->type == LADE_MSG_KEEPALIVE)
		return 0;
	if (message->type == LADE_MSG_SESSION || message->type == LADE_MSG_MOVE_WANTED)
		return lade_succession_hear(session, message);
	/* Items are for the user; a server is told none. */
	if (message->type != LADE_MSG_ITEM || !session->events)
		return LADE_E_PROTOCOL;
	shown = message->item;
	convert(session, LADE_CHARSET_IN, &shown.path, &shown.target, &converted);
	show_item(session, &shown);
	return 0;
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
