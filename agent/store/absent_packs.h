/*
 * Packs that are about to go, or went, and that nobody may build on: agent/store/FORMAT.md [begin], step 2.
 */
#ifndef LADE_AGENT_STORE_ABSENT_PACKS_H
#define LADE_AGENT_STORE_ABSENT_PACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/repository.h"

/* Start with zeros. */
struct lade_absent_packs {
	uint8_t (*names)[LADE_HASH_LEN]; /* count of room, in order, each once */
	size_t count, room;
};

/*
 * List and read tombstones/, then what sessions say to be gone, then gone/, into packs, which is empty before; lade_absent_packs_fini() frees what it has then, failure or not. What goes away meanwhile has moved
 * on, or is of no more use. Returns 0; LADE_E_CHANGED: a tombstone, while a collector is at work, or a list in gone/ is damaged, which the fault names, so that it is not known which packs are absent; LADE_E_TRUNCATED, LADE_E_VERSION, LADE_E_LIMIT, LADE_E_MEMORY or what else
 * the store says.
 */
int lade_absent_packs_read(const struct lade_repository *repository, struct lade_absent_packs *packs, struct lade_fault *fault);

/* Free what it has; it is empty then. */
void lade_absent_packs_fini(struct lade_absent_packs *packs);

/* True if a pack is absent. */
bool lade_absent_packs_has(const struct lade_absent_packs *packs, const uint8_t name[LADE_HASH_LEN]);

#endif
