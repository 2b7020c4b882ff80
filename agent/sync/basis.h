/*
 * A basis: an old file at the destination, cut into chunks that a recipe may name.
 */
#ifndef LADE_AGENT_SYNC_BASIS_H
#define LADE_AGENT_SYNC_BASIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/sync/cut_stream.h"
#include "protocol/error.h"
#include "protocol/recipe.h"

/* No chunk. */
#define LADE_BASIS_NONE SIZE_MAX

/* A chunk: where it begins; it ends where the next one begins. */
struct lade_basis_chunk {
	uint64_t off;
	uint64_t name;
};

/* All zeros but fd, which is -1: none is open. */
struct lade_basis {
	int fd;
	struct stat st;    /* when it was opened */
	bool backwards;    /* of several chunks with one name the last is to be found, not the first: set before it is cut */
	bool cut;          /* the rest is valid */
	size_t count;
	struct lade_basis_chunk *chunks; /* count + 1 of them: the last is the end of the file */
	uint32_t *table;   /* of table_mask + 1: number of a chunk + 1, or 0; by name, the first of each, or the last */
	size_t table_mask;
};

/*
 * Open name in the directory as a basis, if it is a regular file with content that may be read.
 * Returns 0, or LADE_E_ABSENT. The caller ends it with lade_basis_close().
 */
int lade_basis_open(struct lade_basis *basis, int directory_fd, const char *name);

/* Close it; one that is not open does nothing. */
void lade_basis_close(struct lade_basis *basis);

/* True if the file is what it was when it was opened, as far as stat tells. */
bool lade_basis_unchanged(const struct lade_basis *basis);

/*
 * Cut it; stream is the caller's and is started by this. Returns 0, LADE_E_SHRUNK or LADE_E_SOURCE if it cannot be read to its
 * end (then there are chunks up to there), or LADE_E_MEMORY.
 */
int lade_basis_cut(struct lade_basis *basis, const struct lade_run_key *key, unsigned cut_class,
		   struct lade_cut_stream *stream);

/*
 * The number of the chunk that is meant; LADE_BASIS_NONE if there is none. likely: the chunk that would continue what was
 * found last, which is preferred where several have the name.
 */
size_t lade_basis_find(const struct lade_basis *basis, const struct lade_recipe_chunk *chunk, size_t likely);

/* The number of the chunk that ends at off; LADE_BASIS_NONE if none does. */
size_t lade_basis_before(const struct lade_basis *basis, uint64_t off);

#endif
