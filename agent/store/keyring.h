/*
 * The secrets that somebody has of a repository, with what he pins of it: agent/store/FORMAT.md [keys], [capabilities]. In memory that is locked, and wiped at its end.
 */
#ifndef LADE_AGENT_STORE_KEYRING_H
#define LADE_AGENT_STORE_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object.h"

#define LADE_KEYRING_MAX 4096u

/* Kinds of secrets; the values are those of a bundle. */
enum lade_secret_kind {
	LADE_SECRET_ROOT = 1,    /* Ed25519 seed */
	LADE_SECRET_IDS = 2,     /* of chunk ids */
	LADE_SECRET_CUTS = 3,    /* of cut points */
	LADE_SECRET_INDEX = 4,   /* of tables and trailers, of an epoch */
	LADE_SECRET_READ = 5,    /* X25519 secret key of an epoch */
	LADE_SECRET_WRITER = 6,  /* Ed25519 seed */
	LADE_SECRET_MANAGER = 7, /* Ed25519 seed */
};

struct lade_keyring_secret {
	enum lade_secret_kind kind;
	uint32_t epoch; /* of index and read, else 0 */
	uint8_t bytes[LADE_SEAL_KEY_LEN];
};

/* What has to be true of a repository before anything is sealed for it or believed of it. */
struct lade_pins {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	uint8_t root[LADE_HASH_LEN]; /* SHA-256 of the root public key */
	bool encrypted;
};

struct lade_keyring {
	struct lade_pins pins;
	struct lade_keyring_secret *secrets; /* locked; count of room */
	size_t count, room;
};

/* Start an empty one with pins. No memory is taken yet. */
void lade_keyring_init(struct lade_keyring *keyring, const struct lade_pins *pins);

/* Wipe and free what it has; it is empty then. */
void lade_keyring_fini(struct lade_keyring *keyring);

/* Add a secret. Returns 0, LADE_E_LIMIT or LADE_E_MEMORY. */
int lade_keyring_add(struct lade_keyring *keyring, enum lade_secret_kind kind, uint32_t epoch, const uint8_t bytes[LADE_SEAL_KEY_LEN]);

/* The first secret of a kind and epoch; NULL: there is none. Borrowed until another one is added. */
const uint8_t *lade_keyring_find(const struct lade_keyring *keyring, enum lade_secret_kind kind, uint32_t epoch);

/* Bytes of it as a bundle. */
size_t lade_keyring_len(const struct lade_keyring *keyring);

/* Write it as a bundle: lade_keyring_len() bytes at out. */
void lade_keyring_put(const struct lade_keyring *keyring, uint8_t *out);

/* Read a bundle of len bytes. Returns 0, after which lade_keyring_fini() frees what it has; LADE_E_CHANGED: it is none; LADE_E_MEMORY. */
int lade_keyring_get(const uint8_t *bundle, size_t len, struct lade_keyring *keyring_out);

#endif
