/*
 * Finds a block by its digest: a bitmap that answers most questions about digests that no
 * block has, and a hash table behind it. Made once for a signature, then only asked.
 */
#ifndef LADE_CHUNKER_BLOCK_INDEX_H
#define LADE_CHUNKER_BLOCK_INDEX_H

#include <stdbool.h>
#include <stdint.h>

/* What lade_block_index_find() returns for none. */
#define LADE_BLOCK_NONE UINT32_MAX

/* Read-only once made: any threads may ask. */
struct lade_block_index {
	const uint8_t *digests; /* borrowed */
	uint64_t *seen;         /* bit (digest & seen_mask) is set for each block */
	uint64_t seen_mask;
	uint32_t *slots;        /* 2^slot_bits block numbers, or LADE_BLOCK_NONE */
	unsigned slot_bits;
};

/*
 * Index count blocks (1 to LADE_SIGNATURE_COUNT_MAX) whose digests, LADE_BLOCK_DIGEST_LEN bytes
 * each, are at digests; they are borrowed until lade_block_index_fini(). Of blocks with the same
 * digest the first is found. Returns 0, or LADE_E_MEMORY, and then there is nothing to free.
 */
int lade_block_index_init(struct lade_block_index *index, const uint8_t *digests, uint32_t count);

/* Free what the index keeps; the digests stay their owner's. */
void lade_block_index_fini(struct lade_block_index *index);

/* False if no block has this digest; true if one may have it. */
static inline bool lade_block_index_may_have(const struct lade_block_index *index, uint64_t digest)
{
	uint64_t bit = digest & index->seen_mask;

	return index->seen[bit / 64] >> (bit % 64) & 1;
}

/* The block that has this digest, or LADE_BLOCK_NONE. */
uint32_t lade_block_index_find(const struct lade_block_index *index, uint64_t digest);

#endif
