/*
 * What the tests of the index of a destination share: a directory, files with numbers that are added, and what must be found.
 * For tests only.
 */
#ifndef LADE_TESTS_UNIT_INDEX_CASE_H
#define LADE_TESTS_UNIT_INDEX_CASE_H

#include <errno.h>
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

#include "agent/sync/chunk_index.h"
#include "chunker/digest.h"
#include "protocol/byteorder.h"
#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The layout of the file, see chunk_index_file.c. */
#define HEAD_LEN (16u + LADE_SECRET_LEN + 3 * 8)
#define RECORD_LEN 24u

#define NAME_MASK ((1ull << 48) - 1)

static char tree[PATH_MAX];
static int tree_fd = -1;

static inline int setup(void **state)
{
	(void)state;
	/* In memory where that can be: each save waits for the disk, and there are thousands. */
	if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
		(void)setenv("TMPDIR", "/dev/shm", 1);
	temp_tree_make(tree);
	tree_fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tree_fd < 0;
}

static inline int teardown(void **state)
{
	(void)state;
	close(tree_fd);
	temp_tree_remove(tree);
	return 0;
}

/* ---- what the tests say ---- */

static inline struct lade_index *open_index(void)
{
	struct lade_index *index = NULL;
	struct lade_fault fault;

	assert_int_equal(lade_index_open(tree_fd, "index", &index, &fault), 0);
	return index;
}

static inline void save(struct lade_index *index)
{
	struct lade_fault fault;

	assert_int_equal(lade_index_save(index, &fault), 0);
}

/* Save it, close it, and open it again. */
static inline struct lade_index *another_session(struct lade_index *index)
{
	save(index);
	lade_index_close(index);
	return open_index();
}

/* The stamp of the file that has number n in a test. */
static inline struct lade_stamp stamp_of(uint64_t n)
{
	return (struct lade_stamp){
		.file_system = 7, .inode = n, .size = 100000 + n, .mtime_s = 1000, .ctime_s = -5,
		.mtime_ns = 999999999, .ctime_ns = (uint32_t)n,
	};
}

static inline void add_as(struct lade_index *index, const char *path, uint64_t n, bool settled,
		   const struct lade_index_chunk *chunks, size_t count)
{
	const struct lade_stamp stamp = stamp_of(n);
	struct lade_fault fault;

	assert_int_equal(lade_index_add(index, path, &stamp, settled, chunks, count, &fault), 0);
}

/* A file of one chunk. */
static inline void add_one(struct lade_index *index, const char *path, uint64_t n, uint64_t name, uint64_t off, uint32_t len)
{
	const struct lade_index_chunk chunk = { name, off, len };

	add_as(index, path, n, true, &chunk, 1);
}

static inline bool knows(struct lade_index *index, const char *path, uint64_t n)
{
	const struct lade_stamp stamp = stamp_of(n);

	return lade_index_knows(index, path, &stamp);
}

static inline bool find(struct lade_index *index, uint64_t name, uint32_t len, const struct lade_index_place *likely,
		 struct lade_index_place *place_out)
{
	const struct lade_recipe_chunk chunk = { .len = len, .name = name };

	return lade_index_find(index, &chunk, likely, place_out);
}

static inline bool is_found(struct lade_index *index, uint64_t name, uint32_t len)
{
	struct lade_index_place place;

	return find(index, name, len, NULL, &place);
}

/* The place is in path, which has the stamp of n, at off. */
static inline void must_be_at(struct lade_index *index, const struct lade_index_place *place, const char *path, uint64_t n, uint64_t off)
{
	const struct lade_stamp expected = stamp_of(n);
	struct lade_stamp stamp;
	char *found = lade_index_path(index, place->file, &stamp);

	assert_non_null(found);
	assert_string_equal(found, path);
	assert_true(lade_stamp_equal(&stamp, &expected));
	assert_int_equal(place->off, off);
	free(found);
}

static inline void must_find(struct lade_index *index, uint64_t name, uint32_t len, const char *path, uint64_t n, uint64_t off)
{
	struct lade_index_place place;

	assert_true(find(index, name, len, NULL, &place));
	must_be_at(index, &place, path, n, off);
}

/* The content of the file, on the heap. */
static inline uint8_t *load(size_t *len_out)
{
	int fd = openat(tree_fd, "index", O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	close(fd);
	*len_out = (size_t)st.st_size;
	return bytes;
}

static inline void store(const uint8_t *bytes, size_t len)
{
	int fd = openat(tree_fd, "index", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static inline void remove_index(void)
{
	assert_true(unlinkat(tree_fd, "index", 0) == 0 || errno == ENOENT);
}

/* Where the records begin in a file, and how many there are. */
static inline uint8_t *records_of(uint8_t *bytes, uint64_t *count_out)
{
	*count_out = lade_get_le64(bytes + HEAD_LEN - 8);
	return bytes + HEAD_LEN + lade_get_le64(bytes + HEAD_LEN - 16) + LADE_DIGEST_LEN;
}

/* Names of chunks are as digests are. */
static inline uint64_t name_of(uint64_t n)
{
	uint64_t x = (n + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) & NAME_MASK;
}

/* ---- many chunks ---- */

#define MANY_FILES 500u
#define MANY_CHUNKS 400u

/* Names: how the chunk i of all has its own. */
typedef uint64_t naming(uint64_t i);

static inline uint32_t len_of(uint64_t i)
{
	return 4096 + (uint32_t)(i % 1000);
}

static inline void add_many(struct lade_index *index, naming *name, unsigned from, unsigned to)
{
	static struct lade_index_chunk chunks[MANY_CHUNKS];
	char path[24];

	for (unsigned n = from; n < to; n++) {
		for (uint64_t i = 0; i < MANY_CHUNKS; i++)
			chunks[i] = (struct lade_index_chunk){
				name(n * MANY_CHUNKS + i), i * 10000, len_of(n * MANY_CHUNKS + i),
			};
		snprintf(path, sizeof(path), "file %u", n);
		add_as(index, path, n, true, chunks, MANY_CHUNKS);
	}
}

/* Each step-th chunk of the files is found, where it is; and what is beside it is not. */
static inline void must_have_many(struct lade_index *index, naming *name, unsigned from, unsigned to, unsigned step)
{
	char path[24];

	for (uint64_t i = from * MANY_CHUNKS; i < (uint64_t)to * MANY_CHUNKS; i += step) {
		snprintf(path, sizeof(path), "file %u", (unsigned)(i / MANY_CHUNKS));
		must_find(index, name(i), len_of(i), path, i / MANY_CHUNKS, i % MANY_CHUNKS * 10000);
		assert_false(is_found(index, name(i), 1));
		assert_false(is_found(index, name(i) ^ 1, len_of(i)));
	}
}

/* ---- a small one ---- */

/* An index of three files, as bytes. */
static inline uint8_t *an_index(size_t *len_out, uint8_t key_out[LADE_SECRET_LEN])
{
	struct lade_index *index;

	remove_index();
	index = open_index();
	for (uint64_t n = 1; n <= 3; n++) {
		const struct lade_index_chunk chunks[] = { { name_of(n), 0, 100 }, { name_of(10 + n), 100, 100 } };
		const char path[] = { 'd', '/', (char)('a' + n), '\0' };

		add_as(index, path, n, n != 2, chunks, COUNT(chunks));
	}
	save(index);
	memcpy(key_out, lade_index_key(index), LADE_SECRET_LEN);
	lade_index_close(index);
	return load(len_out);
}

#endif
