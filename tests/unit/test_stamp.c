/*
 * Stamps of files: what makes two of them differ, from when on they speak for a content, and how they are written down.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/stamp.h"
#include "protocol/error.h"
#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct lade_stamp example = {
	.file_system = 0x0102030405060708u, .inode = UINT64_MAX - 1, .size = INT64_MAX,
	.mtime_s = -2, .ctime_s = INT64_MIN, .mtime_ns = 999999999, .ctime_ns = 1,
};

/* The example with one thing changed; so many there are. */
#define CHANGES 7u

static struct lade_stamp changed(size_t what)
{
	struct lade_stamp stamp = example;

	switch (what) {
	case 0: stamp.file_system ^= 1ull << 63; break;
	case 1: stamp.inode ^= 1ull << 32; break;
	case 2: stamp.size ^= 1; break;
	case 3: stamp.mtime_s ^= 1; break;
	case 4: stamp.ctime_s ^= 1; break;
	case 5: stamp.mtime_ns ^= 1; break;
	default: stamp.ctime_ns ^= 1; break;
	}
	return stamp;
}

static void test_whatever_changes_makes_it_another(void **state)
{
	const struct lade_stamp same = example;

	(void)state;
	assert_true(lade_stamp_equal(&example, &same));
	for (size_t i = 0; i < CHANGES; i++) {
		const struct lade_stamp other = changed(i);

		assert_false(lade_stamp_equal(&example, &other));
		assert_false(lade_stamp_equal(&other, &example));
		assert_true(lade_stamp_equal(&other, &other));
	}
}

static void test_of_a_stat(void **state)
{
	const struct stat st = {
		.st_ino = 77, .st_size = 5ll << 32, .st_mtim = { -1, 5 }, .st_ctim = { 1ll << 33, 999999999 },
		.st_dev = 3, .st_mode = S_IFREG, .st_nlink = 9,
	};
	const struct lade_stamp expected = {
		.file_system = 12, .inode = 77, .size = 5ull << 32, .mtime_s = -1, .mtime_ns = 5,
		.ctime_s = 1ll << 33, .ctime_ns = 999999999,
	};
	struct lade_stamp stamp = lade_stamp_of(12, &st);

	(void)state;
	assert_true(lade_stamp_equal(&stamp, &expected));
}

/* Both times of a stamp, and when it was read. */
struct moment {
	struct timespec mtime, ctime, start;
	bool settled;
};

static void test_when_it_is_settled(void **state)
{
	static const struct moment moments[] = {
		/* Long ago. */
		{ { 0, 0 }, { 0, 0 }, { 1000, 0 }, true },
		{ { 990, 0 }, { 990, 0 }, { 1000, 0 }, true },
		/* One of the two is enough to doubt it. */
		{ { 1000, 0 }, { 0, 0 }, { 1000, 0 }, false },
		{ { 0, 0 }, { 1000, 0 }, { 1000, 0 }, false },
		/* Two seconds, to the nanosecond: what is younger is not. */
		{ { 998, 1 }, { 0, 0 }, { 1000, 0 }, false },
		{ { 0, 0 }, { 998, 1 }, { 1000, 0 }, false },
		{ { 998, 999999999 }, { 0, 0 }, { 1000, 999999998 }, false },
		{ { 0, 0 }, { 999, 0 }, { 1000, 999999999 }, false },
		/* And from three seconds on what is older is. */
		{ { 996, 999999999 }, { 996, 999999999 }, { 1000, 0 }, true },
		{ { 997, 0 }, { 997, 0 }, { 1000, 0 }, true },
		/* A clock that was put back. */
		{ { 2000, 0 }, { 2000, 0 }, { 1000, 0 }, false },
		{ { 0, 0 }, { 1ll << 40, 0 }, { 1000, 0 }, false },
		/* Before 1970; a clock that nobody set. */
		{ { -10, 0 }, { -10, 0 }, { 0, 0 }, true },
		{ { -1, 0 }, { -1, 999999999 }, { 0, 0 }, false },
		{ { 0, 0 }, { 0, 0 }, { 0, 0 }, false },
		{ { INT64_MIN, 0 }, { INT64_MIN, 0 }, { 0, 0 }, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(moments); i++) {
		const struct stat st = { .st_mtim = moments[i].mtime, .st_ctim = moments[i].ctime };
		const struct lade_stamp stamp = lade_stamp_of(1, &st);

		if (lade_stamp_settled(&stamp, &moments[i].start) != moments[i].settled)
			fail_msg("moment %zu is %ssettled", i, moments[i].settled ? "not " : "");
	}
}

static void test_encoding(void **state)
{
	/* It is in files that the next version reads. */
	static const uint8_t expected[LADE_STAMP_LEN] = {
		0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0xff, 0xc9, 0x9a, 0x3b, 0x01, 0x00, 0x00, 0x00,
	};
	struct lade_stamp stamp;
	struct lade_writer writer;
	struct lade_reader reader;

	(void)state;
	lade_writer_init(&writer, SIZE_MAX);
	for (size_t i = 0; i <= CHANGES; i++) {
		const struct lade_stamp put = i < CHANGES ? changed(i) : example;

		lade_stamp_put(&writer, &put);
	}
	assert_int_equal(writer.error, 0);
	assert_int_equal(writer.len, (CHANGES + 1) * LADE_STAMP_LEN);
	assert_memory_equal(writer.data + CHANGES * LADE_STAMP_LEN, expected, LADE_STAMP_LEN);
	lade_reader_init(&reader, writer.data, writer.len);
	for (size_t i = 0; i <= CHANGES; i++) {
		const struct lade_stamp put = i < CHANGES ? changed(i) : example;

		lade_stamp_get(&reader, &stamp);
		assert_true(lade_stamp_equal(&stamp, &put));
	}
	assert_int_equal(lade_reader_finish(&reader), 0);
	lade_writer_fini(&writer);
}

/* The exact bytes on the heap: a step outside is seen. */
static void test_what_is_cut_off(void **state)
{
	const struct lade_stamp nothing = { 0 };

	(void)state;
	for (size_t len = 0; len < LADE_STAMP_LEN; len++) {
		uint8_t *bytes = malloc(len ? len : 1);
		struct lade_stamp stamp = example;
		struct lade_reader reader;

		assert_non_null(bytes);
		memset(bytes, 0xff, len);
		lade_reader_init(&reader, bytes, len);
		lade_stamp_get(&reader, &stamp);
		assert_int_not_equal(reader.error, 0);
		assert_true(lade_stamp_equal(&stamp, &nothing));
		free(bytes);
	}
}

static void test_no_room(void **state)
{
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, LADE_STAMP_LEN - 1);
	lade_stamp_put(&writer, &example);
	assert_int_not_equal(writer.error, 0);
	assert_int_equal(writer.len, 0);
	lade_writer_fini(&writer);
}

static void test_file_systems(void **state)
{
	char tree[PATH_MAX];
	struct statfs fs;
	int fd, proc;

	(void)state;
	temp_tree_make(tree);
	fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	proc = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && proc >= 0);
	assert_int_equal(lade_stamp_file_system(fd), lade_stamp_file_system(fd));
	/* The id is of two ints; one that has none says 0. */
	assert_int_equal(fstatfs(fd, &fs), 0);
	assert_int_equal(lade_stamp_file_system(fd) != 0, fs.f_fsid.__val[0] || fs.f_fsid.__val[1]);
	if (lade_stamp_file_system(fd))
		assert_int_not_equal(lade_stamp_file_system(fd), lade_stamp_file_system(proc));
	assert_int_equal(lade_stamp_file_system(-1), 0);
	close(fd);
	close(proc);
	temp_tree_remove(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_changes_makes_it_another),
		cmocka_unit_test(test_of_a_stat),
		cmocka_unit_test(test_when_it_is_settled),
		cmocka_unit_test(test_encoding),
		cmocka_unit_test(test_what_is_cut_off),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_file_systems),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
