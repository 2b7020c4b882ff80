/*
 * Finding in a file that is there what another one is made of: chunks of a recipe, by their ids.
 */
#ifndef LADE_AGENT_BACKUP_RESTORE_BASIS_H
#define LADE_AGENT_BACKUP_RESTORE_BASIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backup/restore_look.h"
#include "protocol/error.h"

/* Chunks that are remembered as missing, at most: what comes behind is not looked for. */
#define RESTORE_BASIS_MISSING_MAX (1u << 18)

/* Bytes of small gaps between chunks that are in their places, in which moved ones are looked for whether any are found or not. */
#define RESTORE_BASIS_GAPS_TRIED (UINT64_C(16) << 20)

/* Bytes that are there. */
struct restore_basis_range {
	uint64_t to, from, len; /* from: in the basis */
	bool written;           /* to what basis->into is */
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
	uint64_t gaps_tried;   /* RESTORE_BASIS_GAPS_TRIED; for tests */
	uint64_t found_len;
	bool whole;          /* the recipe was looked at to its end */
};

/* Start with nothing. */
void restore_basis_match_init(struct restore_basis_match *match);

/* Free what it has; it is empty then. */
void restore_basis_match_fini(struct restore_basis_match *match);

/*
 * Read the basis and look in it for the chunks that come next in cursor: first each at its own place, then, in what is left of the basis, wherever
 * it is cut as the stream was; moved: false leaves the latter out. match is empty. What cannot be read of the basis is not there. basis->into, if it is not NULL, is the file
 * that the stream is of: as soon as it is clear that the basis is not that file, but has some of it, what is found in its place is written there, unless it shares the basis's
 * blocks. Returns 0, LADE_E_CANCELLED, LADE_E_MEMORY, or what the cursor says. If match->whole is false then the cursor stands at the chunk behind the last one that was looked for.
 */
int restore_basis_find(struct restore_reader *reader, const struct restore_seen *basis, bool moved, struct lade_recipe_cursor *cursor, struct restore_basis_match *match,
		       struct lade_fault *fault);

/* True if all of the stream, of length bytes, is where it belongs. */
bool restore_basis_is_same(const struct restore_basis_match *match, uint64_t length);

#endif
