/*
 * Chunks that are kept in memory, for tests of streams: they are named, put and got as those of a repository are.
 */
#ifndef LADE_TESTS_UNIT_CHUNK_TOY_H
#define LADE_TESTS_UNIT_CHUNK_TOY_H

#include "agent/store/stream_recipe.h"

struct chunk_toy_chunk {
	uint8_t id[LADE_CHUNK_ID_LEN];
	uint8_t *bytes;
	size_t len;
};

struct chunk_toy {
	struct lade_strict_cut cuts[2]; /* short lengths, so that little makes many chunks */
	struct lade_stream_lengths lengths;
	struct chunk_toy_chunk *table; /* by id; bytes are NULL where there is none */
	size_t room, count;
	uint64_t puts, gets, lists; /* calls; lists: puts of LADE_CHUNK_RECIPE */
	uint64_t puts_left;   /* the put after so many fails */
	uint64_t gets_left;
};

/* Start with cuts of a secret. */
void chunk_toy_init(struct chunk_toy *toy);

/* Free it. */
void chunk_toy_fini(struct chunk_toy *toy);

/* What a stream is written to, and read from. */
struct lade_stream_sink chunk_toy_sink(struct chunk_toy *toy);
struct lade_stream_source chunk_toy_source(struct chunk_toy *toy);

/* The chunk of an id; fails the test if there is none. */
struct chunk_toy_chunk *chunk_toy_find(struct chunk_toy *toy, const uint8_t id[LADE_CHUNK_ID_LEN]);

/* len bytes that look random and depend on seed alone, to out. */
void chunk_toy_noise(uint32_t seed, void *out, size_t len);

#endif
