/*
 * The part of TLS 1.3's key schedule that goes on after the handshake (RFC 8446, 7.1 to 7.3): what protects records comes from a
 * traffic secret, and so does the next secret. Pure: no descriptor.
 */
#ifndef LADE_TRANSPORT_TLS_KEYS_H
#define LADE_TRANSPORT_TLS_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "transport/tls.h"

#define LADE_TLS_KEY_MAX 32u
#define LADE_TLS_IV_LEN 12u

/* What protects the records of one direction. */
struct lade_tls_traffic_keys {
	uint8_t key[LADE_TLS_KEY_MAX]; /* lade_tls_key_len() bytes of it */
	uint8_t iv[LADE_TLS_IV_LEN];
};

/* Bytes of a suite's traffic secrets, its hash's length; 0: the suite is none of ours. */
size_t lade_tls_secret_len(uint16_t suite);

/* Bytes of a suite's key; 0: the suite is none of ours. */
size_t lade_tls_key_len(uint16_t suite);

/*
 * Fill out with len bytes, at most the hash's length, of HKDF-Expand-Label(secret, label, "", len). Returns 0; LADE_E_UNSUPPORTED for
 * a suite that is none of ours or for more bytes; LADE_E_MEMORY. Any thread.
 */
int lade_tls_expand_label(uint16_t suite, const uint8_t secret[LADE_TLS_SECRET_MAX], const char *label, uint8_t *out,
			  size_t len);

/* The keys that come of a traffic secret; the caller wipes them. Returns as lade_tls_expand_label(). */
int lade_tls_traffic_keys(uint16_t suite, const uint8_t secret[LADE_TLS_SECRET_MAX], struct lade_tls_traffic_keys *keys_out);

/* Go on to the next secret, whose first record has number 0. Returns as lade_tls_expand_label(), and nothing changes if it fails. */
int lade_tls_next_secret(uint16_t suite, struct lade_tls_direction *direction);

#endif
