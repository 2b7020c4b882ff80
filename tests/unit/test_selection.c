/*
 * agent/tree/selection.h and symlink.h: paths and targets, by their words.
 */
#include "agent/tree/selection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/tree/symlink.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct lade_selection *selection;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(lade_selection_new(&selection), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lade_selection_free(selection);
	return 0;
}

static void add(const char *path, unsigned what)
{
	assert_int_equal(lade_selection_add(selection, path, strlen(path), what), 0);
}

/* What is found of name, and how many paths are below it; -1: nothing. */
static int find(const struct lade_selection_at *at, const char *name, struct lade_selection_at *below)
{
	unsigned what;

	return lade_selection_find(selection, at, name, strlen(name), &what, below) ? (int)what : -1;
}

static void test_components_are_found(void **state)
{
	struct lade_selection_at root, below, deeper;

	(void)state;
	/* A byte below the slash must not come between a directory and what is in it. */
	add("a/b", LADE_SELECTED_ITEM);
	add("a!", LADE_SELECTED_ITEM);
	add("a/c/d", LADE_SELECTED_CONTENT);
	add("a", LADE_SELECTED_ITEM);
	add("a/b", LADE_SELECTED_CONTENT);
	add("\xff", LADE_SELECTED_ITEM);
	lade_selection_sort(selection);
	root = lade_selection_root(selection);
	assert_int_equal(lade_selection_root_what(selection), 0);
	assert_int_equal(find(&root, "a!", &below), LADE_SELECTED_ITEM);
	assert_true(below.first == below.end);
	assert_int_equal(find(&root, "\xff", &below), LADE_SELECTED_ITEM);
	assert_int_equal(find(&root, "b", &below), -1);
	assert_int_equal(find(&root, "", &below), -1);
	assert_int_equal(find(&root, "a", &below), LADE_SELECTED_ITEM);
	assert_int_equal(below.end - below.first, 2);
	/* What was added twice is wanted in both ways. */
	assert_int_equal(find(&below, "b", &deeper), LADE_SELECTED_ITEM | LADE_SELECTED_CONTENT);
	assert_int_equal(find(&below, "c", &deeper), 0);
	assert_int_equal(find(&deeper, "d", &below), LADE_SELECTED_CONTENT);
	assert_string_equal(lade_selection_path(selection, deeper.first), "a/c/d");
}

static void test_names_come_once_and_in_order(void **state)
{
	static const char *const expected[] = { "a", "a!", "b" };
	struct lade_selection_at root;
	size_t position = 0, len;
	const char *name;

	(void)state;
	add("", LADE_SELECTED_ITEM);
	add("b/x", LADE_SELECTED_ITEM);
	add("a/y", LADE_SELECTED_ITEM);
	add("a!", LADE_SELECTED_ITEM);
	add("a/x", LADE_SELECTED_ITEM);
	add("b", LADE_SELECTED_ITEM);
	lade_selection_sort(selection);
	assert_int_equal(lade_selection_root_what(selection), LADE_SELECTED_ITEM);
	root = lade_selection_root(selection);
	for (size_t i = 0; i < COUNT(expected); i++) {
		name = lade_selection_next(selection, &root, &position, &len);
		assert_non_null(name);
		assert_int_equal(len, strlen(expected[i]));
		assert_memory_equal(name, expected[i], len);
	}
	assert_null(lade_selection_next(selection, &root, &position, &len));
}

static void test_an_empty_one(void **state)
{
	struct lade_selection_at root, below;
	size_t position = 0, len;

	(void)state;
	lade_selection_sort(selection);
	root = lade_selection_root(selection);
	assert_int_equal(find(&root, "a", &below), -1);
	assert_null(lade_selection_next(selection, &root, &position, &len));
}

static void test_what_is_no_path(void **state)
{
	static const char *const bad[] = { "/a", "a/", "a//b", ".", "..", "a/..", "a/./b", "../a", "/" };
	char name[300];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(lade_selection_add(selection, bad[i], strlen(bad[i]), LADE_SELECTED_ITEM), LADE_E_REFUSED);
	assert_int_equal(lade_selection_add(selection, "a\0b", 3, LADE_SELECTED_ITEM), LADE_E_REFUSED);
	memset(name, 'n', sizeof(name));
	assert_int_equal(lade_selection_add(selection, name, 256, LADE_SELECTED_ITEM), LADE_E_REFUSED);
	assert_int_equal(lade_selection_add(selection, name, 255, LADE_SELECTED_ITEM), 0);
}

/* Each of many is found, in whatever order they came. */
static void test_many(void **state)
{
	struct lade_selection_at root, below, deeper;
	char path[32];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "d%u/f%u", i * 7919u % 100, i);
		add(path, LADE_SELECTED_ITEM);
	}
	lade_selection_sort(selection);
	root = lade_selection_root(selection);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "d%u", i * 7919u % 100);
		assert_int_equal(find(&root, path, &below), 0);
		snprintf(path, sizeof(path), "f%u", i);
		assert_int_equal(find(&below, path, &deeper), LADE_SELECTED_ITEM);
	}
}

/* The depths are those of the symlinks' directories. */
static void test_unsafe_targets(void **state)
{
	static const struct {
		const char *target;
		size_t depth;
		bool unsafe;
	} rows[] = {
		{ "", 0, true }, { "/x", 5, true }, { "x", 0, false }, { ".", 0, false }, { "..", 0, true },
		{ "..", 1, false }, { "../x", 0, true }, { "../x", 1, false }, { "../../x", 1, true },
		{ "../../x", 2, false }, { "a/..", 3, true }, { "a/../b", 3, true }, { "./..", 1, true },
		{ "..//..", 2, false }, { "..//..", 1, true }, { "...", 0, false }, { "..a", 0, false },
		{ "a/b/c", 0, false }, { "a/..b", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (lade_symlink_unsafe(lade_slice(rows[i].target, strlen(rows[i].target)), rows[i].depth) != rows[i].unsafe)
			fail_msg("'%s' at %zu", rows[i].target, rows[i].depth);
	assert_int_equal(lade_symlink_depth("a/b/c"), 2);
	assert_int_equal(lade_symlink_depth("a"), 0);
}

static void test_munged_targets(void **state)
{
	(void)state;
	assert_true(lade_symlink_munged(lade_slice("/rsyncd-munged/a", 16)));
	assert_false(lade_symlink_munged(lade_slice("/rsyncd-munged/", 15)));
	assert_false(lade_symlink_munged(lade_slice("/rsyncd-munge", 13)));
	assert_false(lade_symlink_munged(lade_slice("a/rsyncd-munged/a", 17)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_components_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names_come_once_and_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_empty_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test(test_unsafe_targets),
		cmocka_unit_test(test_munged_targets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}
