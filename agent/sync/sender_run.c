/*
 * One run on its way. It is digested just before it is sent, from a mapped window or, where
 * it is to be copied anyway, from the buffer that it was read into. The digest travels
 * in front of the payload, so a run that turns out shorter is padded with zeros to
 * its announced length and then aborted: the connection stays in step.
 */
#include "agent/sync/sender_feed.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/sync/file_digest.h"
#include "transport/clock.h"

#define WINDOW_LEN (8u << 20)
#define PIECE_LEN (256u << 10)

void lade_feed_close_window(struct feeder *feeder)
{
	lade_mapping_close(&feeder->window);
	feeder->window_fd = -1;
}

/*
 * The run's bytes in memory: in the window that holds it, else in a new one. NULL if
 * the file cannot be mapped (or not that far: then *error_out is LADE_E_SHRUNK).
 */
static const uint8_t *map_run(struct feeder *feeder, int fd, uint64_t size, uint64_t off, uint32_t len, int *error_out)
{
	uint64_t window_len = size - off < WINDOW_LEN ? size - off : WINDOW_LEN;

	*error_out = 0;
	if (feeder->window_fd != fd || off < feeder->window_off ||
	    off + len > feeder->window_off + feeder->window.len) {
		lade_feed_close_window(feeder);
		*error_out = lade_mapping_open(&feeder->window, fd, (off_t)off, (size_t)window_len, NULL);
		if (*error_out == LADE_E_SHRUNK && window_len > len)
			*error_out = lade_mapping_open(&feeder->window, fd, (off_t)off, len, NULL);
		if (*error_out)
			return NULL;
		feeder->window_fd = fd;
		feeder->window_off = off;
	}
	return feeder->window.data + (off - feeder->window_off);
}

/*
 * Send a run that is in memory by copying it to the connection. *sent_out counts what left; a fault in the mapping is LADE_E_SHRUNK: the kernel
 * says so; where the bytes are encrypted here, they are zeros from then on, and the window tells.
 */
static int send_memory(struct feeder *feeder, const uint8_t *data, uint32_t len, uint64_t *sent_out,
		       struct lade_fault *fault)
{
	bool mapped = feeder->window_fd >= 0 && data >= feeder->window.data &&
		data < feeder->window.data + feeder->window.len;

	*sent_out = 0;
	while (*sent_out < len) {
		size_t piece = len - *sent_out < PIECE_LEN ? (size_t)(len - *sent_out) : PIECE_LEN;
		struct iovec vector = { (void *)(data + *sent_out), piece };
		int error = lade_connection_write(feeder->session->connection, &vector, 1, *sent_out + piece < len, fault);

		if (error && fault->sys_errno == EFAULT) {
			*sent_out += piece - vector.iov_len;
			return LADE_E_SHRUNK;
		}
		if (error)
			return error;
		*sent_out += piece;
		if (mapped && lade_mapping_damaged(&feeder->window))
			return LADE_E_SHRUNK;
	}
	return 0;
}

static int pad(struct feeder *feeder, uint64_t len, struct lade_fault *fault)
{
	static const uint8_t zeros[4096];
	int error = 0;

	while (len && !error) {
		struct iovec vector = { (void *)zeros, len < sizeof(zeros) ? (size_t)len : sizeof(zeros) };

		len -= vector.iov_len;
		error = lade_connection_write(feeder->session->connection, &vector, 1, false, fault);
	}
	return error;
}

/* The run's bytes read into memory. NULL and *error_out if they cannot be. */
static const uint8_t *read_run(struct feeder *feeder, int fd, uint64_t off, uint32_t len, int *error_out)
{
	const struct lade_range range = { fd, off, len };

	*error_out = LADE_E_MEMORY;
	if (!feeder->run)
		feeder->run = malloc(LADE_PAYLOAD_MAX);
	if (!feeder->run || len > LADE_PAYLOAD_MAX)
		return NULL;
	*error_out = lade_range_read(&range, feeder->run, NULL);
	return *error_out ? NULL : feeder->run;
}

/* Move the payload of a run that was announced: from memory where its bytes are there, else by descriptor. Returns 0, LADE_E_SHRUNK / LADE_E_SOURCE (padded), or a failure of the connection. */
static int send_payload(struct feeder *feeder, int fd, const uint8_t *data, const struct lade_msg_run *run,
			struct lade_fault *fault)
{
	struct lade_move move = {
		.in_fd = fd, .in_off = (off_t)run->off,
		.out_fd = feeder->session->connection->out_fd, .out_off = LADE_NO_OFFSET,
		.len = run->len, .path = feeder->path, .throttle = feeder->session->connection->throttle,
	};
	int error = 0, padded;

	/* It could not be mapped. */
	if (!data && !lade_connection_movable_out(feeder->session->connection))
		data = read_run(feeder, fd, run->off, run->len, &error);
	if (error)
		move.moved = 0;
	else if (data && (feeder->path == LADE_PATH_MMAP || feeder->path == LADE_PATH_COPY))
		error = send_memory(feeder, data, run->len, &move.moved, fault);
	else
		error = lade_move(feeder->session->movers, &move, fault);
	if (error != LADE_E_SHRUNK && error != LADE_E_SOURCE) {
		if (error)
			lade_fault_set(fault, error, "send to", feeder->session->connection->peer);
		return error;
	}
	padded = pad(feeder, run->len - move.moved, fault);
	return padded ? padded : error;
}

int lade_feed_abort_run(struct feeder *feeder, const struct lade_msg_run *run, struct lade_fault *fault)
{
	lade_session_lock(feeder->session);
	lade_session_send_run_abort(feeder->sender->machine, run->slot, run->off, run->len, &feeder->control);
	lade_sender_forget_ranges(feeder->sender, run->slot);
	lade_session_unlock(feeder->session);
	return lade_feed_write_control(feeder, 0, fault);
}

/*
 * Digest a run just before it is sent. *data_out is its bytes if they are in memory, else
 * NULL. False if the file is no longer that long, or unreadable.
 */
static bool digest_run(struct feeder *feeder, int fd, uint64_t size, struct lade_msg_run *run,
		       const uint8_t **data_out)
{
	const struct lade_range range = { fd, run->off, run->len };
	bool copied = feeder->path == LADE_PATH_COPY;
	int error = LADE_E_SOURCE;

	if (lade_feed_is_direct(feeder, fd))
		*data_out = lade_feed_read_direct(feeder, run);
	else
		*data_out = copied ? read_run(feeder, fd, run->off, run->len, &error) :
			map_run(feeder, fd, size, run->off, run->len, &error);
	if (*data_out) {
		lade_digest(&feeder->session->key, *data_out, run->len, run->digest);
		return copied || !lade_mapping_damaged(&feeder->window);
	}
	return error != LADE_E_SHRUNK && error != LADE_E_SOURCE &&
		lade_range_digest(&range, &feeder->session->key, NULL, run->digest, NULL) == 0;
}

/* Announce a run with payload_len bytes of payload. */
static int announce(struct feeder *feeder, const struct lade_msg_run *run, size_t payload_len, struct lade_fault *fault)
{
	lade_session_lock(feeder->session);
	lade_session_send_run(feeder->sender->machine, run, &feeder->control);
	if (!feeder->answers)
		feeder->session->progress.bytes_done += run->len;
	lade_session_unlock(feeder->session);
	return lade_feed_write_control(feeder, (uint32_t)payload_len, fault);
}

/*
 * Send a run that is in memory packed. Returns 0; 1 if it is to travel as it is, of which nothing was said yet; or a failure.
 */
static int send_packed(struct feeder *feeder, int level, const uint8_t *data, uint64_t size, const struct lade_msg_run *run,
		       struct lade_fault *fault)
{
	struct lade_slice packed;
	uint32_t codec;
	uint64_t sent;
	int error = lade_feed_pack_run(feeder, level, run, size, lade_slice(data, run->len), &packed, &codec, fault);

	if (error || !packed.len)
		return error ? error : 1;
	lade_feed_say_packed(feeder, codec, run->len);
	error = announce(feeder, run, packed.len, fault);
	return error ? error : send_memory(feeder, packed.data, (uint32_t)packed.len, &sent, fault);
}

/* A run that is not packed. Returns as lade_feed_send_run(). */
static int send_plain(struct feeder *feeder, int fd, const uint8_t *data, const struct lade_msg_run *run,
		      struct lade_fault *fault)
{
	int error = announce(feeder, run, run->len, fault);

	if (!error)
		error = send_payload(feeder, fd, data, run, fault);
	if (error != LADE_E_SHRUNK && error != LADE_E_SOURCE)
		return error;
	error = lade_feed_abort_run(feeder, run, fault);
	return error ? error : 1;
}

int lade_feed_send_run(struct feeder *feeder, int fd, uint64_t size, struct lade_msg_run *run, struct lade_fault *fault)
{
	int level = run->len <= LADE_RUN_DEFAULT ? lade_effort_level(&feeder->effort) : 0;
	int64_t cpu_started = lade_path_choice_clock(), started = lade_clock_ns();
	/* What is packed is read. */
	bool reads = feeder->steady || level || lade_feed_is_direct(feeder, fd);
	const uint8_t *data;
	int result = 1;

	feeder->path = reads ? LADE_PATH_COPY : lade_path_choice_pick(&feeder->choice, run->len);
	/* What is encrypted here has to be in memory. */
	if (!lade_connection_movable_out(feeder->session->connection) && feeder->path != LADE_PATH_COPY)
		feeder->path = LADE_PATH_MMAP;
	if (!digest_run(feeder, fd, size, run, &data))
		return 1;
	if (level && data)
		result = send_packed(feeder, level, data, size, run, fault);
	if (result == 1)
		result = send_plain(feeder, fd, data, run, fault);
	if (!reads)
		lade_path_choice_add(&feeder->choice, feeder->path, LADE_STAGE_MOVE, run->len,
				     lade_path_choice_clock() - cpu_started);
	lade_effort_took(&feeder->effort, run->len, lade_clock_ns() - started);
	return result;
}
