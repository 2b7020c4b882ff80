/*
 * Points in time for --stop-at, in UTC, with a now that is made up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/moment.h"
#include "protocol/error.h"

/* Thursday, 2026-01-29 13:30:15 */
#define NOW 1769693415

static void moment_is(const char *text, const char *expected)
{
	char found[32];
	int64_t moment;
	time_t time;

	if (lade_moment_parse(text, NOW, &moment))
		fail_msg("'%s' is refused", text);
	time = (time_t)moment;
	strftime(found, sizeof(found), "%Y-%m-%dT%H:%M:%S", gmtime(&time));
	if (strcmp(found, expected) != 0)
		fail_msg("'%s' is %s", text, found);
}

static void test_moments(void **state)
{
	(void)state;
	moment_is("2026-12-31T23:59", "2026-12-31T23:59:00");
	moment_is("2026/12/31", "2026-12-31T00:00:00");
	moment_is("26-12-31T5:7", "2026-12-31T05:07:00");
	moment_is("2026-1-30T", "2026-01-30T00:00:00");
	/* The next one. */
	moment_is("1-30", "2026-01-30T00:00:00");
	moment_is("1-29", "2027-01-29T00:00:00");
	moment_is("1-29T13:31", "2026-01-29T13:31:00");
	moment_is("12-31T5:00", "2026-12-31T05:00:00");
	moment_is("2-29", "2028-02-29T00:00:00");
	moment_is("30", "2026-01-30T00:00:00");
	moment_is("1", "2026-02-01T00:00:00");
	moment_is("29", "2026-03-29T00:00:00");
	moment_is("31", "2026-01-31T00:00:00");
	moment_is("29T14:00", "2026-01-29T14:00:00");
	moment_is("14:00", "2026-01-29T14:00:00");
	moment_is("T14:00", "2026-01-29T14:00:00");
	moment_is("13:30", "2026-01-30T13:30:00");
	moment_is("0:00", "2026-01-30T00:00:00");
	moment_is(":59", "2026-01-29T13:59:00");
	moment_is(":30", "2026-01-29T14:30:00");
	moment_is(":5", "2026-01-29T14:05:00");
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {
		"", "x", "T", "T:59", "5T7", "24:00", "0:60", ":60", ":", "1:", "-5", "5-", "1-2-3-4", "2026-12", "13-1", "1-32", "0", "32",
		"26-13-1", "200-1-1", "20261-1-1", "2:3x", "1-1x", "2026-1-1T1", "2026-1-1T:5", "1 1", "1-1T5:7T", "100:00", "1:100",
		"+1", " 1",
	};
	int64_t moment;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (lade_moment_parse(texts[i], NOW, &moment) != LADE_E_USAGE)
			fail_msg("'%s' is accepted", texts[i]);
}

static void test_what_is_past(void **state)
{
	static const char *const texts[] = { "2026-01-29", "2026-1-29T13:30", "2000-1-1", "25-12-31", "2-30", "2026-2-30", "1969-12-31" };
	int64_t moment;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (lade_moment_parse(texts[i], NOW, &moment) != LADE_E_ABSENT)
			fail_msg("'%s' is accepted", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_what_is_past),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
