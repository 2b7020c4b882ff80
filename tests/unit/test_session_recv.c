/*
 * What the receiver's machine refuses: for every state a table of messages that may not
 * come then. And what becomes of damage: requests, their limits, and the RUN_ABORT that
 * ends them.
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

#include "protocol/entry.h"
#include "protocol/error.h"
#include "protocol/session_recv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of the files in these tests. */
#define SIZE 1000u

static int a_file; /* what the machines are given as files */

struct recv_fixture {
	struct lade_session_recv *machine;
	struct lade_writer out;
	struct lade_recv_event event;
};

#define SLICE(text) { (const uint8_t *)(text), sizeof(text) - 1 }
#define ENTRY(name_, mode_) \
	{ .type = LADE_MSG_ENTRY, .entry = { .name = SLICE(name_), .mode = (mode_) } }
#define REGULAR(name) ENTRY(name, S_IFREG | 0644)
#define DIRECTORY(name) ENTRY(name, S_IFDIR | 0755)
#define FOLLOWER(name_, link_) \
	{ .type = LADE_MSG_ENTRY, \
	  .entry = { .name = SLICE(name_), .mode = S_IFREG | 0644, .link = (link_) } }
#define ROOT(single_) { .type = LADE_MSG_ROOT, .root = { (single_) } }
#define LEAVE { .type = LADE_MSG_LEAVE }
#define ENTRIES_END { .type = LADE_MSG_ENTRIES_END }
#define RUN(slot, off, len) { .type = LADE_MSG_RUN, .run = { (slot), (off), (len), { 0 } } }
#define RUN_ABORT(slot, off, len) \
	{ .type = LADE_MSG_RUN_ABORT, .run_abort = { (slot), (off), (len) } }
#define HOLE(slot, off, len) { .type = LADE_MSG_HOLE, .hole = { (slot), (off), (len) } }
#define FILE_END(slot_, changed_) \
	{ .type = LADE_MSG_FILE_END, \
	  .file_end = { .slot = (slot_), .changed = (changed_), .size = SIZE } }
#define FILE_GONE(slot) { .type = LADE_MSG_FILE_GONE, .file_gone = { (slot), 2 } }
#define DESCRIPTOR(slot) { .type = LADE_MSG_DESCRIPTOR, .descriptor = { (slot) } }
#define BUNDLE { .type = LADE_MSG_BUNDLE, .bundle = { 1 } }
#define END { .type = LADE_MSG_END }
#define IDENTITY(name_) { .type = LADE_MSG_IDENTITY, .identity = { 0, 1, SLICE(name_) } }

static int hear(struct recv_fixture *fixture, struct lade_message message)
{
	return lade_session_recv_step(fixture->machine, &message, &fixture->event);
}

static void must_hear(struct recv_fixture *fixture, struct lade_message message, int expected)
{
	assert_int_equal(hear(fixture, message), expected);
}

#define HEAR(fixture, expected, ...) must_hear(fixture, (struct lade_message)__VA_ARGS__, expected)

static void judge(struct recv_fixture *fixture, uint64_t off, uint32_t len, bool good, int expected)
{
	assert_int_equal(lade_session_recv_verified(fixture->machine, 0, off, len, good,
						    &fixture->out, &fixture->event),
			 expected);
}

/* States of the receiver. Slots are given out from 0 on. */

static void fresh(struct recv_fixture *fixture)
{
	(void)fixture;
}

static void root_said(struct recv_fixture *fixture)
{
	HEAR(fixture, 1, ROOT(0));
}

static void single_said(struct recv_fixture *fixture)
{
	HEAR(fixture, 1, ROOT(1));
}

static void single_named(struct recv_fixture *fixture)
{
	single_said(fixture);
	HEAR(fixture, 1, REGULAR("f"));
}

/* In ".", after the file m, the directory m and what was in it. */
static void in_directories(struct recv_fixture *fixture)
{
	root_said(fixture);
	HEAR(fixture, 1, DIRECTORY("."));
	HEAR(fixture, 1, REGULAR("m"));
	HEAR(fixture, 1, DIRECTORY("m"));
	HEAR(fixture, 1, REGULAR("z"));
	HEAR(fixture, 1, LEAVE);
}

static void in_files(struct recv_fixture *fixture)
{
	root_said(fixture);
	HEAR(fixture, 1, DIRECTORY("."));
	HEAR(fixture, 1, REGULAR("m"));
}

static void root_left(struct recv_fixture *fixture)
{
	in_files(fixture);
	HEAR(fixture, 1, LEAVE);
}

static void entries_ended(struct recv_fixture *fixture)
{
	root_left(fixture);
	HEAR(fixture, 1, ENTRIES_END);
}

static void ended(struct recv_fixture *fixture)
{
	entries_ended(fixture);
	HEAR(fixture, 1, END);
}

static void wanted(struct recv_fixture *fixture)
{
	entries_ended(fixture);
	assert_int_equal(lade_session_recv_want(fixture->machine, 1, SIZE, &a_file, &fixture->out),
			 0);
}

static void half_sent(struct recv_fixture *fixture)
{
	wanted(fixture);
	HEAR(fixture, 1, RUN(0, 0, 500));
}

/* Everything was said, and the first run turned out bad. */
static void asked_again(struct recv_fixture *fixture)
{
	half_sent(fixture);
	HEAR(fixture, 1, RUN(0, 500, 500));
	HEAR(fixture, 0, FILE_END(0, 0));
	judge(fixture, 500, 500, true, 0);
	judge(fixture, 0, 500, false, 0);
}

static void answered(struct recv_fixture *fixture)
{
	asked_again(fixture);
	HEAR(fixture, 1, RUN(0, 0, 500));
}

static void settled(struct recv_fixture *fixture)
{
	answered(fixture);
	judge(fixture, 0, 500, true, 1);
}

static void acknowledged(struct recv_fixture *fixture)
{
	settled(fixture);
	lade_session_recv_ack(fixture->machine, 0, &fixture->out);
}

static void lent(struct recv_fixture *fixture)
{
	wanted(fixture);
	HEAR(fixture, 1, DESCRIPTOR(0));
}

static void gone_with_a_run_to_judge(struct recv_fixture *fixture)
{
	half_sent(fixture);
	HEAR(fixture, 0, FILE_GONE(0));
}

/* A state by name, and messages that end a session that is in it. */
struct recv_case {
	const char *state;
	void (*prepare)(struct recv_fixture *fixture);
	struct lade_message refused[16];
};

static const struct recv_case recv_cases[] = {
	{ "fresh", fresh,
	  { REGULAR("a"), DIRECTORY("."), LEAVE, ENTRIES_END, IDENTITY("n"), RUN(0, 0, 1),
	    HOLE(0, 0, 1), FILE_END(0, 0), FILE_GONE(0), DESCRIPTOR(0), RUN_ABORT(0, 0, 1), END } },
	{ "root said", root_said,
	  { ROOT(0), ROOT(1), LEAVE, IDENTITY(""), IDENTITY("a\0b"), REGULAR("."), REGULAR(".."),
	    DIRECTORY(".."), REGULAR(""), REGULAR("a/b"), REGULAR("a\0b"), ENTRY("a", 0644),
	    FOLLOWER("a", LADE_LINK_FOLLOWS), FOLLOWER("a", UINT64_MAX), END } },
	{ "single said", single_said, { DIRECTORY("."), ROOT(1), LEAVE } },
	{ "single named", single_named, { REGULAR("g"), DIRECTORY("g"), DIRECTORY("."), LEAVE } },
	{ "in the files of .", in_files,
	  { REGULAR("m"), REGULAR("a"), REGULAR("lzzz"), DIRECTORY("."), ENTRIES_END, ROOT(0),
	    FOLLOWER("n", LADE_LINK_FOLLOWS + 2), FOLLOWER("n", LADE_LINK_FOLLOWS + 99), END } },
	{ "in the directories of .", in_directories,
	  { REGULAR("n"), REGULAR("z"), DIRECTORY("m"), DIRECTORY("a"), DIRECTORY("."),
	    ENTRIES_END } },
	{ "root left", root_left,
	  { REGULAR("n"), DIRECTORY("n"), DIRECTORY("."), LEAVE, ROOT(0), END } },
	{ "entries ended", entries_ended,
	  { ROOT(0), REGULAR("n"), LEAVE, ENTRIES_END, IDENTITY("n"), RUN(0, 0, 1),
	    FILE_END(0, 1) } },
	{ "ended", ended, { END, BUNDLE, RUN(0, 0, 1), REGULAR("n"), ENTRIES_END } },
	{ "wanted", wanted,
	  { RUN(0, 1, 10), RUN(0, 0, 0), RUN(0, 0, SIZE + 1), RUN(0, INT64_MAX, 1), RUN(1, 0, 10),
	    RUN(LADE_SLOTS_MAX - 1, 0, 1), HOLE(0, 0, 0), HOLE(0, 0, SIZE + 1),
	    HOLE(0, 0, INT64_MAX), HOLE(0, 1, 1), FILE_END(0, 0), FILE_END(1, 1),
	    RUN_ABORT(0, 1, 1), RUN_ABORT(0, 0, 0), RUN_ABORT(0, 0, SIZE + 1), END } },
	{ "half sent", half_sent,
	  { RUN(0, 0, 500), RUN(0, 499, 500), RUN(0, 501, 499), RUN(0, 500, 501), HOLE(0, 0, 500),
	    FILE_END(0, 0), DESCRIPTOR(0), RUN_ABORT(0, 0, 501), RUN_ABORT(0, 499, 2),
	    RUN_ABORT(0, 100, 0), END } },
	{ "asked again", asked_again,
	  { RUN(0, 0, 499), RUN(0, 500, 500), RUN(0, SIZE, 1), HOLE(0, 0, 500), FILE_END(0, 0),
	    FILE_END(0, 1), FILE_GONE(0), DESCRIPTOR(0), RUN_ABORT(0, SIZE, 1), END } },
	{ "answered", answered,
	  { RUN(0, 0, 500), RUN(0, 500, 500), FILE_END(0, 1), HOLE(0, SIZE, 1), END } },
	{ "settled", settled,
	  { RUN(0, 0, 500), RUN(0, SIZE, 1), HOLE(0, SIZE, 1), FILE_END(0, 0), FILE_GONE(0),
	    DESCRIPTOR(0), RUN_ABORT(0, 0, 500), END } },
	{ "acknowledged", acknowledged,
	  { RUN(0, 0, 500), FILE_END(0, 0), FILE_GONE(0), DESCRIPTOR(0), HOLE(0, 0, 1) } },
	{ "lent", lent,
	  { RUN(0, 0, 500), HOLE(0, 0, SIZE), FILE_END(0, 1), FILE_GONE(0), DESCRIPTOR(0),
	    RUN_ABORT(0, 0, 1), END } },
	{ "gone", gone_with_a_run_to_judge,
	  { RUN(0, 500, 500), HOLE(0, 500, 500), FILE_END(0, 1), FILE_GONE(0), END } },
};

static void recv_init(struct recv_fixture *fixture)
{
	assert_int_equal(lade_session_recv_new(&fixture->machine), 0);
	lade_writer_init(&fixture->out, LADE_CONTROL_MAX);
}

static void recv_fini(struct recv_fixture *fixture)
{
	lade_session_recv_free(fixture->machine);
	lade_writer_fini(&fixture->out);
}

static void test_receiver_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(recv_cases); i++) {
		const struct recv_case *at = &recv_cases[i];

		for (size_t j = 0; j < COUNT(at->refused) && at->refused[j].type; j++) {
			struct recv_fixture fixture;
			char text[512];

			recv_init(&fixture);
			at->prepare(&fixture);
			lade_message_dump(&at->refused[j], text, sizeof(text));
			if (hear(&fixture, at->refused[j]) != LADE_E_PROTOCOL)
				fail_msg("%s: %s is not refused", at->state, text);
			recv_fini(&fixture);
		}
	}
}

/* What only a receiver or a client says is refused by a receiver at any time. */
static void test_receiver_refuses_its_own_words(void **state)
{
	static const enum lade_message_type types[] = {
		LADE_MSG_AUTH,
		LADE_MSG_OPEN,
		LADE_MSG_CREDIT,
		LADE_MSG_WANT,
		LADE_MSG_WANT_RUN,
		LADE_MSG_WANT_AGAIN,
		LADE_MSG_ACK,
		LADE_MSG_ITEM,
		LADE_MSG_REPORT,
		(enum lade_message_type)0,
		(enum lade_message_type)200,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(recv_cases); i++) {
		struct recv_fixture fixture;

		recv_init(&fixture);
		recv_cases[i].prepare(&fixture);
		for (size_t j = 0; j < COUNT(types); j++) {
			struct lade_message message = { .type = types[j] };

			assert_int_equal(hear(&fixture, message), LADE_E_PROTOCOL);
		}
		recv_fini(&fixture);
	}
}

static int hear_record(struct recv_fixture *fixture, uint32_t slot, size_t len)
{
	static const uint8_t zeros[2 * SIZE];
	const struct lade_bundle_record record = { .slot = slot, .data = lade_slice(zeros, len) };

	return lade_session_recv_record(fixture->machine, &record, &fixture->event);
}

static void test_receiver_refuses_records(void **state)
{
	static void (*const bad[])(struct recv_fixture *) = {
		fresh,        root_said, half_sent,
		asked_again,  answered,  settled,
		acknowledged, lent,      gone_with_a_run_to_judge,
	};
	struct recv_fixture fixture;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		recv_init(&fixture);
		bad[i](&fixture);
		assert_int_equal(hear_record(&fixture, 0, SIZE), LADE_E_PROTOCOL);
		recv_fini(&fixture);
	}
	recv_init(&fixture);
	wanted(&fixture);
	assert_int_equal(hear_record(&fixture, 0, SIZE - 1), LADE_E_PROTOCOL);
	assert_int_equal(hear_record(&fixture, 0, SIZE + 1), LADE_E_PROTOCOL);
	assert_int_equal(hear_record(&fixture, 1, SIZE), LADE_E_PROTOCOL);
	assert_int_equal(hear_record(&fixture, 0, SIZE), 1);
	assert_int_equal(hear_record(&fixture, 0, SIZE), LADE_E_PROTOCOL);
	recv_fini(&fixture);
}

/* Names of a directory: files, then directories, each part rising, and any name in both. */
static void test_the_order_of_names(void **state)
{
	struct recv_fixture fixture;

	(void)state;
	recv_init(&fixture);
	in_directories(&fixture);
	HEAR(&fixture, 1, DIRECTORY("m\x01"));
	HEAR(&fixture, 1, DIRECTORY("a"));
	HEAR(&fixture, 1, REGULAR("\xfe"));
	HEAR(&fixture, 1, REGULAR("\xff"));
	HEAR(&fixture, LADE_E_PROTOCOL, REGULAR("\xff"));
	HEAR(&fixture, 1, LEAVE);
	HEAR(&fixture, LADE_E_PROTOCOL, DIRECTORY("a")); /* in m^A */
	HEAR(&fixture, 1, DIRECTORY("b"));
	assert_int_equal(fixture.event.depth, 2);
	HEAR(&fixture, 1, LEAVE);
	HEAR(&fixture, 1, LEAVE);
	assert_int_equal(fixture.event.depth, 1);
	HEAR(&fixture, LADE_E_PROTOCOL, DIRECTORY("m\x01"));
	HEAR(&fixture, 1, DIRECTORY("m\x01\x01"));
	recv_fini(&fixture);
}

static void test_depth_is_bounded(void **state)
{
	struct recv_fixture fixture;
	int step = 1;
	unsigned depth = 0;

	(void)state;
	recv_init(&fixture);
	root_said(&fixture);
	for (; step == 1; depth++) {
		struct lade_message message = DIRECTORY("d");

		step = hear(&fixture, message);
	}
	assert_int_equal(step, LADE_E_LIMIT);
	assert_int_equal(depth, LADE_DEPTH_MAX);
	recv_fini(&fixture);
}

/* A padded run that was found bad before its abort came: both sides take the request as settled. */
static void test_an_abort_ends_all_asking(void **state)
{
	struct recv_fixture fixture;

	(void)state;
	recv_init(&fixture);
	half_sent(&fixture);
	HEAR(&fixture, 1, RUN(0, 500, 500));
	judge(&fixture, 0, 500, false, 0);
	judge(&fixture, 500, 500, false, 0);
	HEAR(&fixture, 0, RUN_ABORT(0, 500, 500));
	HEAR(&fixture, 1, FILE_END(0, 1));
	assert_int_equal(fixture.event.type, LADE_RECV_SETTLED);
	assert_int_equal(fixture.event.verdict, LADE_VERDICT_CHANGED);
	assert_false(fixture.event.whole);
	recv_fini(&fixture);
}

/* A run that came again is still judged when the abort of another one is heard. */
static void test_an_abort_leaves_what_has_come(void **state)
{
	struct recv_fixture fixture;

	(void)state;
	recv_init(&fixture);
	half_sent(&fixture);
	judge(&fixture, 0, 500, false, 0);
	HEAR(&fixture, 1, RUN(0, 500, 500));
	HEAR(&fixture, 1, RUN(0, 0, 500)); /* the answer */
	HEAR(&fixture, 0, RUN_ABORT(0, 500, 500));
	HEAR(&fixture, 0, FILE_END(0, 1));
	judge(&fixture, 500, 500, false, 0);
	fixture.out.len = 0;
	judge(&fixture, 0, 500, false, 1);
	assert_int_equal(fixture.out.len, 0); /* nothing more is asked for */
	assert_int_equal(fixture.event.verdict, LADE_VERDICT_CHANGED);
	recv_fini(&fixture);
}

static void test_no_more_runs_are_asked_for_than_allowed(void **state)
{
	struct recv_fixture fixture;
	unsigned asked = 0;

	(void)state;
	recv_init(&fixture);
	entries_ended(&fixture);
	for (uint32_t slot = 0; slot < LADE_WANT_RUNS_MAX + 10; slot++) {
		assert_int_equal(
			lade_session_recv_want(fixture.machine, slot, SIZE, &a_file, &fixture.out),
			0);
		assert_int_equal(hear_record(&fixture, slot, SIZE), 1);
		lade_writer_reset(&fixture.out);
		if (lade_session_recv_verified(fixture.machine, slot, 0, SIZE, false, &fixture.out,
					       &fixture.event))
			assert_int_equal(fixture.event.verdict, LADE_VERDICT_CORRUPT);
		asked += fixture.out.len > 0;
	}
	assert_int_equal(asked, LADE_WANT_RUNS_MAX);
	HEAR(&fixture, 1, RUN(5, 0, SIZE)); /* one answer makes room for one request */
	assert_int_equal(lade_session_recv_verified(fixture.machine, 5, 0, SIZE, false,
						    &fixture.out, &fixture.event),
			 0);
	recv_fini(&fixture);
}

/* Nothing of nothing can be sent again. */
static void test_an_empty_record_is_not_asked_for_again(void **state)
{
	struct recv_fixture fixture;

	(void)state;
	recv_init(&fixture);
	entries_ended(&fixture);
	assert_int_equal(lade_session_recv_want(fixture.machine, 1, 0, &a_file, &fixture.out), 0);
	assert_int_equal(hear_record(&fixture, 0, 0), 1);
	fixture.out.len = 0;
	judge(&fixture, 0, 0, false, 1);
	assert_int_equal(fixture.event.verdict, LADE_VERDICT_CORRUPT);
	assert_int_equal(fixture.out.len, 0);
	recv_fini(&fixture);
}

static int want(struct recv_fixture *fixture, uint64_t index)
{
	return lade_session_recv_want(fixture->machine, index, SIZE, &a_file, &fixture->out);
}

/* One slot, one request, and credit that is given back as soon as there is some. */
static void test_a_session_of_ones(void **state)
{
	static const struct lade_recv_limits least = { 1, 1, 1, 1, 1 };
	struct recv_fixture fixture;
	uint32_t slot;

	(void)state;
	recv_init(&fixture);
	lade_session_recv_limit(fixture.machine, &least);
	entries_ended(&fixture);
	lade_session_recv_planned(fixture.machine, 1, 1, &fixture.out);
	assert_true(fixture.out.len > 0);
	assert_int_equal(want(&fixture, 0), 0);
	assert_int_equal(want(&fixture, 1), LADE_E_AGAIN);
	assert_int_equal(lade_session_recv_open(fixture.machine), 1);
	HEAR(&fixture, LADE_E_PROTOCOL, END);
	for (slot = 0; hear_record(&fixture, slot, SIZE) != 1; slot++)
		assert_true(slot < LADE_SLOTS_MAX);
	assert_int_equal(lade_session_recv_verified(fixture.machine, slot, 0, SIZE, true, &fixture.out,
						    &fixture.event), 1);
	lade_session_recv_ack(fixture.machine, slot, &fixture.out);
	assert_int_equal(lade_session_recv_open(fixture.machine), 0);
	assert_int_equal(want(&fixture, 1), 0);
	HEAR(&fixture, 1, RUN(slot, 0, SIZE / 2));
	HEAR(&fixture, 1, RUN(slot, SIZE / 2, SIZE / 2));
	fixture.out.len = 0;
	assert_int_equal(lade_session_recv_verified(fixture.machine, slot, 0, SIZE / 2, false, &fixture.out,
						    &fixture.event), 0);
	assert_true(fixture.out.len > 0);
	fixture.out.len = 0;
	assert_int_equal(lade_session_recv_verified(fixture.machine, slot, SIZE / 2, SIZE / 2, false, &fixture.out,
						    &fixture.event), 0);
	assert_int_equal(fixture.out.len, 0);
	recv_fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receiver_refuses),
		cmocka_unit_test(test_receiver_refuses_its_own_words),
		cmocka_unit_test(test_receiver_refuses_records),
		cmocka_unit_test(test_the_order_of_names),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_an_abort_ends_all_asking),
		cmocka_unit_test(test_an_abort_leaves_what_has_come),
		cmocka_unit_test(test_no_more_runs_are_asked_for_than_allowed),
		cmocka_unit_test(test_an_empty_record_is_not_asked_for_again),
		cmocka_unit_test(test_a_session_of_ones),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
