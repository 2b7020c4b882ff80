/*
 * The serving side of a store. One thread takes request after request, in order, and answers each before it reads the next one. So nothing is kept for a client but the objects
 * that it has begun, and neither side waits for ever: a client reads at all times (protocol/PROTOCOL.md, section 8), so an answer always gets through.
 *
 * What comes is hostile until it was checked: lengths by the tables of messages, names and rights by store_rights.c, the order of messages here.
 */
#include "agent/store/store_server_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/publish.h"
#include "agent/store/store_answer.h"
#include "agent/store/store_folder.h"
#include "agent/tree/place.h"
#include "protocol/exit_status.h"
#include "transport/clock.h"
#include "transport/frame.h"

/* How long, and how much, a client is heard out whose session is over. */
#define HEAR_OUT_MS 5000
#define HEAR_OUT_MAX (4u << 20)

uint8_t *lade_store_server_buffer(struct store_server *server)
{
	if (!server->buffer)
		server->buffer = malloc(LADE_PAYLOAD_MAX);
	return server->buffer;
}

int lade_store_server_name(struct lade_slice slice, char out[LADE_OBJECT_NAME_MAX + 1], struct lade_fault *fault)
{
	if (slice.len > LADE_OBJECT_NAME_MAX || memchr(slice.data, 0, slice.len))
		return lade_fault_set_bytes(fault, LADE_E_REFUSED, "name", slice.data, slice.len);
	memcpy(out, slice.data, slice.len);
	out[slice.len] = '\0';
	return 0;
}

int lade_store_server_flush(struct store_server *server, uint32_t payload_len, struct lade_fault *fault)
{
	int error = server->out.error;

	if (error)
		return lade_fault_set(fault, error, "answer", server->connection->peer);
	error = lade_frame_write(server->connection, lade_slice(server->out.data, server->out.len), payload_len, fault);
	lade_writer_reset(&server->out);
	return error;
}

/* Say how a request went. Returns 0 or a failure of the session. */
static int answer(struct store_server *server, uint32_t request, int result, struct lade_fault *fault)
{
	lade_store_answer_put(&server->out, request, result, fault);
	return lade_store_server_flush(server, 0, fault);
}

/* ---- lists ---- */

/* A list on its way. */
struct listing {
	struct store_server *server;
	uint32_t request;
	struct lade_writer objects;
	bool lost; /* by a failure of the session */
	struct lade_fault *fault;
};

static int flush_list(struct listing *listing)
{
	const struct lade_msg_listed listed = { .request = listing->request, .objects = lade_slice(listing->objects.data, listing->objects.len) };
	int error = 0;

	if (listing->objects.len) {
		lade_put_listed(&listing->server->out, &listed);
		error = lade_store_server_flush(listing->server, 0, listing->fault);
		listing->lost = error;
	}
	lade_writer_reset(&listing->objects);
	return error;
}

static int visit(void *context, const struct lade_store_object *object)
{
	struct listing *listing = context;

	lade_writer_put_slice(&listing->objects, lade_slice(object->name, strlen(object->name)));
	lade_writer_put_varint(&listing->objects, object->len);
	if (listing->objects.error)
		return lade_fault_set(listing->fault, listing->objects.error, "list", NULL);
	/* Another one has room in any case. */
	return listing->objects.len > LADE_LISTED_MAX / 2 ? flush_list(listing) : 0;
}

/* [list] */
static int list(struct store_server *server, const struct lade_msg_list *message, bool *session_out, struct lade_fault *fault)
{
	struct listing listing = { .server = server, .request = message->request, .fault = fault };
	char prefix[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_store_server_name(message->prefix, prefix, fault);

	if (error)
		return error;
	lade_writer_init(&listing.objects, LADE_LISTED_MAX);
	error = lade_store_list(server->store, prefix, visit, &listing, fault);
	if (!error)
		error = flush_list(&listing);
	*session_out = listing.lost;
	lade_writer_fini(&listing.objects);
	return error;
}

/* ---- renaming, deleting ---- */

/* What clients have committed becomes what it is for; who may not see to that himself waits for it. What cannot be done is done another time. */
static void publish(struct store_server *server)
{
	const struct lade_publish_setup setup = { .repository = server->repository, .note = server->serving->note, .context = server->serving->context };
	struct lade_fault fault;

	if (!server->repository)
		return;
	lade_store_watch_busy(server->watch, true);
	if (lade_publish_all(&setup, &fault))
		lade_publish_tell(setup.note, setup.context, "a backup is committed, and is still to be published: %s \"%s\": %s", fault.operation, fault.subject,
				  lade_fault_reason(&fault));
	lade_store_watch_busy(server->watch, false);
}

/* [rename] *committed_out: somebody's session is. */
static int rename_object(struct store_server *server, const struct lade_msg_rename *message, bool *committed_out, struct lade_fault *fault)
{
	char from[LADE_OBJECT_NAME_MAX + 1], to[LADE_OBJECT_NAME_MAX + 1], allowed[LADE_OBJECT_NAME_MAX + 1];
	struct lade_object_name target;
	int error = lade_store_server_name(message->from, from, fault);

	if (!error)
		error = lade_store_server_name(message->to, to, fault);
	if (!error)
		error = lade_store_rights_rename(&server->rights, from, to, allowed, fault);
	if (!error)
		error = lade_store_rename(server->store, from, allowed, fault);
	*committed_out = !error && lade_object_name_parse(allowed, &target) == 0 && target.kind == LADE_NAME_COMMITTED;
	return error;
}

/* [remove] */
static int remove_object(struct store_server *server, const struct lade_msg_remove *message, struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_store_server_name(message->name, name, fault);

	if (!error)
		error = lade_store_rights_remove(&server->rights, server->store, name, fault);
	return error ? error : lade_store_remove(server->store, name, fault);
}

/* ---- requests ---- */

/*
 * Do what is done here, and nothing is said meanwhile: the client waits for us. *session_out: it is a failure of the session; *committed_out: somebody's session is. Returns
 * 0 or what went wrong.
 */
static int do_here(struct store_server *server, const struct lade_message *message, bool *session_out, bool *committed_out, struct lade_fault *fault)
{
	int result;

	lade_store_watch_busy(server->watch, true);
	switch (message->type) {
	case LADE_MSG_PUT_END:
		result = lade_store_server_end(server, &message->put_end, session_out, fault);
		break;
	case LADE_MSG_RENAME:
		result = rename_object(server, &message->rename, committed_out, fault);
		break;
	case LADE_MSG_REMOVE:
		result = remove_object(server, &message->remove, fault);
		break;
	default:
		result = lade_store_barrier(server->store, fault); /* [barrier] */
	}
	lade_store_watch_busy(server->watch, false);
	return result;
}

/* Do a request and answer it. Returns 0 or a failure of the session. */
static int serve_request(struct store_server *server, const struct lade_message *message, struct lade_fault *fault)
{
	bool session = false, committed = false;
	uint32_t request;
	int result;

	switch (message->type) {
	case LADE_MSG_PUT_END:
		request = message->put_end.request;
		result = do_here(server, message, &session, &committed, fault);
		break;
	case LADE_MSG_GET:
		request = message->get.request;
		result = lade_store_server_get(server, &message->get, &session, fault);
		break;
	case LADE_MSG_LIST:
		request = message->list.request;
		result = list(server, &message->list, &session, fault);
		break;
	case LADE_MSG_RENAME:
		request = message->rename.request;
		result = do_here(server, message, &session, &committed, fault);
		break;
	case LADE_MSG_REMOVE:
		request = message->remove.request;
		result = do_here(server, message, &session, &committed, fault);
		break;
	case LADE_MSG_BARRIER:
		request = message->barrier.request;
		result = do_here(server, message, &session, &committed, fault);
		break;
	default:
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", server->connection->peer);
	}
	if (session)
		return result;
	result = answer(server, request, result, fault);
	if (committed)
		publish(server);
	return result;
}

/* Take one message; payload_len bytes of payload stand behind it. */
static int serve_message(struct store_server *server, const struct lade_message *message, uint32_t payload_len, struct lade_fault *fault)
{
	if ((message->type == LADE_MSG_PUT_RUN ? message->put_run.len : 0) != payload_len || (message->type == LADE_MSG_PUT_RUN && !payload_len))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", server->connection->peer);
	switch (message->type) {
	case LADE_MSG_PUT:
		return lade_store_server_put(server, message->put.put, fault);
	case LADE_MSG_PUT_RUN:
		return lade_store_server_run(server, &message->put_run, fault);
	case LADE_MSG_PUT_ABANDON:
		return lade_store_server_abandon(server, message->put_abandon.put, fault);
	default:
		return serve_request(server, message, fault);
	}
}

/* All messages of a frame. The payload belongs to the last one. */
static int serve_frame(struct store_server *server, struct lade_slice control, uint32_t payload_len, struct lade_fault *fault)
{
	struct lade_message message;
	struct lade_reader reader;
	int error = 0;

	lade_reader_init(&reader, control.data, control.len);
	while (!error && lade_reader_left(&reader)) {
		error = lade_message_get(&reader, &message);
		if (error)
			return lade_fault_set(fault, error, "understand", server->connection->peer);
		error = serve_message(server, &message, lade_reader_left(&reader) ? 0 : payload_len, fault);
	}
	return error;
}

/* ---- the opening ---- */

/* The directory of the repository: *fd_out. */
static int open_directory(const struct store_server *server, const char *path, bool create, int *fd_out, struct lade_fault *fault)
{
	const struct lade_base base = { .fd = server->serving->root_fd }, *below = base.fd >= 0 ? &base : NULL;
	int fd, error;

	if (create && server->rights.class != LADE_STORE_OWNS)
		return lade_fault_set(fault, LADE_E_REFUSED, "make", path);
	if (create && lade_place_make_directory(below, path, 0700) && errno != EEXIST)
		return lade_fault_set(fault, LADE_E_SYSTEM, "make", path);
	fd = lade_place_open(below, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM, "open", path);
	error = create ? lade_store_folder_vacant(fd, fault) : 0;
	if (error)
		close(fd);
	else
		*fd_out = fd;
	return error;
}

/* The repository that the client names, and its store. */
static int open_store(struct store_server *server, const char *path, bool create, struct lade_fault *fault)
{
	int fd, error = open_directory(server, path, create, &fd, fault);

	if (!error)
		error = lade_store_folder_enter(fd, create, &server->store, fault);
	if (!error && !create)
		error = lade_repository_look(server->store, fault);
	if (error || server->rights.class == LADE_STORE_READS || server->rights.class == LADE_STORE_OWNS)
		return error;
	/* It has the store from here on. */
	error = lade_repository_open_keyless(server->store, &server->repository, fault);
	server->store = error ? NULL : server->repository->store;
	return error;
}

/* [open-store] Hear what is wanted, and answer. *told_out: the client knows why not. */
static int hear_opening(struct store_server *server, struct lade_writer *control, bool *told_out, struct lade_fault *fault)
{
	struct lade_message message;
	struct lade_reader reader;
	uint32_t payload_len;
	char path[LADE_STORE_PATH_MAX + 1];
	struct lade_fault own;
	int error = lade_frame_read(server->connection, control, &payload_len, fault), result;

	if (error)
		return error;
	lade_reader_init(&reader, control->data, control->len);
	error = lade_message_get(&reader, &message);
	if (!error && message.type == LADE_MSG_OPEN)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "sync files with a server that has repositories alone", NULL);
	if (!error && (message.type != LADE_MSG_OPEN_STORE || payload_len || lade_reader_left(&reader) || !message.open_store.path.len ||
		       memchr(message.open_store.path.data, 0, message.open_store.path.len)))
		error = LADE_E_PROTOCOL;
	if (error)
		return lade_fault_set(fault, error, "understand", server->connection->peer);
	memcpy(path, message.open_store.path.data, message.open_store.path.len);
	path[message.open_store.path.len] = '\0';
	lade_store_watch_busy(server->watch, true);
	result = open_store(server, path, message.open_store.create, fault);
	lade_store_watch_busy(server->watch, false);
	if (result)
		own = *fault;
	error = answer(server, 0, result, fault);
	if (error || !result)
		return error;
	*told_out = true;
	*fault = own;
	return result;
}

/* ---- the session ---- */

/* Until the client hangs up, which is where a frame would begin. */
static int serve_frames(struct store_server *server, struct lade_writer *control, struct lade_fault *fault)
{
	uint32_t payload_len;
	int error;

	do {
		error = lade_frame_read(server->connection, control, &payload_len, fault);
		if (error == LADE_E_CLOSED && !server->connection->torn)
			return 0;
		if (!error)
			error = serve_frame(server, lade_slice(control->data, control->len), payload_len, fault);
	} while (!error);
	return error;
}

/* Hear what was said already, for a while: were the connection closed with that unread, the client might never read why. */
static void hear_out(struct store_server *server)
{
	const int64_t end_ms = lade_clock_ms() + HEAR_OUT_MS;
	uint8_t scratch[16384];
	size_t left = HEAR_OUT_MAX, got = 1;
	int64_t left_ms;

	while (got && got <= left && (left_ms = end_ms - lade_clock_ms()) > 0) {
		left -= got;
		if (lade_connection_wait(server->connection, (int)left_ms, NULL) ||
		    lade_connection_read_some(server->connection, scratch, sizeof(scratch), &got, NULL))
			return;
	}
}

/* Say why it is over. */
static void complain(struct store_server *server, const struct lade_fault *why)
{
	const char *reason = lade_fault_reason(why);
	const struct lade_msg_report report = {
		.severity = 3, .exit = why->code == LADE_E_UNSUPPORTED ? LADE_EXIT_VERSION : LADE_EXIT_OK, .error = why->sys_errno > 0 && why->sys_errno <= 4095 ? (uint32_t)why->sys_errno : 0,
		.operation = lade_slice(why->operation, strlen(why->operation)), .subject = lade_slice(why->subject, strlen(why->subject)),
		.reason = lade_slice(reason, strlen(reason)),
	};
	struct lade_fault fault;

	lade_writer_reset(&server->out);
	lade_put_report(&server->out, &report);
	if (lade_store_server_flush(server, 0, &fault))
		return;
	lade_connection_end_writing(server->connection);
	hear_out(server);
}

/* What a client has done that it was not told of yet. */
static bool is_breach(int error)
{
	return error == LADE_E_PROTOCOL || error == LADE_E_UNSUPPORTED || error == LADE_E_LIMIT || error == LADE_E_TRUNCATED || error == LADE_E_MEMORY;
}

/* What a session needs before a word is heard: movers, limits, and somebody who watches. */
static int prepare(struct store_server *server, struct lade_fault *fault)
{
	const struct lade_store_serving *serving = server->serving;
	int error = lade_movers_new(NULL, &server->movers);

	if (!error && serving->bwlimit)
		error = lade_throttle_new(serving->bwlimit, &server->incoming);
	if (!error && serving->bwlimit && !serving->connection->throttle) {
		error = lade_throttle_new(serving->bwlimit, &server->outgoing);
		serving->connection->throttle = server->outgoing;
	}
	if (error)
		return lade_fault_set(fault, error, "serve", serving->connection->peer);
	return serving->timeout ? lade_store_watch_start(serving->connection, server->movers, serving->timeout, &server->watch, fault) : 0;
}

/* Nothing is left of it. */
static void clean_up(struct store_server *server)
{
	lade_store_server_forget(server);
	if (server->repository)
		lade_repository_close(server->repository);
	else
		lade_store_close(server->store);
	if (server->outgoing)
		server->connection->throttle = NULL;
	lade_throttle_free(server->incoming);
	lade_throttle_free(server->outgoing);
	lade_movers_free(server->movers);
	lade_writer_fini(&server->out);
	free(server->buffer);
}

int lade_store_serve(const struct lade_store_serving *serving, struct lade_fault *fault)
{
	struct store_server server = { .serving = serving, .connection = serving->connection, .rights = serving->rights };
	struct lade_writer control;
	struct lade_fault own;
	bool told = false;
	int error;

	fault = fault ? fault : &own;
	lade_writer_init(&control, LADE_CONTROL_MAX);
	lade_writer_init(&server.out, LADE_CONTROL_MAX);
	error = prepare(&server, fault);
	if (!error)
		error = hear_opening(&server, &control, &told, fault);
	if (!error) {
		publish(&server);
		error = serve_frames(&server, &control, fault);
	}
	/* Last words do not wait for the limit. */
	lade_throttle_lift(server.outgoing);
	if (error && !told && is_breach(error))
		complain(&server, fault);
	if (lade_store_watch_stop(server.watch))
		error = lade_fault_set(fault, LADE_E_TIMEOUT, "wait for", serving->connection->peer);
	clean_up(&server);
	lade_writer_fini(&control);
	return error;
}
