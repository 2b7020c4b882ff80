/*
 * Tests of agent/sync/source_record: what is kept comes back for the same source and destination, and for no other; damage of any
 * byte, and any other length, is no record; what a source that was one thing and is another is taken for.
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

#include "agent/sync/source_record.h"
#include "protocol/limits.h"
#include "tests/unit/temp_tree.h"

static char directory[PATH_MAX];
static int directory_fd;
static const struct lade_source_record disk = {
	.path = "/mnt/disk/data", .mount_len = 9, .type = 0xef53, .file_system = 0x0123456789abcdef, .inode = 1234567,
};

static int set_up(void **state)
{
	(void)state;
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

static void keep(const struct lade_source_record *record, const char *destination)
{
	assert_int_equal(lade_source_record_put(directory_fd, destination, record, NULL), 0);
}

static int get(const char *path, const char *destination)
{
	struct lade_source_record record;

	return lade_source_record_get(directory_fd, path, destination, &record, NULL);
}

static void comes_back(const struct lade_source_record *record)
{
	struct lade_source_record got;

	assert_int_equal(lade_source_record_get(directory_fd, record->path, "/backup", &got, NULL), 0);
	assert_string_equal(got.path, record->path);
	assert_int_equal(got.mount_len, record->mount_len);
	assert_int_equal(got.type, record->type);
	assert_int_equal(got.file_system, record->file_system);
	assert_int_equal(got.inode, record->inode);
	assert_int_equal(got.empty, record->empty);
}

static void test_comes_back(void **state)
{
	struct lade_source_record record = disk;

	(void)state;
	keep(&disk, "/backup");
	comes_back(&disk);
	record.empty = true;
	record.mount_len = strlen(record.path);
	record.type = UINT32_MAX;
	record.file_system = UINT64_MAX;
	record.inode = 0;
	keep(&record, "/backup");
	comes_back(&record);
	strcpy(record.path, "/");
	record.mount_len = 1;
	keep(&record, "/backup");
	comes_back(&record);
	memset(record.path, 'x', sizeof(record.path) - 1);
	record.path[0] = '/';
	keep(&record, "/backup");
	comes_back(&record);
}

static void test_only_what_is_meant(void **state)
{
	char long_path[PATH_MAX + 1];

	(void)state;
	keep(&disk, "host:b");
	assert_int_equal(get(disk.path, "host:b"), 0);
	assert_int_equal(get(disk.path, "host:b/"), LADE_E_ABSENT);
	assert_int_equal(get(disk.path, ""), LADE_E_ABSENT);
	assert_int_equal(get("/mnt/disk", "host:b"), LADE_E_ABSENT);
	memset(long_path, '/', sizeof(long_path));
	long_path[PATH_MAX] = '\0';
	assert_int_equal(get(long_path, "host:b"), LADE_E_ABSENT);
}

static void test_a_destination_that_is_too_long(void **state)
{
	char destination[LADE_TARGET_MAX + PATH_MAX];

	(void)state;
	memset(destination, 'd', sizeof(destination) - 1);
	destination[sizeof(destination) - 1] = '\0';
	assert_int_equal(lade_source_record_put(directory_fd, destination, &disk, NULL), LADE_E_LIMIT);
	assert_int_equal(get(disk.path, destination), LADE_E_ABSENT);
}

/* The name of the only record. */
static void only_name(char name[NAME_MAX + 1])
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	*name = '\0';
	assert_non_null(stream);
	while ((entry = readdir(stream)))
		if (entry->d_name[0] != '.') {
			assert_string_equal(name, "");
			strcpy(name, entry->d_name);
		}
	closedir(stream);
}

static void test_damage(void **state)
{
	uint8_t bytes[512], other;
	char name[NAME_MAX + 1];
	ssize_t len;
	int fd;

	(void)state;
	keep(&disk, "/backup");
	only_name(name);
	fd = openat(directory_fd, name, O_RDWR);
	len = read(fd, bytes, sizeof(bytes));
	assert_in_range(len, 1, sizeof(bytes) - 1);
	for (ssize_t i = 0; i < len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			other = bytes[i] ^ (uint8_t)(1u << bit);
			assert_int_equal(pwrite(fd, &other, 1, i), 1);
			assert_int_equal(get(disk.path, "/backup"), LADE_E_PROTOCOL);
			assert_int_equal(pwrite(fd, &bytes[i], 1, i), 1);
		}
	assert_int_equal(get(disk.path, "/backup"), 0);
	assert_int_equal(pwrite(fd, "x", 1, len), 1);
	assert_int_equal(get(disk.path, "/backup"), LADE_E_PROTOCOL);
	while (len--) {
		assert_int_equal(ftruncate(fd, len), 0);
		assert_int_equal(get(disk.path, "/backup"), LADE_E_PROTOCOL);
	}
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(get(disk.path, "/backup"), LADE_E_PROTOCOL);
	close(fd);
	/* It is written anew. */
	keep(&disk, "/backup");
	comes_back(&disk);
}

/* The record of one source under the name of another one's. */
static void test_another_record(void **state)
{
	struct lade_source_record other = disk;
	char name[NAME_MAX + 1], other_name[NAME_MAX + 1];

	(void)state;
	keep(&disk, "/backup");
	only_name(name);
	assert_int_equal(renameat(directory_fd, name, directory_fd, ".kept"), 0);
	strcpy(other.path, "/mnt/disk/date");
	keep(&other, "/backup");
	only_name(other_name);
	assert_int_equal(renameat(directory_fd, ".kept", directory_fd, other_name), 0);
	assert_int_equal(get(other.path, "/backup"), LADE_E_PROTOCOL);
}

static void test_what_is_no_file(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	keep(&disk, "/backup");
	only_name(name);
	assert_int_equal(unlinkat(directory_fd, name, 0), 0);
	assert_int_equal(mkfifoat(directory_fd, name, 0600), 0);
	assert_int_equal(get(disk.path, "/backup"), LADE_E_PROTOCOL);
	assert_int_equal(unlinkat(directory_fd, name, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", directory_fd, name), 0);
	assert_int_equal(get(disk.path, "/backup"), LADE_E_SYSTEM);
	keep(&disk, "/backup");
	comes_back(&disk);
}

/* What is kept again is used, and not written again. */
static void test_kept_again(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct lade_source_record other = disk;
	char name[NAME_MAX + 1];
	struct stat first, again;

	(void)state;
	keep(&disk, "/backup");
	only_name(name);
	assert_int_equal(utimensat(directory_fd, name, long_ago, 0), 0);
	assert_int_equal(fstatat(directory_fd, name, &first, 0), 0);
	keep(&disk, "/backup");
	assert_int_equal(fstatat(directory_fd, name, &again, 0), 0);
	assert_int_equal(first.st_ino, again.st_ino);
	assert_true(again.st_mtim.tv_sec > first.st_mtim.tv_sec);
	other.inode++;
	keep(&other, "/backup");
	comes_back(&other);
	lade_source_record_trim(directory_fd);
	comes_back(&other);
}

struct change {
	const char *name;
	struct lade_source_record was, is;
	enum lade_source_verdict verdict;
};

static void test_judging(void **state)
{
/* The length of the place, type, id, inode, empty. */
#define IS(...) { "/mnt/disk/data", __VA_ARGS__ }
#define DISK IS(9, 0xef53, 7, 12, false)
#define ROOT IS(1, 0xef53, 8, 4711, false)
#define EMPTY_ROOT IS(1, 0xef53, 8, 4711, true)
	static const struct change changes[] = {
		{ "the same", DISK, DISK, LADE_SOURCE_FINE },
		{ "emptied", DISK, IS(9, 0xef53, 7, 12, true), LADE_SOURCE_FINE },
		{ "not mounted", DISK, EMPTY_ROOT, LADE_SOURCE_UNMOUNTED },
		{ "not mounted, but not empty", DISK, ROOT, LADE_SOURCE_UNMOUNTED },
		{ "not mounted, and empty before", IS(9, 0xef53, 7, 12, true), EMPTY_ROOT, LADE_SOURCE_UNMOUNTED },
		{ "mounted", ROOT, DISK, LADE_SOURCE_FINE },
		{ "something empty was mounted", ROOT, IS(9, 0xef53, 7, 12, true), LADE_SOURCE_EMPTY },
		{ "something was mounted over nothing", EMPTY_ROOT, IS(9, 0xef53, 7, 12, true), LADE_SOURCE_FINE },
		{ "made anew", ROOT, IS(1, 0xef53, 8, 5, false), LADE_SOURCE_FINE },
		{ "made anew, empty", ROOT, IS(1, 0xef53, 8, 5, true), LADE_SOURCE_EMPTY },
		{ "another disk", DISK, IS(9, 0xef53, 9, 12, false), LADE_SOURCE_FINE },
		{ "another disk, empty", DISK, IS(9, 0xef53, 9, 12, true), LADE_SOURCE_EMPTY },
		{ "another type, empty", DISK, IS(9, 1, 7, 12, true), LADE_SOURCE_EMPTY },
		{ "without an id", DISK, IS(9, 0xef53, 0, 12, true), LADE_SOURCE_FINE },
		{ "had no id", IS(9, 0xef53, 0, 12, false), IS(9, 0xef53, 7, 12, true), LADE_SOURCE_FINE },
		{ "another mount of it", DISK, IS(1, 0xef53, 7, 12, true), LADE_SOURCE_FINE },
		{ "a place that is not known", DISK, IS(0, 0xef53, 8, 4711, false), LADE_SOURCE_FINE },
		{ "a place that was not known", IS(0, 0xef53, 7, 12, false), ROOT, LADE_SOURCE_FINE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (lade_source_record_judge(&changes[i].was, &changes[i].is) != changes[i].verdict)
			fail_msg("%s", changes[i].name);
}

static void test_in_words(void **state)
{
	static const struct lade_source_record was = DISK, unmounted = EMPTY_ROOT,
		other = IS(9, 0xef53, 9, 12, true), unknown = IS(0, 0x1234, 8, 4711, true);
	char text[LADE_SOURCE_TEXT_SIZE];
	struct lade_source_record far = DISK;

	(void)state;
	lade_source_record_describe(&was, &unmounted, text);
	assert_string_equal(text, "the file system of the last run is not mounted there (that was inode 12 of ext4 mounted at /mnt/disk, "
			    "this is inode 4711 of ext4 mounted at /, and empty)");
	lade_source_record_describe(&was, &other, text);
	assert_string_equal(text, "it is empty, and another directory than at the last run (that was inode 12 of ext4 mounted at /mnt/disk, "
			    "this is that of another one)");
	lade_source_record_describe(&was, &unknown, text);
	assert_non_null(strstr(text, "this is inode 4711 of type 1234)"));
	/* However long the path is, it ends as it should. */
	memset(far.path, 'p', sizeof(far.path) - 1);
	far.mount_len = sizeof(far.path) - 1;
	lade_source_record_describe(&far, &unmounted, text);
	assert_non_null(strstr(text, ", and empty)"));
}

static void test_looking(void **state)
{
	struct lade_source_record record, again;
	char path[PATH_MAX + 16];
	struct stat st;

	(void)state;
	assert_true(lade_source_record_look(directory, &record));
	assert_true(record.empty);
	assert_int_equal(stat(directory, &st), 0);
	assert_int_equal(record.inode, st.st_ino);
	assert_in_range(record.mount_len, 1, strlen(record.path));
	assert_int_equal(mkdirat(directory_fd, "lost+found", 0700), 0);
	assert_true(lade_source_record_look(directory, &record));
	assert_true(record.empty);
	assert_int_equal(mkdirat(directory_fd, "d", 0700), 0);
	assert_true(lade_source_record_look(directory, &record));
	assert_false(record.empty);
	/* However it is written. */
	assert_int_equal(symlinkat(".", directory_fd, "link"), 0);
	snprintf(path, sizeof(path), "%s//link/./", directory);
	assert_true(lade_source_record_look(path, &again));
	assert_string_equal(again.path, record.path);
	assert_int_equal(lade_source_record_judge(&record, &again), LADE_SOURCE_FINE);
	snprintf(path, sizeof(path), "%s/none", directory);
	assert_false(lade_source_record_look(path, &record));
	assert_int_equal(mknodat(directory_fd, "none", S_IFREG | 0600, 0), 0);
	assert_false(lade_source_record_look(path, &record));
	assert_true(lade_source_record_look("/", &record));
	assert_string_equal(record.path, "/");
	assert_int_equal(record.mount_len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_what_is_meant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_destination_that_is_too_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kept_again, set_up, tear_down),
		cmocka_unit_test(test_judging),
		cmocka_unit_test(test_in_words),
		cmocka_unit_test_setup_teardown(test_looking, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("source_record", tests, NULL, NULL);
}
