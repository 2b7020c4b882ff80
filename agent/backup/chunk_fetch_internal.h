/*
 * What the files of agent/backup/chunk_fetch share.
 */
#ifndef LADE_AGENT_BACKUP_CHUNK_FETCH_INTERNAL_H
#define LADE_AGENT_BACKUP_CHUNK_FETCH_INTERNAL_H

#include <pthread.h>

#include "agent/backup/block_cache.h"
#include "agent/backup/chunk_fetch.h"
#include "agent/backup/chunk_opener.h"
#include "agent/backup/pack_source.h"

/* Memory that grows. */
struct fetch_buffer {
	uint8_t *data;
	size_t size;
};

/* What a thread works with. */
struct fetch_hand {
	struct lade_chunk_opener *opener;
	struct fetch_buffer window; /* a range of a pack */
	struct fetch_buffer sealed; /* one chunk of it */
	struct fetch_buffer plain;  /* ... and decompressed */
	struct fetch_hand *next;    /* of those that nobody uses */
};

struct lade_chunk_fetch {
	struct lade_chunk_fetch_setup setup;
	struct lade_stream_lengths lengths;
	struct lade_pack_source *packs;
	struct lade_block_cache *blocks;
	pthread_mutex_t lock;          /* of what follows */
	struct fetch_hand *hands;
};

/* Take a hand that nobody uses, or make one. Returns 0, LADE_E_REFUSED or LADE_E_MEMORY. */
int fetch_hand_take(struct lade_chunk_fetch *fetch, struct fetch_hand **hand_out, struct lade_fault *fault);

/* Give it back. */
void fetch_hand_give(struct lade_chunk_fetch *fetch, struct fetch_hand *hand);

/* Have a buffer hold at least len bytes; what it held is kept. Returns 0 or LADE_E_MEMORY. */
int fetch_buffer_grow(struct fetch_buffer *buffer, size_t len);

/*
 * Get a chunk from any place that has it: chunk_out is borrowed until the hand is used again. Returns as lade_chunk_fetch_get().
 */
int fetch_anywhere(struct lade_chunk_fetch *fetch, struct fetch_hand *hand, const struct lade_chunk_want *want, struct lade_slice *chunk_out,
		   struct lade_fault *fault);

#endif
