/*
 * The sender's machine and files that it describes: what a receiver may ask of them when, which
 * questions are still to be answered, and what recipes cost.
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
#include "protocol/session_send.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of the files in these tests; the first is described in pieces of half of it, in slot 7. */
#define SIZE 1000u
#define SLOT 7u

static int a_file; /* what the machine is given as files */

struct fixture {
	struct lade_session_send *machine;
	struct lade_writer out;
	struct lade_send_event event;
};

static const uint8_t digests[LADE_SIGNATURE_MAX + LADE_BLOCK_DIGEST_LEN];
static const uint8_t recipe_key[LADE_SECRET_LEN + 1] = { 1, 2, 3 };

#define WANT(slot, index) { .type = LADE_MSG_WANT, .want = { (slot), (index) } }
#define WANT_RECIPE(slot, index, class) { .type = LADE_MSG_WANT_RECIPE, .want_recipe = { (slot), (index), (class) } }
#define WANT_RUN(slot, off, len) { .type = LADE_MSG_WANT_RUN, .want_run = { (slot), (off), (len) } }
#define WANT_AGAIN(slot) { .type = LADE_MSG_WANT_AGAIN, .want_again = { (slot) } }
#define ACK(slot) { .type = LADE_MSG_ACK, .ack = { (slot) } }
#define END { .type = LADE_MSG_END }
#define DEFER(index) { .type = LADE_MSG_DEFER, .defer = { (index) } }
#define RECIPE_CREDIT(bytes) { .type = LADE_MSG_RECIPE_CREDIT, .recipe_credit = { (bytes) } }
#define RECIPE_KEY(len) { .type = LADE_MSG_RECIPE_KEY, .recipe_key = { { recipe_key, (len) } } }
/* With a signature of so many digests. */
#define WANT_SIGNED(slot, off, len, old_len, block_len, count) \
	{ .type = LADE_MSG_WANT_GAP, \
	  .want_gap = { (slot), (off), (len), (old_len), (block_len), { digests, (count) * LADE_BLOCK_DIGEST_LEN } } }
#define WANT_GAP(slot, off, len) WANT_SIGNED(slot, off, len, 0, 64, 0)

static int tell(struct fixture *fixture, struct lade_message message)
{
	return lade_session_send_step(fixture->machine, &message, &fixture->event);
}

static void must_tell(struct fixture *fixture, struct lade_message message, int expected)
{
	assert_int_equal(tell(fixture, message), expected);
}

#define TELL(fixture, expected, ...) must_tell(fixture, (struct lade_message)__VA_ARGS__, expected)

static void say_entry(struct fixture *fixture, void *file)
{
	const struct lade_msg_entry entry = { .name = lade_slice("n", 1), .mode = S_IFREG | 0644, .size = SIZE };

	assert_int_equal(lade_session_send_entry(fixture->machine, &entry, file, &fixture->out, NULL), 0);
}

static void say_recipe(struct fixture *fixture, uint64_t off, uint32_t len)
{
	const struct lade_msg_recipe recipe = { .slot = SLOT, .off = off, .len = len };

	assert_int_equal(lade_session_send_recipe(fixture->machine, &recipe, &fixture->out), 0);
}

static void say_patch(struct fixture *fixture, uint64_t off, uint32_t len)
{
	const struct lade_msg_patch patch = { .slot = SLOT, .off = off, .len = len };

	assert_int_equal(lade_session_send_patch(fixture->machine, &patch, &fixture->out), 0);
}

static void say_run(struct fixture *fixture, uint64_t off, uint32_t len)
{
	const struct lade_msg_run run = { .slot = SLOT, .off = off, .len = len };

	assert_int_equal(lade_session_send_run(fixture->machine, &run, &fixture->out), 0);
}

static void say_file_end(struct fixture *fixture, bool changed, uint64_t size)
{
	const struct lade_msg_file_end end = { .slot = SLOT, .changed = changed, .size = size };

	assert_int_equal(lade_session_send_file_end(fixture->machine, &end, &fixture->out), 0);
}

static void init(struct fixture *fixture)
{
	assert_int_equal(lade_session_send_new(&fixture->machine), 0);
	lade_writer_init(&fixture->out, SIZE_MAX);
}

static void fini(struct fixture *fixture)
{
	lade_session_send_free(fixture->machine);
	lade_writer_fini(&fixture->out);
}

/* ---- states ---- */

/* Entries 0 to 3; 1 has no content that travels. */
static void entries(struct fixture *fixture)
{
	for (int i = 0; i < 4; i++)
		say_entry(fixture, i == 1 ? NULL : &a_file);
	assert_int_equal(lade_session_send_entries_end(fixture->machine, false, &fixture->out), 0);
}

static void wanted_whole(struct fixture *fixture)
{
	entries(fixture);
	TELL(fixture, 1, WANT(SLOT, 2));
	say_run(fixture, 0, SIZE);
}

static void wanted(struct fixture *fixture)
{
	entries(fixture);
	TELL(fixture, 1, WANT_RECIPE(SLOT, 2, 13));
}

static void half_described(struct fixture *fixture)
{
	wanted(fixture);
	say_recipe(fixture, 0, SIZE / 2);
}

static void described(struct fixture *fixture)
{
	half_described(fixture);
	say_recipe(fixture, SIZE / 2, SIZE / 2);
	say_file_end(fixture, false, SIZE);
}

static void keyed(struct fixture *fixture)
{
	entries(fixture);
	TELL(fixture, 1, RECIPE_KEY(LADE_SECRET_LEN));
}

static void keyed_and_wanted(struct fixture *fixture)
{
	keyed(fixture);
	TELL(fixture, 1, WANT_RECIPE(SLOT, 2, 13));
}

static void gap_asked(struct fixture *fixture)
{
	described(fixture);
	TELL(fixture, 1, WANT_GAP(SLOT, 0, 100));
}

static void acknowledged(struct fixture *fixture)
{
	described(fixture);
	TELL(fixture, 1, ACK(SLOT));
}

struct refusals {
	const char *state;
	void (*prepare)(struct fixture *fixture);
	struct lade_message refused[16];
};

static const struct refusals refusals[] = {
	{ "entries", entries,
	  { WANT_RECIPE(SLOT, 0, 0), WANT_RECIPE(SLOT, 0, 11), WANT_RECIPE(SLOT, 4, 13), WANT_RECIPE(SLOT, 1, 13),
	    WANT_RECIPE(SLOT, UINT64_MAX, 13), WANT_GAP(SLOT, 0, 1), RECIPE_CREDIT(1),
	    RECIPE_CREDIT(LADE_RECIPE_CREDIT), RECIPE_KEY(0), RECIPE_KEY(LADE_SECRET_LEN - 1), RECIPE_KEY(LADE_SECRET_LEN + 1) } },
	{ "keyed", keyed, { RECIPE_KEY(LADE_SECRET_LEN), RECIPE_KEY(0) } },
	{ "keyed and wanted", keyed_and_wanted, { RECIPE_KEY(LADE_SECRET_LEN) } },
	{ "wanted whole", wanted_whole, { WANT_GAP(SLOT, 0, 100), WANT_RECIPE(SLOT, 3, 13), WANT_RECIPE(8, 2, 13) } },
	{ "wanted", wanted,
	  { WANT_GAP(SLOT, 0, 1), WANT_RUN(SLOT, 0, 1), WANT_RECIPE(SLOT, 3, 13), WANT_RECIPE(8, 2, 13),
	    WANT_RECIPE(8, 0, 13), ACK(SLOT), WANT_AGAIN(SLOT), RECIPE_CREDIT(1), RECIPE_KEY(LADE_SECRET_LEN) } },
	{ "half described", half_described,
	  { WANT_GAP(SLOT, 0, SIZE / 2 + 1), WANT_GAP(SLOT, SIZE / 2, 1), WANT_GAP(SLOT, SIZE / 2 + 1, 1),
	    WANT_GAP(SLOT, 0, 0), WANT_GAP(SLOT, INT64_MAX, LADE_GAP_MAX), WANT_GAP(8, 0, 1),
	    WANT_SIGNED(SLOT, 0, 1, 100, 0, 0), WANT_SIGNED(SLOT, 0, 1, 100, 63, 2), ACK(SLOT), WANT_AGAIN(SLOT) } },
	{ "described", described,
	  { WANT_GAP(SLOT, SIZE, 1), WANT_GAP(SLOT, 1, SIZE), WANT_SIGNED(SLOT, 0, 1, 0, 64, 1),
	    WANT_SIGNED(SLOT, 0, 1, 1, 64, 0), WANT_SIGNED(SLOT, 0, 1, 64, 64, 2), WANT_SIGNED(SLOT, 0, 1, 65, 64, 1),
	    WANT_SIGNED(SLOT, 0, 1, LADE_GAP_OLD_MAX, 64, 4095), WANT_SIGNED(SLOT, 0, 1, LADE_GAP_OLD_MAX, 64, 4097),
	    WANT_SIGNED(SLOT, 0, 1, LADE_GAP_OLD_MAX, LADE_BLOCK_MAX, 5),
	    { .type = LADE_MSG_WANT_GAP, .want_gap = { SLOT, 0, 1, 64, 64, { digests, 5 } } }, END } },
	{ "gap asked", gap_asked, { ACK(SLOT), WANT_AGAIN(SLOT), END, WANT_RECIPE(SLOT, 3, 13) } },
	{ "acknowledged", acknowledged, { WANT_GAP(SLOT, 0, 1), WANT_RUN(SLOT, 0, 1), ACK(SLOT), WANT_RECIPE(SLOT, 2, 13), RECIPE_KEY(LADE_SECRET_LEN) } },
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
			if (tell(&fixture, at->refused[j]) != LADE_E_PROTOCOL)
				fail_msg("%s: %s is not refused", at->state, text);
			fini(&fixture);
		}
	}
}

/* ---- what is wanted ---- */

static void test_classes(void **state)
{
	(void)state;
	for (uint32_t cut_class = LADE_CUT_CLASS_MIN; cut_class <= LADE_CUT_CLASS_MAX; cut_class++) {
		struct fixture fixture;

		init(&fixture);
		entries(&fixture);
		TELL(&fixture, 1, WANT_RECIPE(SLOT, 2, cut_class));
		assert_int_equal(fixture.event.type, LADE_SEND_WANT);
		assert_int_equal(fixture.event.slot, SLOT);
		assert_ptr_equal(fixture.event.file, &a_file);
		assert_int_equal(fixture.event.cut_class, cut_class);
		assert_int_equal(lade_session_send_size(fixture.machine, SLOT), SIZE);
		/* What was passed over is not wanted. */
		assert_ptr_equal(lade_session_send_dropped(fixture.machine), &a_file);
		assert_null(lade_session_send_dropped(fixture.machine));
		fini(&fixture);
	}
}

/* It may come at any time before the first recipe is wanted, and is the caller's to use. */
static void test_a_recipe_key(void **state)
{
	struct fixture fixture;

	(void)state;
	for (int when = 0; when < 3; when++) {
		init(&fixture);
		if (when)
			entries(&fixture);
		if (when == 2)
			TELL(&fixture, 1, WANT(SLOT, 2));
		TELL(&fixture, 1, RECIPE_KEY(LADE_SECRET_LEN));
		assert_int_equal(fixture.event.type, LADE_SEND_RECIPE_KEY);
		assert_ptr_equal(fixture.event.key, recipe_key);
		if (!when)
			entries(&fixture);
		TELL(&fixture, 1, WANT_RECIPE(SLOT + 1, 3, 13));
		TELL(&fixture, LADE_E_PROTOCOL, RECIPE_KEY(LADE_SECRET_LEN));
		fini(&fixture);
	}
}

/* Longer chunks than the longest are refused where a message is decoded. */
static void test_the_greatest_class(void **state)
{
	const struct lade_msg_want_recipe want = { SLOT, 2, LADE_CUT_CLASS_MAX + 1 };
	struct lade_message message;
	struct lade_writer writer;
	struct lade_reader reader;

	(void)state;
	lade_writer_init(&writer, SIZE_MAX);
	lade_put_want_recipe(&writer, &want);
	lade_reader_init(&reader, writer.data, writer.len);
	assert_int_equal(lade_message_get(&reader, &message), LADE_E_LIMIT);
	lade_writer_fini(&writer);
}

static void test_a_file_that_is_not_described(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	acknowledged(&fixture);
	TELL(&fixture, 1, WANT(SLOT, 3)); /* in the slot of one that was */
	assert_int_equal(fixture.event.cut_class, 0);
	say_run(&fixture, 0, SIZE);
	TELL(&fixture, LADE_E_PROTOCOL, WANT_GAP(SLOT, 0, 100));
	fini(&fixture);
}

static void test_a_gap(void **state)
{
	static const struct {
		uint32_t old_len, block_len, count;
	} good[] = {
		{ 0, 64, 0 }, { 1, 64, 1 }, { 64, 64, 1 }, { 65, 64, 2 }, { LADE_GAP_OLD_MAX, 64, 4096 },
		{ LADE_GAP_OLD_MAX, LADE_BLOCK_MAX, 4 }, { LADE_GAP_OLD_MAX - 1, LADE_BLOCK_MAX - 1, 5 },
		{ 1, LADE_BLOCK_MAX, 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct fixture fixture;

		init(&fixture);
		half_described(&fixture);
		TELL(&fixture, 1, WANT_SIGNED(SLOT, 400, 100, good[i].old_len, good[i].block_len, good[i].count));
		assert_int_equal(fixture.event.type, LADE_SEND_WANT_GAP);
		assert_int_equal(fixture.event.slot, SLOT);
		assert_ptr_equal(fixture.event.file, &a_file);
		assert_int_equal(fixture.event.off, 400);
		assert_int_equal(fixture.event.len, 100);
		assert_int_equal(fixture.event.old_len, good[i].old_len);
		assert_int_equal(fixture.event.block_len, good[i].block_len);
		assert_ptr_equal(fixture.event.signature.data, digests);
		assert_int_equal(fixture.event.signature.len, good[i].count * LADE_BLOCK_DIGEST_LEN);
		assert_true(lade_session_send_answers(fixture.machine, SLOT, fixture.event.turn));
		fini(&fixture);
	}
}

/* As long as one question is open, of either kind, the receiver holds on to the file. */
static void test_every_question_is_answered_first(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	gap_asked(&fixture);
	TELL(&fixture, 1, WANT_GAP(SLOT, 450, 100)); /* over the limit of two pieces */
	TELL(&fixture, 1, WANT_RUN(SLOT, 600, 100));
	say_patch(&fixture, 450, 100);
	TELL(&fixture, LADE_E_PROTOCOL, ACK(SLOT));
	say_run(&fixture, 600, 100);
	TELL(&fixture, LADE_E_PROTOCOL, ACK(SLOT));
	TELL(&fixture, LADE_E_PROTOCOL, WANT_AGAIN(SLOT));
	say_patch(&fixture, 0, 100);
	TELL(&fixture, 1, ACK(SLOT));
	TELL(&fixture, 1, END);
	fini(&fixture);
}

/* Pieces that are said while a question is open do not answer it. */
static void test_a_piece_is_no_answer(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	half_described(&fixture);
	TELL(&fixture, 1, WANT_GAP(SLOT, 0, 100));
	say_recipe(&fixture, SIZE / 2, 200);
	assert_int_equal(lade_session_send_hole(fixture.machine, SLOT, SIZE / 2 + 200, 300, &fixture.out), 0);
	say_file_end(&fixture, false, SIZE);
	TELL(&fixture, LADE_E_PROTOCOL, ACK(SLOT));
	say_patch(&fixture, 0, 100);
	TELL(&fixture, 1, ACK(SLOT));
	fini(&fixture);
}

static void test_an_abort_answers_nothing_more(void **state)
{
	struct fixture fixture;
	uint32_t turn;

	(void)state;
	init(&fixture);
	gap_asked(&fixture);
	turn = fixture.event.turn;
	TELL(&fixture, 1, WANT_GAP(SLOT, 200, 100));
	assert_int_equal(fixture.event.turn, turn);
	assert_true(lade_session_send_answers(fixture.machine, SLOT, turn));
	assert_int_equal(lade_session_send_run_abort(fixture.machine, SLOT, 0, 100, &fixture.out), 0);
	assert_false(lade_session_send_answers(fixture.machine, SLOT, turn));
	/* These crossed it, and are none the less to be right. */
	TELL(&fixture, 0, WANT_GAP(SLOT, 300, 100));
	TELL(&fixture, 0, WANT_RUN(SLOT, 400, 100));
	TELL(&fixture, LADE_E_PROTOCOL, WANT_GAP(SLOT, SIZE, 1));
	TELL(&fixture, 1, ACK(SLOT));
	fini(&fixture);
}

static void test_another_attempt(void **state)
{
	struct fixture fixture;
	uint32_t turn;

	(void)state;
	init(&fixture);
	half_described(&fixture);
	TELL(&fixture, 1, WANT_GAP(SLOT, 0, 100));
	turn = fixture.event.turn;
	assert_int_equal(lade_session_send_run_abort(fixture.machine, SLOT, 0, 100, &fixture.out), 0);
	say_file_end(&fixture, true, 300);
	TELL(&fixture, 1, WANT_AGAIN(SLOT));
	assert_int_equal(fixture.event.cut_class, 13); /* it is described again */
	assert_int_equal(lade_session_send_size(fixture.machine, SLOT), 300);
	assert_false(lade_session_send_answers(fixture.machine, SLOT, turn));
	TELL(&fixture, LADE_E_PROTOCOL, WANT_GAP(SLOT, 0, 100)); /* nothing was said of this attempt */
	say_recipe(&fixture, 0, 300);
	TELL(&fixture, 1, WANT_GAP(SLOT, 0, 100));
	assert_int_not_equal(fixture.event.turn, turn);
	assert_true(lade_session_send_answers(fixture.machine, SLOT, fixture.event.turn));
	assert_false(lade_session_send_answers(fixture.machine, SLOT, turn));
	say_file_end(&fixture, false, 300);
	TELL(&fixture, LADE_E_PROTOCOL, ACK(SLOT));
	say_patch(&fixture, 0, 100);
	turn = fixture.event.turn;
	TELL(&fixture, 1, ACK(SLOT));
	assert_false(lade_session_send_answers(fixture.machine, SLOT, turn));
	TELL(&fixture, 1, WANT_RECIPE(SLOT, 3, 14));
	assert_false(lade_session_send_answers(fixture.machine, SLOT, turn));
	fini(&fixture);
}

/* A file that cannot be read any more may have open questions, which are answered or aborted. */
static void test_a_file_that_is_gone(void **state)
{
	struct fixture fixture;
	uint32_t turn;

	(void)state;
	init(&fixture);
	half_described(&fixture);
	TELL(&fixture, 1, WANT_GAP(SLOT, 0, 100));
	turn = fixture.event.turn;
	assert_int_equal(lade_session_send_file_gone(fixture.machine, SLOT, 5, &fixture.out), 0);
	assert_true(lade_session_send_answers(fixture.machine, SLOT, turn));
	TELL(&fixture, LADE_E_PROTOCOL, ACK(SLOT));
	assert_int_equal(lade_session_send_run_abort(fixture.machine, SLOT, 0, 100, &fixture.out), 0);
	TELL(&fixture, 1, ACK(SLOT));
	fini(&fixture);
}

/* ---- credit ---- */

static void test_credit_is_never_more_than_what_was_said(void **state)
{
	struct fixture fixture;
	size_t before;
	uint32_t len;

	(void)state;
	init(&fixture);
	wanted(&fixture);
	TELL(&fixture, LADE_E_PROTOCOL, RECIPE_CREDIT(1));
	before = fixture.out.len;
	say_recipe(&fixture, 0, 100);
	len = (uint32_t)(fixture.out.len - before);
	TELL(&fixture, LADE_E_PROTOCOL, RECIPE_CREDIT(len + 1));
	TELL(&fixture, 1, RECIPE_CREDIT(len - 1));
	assert_int_equal(fixture.event.type, LADE_SEND_CREDIT);
	TELL(&fixture, LADE_E_PROTOCOL, RECIPE_CREDIT(2));
	TELL(&fixture, 1, RECIPE_CREDIT(1));
	TELL(&fixture, LADE_E_PROTOCOL, RECIPE_CREDIT(1));
	TELL(&fixture, 1, RECIPE_CREDIT(0));
	fini(&fixture);
}

/* There is room as long as the longest RECIPE is covered, and again when enough was given back. */
static void test_recipe_room(void **state)
{
	static const uint8_t chunks[LADE_RECIPE_MAX];
	struct lade_msg_recipe recipe = { .slot = SLOT, .len = 1, .chunks = lade_slice(chunks, sizeof(chunks)) };
	const struct lade_msg_entry entry = { .name = lade_slice("n", 1), .mode = S_IFREG | 0644, .size = INT64_MAX };
	struct fixture fixture;
	uint64_t said = 0, longest = 0;

	(void)state;
	init(&fixture);
	assert_int_equal(lade_session_send_entry(fixture.machine, &entry, &a_file, &fixture.out, NULL), 0);
	TELL(&fixture, 1, WANT_RECIPE(SLOT, 0, 20));
	while (lade_session_send_recipe_room(fixture.machine)) {
		fixture.out.len = 0;
		assert_int_equal(lade_session_send_recipe(fixture.machine, &recipe, &fixture.out), 0);
		said += fixture.out.len;
		longest = fixture.out.len > longest ? fixture.out.len : longest;
		recipe.off++;
	}
	assert_true(said <= LADE_RECIPE_CREDIT);
	assert_true(LADE_RECIPE_CREDIT - said < longest + 64);
	TELL(&fixture, 1, RECIPE_CREDIT((uint32_t)longest / 2));
	TELL(&fixture, 1, RECIPE_CREDIT((uint32_t)longest / 2 + 64));
	assert_true(lade_session_send_recipe_room(fixture.machine));
	TELL(&fixture, 1, RECIPE_CREDIT((uint32_t)(said - longest / 2 * 2 - 64)));
	TELL(&fixture, LADE_E_PROTOCOL, RECIPE_CREDIT(1));
	fini(&fixture);
}

/* The longest RECIPE that there can be finds the room that is promised. */
static void test_the_longest_recipe_fits(void **state)
{
	static const uint8_t chunks[LADE_RECIPE_MAX];
	const struct lade_msg_recipe recipe = {
		.slot = LADE_SLOTS_MAX - 1, .off = INT64_MAX, .len = LADE_PAYLOAD_MAX,
		.chunks = lade_slice(chunks, sizeof(chunks)),
	};
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, SIZE_MAX);
	lade_put_recipe(&writer, &recipe);
	assert_true(writer.len <= LADE_RECIPE_MAX + 64);
	lade_writer_fini(&writer);
}

/* What is deferred stays, may be wanted once in any order, and comes back at the end. */
static void test_deferred_files(void **state)
{
	static int files[6];
	struct fixture fixture;

	(void)state;
	init(&fixture);
	for (int i = 0; i < 6; i++)
		say_entry(&fixture, i == 1 ? NULL : &files[i]);
	assert_int_equal(lade_session_send_entries_end(fixture.machine, false, &fixture.out), 0);
	TELL(&fixture, LADE_E_PROTOCOL, DEFER(1)); /* it has no content */
	TELL(&fixture, LADE_E_PROTOCOL, DEFER(6));
	TELL(&fixture, 0, DEFER(2));
	assert_ptr_equal(lade_session_send_dropped(fixture.machine), &files[0]);
	assert_null(lade_session_send_dropped(fixture.machine));
	TELL(&fixture, LADE_E_PROTOCOL, DEFER(2));
	TELL(&fixture, LADE_E_PROTOCOL, DEFER(0));
	TELL(&fixture, 0, DEFER(3));
	TELL(&fixture, 0, DEFER(5));
	TELL(&fixture, LADE_E_PROTOCOL, WANT(SLOT, 4)); /* it was decided about */
	TELL(&fixture, 1, WANT_RECIPE(SLOT, 5, 20));
	assert_ptr_equal(fixture.event.file, &files[5]);
	assert_int_equal(fixture.event.cut_class, 20);
	assert_int_equal(lade_session_send_size(fixture.machine, SLOT), SIZE);
	TELL(&fixture, LADE_E_PROTOCOL, WANT(8, 5));
	TELL(&fixture, 1, WANT(8, 2));
	assert_ptr_equal(fixture.event.file, &files[2]);
	assert_ptr_equal(lade_session_send_dropped(fixture.machine), &files[4]);
	assert_null(lade_session_send_dropped(fixture.machine));
	for (uint32_t slot = SLOT; slot <= 8; slot++) {
		assert_int_equal(lade_session_send_file_gone(fixture.machine, slot, 5, &fixture.out), 0);
		TELL(&fixture, 1, ACK(slot));
	}
	TELL(&fixture, 1, END);
	assert_ptr_equal(lade_session_send_dropped(fixture.machine), &files[3]);
	assert_null(lade_session_send_dropped(fixture.machine));
	fini(&fixture);
}

/* A sender keeps only so many. */
static void test_too_many_deferred(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	for (uint32_t i = 0; i <= LADE_DEFERRED_MAX; i++) {
		say_entry(&fixture, &a_file);
		lade_writer_reset(&fixture.out);
		TELL(&fixture, i < LADE_DEFERRED_MAX ? 0 : LADE_E_PROTOCOL, DEFER(i));
		if (i % 1000 == 999)
			TELL(&fixture, 1, { .type = LADE_MSG_CREDIT, .credit = { i + 1, 1000 * 21 } });
	}
	for (uint32_t i = 0; i <= LADE_DEFERRED_MAX; i++)
		assert_ptr_equal(lade_session_send_abandon(fixture.machine), &a_file);
	assert_null(lade_session_send_abandon(fixture.machine));
	fini(&fixture);
}

/* Only what was said can be stored. */
static void test_stored(void **state)
{
	struct fixture fixture;

	(void)state;
	init(&fixture);
	say_entry(&fixture, &a_file);
	say_entry(&fixture, &a_file);
	TELL(&fixture, 1, { .type = LADE_MSG_STORED, .stored = { 0, 2 } });
	assert_int_equal(fixture.event.type, LADE_SEND_STORED);
	assert_int_equal(fixture.event.off, 0);
	assert_int_equal(fixture.event.count, 2);
	TELL(&fixture, LADE_E_PROTOCOL, { .type = LADE_MSG_STORED, .stored = { 1, 2 } });
	TELL(&fixture, LADE_E_PROTOCOL, { .type = LADE_MSG_STORED, .stored = { 2, 1 } });
	TELL(&fixture, LADE_E_PROTOCOL, { .type = LADE_MSG_STORED, .stored = { 0, 0 } });
	TELL(&fixture, LADE_E_PROTOCOL, { .type = LADE_MSG_STORED, .stored = { 1, UINT64_MAX } });
	while (lade_session_send_abandon(fixture.machine))
		;
	fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_a_recipe_key),
		cmocka_unit_test(test_the_greatest_class),
		cmocka_unit_test(test_a_file_that_is_not_described),
		cmocka_unit_test(test_a_gap),
		cmocka_unit_test(test_every_question_is_answered_first),
		cmocka_unit_test(test_a_piece_is_no_answer),
		cmocka_unit_test(test_an_abort_answers_nothing_more),
		cmocka_unit_test(test_another_attempt),
		cmocka_unit_test(test_a_file_that_is_gone),
		cmocka_unit_test(test_credit_is_never_more_than_what_was_said),
		cmocka_unit_test(test_recipe_room),
		cmocka_unit_test(test_the_longest_recipe_fits),
		cmocka_unit_test(test_deferred_files),
		cmocka_unit_test(test_too_many_deferred),
		cmocka_unit_test(test_stored),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
