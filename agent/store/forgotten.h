/*
 * What is left of a snapshot that was removed: agent/store/FORMAT.md [forgotten].
 */
#ifndef LADE_AGENT_STORE_FORGOTTEN_H
#define LADE_AGENT_STORE_FORGOTTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object.h"

#define LADE_FORGOTTEN_LEN 200u

struct lade_forgotten {
	uint8_t writer[LADE_PARTY_ID_LEN];   /* whose snapshot it was */
	uint64_t number;                     /* of the snapshot, from 1 */
	uint8_t snapshot[LADE_HASH_LEN];     /* SHA-256 of it */
	uint8_t before[LADE_HASH_LEN];       /* of the one before it, as it says itself; zeros if it was the first */
	uint64_t time;                       /* when it was removed, seconds since 1970 */
	uint8_t manager[LADE_PARTY_ID_LEN];  /* who did; zeros: a daemon by its own retention */
	bool is_signed;                      /* else it is a daemon's word */
};

/*
 * Append one to an empty writer. seed: the manager's; NULL for a daemon, and manager is zeros then. Returns 0, LADE_E_MEMORY, LADE_E_LIMIT or
 * LADE_E_USAGE (they do not go together).
 */
int lade_forgotten_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_forgotten *forgotten,
		       const uint8_t *seed);

/*
 * Get one of len bytes. Returns 0; LADE_E_CHANGED: it is none of this repository; LADE_E_VERSION. No signature is verified, nor that its name says
 * the same.
 */
int lade_forgotten_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_forgotten *forgotten_out);

/* Verify the manager's signature. Returns 0; LADE_E_CHANGED: it is not by that key, or there is none; LADE_E_MEMORY. */
int lade_forgotten_verify(const uint8_t *object, size_t len, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN]);

#endif
