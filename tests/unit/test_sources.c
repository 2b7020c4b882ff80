/*
 * agent/sync/sources.h: what written sources and lists stand for.
 */
#include "agent/sync/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct lade_sources sources;

static int tear_down(void **state)
{
	(void)state;
	lade_sources_fini(&sources);
	return 0;
}

/* The groups as text: base, and in brackets their paths, with a slash behind those whose content is wanted; "." is the base on the way. */
static const char *described(void)
{
	static char text[1024];
	size_t len = 0;

	lade_sources_sort(&sources);
	text[0] = '\0';
	for (unsigned i = 0; i < sources.group_count; i++) {
		const struct lade_selection *selection = sources.groups[i].selection;
		struct lade_selection_at all = lade_selection_root(selection);
		size_t first = lade_selection_root_what(selection) ? 0 : all.first;

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s[", i ? " " : "", sources.groups[i].base);
		for (size_t j = first; j < all.end; j++) {
			const char *path = lade_selection_path(selection, j);

			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%s", j > first ? " " : "",
						path[-1] == LADE_SELECTED_WAY ? "." : path, path[-1] & LADE_SELECTED_CONTENT ? "/" : "");
		}
		len += (size_t)snprintf(text + len, sizeof(text) - len, "]");
	}
	lade_sources_fini(&sources);
	return text;
}

static const char *of(bool relative, const char *const *written, size_t count)
{
	sources.relative = relative;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(lade_sources_add(&sources, written[i], NULL), 0);
	return described();
}

#define OF(relative, ...) of(relative, (const char *const[]){ __VA_ARGS__ }, COUNT(((const char *const[]){ __VA_ARGS__ })))

static void test_the_last_component(void **state)
{
	(void)state;
	assert_string_equal(OF(false, "a"), ".[a]");
	assert_string_equal(OF(false, "/a"), "/[a]");
	assert_string_equal(OF(false, "a/b", "a/c"), "a[b c]");
	assert_string_equal(OF(false, "a/b", "x/b", "a/c"), "a[b] x[b] a[c]");
	assert_string_equal(OF(false, "a/"), "a/[/]");
	assert_string_equal(OF(false, ".", "..", "/", "a/.."), ".[/] ..[/] /[/] a/..[/]");
}

static void test_whole_paths(void **state)
{
	static const char *const bad[] = { "..", "a/..", "../a", "a/../b", "a/./../b" };

	(void)state;
	assert_string_equal(OF(true, "a/b"), ".[a/b]");
	assert_string_equal(OF(true, "/a//b/"), "/[a/b/]");
	assert_string_equal(OF(true, "x/./a/b", "x/./c"), "x[a/b c]");
	assert_string_equal(OF(true, "x/../y/./a/./b/."), "x/../y[a/b/]");
	assert_string_equal(OF(true, "./a", "././b", "x/./c", "x/././d", "x/././e", "y/.//./f"), ".[a b] x[. c d e] y[f]");
	assert_string_equal(OF(true, "/./a", "x/./", "."), "/[a] x[/] .[/]");
	for (size_t i = 0; i < COUNT(bad); i++) {
		sources.relative = true;
		assert_int_equal(lade_sources_add(&sources, bad[i], NULL), LADE_E_USAGE);
		lade_sources_fini(&sources);
	}
}

static const char *listed(bool relative, const char *names, size_t len)
{
	const struct lade_source_list list = { .names = (char *)names, .len = len, .size = len };

	sources.relative = relative;
	assert_int_equal(lade_sources_add_list(&sources, "dir", &list, NULL), 0);
	return described();
}

#define LISTED(relative, names) listed(relative, names "", sizeof(names))

static void test_lists(void **state)
{
	(void)state;
	assert_string_equal(LISTED(true, "a/b\0/c/\0../../d\0e/../f\0."), "dir[/ a/b c/ d f]");
	assert_string_equal(LISTED(true, "a/./b\0x/../../y/./z"), "dir/a[b] dir/y[z]");
	assert_string_equal(LISTED(false, "a/b\0c\0a/d\0../e\0f/"), "dir/a[b d] dir[c e] dir/f/[/]");
	sources.one_tree = true;
	assert_string_equal(LISTED(true, "a/./b\0c/d"), "dir/a[b c/d]");
}

/* As find(1) prints them. */
static void test_a_list_from_find(void **state)
{
	(void)state;
	assert_string_equal(LISTED(true, "./a\0./b/c\0d/./e"), "dir[. a b/c] dir/d[e]");
	assert_string_equal(LISTED(true, "./../a\0.//b\0."), "dir[/ a b]");
	assert_string_equal(LISTED(false, "./a\0./b/c"), "dir[a] dir/b[c]");
	sources.no_way = true;
	assert_string_equal(LISTED(true, "./a\0./b/c"), "dir[a b/c]");
}

/* What a list says stays below its directory, whatever it is made of. */
static void test_a_list_does_not_climb(void **state)
{
	(void)state;
	assert_string_equal(LISTED(true, "../../../etc/./passwd"), "dir/etc[passwd]");
	assert_string_equal(LISTED(false, "/../../etc/passwd"), "dir/etc[passwd]");
	assert_string_equal(LISTED(true, "a/./../../b"), "dir/a[b]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_the_last_component, tear_down),
		cmocka_unit_test_teardown(test_whole_paths, tear_down),
		cmocka_unit_test_teardown(test_lists, tear_down),
		cmocka_unit_test_teardown(test_a_list_from_find, tear_down),
		cmocka_unit_test_teardown(test_a_list_does_not_climb, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
