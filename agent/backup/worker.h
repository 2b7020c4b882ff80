/*
 * What a thread of a backup works with: its way to the chunk sink, and buffers.
 */
#ifndef LADE_AGENT_BACKUP_WORKER_H
#define LADE_AGENT_BACKUP_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/backup/chunk_sink.h"
#include "agent/backup/pool.h"
#include "agent/backup/slab.h"
#include "agent/store/stream_entry.h"
#include "chunker/strict_cut.h"

/* What all threads share; borrowed by each. */
struct lade_backup_shared {
	struct lade_chunk_sink *sink;
	struct lade_pool *pool;
	struct lade_slabs *slabs;           /* of LADE_BACKUP_SLAB_PARTS times the greatest chunk of content */
	const struct lade_strict_cut *cuts; /* two: of content, and of directories and lists (lade_chunk_cuts()) */
	struct lade_stream_lengths lengths; /* of chunks, as cuts have them */
};

/* Bytes of an encoded recipe at most. */
#define LADE_BACKUP_RECIPE_MAX 2048u

/* ... and of an encoded entry, with its length before it. */
#define LADE_BACKUP_ENTRY_MAX (LADE_STREAM_ENTRY_MAX + 8u)

/* So many of the greatest chunks are in a slab. */
#define LADE_BACKUP_SLAB_PARTS 4u

struct lade_backup_worker {
	const struct lade_backup_shared *shared;
	struct lade_chunk_hand *hand;
	uint8_t *small;   /* room for the content of a small file: small_size bytes */
	size_t small_size;
};

/* Prepare one for shared, whose sink and cuts are there. Returns 0 or LADE_E_MEMORY; lade_backup_worker_fini() in either case. */
int lade_backup_worker_init(struct lade_backup_worker *worker, const struct lade_backup_shared *shared);

/* Free what it has. */
void lade_backup_worker_fini(struct lade_backup_worker *worker);

/* Where a worker's streams and recipes go (agent/store/stream.h). */
struct lade_stream_sink lade_backup_worker_sink(struct lade_backup_worker *worker);

#endif
