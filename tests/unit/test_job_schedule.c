/*
 * When jobs are due, how long they wait, and the words for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "agent/jobs/schedule.h"
#include "protocol/error.h"

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* 2026-11-22 00:00:00 UTC */
#define MIDNIGHT INT64_C(1795305600)

static void zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static int64_t due_of(const struct lade_job_schedule *schedule, int64_t now, int64_t last)
{
	int64_t due = -1;

	assert_true(lade_job_due(schedule, now, last, &due));
	return due;
}

static void test_never(void **state)
{
	const struct lade_job_schedule none = { .every = 0 };
	int64_t due;

	(void)state;
	assert_false(lade_job_due(&none, MIDNIGHT, 0, &due));
	assert_false(lade_job_due(&none, MIDNIGHT, MIDNIGHT - 100 * DAY, &due));
}

static void test_first(void **state)
{
	const struct lade_job_schedule daily = { .every = DAY }, at = { .at = { 150 }, .at_count = 1 };

	(void)state;
	zone("UTC");
	assert_int_equal(due_of(&daily, MIDNIGHT, 0), MIDNIGHT);
	assert_int_equal(due_of(&at, MIDNIGHT, 0), MIDNIGHT);
	/* The clock was set back. */
	assert_int_equal(due_of(&daily, MIDNIGHT, MIDNIGHT + 1), MIDNIGHT);
	assert_int_equal(due_of(&at, MIDNIGHT, MIDNIGHT + 1), MIDNIGHT);
}

static void test_every(void **state)
{
	const struct lade_job_schedule daily = { .every = DAY }, hourly = { .every = HOUR }, often = { .every = MINUTE };

	(void)state;
	assert_int_equal(due_of(&daily, MIDNIGHT + 1, MIDNIGHT), MIDNIGHT + DAY - 5 * MINUTE);
	assert_int_equal(due_of(&hourly, MIDNIGHT + 1, MIDNIGHT), MIDNIGHT + HOUR - 3 * MINUTE);
	assert_int_equal(due_of(&often, MIDNIGHT + 1, MIDNIGHT), MIDNIGHT + MINUTE - 3);
	/* However many were missed: it is due since the first of them. */
	assert_int_equal(due_of(&daily, MIDNIGHT + 9 * DAY, MIDNIGHT), MIDNIGHT + DAY - 5 * MINUTE);
}

/* A job that cron looks at once a day at the same second, and that begins somewhat later each time, runs each day. */
static void test_every_does_not_wander(void **state)
{
	const struct lade_job_schedule daily = { .every = DAY };
	int64_t last = MIDNIGHT;

	(void)state;
	for (int day = 1; day < 30; day++) {
		const int64_t now = MIDNIGHT + day * DAY + day % 7;

		assert_true(due_of(&daily, now, last) <= now);
		last = now;
	}
}

static void test_at(void **state)
{
	const struct lade_job_schedule at = { .at = { 14 * 60 + 30, 2 * 60 + 30 }, .at_count = 2 };
	const int64_t early = MIDNIGHT + 150 * MINUTE, late = MIDNIGHT + 870 * MINUTE;

	(void)state;
	zone("UTC");
	assert_int_equal(due_of(&at, MIDNIGHT, MIDNIGHT), early);
	assert_int_equal(due_of(&at, early - 1, early - 1), early);
	assert_int_equal(due_of(&at, early, early - 1), early);
	/* It began at the very second. */
	assert_int_equal(due_of(&at, early, early), late);
	assert_int_equal(due_of(&at, late, early + 5), late);
	assert_int_equal(due_of(&at, late + 1, late), early + DAY);
	/* Missed for days: once, and then as always. */
	assert_int_equal(due_of(&at, early + 5 * DAY, early + 1), late);
	assert_int_equal(due_of(&at, early + 5 * DAY + 1, early + 5 * DAY), late + 5 * DAY);
}

static void test_at_is_local(void **state)
{
	const struct lade_job_schedule at = { .at = { 150 }, .at_count = 1 };

	(void)state;
	zone("CET-1");
	assert_int_equal(due_of(&at, MIDNIGHT, MIDNIGHT), MIDNIGHT + 90 * MINUTE);
	zone("EST5");
	assert_int_equal(due_of(&at, MIDNIGHT, MIDNIGHT), MIDNIGHT + 450 * MINUTE);
}

/* Once for each date, when clocks are changed, too. */
static void test_summer_time(void **state)
{
	const struct lade_job_schedule at = { .at = { 150 }, .at_count = 1 };
	/* 2027-03-25 12:00 UTC; clocks are changed on the 28th. And 2026-10-22: on the 25th. */
	const int64_t begins[] = { INT64_C(1805976000), INT64_C(1792670400) };

	(void)state;
	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	for (size_t i = 0; i < 2; i++) {
		int64_t last = begins[i];

		for (int day = 1; day <= 6; day++) {
			const int64_t due = due_of(&at, last, last);

			assert_true(due > last);
			assert_true(due <= begins[i] + day * DAY);
			assert_true(due > begins[i] + (day - 1) * DAY);
			last = due;
		}
	}
	zone("UTC");
}

static void test_retry_wait(void **state)
{
	(void)state;
	assert_int_equal(lade_job_retry_wait(60, 1, 0), 60);
	assert_int_equal(lade_job_retry_wait(60, 2, 0), 120);
	assert_int_equal(lade_job_retry_wait(60, 5, 0), 960);
	assert_int_equal(lade_job_retry_wait(60, 1, UINT32_MAX), 30);
	assert_int_equal(lade_job_retry_wait(60, 100, 0), LADE_JOB_WAIT_MAX);
	assert_int_equal(lade_job_retry_wait(60, 100, UINT32_MAX), LADE_JOB_WAIT_MAX / 2);
	assert_int_equal(lade_job_retry_wait(LADE_JOB_WAIT_MAX, 2, 0), LADE_JOB_WAIT_MAX);
	assert_int_equal(lade_job_retry_wait(1, 1, UINT32_MAX), 1);
}

static void test_jitter(void **state)
{
	(void)state;
	assert_int_equal(lade_job_jitter(0, UINT32_MAX), 0);
	assert_int_equal(lade_job_jitter(600, 0), 0);
	assert_int_equal(lade_job_jitter(600, UINT32_MAX), 600);
	assert_int_equal(lade_job_jitter(600, UINT32_MAX / 2), 300);
	assert_int_equal(lade_job_jitter(LADE_JOB_DURATION_MAX, UINT32_MAX), LADE_JOB_DURATION_MAX);
}

static void test_durations(void **state)
{
	static const char *const wrong[] = { "", "5", "d", "1y", "-1d", "1 d", "1d ", "1d1d", "1.5h", "367d", "99999999999999999999s", "53w", "1D" };
	uint64_t seconds = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(lade_job_duration_parse(wrong[i], &seconds), LADE_E_USAGE);
	assert_int_equal(seconds, 7);
	assert_int_equal(lade_job_duration_parse("45s", &seconds), 0);
	assert_int_equal(seconds, 45);
	assert_int_equal(lade_job_duration_parse("1d12h", &seconds), 0);
	assert_int_equal(seconds, 36 * HOUR);
	assert_int_equal(lade_job_duration_parse("2w", &seconds), 0);
	assert_int_equal(seconds, 14 * DAY);
	assert_int_equal(lade_job_duration_parse("366d", &seconds), 0);
	assert_int_equal(lade_job_duration_parse("0s", &seconds), 0);
	assert_int_equal(seconds, 0);
}

static void test_times(void **state)
{
	static const char *const wrong[] = { "", "2:30", "24:00", "02:60", "02-30", "02:3", "02:300", "+2:30", "02:30 " };
	unsigned minutes = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(lade_job_time_parse(wrong[i], &minutes), LADE_E_USAGE);
	assert_int_equal(minutes, 7);
	assert_int_equal(lade_job_time_parse("00:00", &minutes), 0);
	assert_int_equal(minutes, 0);
	assert_int_equal(lade_job_time_parse("23:59", &minutes), 0);
	assert_int_equal(minutes, 23 * 60 + 59);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_every),
		cmocka_unit_test(test_every_does_not_wander),
		cmocka_unit_test(test_at),
		cmocka_unit_test(test_at_is_local),
		cmocka_unit_test(test_summer_time),
		cmocka_unit_test(test_retry_wait),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_times),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
