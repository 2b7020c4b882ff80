/*
 * A hash table of lists, and one list of all blocks, the one that was used last first. A writer chooses the names of packs that he puts in tables, so that a keyed hash says in which list a block is; and as packs may be
 * short, what a block takes besides its bytes counts, too.
 */
#include "agent/backup/block_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/place_hash.h"
#include "protocol/byteorder.h"
#include "protocol/error.h"

#define SLOTS 1024u

struct block {
	struct lade_block_key key;
	struct block *next;               /* in its slot */
	struct block *newer, *older;
	size_t len;
	uint8_t bytes[];
};

struct lade_block_cache {
	pthread_mutex_t lock;
	size_t limit, len;
	struct block *newest, *oldest;
	struct lade_place_key secret;
	struct block *slots[SLOTS];
};

int lade_block_cache_new(size_t len, struct lade_block_cache **cache_out)
{
	struct lade_block_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return LADE_E_MEMORY;
	pthread_mutex_init(&cache->lock, NULL);
	cache->limit = len;
	lade_place_key_make(&cache->secret);
	*cache_out = cache;
	return 0;
}

void lade_block_cache_free(struct lade_block_cache *cache)
{
	struct block *block;

	if (!cache)
		return;
	while ((block = cache->newest)) {
		cache->newest = block->older;
		free(block);
	}
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

/* What a block of so many bytes takes, as far as the limit goes. */
static size_t size_of(size_t len)
{
	return sizeof(struct block) + len;
}

static struct block **slot_of(struct lade_block_cache *cache, const struct lade_block_key *key)
{
	uint8_t bytes[sizeof(key->pack) + sizeof(key->number)];

	memcpy(bytes, key->pack, sizeof(key->pack));
	lade_put_le32(bytes + sizeof(key->pack), key->number);
	return &cache->slots[lade_place_hash(&cache->secret, bytes, sizeof(bytes)) % SLOTS];
}

/* Lock held. */
static struct block *find(struct lade_block_cache *cache, const struct lade_block_key *key)
{
	struct block *block = *slot_of(cache, key);

	while (block && (block->key.number != key->number || memcmp(block->key.pack, key->pack, sizeof(key->pack)) != 0))
		block = block->next;
	return block;
}

static void unlink_age(struct lade_block_cache *cache, struct block *block)
{
	*(block->newer ? &block->newer->older : &cache->newest) = block->older;
	*(block->older ? &block->older->newer : &cache->oldest) = block->newer;
}

static void link_newest(struct lade_block_cache *cache, struct block *block)
{
	block->newer = NULL;
	block->older = cache->newest;
	*(block->older ? &block->older->newer : &cache->oldest) = block;
	cache->newest = block;
}

/* Lock held. */
static void drop_oldest(struct lade_block_cache *cache)
{
	struct block *block = cache->oldest;
	struct block **place = slot_of(cache, &block->key);

	while (*place != block)
		place = &(*place)->next;
	*place = block->next;
	cache->oldest = block->newer;
	if (cache->oldest)
		cache->oldest->older = NULL;
	else
		cache->newest = NULL;
	cache->len -= size_of(block->len);
	free(block);
}

bool lade_block_cache_copy(struct lade_block_cache *cache, const struct lade_block_key *key, size_t off, size_t len, uint8_t *out)
{
	struct block *block;
	bool there;

	pthread_mutex_lock(&cache->lock);
	block = find(cache, key);
	there = block && off <= block->len && len <= block->len - off;
	if (there) {
		memcpy(out, block->bytes + off, len);
		unlink_age(cache, block);
		link_newest(cache, block);
	}
	pthread_mutex_unlock(&cache->lock);
	return there;
}

void lade_block_cache_keep(struct lade_block_cache *cache, const struct lade_block_key *key, const uint8_t *bytes, size_t len)
{
	const size_t size = size_of(len);
	struct block *block = size <= cache->limit ? malloc(size) : NULL;

	if (!block)
		return;
	block->key = *key;
	block->len = len;
	memcpy(block->bytes, bytes, len);
	pthread_mutex_lock(&cache->lock);
	if (find(cache, key)) {
		free(block); /* another thread was faster */
	} else {
		struct block **slot = slot_of(cache, key);

		while (cache->oldest && cache->len > cache->limit - size)
			drop_oldest(cache);
		block->next = *slot;
		*slot = block;
		link_newest(cache, block);
		cache->len += size;
	}
	pthread_mutex_unlock(&cache->lock);
}
