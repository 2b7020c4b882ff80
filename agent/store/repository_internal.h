/*
 * What the parts of repository*.c share.
 */
#ifndef LADE_AGENT_STORE_REPOSITORY_INTERNAL_H
#define LADE_AGENT_STORE_REPOSITORY_INTERNAL_H

#include "agent/store/repository.h"

#define LADE_TRUST_PREFIX "trust/"

/* Features that this program knows: none yet. */
#define LADE_KNOWN_READ UINT64_C(0)
#define LADE_KNOWN_WRITE UINT64_C(0)
#define LADE_KNOWN_GC UINT64_C(0)

/* Start one on a store, which belongs to it then, failure or not. Returns 0 or LADE_E_MEMORY. */
int lade_repository_new(struct lade_store *store, struct lade_repository **repository_out, struct lade_fault *fault);

/* True if both pin the same repository, by the same root, encrypted or not. */
bool lade_repository_same_pins(const struct lade_pins *a, const struct lade_pins *b);

/*
 * [keys] Find the slot of the credentials' identity or, if there is none, passphrase, and take its secrets; pins are those of `format`. Returns 0; LADE_E_AUTH: there is none; LADE_E_CHANGED: one that may have been it is damaged, or is
 * not signed by the root; LADE_E_REFUSED: it was made for another `format`; LADE_E_LIMIT, LADE_E_VERSION, LADE_E_MEMORY or what the store says.
 */
int lade_repository_unlock(struct lade_repository *repository, const struct lade_repository_credentials *credentials, const struct lade_pins *pins,
			   struct lade_fault *fault);

/*
 * See what the secrets at hand are good for, once trust was read. Returns 0, LADE_E_CHANGED: they do not belong to what trust says, or LADE_E_MEMORY.
 */
int lade_repository_settle(struct lade_repository *repository, struct lade_fault *fault);

/*
 * Have the root say something: the next statement, or, if others were faster, the one after theirs. Returns 0, LADE_E_USAGE (a label that is none),
 * LADE_E_CHANGED, LADE_E_MEMORY or what the store says.
 */
int lade_repository_say(struct lade_repository *repository, const struct lade_statement *statement, const uint8_t root_seed[LADE_SIGN_SEED_LEN],
			struct lade_fault *fault);

/* The number of a statement by the name of its object; 0: that is no such name. */
uint32_t lade_repository_statement_number(const char *name);

/* The id of a slot by the name of its object. Returns 0, or LADE_E_USAGE: that is no such name. */
int lade_repository_slot_id(const char *name, uint8_t id_out[LADE_SLOT_ID_LEN]);

/* Get the object of len bytes, which the caller frees. Returns 0, LADE_E_MEMORY or what the store says. */
int lade_repository_get(struct lade_store *store, const char *name, size_t len, uint8_t **object_out, struct lade_fault *fault);

#endif
