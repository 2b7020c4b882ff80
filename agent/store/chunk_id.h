/*
 * What chunks are called, and where streams are cut into them: agent/store/FORMAT.md [id], [cut].
 */
#ifndef LADE_AGENT_STORE_CHUNK_ID_H
#define LADE_AGENT_STORE_CHUNK_ID_H

#include <stdint.h>

#include "agent/store/format.h"
#include "agent/store/pack.h"
#include "protocol/bytes.h"

/* Makes ids; for one thread at a time. */
struct lade_chunk_namer;

/* Make one, of the key of ids. Returns 0 or LADE_E_MEMORY. The caller frees *namer_out with lade_chunk_namer_free(). */
int lade_chunk_namer_new(enum lade_id_hash hash, const uint8_t key[LADE_SEAL_KEY_LEN], struct lade_chunk_namer **namer_out);

/* Wipe and free it. NULL does nothing. */
void lade_chunk_namer_free(struct lade_chunk_namer *namer);

/* The id of a chunk. Returns 0 or LADE_E_MEMORY. */
int lade_chunk_namer_name(struct lade_chunk_namer *namer, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN]);

/*
 * Prepare cutting by the key of cuts and a format's lengths: cuts_out[0] is for content, cuts_out[1] for directories and lists. Wipe them like the key. Returns 0,
 * LADE_E_MEMORY or LADE_E_LIMIT.
 */
int lade_chunk_cuts(const struct lade_format *format, const uint8_t key[LADE_SEAL_KEY_LEN], struct lade_strict_cut cuts_out[2]);

#endif
