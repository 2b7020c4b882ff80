/*
 * Open addressing with linear probing, at most half full. The digests are the peer's,
 * who knows the key too: it could choose them all for one place of the table and make each
 * question walk over all of them. So nobody walks further than PROBES_MAX; a block that has no
 * place within it is not found, which costs its bytes and nothing else. In a table of evenly
 * spread digests that happens to two or three blocks of a million.
 */
#include "chunker/block_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "chunker/block_hash.h"
#include "protocol/error.h"

#define PROBES_MAX 32u
/* Bits of the bitmap for each block, at least: of other digests one in 64 passes, or fewer. */
#define SEEN_PER_BLOCK 64u
#define SLOTS_PER_BLOCK 2u

static uint64_t digest_of(const struct lade_block_index *index, uint32_t block)
{
	return lade_block_digest_get(index->digests + (size_t)block * LADE_BLOCK_DIGEST_LEN);
}

/*
 * The slot where digest is or might be put, or NULL if there is no room for it. Slots go by
 * the high bits of a digest as the bitmap goes by the low ones.
 */
static uint32_t *slot_of(const struct lade_block_index *index, uint64_t digest)
{
	size_t mask = ((size_t)1 << index->slot_bits) - 1;
	size_t at = (size_t)(digest >> (LADE_BLOCK_DIGEST_BITS - index->slot_bits));

	for (unsigned i = 0; i < PROBES_MAX; i++, at++) {
		uint32_t *slot = &index->slots[at & mask];

		if (*slot == LADE_BLOCK_NONE || digest_of(index, *slot) == digest)
			return slot;
	}
	return NULL;
}

static void add(struct lade_block_index *index, uint32_t block)
{
	uint64_t digest = digest_of(index, block), bit = digest & index->seen_mask;
	uint32_t *slot = slot_of(index, digest);

	index->seen[bit / 64] |= (uint64_t)1 << (bit % 64);
	if (slot && *slot == LADE_BLOCK_NONE)
		*slot = block;
}

int lade_block_index_init(struct lade_block_index *index, const uint8_t *digests, uint32_t count)
{
	uint64_t seen_count = 64;
	size_t slot_count;

	assert(count > 0);
	index->digests = digests;
	while (seen_count < (uint64_t)count * SEEN_PER_BLOCK)
		seen_count *= 2;
	index->seen_mask = seen_count - 1;
	index->slot_bits = 1;
	while ((uint64_t)1 << index->slot_bits < (uint64_t)count * SLOTS_PER_BLOCK)
		index->slot_bits++;
	slot_count = (size_t)1 << index->slot_bits;
	index->seen = calloc((size_t)(seen_count / 64), sizeof(*index->seen));
	index->slots = malloc(slot_count * sizeof(*index->slots));
	if (!index->seen || !index->slots) {
		lade_block_index_fini(index);
		return LADE_E_MEMORY;
	}
	memset(index->slots, 0xff, slot_count * sizeof(*index->slots)); /* LADE_BLOCK_NONE */
	for (uint32_t block = 0; block < count; block++)
		add(index, block);
	return 0;
}

void lade_block_index_fini(struct lade_block_index *index)
{
	free(index->seen);
	free(index->slots);
	index->seen = NULL;
	index->slots = NULL;
}

uint32_t lade_block_index_find(const struct lade_block_index *index, uint64_t digest)
{
	const uint32_t *slot = slot_of(index, digest);

	return slot ? *slot : LADE_BLOCK_NONE;
}
