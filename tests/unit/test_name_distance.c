/* How like each other names are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/sync/name_distance.h"

static unsigned distance(const char *a, const char *b)
{
	unsigned there = lade_name_distance(a, b, LADE_NAMES_UNLIKE);

	assert_int_equal(lade_name_distance(b, a, LADE_NAMES_UNLIKE), there);
	return there;
}

static void test_edits(void **state)
{
	(void)state;
	assert_int_equal(distance("same.txt", "same.txt"), 0);
	assert_int_equal(distance("linux-5.1.tar", "linux-5.2.tar"), 1);
	assert_int_equal(distance("report.pdf", "reports.pdf"), 2);
	assert_int_equal(distance("report.pdf", "rebort.pdf"), 2);
	assert_int_equal(distance("report.pdf", "epor.pdf"), 4);
	assert_int_equal(distance("kitten-food", "sitting-food"), 6);
	assert_int_equal(distance("log.1", "log.2"), 1);
	assert_int_equal(distance("log.9", "log.10"), 3);
	assert_int_equal(distance("", ""), 0);
}

static void test_extensions(void **state)
{
	(void)state;
	assert_int_equal(distance("picture.jpg", "picture.png"), LADE_NAMES_UNLIKE);
	assert_int_equal(distance("picture", "picture.png"), LADE_NAMES_UNLIKE);
	assert_int_equal(distance(".profile", ".profile1"), 2);
	assert_int_equal(distance("libz.so.1.2.13", "libz.so.1.3.1"), 3);
}

static void test_unlike(void **state)
{
	(void)state;
	assert_int_equal(distance("a", "b"), LADE_NAMES_UNLIKE);
	assert_int_equal(distance("1", "2"), 1);
	assert_int_equal(distance("abcd", "efgh"), LADE_NAMES_UNLIKE);
	assert_int_equal(distance("abcd", "abgh"), 4);
	assert_int_equal(distance("abcd", "afgh"), LADE_NAMES_UNLIKE);
	assert_int_equal(distance("short", "a-much-longer-name"), LADE_NAMES_UNLIKE);
}

/* The longest names there are, at the rim of the band and beyond it. */
static void test_long_names(void **state)
{
	char a[256], b[256];

	(void)state;
	memset(a, 'x', 255);
	a[255] = '\0';
	memcpy(b, a, sizeof(a));
	assert_int_equal(distance(a, b), 0);
	memset(b, 'y', 25);
	assert_int_equal(distance(a, b), 50);
	b[25] = 'y';
	assert_int_equal(distance(a, b), LADE_NAMES_UNLIKE);
	memcpy(b, a, sizeof(a));
	b[230] = '\0';
	assert_int_equal(distance(a, b), 50);
	b[229] = '\0';
	assert_int_equal(distance(a, b), LADE_NAMES_UNLIKE);
	/* Shifted, to the rim of the band. */
	for (int i = 0; i < 255; i++)
		a[i] = (char)('a' + i % 26);
	memset(b, '-', 12);
	memcpy(b + 12, a, 243);
	b[255] = '\0';
	assert_int_equal(distance(a, b), 48);
	memset(b, '-', 13);
	memcpy(b + 13, a, 242);
	assert_int_equal(distance(a, b), LADE_NAMES_UNLIKE);
}

static void test_bound(void **state)
{
	(void)state;
	assert_int_equal(lade_name_distance("abcdefgh", "abcdefxy", 5), 4);
	assert_int_equal(lade_name_distance("abcdefgh", "abcdefxy", 4), LADE_NAMES_UNLIKE);
	assert_int_equal(lade_name_distance("abc", "abc", 1), 0);
	assert_int_equal(lade_name_distance("abc", "abc", 0), LADE_NAMES_UNLIKE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),      cmocka_unit_test(test_extensions), cmocka_unit_test(test_unlike),
		cmocka_unit_test(test_long_names), cmocka_unit_test(test_bound),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
