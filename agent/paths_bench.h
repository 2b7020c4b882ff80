/*
 * What `lade paths` moves: a file that is filled with a pattern, and one to move it to.
 */
#ifndef LADE_AGENT_PATHS_BENCH_H
#define LADE_AGENT_PATHS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/mover.h"

/* Bytes that are written, read and compared at a time. */
#define LADE_PATHS_CHUNK_LEN ((size_t)256 << 10)

/* What the whole command works with. */
struct lade_paths_bench {
	struct lade_movers *movers;
	int source_fd; /* holds len bytes of the pattern */
	int target_fd;
	size_t block;
	uint64_t len;
	bool measure;
};

/* Where the pattern's bytes come from: no two chunks are alike. Fills chunk with the len bytes at off. */
void lade_paths_bench_pattern(uint8_t *chunk, size_t len, uint64_t off);

/* True if the target does not hold the pattern, or that cannot be told. */
bool lade_paths_bench_differs(const struct lade_paths_bench *bench);

/*
 * Make two files in dir, the first one filled; all but bench->movers is set. measure_len: bytes to be moved
 * where paths are measured, 0 for a few that only try them. Returns 0, or -1 after a message. The
 * caller closes both descriptors, of which either may be -1, in any case.
 */
int lade_paths_bench_prepare(struct lade_paths_bench *bench, const char *dir, uint64_t measure_len);

#endif
