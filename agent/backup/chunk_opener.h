/*
 * What a thread opens chunks with: agent/store/FORMAT.md [pack], [id].
 */
#ifndef LADE_AGENT_BACKUP_CHUNK_OPENER_H
#define LADE_AGENT_BACKUP_CHUNK_OPENER_H

#include <stdint.h>

#include "agent/store/repository.h"
#include "protocol/bytes.h"

struct lade_chunk_opener;

/* Make one. Returns 0; LADE_E_REFUSED: the key of ids is not at hand; LADE_E_MEMORY. The caller frees it with lade_chunk_opener_free(). */
int lade_chunk_opener_new(const struct lade_repository *repository, struct lade_chunk_opener **opener_out, struct lade_fault *fault);

/* Wipe and free it. NULL does nothing. */
void lade_chunk_opener_free(struct lade_chunk_opener *opener);

/* A chunk that is sealed. */
struct lade_chunk_sealed {
	struct lade_seal *chunks; /* opens those of the pack */
	struct lade_pack_row row;
	uint8_t *sealed;          /* row.sealed_len bytes, which are overwritten */
	uint8_t *room;            /* row.len bytes, for a chunk that was compressed */
};

/*
 * Open a chunk. chunk_out: its row.len bytes, either in the room or where the sealed ones were. Returns 0; LADE_E_CHANGED: it does not open, is not as long as the row says, or is called
 * otherwise; LADE_E_MEMORY. For one thread at a time.
 */
int lade_chunk_opener_open(struct lade_chunk_opener *opener, const struct lade_chunk_sealed *sealed, struct lade_slice *chunk_out);

#endif
