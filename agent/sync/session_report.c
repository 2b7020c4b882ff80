/*
 * What the user of a session is told, wherever he is: reports, notes and items go to the events of this side or, where there are none, to the
 * other one; and what that says for him is passed on. With each report goes an exit status, of which the worst stays.
 */
#include "agent/sync/session.h"

#include <string.h>

#include "protocol/limits.h"
#include "protocol/message.h"

/* Most bytes of a text that is converted for people; longer ones stay as they are. */
#define SHOWN_MAX (LADE_TEXT_MAX + 1)

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
