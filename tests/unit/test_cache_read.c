/*
 * Tests of reads of small files that leave no trace in the page cache: the bytes are right whatever is in memory of them, at once or in parts, and what is in memory does not count as
 * absent. What the kernel has in memory is its own affair, so more is not asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/backup/cache_trace.h"
#include "tests/unit/temp_tree.h"

#define LEN_MAX (64u << 10)

struct scene {
	char root[PATH_MAX], path[PATH_MAX + 8];
	int fd;
	uint8_t data[LEN_MAX];
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	if (!scene)
		return -1;
	temp_tree_make(scene->root);
	snprintf(scene->path, sizeof(scene->path), "%s/file", scene->root);
	scene->fd = open(scene->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	for (size_t i = 0; i < LEN_MAX; i++)
		scene->data[i] = (uint8_t)(i * 2654435761u >> 13);
	*state = scene;
	return scene->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	close(scene->fd);
	temp_tree_remove(scene->root);
	free(scene);
	return 0;
}

/* Read `asked` bytes of the file, which has len; true if some of them were not in memory. */
static bool read_file(const struct scene *scene, size_t len, size_t asked)
{
	const size_t expected = len < asked ? len : asked;
	uint8_t *out = malloc(asked + 1);
	bool absent = false;

	assert_non_null(out);
	memset(out, 0xee, asked + 1);
	assert_int_equal(lade_cache_read(scene->fd, out, asked, &absent), expected);
	assert_memory_equal(out, scene->data, expected);
	assert_int_equal(out[expected], 0xee);
	free(out);
	return absent;
}

/* Written just now: it is in memory, also where the file is shorter than was asked for. */
static void test_in_memory(void **state)
{
	static const size_t lens[] = { 0, 1, 4095, 4096, 4097, 12293, LEN_MAX };
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_int_equal(ftruncate(scene->fd, 0), 0);
		assert_int_equal(pwrite(scene->fd, scene->data, lens[i], 0), lens[i]);
		assert_false(read_file(scene, lens[i], lens[i]));
		assert_false(read_file(scene, lens[i], lens[i] / 2));
		(void)read_file(scene, lens[i], lens[i] + 5000);
	}
}

/* Given up, and then a part of it brought back: the first pages, those in the middle, the last ones. */
static void test_in_parts(void **state)
{
	struct scene *scene = *state;
	uint8_t part[8192];

	assert_int_equal(pwrite(scene->fd, scene->data, LEN_MAX, 0), LEN_MAX);
	assert_int_equal(fsync(scene->fd), 0);
	/* Nothing but what is asked for is brought. */
	(void)posix_fadvise(scene->fd, 0, 0, POSIX_FADV_RANDOM);
	for (off_t off = 0; off < (off_t)LEN_MAX; off += (off_t)sizeof(part)) {
		lade_cache_give_up(scene->fd);
		assert_int_equal(pread(scene->fd, part, sizeof(part), off), sizeof(part));
		(void)read_file(scene, LEN_MAX, LEN_MAX);
		/* Now it is there. */
		assert_false(read_file(scene, LEN_MAX, LEN_MAX));
	}
	lade_cache_give_up(scene->fd);
	(void)read_file(scene, LEN_MAX, LEN_MAX + 1);
}

static void test_error(void **state)
{
	struct scene *scene = *state;
	int fd = open(scene->path, O_WRONLY | O_CLOEXEC);
	uint8_t byte;
	bool absent;

	assert_true(fd >= 0);
	assert_int_equal(lade_cache_read(fd, &byte, 1, &absent), -1);
	assert_int_equal(errno, EBADF);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_memory, setup, teardown), cmocka_unit_test_setup_teardown(test_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
