/*
 * Content into files: what arrives is what was given, whatever stood there; zeros become holes and equal
 * blocks are not written where that is asked for.
 */
#include "agent/sync/content.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/temp_tree.h"

#define BLOCK LADE_CONTENT_BLOCK
#define SIZE (64u * BLOCK)

static char tree[PATH_MAX];
static uint8_t old[SIZE], new[SIZE], found[SIZE];
static uint64_t seed = 42;

static int setup_all(void **state)
{
	(void)state;
	temp_tree_make(tree);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	temp_tree_remove(tree);
	return 0;
}

static unsigned below(unsigned limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % limit;
}

/* A file of these bytes. */
static int make(const uint8_t *bytes, size_t len)
{
	char path[PATH_MAX + 8];
	int fd;

	snprintf(path, sizeof(path), "%s/f", tree);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	return fd;
}

static uint64_t allocated(int fd)
{
	struct stat st;

	assert_int_equal(fsync(fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void must_hold(int fd, const uint8_t *bytes, size_t len)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, len);
	assert_int_equal(pread(fd, found, len, 0), len);
	assert_memory_equal(found, bytes, len);
}

/* Random bytes and zeros in turn, of any length. */
static void fill(uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t part = 1 + below(below(2) ? 3 * BLOCK : 100);
		int zeros = (int)below(2);

		for (; part && at < len; part--)
			bytes[at++] = (uint8_t)(zeros ? 0 : below(256));
	}
}

/* Put new into the file in parts of any length, as they come. */
static void put_all(const struct lade_content *content)
{
	for (size_t at = 0; at < SIZE;) {
		size_t part = 1 + below(40000);

		part = part < SIZE - at ? part : SIZE - at;
		assert_int_equal(lade_content_put(content, new + at, part, at), 0);
		at += part;
	}
}

static void test_whatever_stood_there(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		bool sparse = round & 1, over = round & 2;
		/* Over something shorter, or something else, or something that is mostly the same. */
		size_t old_len = over ? (round % 3 ? SIZE : below(SIZE)) : 0;
		struct lade_content content = { -1, sparse, over, false };

		fill(old, SIZE);
		if (round & 4)
			fill(new, SIZE);
		else
			memcpy(new, old, SIZE), fill(new + below(SIZE / 2), SIZE / 4);
		content.fd = make(old, old_len);
		if (sparse)
			assert_int_equal(ftruncate(content.fd, SIZE), 0);
		put_all(&content);
		must_hold(content.fd, new, SIZE);
		close(content.fd);
	}
}

/* Holes where whole blocks are zeros, also where two parts meet inside them. */
static void test_holes(void **state)
{
	for (int over = 0; over < 2; over++) {
		struct lade_content content = { -1, true, over, false };

		(void)state;
		memset(old, 0x55, SIZE);
		memset(new, 0, SIZE);
		memset(new + 10 * BLOCK, 1, BLOCK);
		new[20 * BLOCK - 1] = 1;
		content.fd = make(old, over ? SIZE : 0);
		assert_int_equal(ftruncate(content.fd, SIZE), 0);
		assert_int_equal(lade_content_put(&content, new, 30 * BLOCK + (over ? 0 : 100), 0), 0);
		assert_int_equal(lade_content_put(&content, new, SIZE - 30 * BLOCK - (over ? 0 : 100),
						  30 * BLOCK + (over ? 0 : 100)), 0);
		memset(new + 40 * BLOCK, 0, SIZE - 40 * BLOCK);
		memmove(new + 30 * BLOCK + (over ? 0 : 100), new, SIZE - 30 * BLOCK - (over ? 0 : 100));
		must_hold(content.fd, new, SIZE);
		/* Four blocks, and what the file system adds for itself. A file system without holes is none to test on. */
		assert_true(allocated(content.fd) <= 8 * BLOCK);
		close(content.fd);
	}
}

/* What is equal is not written: the file's time stays. */
static void test_equal(void **state)
{
	const struct timespec times[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	struct lade_content content = { -1, false, true, false };
	struct stat st;

	(void)state;
	fill(new, SIZE);
	content.fd = make(new, SIZE);
	assert_int_equal(futimens(content.fd, times), 0);
	put_all(&content);
	assert_int_equal(fstat(content.fd, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	new[SIZE / 2] ^= 1;
	put_all(&content);
	assert_int_equal(fstat(content.fd, &st), 0);
	assert_int_not_equal(st.st_mtim.tv_sec, 1000000000);
	must_hold(content.fd, new, SIZE);
	close(content.fd);
}

/* The length stays, also behind the end. */
static void test_punch(void **state)
{
	int fd;

	(void)state;
	memset(new, 0x55, SIZE);
	fd = make(new, SIZE);
	memset(new + 1000, 0, 10 * BLOCK);
	assert_int_equal(lade_content_punch(fd, 1000, 10 * BLOCK), 0);
	must_hold(fd, new, SIZE);
	memset(new + SIZE - 10, 0, 10);
	assert_int_equal(lade_content_punch(fd, SIZE - 10, BLOCK), 0);
	assert_int_equal(lade_content_punch(fd, 2 * SIZE, BLOCK), 0);
	must_hold(fd, new, SIZE);
	close(fd);
}

static void test_a_file_that_cannot_be_written(void **state)
{
	struct lade_content content = { open("/dev/full", O_RDWR | O_CLOEXEC), false, false, false };

	(void)state;
	memset(new, 1, SIZE);
	assert_int_equal(lade_content_put(&content, new, SIZE, 0), LADE_E_TARGET);
	content.sparse = true;
	assert_int_equal(lade_content_put(&content, new, SIZE, 0), LADE_E_TARGET);
	content.over = true;
	assert_int_equal(lade_content_put(&content, new, SIZE, 0), LADE_E_TARGET);
	close(content.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_stood_there),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_punch),
		cmocka_unit_test(test_a_file_that_cannot_be_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
