/*
 * Tokens: the shared secret of plain TCP connections.
 *
 * A token file holds one line; its bytes (white space at both ends removed) are hashed to a key.
 * The token itself never travels: each side proves with keyed BLAKE2b over both HELLOs that it
 * knows the key (libsodium, crypto_generichash). See PROTOCOL.md [auth].
 */
#ifndef LADE_AGENT_TOKEN_H
#define LADE_AGENT_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"
#include "protocol/hello.h"
#include "protocol/limits.h"

/* A token as it is kept: the caller's storage, to be wiped. */
struct lade_token {
	uint8_t key[32]; /* BLAKE2b-256 of the token */
};

/*
 * Read the token in file, or, if that is "-", on standard input. Refused: an empty one, one over 4 KiB, a file that group or others may
 * read or write. Returns 0, LADE_E_SYSTEM (open, read), LADE_E_REFUSED (loose mode; too short:
 * fewer than 16 bytes), LADE_E_MEMORY.
 */
int lade_token_load(struct lade_token *token_out, const char *file, struct lade_fault *fault);

/* Wipe the key. */
void lade_token_wipe(struct lade_token *token);

/*
 * The proof of the side that dialled (or answered) over the encoded HELLOs of both, the dialler's
 * first.
 */
void lade_token_prove(const struct lade_token *token, bool dialler,
		      const uint8_t dialler_hello[LADE_HELLO_LEN],
		      const uint8_t answerer_hello[LADE_HELLO_LEN],
		      uint8_t proof_out[LADE_PROOF_LEN]);

/* Compare in constant time. */
bool lade_token_proof_equal(const uint8_t a[LADE_PROOF_LEN], const uint8_t b[LADE_PROOF_LEN]);

#endif
