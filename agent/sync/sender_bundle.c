/*
 * Bundles: small files travel together, read into one buffer and digested there.
 */
#include "agent/sync/sender_feed.h"

#include <errno.h>
#include <unistd.h>

#include "agent/tree/whole.h"
#include "transport/clock.h"
#include "transport/frame.h"

/* Read a small file behind the header at record. Returns its errno, or 0 and what fstat said. */
static int read_small(const struct source *source, uint8_t *data, struct stat *st)
{
	int fd = lade_feed_open_source(source, st);
	int error = 0;
	ssize_t len;

	if (fd < 0)
		return errno;
	len = lade_whole_read(fd, data, source->size, 0);
	/* Cut short after the fstat: the next one tells. */
	if (len < 0 || ((uint64_t)len < source->size && lade_feed_stat_source(source, fd, st)))
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
		lade_feed_say_gone(feeder, slot, source, error);
		return used;
	}
	if (!lade_source_same(source, &st)) {
		lade_session_lock(feeder->session);
		lade_feed_say_file_end(feeder, slot, source, &st);
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
	while (queue->count && count < LADE_BUNDLE_COUNT_MAX && len < feeder->session->limits.bundle) {
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

int lade_feed_send_bundle(struct feeder *feeder, struct lade_fault *fault)
{
	int64_t started = lade_clock_ns();
	struct lade_msg_bundle bundle = { 0 };
	struct lade_slice packed;
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
		return 0; /* what was said of them instead goes with what is sent next */
	error = lade_feed_pack(feeder, lade_effort_level(&feeder->effort), lade_slice(feeder->bundle, used), &packed, fault);
	if (error)
		return error;
	record_files(feeder, slots, bundle.count);
	if (packed.len)
		lade_feed_say_packed(feeder, LADE_CODEC_ZSTD, used);
	lade_put_bundle(&feeder->control, &bundle);
	error = feeder->control.error;
	if (error)
		return lade_fault_set(fault, error, "send", NULL);
	error = lade_frame_write_payload(feeder->session->connection,
					 lade_slice(feeder->control.data, feeder->control.len),
					 packed.len ? packed : lade_slice(feeder->bundle, used), fault);
	lade_writer_reset(&feeder->control);
	lade_effort_took(&feeder->effort, used, lade_clock_ns() - started);
	return error;
}
