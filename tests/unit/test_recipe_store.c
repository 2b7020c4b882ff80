/*
 * Tests of agent/sync/recipe_store: what is kept comes back for the same file, stamp, class and key, and for no other; damage
 * of any byte, and any other length, is no recipe; the oldest go when there is no room.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/recipe_store.h"
#include "tests/unit/temp_tree.h"

static char directory[PATH_MAX];
static int directory_fd;
static struct lade_run_key key, other_key;
static struct lade_recipe_of of;
static const char messages[] = "as good as any messages are";

static int set_up(void **state)
{
	uint8_t secret[LADE_SECRET_LEN] = { 1 };
	struct lade_run_key names;

	(void)state;
	lade_recipe_key_derive(secret, &names, &key);
	secret[0] = 2;
	lade_recipe_key_derive(secret, &names, &other_key);
	of = (struct lade_recipe_of){
		.key = &key, .cut_class = 16,
		.stamp = { .file_system = 1, .inode = 2, .size = 3, .mtime_s = 4, .ctime_s = 5, .mtime_ns = 6, .ctime_ns = 7 },
	};
	temp_tree_make(directory);
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY);
	return directory_fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(directory_fd);
	temp_tree_remove(directory);
	return 0;
}

/* The number of files in the store; name (may be NULL) gets that of one of them. */
static unsigned count_files(char *name)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(stream);
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		if (name)
			snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
	}
	closedir(stream);
	return count;
}

static void put(const struct lade_recipe_of *what, const void *data, size_t len)
{
	struct lade_fault fault;

	assert_int_equal(lade_recipe_store_put(directory_fd, what, lade_slice(data, len), &fault), 0);
}

/* Whether there is a recipe, which then is what was put. */
static bool is_there(const struct lade_recipe_of *what)
{
	struct lade_writer writer;
	bool got;

	lade_writer_init(&writer, LADE_RECIPE_KEPT_MAX);
	lade_writer_put_bytes(&writer, "x", 1);
	got = lade_recipe_store_get(directory_fd, what, &writer);
	assert_int_equal(writer.len, got ? sizeof(messages) : 1);
	if (got)
		assert_memory_equal(writer.data + 1, messages, sizeof(messages) - 1);
	lade_writer_fini(&writer);
	return got;
}

static void test_comes_back(void **state)
{
	(void)state;
	assert_false(is_there(&of));
	put(&of, messages, sizeof(messages) - 1);
	assert_true(is_there(&of));
	assert_true(is_there(&of));
}

static void test_only_what_is_meant(void **state)
{
	struct lade_recipe_of others[10];

	(void)state;
	put(&of, messages, sizeof(messages) - 1);
	for (size_t i = 0; i < 10; i++)
		others[i] = of;
	others[0].key = &other_key;
	others[1].cut_class++;
	others[2].stamp.file_system++;
	others[3].stamp.inode++;
	others[4].stamp.size++;
	others[5].stamp.mtime_s++;
	others[6].stamp.ctime_s++;
	others[7].stamp.mtime_ns++;
	others[8].stamp.ctime_ns++;
	others[9].stamp.size--;
	for (size_t i = 0; i < 10; i++)
		assert_false(is_there(&others[i]));
	assert_true(is_there(&of));
}

static void test_a_new_one_takes_its_place(void **state)
{
	struct lade_recipe_of changed = of;

	(void)state;
	put(&of, "another", 7);
	changed.stamp.ctime_ns++;
	put(&changed, messages, sizeof(messages) - 1);
	assert_false(is_there(&of));
	assert_true(is_there(&changed));
	assert_int_equal(count_files(NULL), 1);
}

/* Change the file of the only recipe: byte at gets another value, or, at len, one is added; the rest from cut on is lost. */
static void damage(const uint8_t *bytes, size_t len, size_t at, size_t cut)
{
	char name[NAME_MAX + 1];
	int fd;

	assert_int_equal(count_files(name), 1);
	fd = openat(directory_fd, name, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < cut && i < len + (at == len); i++) {
		uint8_t byte = i < len ? bytes[i] : 0;

		byte = (uint8_t)(i == at ? byte ^ 0x10 : byte);
		assert_int_equal(write(fd, &byte, 1), 1);
	}
	close(fd);
}

static void test_damage(void **state)
{
	char name[NAME_MAX + 1];
	uint8_t bytes[256];
	ssize_t len;
	int fd;

	(void)state;
	put(&of, messages, sizeof(messages) - 1);
	assert_int_equal(count_files(name), 1);
	fd = openat(directory_fd, name, O_RDONLY);
	len = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_true(len > 0 && len < (ssize_t)sizeof(bytes));
	for (size_t i = 0; i <= (size_t)len; i++) {
		damage(bytes, (size_t)len, i, SIZE_MAX);
		assert_false(is_there(&of));
		damage(bytes, (size_t)len, SIZE_MAX, i);
		assert_int_equal(is_there(&of), i == (size_t)len);
	}
}

/* Something of len bytes, last used at second. */
static void add_file(const char *name, off_t len, time_t second)
{
	const struct timespec times[2] = { { .tv_sec = second }, { .tv_sec = second } };
	int fd = openat(directory_fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, len), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void test_the_oldest_go(void **state)
{
	struct lade_recipe_of next = of;

	(void)state;
	add_file("00000000000000000000000000000001", 100 << 20, 1000);
	add_file("00000000000000000000000000000002", 100 << 20, 3000);
	add_file("00000000000000000000000000000003", 55 << 20, 2000);
	put(&of, messages, sizeof(messages) - 1);
	assert_int_equal(count_files(NULL), 4);
	add_file("00000000000000000000000000000004", 90 << 20, 4000);
	add_file("not one of ours", 1000 << 20, 0);
	next.stamp.inode++;
	put(&next, messages, sizeof(messages) - 1);
	assert_int_equal(faccessat(directory_fd, "00000000000000000000000000000001", F_OK, 0), -1);
	assert_int_equal(count_files(NULL), 6);
	assert_true(is_there(&of));
	assert_true(is_there(&next));
}

static void test_what_is_too_long(void **state)
{
	uint8_t *much = calloc(1, LADE_RECIPE_KEPT_MAX + 1);
	struct lade_fault fault;

	(void)state;
	assert_non_null(much);
	assert_int_equal(lade_recipe_store_put(directory_fd, &of, lade_slice(much, LADE_RECIPE_KEPT_MAX + 1), &fault), LADE_E_LIMIT);
	assert_int_equal(count_files(NULL), 0);
	free(much);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_what_is_meant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_new_one_takes_its_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_oldest_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_too_long, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
