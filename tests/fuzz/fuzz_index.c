/*
 * Fuzz target of the index of a destination: the input is its file. It is opened, asked, saved and opened again. What the
 * file says is a hint, so the target looks at no answer; but what is added afterwards has to be found, and what is saved has
 * to be an index.
 *
 * The digest of the head and the list would keep nearly all inputs out: the first byte of the input, which is none of the file,
 * tells whether it is put right before.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/chunk_index.h"
#include "chunker/digest.h"
#include "protocol/byteorder.h"

/* The layout of the file, see chunk_index_file.c. */
#define MAGIC_LEN 16u
#define HEAD_LEN (MAGIC_LEN + LADE_SECRET_LEN + 3 * 8)
#define RECORD_LEN 24u

/* Names that are looked for. */
#define NAMES 8u

/* For replay.c: the file system is asked each time. */
extern const unsigned fuzz_places_max;
const unsigned fuzz_places_max = 256;

/* Once per process. */
static char top[64];
static int top_fd = -1;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void remove_top(void)
{
	(void)unlinkat(top_fd, "index", 0);
	(void)rmdir(top);
}

static void make_top(void)
{
	const char *base = getenv("TMPDIR");
	bool memory = access("/dev/shm", W_OK) == 0;

	if (snprintf(top, sizeof(top), "%s/lade-fuzz-XXXXXX", memory ? "/dev/shm" : base ? base : "/tmp") >= (int)sizeof(top) ||
	    !mkdtemp(top))
		abort();
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top_fd < 0 || atexit(remove_top))
		abort();
}

/* The digest of head and list, where the lengths make sense. */
static void put_right(uint8_t *file, size_t len)
{
	struct lade_run_key names, pieces;
	uint64_t files_len;

	if (len < HEAD_LEN + LADE_DIGEST_LEN)
		return;
	files_len = lade_get_le64(file + HEAD_LEN - 16);
	if (files_len > len - HEAD_LEN - LADE_DIGEST_LEN)
		return;
	lade_recipe_key_derive(file + MAGIC_LEN, &names, &pieces);
	lade_digest(&names, file, HEAD_LEN + files_len, file + HEAD_LEN + files_len);
}

static void store(const uint8_t *data, size_t len, bool right)
{
	int fd = openat(top_fd, "index", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint8_t *file = malloc(len ? len : 1);

	if (fd < 0 || !file)
		abort();
	memcpy(file, data, len);
	if (right)
		put_right(file, len);
	if (write(fd, file, len) != (ssize_t)len || close(fd))
		abort();
	free(file);
}

static struct lade_index *open_index(void)
{
	struct lade_index *index = NULL;
	struct lade_fault fault;

	/* Nothing that a file has in it is an error. */
	if (lade_index_open(top_fd, "index", &index, &fault))
		abort();
	return index;
}

/* Look for a chunk, and use what is found. */
static void look_for(struct lade_index *index, uint64_t name, uint32_t len)
{
	const struct lade_recipe_chunk chunk = { .len = len, .name = name };
	const struct lade_index_place likely = { 0, 4096 };
	struct lade_index_place place;
	struct lade_stamp stamp;
	char *path;

	if (!lade_index_find(index, &chunk, &likely, &place))
		return;
	path = lade_index_path(index, place.file, &stamp);
	if (!path || !*path)
		abort();
	(void)lade_index_knows(index, path, &stamp);
	free(path);
	if (name % 4 == 0)
		lade_index_doubt(index, place.file);
}

/* Names and lengths of records at the end of the file, where they are, and some that are nowhere. */
static void look_around(struct lade_index *index, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < NAMES; i++) {
		if (size >= (i + 1) * RECORD_LEN) {
			const uint8_t *record = data + size - (i + 1) * RECORD_LEN;

			look_for(index, lade_get_le64(record), lade_get_le32(record + 16));
		}
		look_for(index, (uint64_t)i << 45, 100);
	}
	look_for(index, UINT64_MAX, UINT32_MAX);
}

static void add_and_find(struct lade_index *index)
{
	const struct lade_index_chunk added = { 0x123456789abcull, 77, 100 };
	const struct lade_recipe_chunk chunk = { .len = added.len, .name = added.name };
	const struct lade_stamp stamp = { .inode = 1 };
	struct lade_index_place place;
	struct lade_fault fault;

	if (lade_index_add(index, "added", &stamp, true, &added, 1, &fault) ||
	    !lade_index_find(index, &chunk, NULL, &place) || !lade_index_knows(index, "added", &stamp))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lade_stamp stamp = { .inode = 1 };
	uint8_t key[LADE_SECRET_LEN];
	struct lade_index *index;
	struct lade_fault fault;

	if (size == 0)
		return 0;
	if (top_fd < 0)
		make_top();
	store(data + 1, size - 1, data[0] & 1);
	index = open_index();
	look_around(index, data + 1, size - 1);
	add_and_find(index);
	if (data[0] & 2)
		lade_index_sweep(index);
	if (lade_index_save(index, &fault))
		abort();
	look_around(index, data + 1, size - 1);
	memcpy(key, lade_index_key(index), sizeof(key));
	lade_index_close(index);
	index = open_index();
	if (memcmp(key, lade_index_key(index), sizeof(key)) != 0 || !lade_index_knows(index, "added", &stamp))
		abort();
	look_around(index, data + 1, size - 1);
	lade_index_close(index);
	return 0;
}
