/*
 * Chunks out of the packs of a repository: one at a time, or many at once in the order in which they are stored.
 *
 * What is handed out was opened, decompressed, and is called what it was asked for: neither a table nor a pack can have other bytes stand for it
 * (agent/store/FORMAT.md [id]). Of a chunk that is in several packs one that is whole is found, as long as there is one. Packs are read in aligned blocks
 * of LADE_FETCH_BLOCK_LEN, so that the store does not learn where chunks begin and end (FORMAT.md [what the store learns]); in a folder here nobody does.
 */
#ifndef LADE_AGENT_BACKUP_CHUNK_FETCH_H
#define LADE_AGENT_BACKUP_CHUNK_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/chunk_map.h"
#include "agent/store/repository.h"
#include "agent/store/stream_recipe.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

#define LADE_FETCH_BLOCK_LEN (1u << 20)

/* The same of many chunks in a folder here: what is between them costs no more than another read. */
#define LADE_FETCH_HERE_BLOCK_LEN (64u << 10)

/* Threads at most. */
#define LADE_FETCH_THREADS_MAX 64u

struct lade_chunk_fetch;

struct lade_chunk_fetch_setup {
	struct lade_repository *repository;  /* whose keys may read; borrowed, and nobody reads its trust/ anew meanwhile */
	const struct lade_chunk_map *map;    /* settled; borrowed */
	unsigned threads;                    /* that fetch and open at once, 1 to LADE_FETCH_THREADS_MAX */
	size_t cache_len;                    /* bytes of blocks that are kept for lade_chunk_fetch_get(); 0: none */
};

/* Make one. Returns 0; LADE_E_REFUSED: the key of ids is not at hand; LADE_E_MEMORY. The caller frees *fetch_out with lade_chunk_fetch_free(). */
int lade_chunk_fetch_new(const struct lade_chunk_fetch_setup *setup, struct lade_chunk_fetch **fetch_out, struct lade_fault *fault);

/* Wipe what it opened and free it; nobody uses it. NULL does nothing. */
void lade_chunk_fetch_free(struct lade_chunk_fetch *fetch);

/*
 * Get one chunk: item->len bytes at out. For struct lade_stream_source; context is the fetch. Returns 0; LADE_E_ABSENT: no table has it, or the packs that should are not there;
 * LADE_E_CHANGED: those that have it are damaged; LADE_E_LIMIT: no chunk is that long; LADE_E_REFUSED: the keys at hand do not open it; LADE_E_MEMORY, or what the store says. The fault names the pack, or the chunk if there is none. Any thread.
 */
int lade_chunk_fetch_get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault);

/* A chunk that is wanted. */
struct lade_chunk_want {
	uint8_t id[LADE_CHUNK_ID_LEN];
	uint32_t len;               /* of the chunk, in bytes */
	enum lade_chunk_kind kind;
	void *cookie;               /* this and off are the caller's */
	uint64_t off;
};

/* Who gets them. Both are called from several threads at once; what they return other than 0 ends the run. */
struct lade_chunk_fetch_events {
	/* Here it is: want->len bytes, borrowed for the time of the call. */
	int (*deliver)(void *context, const struct lade_chunk_want *want, struct lade_slice bytes, struct lade_fault *fault);
	/* It cannot be had: why says what lade_chunk_fetch_get() would. The others come nevertheless. */
	int (*failed)(void *context, const struct lade_chunk_want *want, const struct lade_fault *why);
	void *context;
};

/*
 * Get many: each want is told of exactly once, unless the run is ended. They are fetched in the order of packs, several ranges of neighbouring blocks at once, and one that is
 * wanted several times is fetched once. wants are borrowed for the time of the call. Takes 16 bytes for each of them, and a few MiB for each thread. Returns 0, what an event returned,
 * LADE_E_LIMIT (more than 2^32 - 1 wants) or LADE_E_MEMORY. One run at a time, beside lade_chunk_fetch_get().
 */
int lade_chunk_fetch_run(struct lade_chunk_fetch *fetch, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events,
			 struct lade_fault *fault);

#endif
