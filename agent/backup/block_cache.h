/*
 * Blocks of packs that were read lately, sealed as they are. Any thread.
 */
#ifndef LADE_AGENT_BACKUP_BLOCK_CACHE_H
#define LADE_AGENT_BACKUP_BLOCK_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object.h"

struct lade_block_cache;

/* Which block. */
struct lade_block_key {
	uint8_t pack[LADE_HASH_LEN];
	uint32_t number;
};

/* Make one that takes at most len bytes or so for blocks; those that were of no use for longest go first. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_block_cache_free(). */
int lade_block_cache_new(size_t len, struct lade_block_cache **cache_out);

/* Free it. NULL does nothing. */
void lade_block_cache_free(struct lade_block_cache *cache);

/* Copy len bytes at off of a block to out. False: it is not there, or has not so many. */
bool lade_block_cache_copy(struct lade_block_cache *cache, const struct lade_block_key *key, size_t off, size_t len, uint8_t *out);

/* Keep a copy of a block of len bytes, if there is memory and room for it. */
void lade_block_cache_keep(struct lade_block_cache *cache, const struct lade_block_key *key, const uint8_t *bytes, size_t len);

#endif
