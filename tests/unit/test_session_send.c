/*
 * What the sender's machine refuses: for every state a table of messages that may not
 * come then; and which requests it still has to answer.
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

/* Bytes of the files in these tests. */
#define SIZE 1000u

static int a_file; /* what the machines are given as files */

struct send_fixture {
	struct lade_session_send *machine;
	struct lade_writer out;
	struct lade_send_event event;
};

#define CREDIT(planned, bytes) { .type = LADE_MSG_CREDIT, .credit = { (planned), (bytes) } }
#define WANT(slot, index) { .type = LADE_MSG_WANT, .want = { (slot), (index) } }
#define WANT_RUN(slot, off, len) { .type = LADE_MSG_WANT_RUN, .want_run = { (slot), (off), (len) } }
#define WANT_AGAIN(slot) { .type = LADE_MSG_WANT_AGAIN, .want_again = { (slot) } }
#define END { .type = LADE_MSG_END }
#define ACK(slot) { .type = LADE_MSG_ACK, .ack = { (slot) } }

static int tell(struct send_fixture *fixture, struct lade_message message)
{
	return lade_session_send_step(fixture->machine, &message, &fixture->event);
}

static void must_tell(struct send_fixture *fixture, struct lade_message message, int expected)
{
	assert_int_equal(tell(fixture, message), expected);
}

#define TELL(fixture, expected, ...) must_tell(fixture, (struct lade_message)__VA_ARGS__, expected)

static void say_entry(struct send_fixture *fixture, const char *name, void *file)
{
	const struct lade_msg_entry entry = {
		.name = lade_slice(name, strlen(name)),
		.mode = S_IFREG | 0644,
		.size = SIZE,
	};

	assert_int_equal(
		lade_session_send_entry(fixture->machine, &entry, file, &fixture->out, NULL), 0);
}

static void say_run(struct send_fixture *fixture, uint64_t off, uint32_t len)
{
	const struct lade_msg_run run = { .slot = 7, .off = off, .len = len };

	assert_int_equal(lade_session_send_run(fixture->machine, &run, &fixture->out), 0);
}

static void say_file_end(struct send_fixture *fixture)
{
	const struct lade_msg_file_end end = { .slot = 7, .size = SIZE };

	assert_int_equal(lade_session_send_file_end(fixture->machine, &end, &fixture->out), 0);
}

static void send_fresh(struct send_fixture *fixture)
{
	(void)fixture;
}

/* Entries 0 to 3; 1 has no content that travels. */
static void send_entries(struct send_fixture *fixture)
{
	say_entry(fixture, "a", &a_file);
	say_entry(fixture, "b", NULL);
	say_entry(fixture, "c", &a_file);
	say_entry(fixture, "d", &a_file);
}

static void send_entries_ended(struct send_fixture *fixture)
{
	send_entries(fixture);
	assert_int_equal(lade_session_send_entries_end(fixture->machine, false, &fixture->out), 0);
}

static void send_wanted(struct send_fixture *fixture)
{
	send_entries_ended(fixture);
	TELL(fixture, 1, WANT(7, 2));
}

static void send_half(struct send_fixture *fixture)
{
	send_wanted(fixture);
	say_run(fixture, 0, 500);
}

static void send_said(struct send_fixture *fixture)
{
	send_half(fixture);
	say_run(fixture, 500, 500);
	say_file_end(fixture);
}

static void send_asked(struct send_fixture *fixture)
{
	send_said(fixture);
	TELL(fixture, 1, WANT_RUN(7, 0, 500));
}

static void send_lent(struct send_fixture *fixture)
{
	send_wanted(fixture);
	assert_int_equal(lade_session_send_descriptor(fixture->machine, 7, &fixture->out), 0);
}

static void send_acknowledged(struct send_fixture *fixture)
{
	send_said(fixture);
	TELL(fixture, 1, ACK(7));
}

static void send_ended(struct send_fixture *fixture)
{
	send_acknowledged(fixture);
	TELL(fixture, 1, END);
}

struct send_case {
	const char *state;
	void (*prepare)(struct send_fixture *fixture);
	struct lade_message refused[16];
};

static const struct send_case send_cases[] = {
	{ "fresh", send_fresh,
	  { CREDIT(0, 1), CREDIT(1, 0), WANT(0, 0), WANT_RUN(0, 0, 1), WANT_AGAIN(0), ACK(0),
	    END } },
	{ "entries", send_entries,
	  { CREDIT(5, 1), CREDIT(0, 1), CREDIT(4, LADE_ENTRY_CREDIT), CREDIT(0, UINT32_MAX),
	    WANT(0, 4), WANT(0, UINT64_MAX), WANT(0, 1), END } },
	{ "wanted", send_wanted,
	  { WANT(7, 3), WANT(8, 2), WANT(8, 0), CREDIT(2, 1), ACK(7), WANT_AGAIN(7), ACK(8),
	    WANT_RUN(7, 0, 1), END } },
	{ "half sent", send_half,
	  { WANT_RUN(7, 0, 501), WANT_RUN(7, 500, 1), WANT_RUN(7, 501, 1), WANT_RUN(7, 0, 0),
	    WANT_RUN(7, INT64_MAX, 1), WANT_RUN(8, 0, 1), ACK(7), WANT_AGAIN(7) } },
	{ "said", send_said,
	  { WANT_RUN(7, SIZE, 1), WANT_RUN(7, 1, SIZE), WANT(7, 3), ACK(6), END } },
	{ "asked", send_asked, { ACK(7), WANT_AGAIN(7), END } },
	{ "lent", send_lent, { WANT_RUN(7, 0, 1), WANT(7, 3), END } },
	{ "acknowledged", send_acknowledged,
	  { ACK(7), WANT_AGAIN(7), WANT_RUN(7, 0, 500), WANT(7, 2) } },
	{ "ended", send_ended, { END, CREDIT(4, 0), WANT(0, 3), ACK(7) } },
};

static void send_init(struct send_fixture *fixture)
{
	assert_int_equal(lade_session_send_new(&fixture->machine), 0);
	lade_writer_init(&fixture->out, SIZE_MAX);
}

static void send_fini(struct send_fixture *fixture)
{
	lade_session_send_free(fixture->machine);
	lade_writer_fini(&fixture->out);
}

static void test_sender_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(send_cases); i++) {
		const struct send_case *at = &send_cases[i];

		for (size_t j = 0; j < COUNT(at->refused) && at->refused[j].type; j++) {
			struct send_fixture fixture;
			char text[512];

			send_init(&fixture);
			at->prepare(&fixture);
			lade_message_dump(&at->refused[j], text, sizeof(text));
			if (tell(&fixture, at->refused[j]) != LADE_E_PROTOCOL)
				fail_msg("%s: %s is not refused", at->state, text);
			send_fini(&fixture);
		}
	}
}

static void test_sender_refuses_its_own_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(send_cases); i++) {
		struct send_fixture fixture;

		send_init(&fixture);
		send_cases[i].prepare(&fixture);
		for (int type = 0; type < 256; type++) {
			struct lade_message message = { .type = (enum lade_message_type)type };

			if ((type >= LADE_MSG_CREDIT && type <= LADE_MSG_ACK) ||
			    type == LADE_MSG_END || type == LADE_MSG_WANT_RECIPE ||
			    type == LADE_MSG_WANT_GAP || type == LADE_MSG_RECIPE_CREDIT ||
			    type == LADE_MSG_DEFER)
				continue;
			assert_int_equal(tell(&fixture, message), LADE_E_PROTOCOL);
		}
		send_fini(&fixture);
	}
}

/* What was asked is answered in the same attempt, before an abort, or not at all. */
static void test_which_requests_are_answered(void **state)
{
	struct send_fixture fixture;
	uint32_t turn;

	(void)state;
	send_init(&fixture);
	send_asked(&fixture);
	turn = fixture.event.turn;
	assert_true(lade_session_send_answers(fixture.machine, 7, turn));
	assert_int_equal(lade_session_send_run_abort(fixture.machine, 7, 0, 500, &fixture.out), 0);
	assert_false(lade_session_send_answers(fixture.machine, 7, turn));
	TELL(&fixture, 0, WANT_RUN(7, 500, 500)); /* it crossed the abort */
	TELL(&fixture, 1, WANT_AGAIN(7));
	assert_false(lade_session_send_answers(fixture.machine, 7, turn));
	say_run(&fixture, 0, SIZE);
	say_file_end(&fixture);
	TELL(&fixture, 1, ACK(7));
	TELL(&fixture, 1, WANT(7, 3));
	assert_false(lade_session_send_answers(fixture.machine, 7, turn));
	send_fini(&fixture);
}

static void test_an_answer_lets_the_receiver_go_on(void **state)
{
	struct send_fixture fixture;

	(void)state;
	send_init(&fixture);
	send_asked(&fixture);
	TELL(&fixture, 1, WANT_RUN(7, 0, 500));
	say_run(&fixture, 0, 500);
	TELL(&fixture, LADE_E_PROTOCOL, ACK(7));
	say_run(&fixture, 0, 500);
	TELL(&fixture, 1, ACK(7));
	TELL(&fixture, 1, END);
	send_fini(&fixture);
}

/* Credit for one entry: the next waits until the first was planned, and no more is taken than was granted. */
static void test_little_credit(void **state)
{
	const struct lade_msg_entry entry = { .name = { (const uint8_t *)"b", 1 }, .mode = S_IFREG | 0644, .size = SIZE };
	struct send_fixture fixture;
	uint32_t len;

	(void)state;
	send_init(&fixture);
	say_entry(&fixture, "a", &a_file);
	len = (uint32_t)fixture.out.len;
	send_fini(&fixture);
	send_init(&fixture);
	lade_session_send_limit(fixture.machine, len);
	say_entry(&fixture, "a", &a_file);
	assert_int_equal(lade_session_send_entry(fixture.machine, &entry, &a_file, &fixture.out, NULL), LADE_E_AGAIN);
	assert_int_equal(fixture.out.len, len);
	TELL(&fixture, 1, CREDIT(1, len));
	assert_ptr_equal(lade_session_send_dropped(fixture.machine), &a_file);
	assert_int_equal(lade_session_send_entry(fixture.machine, &entry, &a_file, &fixture.out, NULL), 0);
	TELL(&fixture, LADE_E_PROTOCOL, CREDIT(2, len + 1));
	send_fini(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sender_refuses),
		cmocka_unit_test(test_sender_refuses_its_own_words),
		cmocka_unit_test(test_which_requests_are_answered),
		cmocka_unit_test(test_an_answer_lets_the_receiver_go_on),
		cmocka_unit_test(test_little_credit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
