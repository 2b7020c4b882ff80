/*
 * The whole exchange between the two machines, in memory: read this to see what a
 * session is. Each kind of file comes to the end that PROTOCOL.md promises, credit and
 * slots run out and come back, and whatever the order in which the two sides get their
 * turns, each file settles exactly once and nothing stays open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "protocol/entry.h"
#include "protocol/error.h"
#include "tests/unit/session_toy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int setup(void **state)
{
	struct toy *toy = malloc(sizeof(*toy));

	if (!toy)
		return -1;
	toy_init(toy);
	*state = toy;
	return 0;
}

static int teardown(void **state)
{
	toy_fini(*state);
	free(*state);
	return 0;
}

/* Every file with content came back to the sender's side exactly once, and nothing is open. */
static void assert_all_over(struct toy *toy)
{
	assert_int_equal(toy->error, 0);
	assert_true(toy->end_heard && lade_session_send_ended(toy->sender));
	assert_int_equal(lade_session_recv_open(toy->receiver), 0);
	assert_null(lade_session_recv_abandon(toy->receiver));
	assert_null(lade_session_send_abandon(toy->sender));
	for (size_t i = 0; i < toy->file_count; i++) {
		const struct toy_file *file = &toy->files[i];
		bool content = S_ISREG(file->mode) && file->size && file->link < LADE_LINK_FOLLOWS;

		assert_int_equal(file->acked + file->dropped, content);
		assert_int_equal(file->settled, file->acked);
		assert_int_equal(file->dropped, content && file->unwanted);
	}
}

static void assert_intact(const struct toy_file *file, uint32_t attempt)
{
	assert_int_equal(file->settled, 1);
	assert_int_equal(file->verdict, LADE_VERDICT_INTACT);
	assert_int_equal(file->attempt, attempt);
	assert_true(file->whole);
	assert_true(toy_landed(file, file->version));
}

static void test_an_empty_session(void **state)
{
	struct toy *toy = *state;

	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
}

static void test_files_of_all_sizes(void **state)
{
	static const uint64_t sizes[] = {
		0,       1,           TOY_SMALL,   TOY_SMALL + 1,
		TOY_RUN, TOY_RUN + 1, 3 * TOY_RUN, TOY_SIZE_MAX - 48,
		7,
	};
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i" };
	struct toy *toy = *state;

	for (size_t i = 0; i < COUNT(sizes); i++)
		toy_add(toy, names[i], sizes[i]);
	toy->files[6].hole = toy->files[7].hole = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 1; i < COUNT(sizes); i++)
		assert_intact(&toy->files[i], 0);
	assert_int_equal(toy->files[0].settled, 0);
}

static void test_what_is_there_is_not_sent(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 10)->unwanted = true;
	toy_add(toy, "b", 1000);
	toy_add(toy, "c", 1000)->unwanted = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	assert_intact(&toy->files[1], 0);
	assert_int_equal(toy->files[0].asked + toy->files[2].asked, 0);
}

/* -n: nothing is wanted, so that the end is what decides. */
static void test_a_dry_run(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 10)->unwanted = true;
	toy_add(toy, "b", 1000)->unwanted = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
}

static void test_hard_links_travel_once(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 300)->link = LADE_LINK_LEADER;
	toy_add(toy, "b", 300)->link = LADE_LINK_FOLLOWS + 1; /* the root is entry 0 */
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	assert_intact(&toy->files[0], 0);
	assert_int_equal(toy->files[1].asked, 0);
}

static void test_a_file_that_changes_is_sent_again(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 20)->changes = 1;
	toy_add(toy, "b", 500)->changes = 1;
	toy_add(toy, "c", 500)->shrinks = true;
	toy_add(toy, "d", 500)->lent = true;
	toy->files[3].changes = 1;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < 4; i++)
		assert_intact(&toy->files[i], 1);
	assert_int_equal(toy->files[2].landed_len, 250);
}

/* The last whole copy is what there is: the machine says so, the agent commits it. */
static void test_a_file_that_keeps_changing(void **state)
{
	struct toy *toy = *state;
	struct toy_file *file = toy_add(toy, "a", 500);

	file->changes = 2;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	assert_int_equal(file->verdict, LADE_VERDICT_CHANGED);
	assert_int_equal(file->attempt, 1);
	assert_true(file->whole);
	assert_true(toy_landed(file, 1));
}

static void test_damage_is_mended(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 20)->corruptions = LADE_RUN_TRIES;
	toy_add(toy, "b", 500)->corruptions = LADE_RUN_TRIES;
	toy_add(toy, "c", 500)->corruptions = 1;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < 3; i++)
		assert_intact(&toy->files[i], 0);
}

static void test_damage_beyond_mending(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 20)->corruptions = LADE_RUN_TRIES + 1;
	toy_add(toy, "b", 500)->corruptions = LADE_RUN_TRIES + 1;
	toy_add(toy, "c", 500);
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(toy->files[i].verdict, LADE_VERDICT_CORRUPT);
		assert_false(toy->files[i].whole);
		assert_int_equal(toy->files[i].corruptions, 0); /* it was tried so many times */
	}
	assert_intact(&toy->files[2], 0);
}

static void test_damage_that_cannot_be_sent_again(void **state)
{
	struct toy *toy = *state;

	for (size_t i = 0; i < 2; i++) {
		struct toy_file *file = toy_add(toy, i ? "b" : "a", i ? 500 : 20);

		file->corruptions = 1;
		file->withdrawn = true;
	}
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(toy->files[i].verdict, LADE_VERDICT_CORRUPT);
		assert_false(toy->files[i].whole);
	}
}

static void test_a_file_that_is_gone(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 20)->gone = true;
	toy_add(toy, "b", 500)->gone = true;
	toy_add(toy, "c", 500);
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	assert_int_equal(toy->files[0].verdict, LADE_VERDICT_GONE);
	assert_int_equal(toy->files[1].verdict, LADE_VERDICT_GONE);
	assert_intact(&toy->files[2], 0);
}

static void test_a_file_that_cannot_be_written(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 20)->unwritable = true;
	toy_add(toy, "b", 500)->unwritable = true;
	toy_add(toy, "c", 500);
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	assert_int_equal(toy->files[0].verdict, LADE_VERDICT_FAILED);
	assert_int_equal(toy->files[1].verdict, LADE_VERDICT_FAILED);
	assert_intact(&toy->files[2], 0);
}

/* ---- described files ---- */

/* Of these no byte travels but what differs: each third chunk, as a gap or as a literal in turn. */
static void test_what_differs_travels(void **state)
{
	static const uint64_t sizes[] = { TOY_SMALL + 1, TOY_RUN, TOY_RUN + 1, 3 * TOY_RUN, 1950 };
	static const unsigned gaps[] = { 1, 1, 1, 1, 7 }, literals[] = { 0, 0, 0, 1, 6 };
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	struct toy *toy = *state;

	for (size_t i = 0; i < COUNT(sizes); i++)
		toy_add(toy, names[i], sizes[i])->described = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		assert_intact(&toy->files[i], 0);
		assert_int_equal(toy->files[i].gaps, gaps[i]);
		assert_int_equal(toy->files[i].literals, literals[i]);
		assert_int_equal(toy->files[i].runs, 0);
	}
}

/* A hole is no piece, and small files have one. */
static void test_holes_and_small_files_are_described(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 500)->hole = true;
	toy_add(toy, "b", 2 * TOY_RUN)->hole = true;
	toy_add(toy, "c", TOY_SMALL);
	toy_add(toy, "d", 1);
	for (size_t i = 0; i < 4; i++)
		toy->files[i].described = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < 4; i++)
		assert_intact(&toy->files[i], 0);
	assert_int_equal(toy->files[0].gaps, 2);
	for (size_t i = 1; i < 4; i++)
		assert_int_equal(toy->files[i].gaps, 1);
}

static void test_a_described_file_that_changes(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 500)->changes = 1;
	toy_add(toy, "b", 500)->shrinks = true;
	toy_add(toy, "c", TOY_RUN)->changes = 1; /* it is asked for when the source has changed */
	for (size_t i = 0; i < 3; i++)
		toy->files[i].described = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < 3; i++)
		assert_intact(&toy->files[i], 1);
	assert_int_equal(toy->files[1].landed_len, 250);
}

/* Chunks that have the names of others: the piece shows it, and comes as a run. */
static void test_a_piece_that_comes_out_wrong(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 500)->collisions = 1;
	toy_add(toy, "b", 500)->collisions = 4;
	toy_add(toy, "c", 500)->corruptions = 2; /* the patch, and the run that mends the piece */
	for (size_t i = 0; i < 3; i++)
		toy->files[i].described = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	for (size_t i = 0; i < 3; i++)
		assert_intact(&toy->files[i], 0);
	assert_int_equal(toy->files[0].runs, 1);
	assert_int_equal(toy->files[1].runs, 4);
	assert_int_equal(toy->files[2].runs, 2);
}

static void test_a_piece_beyond_mending(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 500)->corruptions = LADE_RUN_TRIES + 2;
	toy_add(toy, "b", 500)->withdrawn = true; /* questions are answered by aborts */
	for (size_t i = 0; i < 2; i++)
		toy->files[i].described = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	assert_int_equal(toy->files[0].verdict, LADE_VERDICT_CORRUPT);
	assert_int_equal(toy->files[1].verdict, LADE_VERDICT_CHANGED); /* who describes it found it different */
	assert_false(toy->files[0].whole || toy->files[1].whole);
}

static void test_a_described_file_that_comes_to_nothing(void **state)
{
	struct toy *toy = *state;

	toy_add(toy, "a", 500)->gone = true; /* after a piece that lacks something */
	toy_add(toy, "b", 500)->unwritable = true;
	toy_add(toy, "c", 500)->described = true;
	toy->files[0].described = toy->files[1].described = true;
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
	assert_int_equal(toy->files[0].verdict, LADE_VERDICT_GONE);
	assert_int_equal(toy->files[1].verdict, LADE_VERDICT_FAILED);
	assert_intact(&toy->files[2], 0);
}

/* ---- credit ---- */

/* Entries that weigh 100 KiB each: the credit covers ten and no more until some were planned. */
static void test_credit_runs_out_and_comes_back(void **state)
{
	static const char names[][2] = { "a", "b", "c", "d", "e", "f", "g",
					 "h", "i", "j", "k", "l", "m" };
	struct toy *toy = *state;

	for (size_t i = 0; i < COUNT(names); i++)
		toy_add(toy, names[i], 1000)->xattrs_len = 100u << 10;
	while (toy_walk(toy))
		;
	assert_true(toy->blocked);
	assert_int_equal(toy->said, 10); /* ROOT, ".", and ten files */
	assert_false(toy_walk(toy));
	while (toy_hear_receiver(toy))
		;
	assert_true(toy_plan(toy) && toy_plan(toy) && toy_plan(toy));
	assert_true(toy_hear_sender(toy)); /* a WANT, but one file is not worth a CREDIT */
	assert_false(toy_walk(toy));
	assert_true(toy_plan(toy));
	assert_true(toy_hear_sender(toy));
	assert_true(toy_walk(toy) && toy_walk(toy));
	assert_false(toy_walk(toy));
	assert_int_equal(toy_run(toy), 0);
	assert_all_over(toy);
}

/* What the credit does not cover leaves no byte behind. */
static void test_nothing_is_written_without_credit(void **state)
{
	struct toy *toy = *state;
	struct lade_writer *out = &toy->to_receiver.control;
	const struct lade_msg_identity identity = { .id = 1, .name = lade_slice("n", 1) };
	uint64_t said = 0;
	size_t before;

	while (lade_session_send_identity(toy->sender, &identity, out) == 0) {
		said += out->len;
		lade_writer_reset(out);
	}
	assert_true(said > LADE_ENTRY_CREDIT - 16 && said <= LADE_ENTRY_CREDIT);
	lade_writer_put_u8(out, 0xee);
	before = out->len;
	assert_int_equal(lade_session_send_identity(toy->sender, &identity, out), LADE_E_AGAIN);
	assert_int_equal(out->len, before);
	assert_int_equal(out->error, 0);
}

/* ---- slots ---- */

static void test_all_slots(void **state)
{
	static bool seen[LADE_SLOTS_MAX];
	struct toy *toy = *state;
	struct lade_writer out;
	struct lade_reader reader;
	struct lade_message message;
	const struct lade_message gone = { .type = LADE_MSG_FILE_GONE,
					   .file_gone = { .slot = 4711, .error = 2 } };
	struct lade_recv_event event;

	lade_writer_init(&out, SIZE_MAX);
	for (uint64_t i = 0; i < LADE_SLOTS_MAX; i++)
		assert_int_equal(lade_session_recv_want(toy->receiver, i, 1, toy, &out), 0);
	assert_int_equal(lade_session_recv_open(toy->receiver), LADE_SLOTS_MAX);
	lade_reader_init(&reader, out.data, out.len);
	while (lade_reader_left(&reader)) {
		assert_int_equal(lade_message_get(&reader, &message), 0);
		assert_false(seen[message.want.slot]);
		seen[message.want.slot] = true;
	}
	lade_writer_reset(&out);
	assert_int_equal(lade_session_recv_want(toy->receiver, LADE_SLOTS_MAX, 1, toy, &out),
			 LADE_E_AGAIN);
	assert_int_equal(out.len, 0);
	assert_int_equal(lade_session_recv_step(toy->receiver, &gone, &event), 1);
	assert_int_equal(event.type, LADE_RECV_SETTLED);
	assert_int_equal(lade_session_recv_want(toy->receiver, LADE_SLOTS_MAX, 1, toy, &out),
			 LADE_E_AGAIN);
	lade_session_recv_ack(toy->receiver, 4711, &out);
	lade_writer_reset(&out);
	assert_int_equal(lade_session_recv_want(toy->receiver, LADE_SLOTS_MAX, 1, toy, &out), 0);
	lade_reader_init(&reader, out.data, out.len);
	assert_int_equal(lade_message_get(&reader, &message), 0);
	assert_int_equal(message.want.slot, 4711);
	lade_writer_fini(&out);
	for (unsigned i = 0; i < LADE_SLOTS_MAX; i++)
		assert_ptr_equal(lade_session_recv_abandon(toy->receiver), toy);
	assert_null(lade_session_recv_abandon(toy->receiver));
}

/* A message that finds no room takes no slot: the file stays the caller's. */
static void test_a_want_that_finds_no_room(void **state)
{
	struct toy *toy = *state;
	struct lade_writer full;

	lade_writer_init(&full, 3);
	assert_int_equal(lade_session_recv_want(toy->receiver, 0, 1, toy, &full), LADE_E_LIMIT);
	assert_int_equal(lade_session_recv_open(toy->receiver), 0);
	assert_null(lade_session_recv_abandon(toy->receiver));
	lade_writer_fini(&full);
}

/* A broken session gives every file back, wherever it was. */
static void test_abandon(void **state)
{
	struct toy *toy = *state;
	unsigned count = 0;

	toy_add(toy, "a", 500);
	toy_add(toy, "b", 500)->unwanted = true;
	toy_add(toy, "c", 500);
	toy_add(toy, "d", 500);
	while (toy_walk(toy))
		;
	assert_true(toy_hear_receiver(toy));
	for (int i = 0; i < 4; i++)
		assert_true(toy_plan(toy)); /* ROOT, ".", a, b */
	assert_true(toy_hear_sender(toy));
	while (lade_session_send_abandon(toy->sender))
		count++;
	assert_int_equal(count, 4);
	assert_ptr_equal(lade_session_recv_abandon(toy->receiver), &toy->files[0]);
	assert_null(lade_session_recv_abandon(toy->receiver));
}

/* ---- any order ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (*state >> 33) % below;
}

/* A file with some of everything that can go wrong. True if nothing of it touches its content. */
static bool misfortune(struct toy_file *file, uint64_t *random)
{
	file->hole = draw(random, 3) == 0;
	file->xattrs_len = draw(random, 4) ? 0 : draw(random, 60000);
	file->unwanted = draw(random, 6) == 0;
	file->gone = draw(random, 12) == 0;
	file->lent = draw(random, 12) == 0;
	file->unwritable = draw(random, 12) == 0;
	file->withdrawn = draw(random, 6) == 0;
	file->described = draw(random, 2);
	file->corruptions = draw(random, 3) ? 0 : (unsigned)draw(random, 6);
	file->collisions = draw(random, 3) ? 0 : (unsigned)draw(random, 4);
	file->changes = draw(random, 6) ? 0 : (unsigned)draw(random, 4);
	if (!file->changes)
		file->shrinks = draw(random, 6) == 0;
	return !file->gone && !file->unwritable && !file->corruptions && !file->changes &&
	       !file->shrinks && !(file->described && file->withdrawn);
}

static void shuffled(uint64_t seed)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static char names[COUNT(alphabet)][2];
	struct toy *toy = malloc(sizeof(*toy));
	uint64_t random = seed;
	bool lucky[COUNT(alphabet)];

	assert_non_null(toy);
	toy_init(toy);
	for (size_t i = 0; i + 1 < COUNT(alphabet); i++) {
		names[i][0] = alphabet[i];
		lucky[i] = misfortune(toy_add(toy, names[i],
					      draw(&random, 2) ? draw(&random, TOY_SMALL + 1)
							       : draw(&random, TOY_SIZE_MAX - 64)),
				      &random);
	}
	if (toy_run_shuffled(toy, seed))
		fail_msg("seed %u: error %d", (unsigned)seed, toy->error);
	assert_all_over(toy);
	for (size_t i = 0; i < toy->file_count; i++) {
		const struct toy_file *file = &toy->files[i];

		if (!file->settled)
			continue;
		if (file->verdict == LADE_VERDICT_INTACT && !toy_landed(file, file->version))
			fail_msg("seed %u: %s is not what it should be", (unsigned)seed,
				 file->name);
		if (file->gone && !(file->described && file->unwritable)) /* that is seen first */
			assert_int_equal(file->verdict, LADE_VERDICT_GONE);
		if (lucky[i])
			assert_int_equal(file->verdict, LADE_VERDICT_INTACT);
		assert_true(file->attempt <= 1);
	}
	toy_fini(toy);
	free(toy);
}

static void test_any_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++)
		shuffled(seed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_an_empty_session),
		TEST(test_files_of_all_sizes),
		TEST(test_what_is_there_is_not_sent),
		TEST(test_a_dry_run),
		TEST(test_hard_links_travel_once),
		TEST(test_a_file_that_changes_is_sent_again),
		TEST(test_a_file_that_keeps_changing),
		TEST(test_damage_is_mended),
		TEST(test_damage_beyond_mending),
		TEST(test_damage_that_cannot_be_sent_again),
		TEST(test_a_file_that_is_gone),
		TEST(test_a_file_that_cannot_be_written),
		TEST(test_what_differs_travels),
		TEST(test_holes_and_small_files_are_described),
		TEST(test_a_described_file_that_changes),
		TEST(test_a_piece_that_comes_out_wrong),
		TEST(test_a_piece_beyond_mending),
		TEST(test_a_described_file_that_comes_to_nothing),
		TEST(test_credit_runs_out_and_comes_back),
		TEST(test_nothing_is_written_without_credit),
		TEST(test_all_slots),
		TEST(test_a_want_that_finds_no_room),
		TEST(test_abandon),
		cmocka_unit_test(test_any_order),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
