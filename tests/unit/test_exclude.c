/*
 * Tests of agent/backup/exclude: the last pattern that matches decides, "!" takes back, and letters of both cases are one where that was asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/backup/exclude.h"

/* What becomes of a path by patterns; folded ones have a "~" before them. */
static bool excludes(const char *const *patterns, const char *path)
{
	struct lade_excludes all = { 0 };
	struct lade_filter *filter;
	bool excluded;

	for (; *patterns; patterns++)
		assert_int_equal(lade_excludes_add(&all, *patterns + (**patterns == '~'), **patterns == '~'), 0);
	assert_int_equal(lade_filter_new(&filter), 0);
	assert_int_equal(lade_excludes_apply(&all, filter, NULL), 0);
	excluded = lade_filter_excludes(filter, path, false);
	lade_filter_free(filter);
	lade_excludes_fini(&all);
	return excluded;
}

static void test_order(void **state)
{
	static const char *const patterns[] = { "*.o", "!keep.o", "/tmp", NULL };
	static const char *const reversed[] = { "!keep.o", "*.o", NULL };

	(void)state;
	assert_true(excludes(patterns, "home/a.o"));
	assert_false(excludes(patterns, "home/keep.o"));
	assert_false(excludes(patterns, "home/a.c"));
	assert_true(excludes(patterns, "tmp"));
	assert_false(excludes(patterns, "home/tmp"));
	assert_true(excludes(reversed, "home/keep.o"));
}

/* They are no rules of rsync. */
static void test_signs(void **state)
{
	static const char *const plus[] = { "*", "+ a", NULL };
	static const char *const minus[] = { "- a", NULL };
	static const char *const folded[] = { "~- a", NULL };

	(void)state;
	assert_true(excludes(plus, "a"));
	assert_true(excludes(minus, "- a"));
	assert_false(excludes(minus, "a"));
	assert_true(excludes(folded, "x/- A"));
	assert_false(excludes(folded, "A"));
}

static void test_fold(void **state)
{
	static const char *const plain[] = { "*.jpg", NULL };
	static const char *const folded[] = { "~*.Jpg", NULL };
	static const char *const classes[] = { "~[xyz]a", NULL };
	static const char *const ranges[] = { "~[a-c]1", NULL };
	static const char *const named[] = { "~[[:digit:]q]e", NULL };
	static const char *const escaped[] = { "~a\\[*", NULL };

	(void)state;
	assert_false(excludes(plain, "A.JPG"));
	assert_true(excludes(folded, "A.JPG"));
	assert_true(excludes(folded, "a.jpg"));
	assert_false(excludes(folded, "a.jpeg"));
	assert_true(excludes(classes, "YA"));
	assert_true(excludes(classes, "ya"));
	assert_false(excludes(classes, "wa"));
	assert_true(excludes(ranges, "b1"));
	assert_true(excludes(named, "7E"));
	assert_true(excludes(named, "Qe"));
	assert_true(excludes(escaped, "A[b"));
}

static void test_file(void **state)
{
	struct lade_excludes all = { 0 };
	char path[] = "/tmp/lade-test-exclude-XXXXXX";
	const int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct lade_fault fault;

	(void)state;
	assert_non_null(file);
	fputs("# nothing\n\n  *.o  \n!a.o\r\nlast", file);
	fclose(file);
	assert_int_equal(lade_excludes_add_file(&all, path, false, &fault), 0);
	remove(path);
	assert_int_equal(all.count, 3);
	assert_string_equal(all.items[0].pattern, "*.o");
	assert_string_equal(all.items[1].pattern, "!a.o");
	assert_string_equal(all.items[2].pattern, "last");
	lade_excludes_fini(&all);
	assert_int_equal(lade_excludes_add_file(&all, path, false, &fault), LADE_E_ABSENT);
	assert_string_equal(fault.subject, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order), cmocka_unit_test(test_signs), cmocka_unit_test(test_fold), cmocka_unit_test(test_file) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
