/*
 * What says that a session is active, and then that it was committed or fenced: agent/store/FORMAT.md, section 8.
 */
#ifndef LADE_AGENT_STORE_LEASE_H
#define LADE_AGENT_STORE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object_name.h"

#define LADE_LEASE_LEN 128u

struct lade_lease {
	struct lade_session_id session;
	uint64_t time;   /* when it began by its own clock, seconds since 1970 */
	bool is_signed;  /* else it is a daemon's word */
};

/*
 * Append one to an empty writer. seed: the writer's or manager's; NULL for a daemon without keys, whose part of the session's id is zeros. Returns
 * 0, LADE_E_MEMORY, LADE_E_LIMIT or LADE_E_USAGE (seed and session do not go together).
 */
int lade_lease_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_lease *lease, const uint8_t *seed);

/*
 * Get one of len bytes. Returns 0; LADE_E_CHANGED: it is none of this repository; LADE_E_VERSION. No signature is verified, nor that its name says
 * the same.
 */
int lade_lease_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_lease *lease_out);

/* Verify its signature. Returns 0; LADE_E_CHANGED: it is not by that key, or there is none; LADE_E_MEMORY. */
int lade_lease_verify(const uint8_t *object, size_t len, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN]);

#endif
