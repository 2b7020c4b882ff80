/*
 * What all objects of a repository begin with, and how they are signed: agent/store/FORMAT.md [object].
 */
#ifndef LADE_AGENT_STORE_OBJECT_H
#define LADE_AGENT_STORE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/seal.h"
#include "protocol/bytes.h"

#define LADE_OBJECT_HEADER_LEN 24u
#define LADE_OBJECT_VERSION 1u
#define LADE_SIGN_SEED_LEN 32u   /* Ed25519, RFC 8032: a secret key */
#define LADE_SIGN_PUBLIC_LEN 32u
#define LADE_SIGNATURE_LEN 64u
#define LADE_HASH_LEN 32u        /* SHA-256 */
#define LADE_LABEL_LEN 64u
#define LADE_PARTY_ID_LEN 16u    /* of a writer or a manager: FORMAT.md [trust] */

/* Parts of a header: its suite, and its repository. */
#define LADE_OBJECT_SUITE_OFF 6u
#define LADE_OBJECT_REPOSITORY_OFF 8u

/* Kinds; the values are those of the header. */
enum lade_object_kind {
	LADE_OBJECT_FORMAT = 'F',
	LADE_OBJECT_TRUST = 'T',
	LADE_OBJECT_KEY = 'K',
	LADE_OBJECT_PACK = 'P',
	LADE_OBJECT_TABLE = 'I',
	LADE_OBJECT_SNAPSHOT = 'S',
	LADE_OBJECT_NOTE = 'N',
	LADE_OBJECT_REFS = 'R',
	LADE_OBJECT_FORGOTTEN = 'X',
	LADE_OBJECT_LEASE = 'L',
	LADE_OBJECT_PACKS = 'G', /* a tombstone, or a list of packs that are gone */
};

/* What the header of an object says. */
struct lade_object_header {
	enum lade_object_kind kind;
	enum lade_suite suite;
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
};

/* Append a header. */
void lade_object_put_header(struct lade_writer *writer, const struct lade_object_header *header);

/* The same of its parts. */
void lade_object_begin(struct lade_writer *writer, enum lade_object_kind kind, enum lade_suite suite, const uint8_t repository[LADE_REPOSITORY_ID_LEN]);

/*
 * Get a header of that kind. Returns 0; LADE_E_VERSION for an object of another version; LADE_E_CHANGED for anything else that is not one, or has a suite that
 * no object of the kind has.
 */
int lade_object_get_header(struct lade_reader *reader, enum lade_object_kind kind, struct lade_object_header *header_out);

/* The same of an object of that repository, one of another being LADE_E_CHANGED as well; of the header only the suite is left to say. */
int lade_object_enter(struct lade_reader *reader, enum lade_object_kind kind, const uint8_t repository[LADE_REPOSITORY_ID_LEN],
		      enum lade_suite *suite_out);

/* Append four bytes, little-endian. */
void lade_object_put_u32(struct lade_writer *writer, uint32_t value);

/* Append eight. */
void lade_object_put_u64(struct lade_writer *writer, uint64_t value);

/* Append len zeros. */
void lade_object_put_zeros(struct lade_writer *writer, size_t len);

/* Get four bytes, little-endian; 0 after a failure, as lade_reader_get_u8(). */
uint32_t lade_object_get_u32(struct lade_reader *reader);

/* Get eight. */
uint64_t lade_object_get_u64(struct lade_reader *reader);

/* Get len bytes to out; zeros after a failure. */
void lade_object_get_bytes(struct lade_reader *reader, void *out, size_t len);

/* Get len bytes that have to be zeros, else the reader fails (LADE_E_PROTOCOL). */
void lade_object_get_zeros(struct lade_reader *reader, size_t len);

/* True if count items of item_len bytes each, one after the other, are in ascending order of bytes, without doubles. */
bool lade_object_in_order(const uint8_t *items, size_t count, size_t item_len);

/* True if one of them is item; they are in order. */
bool lade_object_has(const uint8_t *items, size_t count, size_t item_len, const uint8_t *item);

/* Put them in order and drop doubles; item_len is 8 or LADE_HASH_LEN. Returns how many are left. */
size_t lade_object_sort(uint8_t *items, size_t count, size_t item_len);

/* True if text is a label: at most LADE_LABEL_LEN bytes without control characters. */
bool lade_object_label_ok(const char *label);

/* Append a label, and zeros behind it. */
void lade_object_put_label(struct lade_writer *writer, const char *label);

/* Get one; the reader fails (LADE_E_PROTOCOL) if it is none. */
void lade_object_get_label(struct lade_reader *reader, char label_out[LADE_LABEL_LEN + 1]);

/* The SHA-256 of len bytes. Returns 0 or LADE_E_MEMORY. */
int lade_object_hash(const void *data, size_t len, uint8_t hash_out[LADE_HASH_LEN]);

/*
 * Append the signature of all that the writer holds: SIGN(seed, words, ...). The repository is that of the header, with which the writer's bytes begin. Returns 0 or
 * LADE_E_MEMORY.
 */
int lade_object_sign(struct lade_writer *writer, const uint8_t seed[LADE_SIGN_SEED_LEN], const char *words);

/*
 * The same for an object whose bytes are elsewhere: signature_out gets SIGN(seed, words, ...) of an object of that repository all of whose bytes before the signature have
 * that SHA-256.
 */
void lade_object_sign_hash(uint8_t signature_out[LADE_SIGNATURE_LEN], const uint8_t seed[LADE_SIGN_SEED_LEN], const char *words,
			   const uint8_t repository[LADE_REPOSITORY_ID_LEN], const uint8_t hash[LADE_HASH_LEN]);

/* Verify such a signature. Returns 0 or LADE_E_CHANGED. */
int lade_object_verify_hash(const uint8_t signature[LADE_SIGNATURE_LEN], const uint8_t public_key[LADE_SIGN_PUBLIC_LEN], const char *words,
			    const uint8_t repository[LADE_REPOSITORY_ID_LEN], const uint8_t hash[LADE_HASH_LEN]);

/*
 * Verify the signature that an object of len bytes, at least a header and a signature, ends with. Returns 0; LADE_E_CHANGED: it is not by that key, or not of these
 * words; LADE_E_MEMORY.
 */
int lade_object_verify(const uint8_t *object, size_t len, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN], const char *words);

/*
 * End an object that may be a daemon's, who has no key: append the signature of party, as lade_object_sign(), or, if seed is NULL, zeros. Returns 0,
 * LADE_E_MEMORY, LADE_E_LIMIT, or LADE_E_USAGE: the id of party has to be zeros if there is no seed, and then only.
 */
int lade_object_end(struct lade_writer *writer, const uint8_t party[LADE_PARTY_ID_LEN], const uint8_t *seed, const char *words);

/* Get such an end. Returns true if there is a signature, which is not verified; the reader fails (LADE_E_PROTOCOL) if it does not go with party. */
bool lade_object_get_end(struct lade_reader *reader, const uint8_t party[LADE_PARTY_ID_LEN]);

#endif
