/*
 * Fingerprints as people read and write them: the SHA-256 of a public key, as ssh-keygen(1) shows those of its keys.
 */
#ifndef LADE_AGENT_FINGERPRINT_H
#define LADE_AGENT_FINGERPRINT_H

#include <stdint.h>

#include "transport/tls.h"

/* "SHA256:", 43 characters of base64, NUL. */
#define LADE_FINGERPRINT_TEXT_SIZE 51u

/* Write it as `SHA256:` and unpadded base64. */
void lade_fingerprint_show(const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], char text_out[LADE_FINGERPRINT_TEXT_SIZE]);

/*
 * Read one: as it is shown, with or without the padding; or 64 hexadecimal digits, with colons between the bytes or without, `SHA256:` in front or not.
 * Returns 0, or LADE_E_USAGE: it is none.
 */
int lade_fingerprint_parse(const char *text, uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN]);

#endif
