/*
 * A snapshot in memory, for tests of what reads snapshots: chunks are named as those of a repository are, and can be lost.
 */
#ifndef LADE_TESTS_UNIT_RESTORE_TOY_H
#define LADE_TESTS_UNIT_RESTORE_TOY_H

#include <pthread.h>

#include "agent/backup/restore.h"
#include "agent/store/chunk_id.h"
#include "agent/store/stream_entry.h"

struct restore_toy_chunk {
	uint8_t id[LADE_CHUNK_ID_LEN];
	enum lade_chunk_kind kind;
	uint8_t *bytes;
	size_t len;
	bool lost;
};

struct restore_toy {
	uint8_t key[LADE_SEAL_KEY_LEN];
	struct lade_chunk_namer *namer;
	struct lade_strict_cut cuts[2];      /* short lengths, so that little makes many chunks */
	struct lade_stream_lengths lengths;
	struct restore_toy_chunk *chunks;    /* count of capacity */
	size_t count, capacity;
	uint64_t fetched;                    /* chunks that were delivered */
	uint64_t stop_after;                 /* ... and after so many the run is stopped: */
	struct lade_restore *stops;
	pthread_mutex_t lock;
};

/* A directory that is being made: entries come in order. */
struct restore_toy_directory {
	struct restore_toy *toy;
	struct lade_writer entries;
};

/* Start, and free. */
void restore_toy_init(struct restore_toy *toy);
void restore_toy_fini(struct restore_toy *toy);

/* Where a restore gets all from. */
struct lade_restore_source restore_toy_source(struct restore_toy *toy);

/* The encoded recipe of a stream of bytes. Never freed before the test ends: the caller frees recipe_out. */
void restore_toy_put(struct restore_toy *toy, enum lade_chunk_kind kind, const void *bytes, size_t len, struct lade_writer *recipe_out);

/* Lose all content chunks, or find them again. */
void restore_toy_lose(struct restore_toy *toy, bool lost);

void restore_toy_begin(struct restore_toy *toy, struct restore_toy_directory *directory_out);

/* Add an entry: name, mode and mtime, and what else is set in more (may be NULL). */
void restore_toy_add(struct restore_toy_directory *directory, const char *name, uint32_t mode, const struct lade_stream_entry *more);

/* Add a file with that content. */
void restore_toy_file(struct restore_toy_directory *directory, const char *name, const void *bytes, size_t len, const struct lade_stream_entry *more);

/* Add a directory, which ends with this. */
void restore_toy_subdirectory(struct restore_toy_directory *directory, const char *name, uint32_t mode, struct restore_toy_directory *ends);

/* End the root. */
void restore_toy_root(struct restore_toy_directory *ends, struct lade_writer *recipe_out);

/* len bytes that look random and depend on seed alone, to out. */
void restore_toy_noise(uint32_t seed, void *out, size_t len);

/* The time that entries have. */
#define RESTORE_TOY_TIME INT64_C(1000000000)

#endif
