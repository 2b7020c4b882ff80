/*
 * Large files, and those that are described: one at a time, extent by extent, run by run or piece by piece.
 */
#include "agent/sync/sender_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "transport/frame.h"

/* Runs are not cut shorter for a low rate: each has a digest and some calls of its own. */
#define RUN_MIN (64u << 10)

void lade_feed_close_large(struct feeder *feeder)
{
	lade_feed_close_window(feeder);
	lade_feed_close_direct(feeder);
	if (feeder->large.fd >= 0)
		close(feeder->large.fd);
	feeder->large = (struct large){ .fd = -1 };
}

/* [file-end] The file was sent, or is not what it was. Said with what is sent next. */
static int end_large(struct feeder *feeder, struct lade_fault *fault)
{
	struct large *large = &feeder->large;
	struct stat st;

	if (lade_feed_stat_source(large->source, large->fd, &st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat", large->source->name);
	/* Unreadable although it stands still: say so, or the receiver would wait for the rest. */
	if (large->off < large->source->size && lade_source_same(large->source, &st)) {
		lade_feed_say_gone(feeder, large->slot, large->source, EIO);
	} else {
		lade_feed_keep(feeder, &st);
		lade_session_lock(feeder->session);
		lade_feed_say_file_end(feeder, large->slot, large->source, &st);
		lade_session_unlock(feeder->session);
	}
	lade_feed_close_large(feeder);
	return 0;
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
	feeder->sender->lent_len += large->source->size;
	/* As far as the user is concerned its content went over the connection. */
	feeder->session->connection->sent_len += large->source->size;
	lade_session_unlock(feeder->session);
	error = feeder->control.error;
	if (!error)
		error = lade_frame_write_descriptor(feeder->session->connection,
						    lade_slice(feeder->control.data, feeder->control.len), large->fd,
						    fault);
	lade_writer_reset(&feeder->control);
	lade_feed_close_large(feeder);
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
	large->fd = lade_feed_open_source(large->source, &st);
	if (large->fd < 0) {
		lade_feed_say_gone(feeder, large->slot, large->source, errno);
		return 0;
	}
	large->open = true;
	if (!lade_source_same(large->source, &st))
		return end_large(feeder, fault);
	if (feeder->session->connection->kind == LADE_CONNECTION_PAIR && !large->source->cut_class && !large->source->is_device)
		return send_descriptor(feeder, fault);
	if (large->source->cut_class)
		lade_feed_find_kept(feeder, &st);
	else
		lade_feed_open_direct(feeder);
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
	if (data_off >= size && (lade_feed_stat_source(large->source, large->fd, &st) || (uint64_t)st.st_size < size)) {
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
		lade_feed_keep_hole(feeder, large->off, data_off - large->off);
	}
	large->off = data_off;
	large->cutting = false;
	found = lseek(large->fd, (off_t)data_off, SEEK_HOLE);
	large->extent_end = found < 0 || (uint64_t)found > size ? size : (uint64_t)found;
}

/*
 * How long runs are. Under --bwlimit one is what passes in a second: control waits for no more than that, nor is more lost where the
 * session ends in it.
 */
static uint32_t run_len(const struct feeder *feeder)
{
	uint64_t rate = feeder->session->settings->bwlimit / RUN_MIN * RUN_MIN;

	if (!feeder->session->settings->bwlimit || rate > LADE_RUN_DEFAULT)
		return LADE_RUN_DEFAULT;
	return rate > RUN_MIN ? (uint32_t)rate : RUN_MIN;
}

/* The next run of the open file, or what stands in its place. */
static int go_on_large(struct feeder *feeder, struct lade_fault *fault)
{
	struct large *large = &feeder->large;
	struct lade_msg_run run = { .slot = large->slot };
	uint64_t len;
	int result;

	if (large->kept == KEPT_SAID)
		return lade_feed_say_kept(feeder, fault);
	if (large->off >= large->extent_end && large->off < large->source->size)
		find_extent(feeder);
	/* Nothing where data was: somebody punches holes at this moment. The next turn looks again. */
	if (large->cut_short || large->off >= large->source->size || large->off >= large->extent_end)
		return 0;
	if (large->source->cut_class) {
		result = lade_feed_describe(feeder, fault);
	} else {
		len = large->extent_end - large->off;
		run.off = large->off;
		run.len = len < run_len(feeder) ? (uint32_t)len : run_len(feeder);
		result = lade_feed_send_run(feeder, large->fd, large->source->size, &run, fault);
		if (!result)
			large->off += run.len;
	}
	if (result == 1)
		large->cut_short = true;
	return result < 0 ? result : 0;
}

int lade_feed_next_run(struct feeder *feeder, struct lade_fault *fault)
{
	struct large *large = &feeder->large;
	int error = large->open ? 0 : begin_large(feeder, fault);

	if (!error && large->open)
		error = go_on_large(feeder, fault);
	if (!error && large->open && (large->cut_short || large->off >= large->source->size))
		error = end_large(feeder, fault);
	return error;
}
