/*
 * Which packs a snapshot needs, in the clear: agent/store/FORMAT.md [refs].
 */
#ifndef LADE_AGENT_STORE_REFS_H
#define LADE_AGENT_STORE_REFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object_name.h"
#include "agent/store/pack.h"

#define LADE_REFS_PACKS_OFF 112u
#define LADE_REFS_LEN(count) (LADE_REFS_PACKS_OFF + (size_t)(count) * LADE_SHORT_HASH_LEN + LADE_SIGNATURE_LEN)

struct lade_refs {
	struct lade_slice object;            /* all of it, borrowed from who got it */
	uint32_t generation;
	struct lade_snapshot_id snapshot;    /* in generation 0 its hash is zeros: the snapshot names the refs */
	uint8_t before[LADE_HASH_LEN];       /* later: SHA-256 of the generation before; in generation 0 zeros */
	uint8_t manager[LADE_PARTY_ID_LEN];  /* later: who made it; in generation 0 zeros */
	const uint8_t *packs;                /* the first LADE_SHORT_HASH_LEN bytes of the names of count packs, in order; borrowed */
	uint32_t count;
};

/*
 * Append refs to an empty writer; of refs all but object count. seed: of generation 0 NULL, of later ones the manager's. Returns 0, LADE_E_MEMORY;
 * LADE_E_LIMIT: more than LADE_PACKS_MAX, or than the writer may hold; LADE_E_USAGE: packs are not in order, or refs have what their generation has
 * not.
 */
int lade_refs_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_refs *refs, const uint8_t *seed);

/*
 * Look at refs of len bytes, which *refs_out borrows. Returns 0; LADE_E_CHANGED: they are none of this repository; LADE_E_VERSION. No signature is
 * verified, nor that they are the ones that a snapshot has the hash of.
 */
int lade_refs_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_refs *refs_out);

/*
 * Verify the signature of a manager on a later generation. Returns 0; LADE_E_CHANGED: it is not by that key, or this is generation 0, which has
 * none; LADE_E_MEMORY.
 */
int lade_refs_verify(const struct lade_refs *refs, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN]);

/* True if they name a pack, by the first LADE_SHORT_HASH_LEN bytes of its name. */
bool lade_refs_has(const struct lade_refs *refs, const uint8_t *name);

/* Packs that become refs, in any order and any number of times each; takes memory for twice as many as there are. */
struct lade_refs_builder {
	uint8_t *packs;
	size_t count, room;
};

/* Start without any. */
void lade_refs_builder_init(struct lade_refs_builder *builder);

/* Free what it has; it is empty then. */
void lade_refs_builder_fini(struct lade_refs_builder *builder);

/* Add a pack by the first LADE_SHORT_HASH_LEN bytes of its name. Returns 0, LADE_E_MEMORY, or LADE_E_LIMIT: there are more than LADE_PACKS_MAX. */
int lade_refs_builder_add(struct lade_refs_builder *builder, const uint8_t *name);

/* Give refs what was added: packs, borrowed until the next one is added, and their count. Returns 0 or LADE_E_LIMIT. */
int lade_refs_builder_take(struct lade_refs_builder *builder, struct lade_refs *refs);

#endif
