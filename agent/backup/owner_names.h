/*
 * What users and groups are called, asked of the name service once each. One thread.
 */
#ifndef LADE_AGENT_BACKUP_OWNER_NAMES_H
#define LADE_AGENT_BACKUP_OWNER_NAMES_H

#include <stdint.h>

#include "agent/tree/identity.h"
#include "protocol/bytes.h"

struct lade_owner_names;

/* Make it, with nothing in it. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_owner_names_free(). */
int lade_owner_names_new(struct lade_owner_names **names_out);

/* Free it. NULL does nothing. */
void lade_owner_names_free(struct lade_owner_names *names);

/*
 * The name of a user or group. Returns 0 with the name, empty if there is none or for 0, which means the same everywhere; borrowed until the next call. Or LADE_E_MEMORY.
 */
int lade_owner_names_get(struct lade_owner_names *names, enum lade_identity_kind kind, uint32_t id, struct lade_slice *name_out);

#endif
