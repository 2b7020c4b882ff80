/*
 * Objects that come: spliced from the connection to their file in tmp/, run by run, and looked at only by the kernel and by who makes digests, in the page cache. An object gets
 * its name when all runs were what the client said, the length is right, and the client may.
 *
 * What is wrong with an object is said at its end; until then its runs are read and dropped. What is wrong with the order is the end of the session.
 */
#include "agent/store/store_server_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/store_folder.h"
#include "agent/tree/whole.h"
#include "transport/frame.h"
#include "transport/mapping.h"

static int broken(const struct store_server *server, struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", server->connection->peer);
}

/* Throw away what there is of it. */
static void discard(struct served_put *put)
{
	lade_store_abandon(put->put);
	put->put = NULL;
}

/* No more is taken of it: put->fault says why. */
static void fail(struct served_put *put, int error)
{
	put->error = error;
	discard(put);
}

/* Count what has come of it. Whoever may delete needs some objects for that, but no packs. Returns 0 or what is to be its failure. */
static int claim(struct store_server *server, struct served_put *put, struct lade_fault *fault)
{
	const bool deletes = server->rights.class == LADE_STORE_MANAGES || server->rights.class == LADE_STORE_OWNS;
	const struct lade_store_room_claim of = {
		.fd = lade_store_folder_put_fd(put->put), .reserve = deletes && (put->head_len <= 4 || put->head[4] != LADE_OBJECT_PACK),
	};
	const uint64_t wanted = lade_store_room_of(put->len);
	int error;

	if (!server->serving->room || wanted <= put->claimed)
		return 0;
	/* It may look at all that there is. */
	lade_store_watch_busy(server->watch, true);
	error = lade_store_room_take(server->serving->room, &of, wanted - put->claimed, fault);
	lade_store_watch_busy(server->watch, false);
	put->no_room = error;
	if (!error)
		put->claimed = wanted;
	return error;
}

int lade_store_server_put(struct store_server *server, uint32_t number, struct lade_fault *fault)
{
	struct served_put *put = server->puts[number];
	int error;

	if (put && put->used)
		return broken(server, fault);
	if (!put)
		put = server->puts[number] = calloc(1, sizeof(*put));
	if (!put)
		return lade_fault_set(fault, LADE_E_MEMORY, "store", NULL);
	memset(put, 0, sizeof(*put));
	put->used = true;
	if (server->rights.class == LADE_STORE_READS) {
		put->error = lade_fault_set(&put->fault, LADE_E_REFUSED, "store", NULL);
		return 0;
	}
	lade_store_watch_busy(server->watch, true);
	error = server->serving->room ? lade_store_room_look(server->serving->room, &put->fault) : 0;
	put->no_room = error;
	if (!error)
		error = lade_store_begin(server->store, &put->put, &put->fault);
	put->error = error;
	lade_store_watch_busy(server->watch, false);
	return 0;
}

/* ---- runs ---- */

/* Read len bytes of payload and drop them. */
static int drop(struct store_server *server, uint64_t len, struct lade_fault *fault)
{
	uint8_t scratch[16384];
	int error = 0;

	while (len && !error) {
		const size_t piece = len < sizeof(scratch) ? (size_t)len : sizeof(scratch);

		error = lade_connection_read(server->connection, scratch, piece, fault);
		len -= piece;
	}
	return error;
}

/* Copy a run, or the rest of it, through memory. */
static int copy(struct store_server *server, struct served_put *put, uint64_t off, size_t len, struct lade_fault *fault)
{
	uint8_t *buffer = lade_store_server_buffer(server);
	int error;

	if (!buffer)
		return lade_fault_set(fault, LADE_E_MEMORY, "receive", NULL);
	error = lade_frame_read_payload(server->connection, buffer, len, fault);
	if (!error && lade_whole_write(lade_store_folder_put_fd(put->put), buffer, len, off))
		fail(put, lade_fault_set(&put->fault, LADE_E_SYSTEM, "write", NULL));
	return error;
}

/* The first bytes of a run, which were read with what came before it. Returns how many; or a failure of the session. */
static int take_ahead(struct store_server *server, struct served_put *put, uint32_t len, struct lade_fault *fault)
{
	uint8_t bytes[LADE_CONNECTION_AHEAD_MAX];
	const uint32_t ahead = server->connection->ahead_len < len ? server->connection->ahead_len : len;
	int error = ahead ? lade_connection_read(server->connection, bytes, ahead, fault) : 0;

	if (!error && ahead && lade_whole_write(lade_store_folder_put_fd(put->put), bytes, ahead, put->len))
		fail(put, lade_fault_set(&put->fault, LADE_E_SYSTEM, "write", NULL));
	return error ? error : (int)ahead;
}

/* Splice a run from its byte at done on. What fails on the file is the object's failure, what fails on the connection is returned. */
static int splice_run(struct store_server *server, struct served_put *put, uint32_t done, uint32_t len, struct lade_fault *fault)
{
	struct lade_connection *connection = server->connection;
	struct lade_move move = {
		.in_fd = connection->in_fd, .in_off = LADE_NO_OFFSET,
		.out_fd = lade_store_folder_put_fd(put->put), .out_off = (off_t)(put->len + done),
		.len = len - done, .path = LADE_PATH_SPLICE,
		/* The kernel's TLS may take the beginning of a record off the queue: then less than is announced is left to wait for. */
		.eager = connection->tls || server->watch,
	};
	struct lade_fault own;
	int error = lade_move(server->movers, &move, &own);

	if (!error)
		return 0;
	/* The kernel's TLS moves nothing past a record that is no data; a reader takes it, and fails if it was something else. */
	if (error == LADE_E_SOURCE && own.sys_errno == EIO)
		return copy(server, put, put->len + done + move.consumed, len - done - (size_t)move.consumed, fault);
	if (error == LADE_E_TARGET) {
		errno = own.sys_errno;
		fail(put, lade_fault_set(&put->fault, LADE_E_SYSTEM, "write", NULL));
		return drop(server, len - done - move.consumed, fault);
	}
	*fault = own;
	return lade_fault_set(fault, error == LADE_E_SOURCE ? LADE_E_SYSTEM : error, "receive from", connection->peer);
}

/* The digest of a run that landed, through a mapping, or read where that does not work. Returns 0 or what went wrong with the file. */
static int digest_landed(struct store_server *server, const struct served_put *put, uint32_t len, uint8_t digest_out[LADE_DIGEST_LEN],
			 struct lade_fault *fault)
{
	const int fd = lade_store_folder_put_fd(put->put);
	struct lade_mapping window = { 0 };
	uint8_t *buffer;
	int error = lade_mapping_open(&window, fd, (off_t)put->len, len, fault);

	if (!error) {
		lade_digest(server->serving->key, window.data, len, digest_out);
		if (lade_mapping_damaged(&window))
			error = lade_fault_set(fault, LADE_E_CHANGED, "read again", NULL);
		lade_mapping_close(&window);
		return error;
	}
	buffer = lade_store_server_buffer(server);
	if (!buffer)
		return lade_fault_set(fault, LADE_E_MEMORY, "read again", NULL);
	if (lade_whole_read(fd, buffer, len, put->len) != (ssize_t)len)
		return lade_fault_set(fault, LADE_E_SYSTEM, "read again", NULL);
	lade_digest(server->serving->key, buffer, len, digest_out);
	return 0;
}

/* A run is in the file: see whether it is the one that was sent, and whether there is too much of the object now. */
static int judge(struct store_server *server, struct served_put *put, const struct lade_msg_put_run *run)
{
	uint8_t digest[LADE_DIGEST_LEN];
	int error = digest_landed(server, put, run->len, digest, &put->fault);

	if (error)
		return error;
	if (!lade_digest_equal(digest, run->digest))
		return lade_fault_set(&put->fault, LADE_E_CHANGED, "receive", NULL);
	lade_store_folder_put_grew(put->put, run->len);
	put->len += run->len;
	if (put->head_len < sizeof(put->head)) {
		const ssize_t got = lade_whole_read(lade_store_folder_put_fd(put->put), put->head, sizeof(put->head), 0);

		if (got < 0)
			return lade_fault_set(&put->fault, LADE_E_SYSTEM, "read again", NULL);
		put->head_len = (size_t)got;
	}
	if (put->len > lade_store_rights_limit(put->head, put->head_len))
		return lade_fault_set(&put->fault, LADE_E_LIMIT, "store", NULL);
	return claim(server, put, &put->fault);
}

/* Have a run in the file: by the kernel, but for what is in memory already. */
static int land(struct store_server *server, struct served_put *put, uint32_t len, struct lade_fault *fault)
{
	const int ahead = take_ahead(server, put, len, fault);

	if (ahead < 0 || (uint32_t)ahead == len)
		return ahead < 0 ? ahead : 0;
	if (!put->put)
		return drop(server, len - (uint32_t)ahead, fault);
	if (lade_connection_movable_in(server->connection))
		return splice_run(server, put, (uint32_t)ahead, len, fault);
	return copy(server, put, put->len + (uint32_t)ahead, len - (uint32_t)ahead, fault);
}

/* Runs wait in the connection until they may come, and so the client does. It is us who are slow then. */
static void wait_for_rate(struct store_server *server, uint32_t len)
{
	if (!server->incoming)
		return;
	lade_store_watch_busy(server->watch, true);
	lade_throttle_take_all(server->incoming, len);
	lade_store_watch_busy(server->watch, false);
}

int lade_store_server_run(struct store_server *server, const struct lade_msg_put_run *run, struct lade_fault *fault)
{
	struct served_put *put = server->puts[run->put];
	int error;

	if (!put || !put->used)
		return broken(server, fault);
	wait_for_rate(server, run->len);
	if (!put->put)
		return drop(server, run->len, fault);
	error = land(server, put, run->len, fault);
	if (error || !put->put)
		return error;
	error = judge(server, put, run);
	if (error)
		fail(put, error);
	return 0;
}

/* ---- the end ---- */

/* What an object failed of, as its end is answered: its name, and which limit there is. */
static int tell(const struct served_put *put, const char *name, struct lade_fault *fault)
{
	/* Its errno is still there. */
	*fault = put->fault;
	if (put->no_room)
		snprintf(fault->subject, sizeof(fault->subject), "%.*s (%.200s)", (int)LADE_OBJECT_NAME_MAX, name, put->fault.subject);
	else
		memcpy(fault->subject, name, strlen(name) + 1);
	return put->error;
}

/* May it have its name? */
static int judge_end(struct store_server *server, struct served_put *put, const struct lade_msg_put_end *end, const char *name, struct lade_fault *fault)
{
	const struct lade_store_candidate candidate = { .name = name, .head = put->head, .head_len = put->head_len, .len = put->len };
	int error;

	if (put->error)
		return tell(put, name, fault);
	if (end->len != put->len)
		return lade_fault_set(fault, LADE_E_CHANGED, "receive all of", name);
	error = lade_store_rights_put(&server->rights, server->store, &candidate, fault);
	if (error)
		return error;
	/* One without bytes was not counted yet. */
	put->error = claim(server, put, &put->fault);
	return put->error ? tell(put, name, fault) : 0;
}

/* Give it its name, if all is well. */
static int finish(struct store_server *server, struct served_put *put, const struct lade_msg_put_end *end, struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_store_server_name(end->name, name, fault);

	if (!error)
		error = judge_end(server, put, end, name, fault);
	if (error) {
		discard(put);
		return error;
	}
	error = lade_store_finish(put->put, name, fault);
	put->put = NULL;
	return error;
}

int lade_store_server_end(struct store_server *server, const struct lade_msg_put_end *end, bool *session_out, struct lade_fault *fault)
{
	struct served_put *put = server->puts[end->put];
	int error;

	*session_out = !put || !put->used;
	if (*session_out)
		return broken(server, fault);
	error = finish(server, put, end, fault);
	put->used = false;
	return error;
}

int lade_store_server_abandon(struct store_server *server, uint32_t number, struct lade_fault *fault)
{
	struct served_put *put = server->puts[number];

	if (!put || !put->used)
		return broken(server, fault);
	discard(put);
	put->used = false;
	return 0;
}

void lade_store_server_forget(struct store_server *server)
{
	for (size_t i = 0; i < LADE_PUTS_MAX; i++) {
		if (server->puts[i])
			discard(server->puts[i]);
		free(server->puts[i]);
	}
}
