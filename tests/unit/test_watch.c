/*
 * --timeout, by a clock that is made up here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/sync/watch.h"

#define TICK_MS 200

static struct lade_watch watch;
static struct lade_watch_facts facts;
static int64_t now;

static void begin(uint64_t timeout_s)
{
	now = 1000000;
	facts = (struct lade_watch_facts){ 0 };
	lade_watch_init(&watch, timeout_s, now);
}

static enum lade_watch_step tick(void)
{
	now += TICK_MS;
	return lade_watch_look(&watch, &facts, now);
}

/* Ticks until the step comes, at most that of an hour. */
static int64_t ms_until(enum lade_watch_step step)
{
	int64_t start = now;

	while (now < start + 3600000)
		if (tick() == step)
			return now - start;
	return -1;
}

static void test_without_a_timeout_nothing_happens(void **state)
{
	(void)state;
	begin(0);
	assert_int_equal(ms_until(LADE_WATCH_SPEAK), -1);
	assert_int_equal(ms_until(LADE_WATCH_OVER), -1);
}

static void test_silence(void **state)
{
	(void)state;
	begin(10);
	assert_int_equal(ms_until(LADE_WATCH_OVER), 10000);
	begin(1);
	assert_int_equal(ms_until(LADE_WATCH_OVER), 1000);
}

/* What we say is no sign of life of the peer. */
static void test_speaking_into_the_void(void **state)
{
	(void)state;
	begin(10);
	for (int i = 0; i < 49; i++) {
		facts.said++;
		assert_int_equal(tick(), LADE_WATCH_FINE);
	}
	assert_int_equal(tick(), LADE_WATCH_OVER);
}

static void test_a_sign_in_time(void **state)
{
	(void)state;
	begin(10);
	for (int i = 0; i < 100; i++) {
		/* Just before the end. */
		for (int at = 0; at < 49; at++)
			assert_int_not_equal(tick(), LADE_WATCH_OVER);
		facts.heard += 12;
		assert_int_not_equal(tick(), LADE_WATCH_OVER);
	}
}

/* Bytes that nobody takes are no silence of the peer, but of ours. */
static void test_what_waits_was_said(void **state)
{
	(void)state;
	begin(10);
	facts.waiting = true;
	assert_int_equal(ms_until(LADE_WATCH_OVER), -1);
	facts.waiting = false;
	assert_int_equal(ms_until(LADE_WATCH_OVER), 10000);
}

static void test_signs_of_our_own(void **state)
{
	(void)state;
	begin(10);
	facts.heard++;
	assert_int_equal(ms_until(LADE_WATCH_SPEAK), 2600);
	facts.said++;
	facts.heard++;
	assert_int_equal(tick(), LADE_WATCH_FINE);
	assert_int_equal(ms_until(LADE_WATCH_SPEAK), 2600);
	/* One that has not left yet is not followed by many. */
	assert_int_equal(ms_until(LADE_WATCH_SPEAK), 2600);
}

/* Whoever was stopped for an hour has not listened to an hour of silence. */
static void test_asleep(void **state)
{
	(void)state;
	begin(10);
	now += 3600000;
	assert_int_not_equal(tick(), LADE_WATCH_OVER);
	assert_int_equal(ms_until(LADE_WATCH_OVER), 9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_timeout_nothing_happens),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_speaking_into_the_void),
		cmocka_unit_test(test_a_sign_in_time),
		cmocka_unit_test(test_what_waits_was_said),
		cmocka_unit_test(test_signs_of_our_own),
		cmocka_unit_test(test_asleep),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
