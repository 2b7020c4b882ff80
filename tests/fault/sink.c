/*
 * The hand-made receiver. It keeps to the rules that PROTOCOL.md gives a receiver, in
 * the simplest way: one message at a time, every answer at once.
 */
#include "tests/fault/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "chunker/delta.h"

static void take_entry(struct sink *sink, const struct lade_msg_entry *entry)
{
	struct lade_msg_want want = { sink->file_count, sink->entries++ };
	struct sink_file *file = &sink->files[want.slot];

	if (!S_ISREG(entry->mode) || !entry->size)
		return;
	assert_true(sink->file_count < SINK_FILES_MAX && entry->name.len < sizeof(file->name));
	sink->file_count++;
	memcpy(file->name, entry->name.data, entry->name.len);
	file->size = entry->size;
	file->content = calloc(1, entry->size);
	assert_non_null(file->content);
	file->described = sink->cut_class && file->size > SINK_SMALL_MAX;
	if (file->described)
		lade_put_want_recipe(&sink->peer->out, &(struct lade_msg_want_recipe){ want.slot, want.index, sink->cut_class });
	else
		lade_put_want(&sink->peer->out, &want);
	peer_say(sink->peer);
}

/* Another attempt, or the end of this file. */
static void settle(struct sink *sink, uint32_t slot)
{
	struct sink_file *file = &sink->files[slot];
	const struct lade_msg_want_again again = { slot };
	const struct lade_msg_ack ack = { slot };

	if (!file->ended || file->outstanding || file->settled)
		return;
	if ((file->changed || (file->described && file->aborted)) && !file->gone &&
	    (file->attempts == 0 || (file->next_off == 0 && file->size && file->attempts < 4))) {
		/* Another attempt, of another size perhaps; only the last content counts. */
		file->attempts++;
		file->ended = file->changed = file->aborted = file->damaged = false;
		free(file->content);
		file->content = calloc(1, file->new_size + 1);
		file->size = file->new_size;
		file->next_off = 0;
		file->piece_count = 0;
		lade_put_want_again(&sink->peer->out, &again);
	} else {
		file->settled = true;
		lade_put_ack(&sink->peer->out, &ack);
	}
	peer_say(sink->peer);
}

/* What landed is not what was sent: ask for it again. */
static void differs(struct sink *sink, uint32_t slot, uint64_t off, uint32_t len)
{
	const struct lade_msg_want_run want = { slot, off, len };
	struct sink_file *file = &sink->files[slot];

	if (file->damaged)
		return;
	if (file->asked++ >= LADE_RUN_TRIES) {
		file->damaged = true;
		return;
	}
	file->outstanding++;
	lade_put_want_run(&sink->peer->out, &want);
	peer_say(sink->peer);
}

/* The range has come: judge the piece that it is of, if that lacks nothing else. */
static void filled(struct sink *sink, uint32_t slot, uint64_t off, uint32_t len)
{
	struct sink_file *file = &sink->files[slot];
	uint8_t digest[LADE_DIGEST_LEN];

	for (unsigned i = 0; i < file->piece_count; i++) {
		struct sink_piece *piece = &file->pieces[i];

		if (off < piece->off || off >= piece->off + piece->len || !piece->missing)
			continue;
		assert_true(len <= piece->missing);
		piece->missing -= len;
		lade_digest(&sink->peer->key, file->content + piece->off, piece->len, digest);
		if (!piece->missing && !lade_digest_equal(digest, piece->digest))
			differs(sink, slot, piece->off, piece->len);
	}
}

static bool take_run(struct sink *sink, const struct lade_msg_run *run)
{
	struct sink_file *file = &sink->files[run->slot];
	bool again = run->off < file->next_off;
	uint8_t digest[LADE_DIGEST_LEN];
	uint32_t done = 0;

	assert_true(run->slot < sink->file_count && run->off + run->len <= file->size);
	while (done < run->len) {
		uint32_t piece = run->len - done < SINK_PIECE ? run->len - done : SINK_PIECE;

		if (sink->hook)
			sink->hook(sink, file, run->off + done);
		if (!peer_take_payload(sink->peer, file->content + run->off + done, piece))
			return false;
		done += piece;
	}
	if (again)
		file->outstanding--;
	else
		file->next_off = run->off + run->len;
	lade_digest(&sink->peer->key, file->content + run->off, run->len, digest);
	if (!lade_digest_equal(digest, run->digest))
		differs(sink, run->slot, run->off, run->len);
	else if (file->described)
		filled(sink, run->slot, run->off, run->len);
	settle(sink, run->slot);
	return true;
}

/* Ask for all of a piece: its parts by turns in one way and the other. */
static void ask_for(struct sink *sink, uint32_t slot, const struct sink_piece *piece)
{
	struct sink_file *file = &sink->files[slot];
	uint32_t len;

	for (uint32_t off = 0; off < piece->len && !file->damaged; off += len) {
		len = piece->len - off < LADE_GAP_MAX ? piece->len - off : LADE_GAP_MAX;
		if (off / LADE_GAP_MAX % 2)
			lade_put_want_run(&sink->peer->out, &(struct lade_msg_want_run){ slot, piece->off + off, len });
		else
			lade_put_want_gap(&sink->peer->out, &(struct lade_msg_want_gap){
				.slot = slot, .off = piece->off + off, .len = len, .block_len = LADE_BLOCK_MIN });
		file->outstanding++;
	}
	peer_say(sink->peer);
}

static void take_recipe(struct sink *sink, const struct lade_msg_recipe *recipe)
{
	struct sink_file *file = &sink->files[recipe->slot];
	struct sink_piece *piece = &file->pieces[file->piece_count++];

	assert_true(file->described && file->piece_count <= SINK_PIECES_MAX);
	assert_true(recipe->off == file->next_off && recipe->len && recipe->off + recipe->len <= file->size);
	file->next_off += recipe->len;
	*piece = (struct sink_piece){ recipe->off, recipe->len, recipe->len, { 0 } };
	memcpy(piece->digest, recipe->digest, LADE_DIGEST_LEN);
	if (!sink->late)
		ask_for(sink, recipe->slot, piece);
}

static void take_patch(struct sink *sink, const struct lade_msg_patch *patch)
{
	struct sink_file *file = &sink->files[patch->slot];

	assert_true(file->outstanding > 0 && patch->off + patch->len <= file->next_off);
	if (sink->hook)
		sink->hook(sink, file, patch->off);
	file->outstanding--;
	file->patches++;
	assert_int_equal(lade_patch_apply(patch->ops, lade_slice(NULL, 0), LADE_BLOCK_MIN, file->content + patch->off,
					  patch->len), 0);
	filled(sink, patch->slot, patch->off, patch->len);
	settle(sink, patch->slot);
}

/* A RUN_ABORT answers all that was asked for. */
static void take_abort(struct sink *sink, uint32_t slot)
{
	sink->files[slot].damaged = sink->files[slot].aborted = true;
	sink->files[slot].outstanding = 0;
	settle(sink, slot);
}

static void take_file_end(struct sink *sink, const struct lade_msg_file_end *end)
{
	struct sink_file *file = &sink->files[end->slot];

	assert_false(file->ended);
	file->ended = true;
	file->changed = end->changed;
	file->new_size = end->size;
	for (unsigned i = 0; sink->late && i < file->piece_count; i++) {
		if (sink->hook)
			sink->hook(sink, file, file->pieces[i].off);
		ask_for(sink, end->slot, &file->pieces[i]);
	}
	settle(sink, end->slot);
}

static bool take_bundle(struct sink *sink, uint32_t count)
{
	uint32_t len = sink->peer->payload_len;
	struct lade_bundle_record record;
	struct lade_reader reader;
	uint8_t *payload = malloc(len);
	bool taken = peer_take_payload(sink->peer, payload, len);

	lade_reader_init(&reader, payload, len);
	for (uint32_t i = 0; taken && i < count; i++) {
		uint8_t digest[LADE_DIGEST_LEN];
		struct sink_file *file;

		assert_int_equal(lade_bundle_get(&reader, &record), 0);
		file = &sink->files[record.slot];
		assert_int_equal(record.data.len, file->size);
		memcpy(file->content, record.data.data, record.data.len);
		file->ended = true;
		lade_digest(&sink->peer->key, record.data.data, record.data.len, digest);
		assert_true(lade_digest_equal(digest, record.digest));
		settle(sink, record.slot);
	}
	free(payload);
	return taken;
}

static bool take(struct sink *sink, const struct lade_message *message)
{
	switch (message->type) {
	case LADE_MSG_ENTRY:
		take_entry(sink, &message->entry);
		return true;
	case LADE_MSG_ENTRIES_END:
		sink->entries_ended = true;
		return true;
	case LADE_MSG_RUN:
		return take_run(sink, &message->run);
	case LADE_MSG_RECIPE:
		take_recipe(sink, &message->recipe);
		return true;
	case LADE_MSG_PATCH:
		take_patch(sink, &message->patch);
		return true;
	case LADE_MSG_RUN_ABORT:
		take_abort(sink, message->run_abort.slot);
		return true;
	case LADE_MSG_FILE_END:
		take_file_end(sink, &message->file_end);
		return true;
	case LADE_MSG_FILE_GONE:
		sink->files[message->file_gone.slot].gone = true;
		sink->files[message->file_gone.slot].ended = true;
		settle(sink, message->file_gone.slot);
		return true;
	case LADE_MSG_BUNDLE:
		return take_bundle(sink, message->bundle.count);
	default:
		return true; /* holes are zeros already */
	}
}

static bool all_settled(const struct sink *sink)
{
	for (uint32_t i = 0; i < sink->file_count; i++)
		if (!sink->files[i].settled)
			return false;
	return sink->entries_ended;
}

bool sink_run(struct sink *sink)
{
	const struct lade_msg_end end = { .exit = 0 };
	struct lade_message message;

	while (!all_settled(sink))
		if (peer_hear(sink->peer, &message) != PEER_MESSAGE || !take(sink, &message))
			return false;
	lade_put_end(&sink->peer->out, &end);
	peer_say(sink->peer);
	return peer_hear_type(sink->peer, LADE_MSG_END, &message);
}

const struct sink_file *sink_find(const struct sink *sink, const char *name)
{
	for (uint32_t i = 0; i < sink->file_count; i++)
		if (strcmp(sink->files[i].name, name) == 0)
			return &sink->files[i];
	return NULL;
}

void sink_fini(struct sink *sink)
{
	for (uint32_t i = 0; i < sink->file_count; i++)
		free(sink->files[i].content);
	sink->file_count = 0;
}
