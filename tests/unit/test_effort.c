/*
 * Tests of agent/sync/effort, on links and processors that are made up: a payload takes as long as
 * the slower of compressing and sending does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/sync/effort.h"

#define PAYLOAD (1u << 20)

/* What a level does: bytes a second, and what is left of them. */
static double speed_of(int level)
{
	return level == 0 ? 4e9 : 400e6 / level;
}

static double rest_of(int level)
{
	return level == 0 ? 1 : 0.4 - 0.01 * level;
}

/* Send count payloads over a link of so many bytes a second. Returns the level that was used most in the last half. */
static int most_used(struct lade_effort *effort, double link, unsigned count)
{
	unsigned used[20] = { 0 }, most = 0;

	for (unsigned i = 0; i < count; i++) {
		int level = lade_effort_level(effort);
		double packing = PAYLOAD / speed_of(level), sending = PAYLOAD * rest_of(level) / link;

		if (level)
			lade_effort_shrank(effort, true);
		lade_effort_took(effort, PAYLOAD, (int64_t)(1e9 * (packing > sending ? packing : sending)));
		used[level] += i >= count / 2;
	}
	for (unsigned level = 0; level < 20; level++)
		if (used[level] > used[most])
			most = level;
	return (int)most;
}

static void test_links(void **state)
{
	struct lade_effort effort;

	(void)state;
	lade_effort_init(&effort, LADE_COMPRESSION_AUTO, 0);
	assert_int_equal(most_used(&effort, 2e9, 20000), 0);
	lade_effort_init(&effort, LADE_COMPRESSION_AUTO, 0);
	assert_int_equal(most_used(&effort, 120e6, 4000), 1);
	lade_effort_init(&effort, LADE_COMPRESSION_AUTO, 0);
	assert_true(most_used(&effort, 1e6, 1000) >= 9);
}

/* A link that changes is followed both ways. */
static void test_a_link_that_changes(void **state)
{
	struct lade_effort effort;

	(void)state;
	lade_effort_init(&effort, LADE_COMPRESSION_AUTO, 0);
	assert_int_equal(most_used(&effort, 2e9, 20000), 0);
	assert_true(most_used(&effort, 1e6, 1000) >= 6);
	assert_int_equal(most_used(&effort, 2e9, 40000), 0);
}

static void test_fixed(void **state)
{
	struct lade_effort effort;

	(void)state;
	lade_effort_init(&effort, LADE_COMPRESSION_ZSTD, 7);
	assert_int_equal(most_used(&effort, 2e9, 1000), 7);
	lade_effort_init(&effort, LADE_COMPRESSION_NONE, 0);
	assert_int_equal(most_used(&effort, 1e6, 1000), 0);
}

/* What does not shrink is tried ever more seldom, and again at once when something did. */
static void test_what_does_not_shrink(void **state)
{
	struct lade_effort effort;
	unsigned tried = 0;

	(void)state;
	lade_effort_init(&effort, LADE_COMPRESSION_ZSTD, 3);
	for (unsigned i = 0; i < 1000; i++) {
		if (lade_effort_level(&effort)) {
			tried++;
			lade_effort_shrank(&effort, false);
		}
	}
	assert_in_range(tried, 10, 30);
	while (!lade_effort_level(&effort))
		;
	lade_effort_shrank(&effort, true);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(lade_effort_level(&effort), 3);
		lade_effort_shrank(&effort, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_a_link_that_changes),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_what_does_not_shrink),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
