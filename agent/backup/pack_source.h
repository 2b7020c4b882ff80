/*
 * Packs that are opened to be read: their keys are derived once, and kept for the next who reads there. Any thread.
 */
#ifndef LADE_AGENT_BACKUP_PACK_SOURCE_H
#define LADE_AGENT_BACKUP_PACK_SOURCE_H

#include <stdint.h>

#include "agent/store/repository.h"

struct lade_pack_source;

/* A pack that is open; for one thread at a time. */
struct lade_open_pack {
	uint8_t name[LADE_HASH_LEN];
	char object[LADE_PACK_NAME_SIZE];
	uint64_t len;              /* of the pack, in bytes */
	struct lade_seal *chunks;  /* opens them */
	struct lade_open_pack *next; /* the source's */
};

/* Make one, without any. repository is borrowed. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_pack_source_free(). */
int lade_pack_source_new(struct lade_repository *repository, struct lade_pack_source **source_out);

/* Wipe and free it, and what it keeps; all were given back. NULL does nothing. */
void lade_pack_source_free(struct lade_pack_source *source);

/*
 * Open a pack. Returns 0 with what lade_pack_source_give() takes back; LADE_E_ABSENT: it is not there; LADE_E_CHANGED, LADE_E_TRUNCATED: its header is damaged; LADE_E_REFUSED: there is no
 * key for it at hand; LADE_E_VERSION, LADE_E_MEMORY, or what the store says.
 */
int lade_pack_source_take(struct lade_pack_source *source, const uint8_t name[LADE_HASH_LEN], struct lade_open_pack **pack_out, struct lade_fault *fault);

/* Give it back. NULL does nothing. */
void lade_pack_source_give(struct lade_pack_source *source, struct lade_open_pack *pack);

#endif
