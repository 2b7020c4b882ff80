/*
 * The asking side of a served store. Requests are numbered; a thread of its own reads all that comes, at all times, into the memory of who waits for it, so the server never
 * waits for us (protocol/PROTOCOL.md, section 8). What one thread writes is a whole frame under a lock.
 *
 * Limits: LADE_PUTS_MAX puts are begun and not ended; a list has LADE_LIST_MAX bytes. Locks: `writing` is taken before `lock`, never the other way round.
 */
#include "agent/store/store_remote_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/store/store_answer.h"
#include "transport/frame.h"

/* What the server's key has done when it is time to look for another one, whatever kernel he has: half of what transport/connection_tls_write.c lets one do, two writes to a frame. */
#define HEARD_BYTES_MAX (UINT64_C(1) << 36)
#define HEARD_COUNT_MAX (UINT64_C(1) << 20)

/* Seconds that a server has for hanging up. */
#define PATIENCE_S 5

struct remote_put {
	struct lade_store_put put;
	uint32_t number;
	bool said;      /* the server knows of it */
	uint64_t len;
};

static struct remote *remote_of(struct lade_store *store)
{
	return (struct remote *)store;
}

static struct remote_put *put_of(struct lade_store_put *put)
{
	return (struct remote_put *)put;
}

/* ---- the end ---- */

static int tell_lost(const struct remote *remote, struct lade_fault *fault)
{
	if (fault)
		*fault = remote->why;
	return remote->lost;
}

/* A write failed: if the server has said why, before it hung up, the reader finds it; else it finds the end. */
static int lose_by_write(struct remote *remote, int error, const struct lade_fault *why, struct lade_fault *fault)
{
	if (error != LADE_E_CLOSED)
		lade_connection_cancel(&remote->connection);
	pthread_mutex_lock(&remote->lock);
	if (error != LADE_E_CLOSED)
		lade_store_remote_lose(remote, error, why);
	pthread_mutex_unlock(&remote->lock);
	if (fault)
		*fault = *why;
	return error;
}

/* ---- asking ---- */

/* Write what remote->frame has, with a payload. With `writing`. */
static int write_frame(struct remote *remote, struct lade_slice payload, struct lade_fault *fault)
{
	struct lade_fault why;
	int error = remote->frame.error;

	/* What the server was to hear, and does not, nobody can tell it later. */
	if (error)
		return lose_by_write(remote, lade_fault_set(&why, error, "ask", remote->connection.peer), &why, fault);
	error = payload.len ? lade_frame_write_payload(&remote->connection, lade_slice(remote->frame.data, remote->frame.len), payload, &why) :
		lade_frame_write(&remote->connection, lade_slice(remote->frame.data, remote->frame.len), 0, &why);
	if (error)
		return lose_by_write(remote, error, &why, fault);
	/* Here, where nobody else writes: whoever asks later may find that others always do. */
	if (remote->connection.tls && lade_connection_wear(&remote->connection) != LADE_WEAR_NONE)
		atomic_store(&remote->worn, true);
	return 0;
}

/* Begin to wait: its number. Returns 0 or why there will be no answer. */
static int enlist(struct remote *remote, struct waiting *waiting, struct lade_fault *fault)
{
	int error;

	pthread_cond_init(&waiting->answered, NULL);
	waiting->fault = fault;
	pthread_mutex_lock(&remote->lock);
	error = remote->lost ? tell_lost(remote, fault) : 0;
	if (!error) {
		/* 0 is the opening's; who waits for so long that they come round is not met in practice, and is passed over. */
		do
			remote->last_number++;
		while (!remote->last_number || lade_store_remote_find(remote, remote->last_number));
		waiting->number = remote->last_number;
		waiting->next = remote->waiting;
		remote->waiting = waiting;
	}
	pthread_mutex_unlock(&remote->lock);
	if (error)
		pthread_cond_destroy(&waiting->answered);
	return error;
}

/* Wait for the answer. error: of the write, after which there may still be one. */
static int await(struct remote *remote, struct waiting *waiting, int error, struct lade_fault *fault)
{
	struct waiting **link;

	pthread_mutex_lock(&remote->lock);
	/* A frame that could not be made was not sent, and nobody answers it; a connection that takes no more is about to end. */
	while (!waiting->done && (waiting->reading || (!remote->lost && (!error || error == LADE_E_CLOSED))))
		pthread_cond_wait(&waiting->answered, &remote->lock);
	for (link = &remote->waiting; *link != waiting; link = &(*link)->next)
		;
	*link = waiting->next;
	if (waiting->done)
		error = waiting->error;
	else if (remote->lost)
		error = tell_lost(remote, fault);
	pthread_mutex_unlock(&remote->lock);
	pthread_cond_destroy(&waiting->answered);
	return error;
}

/* Encode a request of one kind; data: its message. */
typedef void encoder(struct lade_writer *writer, const struct waiting *waiting, const void *data);

/* Ask, and wait for the answer. */
static int ask(struct remote *remote, struct waiting *waiting, encoder *encode, const void *data, struct lade_fault *fault)
{
	struct lade_fault own;
	int error;

	fault = fault ? fault : &own;
	error = enlist(remote, waiting, fault);
	if (error)
		return error;
	pthread_mutex_lock(&remote->writing);
	lade_writer_reset(&remote->frame);
	encode(&remote->frame, waiting, data);
	error = write_frame(remote, (struct lade_slice){ NULL, 0 }, fault);
	pthread_mutex_unlock(&remote->writing);
	return await(remote, waiting, error, fault);
}

static struct lade_slice slice_of(const char *text)
{
	return lade_slice(text, strlen(text));
}

/* ---- putting ---- */

static int begin(struct lade_store *store, struct lade_store_put **put_out, struct lade_fault *fault)
{
	struct remote *remote = remote_of(store);
	struct remote_put *put = calloc(1, sizeof(*put));
	int error;

	if (!put)
		return lade_fault_set(fault, LADE_E_MEMORY, "store", NULL);
	put->put.store = store;
	pthread_mutex_lock(&remote->lock);
	error = remote->lost ? tell_lost(remote, fault) : 0;
	while (put->number < LADE_PUTS_MAX && remote->puts[put->number])
		put->number++;
	if (!error && put->number == LADE_PUTS_MAX)
		error = lade_fault_set(fault, LADE_E_LIMIT, "store more objects at a time at", remote->connection.peer);
	if (!error)
		remote->puts[put->number] = true;
	pthread_mutex_unlock(&remote->lock);
	if (error)
		free(put);
	else
		*put_out = &put->put;
	return error;
}

static void release(struct remote *remote, struct remote_put *put)
{
	pthread_mutex_lock(&remote->lock);
	remote->puts[put->number] = false;
	pthread_mutex_unlock(&remote->lock);
	free(put);
}

/* [put] If it was not said yet. With `writing`. */
static void say_put(struct remote *remote, struct remote_put *put)
{
	const struct lade_msg_put message = { put->number };

	if (!put->said)
		lade_put_put(&remote->frame, &message);
	put->said = true;
}

/* [put-run] */
static int append_run(struct remote *remote, struct remote_put *put, struct lade_slice data, struct lade_fault *fault)
{
	struct lade_msg_put_run run = { .put = put->number, .len = (uint32_t)data.len };
	int error;

	lade_digest(&remote->key, data.data, data.len, run.digest);
	pthread_mutex_lock(&remote->lock);
	error = remote->lost ? tell_lost(remote, fault) : 0;
	pthread_mutex_unlock(&remote->lock);
	if (error)
		return error;
	pthread_mutex_lock(&remote->writing);
	lade_writer_reset(&remote->frame);
	say_put(remote, put);
	lade_put_put_run(&remote->frame, &run);
	error = write_frame(remote, data, fault);
	pthread_mutex_unlock(&remote->writing);
	put->len += data.len;
	return error;
}

static int append(struct lade_store_put *opaque, const void *data, size_t len, struct lade_fault *fault)
{
	struct remote_put *put = put_of(opaque);
	const uint8_t *bytes = data;
	int error = 0;

	while (len && !error) {
		const size_t piece = len < LADE_RUN_DEFAULT ? len : LADE_RUN_DEFAULT;

		error = append_run(remote_of(put->put.store), put, lade_slice(bytes, piece), fault);
		bytes += piece;
		len -= piece;
	}
	return error;
}

/* What ends a put. */
struct put_end {
	struct remote *remote;
	struct remote_put *put;
	const char *name;
};

/* [put-end] */
static void encode_put_end(struct lade_writer *writer, const struct waiting *waiting, const void *data)
{
	const struct put_end *end = data;
	const struct lade_msg_put_end message = { .request = waiting->number, .put = end->put->number, .len = end->put->len, .name = slice_of(end->name) };

	say_put(end->remote, end->put);
	lade_put_put_end(writer, &message);
}

static int finish(struct lade_store_put *opaque, const char *name, struct lade_fault *fault)
{
	struct remote_put *put = put_of(opaque);
	const struct put_end end = { remote_of(opaque->store), put, name };
	struct waiting waiting = { .operation = "store" };
	int error = ask(end.remote, &waiting, encode_put_end, &end, fault);

	release(end.remote, put);
	return error;
}

/* [put-abandon] */
static void abandon(struct lade_store_put *opaque)
{
	struct remote *remote = remote_of(opaque->store);
	struct remote_put *put = put_of(opaque);
	const struct lade_msg_put_abandon message = { put->number };
	bool lost;

	pthread_mutex_lock(&remote->lock);
	lost = remote->lost;
	pthread_mutex_unlock(&remote->lock);
	if (put->said && !lost) {
		pthread_mutex_lock(&remote->writing);
		lade_writer_reset(&remote->frame);
		lade_put_put_abandon(&remote->frame, &message);
		/* A connection that fails here fails for the next one who asks. */
		(void)write_frame(remote, (struct lade_slice){ NULL, 0 }, NULL);
		pthread_mutex_unlock(&remote->writing);
	}
	release(remote, put);
}

/* ---- the other operations ---- */

static void encode_get(struct lade_writer *writer, const struct waiting *waiting, const void *data)
{
	struct lade_msg_get message = *(const struct lade_msg_get *)data;

	message.request = waiting->number;
	lade_put_get(writer, &message);
}

/* [get] */
static int get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *fault)
{
	struct waiting waiting = { .operation = "read", .out = out, .len = len };
	const struct lade_msg_get message = { .off = off, .len = len, .name = slice_of(name) };

	if (off > LADE_FILE_SIZE_MAX || len > LADE_FILE_SIZE_MAX)
		return lade_fault_set(fault, LADE_E_TRUNCATED, "read", name);
	return ask(remote_of(store), &waiting, encode_get, &message, fault);
}

static void encode_list(struct lade_writer *writer, const struct waiting *waiting, const void *data)
{
	const struct lade_msg_list message = { .request = waiting->number, .prefix = slice_of(data) };

	lade_put_list(writer, &message);
}

/* Show a list that has come. */
static int show(const struct remote *remote, const struct lade_writer *list, int (*visit)(void *context, const struct lade_store_object *object),
		void *context, struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_store_object object = { .name = name };
	struct lade_reader reader;
	struct lade_slice slice;
	int result = 0;

	lade_reader_init(&reader, list->data, list->len);
	while (!result && lade_reader_left(&reader)) {
		slice = lade_reader_get_slice(&reader, LADE_OBJECT_NAME_MAX);
		object.len = lade_reader_get_varint(&reader, LADE_FILE_SIZE_MAX);
		if (reader.error || memchr(slice.len ? slice.data : (const uint8_t *)"", 0, slice.len ? slice.len : 1))
			return lade_fault_set(fault, LADE_E_PROTOCOL, "understand a list of", remote->connection.peer);
		memcpy(name, slice.data, slice.len);
		name[slice.len] = '\0';
		if (!lade_object_name_ok(name, false))
			return lade_fault_set(fault, LADE_E_PROTOCOL, "understand a list of", remote->connection.peer);
		result = visit(context, &object);
	}
	return result;
}

/* [list] */
static int list(struct lade_store *store, const char *prefix, int (*visit)(void *context, const struct lade_store_object *object),
		void *context, struct lade_fault *fault)
{
	struct lade_writer objects;
	struct waiting waiting = { .operation = "list", .list = &objects };
	int error;

	lade_writer_init(&objects, LADE_LIST_MAX);
	error = ask(remote_of(store), &waiting, encode_list, prefix, fault);
	if (!error)
		error = show(remote_of(store), &objects, visit, context, fault);
	lade_writer_fini(&objects);
	return error;
}

static void encode_rename(struct lade_writer *writer, const struct waiting *waiting, const void *data)
{
	struct lade_msg_rename message = *(const struct lade_msg_rename *)data;

	message.request = waiting->number;
	lade_put_rename(writer, &message);
}

/* [rename] */
static int rename_once(struct lade_store *store, const char *from, const char *to, struct lade_fault *fault)
{
	struct waiting waiting = { .operation = "rename" };
	const struct lade_msg_rename message = { .from = slice_of(from), .to = slice_of(to) };

	return ask(remote_of(store), &waiting, encode_rename, &message, fault);
}

static void encode_remove(struct lade_writer *writer, const struct waiting *waiting, const void *data)
{
	const struct lade_msg_remove message = { .request = waiting->number, .name = slice_of(data) };

	lade_put_remove(writer, &message);
}

/* [remove] */
static int remove_object(struct lade_store *store, const char *name, struct lade_fault *fault)
{
	struct waiting waiting = { .operation = "delete" };

	return ask(remote_of(store), &waiting, encode_remove, name, fault);
}

static void encode_barrier(struct lade_writer *writer, const struct waiting *waiting, const void *data)
{
	const struct lade_msg_barrier message = { waiting->number };

	(void)data;
	lade_put_barrier(writer, &message);
}

/* [barrier] */
static int barrier(struct lade_store *store, struct lade_fault *fault)
{
	struct waiting waiting = { .operation = "write to disk" };

	return ask(remote_of(store), &waiting, encode_barrier, NULL, fault);
}

/* ---- the store itself ---- */

bool lade_store_remote_is_lost(struct lade_store *store)
{
	struct remote *remote = remote_of(store);
	bool lost;

	pthread_mutex_lock(&remote->lock);
	lost = remote->lost;
	pthread_mutex_unlock(&remote->lock);
	return lost;
}

bool lade_store_remote_is_worn(struct lade_store *store)
{
	struct remote *remote = remote_of(store);

	if (!remote->connection.tls || lade_store_remote_is_lost(store))
		return false;
	return atomic_load(&remote->worn) || atomic_load(&remote->connection.received) >= HEARD_BYTES_MAX || atomic_load(&remote->heard) >= HEARD_COUNT_MAX;
}

/* When patience ends that begins now. */
static struct timespec patience_end(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += PATIENCE_S;
	return end;
}

/* Say the end, but not into a frame of whoever gives signs of life. False: what he writes goes nowhere, and no end can be said. */
static bool say_end(struct remote *remote)
{
	const struct timespec until = patience_end();

	if (pthread_mutex_timedlock(&remote->writing, &until))
		return false;
	lade_connection_end_writing(&remote->connection);
	pthread_mutex_unlock(&remote->writing);
	return true;
}

/* The server hangs up when it has heard the end; then the reader ends. One that does not is left alone after a while. */
static void stop_reading(struct remote *remote)
{
	struct timespec until;

	if (!lade_store_remote_is_lost(&remote->store) && say_end(remote)) {
		until = patience_end();
		if (pthread_timedjoin_np(remote->reader, NULL, &until) == 0)
			return;
	}
	lade_connection_cancel(&remote->connection);
	pthread_join(remote->reader, NULL);
}

static void close_remote(struct lade_store *store)
{
	struct remote *remote = remote_of(store);

	pthread_mutex_lock(&remote->lock);
	remote->closing = true;
	pthread_cond_signal(&remote->woken);
	pthread_mutex_unlock(&remote->lock);
	if (remote->has_reader)
		stop_reading(remote);
	/* If it waits for an answer, the end of the reader was one; what it asks behind our end fails. */
	if (remote->has_sign)
		pthread_join(remote->sign, NULL);
	pthread_cond_destroy(&remote->woken);
	(void)lade_connection_reap(&remote->connection);
	lade_writer_fini(&remote->frame);
	pthread_mutex_destroy(&remote->writing);
	pthread_mutex_destroy(&remote->lock);
	free(remote);
}

static const struct lade_store_operations operations = {
	.begin = begin,
	.append = append,
	.finish = finish,
	.abandon = abandon,
	.get = get,
	.list = list,
	.rename_once = rename_once,
	.remove = remove_object,
	.barrier = barrier,
	.close = close_remote,
};

static int judge_answer(const struct remote *remote, struct lade_reader *reader, uint32_t payload_len, struct lade_fault *fault)
{
	struct lade_message message;

	if (lade_message_get(reader, &message) || payload_len || lade_reader_left(reader))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", remote->connection.peer);
	if (message.type == LADE_MSG_REPORT)
		return lade_store_remote_take_report(remote, &message.report, fault);
	if (message.type == LADE_MSG_ANSWER && message.answer.request == 0)
		return lade_store_answer_get(&message.answer, "open", fault);
	return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", remote->connection.peer);
}

/* What the opening is answered with. */
static int hear_answer(struct remote *remote, const char *path, struct lade_fault *fault)
{
	struct lade_writer control;
	struct lade_reader reader;
	uint32_t payload_len;
	int error;

	lade_writer_init(&control, LADE_CONTROL_MAX);
	error = remote->connection.timeout_ms ? lade_connection_wait(&remote->connection, remote->connection.timeout_ms, fault) : 0;
	if (error == LADE_E_AGAIN)
		error = lade_fault_set(fault, LADE_E_TIMEOUT, "hear of the repository from", remote->connection.peer);
	if (!error)
		error = lade_frame_read(&remote->connection, &control, &payload_len, fault);
	lade_reader_init(&reader, control.data, control.len);
	if (!error)
		error = judge_answer(remote, &reader, payload_len, fault);
	if (error && fault && !fault->subject[0])
		error = lade_fault_set(fault, error, fault->operation, path);
	lade_writer_fini(&control);
	return error;
}

/* [open-store] */
static int open_it(struct remote *remote, const char *path, bool create, struct lade_fault *fault)
{
	const struct lade_msg_open_store message = { .create = create, .path = slice_of(path) };
	int error;

	if (!*path || message.path.len > LADE_STORE_PATH_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, "open", path);
	lade_put_open_store(&remote->frame, &message);
	error = remote->frame.error ? lade_fault_set(fault, remote->frame.error, "open", path) :
		lade_frame_write(&remote->connection, lade_slice(remote->frame.data, remote->frame.len), 0, fault);
	/* Who hangs up before may have said why. */
	return error && error != LADE_E_CLOSED ? error : hear_answer(remote, path, fault);
}

/* Begin to read, and to give signs of life to a server that may hang up. */
static int start_threads(struct remote *remote, const char *path, struct lade_fault *fault)
{
	remote->has_reader = pthread_create(&remote->reader, NULL, lade_store_remote_read, remote) == 0;
	if (remote->has_reader && remote->connection.kind == LADE_CONNECTION_TCP)
		remote->has_sign = pthread_create(&remote->sign, NULL, lade_store_remote_stay, remote) == 0;
	if (!remote->has_reader || (remote->connection.kind == LADE_CONNECTION_TCP && !remote->has_sign))
		return lade_fault_set(fault, LADE_E_MEMORY, "open", path);
	return 0;
}

int lade_store_remote_open(const struct lade_connection *connection, const struct lade_run_key *key, const char *path, bool create,
			   struct lade_store **store_out, struct lade_fault *fault)
{
	/* Its key is aligned to more than calloc(3) gives. */
	struct remote *remote = aligned_alloc(_Alignof(struct remote), sizeof(*remote));
	struct lade_connection copy = *connection;
	pthread_condattr_t monotonic;
	struct lade_fault own;
	int error;

	fault = fault ? fault : &own;
	if (!remote) {
		(void)lade_connection_reap(&copy);
		return lade_fault_set(fault, LADE_E_MEMORY, "open", path);
	}
	memset(remote, 0, sizeof(*remote));
	remote->store.operations = &operations;
	remote->connection = copy;
	remote->key = *key;
	pthread_mutex_init(&remote->writing, NULL);
	pthread_mutex_init(&remote->lock, NULL);
	lade_writer_init(&remote->frame, LADE_CONTROL_MAX);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&remote->woken, &monotonic);
	pthread_condattr_destroy(&monotonic);
	error = open_it(remote, path, create, fault);
	/* That was about the opening. */
	remote->connection.timeout_ms = 0;
	if (!error)
		error = start_threads(remote, path, fault);
	if (error)
		close_remote(&remote->store);
	else
		*store_out = &remote->store;
	return error;
}
