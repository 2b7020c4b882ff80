/*
 * A sender that describes files and lies: recipes that were not asked for or do not add up, patches that
 * answer nothing or are none, names of chunks that are there but are not meant, gaps that are never
 * answered, ends in the middle of all that (attack classes A3, A7, A9, A16).
 *
 * Every script has one file in flight, "old": old_content is there, new_content is to come. Whatever the sender
 * does, the one or the other stands there at the end.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/recipe.h"
#include "tests/fault/attack.h"
#include "tests/fault/describer.h"

#define STREAM LADE_EXIT_STREAM
#define OLD_LEN 700000u
#define NEW_LEN (OLD_LEN + INSERTED)
/* What is different: some bytes, and some more of them. */
#define CHANGED_AT 200000u
#define CHANGED 100u
#define INSERTED_AT 400000u
#define INSERTED 3000u
#define PIECE 100000u
#define NO_BYTES ((struct lade_slice){ NULL, 0 })

static uint8_t old_content[OLD_LEN], new_content[NEW_LEN], other[LADE_PAYLOAD_MAX];

static void old_is_there(const struct scene *scene)
{
	scene_check_file(scene, "old", old_content, OLD_LEN);
}

static void new_is_there(const struct scene *scene)
{
	scene_check_file(scene, "old", new_content, NEW_LEN);
}

/* Say one entry, "old", of size bytes; it stands there already. */
static void begin_of(struct peer *peer, struct describer *describer, const uint8_t *data, uint64_t size)
{
	scene_write(attack_scene(), "old", old_content, OLD_LEN);
	attack_root(peer);
	attack_file(peer, "old", size);
	attack_entries_end(peer);
	describer_init(describer, peer, 0, data, size);
}

static void begin(struct peer *peer, struct describer *describer)
{
	begin_of(peer, describer, new_content, NEW_LEN);
}

static void finish(struct peer *peer)
{
	(void)peer_finish_session(peer);
}

/* Describe what is left, answer everything, and end. */
static void finish_well(struct peer *peer, struct describer *describer)
{
	describer_say_rest(describer, PIECE);
	assert_true(describer_serve(describer, 1));
	assert_true(peer_finish_session(peer));
}

static void honest(struct peer *peer, const struct attack *attack)
{
	struct describer describer;

	(void)attack;
	begin(peer, &describer);
	finish_well(peer, &describer);
}

/* ---- files that grow (--append) ---- */

#define APPENDS (ATTACK_OPTIONS | LADE_OPTION_APPEND | LADE_OPTION_INPLACE)

/* What is added never comes as its digest says. */
static void append_wrong(struct peer *peer, const struct attack *attack)
{
	struct describer describer;
	struct lade_message message;
	bool acknowledged = false;

	(void)attack;
	begin(peer, &describer);
	describer_say_rest(&describer, PIECE);
	while (!acknowledged && peer_hear(peer, &message) == PEER_MESSAGE) {
		if (message.type == LADE_MSG_WANT_RUN)
			peer_say_run(peer, describer.slot, message.want_run.off, new_content + message.want_run.off,
				     message.want_run.len, true);
		acknowledged = message.type == LADE_MSG_ACK;
	}
	assert_true(acknowledged);
	finish(peer);
}

/* What stood there was not looked at. */
static void old_has_grown(const struct scene *scene)
{
	static uint8_t grown[NEW_LEN];

	memcpy(grown, new_content, NEW_LEN);
	memcpy(grown, old_content, OLD_LEN);
	scene_check_file(scene, "old", grown, NEW_LEN);
}

/* ---- recipes that do not add up ---- */

/* A piece as attack->data has it, after attack->len honest ones. off is from where the next one begins. */
struct bad_piece {
	int64_t off;
	uint32_t len, slot_add;
	const char *chunks;
	size_t chunks_len;
	bool ended; /* after FILE_END */
};

static void bad_piece(struct peer *peer, const struct attack *attack)
{
	const struct bad_piece *bad = attack->data;
	struct describer describer;

	begin(peer, &describer);
	for (size_t i = 0; i < attack->len; i++)
		describer_put_piece(&describer, PIECE);
	if (bad->ended)
		describer_say_rest(&describer, PIECE);
	describer.slot = (describer.slot + bad->slot_add) % LADE_SLOTS_MAX;
	describer_put_bare(&describer, (uint64_t)((int64_t)describer.off + bad->off), bad->len, other,
			   lade_slice(bad->chunks, bad->chunks_len));
	peer_say(peer);
	finish(peer);
}

/* A file of which there is nothing is wanted whole. */
static void not_described(struct peer *peer, const struct attack *attack)
{
	struct describer describer = { .peer = peer };

	(void)attack;
	scene_write(attack_scene(), "old", old_content, OLD_LEN);
	attack_root(peer);
	attack_file(peer, "fresh", NEW_LEN);
	attack_entries_end(peer);
	describer.slot = peer_hear_want(peer, 0);
	describer_put_bare(&describer, 0, 1000, new_content, NO_BYTES);
	peer_say(peer);
	finish(peer);
}

/*
 * No answer to anything, but pieces without end: what may be asked for is asked for, then pieces are left
 * where they are, and there is no more credit for them.
 */
static void beyond_credit(struct peer *peer, const struct attack *attack)
{
	static const struct lade_recipe_chunk chunk = { 1, 0x123456789abc };
	const uint64_t size = (uint64_t)2 * LADE_RECIPE_CREDIT * 32;
	struct describer describer;
	struct lade_writer chunks;

	(void)attack;
	scene_write(attack_scene(), "old", old_content, OLD_LEN);
	assert_int_equal(truncate(scene_path(attack_scene(), "old"), (off_t)size / 32 + 1), 0);
	attack_root(peer);
	attack_file(peer, "old", size);
	attack_entries_end(peer);
	describer_init(&describer, peer, 0, NULL, size);
	lade_writer_init(&chunks, LADE_RECIPE_MAX);
	while (chunks.len <= LADE_RECIPE_MAX - 7)
		lade_recipe_put(&chunks, &chunk);
	for (; !peer->lost && describer.off < size - LADE_PAYLOAD_MAX; describer.off += LADE_PAYLOAD_MAX / 2)
		describer_put_bare(&describer, describer.off, LADE_PAYLOAD_MAX / 2, other, NO_BYTES);
	for (; !peer->lost && describer.off < size - LADE_RECIPE_MAX; describer.off += chunks.len / 7)
		describer_put_bare(&describer, describer.off, (uint32_t)chunks.len / 7, other,
				   lade_slice(chunks.data, chunks.len));
	lade_writer_fini(&chunks);
	peer_say(peer);
	finish(peer);
}

/* ---- names that lie ---- */

/* Digests are of the new content, names of the chunks that stand in the same places: no piece comes out right. */
static void lying_names(struct peer *peer, const struct attack *attack)
{
	struct describer named, meant;
	struct lade_message message;
	unsigned tries = 0;

	begin_of(peer, &named, old_content, OLD_LEN);
	meant = named;
	meant.data = other;
	while (named.off < OLD_LEN) {
		uint64_t off = named.off;
		struct lade_message said;
		struct lade_msg_recipe recipe;
		struct lade_writer own;
		struct lade_reader reader;

		/* Made by one describer, and said with another digest. */
		describer_put_piece(&named, PIECE);
		lade_reader_init(&reader, peer->out.data, peer->out.len);
		assert_int_equal(lade_message_get(&reader, &said), 0);
		lade_writer_init(&own, LADE_RECIPE_MAX);
		lade_writer_put_bytes(&own, said.recipe.chunks.data, said.recipe.chunks.len);
		recipe = said.recipe;
		recipe.chunks = lade_slice(own.data, own.len);
		lade_digest(&peer->key, other + off, recipe.len, recipe.digest);
		lade_writer_reset(&peer->out);
		lade_put_recipe(&peer->out, &recipe);
		peer_say(peer);
		lade_writer_fini(&own);
	}
	meant.off = OLD_LEN;
	describer_say_rest(&meant, PIECE);
	while (!meant.acknowledged && peer_hear(peer, &message) == PEER_MESSAGE) {
		assert_int_not_equal(message.type, LADE_MSG_WANT_GAP);
		if (message.type == LADE_MSG_WANT_RUN && attack->len) {
			tries++;
			peer_say_run(peer, meant.slot, message.want_run.off, other + message.want_run.off,
				     message.want_run.len, true);
		} else {
			describer_hear(&meant, &message);
		}
	}
	/* Seven pieces; each is asked for at most so many times. */
	assert_true(tries <= 8 * LADE_RUN_TRIES);
	assert_true(peer_finish_session(peer));
}

static void other_is_there(const struct scene *scene)
{
	scene_check_file(scene, "old", other, OLD_LEN);
}

/* ---- patches ---- */

/* Hear the first gap that is asked for. Everything was said. */
static struct lade_msg_want_gap hear_gap(struct peer *peer)
{
	struct lade_message message;

	assert_true(peer_hear_type(peer, LADE_MSG_WANT_GAP, &message));
	return message.want_gap;
}

static void put_abort(struct peer *peer, uint32_t slot, uint64_t off, uint32_t len)
{
	const struct lade_msg_run_abort gone = { slot, off, len };

	lade_put_run_abort(&peer->out, &gone);
}

/* attack->data: what is wrong with the answer to a gap. */
struct bad_patch {
	void (*put)(struct describer *describer, const struct lade_msg_want_gap *want);
};

static void bad_patch(struct peer *peer, const struct attack *attack)
{
	const struct bad_patch *row = attack->data;
	struct lade_msg_want_gap want;
	struct describer describer;

	begin(peer, &describer);
	describer_say_rest(&describer, PIECE);
	want = hear_gap(peer);
	row->put(&describer, &want);
	peer_say(peer);
	finish(peer);
}

static void patch_elsewhere(struct describer *describer, const struct lade_msg_want_gap *want)
{
	struct lade_msg_want_gap changed = *want;

	changed.off++;
	describer_put_patch(describer, &changed);
}

static void patch_shorter(struct describer *describer, const struct lade_msg_want_gap *want)
{
	struct lade_msg_want_gap changed = *want;

	changed.len--;
	describer_put_patch(describer, &changed);
}

/* Twice in one frame: there is more than one gap, so the file cannot settle in between. */
static void patch_twice(struct describer *describer, const struct lade_msg_want_gap *want)
{
	describer_put_patch(describer, want);
	describer_put_patch(describer, want);
}

static void patch_other_slot(struct describer *describer, const struct lade_msg_want_gap *want)
{
	describer->slot = (describer->slot + 1) % LADE_SLOTS_MAX;
	describer_put_patch(describer, want);
}

static void patch_aborted(struct describer *describer, const struct lade_msg_want_gap *want)
{
	put_abort(describer->peer, describer->slot, want->off, want->len);
	describer_put_patch(describer, want);
}

/* The range is known and was said, but as it is, it is not asked for. */
static void run_not_wanted(struct describer *describer, const struct lade_msg_want_gap *want)
{
	peer_say_run(describer->peer, describer->slot, want->off, new_content + want->off, want->len, false);
}

/* Operations as attack->data has them. L: as a literal of the gap's length whose head is cut off. */
static void bad_ops(struct peer *peer, const struct attack *attack)
{
	struct lade_msg_want_gap want;
	struct lade_msg_patch patch;
	struct describer describer;

	begin(peer, &describer);
	describer_say_rest(&describer, PIECE);
	want = hear_gap(peer);
	patch = (struct lade_msg_patch){
		.slot = describer.slot, .off = want.off, .len = want.len, .ops = lade_slice(attack->data, attack->len),
	};
	lade_put_patch(&peer->out, &patch);
	peer_say(peer);
	finish(peer);
}

/* attack->len: 0: a literal that is too long by one, 1: too short, 2: blocks beyond the signature, 3: bytes left over. */
static void long_ops(struct peer *peer, const struct attack *attack)
{
	struct lade_msg_want_gap want;
	struct lade_msg_patch patch;
	struct describer describer;
	struct lade_writer ops;

	begin(peer, &describer);
	describer_say_rest(&describer, PIECE);
	want = hear_gap(peer);
	lade_writer_init(&ops, LADE_PATCH_MAX);
	if (attack->len == 2) {
		lade_writer_put_varint(&ops, 3);
		lade_writer_put_varint(&ops, (want.old_len + want.block_len - 1) / want.block_len);
	} else {
		uint32_t len = want.len + (attack->len == 0) - (attack->len == 1);

		lade_writer_put_varint(&ops, (uint64_t)len * 2);
		lade_writer_put_bytes(&ops, new_content + want.off, len);
	}
	if (attack->len == 3)
		lade_writer_put_varint(&ops, 0);
	patch = (struct lade_msg_patch){
		.slot = describer.slot, .off = want.off, .len = want.len, .ops = lade_slice(ops.data, ops.len),
	};
	lade_put_patch(&peer->out, &patch);
	lade_writer_fini(&ops);
	peer_say(peer);
	finish(peer);
}

/* Patches that are well-formed and wrong: the piece shows it, and comes as a run. attack->len: which is wrong as well. */
static void wrong_patches(struct peer *peer, const struct attack *attack)
{
	struct describer describer, liar;
	struct lade_message message;

	begin(peer, &describer);
	describer_say_rest(&describer, PIECE);
	liar = describer;
	liar.data = other;
	while (!describer.acknowledged && peer_hear(peer, &message) == PEER_MESSAGE) {
		if (message.type == LADE_MSG_WANT_GAP) {
			describer_put_patch(&liar, &message.want_gap);
			peer_say(peer);
		} else if (message.type == LADE_MSG_WANT_RUN && attack->len) {
			peer_say_run(peer, describer.slot, message.want_run.off, other + message.want_run.off,
				     message.want_run.len, true);
		} else {
			describer_hear(&describer, &message);
		}
	}
	assert_true(describer.acknowledged);
	assert_true(peer_finish_session(peer));
}

/* ---- what never comes ---- */

/*
 * Everything was said, nothing that was asked for is answered: the receiver waits, whatever else is said, and ends
 * when its peer hangs up.
 */
static void no_answers(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_report note = { .severity = LADE_REPORT_NOTE };
	struct describer describer;
	struct lade_message message;

	(void)attack;
	begin(peer, &describer);
	describer_say_rest(&describer, PIECE);
	(void)hear_gap(peer);
	(void)hear_gap(peer);
	for (unsigned i = 0; i < 1000; i++)
		lade_put_report(&peer->out, &note);
	peer_say(peer);
	lade_connection_end_writing(&peer->connection);
	while (peer_hear(peer, &message) == PEER_MESSAGE)
		assert_true(message.type != LADE_MSG_ACK && message.type != LADE_MSG_END);
}

/* Hear that all of it is wanted again. What is asked for meanwhile was asked for before the abort was heard of: no answer. */
static void hear_again(struct describer *describer)
{
	struct lade_message message;

	assert_true(peer_hear_type(describer->peer, LADE_MSG_WANT_AGAIN, &message));
	assert_int_equal(message.want_again.slot, describer->slot);
	describer->off = 0;
}

/* attack->len: how many pieces were said when it happens; it may be the reader or a worker who notes it first. */
static void abort_and_again(struct peer *peer, const struct attack *attack)
{
	struct describer describer;

	begin(peer, &describer);
	for (size_t i = 0; i < attack->len; i++)
		describer_put_piece(&describer, PIECE);
	peer_say(peer);
	put_abort(peer, describer.slot, describer.off, 1000);
	peer_put_file_end(peer, describer.slot, true, NEW_LEN, 1234567890);
	peer_say(peer);
	hear_again(&describer);
	finish_well(peer, &describer);
}

/* All was said; the answer to the first gap is that it is no longer there. */
static void abort_gaps(struct peer *peer, const struct attack *attack)
{
	struct lade_msg_want_gap want;
	struct describer describer;

	(void)attack;
	begin(peer, &describer);
	while (describer.off < NEW_LEN)
		describer_put_piece(&describer, PIECE);
	peer_put_file_end(peer, describer.slot, true, NEW_LEN, 1234567890);
	peer_say(peer);
	want = hear_gap(peer);
	put_abort(peer, describer.slot, want.off, want.len);
	peer_say(peer);
	hear_again(&describer);
	finish_well(peer, &describer);
}

/* It cannot be read any more; attack->len: 1: gaps are answered although, 2: by RUN_ABORT. */
static void gone_with_gaps(struct peer *peer, const struct attack *attack)
{
	struct describer describer;
	struct lade_msg_file_gone gone;
	struct lade_message message;

	begin(peer, &describer);
	/* Up to the changed bytes and some more: the gap is closed; then up to the insertion, where it is open. */
	while (describer.off < INSERTED_AT - 5000)
		describer_put_piece(&describer, 10000);
	peer_say(peer);
	message.want_gap = hear_gap(peer);
	while (describer.off <= INSERTED_AT)
		describer_put_piece(&describer, 1);
	gone = (struct lade_msg_file_gone){ describer.slot, 5 };
	lade_put_file_gone(&peer->out, &gone);
	if (attack->len == 1)
		describer_put_patch(&describer, &message.want_gap);
	else
		put_abort(peer, describer.slot, message.want_gap.off, message.want_gap.len);
	peer_say(peer);
	while (!describer.acknowledged && peer_hear(peer, &message) == PEER_MESSAGE) {
		if (message.type == LADE_MSG_WANT_GAP && attack->len == 1)
			describer_hear(&describer, &message);
		else if (message.type == LADE_MSG_ACK)
			describer.acknowledged = true;
	}
	assert_true(peer_finish_session(peer));
}

/* The same before anything was asked for: what waits for its other end must not wait for ever. */
static void gone_in_gap(struct peer *peer, const struct attack *attack)
{
	struct describer describer;
	struct lade_msg_file_gone gone;

	(void)attack;
	begin_of(peer, &describer, other, OLD_LEN);
	describer_put_piece(&describer, 1000);
	gone = (struct lade_msg_file_gone){ describer.slot, 5 };
	lade_put_file_gone(&peer->out, &gone);
	peer_say(peer);
	assert_true(describer_serve(&describer, 1));
	assert_true(peer_finish_session(peer));
}

#define HALF (OLD_LEN / 2)

/* A whole copy of the first attempt, and a second one that breaks off where all was as in the old file. */
static void kept_then_cut(struct peer *peer, const struct attack *attack)
{
	struct describer describer;

	(void)attack;
	begin_of(peer, &describer, old_content, HALF);
	describer_put_bare(&describer, 0, HALF, old_content, NO_BYTES);
	peer_put_file_end(peer, describer.slot, true, OLD_LEN, 1234567890);
	peer_say(peer);
	hear_again(&describer);
	describer_put_bare(&describer, 0, HALF, old_content, NO_BYTES);
	peer_say(peer);
	/* Long enough for it to be looked at, most of the time. */
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	peer_put_file_end(peer, describer.slot, true, OLD_LEN, 1234567900);
	peer_say(peer);
	assert_true(describer_serve(&describer, 1));
	assert_true(peer_finish_session(peer));
}

/* The whole copy, with the time that was announced for it. */
static void half_is_there(const struct scene *scene)
{
	struct stat st;

	scene_check_file(scene, "old", old_content, HALF);
	assert_int_equal(stat(scene_path(scene, "old"), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, SCENE_OLD_TIME + 1000);
}

/* ---- in their order: pieces and holes ---- */

/* attack->data: for each PIECE of the file: h, a hole; n, a piece that is new; anything else, one that is old. */
static uint8_t mixed_content[OLD_LEN];

static void mixed(struct peer *peer, const struct attack *attack)
{
	const char *kinds = attack->data;
	struct describer describer;

	memcpy(mixed_content, old_content, OLD_LEN);
	for (size_t i = 0; kinds[i]; i++) {
		if (kinds[i] == 'h')
			memset(mixed_content + i * PIECE, 0, PIECE);
		else if (kinds[i] == 'n')
			memcpy(mixed_content + i * PIECE, other + i * PIECE, PIECE);
	}
	begin_of(peer, &describer, mixed_content, OLD_LEN);
	for (size_t i = 0; kinds[i]; i++) {
		const struct lade_msg_hole hole = { describer.slot, i * PIECE, PIECE };

		if (kinds[i] == 'h')
			lade_put_hole(&peer->out, &hole);
		else
			describer_put_bare(&describer, i * PIECE, PIECE, mixed_content + i * PIECE, NO_BYTES);
	}
	describer.off = OLD_LEN;
	finish_well(peer, &describer);
}

static void mixed_is_there(const struct scene *scene)
{
	scene_check_file(scene, "old", mixed_content, OLD_LEN);
}

/* ---- many ---- */

/* Each byte a piece of its own, of which nobody has heard: attack->len of them. */
static void tiny_pieces(struct peer *peer, const struct attack *attack)
{
	static uint8_t content[LADE_PAYLOAD_MAX];
	struct describer describer;

	memcpy(content, other, sizeof(content));
	assert_true(attack->len < sizeof(content));
	begin_of(peer, &describer, content, attack->len);
	for (; describer.off < attack->len; describer.off++) {
		struct lade_message message;

		describer_put_bare(&describer, describer.off, 1, content + describer.off, NO_BYTES);
		while (describer.unpaid > LADE_RECIPE_CREDIT - 100) {
			peer_say(peer);
			assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
			describer_hear(&describer, &message);
		}
	}
	describer_say_rest(&describer, 1);
	assert_true(describer_serve(&describer, 1));
	assert_true(peer_finish_session(peer));
}

static void tiny_are_there(const struct scene *scene)
{
	struct stat st;

	assert_int_equal(stat(scene_path(scene, "old"), &st), 0);
	scene_check_file(scene, "old", other, (size_t)st.st_size);
}

/* Every chunk of one byte: as many as a piece may have. */
static void tiny_chunks(struct peer *peer, const struct attack *attack)
{
	struct describer describer;
	struct lade_writer chunks;

	(void)attack;
	begin(peer, &describer);
	while (describer.off < NEW_LEN) {
		uint64_t left = NEW_LEN - describer.off;
		uint32_t len = left < LADE_RECIPE_MAX / 7 ? (uint32_t)left : LADE_RECIPE_MAX / 7;

		lade_writer_init(&chunks, LADE_RECIPE_MAX);
		for (uint32_t i = 0; i < len; i++) {
			uint8_t digest[LADE_DIGEST_LEN];
			struct lade_recipe_chunk chunk = { .len = 1 };

			lade_digest(&peer->key, new_content + describer.off + i, 1, digest);
			chunk.name = lade_chunk_name(digest);
			lade_recipe_put(&chunks, &chunk);
		}
		assert_int_equal(chunks.error, 0);
		describer_put_bare(&describer, describer.off, len, new_content + describer.off,
				   lade_slice(chunks.data, chunks.len));
		describer.off += len;
		lade_writer_fini(&chunks);
	}
	finish_well(peer, &describer);
}

#define FILES_MAX 800u

static void say_many(struct peer *peer, size_t count)
{
	char name[24];

	scene_write(attack_scene(), "old", old_content, OLD_LEN);
	attack_root(peer);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%03zu", i);
		if (link(scene_path(attack_scene(), "old"), scene_path(attack_scene(), name)))
			abort();
		attack_file(peer, name, NEW_LEN);
	}
	attack_entries_end(peer);
}

static void many_are_there(const struct scene *scene, size_t count)
{
	char name[24];

	old_is_there(scene);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%03zu", i);
		scene_check_file(scene, name, new_content, NEW_LEN);
	}
}

/* Pieces of several files by turns. */
static void interleaved(struct peer *peer, const struct attack *attack)
{
	struct describer describers[16];

	say_many(peer, attack->len);
	for (size_t i = 0; i < attack->len; i++)
		describer_init(&describers[i], peer, i, new_content, NEW_LEN);
	for (uint64_t off = 0; off < NEW_LEN; off += 50000)
		for (size_t i = 0; i < attack->len; i++)
			while (describers[i].off < off)
				describer_put_piece(&describers[i], 20000);
	for (size_t i = 0; i < attack->len; i++)
		describer_say_rest(&describers[i], 20000);
	assert_true(describer_serve(describers, attack->len));
	assert_true(peer_finish_session(peer));
}

static void sixteen_are_there(const struct scene *scene)
{
	many_are_there(scene, 16);
}

/* A gap whose answer is kept back. */
struct held {
	struct describer *describer;
	struct lade_msg_want_gap want; /* without its signature */
};

/*
 * More files than a process may have open at a time, and answers only when nothing else happens any more: all that may
 * be under way at once is. None fails for that.
 */
static void many_at_once(struct peer *peer, const struct attack *attack)
{
	static struct describer describers[FILES_MAX];
	static struct describer *by_slot[LADE_SLOTS_MAX];
	static struct held held[LADE_WANT_GAPS_MAX];
	size_t wanted = 0, acknowledged = 0, held_count = 0;
	struct lade_message message;

	say_many(peer, attack->len);
	while (acknowledged < attack->len) {
		if (!lade_reader_left(&peer->reader) && held_count &&
		    lade_connection_wait(&peer->connection, 50, NULL)) {
			for (size_t i = 0; i < held_count; i++) {
				describer_put_patch(held[i].describer, &held[i].want);
				peer_say(peer);
			}
			held_count = 0;
		}
		assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
		if (message.type == LADE_MSG_WANT_RECIPE) {
			struct describer *describer = &describers[wanted++];

			describer_begin(describer, peer, &message.want_recipe, new_content, NEW_LEN);
			by_slot[describer->slot] = describer;
			describer_say_rest(describer, PIECE);
		} else if (message.type == LADE_MSG_WANT_GAP) {
			held[held_count++] = (struct held){ by_slot[message.want_gap.slot], message.want_gap };
		} else if (message.type == LADE_MSG_WANT_RUN) {
			describer_hear(by_slot[message.want_run.slot], &message);
		}
		acknowledged += message.type == LADE_MSG_ACK;
	}
	assert_int_equal(peer->errors, 0);
	assert_true(peer_finish_session(peer));
}

static void all_are_there(const struct scene *scene)
{
	many_are_there(scene, FILES_MAX);
}

/* attack_file() of a file that stands there already. */
static void other_name(struct peer *peer, const char *name, uint64_t size)
{
	if (link(scene_path(attack_scene(), "old"), scene_path(attack_scene(), name)))
		abort();
	attack_file(peer, name, size);
}

/* Put a piece of a byte that is nowhere (but for 0), and a chunk of the old content. */
static void put_gap_and_chunk(struct describer *describer, uint32_t gap_len)
{
	struct lade_recipe_chunk gap = { gap_len, describer->off };
	struct lade_recipe_chunk chunk = { .len = (uint32_t)lade_cut_next(&describer->cut, old_content, OLD_LEN) };
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_writer chunks;

	lade_digest(&describer->peer->key, old_content, chunk.len, digest);
	chunk.name = lade_chunk_name(digest);
	lade_writer_init(&chunks, LADE_RECIPE_MAX);
	if (gap_len)
		lade_recipe_put(&chunks, &gap);
	lade_recipe_put(&chunks, &chunk);
	describer_put_bare(describer, describer->off, gap_len + chunk.len, gap_len ? other : old_content,
			   lade_slice(chunks.data, chunks.len));
	describer->off += gap_len + chunk.len;
	lade_writer_fini(&chunks);
}

/*
 * One file has asked for all the gaps that may be, another waits for room, and then the first one does too: it is given
 * up, so that none of these is ever answered. The other's must be asked for.
 */
static void starved(struct peer *peer, const struct attack *attack)
{
	const uint64_t size = OLD_LEN * 30;
	struct describer describers[2], *first = &describers[0], *second = &describers[1];
	struct lade_message message;
	unsigned gaps = 0;

	(void)attack;
	scene_write(attack_scene(), "old", old_content, OLD_LEN);
	attack_root(peer);
	other_name(peer, "000", size);
	other_name(peer, "001", NEW_LEN);
	attack_entries_end(peer);
	describer_init(first, peer, 0, NULL, size);
	describer_init(second, peer, 1, new_content, NEW_LEN);
	for (unsigned i = 0; i < LADE_WANT_GAPS_MAX; i++)
		put_gap_and_chunk(first, 1);
	peer_say(peer);
	for (unsigned i = 0; i < LADE_WANT_GAPS_MAX; i++)
		(void)hear_gap(peer);
	describer_say_rest(second, PIECE);
	for (unsigned i = 0; i < 200; i++)
		put_gap_and_chunk(first, 0);
	put_gap_and_chunk(first, 1);
	put_gap_and_chunk(first, 1);
	put_abort(peer, first->slot, 0, 1);
	peer_put_file_end(peer, first->slot, true, size, 1234567890);
	peer_say(peer);
	while (!first->acknowledged || !second->acknowledged) {
		assert_int_equal(peer_hear(peer, &message), PEER_MESSAGE);
		if (message.type == LADE_MSG_WANT_AGAIN) {
			const struct lade_msg_file_gone gone = { first->slot, 2 };

			lade_put_file_gone(&peer->out, &gone);
			peer_say(peer);
		} else if (message.type == LADE_MSG_ACK) {
			*(message.ack.slot == first->slot ? &first->acknowledged : &second->acknowledged) = true;
		} else if (message.type == LADE_MSG_WANT_GAP && message.want_gap.slot == second->slot) {
			gaps++;
			describer_hear(second, &message);
		}
	}
	assert_true(gaps > 0);
	assert_true(peer_finish_session(peer));
}

static void second_is_there(const struct scene *scene)
{
	old_is_there(scene);
	scene_check_file(scene, "000", old_content, OLD_LEN);
	scene_check_file(scene, "001", new_content, NEW_LEN);
}

#define PIECE_ROW(title, before, ...) \
	{ title, bad_piece, .status = STREAM, .len = before, .flags = ATTACK_CHANGES_OLD, .after = old_is_there, \
	  .data = &(const struct bad_piece){ __VA_ARGS__ } }
#define CHUNKS(text) .chunks = text, .chunks_len = sizeof(text) - 1
#define PATCH(title, function) \
	{ title, bad_patch, .status = STREAM, .flags = ATTACK_CHANGES_OLD, .after = old_is_there, \
	  .data = &(const struct bad_patch){ function } }
#define OPS(title, text) \
	{ title, bad_ops, .status = STREAM, .flags = ATTACK_CHANGES_OLD, .after = old_is_there, \
	  .data = text, .len = sizeof(text) - 1 }
#define ROW(title, function, exit_status, check, ...) \
	{ title, function, .status = exit_status, .flags = ATTACK_CHANGES_OLD, .after = check, __VA_ARGS__ }
#define NAME "abcdef"
#define PIPES .kind = LADE_CONNECTION_PIPES
#define TCP .kind = LADE_CONNECTION_TCP

static const struct attack attacks[] = {
	{ "a file that grows", honest, .status = LADE_EXIT_OK, .options = APPENDS, .flags = ATTACK_CHANGES_OLD,
	  .after = old_has_grown },
	{ "a file that grows and is compared", honest, .status = LADE_EXIT_OK, .flags = ATTACK_CHANGES_OLD,
	  .options = ATTACK_OPTIONS | LADE_OPTION_APPEND_VERIFY | LADE_OPTION_INPLACE, .after = new_is_there },
	{ "a file that grows by what is damaged each time", append_wrong, .status = LADE_EXIT_PARTIAL, .options = APPENDS,
	  .flags = ATTACK_CHANGES_OLD, .after = old_is_there },
	ROW("an honest sender", honest, LADE_EXIT_OK, new_is_there, .len = 0),
	ROW("an honest sender over pipes", honest, LADE_EXIT_OK, new_is_there, PIPES),
	ROW("an honest sender over TCP", honest, LADE_EXIT_OK, new_is_there, TCP),

	ROW("a recipe of a file that is wanted whole", not_described, STREAM, old_is_there, .len = 0),
	PIECE_ROW("a piece in a slot that was not asked for", 0, .len = 1000, .slot_add = 1),
	PIECE_ROW("a piece of nothing", 0, .len = 0),
	PIECE_ROW("a piece beyond the end", 0, .len = NEW_LEN + 1),
	PIECE_ROW("a piece beyond the end, behind others", 2, .len = NEW_LEN - PIECE),
	PIECE_ROW("a piece far beyond the end", 0, .off = INT64_MAX, .len = 1),
	PIECE_ROW("a piece that overlaps", 2, .off = -1, .len = 1000),
	PIECE_ROW("a piece twice", 1, .off = -(int64_t)PIECE, .len = 1000),
	PIECE_ROW("a piece behind a gap", 2, .off = 1, .len = 1000),
	PIECE_ROW("a piece behind the end", 0, .len = 1, .ended = true),
	PIECE_ROW("chunks that are fewer bytes", 1, .len = 1000, CHUNKS("\x7f" NAME)),
	PIECE_ROW("chunks that are more bytes", 1, .len = 100, CHUNKS("\x7f" NAME)),
	PIECE_ROW("chunks that overflow", 0, .len = 2, CHUNKS("\x80\x80\x80\x80\x10" NAME "\x02" NAME)),
	PIECE_ROW("a chunk of the largest number", 0, .len = 2,
		  CHUNKS("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" NAME "\x03" NAME)),
	PIECE_ROW("a chunk of nothing", 0, .len = 2, CHUNKS("\x00" NAME "\x02" NAME)),
	PIECE_ROW("half a name", 0, .len = 2, CHUNKS("\x02" "abc")),
	PIECE_ROW("an overlong length", 0, .len = 2, CHUNKS("\x82\x00" NAME)),
	ROW("recipes beyond the credit", beyond_credit, STREAM, NULL, .len = 0),

	ROW("names of other bytes", lying_names, LADE_EXIT_OK, other_is_there, .len = 0),
	ROW("names of other bytes, and no others", lying_names, LADE_EXIT_PARTIAL, old_is_there, .len = 1),

	PATCH("a patch of another range", patch_elsewhere),
	PATCH("a patch of a shorter range", patch_shorter),
	PATCH("a patch twice", patch_twice),
	PATCH("a patch in another slot", patch_other_slot),
	PATCH("a patch after an abort", patch_aborted),
	PATCH("a run in the place of a patch", run_not_wanted),
	OPS("a patch of nothing", ""),
	OPS("a literal of nothing", "\x00"),
	OPS("a copy of nothing", "\x01\x00"),
	OPS("half a copy", "\x03"),
	OPS("half a literal", "\x0a" "abc"),
	OPS("a literal of the largest number", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" "abc"),
	OPS("a copy of the largest number", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"),
	OPS("a copy from the largest number", "\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	OPS("a copy whose sum overflows", "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
	OPS("an overlong operation", "\x83\x00\x00"),
	ROW("a patch of one byte too many", long_ops, STREAM, old_is_there, .len = 0),
	ROW("a patch of one byte too few", long_ops, STREAM, old_is_there, .len = 1),
	ROW("a patch of blocks beyond the signature", long_ops, STREAM, old_is_there, .len = 2),
	ROW("a patch with something left over", long_ops, STREAM, old_is_there, .len = 3),
	ROW("wrong patches, good runs", wrong_patches, LADE_EXIT_OK, new_is_there, .len = 0),
	ROW("wrong patches, wrong runs", wrong_patches, LADE_EXIT_PARTIAL, old_is_there, .len = 1),

	ROW("gaps that are never answered", no_answers, STREAM, old_is_there, .len = 0),
	ROW("gaps that are never answered over pipes", no_answers, STREAM, old_is_there, PIPES),
	ROW("an abort before the first piece", abort_and_again, LADE_EXIT_OK, new_is_there, .len = 0),
	ROW("an abort behind the first piece", abort_and_again, LADE_EXIT_OK, new_is_there, .len = 1),
	ROW("an abort behind some pieces", abort_and_again, LADE_EXIT_OK, new_is_there, .len = 4),
	ROW("an abort with gaps open", abort_gaps, LADE_EXIT_OK, new_is_there, .len = 0),
	ROW("gone with gaps open, answered", gone_with_gaps, LADE_EXIT_OK, old_is_there, .len = 1),
	ROW("gone with gaps open, aborted", gone_with_gaps, LADE_EXIT_OK, old_is_there, .len = 2),
	ROW("gone in a gap", gone_in_gap, LADE_EXIT_OK, old_is_there, .len = 0),
	ROW("a whole copy, and half an attempt", kept_then_cut, LADE_EXIT_OK, half_is_there, .len = 0),

	ROW("a hole at the end", mixed, LADE_EXIT_OK, mixed_is_there, .data = "      h"),
	ROW("a hole at the beginning", mixed, LADE_EXIT_OK, mixed_is_there, .data = "h      "),
	ROW("a hole within", mixed, LADE_EXIT_OK, mixed_is_there, .data = "  h    "),
	ROW("a hole within, and a difference", mixed, LADE_EXIT_OK, mixed_is_there, .data = "  h  n "),
	ROW("a difference, and a hole", mixed, LADE_EXIT_OK, mixed_is_there, .data = " n  h  "),
	ROW("nothing but holes", mixed, LADE_EXIT_OK, mixed_is_there, .data = "hhhhhhh"),

	ROW("pieces of one byte", tiny_pieces, LADE_EXIT_OK, tiny_are_there, .len = 200000),
	ROW("pieces of one byte, very many", tiny_pieces, LADE_EXIT_OK, tiny_are_there, .len = 1000000),
	ROW("chunks of one byte", tiny_chunks, LADE_EXIT_OK, new_is_there, .len = 0),
	ROW("several files by turns", interleaved, LADE_EXIT_OK, sixteen_are_there, .len = 16),
	ROW("more files than may be open", many_at_once, LADE_EXIT_OK, all_are_there, .len = FILES_MAX),
	ROW("a file that waits for another's gaps", starved, LADE_EXIT_OK, second_is_there, .len = 0),
};

int main(void)
{
	const struct rlimit descriptors = { 1024, 1024 };
	uint32_t state = 1;

	/* What is usual. */
	if (setrlimit(RLIMIT_NOFILE, &descriptors))
		abort();
	for (size_t i = 0; i < sizeof(other); i++) {
		state = state * 1664525u + 1013904223u;
		other[i] = (uint8_t)(state >> 24);
	}
	for (size_t i = 0; i < OLD_LEN; i++) {
		state = state * 1664525u + 1013904223u;
		old_content[i] = (uint8_t)(state >> 24);
	}
	memcpy(new_content, old_content, INSERTED_AT);
	memcpy(new_content + INSERTED_AT, other, INSERTED);
	memcpy(new_content + INSERTED_AT + INSERTED, old_content + INSERTED_AT, OLD_LEN - INSERTED_AT);
	memcpy(new_content + CHANGED_AT, other, CHANGED);
	return attack_run("hostile recipe", attacks, sizeof(attacks) / sizeof(attacks[0]));
}
