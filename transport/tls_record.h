/*
 * TLS 1.3's protection of records in user space (RFC 8446, 5.2 to 5.4). Memory in, memory out; no descriptor.
 *
 * A record: five bytes of header (type 23, version 3.3, length), the encrypted bytes (content, its true type, zeros), a tag of 16.
 */
#ifndef LADE_TRANSPORT_TLS_RECORD_H
#define LADE_TRANSPORT_TLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "transport/tls.h"

#define LADE_TLS_HEADER_LEN 5u
#define LADE_TLS_TAG_LEN 16u

/* What a record has beside its content: header, type, tag. */
#define LADE_TLS_EXTRA_LEN (LADE_TLS_HEADER_LEN + 1 + LADE_TLS_TAG_LEN)

/* The longest record. The padding counts as content (RFC 8446, 5.4). */
#define LADE_TLS_RECORD_MAX (LADE_TLS_PLAIN_MAX + LADE_TLS_EXTRA_LEN)

/* A key is good for so many records (RFC 8446, 5.5, says 2^24.5 for AES-GCM); then comes the next secret. */
#define LADE_TLS_RECORDS_MAX (UINT64_C(1) << 24)

/* What records hold. */
enum lade_tls_content {
	LADE_TLS_ALERT = 21,
	LADE_TLS_HANDSHAKE = 22,
	LADE_TLS_DATA = 23,
};

/* The protection of one direction, for one thread at a time. */
struct lade_tls_protection;

/*
 * Make one that goes on where direction is. seals: it protects what is written, else it opens what was. Returns 0, LADE_E_UNSUPPORTED
 * (no suite of ours), LADE_E_MEMORY. The caller frees *protection_out with lade_tls_protection_free().
 */
int lade_tls_protection_new(uint16_t suite, const struct lade_tls_direction *direction, bool seals,
			    struct lade_tls_protection **protection_out);

/* Wipe and free it. NULL does nothing. */
void lade_tls_protection_free(struct lade_tls_protection *protection);

/* Where it is: the secret, and the records so far. Borrowed until it goes on. */
const struct lade_tls_direction *lade_tls_protection_direction(const struct lade_tls_protection *protection);

/* Go on with the next secret (RFC 8446, 7.2). Returns 0 or LADE_E_MEMORY, and it is of no use any more then. */
int lade_tls_protection_update(struct lade_tls_protection *protection);

/*
 * Protect len bytes, at most LADE_TLS_PLAIN_MAX, from the front of the vectors at *vectors, which are used up by that many, as one record of
 * a type. out: len + LADE_TLS_EXTRA_LEN bytes, not among the vectors' own. Returns 0 or LADE_E_MEMORY.
 */
int lade_tls_seal(struct lade_tls_protection *protection, uint8_t type, struct iovec **vectors, size_t len, uint8_t *out);

/*
 * The length of the record that the len bytes at bytes begin with: 0: there are too few to tell; LADE_E_PROTOCOL if that is no protected
 * record; LADE_E_LIMIT if it is too long.
 */
int lade_tls_record_len(const uint8_t *bytes, size_t len);

/*
 * Open a record of record_len bytes, as lade_tls_record_len() says. out: room for record_len - LADE_TLS_EXTRA_LEN bytes; may be where the
 * record's encrypted bytes are. Returns 0 with the content's length and type; LADE_E_CHANGED if it was not protected with this key,
 * or not as its next record; LADE_E_PROTOCOL if it has no type. Nothing in out is to be used after a failure.
 */
int lade_tls_open(struct lade_tls_protection *protection, const uint8_t *record, size_t record_len, uint8_t *out,
		  size_t *len_out, uint8_t *type_out);

#endif
