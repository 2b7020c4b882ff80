/*
 * Gaps: what lies between two stretches of new bytes that the basis has. It is asked for by means of
 * the old bytes between the same neighbours, of which the sender gets a signature: it answers with
 * what differs. Where that has not paid, and where there are no old bytes, the new ones are asked
 * for as they are.
 */
#include "agent/sync/delta_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sync/file_digest.h"
#include "protocol/grow.h"

/* Old bytes beyond both ends of a gap's part: what was inserted or deleted moves the rest. */
#define SLACK (4u << 10)
/* Old and new lengths that differ by more than this tell nothing about where the parts are. */
#define SHIFT_MAX (64u << 10)
/* Gaps without old bytes that are shorter are answered in memory; longer ones are moved. */
#define LITERAL_LEAST (64u << 10)

static_assert(LADE_GAP_MAX + SHIFT_MAX + 2 * SLACK <= LADE_GAP_OLD_MAX, "the old bytes of a part fit");

/* Remember something to ask for. */
static bool add_ask(struct delta *delta, const struct lade_recv_gap *ask)
{
	struct lade_recv_gap *asks;

	if (delta->ask_first && !delta->ask_count)
		delta->ask_first = 0;
	asks = lade_grown(delta->asks, delta->ask_first + delta->ask_count, &delta->ask_capacity, sizeof(*asks));
	if (!asks)
		return false;
	delta->asks = asks;
	delta->asks[delta->ask_first + delta->ask_count++] = *ask;
	return true;
}

bool lade_delta_add_literal(struct delta *delta, uint64_t off, uint64_t len)
{
	bool added = true;

	while (len && added) {
		uint32_t part = len < LADE_RUN_DEFAULT ? (uint32_t)len : LADE_RUN_DEFAULT;
		const struct lade_recv_gap ask = { .off = off, .len = part };

		added = add_ask(delta, &ask);
		off += part;
		len -= part;
	}
	return added;
}

/*
 * The old bytes for the new ones from start to end of the gap, for which there are old_len. bounded: these reach from
 * neighbour to neighbour, so that by how much they are more or fewer tells how far things may have moved.
 */
static struct lade_recv_gap part_of(const struct gap *gap, uint64_t start, uint64_t end, uint64_t old_len, bool bounded)
{
	int64_t shift = bounded ? (int64_t)old_len - (int64_t)gap->len : 0;
	int64_t low = (int64_t)start, high = (int64_t)end;

	if (shift < 0 && -shift <= (int64_t)SHIFT_MAX)
		low += shift;
	else if (shift > 0 && shift <= (int64_t)SHIFT_MAX)
		high += shift;
	if (start)
		low -= SLACK;
	if (!bounded || end < gap->len)
		high += SLACK;
	high = high < (int64_t)old_len ? high : (int64_t)old_len;
	low = low < 0 ? 0 : low < high ? low : high;
	return (struct lade_recv_gap){
		.off = gap->off + start, .len = (uint32_t)(end - start),
		.old_off = gap->old_off + (uint64_t)low, .old_len = (uint32_t)(high - low),
		.block_len = lade_block_len((uint64_t)(high - low)),
	};
}

/* How to ask for len bytes of the gap. What is short is answered in memory either way. */
static enum lade_worth_choice choice_for(struct delta *delta, uint64_t len, uint64_t old_len)
{
	if (len < LITERAL_LEAST)
		return LADE_WORTH_SIGN;
	return old_len ? lade_worth_choose(&delta->worth) : LADE_WORTH_PLAIN;
}

/* Ask for the first len bytes of the gap, in parts. */
static bool split(struct delta *delta, uint64_t len, uint64_t old_len, bool bounded)
{
	enum lade_worth_choice choice = choice_for(delta, len, old_len);
	const struct gap *gap = &delta->gap;
	bool added = true;

	if (choice == LADE_WORTH_PLAIN)
		return lade_delta_add_literal(delta, gap->off, len);
	for (uint64_t start = 0; start < len && added; start += LADE_GAP_MAX) {
		uint64_t end = len - start < LADE_GAP_MAX ? len : start + LADE_GAP_MAX;
		struct lade_recv_gap ask = part_of(gap, start, end, old_len, bounded);

		/* The first part stands for all of them. */
		ask.probe = choice == LADE_WORTH_PROBE && !start;
		added = add_ask(delta, &ask);
	}
	return added;
}

/* Old bytes from the gap's left neighbour to the end of the basis. */
static uint64_t old_left(const struct delta *delta)
{
	uint64_t size = delta->basis.fd >= 0 ? (uint64_t)delta->basis.st.st_size : 0;

	return size > delta->gap.old_off ? size - delta->gap.old_off : 0;
}

bool lade_delta_widen_gap(struct delta *delta, uint64_t off, uint64_t len)
{
	struct gap *gap = &delta->gap;
	uint64_t part;

	if (gap->len && gap->off + gap->len != off && !lade_delta_close_gap(delta, LADE_DELTA_UNKNOWN))
		return false;
	if (!gap->len) {
		gap->off = off;
		gap->old_off = delta->last_chunk == LADE_BASIS_NONE ? 0 : delta->basis.chunks[delta->last_chunk + 1].off;
	}
	gap->len += len;
	/* Long ones do not wait for their right neighbour. */
	part = old_left(delta) ? 2 * LADE_GAP_MAX : LADE_RUN_DEFAULT;
	while (gap->len >= 2 * part) {
		if (!split(delta, part, old_left(delta), false))
			return false;
		gap->off += part;
		gap->old_off += part < old_left(delta) ? part : old_left(delta);
		gap->len -= part;
	}
	return true;
}

bool lade_delta_close_gap(struct delta *delta, uint64_t right)
{
	struct gap *gap = &delta->gap;
	bool bounded = right != LADE_DELTA_UNKNOWN && right >= gap->old_off &&
		right - gap->old_off <= gap->len + SHIFT_MAX;
	uint64_t left = old_left(delta), old_len = bounded ? right - gap->old_off : gap->len + SLACK;
	bool added;

	if (!gap->len)
		return true;
	added = split(delta, gap->len, old_len < left ? old_len : left, bounded);
	gap->len = 0;
	return added;
}

/* ---- asking ---- */

/* Something must come first: wait for it among the others. Under the lock that told so, or it might have come already. */
static void stall(struct lade_receiver *receiver, struct delta *delta)
{
	struct delta **link = &receiver->stalled;

	while (*link)
		link = &(*link)->next_stalled;
	delta->stalled = true;
	delta->next_stalled = NULL;
	*link = delta;
}

/* [want-gap] Returns as lade_session_recv_want_gap(); on LADE_E_AGAIN the file waits. */
static int ask_gap(struct lade_receiver *receiver, struct delta *delta, struct lade_recv_gap *ask, struct workspace *space)
{
	const struct lade_range range = { delta->basis.fd, ask->old_off, ask->old_len };
	struct lade_session *session = &receiver->session;
	const uint8_t *old = lade_delta_kept(delta, ask);
	uint8_t *signature;
	size_t len;
	int result;

	if (!old && !space->old)
		space->old = malloc(LADE_GAP_OLD_MAX);
	if (!old && !space->old)
		return LADE_E_MEMORY;
	/* A basis that cannot be read any more is as good as none. */
	if (!old && ask->old_len && lade_range_read(&range, space->old, NULL))
		ask->old_len = 0;
	if (!old)
		old = space->old;
	lade_writer_reset(&space->signature);
	len = lade_signature_count(ask->old_len, ask->block_len) * LADE_BLOCK_DIGEST_LEN;
	signature = len ? lade_writer_reserve(&space->signature, len) : NULL;
	if (!signature && len)
		return LADE_E_MEMORY;
	lade_signature_make(&receiver->block_key, lade_slice(old, ask->old_len), ask->block_len, signature);
	lade_session_lock(session);
	result = lade_session_recv_want_gap(receiver->machine, delta->slot, ask, lade_slice(signature, len),
					    lade_session_queue(session));
	if (result == LADE_E_AGAIN)
		stall(receiver, delta);
	else
		delta->file->signed_len += len;
	lade_session_queued(session, true);
	lade_session_unlock(session);
	return result;
}

/* [want-run] Returns as lade_session_recv_want_literal(); on LADE_E_AGAIN the file waits. */
static int ask_literal(struct lade_receiver *receiver, struct delta *delta, const struct lade_recv_gap *ask)
{
	struct lade_session *session = &receiver->session;
	int result;

	lade_session_lock(session);
	result = lade_session_recv_want_literal(receiver->machine, delta->slot, ask->off, ask->len,
						lade_session_queue(session));
	if (result == LADE_E_AGAIN)
		stall(receiver, delta);
	lade_session_queued(session, true);
	lade_session_unlock(session);
	return result;
}

void lade_delta_ask(struct lade_receiver *receiver, struct delta *delta, struct workspace *space)
{
	struct lade_fault fault;
	int result = 0;

	lade_delta_keep_asked(receiver, delta);
	while (!result && delta->ask_count) {
		struct lade_recv_gap *ask = &delta->asks[delta->ask_first];

		result = ask->block_len ? ask_gap(receiver, delta, ask, space) : ask_literal(receiver, delta, ask);
		if (!result) {
			delta->ask_first++;
			delta->ask_count--;
		}
	}
	if (!result) {
		/* There may be room for another one. */
		lade_session_lock(&receiver->session);
		lade_delta_wake(receiver);
		lade_session_unlock(&receiver->session);
	} else if (result != LADE_E_AGAIN) {
		lade_fault_set(&fault, result, "receive", delta->file->name);
		lade_delta_fail(receiver, delta, &fault);
	}
}

/* ---- patches ---- */

/* [packed] The operations of a patch. An empty slice: they are no such thing, or there is no memory (*error_out). */
static struct lade_slice ops_of(const struct news *news, struct workspace *space, int *error_out)
{
	uint32_t raw_len = news->event.raw_len;

	*error_out = 0;
	if (raw_len == news->len)
		return lade_slice(news->bytes, news->len);
	if (raw_len > LADE_PATCH_MAX) {
		*error_out = LADE_E_PROTOCOL;
		return lade_slice(NULL, 0);
	}
	if (!space->ops)
		space->ops = malloc(LADE_PATCH_MAX);
	if (!space->ops || (!space->codec && lade_codec_new(&space->codec)))
		*error_out = LADE_E_MEMORY;
	else
		*error_out = lade_codec_decompress(space->codec, lade_slice(news->bytes, news->len), space->ops, raw_len);
	return *error_out ? lade_slice(NULL, 0) : lade_slice(space->ops, raw_len);
}

/*
 * The old bytes that a patch refers to, gap->old_len. What the basis does not have any more comes out wrong, as the piece's
 * digest shows.
 */
static const uint8_t *old_of(struct delta *delta, const struct lade_recv_gap *gap, struct workspace *space)
{
	const struct lade_range range = { delta->basis.fd, gap->old_off, gap->old_len };
	const uint8_t *kept = lade_delta_kept(delta, gap);

	if (kept)
		return kept;
	if (gap->old_len && lade_range_read(&range, space->old, NULL))
		memset(space->old, 0, gap->old_len);
	return space->old;
}

int lade_delta_take_patch(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			  struct workspace *space)
{
	const struct lade_recv_gap *gap = &news->event.gap;
	uint8_t *fresh = space->piece;
	struct lade_fault fault;
	struct lade_slice ops;
	int error = 0;

	if (!space->old)
		space->old = malloc(LADE_GAP_OLD_MAX);
	if (!fresh)
		fresh = space->piece = malloc(LADE_PAYLOAD_MAX);
	if (!space->old || !fresh) {
		lade_fault_set(&fault, LADE_E_MEMORY, "receive", delta->file->name);
		lade_delta_fail(receiver, delta, &fault);
		return DELTA_GOES_ON;
	}
	lade_session_lock(&receiver->session);
	receiver->session.totals.transferred_bytes += news->len;
	delta->file->moved += news->len;
	lade_session_unlock(&receiver->session);
	ops = ops_of(news, space, &error);
	if (!error)
		error = lade_patch_apply(ops, lade_slice(old_of(delta, gap, space), gap->old_len), gap->block_len, fresh, gap->len);
	if (error) {
		lade_fault_set(&fault, error, "understand", receiver->session.connection->peer);
		lade_session_fail(&receiver->session, &fault);
		return DELTA_GOES_ON;
	}
	lade_delta_forget_old(delta, gap);
	lade_worth_weigh(&delta->worth, gap->len, ops.len, gap->probe);
	error = lade_delta_write_missing(receiver, delta, gap->off, gap->len, fresh);
	if (!error)
		return lade_delta_filled(receiver, delta, gap->off, gap->len, fresh, space);
	lade_fault_set(&fault, error, "write", delta->file->name);
	lade_delta_fail(receiver, delta, &fault);
	return DELTA_GOES_ON;
}
