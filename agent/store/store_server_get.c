/*
 * Objects that go: sent from their file by sendfile(2) where the connection allows it. Bytes that are announced and cannot be read are zeros, and the answer says so.
 */
#include "agent/store/store_server_internal.h"

#include <errno.h>
#include <unistd.h>

#include "agent/store/store_folder.h"
#include "agent/tree/whole.h"
#include "transport/frame.h"

/* A range of an object that is open. */
struct range {
	int fd;
	uint64_t off;
};

static int write_bytes(struct store_server *server, const uint8_t *data, size_t len, struct lade_fault *fault)
{
	struct iovec vector = { (void *)data, len };

	return lade_connection_write(server->connection, &vector, 1, true, fault);
}

/* Zeros in place of what cannot be read. */
static int pad(struct store_server *server, uint64_t len, struct lade_fault *fault)
{
	static const uint8_t zeros[4096];
	int error = 0;

	while (len && !error) {
		const size_t piece = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		error = write_bytes(server, zeros, piece, fault);
		len -= piece;
	}
	return error;
}

/* Send a piece through memory. *moved_out: how much of it was sent. */
static int copy(struct store_server *server, const struct range *range, uint32_t len, uint64_t *moved_out, struct lade_fault *fault)
{
	uint8_t *buffer = lade_store_server_buffer(server);
	ssize_t got;
	int error;

	*moved_out = 0;
	if (!buffer)
		return lade_fault_set(fault, LADE_E_MEMORY, "send", NULL);
	got = lade_whole_read(range->fd, buffer, len, range->off);
	if (got < 0)
		return lade_fault_set(fault, LADE_E_SOURCE, "read", NULL);
	error = write_bytes(server, buffer, (size_t)got, fault);
	if (error)
		return error;
	*moved_out = (uint64_t)got;
	return (uint64_t)got == len ? 0 : lade_fault_set(fault, LADE_E_SHRUNK, "read", NULL);
}

static int send_file(struct store_server *server, const struct range *range, uint32_t len, uint64_t *moved_out, struct lade_fault *fault)
{
	struct lade_move move = {
		.in_fd = range->fd, .in_off = (off_t)range->off, .out_fd = server->connection->out_fd, .out_off = LADE_NO_OFFSET,
		.len = len, .path = LADE_PATH_SENDFILE, .more = true, .throttle = server->connection->throttle,
	};
	int error = lade_move(server->movers, &move, fault);

	*moved_out = move.moved;
	return error;
}

/* Send a piece of it. Returns 0, LADE_E_SHRUNK or LADE_E_SOURCE: it was padded; or a failure of the session. */
static int send_piece(struct store_server *server, const struct range *range, uint32_t request, uint32_t len, struct lade_fault *fault)
{
	const struct lade_msg_data data = { .request = request, .len = len };
	struct lade_fault own;
	uint64_t moved;
	int error, padded;

	lade_put_data(&server->out, &data);
	error = lade_store_server_flush(server, len, fault);
	if (error)
		return error;
	error = lade_connection_movable_out(server->connection) ? send_file(server, range, len, &moved, &own) : copy(server, range, len, &moved, &own);
	if (!error)
		return 0;
	*fault = own;
	if (error != LADE_E_SHRUNK && error != LADE_E_SOURCE) {
		errno = own.sys_errno;
		return lade_fault_set(fault, error == LADE_E_TARGET ? LADE_E_SYSTEM : error, "send to", server->connection->peer);
	}
	padded = pad(server, len - moved, fault);
	if (padded)
		return padded;
	*fault = own;
	return error;
}

int lade_store_server_get(struct store_server *server, const struct lade_msg_get *get, bool *session_out, struct lade_fault *fault)
{
	struct range range = { .fd = -1, .off = get->off };
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_object_name parsed;
	uint64_t len, left = get->len;
	int error = lade_store_server_name(get->name, name, fault);

	*session_out = false;
	if (!error && lade_object_name_parse(name, &parsed))
		error = lade_fault_set(fault, LADE_E_ABSENT, "read", name);
	if (!error)
		error = lade_store_folder_open_object(server->store, name, &range.fd, &len, fault);
	if (!error && (get->off > len || left > len - get->off))
		error = lade_fault_set(fault, LADE_E_TRUNCATED, "read", name);
	while (!error && left) {
		const uint32_t piece = left < LADE_RUN_DEFAULT ? (uint32_t)left : LADE_RUN_DEFAULT;

		error = send_piece(server, &range, get->request, piece, fault);
		*session_out = error && error != LADE_E_SHRUNK && error != LADE_E_SOURCE;
		range.off += piece;
		left -= piece;
	}
	if (range.fd >= 0)
		close(range.fd);
	return error;
}
