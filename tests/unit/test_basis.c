/*
 * Files cut into chunks, and old files whose chunks are looked up: against the same cut in
 * memory, with files that are shorter than told, changed meanwhile, or no files at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/basis.h"
#include "agent/sync/cut_stream.h"
#include "protocol/error.h"
#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Longer than the stream's buffer, and no multiple of anything. */
#define SIZE ((size_t)3000001)

static char tree[PATH_MAX];
static int tree_fd = -1;
static struct lade_run_key key;
static uint8_t data[SIZE];

static int setup_all(void **state)
{
	static const uint8_t dialler[LADE_SECRET_LEN] = { 1 }, answerer[LADE_SECRET_LEN] = { 2 };
	uint64_t x = 42;

	(void)state;
	temp_tree_make(tree);
	tree_fd = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	lade_run_key_derive(&key, dialler, answerer);
	for (size_t i = 0; i < SIZE; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		data[i] = (uint8_t)(x >> 56);
	}
	return tree_fd < 0;
}

static int teardown_all(void **state)
{
	(void)state;
	close(tree_fd);
	temp_tree_remove(tree);
	return 0;
}

/* Make a file of these bytes, opened for reading and writing. */
static int make(const char *name, const uint8_t *bytes, size_t len)
{
	int fd = openat(tree_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	return fd;
}

static void make_closed(const char *name, const uint8_t *bytes, size_t len)
{
	close(make(name, bytes, len));
}

/* ---- streams ---- */

/* Bytes from off on are cut as those in memory are; the stream then says end. */
static void must_cut_like_memory(struct lade_cut_stream *stream, unsigned cut_class, int fd, size_t off, size_t end)
{
	struct lade_cut_chunk chunk;
	struct lade_fault fault;
	struct lade_cut cut;

	lade_cut_init(&cut, &key, cut_class);
	assert_int_equal(lade_cut_stream_start(stream, &key, cut_class, fd, off, end), 0);
	while (off < end) {
		assert_int_equal(lade_cut_stream_next(stream, &chunk, &fault), 1);
		assert_int_equal(chunk.len, lade_cut_next(&cut, data + off, end - off));
		assert_memory_equal(chunk.data, data + off, chunk.len);
		off += chunk.len;
	}
	assert_int_equal(lade_cut_stream_next(stream, &chunk, &fault), 0);
	assert_int_equal(lade_cut_stream_next(stream, &chunk, &fault), 0);
}

static void test_a_stream_cuts_as_memory_is_cut(void **state)
{
	struct lade_cut_stream stream = { 0 };
	int fd = make("f", data, SIZE);

	(void)state;
	/* One stream for all: classes change, the buffer grows and is kept. */
	must_cut_like_memory(&stream, 13, fd, 0, SIZE);
	must_cut_like_memory(&stream, LADE_CUT_CLASS_MAX, fd, 0, SIZE);
	must_cut_like_memory(&stream, LADE_CUT_CLASS_MIN, fd, 0, SIZE);
	must_cut_like_memory(&stream, 13, fd, 0, SIZE);
	lade_cut_stream_fini(&stream);
	must_cut_like_memory(&stream, 14, fd, 0, SIZE);
	lade_cut_stream_fini(&stream);
	lade_cut_stream_fini(&stream);
	close(fd);
}

/* What lies before and behind a range has no part in where it is cut. */
static void test_ranges(void **state)
{
	static const size_t ranges[][2] = {
		{ 0, 0 }, { 0, 1 }, { 5, 6 }, { 1234567, 1234567 }, { 1000, 5000 }, { 123457, 2345679 },
		{ SIZE - 1, SIZE }, { SIZE, SIZE }, { 500000, SIZE }, { 0, (512u << 10) + 1 },
	};
	struct lade_cut_stream stream = { 0 };
	int fd = make("f", data, SIZE);

	(void)state;
	for (size_t i = 0; i < COUNT(ranges); i++)
		must_cut_like_memory(&stream, 13, fd, ranges[i][0], ranges[i][1]);
	lade_cut_stream_fini(&stream);
	close(fd);
}

/* A range may be left for another one before its end. */
static void test_a_stream_starts_again(void **state)
{
	struct lade_cut_stream stream = { 0 };
	struct lade_cut_chunk chunk;
	int fd = make("f", data, SIZE);

	(void)state;
	assert_int_equal(lade_cut_stream_start(&stream, &key, 13, fd, 0, SIZE), 0);
	assert_int_equal(lade_cut_stream_next(&stream, &chunk, NULL), 1);
	must_cut_like_memory(&stream, 13, fd, 777, 99999);
	lade_cut_stream_fini(&stream);
	close(fd);
}

/* The chunks up to what is lacking are right; then, and again, the stream says what is wrong. */
static void test_a_file_that_is_shorter_than_told(void **state)
{
	struct lade_cut_stream stream = { 0 };
	struct lade_cut_chunk chunk;
	struct lade_fault fault;
	struct lade_cut cut;
	int got, fd = make("f", data, SIZE);
	size_t off = 0;

	(void)state;
	lade_cut_init(&cut, &key, 13);
	assert_int_equal(lade_cut_stream_start(&stream, &key, 13, fd, 0, SIZE + 1), 0);
	while ((got = lade_cut_stream_next(&stream, &chunk, &fault)) == 1) {
		assert_int_equal(chunk.len, lade_cut_next(&cut, data + off, SIZE - off));
		assert_memory_equal(chunk.data, data + off, chunk.len);
		off += chunk.len;
	}
	assert_int_equal(got, LADE_E_SHRUNK);
	assert_int_equal(fault.code, LADE_E_SHRUNK);
	assert_string_equal(fault.subject, "");
	assert_true(off > SIZE / 2 && off < SIZE);
	assert_int_equal(lade_cut_stream_next(&stream, &chunk, NULL), LADE_E_SHRUNK);
	assert_int_equal(lade_cut_stream_start(&stream, &key, 13, fd, SIZE + 5, SIZE + 6), 0);
	assert_int_equal(lade_cut_stream_next(&stream, &chunk, NULL), LADE_E_SHRUNK);
	must_cut_like_memory(&stream, 13, fd, 0, SIZE);
	lade_cut_stream_fini(&stream);
	close(fd);
}

static void test_what_cannot_be_read(void **state)
{
	int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct lade_cut_stream stream = { 0 };
	struct lade_cut_chunk chunk;
	struct lade_fault fault;

	(void)state;
	assert_int_equal(lade_cut_stream_start(&stream, &key, 13, fd, 0, 10), 0);
	assert_int_equal(lade_cut_stream_next(&stream, &chunk, &fault), LADE_E_SOURCE);
	assert_int_equal(fault.sys_errno, EISDIR);
	lade_cut_stream_fini(&stream);
	close(fd);
}

/* The whole number nearest to half the binary logarithm, from 13 to 20. */
static void test_classes(void **state)
{
	(void)state;
	assert_int_equal(lade_cut_class_of(0), 13);
	assert_int_equal(lade_cut_class_of(1), 13);
	for (unsigned cut_class = 13; cut_class < LADE_CUT_CLASS_MAX; cut_class++) {
		uint64_t limit = UINT64_C(1) << (2 * cut_class + 1);

		assert_int_equal(lade_cut_class_of(limit - 1), cut_class);
		assert_int_equal(lade_cut_class_of(limit), cut_class + 1);
	}
	assert_int_equal(lade_cut_class_of(INT64_MAX), LADE_CUT_CLASS_MAX);
	assert_int_equal(lade_cut_class_of(UINT64_MAX), LADE_CUT_CLASS_MAX);
}

/* ---- opening ---- */

static void must_be_absent(int directory_fd, const char *name)
{
	struct lade_basis basis;

	memset(&basis, 0xee, sizeof(basis));
	assert_int_equal(lade_basis_open(&basis, directory_fd, name), LADE_E_ABSENT);
	assert_int_equal(basis.fd, -1);
	lade_basis_close(&basis);
	lade_basis_close(&basis);
}

static void test_what_is_no_basis(void **state)
{
	int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	make_closed("empty", data, 0);
	make_closed("f", data, 10);
	assert_int_equal(mkdirat(tree_fd, "directory", 0755), 0);
	assert_int_equal(symlinkat("f", tree_fd, "link"), 0);
	assert_int_equal(mkfifoat(tree_fd, "fifo", 0644), 0);
	must_be_absent(tree_fd, "nothing");
	must_be_absent(tree_fd, "empty");
	must_be_absent(tree_fd, "directory");
	must_be_absent(tree_fd, "link");
	must_be_absent(dev, "zero");
	close(dev);
	if (geteuid() != 0) {
		assert_int_equal(fchmodat(tree_fd, "f", 0, 0), 0);
		must_be_absent(tree_fd, "f");
		assert_int_equal(unlinkat(tree_fd, "f", 0), 0);
	}
	alarm(10); /* nobody writes to it: who waits for that waits until here */
	must_be_absent(tree_fd, "fifo");
	alarm(0);
}

/* ---- finding ---- */

static void cut(struct lade_basis *basis, const char *name, unsigned cut_class)
{
	struct lade_cut_stream stream = { 0 };

	assert_int_equal(lade_basis_open(basis, tree_fd, name), 0);
	assert_false(basis->cut);
	assert_int_equal(lade_basis_cut(basis, &key, cut_class, &stream), 0);
	assert_true(basis->cut);
	lade_cut_stream_fini(&stream);
}

/* Chunk i of a basis as a recipe names it, from the bytes themselves. */
static struct lade_recipe_chunk chunk_of(const struct lade_basis *basis, const uint8_t *bytes, size_t i)
{
	struct lade_recipe_chunk chunk = { .len = (uint32_t)(basis->chunks[i + 1].off - basis->chunks[i].off) };
	uint8_t digest[LADE_DIGEST_LEN];

	lade_digest(&key, bytes + basis->chunks[i].off, chunk.len, digest);
	chunk.name = lade_chunk_name(digest);
	return chunk;
}

static void test_each_chunk_is_found(void **state)
{
	struct lade_recipe_chunk chunk;
	struct lade_basis basis;
	struct lade_cut with;
	size_t off = 0;

	(void)state;
	make_closed("f", data, SIZE);
	cut(&basis, "f", LADE_CUT_CLASS_MIN);
	lade_cut_init(&with, &key, LADE_CUT_CLASS_MIN);
	assert_true(basis.count > 400); /* so many that all tables have grown */
	for (size_t i = 0; i < basis.count; i++) {
		assert_int_equal(basis.chunks[i].off, off);
		off += lade_cut_next(&with, data + off, SIZE - off);
		chunk = chunk_of(&basis, data, i);
		assert_int_equal(lade_basis_find(&basis, &chunk, LADE_BASIS_NONE), i);
		assert_int_equal(lade_basis_find(&basis, &chunk, 0), i);
		assert_int_equal(lade_basis_find(&basis, &chunk, i), i);
		assert_int_equal(lade_basis_find(&basis, &chunk, basis.count), i);
		/* Name and length are both to fit. */
		chunk.len--;
		assert_true(lade_basis_find(&basis, &chunk, LADE_BASIS_NONE) == LADE_BASIS_NONE);
		assert_true(lade_basis_find(&basis, &chunk, i) == LADE_BASIS_NONE);
		chunk.len++;
		chunk.name ^= UINT64_C(1) << 47; /* the same place in the table */
		assert_true(lade_basis_find(&basis, &chunk, LADE_BASIS_NONE) == LADE_BASIS_NONE);
		assert_true(lade_basis_find(&basis, &chunk, i) == LADE_BASIS_NONE);
	}
	assert_int_equal(basis.chunks[basis.count].off, SIZE);
	lade_basis_close(&basis);
	assert_int_equal(basis.fd, -1);
	assert_null(basis.chunks);
	lade_basis_close(&basis);
}

/* Where blocks repeat, names do: the likely one is meant, or else the first. */
static void test_the_likely_one_is_preferred(void **state)
{
	static uint8_t repeated[20 * 65536];
	struct lade_basis basis;
	size_t several = 0;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		memcpy(repeated + 65536 * i, data, 65536);
	make_closed("repeated", repeated, sizeof(repeated));
	cut(&basis, "repeated", LADE_CUT_CLASS_MIN);
	for (size_t i = 0; i < basis.count; i++) {
		struct lade_recipe_chunk chunk = chunk_of(&basis, repeated, i);
		size_t first = lade_basis_find(&basis, &chunk, LADE_BASIS_NONE);

		assert_true(first <= i);
		for (size_t j = 0; j < i; j++)
			if (basis.chunks[j].name == chunk.name)
				assert_true(first <= j);
		assert_true(basis.chunks[first].name == chunk.name);
		assert_int_equal(lade_basis_find(&basis, &chunk, i), i);
		/* One that is not it is not likely. */
		if (i + 1 < basis.count && basis.chunks[i + 1].name != chunk.name)
			assert_int_equal(lade_basis_find(&basis, &chunk, i + 1), first);
		several += first < i;
	}
	assert_true(several > basis.count / 2);
	lade_basis_close(&basis);
}

/* Zeros: each chunk but the last has one and the same name. */
/* Where the basis is written over from its start the last one is there the longest. */
static void test_the_last_one_is_found_backwards(void **state)
{
	struct lade_cut_stream stream = { 0 };
	struct lade_basis basis;
	size_t several = 0;

	(void)state;
	/* The file of the test before. */
	assert_int_equal(lade_basis_open(&basis, tree_fd, "repeated"), 0);
	basis.backwards = true;
	assert_int_equal(lade_basis_cut(&basis, &key, LADE_CUT_CLASS_MIN, &stream), 0);
	for (size_t i = 0; i < basis.count; i++) {
		const struct lade_recipe_chunk chunk = {
			(uint32_t)(basis.chunks[i + 1].off - basis.chunks[i].off), basis.chunks[i].name,
		};
		size_t last = lade_basis_find(&basis, &chunk, LADE_BASIS_NONE);

		if (last == LADE_BASIS_NONE)
			continue; /* the last of that name has another length */
		assert_true(last >= i);
		for (size_t j = last + 1; j < basis.count; j++)
			assert_true(basis.chunks[j].name != chunk.name);
		assert_int_equal(lade_basis_find(&basis, &chunk, i), i);
		several += last > i;
	}
	assert_true(several > 10);
	lade_cut_stream_fini(&stream);
	lade_basis_close(&basis);
}

static void test_all_the_same(void **state)
{
	static const uint8_t zeros[1u << 20];
	struct lade_basis basis;
	struct lade_recipe_chunk chunk;

	(void)state;
	make_closed("zeros", zeros, sizeof(zeros));
	cut(&basis, "zeros", 13);
	assert_true(basis.count > 10);
	chunk = chunk_of(&basis, zeros, 0);
	assert_int_equal(lade_basis_find(&basis, &chunk, LADE_BASIS_NONE), 0);
	for (size_t i = 0; i + 1 < basis.count; i++)
		assert_int_equal(lade_basis_find(&basis, &chunk, i), i);
	lade_basis_close(&basis);
}

static void test_one_byte(void **state)
{
	struct lade_basis basis;
	struct lade_recipe_chunk chunk;

	(void)state;
	make_closed("byte", data, 1);
	cut(&basis, "byte", LADE_CUT_CLASS_MAX);
	assert_int_equal(basis.count, 1);
	chunk = chunk_of(&basis, data, 0);
	assert_int_equal(lade_basis_find(&basis, &chunk, LADE_BASIS_NONE), 0);
	assert_int_equal(lade_basis_before(&basis, 1), 0);
	lade_basis_close(&basis);
}

static void test_before(void **state)
{
	struct lade_basis basis;

	(void)state;
	make_closed("f", data, SIZE);
	cut(&basis, "f", 13);
	for (size_t i = 0; i < basis.count; i++) {
		uint64_t end = basis.chunks[i + 1].off;

		assert_int_equal(lade_basis_before(&basis, end), i);
		assert_true(lade_basis_before(&basis, end - 1) == LADE_BASIS_NONE);
		assert_true(lade_basis_before(&basis, end + 1) == LADE_BASIS_NONE);
	}
	assert_true(lade_basis_before(&basis, 0) == LADE_BASIS_NONE);
	assert_true(lade_basis_before(&basis, UINT64_MAX) == LADE_BASIS_NONE);
	lade_basis_close(&basis);
	/* One that is not cut has no chunks. */
	assert_int_equal(lade_basis_open(&basis, tree_fd, "f"), 0);
	assert_true(lade_basis_before(&basis, SIZE) == LADE_BASIS_NONE);
	lade_basis_close(&basis);
}

/* A basis that is cut short before it is cut: what there is of it serves. */
static void test_a_basis_that_shrinks(void **state)
{
	static const size_t lens[] = { 0, 1, 2000000, SIZE - 1 };

	(void)state;
	for (size_t i = 0; i < COUNT(lens); i++) {
		struct lade_cut_stream stream = { 0 };
		struct lade_recipe_chunk chunk;
		struct lade_basis basis;

		make_closed("f", data, SIZE);
		assert_int_equal(lade_basis_open(&basis, tree_fd, "f"), 0);
		make_closed("f", data, lens[i]);
		assert_int_equal(lade_basis_cut(&basis, &key, 13, &stream), LADE_E_SHRUNK);
		assert_true(basis.cut);
		assert_true(basis.chunks[basis.count].off <= lens[i]);
		assert_true(basis.count > 0 || lens[i] < 1000000);
		for (size_t j = 0; j < basis.count; j++) {
			chunk = chunk_of(&basis, data, j);
			assert_int_equal(lade_basis_find(&basis, &chunk, LADE_BASIS_NONE), j);
		}
		chunk = (struct lade_recipe_chunk){ 1, 0 };
		assert_true(lade_basis_find(&basis, &chunk, 0) == LADE_BASIS_NONE);
		lade_cut_stream_fini(&stream);
		lade_basis_close(&basis);
	}
}

/* ---- changes ---- */

/* Longer than the grain of a file's times. */
static void wait_a_tick(void)
{
	static const struct timespec tick = { .tv_nsec = 30000000 };

	nanosleep(&tick, NULL);
}

static void must_notice(int fd, void (*change)(int fd))
{
	struct lade_basis basis;

	wait_a_tick();
	assert_int_equal(lade_basis_open(&basis, tree_fd, "changing"), 0);
	assert_true(lade_basis_unchanged(&basis));
	wait_a_tick();
	assert_true(lade_basis_unchanged(&basis));
	change(fd);
	assert_false(lade_basis_unchanged(&basis));
	lade_basis_close(&basis);
}

static void overwrite(int fd)
{
	assert_int_equal(pwrite(fd, data + 1, 10, 5), 10);
}

static void append(int fd)
{
	assert_int_equal(pwrite(fd, data, 1, 1000), 1);
}

static void cut_short(int fd)
{
	assert_int_equal(ftruncate(fd, 500), 0);
}

/* The time of the change is hidden, but for the inode's. */
static void overwrite_secretly(int fd)
{
	struct timespec times[2];
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	overwrite(fd);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
}

static bool at_the_third_time(void *count)
{
	return ++*(unsigned *)count == 3;
}

/* Nobody wants the rest: no more of it is read. */
static void test_a_basis_that_is_not_wanted(void **state)
{
	unsigned count = 0;
	struct lade_cut_stream stream = { .stopped = at_the_third_time, .context = &count };
	struct lade_basis basis;

	(void)state;
	make_closed("unwanted", data, SIZE);
	assert_int_equal(lade_basis_open(&basis, tree_fd, "unwanted"), 0);
	assert_int_equal(lade_basis_cut(&basis, &key, 13, &stream), LADE_E_SOURCE);
	assert_int_equal(count, 3);
	assert_true(basis.count && basis.chunks[basis.count].off < SIZE);
	lade_basis_close(&basis);
	lade_cut_stream_fini(&stream);
}

static void test_a_basis_that_changes(void **state)
{
	int fd = make("changing", data, 1000);

	(void)state;
	must_notice(fd, overwrite);
	must_notice(fd, append);
	must_notice(fd, cut_short);
	must_notice(fd, overwrite_secretly);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stream_cuts_as_memory_is_cut),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_a_stream_starts_again),
		cmocka_unit_test(test_a_file_that_is_shorter_than_told),
		cmocka_unit_test(test_what_cannot_be_read),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_what_is_no_basis),
		cmocka_unit_test(test_each_chunk_is_found),
		cmocka_unit_test(test_the_likely_one_is_preferred),
		cmocka_unit_test(test_the_last_one_is_found_backwards),
		cmocka_unit_test(test_all_the_same),
		cmocka_unit_test(test_one_byte),
		cmocka_unit_test(test_before),
		cmocka_unit_test(test_a_basis_that_shrinks),
		cmocka_unit_test(test_a_basis_that_is_not_wanted),
		cmocka_unit_test(test_a_basis_that_changes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
