/*
 * A key of our own: Ed25519 (RFC 8032) in a PEM file (PKCS#8, RFC 5958 and RFC 8410), as `openssl genpkey -algorithm ed25519` writes it.
 *
 * Its secret part is only in memory that is locked and that forked processes have not got (agent/locked_memory.h); it comes there by read(2) itself.
 */
#ifndef LADE_AGENT_KEY_H
#define LADE_AGENT_KEY_H

#include <stdint.h>

#include "protocol/error.h"
#include "transport/tls.h"

struct lade_key;

/*
 * Read file. Returns 0 with a key for lade_key_free(); LADE_E_ABSENT: there is no file; LADE_E_REFUSED: group or others can reach it, it
 * belongs to neither us nor root, or it holds something else (the fault's operation says what); LADE_E_SYSTEM, LADE_E_MEMORY.
 */
int lade_key_load(const char *file, struct lade_key **key_out, struct lade_fault *fault);

/*
 * Make a new key, which is on disk with the name file and mode 0600 when this returns, or not at all; directories above it are made. replace: in the
 * place of what has that name. Returns 0 with a key for lade_key_free(); LADE_E_CHANGED: the name is taken; LADE_E_SYSTEM, LADE_E_MEMORY.
 */
int lade_key_create(const char *file, bool replace, struct lade_key **key_out, struct lade_fault *fault);

/* Read file, or make it if it is not there; of several processes that do so at once all get the same. *made_out: whether it was made; or NULL. */
int lade_key_obtain(const char *file, struct lade_key **key_out, bool *made_out, struct lade_fault *fault);

/* The public part; borrowed from key. */
const uint8_t *lade_key_public(const struct lade_key *key);

/* What signs with it; borrowed from key. In a process that was forked since, it refuses to (LADE_E_REFUSED). */
void lade_key_signer(struct lade_key *key, struct lade_tls_signer *signer_out);

/* Wipe and free it; a forked process frees what it has of it. NULL does nothing. */
void lade_key_free(struct lade_key *key);

#endif
