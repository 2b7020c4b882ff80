/*
 * --append, --append-verify: a file that only grows. What it has is taken as right, or compared as that of any file that is written
 * over; what it lacks is asked for piece by piece, each when the one before it is there. So however a session ends, the file
 * has a beginning of the new one and nothing behind that: its length tells the next run how far it came.
 */
#include "agent/sync/delta_internal.h"

#include "agent/sync/content.h"

static uint64_t old_size(const struct delta *delta)
{
	return (uint64_t)delta->file->existing.st_size;
}

static bool verifies(const struct lade_receiver *receiver)
{
	return receiver->keep.options & LADE_OPTION_APPEND_VERIFY;
}

bool lade_delta_appends(const struct lade_receiver *receiver, const struct delta *delta, uint64_t off, uint64_t len)
{
	return delta->file->appends && (!verifies(receiver) || off + len > old_size(delta));
}

bool lade_delta_is_trusted(const struct lade_receiver *receiver, const struct delta *delta, uint64_t off)
{
	return delta->file->appends && !verifies(receiver) && off < old_size(delta);
}

int lade_delta_append_piece(struct lade_receiver *receiver, struct delta *delta, const struct news *news)
{
	uint64_t off = news->event.off, end = off + news->event.len;
	uint64_t from = off > old_size(delta) ? off : old_size(delta);

	if (end <= from)
		return lade_delta_judge(receiver, delta, off, (uint32_t)news->event.len, true);
	if (!lade_delta_need_target(receiver, delta, news))
		return lade_delta_judge(receiver, delta, off, (uint32_t)news->event.len, false);
	if (lade_delta_keep_piece(delta, news, (uint32_t)(end - from)) && lade_delta_add_literal(delta, from, end - from))
		return DELTA_GOES_ON;
	lade_delta_out_of_memory(receiver, delta);
	return DELTA_GOES_ON;
}

bool lade_delta_append_hole(struct lade_receiver *receiver, struct delta *delta, const struct news *news)
{
	uint64_t off = news->event.off;
	struct lade_fault fault;
	int error;

	if (!verifies(receiver) || off >= old_size(delta))
		return true;
	if (!lade_delta_need_target(receiver, delta, news))
		return false;
	error = lade_content_punch(delta->file->temporary.fd, off, old_size(delta) - off);
	if (!error)
		return true;
	lade_fault_set(&fault, error, "write", delta->file->name);
	lade_delta_fail(receiver, delta, &fault);
	return false;
}
