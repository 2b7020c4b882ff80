/*
 * Key slots: objects that open a keyring to whoever knows a passphrase, or has the key of a recipient: agent/store/FORMAT.md [keys].
 */
#ifndef LADE_AGENT_STORE_SLOT_H
#define LADE_AGENT_STORE_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/keyring.h"
#include "protocol/bytes.h"

#define LADE_SLOT_MAX (256u << 10)

enum lade_slot_kind {
	LADE_SLOT_PASSPHRASE = 1,
	LADE_SLOT_RECIPIENT = 2,
};

/* What its keyring is good for: bits, for whoever lists slots. */
#define LADE_MAY_READ 1u
#define LADE_MAY_WRITE 2u
#define LADE_MAY_MANAGE 4u
#define LADE_IS_ROOT 8u

/* What a slot says to who may not open it. */
struct lade_slot {
	enum lade_slot_kind kind;
	uint8_t capabilities;
	uint64_t time;                    /* when it was made, seconds since 1970 */
	char label[LADE_LABEL_LEN + 1]; /* UTF-8 without control characters */
	uint8_t recipient[32];            /* X25519 public key */
	uint32_t passes;                  /* of Argon2id */
	uint64_t memory;                  /* ... in bytes */
};

/* What Argon2id takes here: 3 passes over 256 MiB, or, where memory is short, 4 over 64 MiB. */
void lade_slot_cost(bool memory_is_short, uint32_t *passes_out, uint64_t *memory_out);

/*
 * Append a slot for a keyring to an empty writer, signed with the root's seed. slot says for whom: with LADE_SLOT_PASSPHRASE the passphrase counts, and slot's passes and memory; else slot->recipient.
 * Returns 0, LADE_E_MEMORY (also: not enough for Argon2id), LADE_E_LIMIT (a cost that nobody would accept), LADE_E_USAGE (a label that is none).
 */
int lade_slot_put(struct lade_writer *writer, const struct lade_slot *slot, const struct lade_keyring *keyring, struct lade_slice passphrase,
		  const uint8_t root_seed[LADE_SIGN_SEED_LEN]);

/* What a slot of len bytes says. Returns 0, LADE_E_CHANGED, LADE_E_VERSION. Nothing of it is verified. */
int lade_slot_get(const uint8_t *object, size_t len, struct lade_slot *slot_out);

/*
 * Open a slot by a passphrase. Returns 0 with the keyring, which lade_keyring_fini() frees; LADE_E_AUTH: it is another one's; LADE_E_CHANGED, LADE_E_VERSION, LADE_E_LIMIT (a
 * cost beyond what is accepted), LADE_E_MEMORY. Whether the root that the keyring pins has signed the slot is verified by lade_slot_verify().
 */
int lade_slot_open_passphrase(const uint8_t *object, size_t len, struct lade_slice passphrase, struct lade_keyring *keyring_out);

/* The same by the secret key of its recipient. */
int lade_slot_open_recipient(const uint8_t *object, size_t len, const uint8_t secret_key[32], struct lade_keyring *keyring_out);

/* Verify the root's signature. Returns 0, LADE_E_CHANGED, LADE_E_MEMORY. */
int lade_slot_verify(const uint8_t *object, size_t len, const uint8_t root[LADE_SIGN_PUBLIC_LEN]);

#endif
