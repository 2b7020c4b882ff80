/*
 * Finding in a file that is there what another one is made of: chunks of a recipe, by their ids.
 */
#ifndef LADE_AGENT_BACKUP_RESTORE_BASIS_H
#define LADE_AGENT_BACKUP_RESTORE_BASIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/chunk_id.h"
#include "agent/store/stream_recipe.h"
#include "chunker/strict_cut.h"
#include "protocol/error.h"

/* Chunks that are remembered as missing, at most: what comes behind is not looked for. */
#define RESTORE_BASIS_MISSING_MAX (1u << 18)

/* What one thread reads with. */
struct restore_basis_reader {
	struct lade_chunk_namer *namer;
	const struct lade_strict_cut *cut; /* of content; borrowed */
	uint8_t *buffer;                   /* two chunks of the greatest length */
};

/* Bytes that are there. */
struct restore_basis_range {
	uint64_t to, from, len; /* from: in the basis */
};

/* A chunk that is not. */
struct restore_basis_missing {
	struct lade_stream_item item;
	uint64_t off; /* in the stream */
};

/* What was found. The caller frees it with restore_basis_match_fini(). */
struct restore_basis_match {
	struct restore_basis_range *ranges; /* in order of `to`, but for those that moved, which come last; neighbours are joined */
	size_t range_count, range_capacity;
	struct restore_basis_missing *missing; /* in order */
	size_t missing_count, missing_capacity;
	size_t missing_room; /* of missing, at most: RESTORE_BASIS_MISSING_MAX; for tests */
	uint64_t found_len;
	bool whole;          /* the recipe was looked at to its end */
};

/* Prepare a reader. cut is borrowed. Returns 0 or LADE_E_MEMORY; the caller frees it with restore_basis_reader_fini(), failure or not. */
int restore_basis_reader_init(struct restore_basis_reader *reader, enum lade_id_hash hash, const uint8_t *ids_key, const struct lade_strict_cut *cut);

/* Free what it has. */
void restore_basis_reader_fini(struct restore_basis_reader *reader);

/* Start with nothing. */
void restore_basis_match_init(struct restore_basis_match *match);

/* Free what it has; it is empty then. */
void restore_basis_match_fini(struct restore_basis_match *match);

/*
 * Read the basis, fd of basis_len bytes, and look in it for the chunks that come next in cursor: first each at its own place, then, in what is left of the basis, wherever
 * it is cut as the stream was; moved: false leaves the latter out. match is empty. What cannot be read of the basis is not there. Returns 0, LADE_E_MEMORY, or what the cursor says. If match->whole is false then the cursor stands at the chunk
 * behind the last one that was looked for.
 */
int restore_basis_find(struct restore_basis_reader *reader, int fd, uint64_t basis_len, bool moved, struct lade_recipe_cursor *cursor, struct restore_basis_match *match,
		    struct lade_fault *fault);

/* True if all of the stream, of length bytes, is where it belongs. */
bool restore_basis_is_same(const struct restore_basis_match *match, uint64_t length);

/* True if the len bytes at off of fd are the content chunk of that id. Returns 1 or 0, LADE_E_MEMORY, or LADE_E_SOURCE: they cannot be read. len is at most the greatest length. */
int restore_basis_is_chunk(struct restore_basis_reader *reader, int fd, uint64_t off, const struct lade_stream_item *item);

#endif
