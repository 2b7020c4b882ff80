/*
 * The two files of `lade paths`. They are on one file system, and have no name.
 */
#include "agent/paths_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/paths_print.h"

#define PROBE_BLOCKS 4

void lade_paths_bench_pattern(uint8_t *chunk, size_t len, uint64_t off)
{
	size_t i;

	for (i = 0; i < len; i++)
		chunk[i] = (uint8_t)((off + i) * 2654435761u >> 13);
}

bool lade_paths_bench_differs(const struct lade_paths_bench *bench)
{
	uint8_t *chunk = malloc(2 * LADE_PATHS_CHUNK_LEN);
	bool differs = !chunk;
	uint64_t off;
	ssize_t count;
	size_t len;

	for (off = 0; !differs && off < bench->len; off += len) {
		len = bench->len - off < LADE_PATHS_CHUNK_LEN ? (size_t)(bench->len - off) : LADE_PATHS_CHUNK_LEN;
		lade_paths_bench_pattern(chunk, len, off);
		count = pread(bench->target_fd, chunk + LADE_PATHS_CHUNK_LEN, len, (off_t)off);
		differs = count != (ssize_t)len || memcmp(chunk, chunk + LADE_PATHS_CHUNK_LEN, len) != 0;
	}
	free(chunk);
	return differs;
}

/* An unlinked file in dir. Returns a descriptor, or -1 after a message. */
static int temporary_file(const char *dir)
{
	static const char leaf[] = "/.lade.paths.XXXXXX";
	size_t len = strlen(dir) + sizeof(leaf);
	char *name = malloc(len);
	int fd = -1;

	if (name) {
		snprintf(name, len, "%s%s", dir, leaf);
		fd = mkostemp(name, O_CLOEXEC);
	}
	if (fd < 0)
		lade_paths_print_complaint("cannot make a temporary file in", dir);
	else
		unlink(name);
	free(name);
	return fd;
}

static int fill_source(struct lade_paths_bench *bench, const char *dir)
{
	uint8_t *chunk = malloc(LADE_PATHS_CHUNK_LEN);
	uint64_t off;
	size_t len;
	int ret = chunk ? 0 : -1;

	for (off = 0; ret == 0 && off < bench->len; off += len) {
		len = bench->len - off < LADE_PATHS_CHUNK_LEN ? (size_t)(bench->len - off) : LADE_PATHS_CHUNK_LEN;
		lade_paths_bench_pattern(chunk, len, off);
		errno = ENOSPC; /* what a short count means */
		if (pwrite(bench->source_fd, chunk, len, (off_t)off) != (ssize_t)len)
			ret = -1;
	}
	free(chunk);
	return ret == 0 ? 0 : lade_paths_print_complaint("cannot write a temporary file in", dir);
}

int lade_paths_bench_prepare(struct lade_paths_bench *bench, const char *dir, uint64_t measure_len)
{
	struct stat st;

	bench->source_fd = temporary_file(dir);
	if (bench->source_fd < 0)
		return -1;
	bench->target_fd = temporary_file(dir);
	if (bench->target_fd < 0)
		return -1;
	bench->block = fstat(bench->source_fd, &st) == 0 && st.st_blksize > 0 ?
			       (size_t)st.st_blksize : 4096;
	bench->measure = measure_len > 0;
	bench->len = bench->measure ? measure_len : PROBE_BLOCKS * bench->block;
	return fill_source(bench, dir);
}
