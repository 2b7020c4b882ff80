/*
 * A repository that is open: what it is, whom its root key trusts, and what the keys at hand are good for. agent/store/FORMAT.md [format], [trust],
 * [keys], [capabilities].
 *
 * Nothing that the store says is believed before it was compared with what is pinned; where nothing is pinned, with what the slot says that the
 * passphrase opened.
 */
#ifndef LADE_AGENT_STORE_REPOSITORY_H
#define LADE_AGENT_STORE_REPOSITORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/pack.h"
#include "agent/store/slot.h"
#include "agent/store/store.h"
#include "agent/store/trust.h"

/* Bytes of a slot's id, and "keys/<id>" with its NUL. */
#define LADE_SLOT_ID_LEN 16u
#define LADE_SLOT_NAME_SIZE (sizeof("keys/") + 2 * LADE_SLOT_ID_LEN)

/* The name of the object that makes a store a repository. */
#define LADE_FORMAT_NAME "format"

/* What a writer or manager says with: LADE_MAY_WRITE, LADE_MAY_MANAGE. */
struct lade_repository_party {
	uint8_t id[LADE_PARTY_ID_LEN];
	const uint8_t *seed; /* borrowed from the keyring; NULL: there is none that the root trusts */
};

struct lade_repository {
	struct lade_store *store;
	struct lade_format format;
	struct lade_trust trust;
	struct lade_keyring keyring;
	unsigned may;         /* bits: LADE_MAY_READ and so on, as the secrets at hand and the features allow */
	enum lade_suite suite; /* for what is sealed here: LADE_SUITE_PLAIN if nothing is */
	struct lade_repository_party writer, manager;
	bool by_slot;                   /* it was opened by a slot: */
	uint8_t slot[LADE_SLOT_ID_LEN]; /* this one */
};

/* ---- opening ---- */

/* What somebody opens a repository with: one of the first three, or, to read a plain one, none. All is borrowed for the time of the call. */
struct lade_repository_credentials {
	struct lade_slice passphrase;        /* data is NULL: none */
	const uint8_t *identity;             /* X25519 secret key of a recipient, or NULL; it needs a pin */
	const struct lade_keyring *keyring;  /* of a client's key file, or NULL; its pins count */
	const struct lade_pins *pins;        /* what has to be true; pin_count of them: one of them. A keyring's come on top */
	size_t pin_count;
	bool plaintext;                      /* the user says that it may be a plain one */
};

/* See whether store has a repository, of whatever kind: before somebody is asked for a password. Returns 0, LADE_E_ABSENT or what the store says. */
int lade_repository_look(struct lade_store *store, struct lade_fault *fault);

/*
 * Open the repository in store, which belongs to it then, failure or not. Returns 0 with what lade_repository_close() closes, or: LADE_E_ABSENT:
 * there is no repository; LADE_E_AUTH: the passphrase or key is that of no slot; LADE_E_REFUSED: it is another repository than the pins say, or a
 * plain one, and neither a pin nor the user says so, or an identity without a pin; LADE_E_CHANGED: an object is damaged or another repository's;
 * LADE_E_VERSION: it needs a newer program; LADE_E_LIMIT: a slot that asks for more than is accepted; LADE_E_MEMORY and what the store says. The
 * fault names the object.
 */
int lade_repository_open(struct lade_store *store, const struct lade_repository_credentials *credentials, struct lade_repository **repository_out,
			 struct lade_fault *fault);

/*
 * The same for who keeps a store and has no key: a daemon, which publishes what its clients have committed. What `format` says is believed, as the store is his own. Returns 0,
 * LADE_E_ABSENT, LADE_E_CHANGED, LADE_E_VERSION, LADE_E_MEMORY or what the store says.
 */
int lade_repository_open_keyless(struct lade_store *store, struct lade_repository **repository_out, struct lade_fault *fault);

/* Wipe the keys, close the store and free it. NULL does nothing. */
void lade_repository_close(struct lade_repository *repository);

/*
 * Read the statements of trust/ that came since; for who meets a writer that he does not know. Returns 0, LADE_E_CHANGED, LADE_E_VERSION,
 * LADE_E_MEMORY or what the store says.
 */
int lade_repository_read_trust(struct lade_repository *repository, struct lade_fault *fault);

/* ---- making ---- */

/* What a new repository shall be; all is borrowed. */
struct lade_repository_plan {
	bool encrypted;
	const char *label;            /* of its slots, its writer and its manager */
	uint64_t time;                /* seconds since 1970 */
	struct lade_slice passphrase; /* data is NULL: no slot for one */
	uint32_t passes;              /* of Argon2id, and its memory in bytes: lade_slot_cost() */
	uint64_t memory;
	const uint8_t (*recipients)[32]; /* X25519 public keys, recipient_count of them */
	size_t recipient_count;
};

/*
 * Make a repository in store, which belongs to it then, failure or not: all keys, the statements of epoch 1, of a writer who may be believed and of a
 * manager, a slot with all keys for the passphrase and for each recipient. What an init that did not finish left behind is removed. Returns 0 with
 * what lade_repository_close() closes, after which all of it survives a loss of power; LADE_E_EXISTS: there is a repository, or something else, or
 * somebody makes one at the same time; LADE_E_USAGE: no slot at all, or a label that is none; LADE_E_LIMIT: a cost that nobody would accept;
 * LADE_E_MEMORY and what the store says.
 */
int lade_repository_init(struct lade_store *store, const struct lade_repository_plan *plan, struct lade_repository **repository_out, struct lade_fault *fault);

/* ---- keys ---- */

/* What can be said of a slot of a repository. */
enum lade_slot_state {
	LADE_SLOT_GOOD,     /* the root has signed it */
	LADE_SLOT_UNSIGNED, /* it has not: nobody here opens it */
	LADE_SLOT_DAMAGED,  /* it is no slot */
};

/* A slot that is listed. */
struct lade_repository_slot {
	uint8_t id[LADE_SLOT_ID_LEN];
	enum lade_slot_state state;
	size_t len;            /* of the object */
	struct lade_slot slot; /* zeros if it is damaged */
};

/*
 * List the slots: *slots_out, in order of their ids, which the caller frees. Returns 0, LADE_E_MEMORY, LADE_E_LIMIT (more than anybody has) or what
 * the store says.
 */
int lade_repository_list_slots(struct lade_repository *repository, struct lade_repository_slot **slots_out, size_t *count_out, struct lade_fault *fault);

/*
 * Add a slot with the secrets of keyring, as slot and passphrase say (lade_slot_put(); its capabilities are found here), behind a barrier; id_out:
 * its id. Returns 0, LADE_E_REFUSED: the root key is not at hand; LADE_E_USAGE, LADE_E_LIMIT, LADE_E_MEMORY or what the store says.
 */
int lade_repository_add_slot(struct lade_repository *repository, const struct lade_keyring *keyring, const struct lade_slot *slot, struct lade_slice passphrase,
			     uint8_t id_out[LADE_SLOT_ID_LEN], struct lade_fault *fault);

/*
 * Delete a slot, behind a barrier. Returns 0; LADE_E_ABSENT: there is none; LADE_E_REFUSED: neither the root's nor a manager's key is at hand, or,
 * unless forced, it is the last one that holds the root key; LADE_E_MEMORY or what the store says.
 */
int lade_repository_remove_slot(struct lade_repository *repository, const uint8_t id[LADE_SLOT_ID_LEN], bool forced, struct lade_fault *fault);

/*
 * Have the root say that there is a new writer, behind a barrier, and fill keyring_out with what a write-only client has: the first row of
 * [capabilities]. flags: LADE_WRITER_BELIEVED or 0. Returns 0 with what lade_keyring_fini() frees, or LADE_E_REFUSED: the root key is not at hand;
 * LADE_E_USAGE (a label that is none), LADE_E_MEMORY or what the store says.
 */
int lade_repository_add_writer(struct lade_repository *repository, const char *label, uint32_t flags, uint64_t time, struct lade_keyring *keyring_out,
			       struct lade_fault *fault);

/*
 * Fill keyring_out with what a reader has: the second row of [capabilities]. Returns 0 with what lade_keyring_fini() frees, LADE_E_REFUSED: it is not
 * at hand; or LADE_E_MEMORY.
 */
int lade_repository_reader(const struct lade_repository *repository, struct lade_keyring *keyring_out, struct lade_fault *fault);

/* What a keyring is good for, whatever the root says of its parties: bits, LADE_MAY_READ and so on. */
unsigned lade_repository_capabilities(const struct lade_keyring *keyring);

/* The public key, 32 bytes, that belongs to a seed (Ed25519). */
void lade_repository_public(const uint8_t seed[LADE_SIGN_SEED_LEN], uint8_t public_out[LADE_SIGN_PUBLIC_LEN]);

/* "keys/<id>". */
void lade_slot_name(const uint8_t id[LADE_SLOT_ID_LEN], char out[LADE_SLOT_NAME_SIZE]);

/* What is true of it: for those who pin it. Borrowed. */
const struct lade_pins *lade_repository_pins(const struct lade_repository *repository);

/* ---- what others need ---- */

/* The key of chunk ids, LADE_SEAL_KEY_LEN bytes, borrowed; NULL: it is not at hand. */
const uint8_t *lade_repository_ids_key(const struct lade_repository *repository);

/* The key of cut points, likewise. */
const uint8_t *lade_repository_cuts_key(const struct lade_repository *repository);

/* The index key of an epoch, likewise; of a plain repository: one that is no secret. */
const uint8_t *lade_repository_index_secret(const struct lade_repository *repository, uint32_t epoch);

/*
 * What new packs are sealed with, for the writer or, without one, the manager at hand. *setup_out is the caller's to wipe. Returns 0, or
 * LADE_E_REFUSED: there is neither, or no index key of the newest epoch.
 */
int lade_repository_pack_setup(const struct lade_repository *repository, struct lade_pack_setup *setup_out, struct lade_fault *fault);

/*
 * What packs of an epoch are opened with; *keys_out is the caller's to wipe. Who may not read has zeros for that. Returns 0; LADE_E_ABSENT: there is
 * no such epoch; LADE_E_REFUSED: its index key is not at hand.
 */
int lade_repository_pack_keys(const struct lade_repository *repository, uint32_t epoch, struct lade_pack_keys *keys_out, struct lade_fault *fault);

#endif
