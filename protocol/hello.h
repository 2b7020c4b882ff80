/*
 * HELLO: the fixed first bytes of both sides, and the run key made of both (see [hello]).
 *
 * 64 bytes: magic (8), lowest and highest protocol version spoken (le16 each),
 * feature bits (le32), random secret (32), zeros (16).
 */
#ifndef LADE_PROTOCOL_HELLO_H
#define LADE_PROTOCOL_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/limits.h"

#define LADE_HELLO_LEN 64u
#define LADE_MAGIC_LEN 8u
#define LADE_VERSION_MIN 1u /* lowest protocol version this program speaks */
#define LADE_VERSION_MAX 1u /* highest */

#define LADE_FEATURE_REKEYS 1u /* its reader can follow a KeyUpdate of TLS */

struct lade_hello {
	uint16_t version_min;
	uint16_t version_max;
	uint32_t features; /* LADE_FEATURE_ bits; unknown ones are ignored */
	uint8_t secret[LADE_SECRET_LEN];
};

/* Encode hello; every byte of out is written. */
void lade_hello_put(uint8_t out[LADE_HELLO_LEN], const struct lade_hello *hello);

/* Compare the first len (at most LADE_MAGIC_LEN) bytes of a stream with the magic: 0, or LADE_E_STRANGER. */
int lade_hello_check_magic(const uint8_t *bytes, size_t len);

/* Decode. Returns 0, LADE_E_STRANGER (another magic) or LADE_E_PROTOCOL (an empty version range). */
int lade_hello_get(const uint8_t bytes[LADE_HELLO_LEN], struct lade_hello *hello_out);

/* The highest version that both speak, or LADE_E_VERSION. */
int lade_hello_version(const struct lade_hello *ours, const struct lade_hello *theirs);

#endif
