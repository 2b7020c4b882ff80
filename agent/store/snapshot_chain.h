/*
 * A writer's last snapshot, which the next one names: agent/store/FORMAT.md [snapshot].
 */
#ifndef LADE_AGENT_STORE_SNAPSHOT_CHAIN_H
#define LADE_AGENT_STORE_SNAPSHOT_CHAIN_H

#include "agent/store/repository.h"

/* The end of a chain. */
struct lade_snapshot_chain {
	uint64_t number;             /* of the last snapshot; 0: there is none */
	uint8_t hash[LADE_HASH_LEN]; /* of it; else zeros */
};

/*
 * Find the last snapshot of a writer: published, committed, or forgotten since. What is damaged does not count. Of several of that number it is the one that was seen, if it is among them; seen NULL: any. Returns 0, LADE_E_LIMIT: there can be no next one; LADE_E_MEMORY or what else the store says.
 */
int lade_snapshot_chain_find(const struct lade_repository *repository, const uint8_t writer[LADE_PARTY_ID_LEN], const struct lade_snapshot_chain *seen,
			     struct lade_snapshot_chain *chain_out, struct lade_fault *fault);

#endif
