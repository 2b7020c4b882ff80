/*
 * A small file is one that is a chunk at most; each worker has room for one.
 */
#include "agent/backup/worker.h"

#include <stdlib.h>

int lade_backup_worker_init(struct lade_backup_worker *worker, const struct lade_backup_shared *shared)
{
	*worker = (struct lade_backup_worker){ .shared = shared, .small_size = shared->cuts[0].lengths.least };
	worker->small = malloc(worker->small_size);
	return worker->small ? lade_chunk_hand_new(shared->sink, &worker->hand) : LADE_E_MEMORY;
}

void lade_backup_worker_fini(struct lade_backup_worker *worker)
{
	lade_chunk_hand_free(worker->hand);
	free(worker->small);
}

static int put(void *context, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN], struct lade_fault *fault)
{
	struct lade_backup_worker *worker = context;

	return lade_chunk_hand_put(worker->hand, kind, chunk, id_out, fault);
}

struct lade_stream_sink lade_backup_worker_sink(struct lade_backup_worker *worker)
{
	return (struct lade_stream_sink){ .put = put, .context = worker, .cuts = worker->shared->cuts };
}
