/*
 * The secret of an object that holds content: random, new for each object, and sealed to an epoch's public key, so that who writes cannot read.
 * Packs, snapshots and notes have one: agent/store/FORMAT.md [pack].
 */
#ifndef LADE_AGENT_STORE_SEALED_SECRET_H
#define LADE_AGENT_STORE_SEALED_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/seal.h"

#define LADE_SEALED_SECRET_LEN 80u
#define LADE_COMMITMENT_LEN 32u

/* Where a kind of objects has it, and what is derived from it. */
struct lade_sealed_secret {
	size_t off;                 /* where it begins; the commitment follows it. All before is under it */
	const char *commitment;     /* the words of both keys */
	const char *key;
	bool random_if_plain;       /* a plain repository has random bytes in its place, which make the object's name one that nobody else has; else zeros */
};

/*
 * Make a secret, seal it into an object whose bytes before it are written, and commit to it: LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN bytes at
 * object + place->off. The suite and the repository are those of the object's header. Returns 0 with what seals under its key, which the caller
 * frees with lade_seal_free(); LADE_E_REFUSED: epoch_public is no key; LADE_E_MEMORY, LADE_E_UNSUPPORTED.
 */
int lade_sealed_secret_put(uint8_t *object, const struct lade_sealed_secret *place, const uint8_t epoch_public[32], struct lade_seal **seal_out);

/*
 * Open the secret of an object, which has all these bytes and a header that was looked at, by the epoch's keys; they are of no matter in a plain
 * repository. Returns 0 with what opens, which the caller frees with lade_seal_free(); LADE_E_CHANGED: it is not sealed for these keys, or is not
 * what was committed to; LADE_E_MEMORY.
 */
int lade_sealed_secret_open(const uint8_t *object, const struct lade_sealed_secret *place, const uint8_t read_public[32], const uint8_t read_secret[32],
			    struct lade_seal **seal_out);

#endif
