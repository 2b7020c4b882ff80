/*
 * A snapshot as it is in the store, verified: whose it is by its place, and that this writer has signed it.
 */
#ifndef LADE_AGENT_STORE_SIGNED_SNAPSHOT_H
#define LADE_AGENT_STORE_SIGNED_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/object_list.h"
#include "agent/store/repository.h"
#include "agent/store/snapshot.h"

/* Start with zeros. */
struct lade_signed_snapshot {
	uint8_t *object;
	struct lade_snapshot_head head; /* borrows it */
	uint8_t hash[LADE_HASH_LEN];    /* of the object */
	struct lade_snapshot_id id;     /* that this makes */
};

/*
 * Read and verify the snapshot that a list has told of, in snapshots/ or in a session of a writer. Returns 0 with what lade_signed_snapshot_fini() frees; LADE_E_CHANGED: it is none, or not signed by the writer
 * whose it has to be by its name, or not of that number or hash; LADE_E_AUTH: nobody knows that writer; LADE_E_VERSION; LADE_E_ABSENT: it is no longer there; LADE_E_MEMORY or what else the store says.
 */
int lade_signed_snapshot_read(const struct lade_repository *repository, const struct lade_object_item *item, struct lade_signed_snapshot *snapshot_out,
			      struct lade_fault *fault);

/* Free what it has; it is empty then. */
void lade_signed_snapshot_fini(struct lade_signed_snapshot *snapshot);

/* True if the snapshot names a table of that SHA-256. */
bool lade_signed_snapshot_names(const struct lade_signed_snapshot *snapshot, const uint8_t table[LADE_HASH_LEN]);

#endif
