/*
 * Sorted names: order, spooling, several cursors, marks, memory and a spool that fails.
 */
#include "agent/tree/name_list.h"

#include <dirent.h>
#include <errno.h>
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

#include "tests/unit/temp_tree.h"

#define MANY 1000000u
#define RSS_GROWTH_KIB_MAX (24u << 10)

/* Sanitizers keep memory of their own. */
#ifdef __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer) || \
	HAS_FEATURE(memory_sanitizer)
#define MEASURES_MEMORY 0
#else
#define MEASURES_MEMORY 1
#endif

static int setup(void **state)
{
	char *path = calloc(1, PATH_MAX);

	assert_non_null(path);
	temp_tree_make(path);
	*state = path;
	return 0;
}

static int teardown(void **state)
{
	temp_tree_remove(*state);
	free(*state);
	return 0;
}

static bool directory_is_empty(const char *path)
{
	DIR *dir = opendir(path);
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count == 2;
}

static unsigned directory_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static struct lade_name_list *list_new(const char *dir, size_t memory_max)
{
	struct lade_name_list *list;

	assert_int_equal(lade_name_list_new(dir, memory_max, &list), 0);
	return list;
}

static void test_empty(void **state)
{
	struct lade_name_list *list = list_new(*state, 0);
	struct lade_name_cursor *cursor;
	struct lade_name name;

	assert_int_equal(lade_name_list_sort(list, NULL), 0);
	assert_int_equal(lade_name_list_count(list), 0);
	assert_int_equal(lade_name_cursor_new(list, &cursor), 0);
	assert_int_equal(lade_name_cursor_next(cursor, &name, NULL), 0);
	assert_int_equal(lade_name_cursor_next(cursor, &name, NULL), 0);
	lade_name_cursor_free(cursor);
	lade_name_list_free(list);
	lade_name_list_free(NULL);
	lade_name_cursor_free(NULL);
}

/* Prefixes of each other, bytes above 127, names that differ only behind the eighth byte. */
static const struct {
	const char *name;
	uint8_t key;
	uint8_t type;
} sorted_names[] = {
	{ "\x01", 0, DT_REG },      { "A", 0, DT_LNK },         { "a", 0, DT_REG },
	{ "a b", 0, DT_REG },       { "a.", 0, DT_UNKNOWN },    { "aa", 0, DT_REG },
	{ "abcdefg", 0, DT_REG },   { "abcdefgh", 0, DT_FIFO }, { "abcdefghi", 0, DT_REG },
	{ "abcdefghj", 0, DT_REG }, { "abcdefgi", 0, DT_REG },  { "z", 0, DT_REG },
	{ "\x7f", 0, DT_REG },      { "\x80", 0, DT_REG },      { "\xc3\xa4", 0, DT_REG },
	{ "\xff", 0, DT_REG },      { "\x01", 1, DT_DIR },      { "a", 1, DT_DIR },
	{ "a/", 1, DT_DIR },        { "\xff", 1, DT_DIR },      { "a", 255, DT_DIR },
};
#define SORTED_COUNT (sizeof(sorted_names) / sizeof(sorted_names[0]))

static void check_order(const char *dir, size_t memory_max)
{
	struct lade_name_list *list = list_new(dir, memory_max);
	struct lade_name_cursor *cursors[2];
	struct lade_name name;

	for (size_t i = 0; i < SORTED_COUNT; i++) {
		size_t k = i * 8 % SORTED_COUNT; /* 8 and 21 have no common divisor */

		assert_int_equal(lade_name_list_add(list, sorted_names[k].name, sorted_names[k].key,
						    sorted_names[k].type, NULL),
				 0);
	}
	assert_int_equal(lade_name_list_sort(list, NULL), 0);
	assert_int_equal(lade_name_list_count(list), SORTED_COUNT);
	assert_int_equal(lade_name_cursor_new(list, &cursors[0]), 0);
	assert_int_equal(lade_name_cursor_new(list, &cursors[1]), 0);
	for (size_t i = 0; i < 2 * SORTED_COUNT; i++) {
		assert_int_equal(lade_name_cursor_next(cursors[i % 2], &name, NULL), 1);
		assert_string_equal(name.name, sorted_names[i / 2].name);
		assert_int_equal(name.name_len, strlen(name.name));
		assert_int_equal(name.key, sorted_names[i / 2].key);
		assert_int_equal(name.type, sorted_names[i / 2].type);
		assert_int_equal(name.position, i / 2);
	}
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(lade_name_cursor_next(cursors[i % 2], &name, NULL), 0);
	lade_name_cursor_free(cursors[0]);
	lade_name_cursor_free(cursors[1]);
	lade_name_list_free(list);
	assert_true(directory_is_empty(dir));
}

static void test_order(void **state)
{
	assert_int_equal(SORTED_COUNT, 21);
	check_order(*state, 0);
}

static void test_order_spooled(void **state)
{
	unsigned fds = directory_count_fds();

	for (size_t memory_max = 1; memory_max < SORTED_COUNT + 2; memory_max++)
		check_order(*state, memory_max);
	assert_int_equal(directory_count_fds(), fds);
}

static void test_names(void **state)
{
	struct lade_name_list *list = list_new(*state, 0);
	struct lade_name_cursor *cursor;
	struct lade_name name;
	struct lade_fault fault;
	char longest[300];

	memset(longest, 'n', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(lade_name_list_add(list, longest, 0, DT_REG, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ENAMETOOLONG);
	assert_int_equal(lade_name_list_add(list, "", 0, DT_REG, &fault), LADE_E_SYSTEM);
	longest[255] = '\0';
	assert_int_equal(lade_name_list_add(list, longest, 0, DT_REG, &fault), 0);
	assert_int_equal(lade_name_list_sort(list, NULL), 0);
	assert_int_equal(lade_name_list_count(list), 1);
	assert_int_equal(lade_name_cursor_new(list, &cursor), 0);
	assert_int_equal(lade_name_cursor_next(cursor, &name, NULL), 1);
	assert_string_equal(name.name, longest);
	lade_name_cursor_free(cursor);
	lade_name_list_free(list);
}

static void check_marks(const char *dir, size_t memory_max)
{
	struct lade_name_list *list = list_new(dir, memory_max);
	char name[16];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(lade_name_list_add(list, name, 0, DT_REG, NULL), 0);
	}
	assert_int_equal(lade_name_list_sort(list, NULL), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_false(lade_name_list_marked(list, i));
	for (uint64_t i = 0; i < 100; i += 3)
		assert_int_equal(lade_name_list_mark(list, i), 0);
	assert_int_equal(lade_name_list_mark(list, 3), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(lade_name_list_marked(list, i), i % 3 == 0);
	lade_name_list_free(list);
}

static void test_marks(void **state)
{
	check_marks(*state, 0);
	check_marks(*state, 7);
}

/* Runs longer than a merge buffer, names of every length. */
static void test_long_runs(void **state)
{
	struct lade_name_list *list = list_new(*state, 6000);
	struct lade_name_cursor *cursor;
	struct lade_name name;
	char text[256], last[256] = "";

	for (unsigned i = 0; i < 20000; i++) {
		unsigned len = 6 + i * 7919u % 250u;

		memset(text, 'x', sizeof(text));
		snprintf(text, sizeof(text), "%05u", i * 7919u % 20011u);
		text[5] = 'x';
		text[len] = '\0';
		assert_int_equal(lade_name_list_add(list, text, 0, DT_REG, NULL), 0);
	}
	assert_int_equal(lade_name_list_sort(list, NULL), 0);
	assert_int_equal(lade_name_cursor_new(list, &cursor), 0);
	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(lade_name_cursor_next(cursor, &name, NULL), 1);
		assert_true(strcmp(last, name.name) < 0);
		assert_int_equal(name.position, i);
		memcpy(last, name.name, name.name_len + 1);
	}
	assert_int_equal(lade_name_cursor_next(cursor, &name, NULL), 0);
	lade_name_cursor_free(cursor);
	lade_name_list_free(list);
}

static void test_no_spool_dir(void **state)
{
	char path[PATH_MAX + 8];
	struct lade_name_list *list;
	struct lade_fault fault;

	snprintf(path, sizeof(path), "%s/none", (char *)*state);
	list = list_new(path, 2);
	assert_int_equal(lade_name_list_add(list, "a", 0, DT_REG, &fault), 0);
	assert_int_equal(lade_name_list_add(list, "b", 0, DT_REG, &fault), 0);
	assert_int_equal(lade_name_list_add(list, "c", 0, DT_REG, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ENOENT);
	assert_string_equal(fault.subject, path);
	lade_name_list_free(list);
}

/* The spool is the highest descriptor that appeared: damage it behind the list's back. */
static void test_damaged_spool(void **state)
{
	static const uint8_t nothing[64];
	struct lade_name_list *list = list_new(*state, 4);
	struct lade_name_cursor *cursor;
	struct lade_name name;
	struct lade_fault fault;
	int spool = dup(0), code = 0;
	char text[16];

	assert_true(spool >= 0);
	close(spool); /* the next descriptor gets this number */
	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "name%u", i);
		assert_int_equal(lade_name_list_add(list, text, 0, DT_REG, NULL), 0);
	}
	assert_int_equal(lade_name_list_sort(list, NULL), 0);
	assert_int_equal(pwrite(spool, nothing, sizeof(nothing), 100), sizeof(nothing));
	assert_int_equal(lade_name_cursor_new(list, &cursor), 0);
	for (unsigned i = 0; i < 41 && code >= 0; i++)
		code = lade_name_cursor_next(cursor, &name, &fault);
	assert_int_equal(code, LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EIO);
	assert_int_equal(lade_name_cursor_next(cursor, &name, &fault), LADE_E_SYSTEM);
	lade_name_cursor_free(cursor);

	assert_int_equal(ftruncate(spool, 50), 0);
	assert_int_equal(lade_name_cursor_new(list, &cursor), 0);
	assert_int_equal(lade_name_cursor_next(cursor, &name, &fault), LADE_E_SYSTEM);
	lade_name_cursor_free(cursor);
	lade_name_list_free(list);
}

/* A line of /proc/self/status in KiB ("VmRSS", "VmHWM"), or 0. */
static size_t memory_now(const char *what)
{
	char line[128];
	size_t len = strlen(what), value = 0;
	FILE *file = fopen("/proc/self/status", "r");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, what, len) == 0 && line[len] == ':')
			value = strtoul(line + len + 1, NULL, 10);
	fclose(file);
	return value;
}

/* A million names in an order that has nothing to do with theirs; memory stays bounded. */
static void test_million(void **state)
{
	size_t start = memory_now("VmRSS"), growth;
	struct lade_name_list *list = list_new(*state, 0);
	struct lade_name_cursor *cursor;
	struct lade_name name;
	char text[64];

	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "some-common-prefix-%08x.jpg", i * 2654435761u);
		assert_int_equal(lade_name_list_add(list, text, 0, DT_REG, NULL), 0);
	}
	assert_int_equal(lade_name_list_sort(list, NULL), 0);
	assert_int_equal(lade_name_list_count(list), MANY);
	assert_int_equal(lade_name_cursor_new(list, &cursor), 0);
	text[0] = '\0';
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(lade_name_cursor_next(cursor, &name, NULL), 1);
		if (strcmp(text, name.name) >= 0)
			fail_msg("%s after %s", name.name, text);
		memcpy(text, name.name, name.name_len + 1);
		if (i % 100 == 0)
			assert_int_equal(lade_name_list_mark(list, i), 0);
	}
	assert_int_equal(lade_name_cursor_next(cursor, &name, NULL), 0);
	growth = memory_now("VmHWM") - start; /* the peak: sorting's own memory included */
	print_message("# a million names: %zu KiB more\n", growth);
	if (MEASURES_MEMORY)
		assert_true(growth < RSS_GROWTH_KIB_MAX);
	lade_name_cursor_free(cursor);
	lade_name_list_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_spooled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_spool_dir, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_spool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_million, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("name_list", tests, NULL, NULL);
}
