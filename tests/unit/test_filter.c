/*
 * Filter rules: what patterns match (as rsync(1) does), the order of rules, rules from
 * files and from a peer, and patterns that are made to take long.
 */
#include "agent/tree/filter.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/limits.h"
#include "tests/unit/temp_tree.h"

static struct lade_filter *filter_new(void)
{
	struct lade_filter *filter;

	assert_int_equal(lade_filter_new(&filter), 0);
	return filter;
}

static bool excluded_by(const char *pattern, const char *path, bool is_directory)
{
	struct lade_filter *filter = filter_new();
	bool excluded;

	assert_int_equal(lade_filter_add(filter, false, pattern, NULL), 0);
	excluded = lade_filter_excludes(filter, path, is_directory);
	lade_filter_free(filter);
	return excluded;
}

/* A path that ends with a slash here is a directory. */
static const struct {
	const char *pattern;
	const char *yes; /* matched, separated by blanks */
	const char *no;
} matches[] = {
	{ "foo", "foo foo/ a/foo a/b/foo/", "xfoo foox foo/a a/xfoo" },
	{ "foo/", "foo/ a/foo/", "foo a/foo foo/a/" },
	{ "/foo", "foo foo/", "a/foo foo/foo" },
	{ "/foo/", "foo/", "foo a/foo/" },
	{ "/foo/bar", "foo/bar", "a/foo/bar bar foo" },
	{ "foo/bar", "foo/bar a/foo/bar", "bar xfoo/bar foo/bar/a" },
	{ "/", "", "a a/ a/b" },
	{ "*", "a a/b .x", "" },
	{ "*.o", "a.o .o d/a.o", "a.c a.o/b ao" },
	{ "/*.o", "a.o", "d/a.o" },
	{ "a*b*c", "abc axbxc abcbc d/abc", "ac abcd a/b/c" },
	{ "?", "a d/b", "aa" },
	{ "a?c", "abc", "a/c ac abbc" },
	{ "a/*/c", "a/b/c x/a/b/c a/bb/c", "a/c a/b/b/c" },
	{ "a/**/c", "a/b/c a/b/b/c x/a/b/c", "a/c ac" },
	{ "a**c", "ac abc a/c a/b/c x/a/c", "xac xa/c a/cd" },
	{ "/a**c", "ac a/b/c", "x/a/c" },
	{ "**/c", "c a/c a/b/c", "xc c/a" },
	{ "**c", "c xc a/xc", "c/a" },
	{ "/**/c", "a/c a/b/c", "c" },
	{ "a/**", "a/b a/b/c x/a/b", "a a/ ab" },
	{ "a/***", "a/ a/b a/b/c x/a/", "a x" },
	{ "/a/***", "a/ a/b", "a x/a/ x/a/b" },
	{ "a***c", "ac a/b/c", "a" },
	{ "[abc]", "a b c d/a", "d ab ]" },
	{ "[!abc]", "d x/d", "a aa" },
	{ "[^abc]", "d ^", "a" },
	{ "[a^]", "a ^", "b" },
	{ "[a-c]x", "ax bx cx", "dx -x" },
	{ "[a-]", "a -", "b" },
	{ "[-a]", "a -", "b" },
	{ "[]a]", "] a", "b" },
	{ "[!]a]", "b", "] a" },
	{ "[c-a]", "c", "a b" },
	{ "[\\]]", "]", "\\ a" },
	{ "[\\a-c]", "a b c", "\\ d" },
	{ "[[:digit:]]", "1 9", "a : d" },
	{ "[[:alpha:][:digit:]_]", "a Z 5 _", "- [ :" },
	{ "[![:upper:]]", "a 1", "A" },
	{ "[[:no:]]", "", "n o : [ ]" },
	{ "[[:alpha:]", "", "a [" },
	{ "[:alpha:]", ": a l", "b" },
	{ "[a", "", "a [a" },
	{ "a[/]b", "", "a/b ab" },
	{ "[a/b]", "", "a b d/a" },
	{ "[!a]b", "xb d/xb", "ab /b" },
	{ "*\\", "", "a\\ a" },
	{ "\\*", "* d/*", "a \\*" },
	{ "a\\?*", "a? a?b", "ab a\\?" },
	{ "a\\b", "a\\b", "ab" },
	{ "a\\b*", "ab abc", "a\\b" },
	{ "\xc3?", "\xc3\xa4", "\xc3" },
	{ "[\x80-\xff]", "\xa4 \xff \x80", "a \x7f" },
};

static void check_paths(const char *pattern, const char *paths, bool expected)
{
	char path[256];
	size_t len;
	bool is_directory;

	for (; *paths; paths += len + (paths[len] == ' ')) {
		len = strcspn(paths, " ");
		memcpy(path, paths, len);
		path[len] = '\0';
		is_directory = len > 1 && path[len - 1] == '/';
		if (is_directory)
			path[len - 1] = '\0';
		if (excluded_by(pattern, path, is_directory) != expected)
			fail_msg("\"%s\" and \"%s\"%s", pattern, path,
				 is_directory ? " (directory)" : "");
	}
}

static void test_patterns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		check_paths(matches[i].pattern, matches[i].yes, true);
		check_paths(matches[i].pattern, matches[i].no, false);
	}
}

/* Patterns of every length around the words of a set of states. */
static void test_long_patterns(void **state)
{
	char pattern[LADE_FILTER_PATTERN_MAX + 2], path[LADE_FILTER_PATTERN_MAX + 2];
	struct lade_filter *filter = filter_new();

	(void)state;
	for (size_t len = 1; len < 400; len++) {
		memset(path, 'a', len);
		path[len] = '\0';
		memset(pattern, '?', len);
		pattern[len] = '\0';
		assert_true(excluded_by(pattern, path, false));
		pattern[len / 2] = '*';
		assert_true(excluded_by(pattern, path, false));
		pattern[len - 1] = 'b';
		assert_false(excluded_by(pattern, path, false));
		path[len - 1] = 'b';
		assert_true(excluded_by(pattern, path, false));
		path[len - 1] = '/';
		assert_false(excluded_by(pattern, path, false));
	}
	memset(pattern, '?', sizeof(pattern));
	pattern[LADE_FILTER_PATTERN_MAX + 1] = '\0';
	assert_int_equal(lade_filter_add(filter, false, pattern, NULL), LADE_E_LIMIT);
	pattern[LADE_FILTER_PATTERN_MAX] = '\0';
	assert_int_equal(lade_filter_add(filter, false, pattern, NULL), 0);
	memset(path, 'a', sizeof(path));
	path[LADE_FILTER_PATTERN_MAX] = '\0';
	assert_true(lade_filter_excludes(filter, path, false));
	path[LADE_FILTER_PATTERN_MAX - 1] = '\0';
	assert_false(lade_filter_excludes(filter, path, false));
	lade_filter_free(filter);
}

/* Would not end in a lifetime with backtracking. */
static void test_hostile(void **state)
{
	static const char *const parts[] = { "a*", "a**", "*a**a", "**/a*" };
	char pattern[LADE_FILTER_PATTERN_MAX + 1];
	char *path = malloc(100001);

	(void)state;
	assert_non_null(path);
	memset(path, 'a', 100000);
	path[100000] = '\0';
	for (size_t i = 3; i < 100000; i += 5)
		path[i] = '/';
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		pattern[0] = '\0';
		for (unsigned k = 0; k < 200; k++)
			strcat(pattern, parts[i]);
		strcat(pattern, "[b]*");
		assert_false(excluded_by(pattern, path, false));
		assert_false(excluded_by(pattern, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
					 false));
	}
	free(path);
}

static void test_order(void **state)
{
	struct lade_filter *filter = filter_new();

	(void)state;
	assert_true(lade_filter_empty(filter));
	assert_false(lade_filter_excludes(filter, "a", false));
	assert_int_equal(lade_filter_add(filter, true, "*/", NULL), 0);
	assert_int_equal(lade_filter_add(filter, true, "*.c", NULL), 0);
	assert_int_equal(lade_filter_add(filter, false, "+ *.h", NULL), 0);
	assert_int_equal(lade_filter_add(filter, true, "- *", NULL), 0);
	assert_int_equal(lade_filter_add(filter, true, "late", NULL), 0);
	assert_false(lade_filter_empty(filter));
	assert_false(lade_filter_excludes(filter, "d", true));
	assert_true(lade_filter_excludes(filter, "d", false));
	assert_false(lade_filter_excludes(filter, "d/a.c", false));
	assert_false(lade_filter_excludes(filter, "d/a.h", false));
	assert_true(lade_filter_excludes(filter, "late", false));
	assert_int_equal(lade_filter_add(filter, false, "!", NULL), 0);
	assert_true(lade_filter_empty(filter));
	assert_int_equal(lade_filter_add(filter, false, "!x", NULL), 0);
	assert_true(lade_filter_excludes(filter, "!x", false));
	lade_filter_free(filter);
	lade_filter_free(NULL);
}

static void test_usage(void **state)
{
	struct lade_filter *filter = filter_new();
	struct lade_fault fault;

	(void)state;
	assert_int_equal(lade_filter_add(filter, false, "", &fault), LADE_E_USAGE);
	assert_int_equal(lade_filter_add(filter, false, "- ", &fault), LADE_E_USAGE);
	assert_string_equal(fault.subject, "- ");
	assert_int_equal(lade_filter_add(filter, false, "-", &fault), 0);
	lade_filter_free(filter);
}

static void write_file(char *path, const char *base, const char *data, size_t len)
{
	int fd;

	snprintf(path, PATH_MAX + 8, "%s/rules", base);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void test_file(void **state)
{
	static const char rules[] =
		"dropped\n!\n# no rule\n; nor this\n\n\r\n*.o\r\n+ keep\n- *~\nlast";
	static const char with_nul[] = "a\0b\n";
	struct lade_filter *filter = filter_new();
	char base[PATH_MAX], path[PATH_MAX + 8];
	struct lade_fault fault;

	(void)state;
	temp_tree_make(base);
	write_file(path, base, rules, sizeof(rules) - 1);
	assert_int_equal(lade_filter_add_file(filter, false, path, &fault), 0);
	assert_false(lade_filter_excludes(filter, "dropped", false));
	assert_false(lade_filter_excludes(filter, "# no rule", false));
	assert_true(lade_filter_excludes(filter, "x.o", false));
	assert_false(lade_filter_excludes(filter, "keep", false));
	assert_true(lade_filter_excludes(filter, "x~", false));
	assert_true(lade_filter_excludes(filter, "last", false));
	write_file(path, base, with_nul, sizeof(with_nul) - 1);
	assert_int_equal(lade_filter_add_file(filter, false, path, &fault), LADE_E_USAGE);
	assert_int_equal(lade_filter_add_file(filter, false, base, &fault),
			 LADE_E_SYSTEM); /* a directory */
	unlink(path);
	assert_int_equal(lade_filter_add_file(filter, false, path, &fault), LADE_E_ABSENT);
	assert_string_equal(fault.subject, path);
	temp_tree_remove(base);
	lade_filter_free(filter);
}

static void test_encode(void **state)
{
	struct lade_filter *filter = filter_new(), *copy;
	struct lade_writer writer, again;

	(void)state;
	lade_writer_init(&writer, LADE_RULES_MAX);
	lade_writer_init(&again, LADE_RULES_MAX);
	assert_int_equal(lade_filter_encode(filter, &writer), 0);
	assert_int_equal(lade_filter_decode(lade_slice(writer.data, writer.len), &copy), 0);
	assert_true(lade_filter_empty(copy));
	lade_filter_free(copy);
	lade_writer_reset(&writer);
	assert_int_equal(lade_filter_add(filter, true, "- - *.o", NULL),
			 0); /* the pattern "- *.o" */
	assert_int_equal(lade_filter_add(filter, true, "keep", NULL), 0);
	assert_int_equal(lade_filter_add(filter, false, "k*", NULL), 0);
	assert_int_equal(lade_filter_encode(filter, &writer), 0);
	assert_int_equal(lade_filter_decode(lade_slice(writer.data, writer.len), &copy), 0);
	assert_int_equal(lade_filter_encode(copy, &again), 0);
	assert_int_equal(again.len, writer.len);
	assert_memory_equal(again.data, writer.data, writer.len);
	assert_true(lade_filter_excludes(copy, "- x.o", false));
	assert_false(lade_filter_excludes(copy, "x.o", false));
	assert_false(lade_filter_excludes(copy, "keep", false));
	assert_true(lade_filter_excludes(copy, "kept", false));
	for (size_t len = 0; len < writer.len; len++) {
		struct lade_filter *none = NULL;

		assert_int_not_equal(lade_filter_decode(lade_slice(writer.data, len), &none), 0);
		assert_null(none);
	}
	lade_filter_free(copy);
	lade_filter_free(filter);
	lade_writer_fini(&writer);
	lade_writer_fini(&again);
}

static void test_decode_bad(void **state)
{
	/* PLAIN without DIR_MERGE, GIT and WORDS, NEGATE of a file, XATTR of a file, INCLUDE without PLAIN; then names. */
	static const uint8_t plain[] = { 1, 0x80, 2, 1, 'a' }, git_words[] = { 1, 0x80, 0x29, 1, 'a' },
			     negate[] = { 1, 0x90, 1, 1, 'a' }, xattr[] = { 1, 0xc0, 1, 1, 'a' },
			     includes[] = { 1, 0x81, 1, 1, 'a' }, flags[] = { 1, 0x80, 0x40, 1, 'a' },
			     dots[] = { 1, 0x80, 1, 2, '.', '.' }, no_name[] = { 1, 0x80, 1, 2, 'a', '/' };
	static const uint8_t empty[] = { 1, 0, 0 },
			     with_nul[] = { 1, 0, 2, 'a', 0 };
	static const uint8_t left[] = { 1, 0, 1, 'a', 0 }, cut[] = { 2, 0, 1, 'a' };
	static const uint8_t many[] = { 0x81, 0x80, 0x0c }, long_one[] = { 1, 0, 0x81, 0x20 };
	struct lade_filter *filter = NULL;
	uint8_t *large = calloc(1, LADE_RULES_MAX + 1);

	(void)state;
#define CHECK(code, list) \
	assert_int_equal(lade_filter_decode(lade_slice(list, sizeof(list)), &filter), code)
	CHECK(LADE_E_PROTOCOL, plain);
	CHECK(LADE_E_PROTOCOL, git_words);
	CHECK(LADE_E_PROTOCOL, negate);
	CHECK(LADE_E_PROTOCOL, xattr);
	CHECK(LADE_E_PROTOCOL, includes);
	CHECK(LADE_E_LIMIT, flags);
	CHECK(LADE_E_PROTOCOL, dots);
	CHECK(LADE_E_PROTOCOL, no_name);
	CHECK(LADE_E_PROTOCOL, empty);
	CHECK(LADE_E_PROTOCOL, with_nul);
	CHECK(LADE_E_PROTOCOL, left);
	CHECK(LADE_E_TRUNCATED, cut);
	CHECK(LADE_E_LIMIT, many);
	CHECK(LADE_E_LIMIT, long_one);
#undef CHECK
	assert_int_equal(lade_filter_decode(lade_slice(NULL, 0), &filter), LADE_E_TRUNCATED);
	assert_int_equal(lade_filter_decode(lade_slice(large, LADE_RULES_MAX + 1), &filter),
			 LADE_E_LIMIT);
	assert_null(filter);
	free(large);
}

/* As many rules as there may be: what was accepted can be encoded and decoded. */
static void test_limit(void **state)
{
	struct lade_filter *filter = filter_new(), *copy;
	struct lade_writer writer;
	unsigned count = 0;

	(void)state;
	while (lade_filter_add(filter, false, "?x", NULL) == 0)
		count++;
	assert_int_equal(lade_filter_add(filter, false, "?x", NULL), LADE_E_LIMIT);
	assert_true(count > LADE_RULES_MAX / 4 - 4); /* four bytes each */
	lade_writer_init(&writer, LADE_RULES_MAX);
	assert_int_equal(lade_filter_encode(filter, &writer), 0);
	assert_int_equal(lade_filter_decode(lade_slice(writer.data, writer.len), &copy), 0);
	lade_writer_fini(&writer);
	lade_filter_free(copy);
	lade_filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns), cmocka_unit_test(test_long_patterns),
		cmocka_unit_test(test_hostile),  cmocka_unit_test(test_order),
		cmocka_unit_test(test_usage),    cmocka_unit_test(test_file),
		cmocka_unit_test(test_encode),   cmocka_unit_test(test_decode_bad),
		cmocka_unit_test(test_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
