/*
 * The feeder: the one thread that writes to the connection. It sends queued control,
 * bundles of small files, runs of large ones, and on a local session descriptors.
 *
 * A run is digested just before it is sent, from a mapped window or, where it is to be
 * copied anyway, from the buffer that it was read into. The digest travels
 * in front of the payload, so a run that turns out shorter is padded with zeros to
 * its announced length and then aborted: the connection stays in step.
 */
#include "agent/sync/sender_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"
#include "agent/sync/path_choice.h"
#include "transport/frame.h"
#include "transport/mapping.h"

/* A bundle is full at this many bytes. */
#define BUNDLE_FULL (256u << 10)
/*
 * A smaller one waits for company while the receiver has this much that it has not
 * acknowledged: it is busy, and each bundle costs both sides some waking up.
 */
#define UNANSWERED_ENOUGH (256u << 10)
#define WINDOW_LEN (8u << 20)
#define PIECE_LEN (256u << 10)

/* The file that is being sent in runs. */
struct large {
	bool open;
	uint32_t slot;
	struct source *source;
	int fd;
	uint64_t off;
	uint64_t extent_end; /* data goes on at least to here */
	bool cut_short;      /* it is shorter than announced, or unreadable from here on */
};

struct feeder {
	struct lade_sender *sender;
	struct lade_session *session;
	struct lade_path_choice choice;
	enum lade_path path;        /* of the run at hand */
	struct lade_writer control; /* of the frame being made */
	uint8_t *bundle;            /* LADE_BUNDLE_MAX bytes */
	struct large large;
	struct lade_mapping window;
	int window_fd;
	uint64_t window_off;
	uint8_t *run; /* LADE_RUN_DEFAULT bytes, for a run that is read: made when it is first needed */
	bool again;       /* the run at hand was asked for again: it is copied, so that it stays what its digest says */
	bool bundle_last; /* the last turn was a bundle's: the next is a run's */
};

/* How runs may leave, for --path=auto. */
static const enum lade_path send_paths[] = { LADE_PATH_SENDFILE, LADE_PATH_MMAP, LADE_PATH_COPY };

enum work_type { WORK_NONE, WORK_BUNDLE, WORK_RUN, WORK_AGAIN };

struct work {
	enum work_type type;
	struct wanted_run again;
};

/* Write the control that was collected as one frame, with payload_len bytes to follow. */
static int write_control(struct feeder *feeder, uint32_t payload_len, struct lade_fault *fault)
{
	int error = feeder->control.error;

	if (error)
		return lade_fault_set(fault, error, "send", NULL);
	error = lade_frame_write(feeder->session->connection, lade_slice(feeder->control.data, feeder->control.len),
				 payload_len, fault);
	lade_writer_reset(&feeder->control);
	return error;
}

/* Open a source where it was found, and see what it is now. -1 and errno if it cannot be opened. */
static int open_source(const struct source *source, struct stat *st)
{
	struct lade_fault fault;
	int directory_fd, fd, saved;

	if (lade_directory_pin(source->directory, &directory_fd, &fault)) {
		errno = fault.sys_errno ? fault.sys_errno : ENOENT;
		return -1;
	}
	/* O_NONBLOCK: the name may be a FIFO by now. */
	fd = openat(directory_fd, source->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	/* A symlink or a socket by now: what was announced is no longer there. */
	saved = errno == ELOOP || errno == ENXIO ? ENOENT : errno;
	lade_directory_unpin(source->directory);
	if (fd >= 0 && fstat(fd, st)) {
		saved = errno;
		close(fd);
		fd = -1;
	}
	if (fd >= 0 && !S_ISREG(st->st_mode)) {
		saved = ENOENT; /* what was announced is no longer there */
		close(fd);
		fd = -1;
	}
	errno = saved;
	return fd;
}

/* [file-end] Lock held. Another attempt, if one is wanted, sends what st names. */
static void say_file_end(struct feeder *feeder, uint32_t slot, struct source *source, const struct stat *st)
{
	bool changed = !lade_source_same(source, st);
	struct lade_msg_file_end end = { .slot = slot, .changed = changed };

	if (changed) {
		source->device = st->st_dev;
		source->inode = st->st_ino;
		lade_source_update(source, st);
	}
	end.size = source->size;
	end.mtime_s = source->mtime.tv_sec;
	end.mtime_ns = (uint32_t)source->mtime.tv_nsec;
	lade_session_send_file_end(feeder->sender->machine, &end, &feeder->control);
}

static void say_gone(struct feeder *feeder, uint32_t slot, const struct source *source, int error_number)
{
	char *path = lade_directory_path(source->directory, source->name);
	struct lade_fault fault;

	errno = error_number;
	lade_fault_set(&fault, LADE_E_SOURCE, "open", path ? path : source->name);
	free(path);
	if (error_number == ENOENT)
		lade_session_tell(feeder->session, LADE_REPORT_WARNING, LADE_EXIT_VANISHED, "file has vanished:",
				  fault.subject, NULL);
	else
		lade_session_report(feeder->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
	lade_session_lock(feeder->session);
	lade_session_send_file_gone(feeder->sender->machine, slot, (uint32_t)error_number, &feeder->control);
	lade_session_unlock(feeder->session);
}

/* ---- bundles ---- */

/* Read a small file behind the header at record. Returns its errno, or 0 and what fstat said. */
static int read_small(const struct source *source, uint8_t *data, struct stat *st)
{
	int fd = open_source(source, st);
	uint64_t len = 0;
	int error = 0;

	if (fd < 0)
		return errno;
	while (len < source->size) {
		ssize_t got = pread(fd, data + len, source->size - len, (off_t)len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error = errno;
		if (got <= 0)
			break;
		len += (uint64_t)got;
	}
	/* Cut short after the fstat: the next one tells. */
	if (!error && (len < source->size) && fstat(fd, st))
		error = errno;
	close(fd);
	return error;
}

/* Add one file to the bundle at used. Returns the new length: the same if it could not be added. */
static size_t bundle_file(struct feeder *feeder, uint32_t slot, size_t used)
{
	struct source *source = feeder->sender->files[slot];
	uint8_t *record = feeder->bundle + used, *data = record + LADE_BUNDLE_RECORD_LEN;
	uint8_t digest[LADE_DIGEST_LEN];
	struct stat st;
	int error = read_small(source, data, &st);

	if (error) {
		say_gone(feeder, slot, source, error);
		return used;
	}
	if (!lade_source_same(source, &st)) {
		lade_session_lock(feeder->session);
		say_file_end(feeder, slot, source, &st);
		lade_session_unlock(feeder->session);
		return used;
	}
	lade_digest(&feeder->session->key, data, source->size, digest);
	lade_bundle_put_header(record, slot, (uint32_t)source->size, digest);
	return used + LADE_BUNDLE_RECORD_LEN + source->size;
}

/* Take small files that fill the rest of a bundle, by their announced sizes. Returns how many. */
static uint32_t take_small(struct feeder *feeder, uint32_t slots[LADE_BUNDLE_COUNT_MAX])
{
	struct lade_sender *sender = feeder->sender;
	struct slot_queue *queue = &sender->small;
	uint32_t count = 0;
	size_t len = 0;

	lade_session_lock(feeder->session);
	while (queue->count && count < LADE_BUNDLE_COUNT_MAX && len < BUNDLE_FULL) {
		uint32_t slot = queue->slots[queue->head];

		len += LADE_BUNDLE_RECORD_LEN + sender->files[slot]->size;
		slots[count++] = slot;
		queue->head = (queue->head + 1) % LADE_SLOTS_MAX;
		queue->count--;
		sender->small_len -= sender->files[slot]->size;
	}
	lade_session_unlock(feeder->session);
	return count;
}

/* Tell the machine which files are in the bundle; the lock is taken once for all. */
static void record_files(struct feeder *feeder, const uint32_t *slots, uint32_t count)
{
	struct lade_sender *sender = feeder->sender;

	lade_session_lock(feeder->session);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t size = sender->files[slots[i]]->size;

		lade_session_send_record(sender->machine, slots[i]);
		feeder->session->progress.bytes_done += size;
		sender->unanswered += size;
		sender->files[slots[i]]->bundled = true;
	}
	lade_session_unlock(feeder->session);
}

/* [bundle] Send what small files are wanted, up to one bundle. */
static int send_bundle(struct feeder *feeder, struct lade_fault *fault)
{
	struct lade_msg_bundle bundle = { 0 };
	uint32_t slots[LADE_BUNDLE_COUNT_MAX], count = take_small(feeder, slots);
	size_t used = 0;
	int error;

	for (uint32_t i = 0; i < count; i++) {
		size_t more = bundle_file(feeder, slots[i], used);

		if (more != used)
			slots[bundle.count++] = slots[i];
		used = more;
	}
	if (bundle.count == 0)
		return feeder->control.len ? write_control(feeder, 0, fault) : 0;
	record_files(feeder, slots, bundle.count);
	lade_put_bundle(&feeder->control, &bundle);
	error = feeder->control.error;
	if (error)
		return lade_fault_set(fault, error, "send", NULL);
	error = lade_frame_write_payload(feeder->session->connection,
					 lade_slice(feeder->control.data, feeder->control.len),
					 lade_slice(feeder->bundle, used), fault);
	lade_writer_reset(&feeder->control);
	return error;
}

/* ---- runs ---- */

static void close_window(struct feeder *feeder)
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
		close_window(feeder);
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

/* Send a run that is in memory by copying it to the connection. *sent_out counts what left; a fault in the mapping is LADE_E_SHRUNK. */
static int send_memory(struct feeder *feeder, const uint8_t *data, uint32_t len, uint64_t *sent_out,
		       struct lade_fault *fault)
{
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

/* Move the payload of a run that was announced: from memory where its bytes are there, else by descriptor. Returns 0, LADE_E_SHRUNK / LADE_E_SOURCE (padded), or a failure of the connection. */
static int send_payload(struct feeder *feeder, int fd, const uint8_t *data, const struct lade_msg_run *run,
			struct lade_fault *fault)
{
	struct lade_move move = {
		.in_fd = fd, .in_off = (off_t)run->off,
		.out_fd = feeder->session->connection->out_fd, .out_off = LADE_NO_OFFSET,
		.len = run->len, .path = feeder->path,
	};
	int error, padded;

	if (data && (feeder->path == LADE_PATH_MMAP || feeder->path == LADE_PATH_COPY))
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

/* [run-abort] */
static int abort_run(struct feeder *feeder, const struct lade_msg_run *run, struct lade_fault *fault)
{
	lade_session_lock(feeder->session);
	lade_session_send_run_abort(feeder->sender->machine, run->slot, run->off, run->len, &feeder->control);
	lade_session_unlock(feeder->session);
	return write_control(feeder, 0, fault);
}

/* The run's bytes read into memory. NULL and *error_out if they cannot be. */
static const uint8_t *read_run(struct feeder *feeder, int fd, uint64_t off, uint32_t len, int *error_out)
{
	const struct lade_range range = { fd, off, len };

	*error_out = LADE_E_MEMORY;
	if (!feeder->run)
		feeder->run = malloc(LADE_RUN_DEFAULT);
	if (!feeder->run || len > LADE_RUN_DEFAULT)
		return NULL;
	*error_out = lade_range_read(&range, feeder->run, NULL);
	return *error_out ? NULL : feeder->run;
}

/*
 * Digest a run just before it is sent. *data_out is its bytes if they are in memory, else
 * NULL. False if the file is no longer that long, or unreadable.
 */
static bool digest_run(struct feeder *feeder, int fd, uint64_t size, struct lade_msg_run *run,
		       const uint8_t **data_out)
{
	const struct lade_range range = { fd, run->off, run->len };
	int error;

	*data_out = feeder->path == LADE_PATH_COPY ? read_run(feeder, fd, run->off, run->len, &error) :
		map_run(feeder, fd, size, run->off, run->len, &error);
	if (*data_out) {
		lade_digest(&feeder->session->key, *data_out, run->len, run->digest);
		return feeder->path == LADE_PATH_COPY || !lade_mapping_damaged(&feeder->window);
	}
	return error != LADE_E_SHRUNK && error != LADE_E_SOURCE &&
		lade_range_digest(&range, &feeder->session->key, NULL, run->digest, NULL) == 0;
}

/*
 * [run] Digest and send one run. Returns 0, 1 if the file is no longer that long (or
 * unreadable), or a failure of the connection.
 */
static int send_run(struct feeder *feeder, int fd, uint64_t size, struct lade_msg_run *run, struct lade_fault *fault)
{
	int64_t started = lade_path_choice_clock();
	const uint8_t *data;
	int error;

	feeder->path = feeder->again ? LADE_PATH_COPY : lade_path_choice_pick(&feeder->choice, run->len);
	if (!digest_run(feeder, fd, size, run, &data))
		return 1;
	lade_session_lock(feeder->session);
	lade_session_send_run(feeder->sender->machine, run, &feeder->control);
	feeder->session->progress.bytes_done += run->len;
	lade_session_unlock(feeder->session);
	error = write_control(feeder, run->len, fault);
	if (!error)
		error = send_payload(feeder, fd, data, run, fault);
	if (!feeder->again)
		lade_path_choice_add(&feeder->choice, feeder->path, run->len, lade_path_choice_clock() - started);
	if (error != LADE_E_SHRUNK && error != LADE_E_SOURCE)
		return error;
	error = abort_run(feeder, run, fault);
	return error ? error : 1;
}

static void close_large(struct feeder *feeder)
{
	close_window(feeder);
	if (feeder->large.fd >= 0)
		close(feeder->large.fd);
	feeder->large = (struct large){ .fd = -1 };
}

/* [file-end] The file was sent, or is not what it was. */
static int end_large(struct feeder *feeder, struct lade_fault *fault)
{
	struct large *large = &feeder->large;
	struct stat st;

	if (fstat(large->fd, &st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat", large->source->name);
	/* Unreadable although it stands still: say so, or the receiver would wait for the rest. */
	if (large->off < large->source->size && lade_source_same(large->source, &st)) {
		say_gone(feeder, large->slot, large->source, EIO);
	} else {
		lade_session_lock(feeder->session);
		say_file_end(feeder, large->slot, large->source, &st);
		lade_session_unlock(feeder->session);
	}
	close_large(feeder);
	return write_control(feeder, 0, fault);
}

/* [descriptor] On a local session the receiver copies by itself. */
static int send_descriptor(struct feeder *feeder, struct lade_fault *fault)
{
	struct large *large = &feeder->large;
	int error;

	lade_session_lock(feeder->session);
	lade_session_send_descriptor(feeder->sender->machine, large->slot, &feeder->control);
	feeder->sender->descriptors++;
	large->source->lent = true;
	feeder->session->progress.bytes_done += large->source->size;
	lade_session_unlock(feeder->session);
	error = feeder->control.error;
	if (!error)
		error = lade_frame_write_descriptor(feeder->session->connection,
						    lade_slice(feeder->control.data, feeder->control.len), large->fd,
						    fault);
	lade_writer_reset(&feeder->control);
	close_large(feeder);
	return error;
}

static int begin_large(struct feeder *feeder, struct lade_fault *fault)
{
	struct slot_queue *queue = &feeder->sender->large;
	struct large *large = &feeder->large;
	struct stat st;

	lade_session_lock(feeder->session);
	large->slot = queue->slots[queue->head];
	queue->head = (queue->head + 1) % LADE_SLOTS_MAX;
	queue->count--;
	large->source = feeder->sender->files[large->slot];
	lade_session_unlock(feeder->session);
	large->fd = open_source(large->source, &st);
	if (large->fd < 0) {
		say_gone(feeder, large->slot, large->source, errno);
		return write_control(feeder, 0, fault);
	}
	large->open = true;
	if (!lade_source_same(large->source, &st))
		return end_large(feeder, fault);
	if (feeder->session->connection->kind == LADE_CONNECTION_PAIR)
		return send_descriptor(feeder, fault);
	/* Read-ahead to the end: the file is read once, in order (posix_fadvise(2)). */
	(void)posix_fadvise(large->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	large->extent_end = large->source->dense ? large->source->size : 0;
	return 0;
}

/*
 * [hole] Find the extent that off is in. A file system that knows no holes says
 * that all is data (lseek(2), SEEK_DATA).
 */
static void find_extent(struct feeder *feeder)
{
	struct large *large = &feeder->large;
	uint64_t size = large->source->size, data_off;
	struct stat st;
	off_t found = lseek(large->fd, (off_t)large->off, SEEK_DATA);

	data_off = found < 0 ? (errno == ENXIO ? size : large->off) : (uint64_t)found;
	/* No data up to the end is a hole only if the end is where it was. */
	if (data_off >= size && (fstat(large->fd, &st) || (uint64_t)st.st_size < size)) {
		large->cut_short = true;
		return;
	}
	if (data_off > size)
		data_off = size;
	if (data_off > large->off) {
		lade_session_lock(feeder->session);
		lade_session_send_hole(feeder->sender->machine, large->slot, large->off, data_off - large->off,
				       &feeder->control);
		feeder->session->progress.bytes_done += data_off - large->off;
		lade_session_unlock(feeder->session);
	}
	large->off = data_off;
	found = lseek(large->fd, (off_t)data_off, SEEK_HOLE);
	large->extent_end = found < 0 || (uint64_t)found > size ? size : (uint64_t)found;
}

static int next_run(struct feeder *feeder, struct lade_fault *fault)
{
	struct large *large = &feeder->large;
	struct lade_msg_run run = { .slot = large->slot };
	uint64_t len;
	int result;

	if (!large->open)
		return begin_large(feeder, fault);
	if (large->off >= large->extent_end && large->off < large->source->size)
		find_extent(feeder);
	if (large->cut_short || large->off >= large->source->size)
		return end_large(feeder, fault);
	len = large->extent_end - large->off;
	run.off = large->off;
	run.len = len < LADE_RUN_DEFAULT ? (uint32_t)len : LADE_RUN_DEFAULT;
	result = send_run(feeder, large->fd, large->source->size, &run, fault);
	if (result < 0)
		return result;
	if (result)
		large->cut_short = true;
	else
		large->off += run.len;
	return 0;
}

/* The source of a run that is still to be answered for; NULL if the answer is no longer awaited. */
static struct source *asked_source(struct feeder *feeder, const struct wanted_run *wanted)
{
	struct source *source = NULL;

	lade_session_lock(feeder->session);
	if (lade_session_send_answers(feeder->sender->machine, wanted->slot, wanted->turn))
		source = feeder->sender->files[wanted->slot];
	lade_session_unlock(feeder->session);
	return source;
}

/*
 * [want-run] A run that did not arrive as it was sent. Until it is answered the receiver
 * may not let go of the slot, so the source stays; afterwards it is not looked at.
 */
static int send_again(struct feeder *feeder, const struct wanted_run *wanted, struct lade_fault *fault)
{
	struct source *source = asked_source(feeder, wanted);
	struct lade_msg_run run = { .slot = wanted->slot, .off = wanted->off, .len = wanted->len };
	struct stat st;
	int fd, result = 1;

	if (!source)
		return 0;
	fd = open_source(source, &st);
	if (fd >= 0) {
		close_window(feeder);
		feeder->again = true;
		if (lade_source_same(source, &st))
			result = send_run(feeder, fd, source->size, &run, fault);
		feeder->again = false;
		close_window(feeder);
		close(fd);
	}
	if (result != 1)
		return result;
	/* What was announced and could not be completed has been aborted already. */
	return asked_source(feeder, wanted) ? abort_run(feeder, &run, fault) : 0;
}

/* ---- the loop ---- */

static bool bundle_ready(const struct lade_sender *sender)
{
	return sender->small.count && (sender->small_len >= BUNDLE_FULL || sender->unanswered < UNANSWERED_ENOUGH);
}

/* What to do next; the lock is held. Small and large files take turns. */
static struct work choose(struct feeder *feeder)
{
	struct lade_sender *sender = feeder->sender;
	bool descriptors_full = feeder->session->connection->kind == LADE_CONNECTION_PAIR &&
		sender->descriptors >= LADE_DESCRIPTORS_MAX;
	bool large = feeder->large.open || (sender->large.count && !descriptors_full);
	struct work work = { WORK_NONE, { 0 } };

	if (feeder->session->failed || sender->ending)
		return work;
	if (sender->again_count) {
		work.type = WORK_AGAIN;
		work.again = sender->again[sender->again_head];
		sender->again_head = (sender->again_head + 1) % LADE_WANT_RUNS_MAX;
		sender->again_count--;
	} else if (bundle_ready(sender) && !(large && feeder->bundle_last)) {
		work.type = WORK_BUNDLE;
	} else if (large) {
		work.type = WORK_RUN;
	}
	return work;
}

/* Wait for something to send. False when all was said. */
static bool next_work(struct feeder *feeder, struct lade_writer *queued, bool *has_queued, struct work *work)
{
	struct lade_session *session = feeder->session;
	bool more = true;

	lade_session_lock(session);
	for (;;) {
		*has_queued = lade_session_take(session, queued);
		*work = choose(feeder);
		if (*has_queued || work->type != WORK_NONE)
			break;
		more = !session->failed && !feeder->sender->ending;
		if (!more)
			break;
		pthread_cond_wait(&session->to_writer, &session->lock);
	}
	if (!more && !session->failed)
		lade_session_finish(session);
	lade_session_unlock(session);
	return more;
}

static int do_work(struct feeder *feeder, const struct work *work, struct lade_fault *fault)
{
	feeder->bundle_last = work->type == WORK_BUNDLE;
	switch (work->type) {
	case WORK_BUNDLE:
		return send_bundle(feeder, fault);
	case WORK_RUN:
		return next_run(feeder, fault);
	case WORK_AGAIN:
		return send_again(feeder, &work->again, fault);
	case WORK_NONE:
		break;
	}
	return 0;
}

static void feed(struct feeder *feeder)
{
	struct lade_writer queued;
	struct lade_fault fault;
	struct work work;
	bool has_queued;
	int error = 0;

	while (!error && next_work(feeder, &queued, &has_queued, &work)) {
		if (has_queued) {
			error = lade_frame_write(feeder->session->connection, lade_slice(queued.data, queued.len), 0,
						 &fault);
			lade_writer_fini(&queued);
		}
		if (!error)
			error = do_work(feeder, &work, &fault);
	}
	if (error)
		lade_session_write_failed(feeder->session, &fault);
}

void *lade_sender_feed(void *argument)
{
	struct lade_sender *sender = argument;
	struct feeder feeder = { .sender = sender, .session = &sender->session, .window_fd = -1, .large.fd = -1 };
	struct lade_fault fault;

	lade_writer_init(&feeder.control, LADE_CONTROL_MAX);
	lade_path_choice_init(&feeder.choice, sender->session.settings->path, send_paths, 3);
	feeder.bundle = malloc(LADE_BUNDLE_MAX);
	if (feeder.bundle) {
		feed(&feeder);
	} else {
		lade_fault_set(&fault, LADE_E_MEMORY, "start the sender", NULL);
		lade_session_fail(&sender->session, &fault);
	}
	close_large(&feeder);
	free(feeder.bundle);
	free(feeder.run);
	lade_writer_fini(&feeder.control);
	return NULL;
}
