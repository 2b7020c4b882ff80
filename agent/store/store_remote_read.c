/*
 * The reading side of a store that somebody else serves: one thread, which never waits for anybody here. What it is told goes to who waits for it, and what nobody waits for is
 * the end of the session.
 */
#include "agent/store/store_remote_internal.h"

#include <string.h>

#include "agent/store/store_answer.h"
#include "transport/frame.h"

void lade_store_remote_lose(struct remote *remote, int error, const struct lade_fault *why)
{
	if (!remote->lost) {
		remote->lost = error;
		remote->why = *why;
	}
	for (struct waiting *waiting = remote->waiting; waiting; waiting = waiting->next) {
		if (!waiting->reading)
			pthread_cond_signal(&waiting->answered);
	}
}

struct waiting *lade_store_remote_find(struct remote *remote, uint32_t number)
{
	struct waiting *waiting = remote->waiting;

	while (waiting && waiting->number != number)
		waiting = waiting->next;
	return waiting && waiting->done ? NULL : waiting;
}

/* [data] Bytes of a get go to where they are wanted. */
static int take_data(struct remote *remote, const struct lade_msg_data *data, uint32_t payload_len, struct lade_fault *fault)
{
	struct waiting *waiting;
	bool good;
	int error;

	pthread_mutex_lock(&remote->lock);
	waiting = lade_store_remote_find(remote, data->request);
	good = waiting && waiting->out && data->len == payload_len && payload_len && payload_len <= waiting->len;
	if (good)
		waiting->reading = true; /* its memory stays where it is, whatever happens */
	pthread_mutex_unlock(&remote->lock);
	if (!good)
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", remote->connection.peer);
	error = lade_frame_read_payload(&remote->connection, waiting->out, payload_len, fault);
	pthread_mutex_lock(&remote->lock);
	waiting->reading = false;
	waiting->out += payload_len;
	waiting->len -= payload_len;
	pthread_mutex_unlock(&remote->lock);
	return error;
}

/* [listed] A piece of a list is kept until it is whole: who looks at it may ask for something else meanwhile. */
static int take_listed(struct remote *remote, const struct lade_msg_listed *listed, struct lade_fault *fault)
{
	struct waiting *waiting;
	int error = LADE_E_PROTOCOL;

	pthread_mutex_lock(&remote->lock);
	waiting = lade_store_remote_find(remote, listed->request);
	if (waiting && waiting->list) {
		lade_writer_put_bytes(waiting->list, listed->objects.data, listed->objects.len);
		error = waiting->list->error;
	}
	pthread_mutex_unlock(&remote->lock);
	return error ? lade_fault_set(fault, error, "understand", remote->connection.peer) : 0;
}

/* [answer] */
static int take_answer(struct remote *remote, const struct lade_msg_answer *answer, struct lade_fault *fault)
{
	struct waiting *waiting;
	int error = 0;

	pthread_mutex_lock(&remote->lock);
	waiting = lade_store_remote_find(remote, answer->request);
	if (waiting) {
		waiting->error = lade_store_answer_get(answer, waiting->operation, waiting->fault);
		/* A get that went well has all its bytes. */
		if (!waiting->error && waiting->out && waiting->len)
			error = LADE_E_PROTOCOL;
		waiting->done = !error;
		pthread_cond_signal(&waiting->answered);
	} else {
		error = LADE_E_PROTOCOL;
	}
	pthread_mutex_unlock(&remote->lock);
	return error ? lade_fault_set(fault, error, "understand", remote->connection.peer) : 0;
}

int lade_store_remote_take_report(const struct remote *remote, const struct lade_msg_report *report, struct lade_fault *fault)
{
	char words[LADE_FAULT_SUBJECT_SIZE];
	size_t len = 0;
	const struct lade_slice parts[] = { report->operation, report->subject, report->reason };

	if (report->severity != 3)
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", remote->connection.peer);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const size_t room = sizeof(words) - len - 2, piece = parts[i].len < room / 2 ? parts[i].len : room / 2;

		if (!piece)
			continue;
		if (len)
			words[len++] = ' ';
		memcpy(words + len, parts[i].data, piece);
		len += piece;
	}
	return lade_fault_set_bytes(fault, LADE_E_REMOTE, "be served:", words, len);
}

static int take_frame(struct remote *remote, struct lade_slice control, uint32_t payload_len, struct lade_fault *fault)
{
	struct lade_message message;
	struct lade_reader reader;
	int error = 0;

	lade_reader_init(&reader, control.data, control.len);
	while (!error && lade_reader_left(&reader)) {
		error = lade_message_get(&reader, &message);
		if (error || (payload_len && !lade_reader_left(&reader)) != (message.type == LADE_MSG_DATA))
			return lade_fault_set(fault, error ? error : LADE_E_PROTOCOL, "understand", remote->connection.peer);
		switch (message.type) {
		case LADE_MSG_DATA:
			error = take_data(remote, &message.data, payload_len, fault);
			break;
		case LADE_MSG_LISTED:
			error = take_listed(remote, &message.listed, fault);
			break;
		case LADE_MSG_ANSWER:
			error = take_answer(remote, &message.answer, fault);
			break;
		case LADE_MSG_REPORT:
			error = lade_store_remote_take_report(remote, &message.report, fault);
			break;
		default:
			error = lade_fault_set(fault, LADE_E_PROTOCOL, "understand", remote->connection.peer);
		}
	}
	return error;
}

void *lade_store_remote_read(void *context)
{
	struct remote *remote = context;
	struct lade_writer control;
	struct lade_fault fault;
	uint32_t payload_len;
	int error;

	lade_writer_init(&control, LADE_CONTROL_MAX);
	do {
		error = lade_frame_read(&remote->connection, &control, &payload_len, &fault);
		atomic_fetch_add(&remote->heard, 1);
		if (!error)
			error = take_frame(remote, lade_slice(control.data, control.len), payload_len, &fault);
	} while (!error);
	lade_writer_fini(&control);
	/* Who writes, and waits for room, is not to wait for ever. */
	lade_connection_cancel(&remote->connection);
	pthread_mutex_lock(&remote->lock);
	lade_store_remote_lose(remote, error, &fault);
	pthread_mutex_unlock(&remote->lock);
	return NULL;
}
