/*
 * Descriptions of snapshots as lists; for snapshot*.c.
 */
#ifndef LADE_AGENT_STORE_SNAPSHOT_INTERNAL_H
#define LADE_AGENT_STORE_SNAPSHOT_INTERNAL_H

#include "agent/store/snapshot.h"

/* What a list is padded to at least. */
#define LADE_SNAPSHOT_LIST_LEAST 1024u

/* Append the list, without padding. Returns 0, LADE_E_MEMORY, LADE_E_LIMIT, or LADE_E_USAGE: there is no root, or a second has too many nanoseconds. */
int lade_snapshot_description_put(struct lade_writer *list, const struct lade_snapshot_description *description);

/*
 * Get what the len bytes at description->bytes say, padding and all; all else in it is zeros. Returns 0, LADE_E_CHANGED or LADE_E_MEMORY; what has to be freed is in description, failure or
 * not.
 */
int lade_snapshot_description_get(struct lade_snapshot_description *description, size_t len);

#endif
