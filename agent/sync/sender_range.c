/*
 * Ranges of a file that are asked for: a run once more, a literal of a described file, or what
 * differs in a gap. But for new literals they are read into memory first and answered then, so that
 * the answer stays what it says.
 */
#include "agent/sync/sender_feed.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"

/* More than what a PATCH has beside the patch. */
#define MESSAGE_HEAD 64u

/* The source of a range that is still to be answered for; NULL if the answer is no longer awaited. */
static struct source *asked_source(struct feeder *feeder, const struct wanted_range *wanted)
{
	struct source *source = NULL;

	lade_session_lock(feeder->session);
	if (lade_session_send_answers(feeder->sender->machine, wanted->slot, wanted->turn))
		source = feeder->sender->files[wanted->slot];
	lade_session_unlock(feeder->session);
	return source;
}

void lade_feed_close_asked(struct feeder *feeder)
{
	if (feeder->asked.fd >= 0)
		close(feeder->asked.fd);
	feeder->asked.fd = -1;
}

/* Open the file that the range is of, unless it is open, and see whether it is what was said. -1 if not. */
static int open_asked(struct feeder *feeder, const struct wanted_range *wanted, const struct source *source)
{
	struct asked_file *asked = &feeder->asked;
	struct stat st;
	bool same;

	if (asked->fd >= 0 && asked->slot == wanted->slot && asked->turn == wanted->turn) {
		same = lade_feed_stat_source(source, asked->fd, &st) == 0 && lade_source_same(source, &st);
	} else {
		lade_feed_close_asked(feeder);
		asked->fd = lade_feed_open_source(source, &st);
		asked->slot = wanted->slot;
		asked->turn = wanted->turn;
		same = asked->fd >= 0 && lade_source_same(source, &st);
	}
	return same ? asked->fd : -1;
}

/* True if the range is asked for the first time, as far as can be told: literals of a described file are asked for in their order. */
static bool is_new(struct source *source, const struct wanted_range *wanted)
{
	bool again = source->asked_turn == wanted->turn && wanted->off < source->asked_to;

	if (!again) {
		source->asked_turn = wanted->turn;
		source->asked_to = wanted->off + wanted->len;
	}
	return source->cut_class && !again;
}

/* [want-run] Returns as lade_feed_send_run(). */
static int send_asked(struct feeder *feeder, int fd, struct source *source, const struct wanted_range *wanted,
		      struct lade_fault *fault)
{
	struct lade_msg_run run = { .slot = wanted->slot, .off = wanted->off, .len = wanted->len };
	int result;

	lade_feed_close_window(feeder);
	feeder->answers = true;
	feeder->steady = !is_new(source, wanted);
	result = lade_feed_send_run(feeder, fd, source->size, &run, fault);
	feeder->answers = feeder->steady = false;
	lade_feed_close_window(feeder);
	return result;
}

/* [patch] Say what differs from the old bytes that the signature is of. Returns as lade_feed_send_run(). */
static int send_patch(struct feeder *feeder, int fd, const struct wanted_range *wanted, struct lade_fault *fault)
{
	const struct lade_signature signature = {
		.old_len = wanted->old_len, .block_len = wanted->block_len,
		.digests = lade_slice(wanted->signature, wanted->signature_len),
	};
	struct lade_msg_patch patch = { .slot = wanted->slot, .off = wanted->off, .len = wanted->len };
	const struct lade_range range = { fd, wanted->off, wanted->len };
	struct lade_slice packed;
	int error = 0;

	if (!feeder->run)
		feeder->run = malloc(LADE_PAYLOAD_MAX);
	if (!feeder->run)
		return lade_fault_set(fault, LADE_E_MEMORY, "send", NULL);
	if (lade_range_read(&range, feeder->run, NULL))
		return 1;
	lade_writer_reset(&feeder->patch);
	error = lade_patch_make(&feeder->block_key, &signature, lade_slice(feeder->run, wanted->len), &feeder->patch);
	/* What is collected and the patch may be more than a frame holds. */
	if (!error && feeder->control.len && feeder->control.len + feeder->patch.len > LADE_CONTROL_MAX - MESSAGE_HEAD)
		error = lade_feed_write_control(feeder, 0, fault);
	if (error)
		return lade_fault_set(fault, error, "send", NULL);
	patch.ops = lade_slice(feeder->patch.data, feeder->patch.len);
	error = lade_feed_pack(feeder, lade_effort_level(&feeder->effort), patch.ops, &packed, fault);
	if (error)
		return error;
	lade_session_lock(feeder->session);
	if (lade_session_send_answers(feeder->sender->machine, wanted->slot, wanted->turn)) {
		if (packed.len) {
			lade_feed_say_packed(feeder, LADE_CODEC_ZSTD, patch.ops.len);
			patch.ops = packed;
		}
		error = lade_session_send_patch(feeder->sender->machine, &patch, &feeder->control);
	}
	lade_session_unlock(feeder->session);
	return error ? lade_fault_set(fault, error, "send", NULL) : 0;
}

int lade_feed_send_range(struct feeder *feeder, const struct wanted_range *wanted, struct lade_fault *fault)
{
	const struct lade_msg_run run = { .slot = wanted->slot, .off = wanted->off, .len = wanted->len };
	struct source *source = asked_source(feeder, wanted);
	int fd, result = 1;

	if (!source)
		return 0;
	fd = open_asked(feeder, wanted, source);
	if (fd >= 0)
		result = wanted->block_len ? send_patch(feeder, fd, wanted, fault) :
			send_asked(feeder, fd, source, wanted, fault);
	if (result != 1)
		return result;
	/* What was announced and could not be completed has been aborted already. */
	return asked_source(feeder, wanted) ? lade_feed_abort_run(feeder, &run, fault) : 0;
}
