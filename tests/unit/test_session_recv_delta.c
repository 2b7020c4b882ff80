/*
 * The receiver's machine and files that are described: what may be said of them when, what is
 * asked for within which limits, and when such a file settles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "protocol/error.h"
#include "protocol/recipe.h"
#include "protocol/session_recv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of the files in these tests: two pieces of this many. */
#define SIZE 1000u
#define PIECE 500u

static int a_file; /* what the machine is given as files */

struct fixture {
	struct lade_session_recv *machine;
	struct lade_writer out;
	struct lade_recv_event event;
};

/* Chunks of 500 (0xf4 0x03), of 499 and 1, of 400 (0x90 0x03). */
static const uint8_t one_chunk[] = { 0xf4, 0x03, 1, 2, 3, 4, 5, 6 };
static const uint8_t two_chunks[] = { 0xf3, 0x03, 1, 2, 3, 4, 5, 6, 1, 1, 2, 3, 4, 5, 6 };
static const uint8_t short_chunk[] = { 0x90, 0x03, 1, 2, 3, 4, 5, 6 };
static const uint8_t half_a_chunk[] = { 0xf4, 0x03, 1, 2, 3 };

#define CHUNKS(bytes) { (bytes), sizeof(bytes) }
#define NO_CHUNKS { NULL, 0 }
#define RECIPE(slot_, off_, len_, chunks_) \
	{ .type = LADE_MSG_RECIPE, .encoded_len = 40, \
	  .recipe = { .slot = (slot_), .off = (off_), .len = (len_), .chunks = chunks_ } }
#define PATCH(slot_, off_, len_) \
	{ .type = LADE_MSG_PATCH, .patch = { .slot = (slot_), .off = (off_), .len = (len_) } }
#define RUN(slot, off, len) { .type = LADE_MSG_RUN, .run = { (slot), (off), (len), { 0 } } }
#define RUN_ABORT(slot, off, len) { .type = LADE_MSG_RUN_ABORT, .run_abort = { (slot), (off), (len) } }
#define HOLE(slot, off, len) { .type = LADE_MSG_HOLE, .hole = { (slot), (off), (len) } }
#define FILE_END(slot_, changed_) \
	{ .type = LADE_MSG_FILE_END, .file_end = { .slot = (slot_), .changed = (changed_), .size = SIZE } }
#define FILE_GONE(slot) { .type = LADE_MSG_FILE_GONE, .file_gone = { (slot), 5 } }
#define DESCRIPTOR(slot) { .type = LADE_MSG_DESCRIPTOR, .descriptor = { (slot) } }

static int hear(struct fixture *fixture, struct lade_message message)
{
	return lade_session_recv_step(fixture->machine, &message, &fixture->event);
}

static void must_hear(struct fixture *fixture, struct lade_message message, int expected)
{
	assert_int_equal(hear(fixture, message), expected);
}

#define HEAR(fixture, expected, ...) must_hear(fixture, (struct lade_message)__VA_ARGS__, expected)

/* The same, and the event is of a type. */
#define HEAR_AS(fixture, type_, ...) \
	do { \
		HEAR(fixture, 1, __VA_ARGS__); \
		assert_int_equal((fixture)->event.type, type_); \
	} while (0)

static void judge(struct fixture *fixture, uint64_t off, uint32_t len, bool good, int expected)
{
	assert_int_equal(lade_session_recv_verified(fixture->machine, 0, off, len, good, &fixture->out,
						    &fixture->event), expected);
}

static int want_recipe(struct fixture *fixture, uint64_t index, uint64_t size)
{
	const struct lade_msg_want_recipe want = { .index = index, .cut_class = 13 };

	return lade_session_recv_want_recipe(fixture->machine, &want, size, &a_file, &fixture->out);
}

/* A gap of slot without old bytes, but with so many bytes of signature. */
static int want_signed(struct fixture *fixture, uint32_t slot, uint64_t off, uint32_t len, size_t signature_len)
{
	static const uint8_t zeros[2 * LADE_SIGNATURES_MAX];
	const struct lade_recv_gap gap = { .off = off, .len = len, .old_off = off + 7, .old_len = 11, .block_len = 64 };

	return lade_session_recv_want_gap(fixture->machine, slot, &gap, lade_slice(zeros, signature_len), &fixture->out);
}

static void want_gap(struct fixture *fixture, uint64_t off, uint32_t len)
{
	size_t before = fixture->out.len;

	assert_int_equal(want_signed(fixture, 0, off, len, 6), 0);
	assert_true(fixture->out.len > before);
}

static int want_literal(struct fixture *fixture, uint32_t slot, uint64_t off, uint32_t len)
{
	return lade_session_recv_want_literal(fixture->machine, slot, off, len, &fixture->out);
}

/* The only message that was said since the writer was empty; it is then empty again. */
static struct lade_message said(struct fixture *fixture)
{
	struct lade_message message;
	struct lade_reader reader;

	lade_reader_init(&reader, fixture->out.data, fixture->out.len);
	assert_int_equal(lade_message_get(&reader, &message), 0);
	assert_int_equal(lade_reader_left(&reader), 0);
	fixture->out.len = 0;
	return message;
}

static void assert_settled(const struct fixture *fixture, enum lade_verdict verdict, bool whole)
{
	assert_int_equal(fixture->event.type, LADE_RECV_SETTLED);
	assert_int_equal(fixture->event.verdict, verdict);
	assert_int_equal(fixture->event.whole, whole);
}

static void init(struct fixture *fixture)
{
	assert_int_equal(lade_session_recv_new(&fixture->machine), 0);
	lade_writer_init(&fixture->out, SIZE_MAX);
}

static void fini(struct fixture *fixture)
{
	lade_session_recv_free(fixture->machine);
	lade_writer_fini(&fixture->out);
}

/* ---- states: file 0 of SIZE bytes in slot 0 ---- */

static void wanted(struct fixture *fixture)
{
	assert_int_equal(want_recipe(fixture, 1, SIZE), 0);
}

static void wanted_whole(struct fixture *fixture)
{
	assert_int_equal(lade_session_recv_want(fixture->machine, 1, SIZE, &a_file, &fixture->out), 0);
}

static void half_described(struct fixture *fixture)
{
	wanted(fixture);
	HEAR_AS(fixture, LADE_RECV_RECIPE, RECIPE(0, 0, PIECE, NO_CHUNKS));
}

static void described(struct fixture *fixture)
{
	half_described(fixture);
	HEAR_AS(fixture, LADE_RECV_RECIPE, RECIPE(0, PIECE, PIECE, NO_CHUNKS));
}

static void ended(struct fixture *fixture)
{
	described(fixture);
	HEAR_AS(fixture, LADE_RECV_DESCRIBED, FILE_END(0, 0));
	fixture->out.len = 0;
}

/* Three gaps in the first piece; nothing is judged. */
static void gaps_asked(struct fixture *fixture)
{
	ended(fixture);
	want_gap(fixture, 0, 100);
	want_gap(fixture, 100, 100);
	want_gap(fixture, 300, 50);
	fixture->out.len = 0;
}

static void aborted(struct fixture *fixture)
{
	gaps_asked(fixture);
	HEAR_AS(fixture, LADE_RECV_ABORTED, RUN_ABORT(0, 100, 100));
}

static void settled(struct fixture *fixture)
{
	ended(fixture);
	judge(fixture, 0, PIECE, true, 0);
	judge(fixture, PIECE, PIECE, true, 1);
	assert_settled(fixture, LADE_VERDICT_INTACT, true);
}

static void acknowledged(struct fixture *fixture)
{
	settled(fixture);
	lade_session_recv_ack(fixture->machine, 0, &fixture->out);
}

struct refusals {
	const char *state;
	void (*prepare)(struct fixture *fixture);
	struct lade_message refused[16];
};

static const struct refusals refusals[] = {
	{ "wanted whole", wanted_whole, { RECIPE(0, 0, PIECE, NO_CHUNKS), PATCH(0, 0, 1) } },
	{ "wanted", wanted,
	  { RECIPE(0, 1, PIECE, NO_CHUNKS), RECIPE(0, 0, SIZE + 1, NO_CHUNKS), RECIPE(0, 0, 0, NO_CHUNKS),
	    RECIPE(0, INT64_MAX, 1, NO_CHUNKS), RECIPE(1, 0, PIECE, NO_CHUNKS),
	    RECIPE(0, 0, PIECE, CHUNKS(short_chunk)), RECIPE(0, 0, PIECE + 1, CHUNKS(one_chunk)),
	    RECIPE(0, 0, PIECE - 1, CHUNKS(two_chunks)), RECIPE(0, 0, PIECE, CHUNKS(half_a_chunk)),
	    PATCH(0, 0, 100), PATCH(1, 0, 100), RUN(0, 0, PIECE), DESCRIPTOR(0), FILE_END(0, 0) } },
	{ "half described", half_described,
	  { RECIPE(0, 0, PIECE, NO_CHUNKS), RECIPE(0, PIECE - 1, PIECE, NO_CHUNKS), RECIPE(0, PIECE + 1, 1, NO_CHUNKS),
	    RECIPE(0, PIECE, PIECE + 1, NO_CHUNKS), PATCH(0, 0, PIECE), RUN(0, 0, PIECE),
	    RUN(0, PIECE, PIECE), FILE_END(0, 0), DESCRIPTOR(0) } },
	{ "described", described, { RECIPE(0, SIZE, 1, NO_CHUNKS), RECIPE(0, PIECE, PIECE, NO_CHUNKS) } },
	{ "ended", ended,
	  { RECIPE(0, 0, PIECE, NO_CHUNKS), RECIPE(0, SIZE, 1, NO_CHUNKS), PATCH(0, 0, PIECE), RUN(0, 0, PIECE),
	    FILE_END(0, 0), FILE_GONE(0), RUN_ABORT(0, SIZE, 1), HOLE(0, SIZE, 1) } },
	{ "gaps asked", gaps_asked,
	  { PATCH(0, 0, 99), PATCH(0, 0, 101), PATCH(0, 1, 100), PATCH(0, 0, 200), PATCH(0, 200, 100), PATCH(1, 0, 100),
	    PATCH(0, INT64_MAX, 100), RUN(0, 0, 100), RECIPE(0, 0, 100, NO_CHUNKS) } },
	{ "aborted", aborted, { PATCH(0, 0, 100), PATCH(0, 100, 100), PATCH(0, 300, 50) } },
	{ "settled", settled, { PATCH(0, 0, 100), RECIPE(0, 0, PIECE, NO_CHUNKS), RUN_ABORT(0, 0, 1) } },
	{ "acknowledged", acknowledged, { PATCH(0, 0, 100), RECIPE(0, 0, PIECE, NO_CHUNKS) } },
};

static void test_what_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		const struct refusals *at = &refusals[i];

		for (size_t j = 0; j < COUNT(at->refused) && at->refused[j].type; j++) {
			struct fixture fixture;
			char text[512];

			init(&fixture);
			at->prepare(&fixture);
			lade_message_dump(&at->refused[j], text, sizeof(text));
			if (hear(&fixture, at->refused[j]) != LADE_E_PROTOCOL)
				fail_msg("%s: %s is not refused", at->state, text);
			fini(&fixture);
		}
	}
}

/* ---- a slot that is to be described ---- */

static void test_it_takes_a_slot(void **state)
{
	static const struct lade_recv_limits two = { 2, 2, 1, 1, 1 };
	struct fixture fixture;
	struct lade_message message;
	uint32_t slot;

	(void)state;
	init(&fixture);
	lade_session_recv_limit(fixture.machine, &two);
	assert_int_equal(want_recipe(&fixture, 5, SIZE), 0);
	message = said(&fixture);
	assert_int_equal(message.type, LADE_MSG_WANT_RECIPE);
	assert_int_equal(message.want_recipe.index, 5);
	assert_int_equal(message.want_recipe.cut_class, 13);
	slot = message.want_recipe.slot;
	assert_int_equal(lade_session_recv_open(fixture.machine), 1);
	assert_int_equal(lade_session_recv_want(fixture.machine, 6, SIZE, &a_file, &fixture.out), 0);
	message = said(&fixture);
	assert_int_not_equal(message.want.slot, slot);
	assert_int_equal(want_recipe(&fixture, 7, SIZE), LADE_E_AGAIN);
	assert_int_equal(fixture.out.len, 0);
	HEAR_AS(&fixture, LADE_RECV_RECIPE, RECIPE(slot, 0, PIECE, NO_CHUNKS));
	assert_ptr_equal(lade_session_recv_abandon(fixture.machine), &a_file);
	assert_ptr_equal(lade_session_recv_abandon(fixture.machine), &a_file);
	assert_null(lade_session_recv_abandon(fixture.machine));
	fini(&fixture);
}

/* What finds no room in the writer takes no slot. */
static void test_a_want_that_finds_no_room(void **state)
{
	const struct lade_msg_want_recipe want = { .index = 1, .cut_class = 13 };
	struct fixture fixture;
	struct lade_writer full;

	(void)state;
	init(&fixture);
	lade_writer_init(&full, 3);
	assert_int_equal(lade_session_recv_want_recipe(fixture.machine, &want, SIZE, &a_file, &full), LADE_E_LIMIT);
	assert_int_equal(lade_session_recv_open(fixture.machine), 0);
	assert_null(lade_session_recv_abandon(fixture.machine));
	lade_writer_fini(&full);
	fini(&fixture);
}

static void test_a_piece_is_handed_on(void **state)
{
	struct lade_message message = RECIPE(0, 0, PIECE, CHUNKS(two_chunks));
	struct fixture fixture;

	(void)state;
	init(&fixture);
	wanted(&fixture);
	message.recipe.digest[3] = 0x77;
	HEAR_AS(&fixture, LADE_RECV_RECIPE, RECIPE(0, 0, PIECE, CHUNKS(one_chunk)));
	message.recipe.off = PIECE;
	assert_int_equal(lade_session_recv_step(fixture.machine, &message, &fixture.event), 1);
	assert_ptr_equal(fixture.event.file, &a_file);
	assert_int_equal(fixture.event.slot, 0);
	assert_int_equal(fixture.event.attempt, 0);
	assert_int_equal(fixture.event.off, PIECE);
	assert_int_equal(fixture.event.len, PIECE);
	assert_int_equal(fixture.event.encoded_len, 40);
	assert_ptr_equal(fixture.event.data.data, two_chunks);
	assert_int_equal(fixture.event.data.len, sizeof(two_chunks));
	assert_int_equal(fixture.event.digest[3], 0x77);
	assert_false(fixture.event.discard);
	fini(&fixture);
}

/* It has pieces or nothing: no record of a bundle either. */
static void test_no_records(void **state)
{
	static const uint8_t zeros[SIZE];
	const struct lade_bundle_record record = { .slot = 0, .data = lade_slice(zeros, SIZE) };
	struct fixture fixture;

	(void)state;
	init(&fixture);
	wanted(&fixture);
	assert_int_equal(lade_session_recv_record(fixture.machine, &record, &fixture.event), LADE_E_PROTOCOL);
	fini(&fixture);
}

/* Holes are made by whoever makes the pieces, and waited for as these are. */
static void test_holes_between_pieces(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	wanted(&fixture);
	HEAR_AS(&fixture, LADE_RECV_HOLE, HOLE(0, 0, 100));
	assert_int_equal(fixture.event.len, 100);
	HEAR_AS(&fixture, LADE_RECV_RECIPE, RECIPE(0, 100, 800, NO_CHUNKS));
	HEAR_AS(&fixture, LADE_RECV_HOLE, HOLE(0, 900, 100));
	judge(&fixture, 0, 0, true, 0);
	judge(&fixture, 100, 800, true, 0);
	HEAR_AS(&fixture, LADE_RECV_DESCRIBED, FILE_END(0, 0));
	judge(&fixture, 900, 0, true, 1);
	assert_settled(&fixture, LADE_VERDICT_INTACT, true);
	fini(&fixture);
}

/* One that could not be made cannot be asked for either. */
static void test_a_hole_that_is_none(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	wanted(&fixture);
	HEAR_AS(&fixture, LADE_RECV_HOLE, HOLE(0, 0, SIZE));
	fixture.out.len = 0;
	judge(&fixture, 0, 0, false, 0);
	assert_true(lade_session_recv_hopeless(fixture.machine, 0));
	assert_int_equal(fixture.out.len, 0);
	HEAR_AS(&fixture, LADE_RECV_SETTLED, FILE_END(0, 0));
	assert_settled(&fixture, LADE_VERDICT_CORRUPT, false);
	fini(&fixture);

	/* Of a file that is not described nobody is to judge it. */
	init(&fixture);
	wanted_whole(&fixture);
	HEAR_AS(&fixture, LADE_RECV_HOLE, HOLE(0, 0, SIZE));
	HEAR_AS(&fixture, LADE_RECV_SETTLED, FILE_END(0, 0));
	fini(&fixture);
}

/* The event after which no piece comes: always one, or the file has settled. */
static void test_all_pieces_were_said(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	described(&fixture);
	HEAR_AS(&fixture, LADE_RECV_DESCRIBED, FILE_END(0, 0));
	assert_ptr_equal(fixture.event.file, &a_file);
	fini(&fixture);

	init(&fixture);
	half_described(&fixture);
	HEAR_AS(&fixture, LADE_RECV_DESCRIBED, FILE_END(0, 1)); /* it was cut short */
	assert_true(lade_session_recv_hopeless(fixture.machine, 0));
	judge(&fixture, 0, PIECE, true, 1);
	assert_settled(&fixture, LADE_VERDICT_CHANGED, false);
	fini(&fixture);

	init(&fixture);
	wanted_whole(&fixture);
	HEAR(&fixture, 1, RUN(0, 0, SIZE));
	HEAR(&fixture, 0, FILE_END(0, 0)); /* nothing was described */
	fini(&fixture);
}

/* Whoever waits for the next piece must hear that none comes, or would wait for good. */
static void test_a_file_that_is_gone_after_some_pieces(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	half_described(&fixture);
	want_gap(&fixture, 0, 100);
	HEAR_AS(&fixture, LADE_RECV_DESCRIBED, FILE_GONE(0));
	assert_true(lade_session_recv_hopeless(fixture.machine, 0));
	fixture.out.len = 0;
	assert_int_equal(want_signed(&fixture, 0, 100, 100, 6), 0);
	assert_int_equal(want_literal(&fixture, 0, 200, 100), 0);
	judge(&fixture, 0, PIECE, false, 0);
	assert_int_equal(fixture.out.len, 0);
	HEAR_AS(&fixture, LADE_RECV_SETTLED, PATCH(0, 0, 100));
	assert_int_equal(fixture.event.verdict, LADE_VERDICT_GONE);
	assert_int_equal(fixture.event.error, 5);
	fini(&fixture);

	init(&fixture);
	wanted(&fixture);
	HEAR_AS(&fixture, LADE_RECV_SETTLED, FILE_GONE(0));
	fini(&fixture);
}

/* ---- credit ---- */

static void test_recipes_are_paid_for(void **state)
{
	struct lade_message message = RECIPE(0, 0, 1, NO_CHUNKS);
	struct fixture fixture;
	uint32_t given = 0;

	(void)state;
	init(&fixture);
	assert_int_equal(want_recipe(&fixture, 1, INT64_MAX), 0);
	fixture.out.len = 0;
	message.encoded_len = LADE_RECIPE_CREDIT / 4;
	for (; message.recipe.off < 4; message.recipe.off++)
		assert_int_equal(hear(&fixture, message), 1);
	/* It is given back in pieces, and not before it is worth a message. */
	for (size_t done = 0; done < LADE_RECIPE_CREDIT / 4; done += 1000) {
		lade_session_recv_recipe_done(fixture.machine, 1000, &fixture.out);
		if (!fixture.out.len)
			continue;
		message = said(&fixture);
		assert_int_equal(message.type, LADE_MSG_RECIPE_CREDIT);
		assert_true(message.recipe_credit.bytes >= 400000 && message.recipe_credit.bytes <= done + 1000 - given);
		given += message.recipe_credit.bytes;
	}
	assert_true(given >= 524288);
	/* What was given back may be said, and not a byte more. */
	message = (struct lade_message)RECIPE(0, 4, 1, NO_CHUNKS);
	message.encoded_len = given;
	assert_int_equal(hear(&fixture, message), 1);
	message.recipe.off++;
	message.encoded_len = 1;
	assert_int_equal(hear(&fixture, message), LADE_E_PROTOCOL);
	fini(&fixture);
}

/* ---- gaps ---- */

static void test_what_a_gap_is(void **state)
{
	struct lade_message message;
	struct fixture fixture;

	(void)state;
	init(&fixture);
	ended(&fixture);
	want_gap(&fixture, 450, 100); /* it need not follow the limits of pieces */
	message = said(&fixture);
	assert_int_equal(message.type, LADE_MSG_WANT_GAP);
	assert_int_equal(message.want_gap.slot, 0);
	assert_int_equal(message.want_gap.off, 450);
	assert_int_equal(message.want_gap.len, 100);
	assert_int_equal(message.want_gap.old_len, 11);
	assert_int_equal(message.want_gap.block_len, 64);
	assert_int_equal(message.want_gap.signature.len, 6);
	message = (struct lade_message)PATCH(0, 450, 100);
	message.patch.ops = lade_slice("ops", 3);
	assert_int_equal(hear(&fixture, message), 1);
	assert_int_equal(fixture.event.type, LADE_RECV_PATCH);
	assert_ptr_equal(fixture.event.file, &a_file);
	assert_int_equal(fixture.event.gap.off, 450);
	assert_int_equal(fixture.event.gap.len, 100);
	assert_int_equal(fixture.event.gap.old_off, 457);
	assert_int_equal(fixture.event.gap.old_len, 11);
	assert_int_equal(fixture.event.gap.block_len, 64);
	assert_true(lade_slice_equal(fixture.event.data, lade_slice("ops", 3)));
	assert_false(lade_session_recv_hopeless(fixture.machine, 0));
	judge(&fixture, 0, PIECE, true, 0);
	judge(&fixture, PIECE, PIECE, true, 1);
	fini(&fixture);
}

/* In any order, each once, and each is the answer to the gap of its range. */
static void test_answers_out_of_order(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	gaps_asked(&fixture);
	HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, 300, 50));
	assert_int_equal(fixture.event.gap.old_off, 307);
	HEAR(&fixture, LADE_E_PROTOCOL, PATCH(0, 300, 50));
	HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, 100, 100));
	assert_int_equal(fixture.event.gap.old_off, 107);
	HEAR(&fixture, LADE_E_PROTOCOL, PATCH(0, 100, 100));
	want_gap(&fixture, 300, 50); /* once more */
	HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, 300, 50));
	HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, 0, 100));
	HEAR(&fixture, LADE_E_PROTOCOL, PATCH(0, 0, 100));
	HEAR(&fixture, LADE_E_PROTOCOL, PATCH(0, 300, 50));
	judge(&fixture, 0, PIECE, true, 0);
	judge(&fixture, PIECE, PIECE, true, 1);
	fini(&fixture);
}

/* Many at a time, in waves, answered from both ends: the list behind it moves and grows. */
static void test_gaps_come_and_go(void **state)
{
	struct fixture fixture;
	uint32_t first = 0, next = 0;

	(void)state;
	init(&fixture);
	ended(&fixture);
	for (uint32_t wave = 1; next + wave < SIZE; wave++) {
		for (uint32_t i = 0; i < wave; i++)
			want_gap(&fixture, next++, 1);
		if (wave % 3 == 0)
			HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, --next, 1));
		for (uint32_t i = 0; i < wave - 2 && wave > 2; i++) {
			HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, first, 1));
			assert_int_equal(fixture.event.gap.old_off, first + 7);
			HEAR(&fixture, LADE_E_PROTOCOL, PATCH(0, first++, 1));
		}
	}
	while (first < next)
		HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, first++, 1));
	judge(&fixture, 0, PIECE, true, 0);
	judge(&fixture, PIECE, PIECE, true, 1);
	fini(&fixture);
}

static void test_no_more_gaps_than_allowed(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	assert_int_equal(want_recipe(&fixture, 1, 2 * LADE_WANT_GAPS_MAX), 0);
	assert_int_equal(want_recipe(&fixture, 2, SIZE), 0);
	HEAR(&fixture, 1, RECIPE(0, 0, 2 * LADE_WANT_GAPS_MAX, NO_CHUNKS));
	HEAR(&fixture, 1, RECIPE(1, 0, SIZE, NO_CHUNKS));
	for (uint32_t i = 0; i < LADE_WANT_GAPS_MAX; i++)
		assert_int_equal(want_signed(&fixture, 0, i, 1, 0), 0);
	fixture.out.len = 0;
	assert_int_equal(want_signed(&fixture, 0, 5000, 1, 0), LADE_E_AGAIN);
	assert_int_equal(want_signed(&fixture, 1, 0, 1, 0), LADE_E_AGAIN); /* of all files together */
	assert_int_equal(fixture.out.len, 0);
	HEAR(&fixture, 1, PATCH(0, 700, 1));
	assert_int_equal(want_signed(&fixture, 1, 0, 1, 0), 0);
	assert_int_equal(want_signed(&fixture, 1, 1, 1, 0), LADE_E_AGAIN);
	HEAR(&fixture, 1, RUN_ABORT(0, 0, 1)); /* the others are forgotten, but for that of file 1 */
	for (uint32_t i = 1; i < LADE_WANT_GAPS_MAX; i++)
		assert_int_equal(want_signed(&fixture, 1, i % SIZE, 1, 0), 0);
	assert_int_equal(want_signed(&fixture, 1, 1, 1, 0), LADE_E_AGAIN);
	fini(&fixture);
}

static void test_no_longer_signatures_than_allowed(void **state)
{
	const uint32_t most = LADE_SIGNATURES_MAX;
	struct fixture fixture;

	(void)state;
	init(&fixture);
	ended(&fixture);
	assert_int_equal(want_signed(&fixture, 0, 0, 1, most / 2), 0);
	assert_int_equal(want_signed(&fixture, 0, 1, 1, most / 2), 0);
	fixture.out.len = 0;
	assert_int_equal(want_signed(&fixture, 0, 2, 1, 1), LADE_E_AGAIN);
	assert_int_equal(fixture.out.len, 0);
	assert_int_equal(want_signed(&fixture, 0, 2, 1, 0), 0); /* it costs nothing */
	HEAR(&fixture, 1, PATCH(0, 0, 1));
	assert_int_equal(want_signed(&fixture, 0, 3, 1, most / 2 + 1), LADE_E_AGAIN);
	assert_int_equal(want_signed(&fixture, 0, 3, 1, most / 2), 0);
	/* A single one may have any length. */
	HEAR(&fixture, 1, PATCH(0, 1, 1));
	HEAR(&fixture, 1, PATCH(0, 3, 1));
	assert_int_equal(want_signed(&fixture, 0, 4, 1, most + 1), LADE_E_AGAIN);
	HEAR(&fixture, 1, PATCH(0, 2, 1));
	assert_int_equal(want_signed(&fixture, 0, 4, 1, most + 1), 0);
	assert_int_equal(want_signed(&fixture, 0, 5, 1, 0), LADE_E_AGAIN);
	/* What is forgotten costs nothing either. */
	HEAR(&fixture, 1, RUN_ABORT(0, 0, 1));
	judge(&fixture, 0, PIECE, false, 0);
	judge(&fixture, PIECE, PIECE, false, 1);
	lade_session_recv_want_again(fixture.machine, 0, &fixture.out);
	HEAR(&fixture, 1, RECIPE(0, 0, PIECE, NO_CHUNKS));
	assert_int_equal(want_signed(&fixture, 0, 0, 1, 1), 0);
	assert_int_equal(want_signed(&fixture, 0, 1, 1, most - 1), 0);
	assert_int_equal(want_signed(&fixture, 0, 2, 1, 1), LADE_E_AGAIN);
	fini(&fixture);
}

static void test_one_gap_at_a_time(void **state)
{
	static const struct lade_recv_limits least = { 1, 1, 1, 1, 1 };
	struct lade_message message;
	struct fixture fixture;
	uint32_t slot;

	(void)state;
	init(&fixture);
	lade_session_recv_limit(fixture.machine, &least);
	assert_int_equal(want_recipe(&fixture, 1, SIZE), 0);
	slot = said(&fixture).want_recipe.slot;
	HEAR(&fixture, 1, RECIPE(slot, 0, SIZE, NO_CHUNKS));
	assert_int_equal(want_signed(&fixture, slot, 0, 10, 6), 0);
	assert_int_equal(want_signed(&fixture, slot, 10, 10, 6), LADE_E_AGAIN);
	assert_int_equal(want_literal(&fixture, slot, 20, 10), 0); /* the one run that may be asked for */
	assert_int_equal(want_literal(&fixture, slot, 30, 10), LADE_E_AGAIN);
	message = (struct lade_message)PATCH(slot, 0, 10);
	assert_int_equal(hear(&fixture, message), 1);
	assert_int_equal(want_signed(&fixture, slot, 10, 10, 6), 0);
	message = (struct lade_message)RUN(slot, 20, 10);
	assert_int_equal(hear(&fixture, message), 1);
	assert_int_equal(want_literal(&fixture, slot, 30, 10), 0);
	fini(&fixture);
}

/* ---- literals ---- */

static void test_a_literal(void **state)
{
	struct lade_message message;
	struct fixture fixture;

	(void)state;
	init(&fixture);
	ended(&fixture);
	assert_int_equal(want_literal(&fixture, 0, 100, 300), 0);
	message = said(&fixture);
	assert_int_equal(message.type, LADE_MSG_WANT_RUN);
	assert_int_equal(message.want_run.off, 100);
	assert_int_equal(message.want_run.len, 300);
	HEAR(&fixture, LADE_E_PROTOCOL, PATCH(0, 100, 300));
	HEAR_AS(&fixture, LADE_RECV_RUN, RUN(0, 100, 300));
	HEAR(&fixture, LADE_E_PROTOCOL, RUN(0, 100, 300));
	/* It is damaged: it is asked for again as any run is, and so often. */
	for (unsigned i = 0; i < LADE_RUN_TRIES; i++) {
		judge(&fixture, 100, 300, false, 0);
		assert_int_equal(said(&fixture).type, LADE_MSG_WANT_RUN);
		HEAR_AS(&fixture, LADE_RECV_RUN, RUN(0, 100, 300));
	}
	assert_false(lade_session_recv_hopeless(fixture.machine, 0));
	judge(&fixture, 100, 300, true, 0);
	judge(&fixture, 0, PIECE, true, 0);
	judge(&fixture, PIECE, PIECE, true, 1);
	assert_settled(&fixture, LADE_VERDICT_INTACT, true);
	fini(&fixture);
}

/* A file has not settled before what it asked for has come, whatever was judged. */
static void test_a_literal_is_waited_for(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	ended(&fixture);
	assert_int_equal(want_literal(&fixture, 0, 0, PIECE), 0); /* of the whole first piece */
	judge(&fixture, PIECE, PIECE, true, 0);
	HEAR_AS(&fixture, LADE_RECV_RUN, RUN(0, 0, PIECE));
	judge(&fixture, 0, PIECE, true, 0); /* the run */
	judge(&fixture, 0, PIECE, true, 1); /* the piece */
	fini(&fixture);
}

/* Of what may be asked for in a file, and in a session, half is left for what arrives damaged. */
static void test_literals_use_half(void **state)
{
	struct fixture fixture;
	uint32_t of_a_file = 0, of_all = 0;

	(void)state;
	init(&fixture);
	for (uint32_t slot = 0; slot < LADE_WANT_RUNS_MAX; slot++) {
		assert_int_equal(want_recipe(&fixture, slot, SIZE), 0);
		HEAR(&fixture, 1, RECIPE(slot, 0, SIZE, NO_CHUNKS));
	}
	fixture.out.len = 0;
	while (want_literal(&fixture, 0, of_a_file, 1) == 0)
		of_a_file++;
	assert_int_equal(of_a_file, 32);
	fixture.out.len = 0;
	assert_int_equal(want_literal(&fixture, 0, 99, 1), LADE_E_AGAIN);
	assert_int_equal(fixture.out.len, 0);
	for (of_all = of_a_file; want_literal(&fixture, of_all, 0, 1) == 0; of_all++)
		;
	assert_int_equal(of_all, LADE_WANT_RUNS_MAX / 2);
	/* The other half is there for pieces that come out wrong. */
	fixture.out.len = 0;
	for (uint32_t i = 0; i < LADE_WANT_RUNS_MAX / 2; i++) {
		assert_int_equal(lade_session_recv_verified(fixture.machine, 500 + i, 0, SIZE, false, &fixture.out,
							    &fixture.event), 0);
		assert_false(lade_session_recv_hopeless(fixture.machine, 500 + i));
		assert_int_equal(said(&fixture).type, LADE_MSG_WANT_RUN);
	}
	/* An answer makes room in the file, but too much is asked for in all. */
	HEAR(&fixture, 1, RUN(0, 5, 1));
	judge(&fixture, 5, 1, true, 0);
	assert_int_equal(want_literal(&fixture, 0, 99, 1), LADE_E_AGAIN);
	fini(&fixture);
}

/* The limit of a file lets damage be mended although it has asked for all the literals that it may. */
static void test_damage_beside_literals(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	wanted(&fixture);
	for (uint32_t i = 0; i < SIZE / 10; i++)
		HEAR(&fixture, 1, RECIPE(0, 10 * i, 10, NO_CHUNKS));
	for (uint32_t i = 0; i < 32; i++)
		assert_int_equal(want_literal(&fixture, 0, 10 * i, 5), 0);
	for (uint32_t i = 0; i < 32; i++)
		judge(&fixture, 500 + 10 * i, 10, false, 0);
	assert_false(lade_session_recv_hopeless(fixture.machine, 0));
	judge(&fixture, 900, 10, false, 0); /* one too many */
	assert_true(lade_session_recv_hopeless(fixture.machine, 0));
	fini(&fixture);
}

/* ---- pieces that come out wrong ---- */

static void test_a_bad_piece_is_asked_for_as_a_run(void **state)
{
	struct lade_message message;
	struct fixture fixture;

	(void)state;
	init(&fixture);
	ended(&fixture);
	judge(&fixture, 0, PIECE, true, 0);
	judge(&fixture, PIECE, PIECE, false, 0);
	message = said(&fixture);
	assert_int_equal(message.type, LADE_MSG_WANT_RUN);
	assert_int_equal(message.want_run.off, PIECE);
	assert_int_equal(message.want_run.len, PIECE);
	HEAR_AS(&fixture, LADE_RECV_RUN, RUN(0, PIECE, PIECE));
	judge(&fixture, PIECE, PIECE, true, 1);
	assert_settled(&fixture, LADE_VERDICT_INTACT, true);
	fini(&fixture);
}

/* Corrupt, with a gap under way: nothing more is asked for, but the answer is awaited. */
static void test_a_corrupt_file_waits_for_its_gaps(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	gaps_asked(&fixture);
	for (unsigned i = 0; i < LADE_RUN_TRIES; i++) {
		judge(&fixture, PIECE, PIECE, false, 0);
		assert_int_equal(said(&fixture).type, LADE_MSG_WANT_RUN);
		HEAR_AS(&fixture, LADE_RECV_RUN, RUN(0, PIECE, PIECE));
	}
	judge(&fixture, PIECE, PIECE, false, 0);
	assert_true(lade_session_recv_hopeless(fixture.machine, 0));
	assert_int_equal(want_signed(&fixture, 0, 400, 1, 6), 0);
	assert_int_equal(want_literal(&fixture, 0, 400, 1), 0);
	assert_int_equal(fixture.out.len, 0);
	HEAR(&fixture, 0, PATCH(0, 0, 100)); /* of no use to anybody */
	judge(&fixture, 0, PIECE, false, 0);
	HEAR(&fixture, 0, PATCH(0, 300, 50));
	HEAR_AS(&fixture, LADE_RECV_SETTLED, PATCH(0, 100, 100));
	assert_settled(&fixture, LADE_VERDICT_CORRUPT, false);
	assert_int_equal(fixture.out.len, 0);
	fini(&fixture);
}

static void test_a_failed_file_waits_for_its_gaps(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	half_described(&fixture);
	want_gap(&fixture, 0, 100);
	want_gap(&fixture, 100, 100);
	lade_session_recv_fail(fixture.machine, 0);
	assert_true(lade_session_recv_hopeless(fixture.machine, 0));
	fixture.out.len = 0;
	assert_int_equal(want_signed(&fixture, 0, 200, 1, 6), 0);
	assert_int_equal(want_literal(&fixture, 0, 200, 1), 0);
	HEAR_AS(&fixture, LADE_RECV_RECIPE, RECIPE(0, PIECE, PIECE, NO_CHUNKS));
	assert_true(fixture.event.discard);
	judge(&fixture, PIECE, PIECE, false, 0);
	HEAR(&fixture, 0, PATCH(0, 100, 100));
	HEAR_AS(&fixture, LADE_RECV_DESCRIBED, FILE_END(0, 0));
	HEAR(&fixture, 0, PATCH(0, 0, 100));
	judge(&fixture, 0, PIECE, false, 1);
	assert_settled(&fixture, LADE_VERDICT_FAILED, true);
	assert_int_equal(fixture.out.len, 0);
	fini(&fixture);
}

/* ---- aborts ---- */

static void test_an_abort_forgets_gaps(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	aborted(&fixture);
	assert_ptr_equal(fixture.event.file, &a_file);
	assert_int_equal(fixture.event.slot, 0);
	assert_true(lade_session_recv_hopeless(fixture.machine, 0));
	assert_int_equal(want_signed(&fixture, 0, 0, 1, 6), 0);
	assert_int_equal(want_literal(&fixture, 0, 0, 1), 0);
	judge(&fixture, 0, PIECE, false, 0);
	judge(&fixture, PIECE, PIECE, true, 1);
	assert_settled(&fixture, LADE_VERDICT_CHANGED, false);
	assert_int_equal(fixture.out.len, 0);
	fini(&fixture);
}

/* What was judged already leaves nothing to wait for. */
static void test_an_abort_settles(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	gaps_asked(&fixture);
	lade_session_recv_fail(fixture.machine, 0);
	judge(&fixture, 0, PIECE, false, 0);
	judge(&fixture, PIECE, PIECE, false, 0);
	HEAR_AS(&fixture, LADE_RECV_SETTLED, RUN_ABORT(0, 0, 100));
	assert_settled(&fixture, LADE_VERDICT_FAILED, false);
	fini(&fixture);
}

/* It may come between pieces, and instead of one; and literals are forgotten with the gaps. */
static void test_an_abort_between_pieces(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	half_described(&fixture);
	want_gap(&fixture, 0, 100);
	assert_int_equal(want_literal(&fixture, 0, 100, 100), 0);
	assert_int_equal(want_literal(&fixture, 0, 200, 100), 0);
	HEAR_AS(&fixture, LADE_RECV_RUN, RUN(0, 200, 100)); /* this one came before */
	HEAR_AS(&fixture, LADE_RECV_ABORTED, RUN_ABORT(0, PIECE, 100));
	HEAR(&fixture, LADE_E_PROTOCOL, RUN(0, 100, 100));
	HEAR_AS(&fixture, LADE_RECV_RECIPE, RECIPE(0, 600, 400, NO_CHUNKS));
	HEAR_AS(&fixture, LADE_RECV_DESCRIBED, FILE_END(0, 1));
	fixture.out.len = 0;
	judge(&fixture, 0, PIECE, false, 0);
	judge(&fixture, 600, 400, false, 0);
	judge(&fixture, 200, 100, false, 1);
	assert_settled(&fixture, LADE_VERDICT_CHANGED, false);
	assert_int_equal(fixture.out.len, 0);
	fini(&fixture);
}

/* ---- another attempt ---- */

static void test_another_attempt_starts_afresh(void **state)
{
	struct lade_message message;
	struct fixture fixture;

	(void)state;
	init(&fixture);
	half_described(&fixture);
	want_gap(&fixture, 0, 100);
	want_gap(&fixture, 100, 100);
	assert_int_equal(want_literal(&fixture, 0, 200, 100), 0);
	HEAR(&fixture, 1, PATCH(0, 100, 100));
	HEAR_AS(&fixture, LADE_RECV_ABORTED, RUN_ABORT(0, 0, 100));
	message = (struct lade_message)FILE_END(0, 1);
	message.file_end.size = 300;
	assert_int_equal(hear(&fixture, message), 1);
	assert_int_equal(fixture.event.type, LADE_RECV_DESCRIBED);
	judge(&fixture, 0, PIECE, false, 1);
	assert_settled(&fixture, LADE_VERDICT_CHANGED, false);
	fixture.out.len = 0;
	lade_session_recv_want_again(fixture.machine, 0, &fixture.out);
	assert_int_equal(said(&fixture).type, LADE_MSG_WANT_AGAIN);

	/* It is described again, of the size that was named, and with nothing left of what was asked. */
	assert_false(lade_session_recv_hopeless(fixture.machine, 0));
	HEAR(&fixture, LADE_E_PROTOCOL, PATCH(0, 0, 100));
	HEAR(&fixture, LADE_E_PROTOCOL, RUN(0, 200, 100));
	HEAR(&fixture, LADE_E_PROTOCOL, RECIPE(0, 0, 301, NO_CHUNKS));
	HEAR_AS(&fixture, LADE_RECV_RECIPE, RECIPE(0, 0, 300, NO_CHUNKS));
	assert_int_equal(fixture.event.attempt, 1);
	want_gap(&fixture, 0, 100);
	assert_int_equal(want_literal(&fixture, 0, 200, 100), 0);
	HEAR_AS(&fixture, LADE_RECV_PATCH, PATCH(0, 0, 100));
	assert_int_equal(fixture.event.attempt, 1);
	HEAR_AS(&fixture, LADE_RECV_RUN, RUN(0, 200, 100));
	judge(&fixture, 200, 100, true, 0);
	HEAR_AS(&fixture, LADE_RECV_DESCRIBED, FILE_END(0, 0));
	judge(&fixture, 0, 300, true, 1);
	assert_settled(&fixture, LADE_VERDICT_INTACT, true);
	assert_int_equal(fixture.event.attempt, 1);
	fini(&fixture);
}

/* A file that is empty by now has nothing to describe. */
static void test_another_attempt_at_nothing(void **state)
{
	struct lade_message message = FILE_END(0, 1);
	struct fixture fixture;

	(void)state;
	init(&fixture);
	wanted(&fixture);
	message.file_end.size = 0;
	assert_int_equal(hear(&fixture, message), 1);
	assert_settled(&fixture, LADE_VERDICT_CHANGED, false);
	lade_session_recv_want_again(fixture.machine, 0, &fixture.out);
	HEAR(&fixture, LADE_E_PROTOCOL, RECIPE(0, 0, 1, NO_CHUNKS));
	assert_int_equal(hear(&fixture, message), 1);
	assert_settled(&fixture, LADE_VERDICT_CHANGED, true);
	fini(&fixture);
}

/* Nothing is asked of a file that has settled; its slot is as good as gone. */
static void test_a_settled_file_is_not_asked(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	settled(&fixture);
	fixture.out.len = 0;
	assert_int_equal(want_signed(&fixture, 0, 0, 1, 6), 0);
	assert_int_equal(want_literal(&fixture, 0, 0, 1), 0);
	assert_int_equal(fixture.out.len, 0);
	lade_session_recv_ack(fixture.machine, 0, &fixture.out);
	assert_int_equal(said(&fixture).type, LADE_MSG_ACK);
	/* The slot's next file is not described because its last one was. */
	wanted_whole(&fixture);
	HEAR(&fixture, LADE_E_PROTOCOL, RECIPE(0, 0, PIECE, NO_CHUNKS));
	fini(&fixture);
}

/* A session that breaks off with gaps open leaves no memory behind: a sanitizer sees it. */
static void test_abandon(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	gaps_asked(&fixture);
	assert_int_equal(want_literal(&fixture, 0, 400, 1), 0);
	assert_ptr_equal(lade_session_recv_abandon(fixture.machine), &a_file);
	assert_null(lade_session_recv_abandon(fixture.machine));
	fini(&fixture);
	init(&fixture);
	gaps_asked(&fixture);
	fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_it_takes_a_slot),
		cmocka_unit_test(test_a_want_that_finds_no_room),
		cmocka_unit_test(test_a_piece_is_handed_on),
		cmocka_unit_test(test_no_records),
		cmocka_unit_test(test_holes_between_pieces),
		cmocka_unit_test(test_a_hole_that_is_none),
		cmocka_unit_test(test_all_pieces_were_said),
		cmocka_unit_test(test_a_file_that_is_gone_after_some_pieces),
		cmocka_unit_test(test_recipes_are_paid_for),
		cmocka_unit_test(test_what_a_gap_is),
		cmocka_unit_test(test_answers_out_of_order),
		cmocka_unit_test(test_gaps_come_and_go),
		cmocka_unit_test(test_no_more_gaps_than_allowed),
		cmocka_unit_test(test_no_longer_signatures_than_allowed),
		cmocka_unit_test(test_one_gap_at_a_time),
		cmocka_unit_test(test_a_literal),
		cmocka_unit_test(test_a_literal_is_waited_for),
		cmocka_unit_test(test_literals_use_half),
		cmocka_unit_test(test_damage_beside_literals),
		cmocka_unit_test(test_a_bad_piece_is_asked_for_as_a_run),
		cmocka_unit_test(test_a_corrupt_file_waits_for_its_gaps),
		cmocka_unit_test(test_a_failed_file_waits_for_its_gaps),
		cmocka_unit_test(test_an_abort_forgets_gaps),
		cmocka_unit_test(test_an_abort_settles),
		cmocka_unit_test(test_an_abort_between_pieces),
		cmocka_unit_test(test_another_attempt_starts_afresh),
		cmocka_unit_test(test_another_attempt_at_nothing),
		cmocka_unit_test(test_a_settled_file_is_not_asked),
		cmocka_unit_test(test_abandon),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
