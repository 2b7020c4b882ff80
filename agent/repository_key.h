/*
 * How keys of repositories are written down for people and in files:
 *
 *   lade-recipient-...   the public part of an identity, which `lade init --recipient` takes: X25519, base64url of 32 bytes
 *   lade-identity-...    its secret part, a line in a file of its own
 *   lade-pin-...         what has to be true of a repository: base64url of its id, its root fingerprint and its mode
 *
 * and a client's key file, which holds a bundle: agent/store/FORMAT.md, section 4. Files with secrets are read only if nobody else can reach them
 * (agent/line_file.h).
 */
#ifndef LADE_AGENT_REPOSITORY_KEY_H
#define LADE_AGENT_REPOSITORY_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/keyring.h"
#include "protocol/error.h"

#define LADE_X25519_LEN 32u

/* Their texts, NUL included. */
#define LADE_RECIPIENT_TEXT_SIZE (sizeof("lade-recipient-") + 43u)
#define LADE_PIN_TEXT_SIZE (sizeof("lade-pin-") + 66u)

/* ---- texts ---- */

/* The text of a public key. */
void lade_recipient_show(const uint8_t public_key[LADE_X25519_LEN], char out[LADE_RECIPIENT_TEXT_SIZE]);

/* Read one. Returns 0 or LADE_E_USAGE. */
int lade_recipient_parse(const char *text, uint8_t public_key_out[LADE_X25519_LEN]);

/* The text of pins. */
void lade_pin_show(const struct lade_pins *pins, char out[LADE_PIN_TEXT_SIZE]);

/* Read one. Returns 0 or LADE_E_USAGE. */
int lade_pin_parse(const char *text, struct lade_pins *pins_out);

/* ---- identities ---- */

/* The secret key of a recipient, and the repositories that it is for; the caller's storage. Start with zeros. */
struct lade_identity {
	uint8_t *secret;        /* LADE_X25519_LEN bytes, locked */
	struct lade_pins *pins; /* pin_count of pin_room */
	size_t pin_count, pin_room;
};

/*
 * Read a file: one line with an identity, and lines with pins. Returns 0 with what lade_identity_fini() frees; LADE_E_ABSENT; LADE_E_REFUSED: others
 * can reach it, or a line makes no sense; LADE_E_SYSTEM, LADE_E_LIMIT, LADE_E_MEMORY.
 */
int lade_identity_load(const char *file, struct lade_identity *identity_out, struct lade_fault *fault);

/* Wipe and free; it is zeros again. */
void lade_identity_fini(struct lade_identity *identity);

/*
 * Make a new identity, which is on disk with the name file and mode 0600 when this returns, or not at all. replace: in the place of what has that
 * name. Returns 0 with its public key; LADE_E_EXISTS: the name is taken; LADE_E_SYSTEM, LADE_E_MEMORY.
 */
int lade_identity_create(const char *file, bool replace, uint8_t public_key_out[LADE_X25519_LEN], struct lade_fault *fault);

/* ---- key files of clients ---- */

/*
 * Read a client's key file. Returns 0 with what lade_keyring_fini() frees; LADE_E_ABSENT; LADE_E_REFUSED: others can reach it, or it holds something
 * else; LADE_E_SYSTEM, LADE_E_LIMIT, LADE_E_MEMORY.
 */
int lade_key_file_load(const char *file, struct lade_keyring *keyring_out, struct lade_fault *fault);

/* Write one, which is new: returns as lade_identity_create(). */
int lade_key_file_create(const char *file, const struct lade_keyring *keyring, struct lade_fault *fault);

#endif
