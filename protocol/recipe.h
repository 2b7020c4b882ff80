/*
 * Recipes: what a file consists of, piece by piece. A piece is a stretch of the file with
 * its digest and the lengths and names of the chunks that it is cut into. See PROTOCOL.md,
 * [recipe].
 */
#ifndef LADE_PROTOCOL_RECIPE_H
#define LADE_PROTOCOL_RECIPE_H

#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/limits.h"

/* A chunk's name: the first LADE_CHUNK_NAME_LEN bytes of its digest as a number, big-endian. */
uint64_t lade_chunk_name(const uint8_t digest[LADE_DIGEST_LEN]);

/* One chunk of a recipe. */
struct lade_recipe_chunk {
	uint32_t len; /* bytes, not 0 */
	uint64_t name;
};

/* Append a chunk; failures show in writer->error. */
void lade_recipe_put(struct lade_writer *writer, const struct lade_recipe_chunk *chunk);

/*
 * The next chunk of a piece's list. Returns 1, 0 at the end, or LADE_E_PROTOCOL (LADE_E_TRUNCATED,
 * LADE_E_LIMIT) for what is no list of chunks.
 */
int lade_recipe_get(struct lade_reader *reader, struct lade_recipe_chunk *chunk_out);

/*
 * Check the list of a piece of len bytes: whole, and the lengths add up. An empty list is valid: the
 * piece is one chunk. Returns 0 or LADE_E_PROTOCOL.
 */
int lade_recipe_check(struct lade_slice chunks, uint32_t len);

#endif
