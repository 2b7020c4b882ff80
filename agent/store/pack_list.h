/*
 * Lists of packs that are about to go, or went: tombstones, and what is in gone/. agent/store/FORMAT.md [tombstone].
 */
#ifndef LADE_AGENT_STORE_PACK_LIST_H
#define LADE_AGENT_STORE_PACK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object_name.h"
#include "agent/store/pack.h"

#define LADE_PACK_LIST_LEN(count) \
	(LADE_OBJECT_HEADER_LEN + sizeof(struct lade_session_id) + 4u + (size_t)(count) * LADE_HASH_LEN + LADE_SIGNATURE_LEN)

struct lade_pack_list {
	struct lade_slice object;        /* all of it, borrowed from who got it */
	struct lade_session_id session;  /* who put it; a daemon without keys: its party is zeros */
	const uint8_t *names;            /* of count packs, LADE_HASH_LEN bytes each, in order; borrowed */
	uint32_t count;
	bool is_signed;                  /* else it is a daemon's word, and nobody can verify it */
};

/*
 * Append a list to an empty writer: of list session, names and count count. seed: the manager's, or NULL for a daemon without keys.
 * lade_object_sort() puts names in order. Returns 0, LADE_E_MEMORY; LADE_E_LIMIT: more than LADE_PACKS_MAX, or than the writer may hold;
 * LADE_E_USAGE: they are not in order, or seed and session do not go together.
 */
int lade_pack_list_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_pack_list *list,
		       const uint8_t *seed);

/*
 * Look at a list of len bytes, which *list_out borrows. Returns 0; LADE_E_CHANGED: it is none of this repository; LADE_E_VERSION. No signature is
 * verified.
 */
int lade_pack_list_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_pack_list *list_out);

/* Verify the manager's signature. Returns 0; LADE_E_CHANGED: it is not by that key, or there is none; LADE_E_MEMORY. */
int lade_pack_list_verify(const struct lade_pack_list *list, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN]);

/* True if it names that pack. */
bool lade_pack_list_has(const struct lade_pack_list *list, const uint8_t name[LADE_HASH_LEN]);

#endif
