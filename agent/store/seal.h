/*
 * How objects of a repository are protected: keys that are derived, and what is sealed under them. agent/store/FORMAT.md says what each
 * key is for; RFC 5869 (HKDF), NIST SP 800-38D (AES-GCM), draft-irtf-cfrg-xchacha (XChaCha20-Poly1305).
 */
#ifndef LADE_AGENT_STORE_SEAL_H
#define LADE_AGENT_STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a key, of a repository's id, and of what is added to each thing that is sealed. */
#define LADE_SEAL_KEY_LEN 32u
#define LADE_REPOSITORY_ID_LEN 16u
#define LADE_SEAL_TAG_LEN 16u

/* What protects; the values are those of an object's header. */
enum lade_suite {
	LADE_SUITE_PLAIN = 0,       /* nothing: the tag finds damage and proves nothing */
	LADE_SUITE_AES_256_GCM = 1, /* fast where the processor has instructions for it */
	LADE_SUITE_XCHACHA20 = 2,   /* elsewhere */
};

/* The suite that is fast on this processor: AES-256-GCM or XChaCha20-Poly1305. */
enum lade_suite lade_suite_choose(void);

/*
 * Derive a key from a secret of LADE_SEAL_KEY_LEN bytes: HKDF-SHA-256 with a salt of salt_len bytes (perhaps none); info: the words, then the repository's id.
 * Returns 0 or LADE_E_MEMORY.
 */
int lade_seal_derive(uint8_t key_out[LADE_SEAL_KEY_LEN], const uint8_t secret[LADE_SEAL_KEY_LEN], const void *salt, size_t salt_len,
		     const char *words, const uint8_t repository[LADE_REPOSITORY_ID_LEN]);

/* The second half of that alone, HKDF-Expand, for len bytes at out: secret is random as it is. Returns 0 or LADE_E_MEMORY. */
int lade_seal_expand(uint8_t *out, size_t len, const uint8_t secret[LADE_SEAL_KEY_LEN], const char *words,
		     const uint8_t repository[LADE_REPOSITORY_ID_LEN]);

/* A key at work, in one direction; for one thread at a time. */
struct lade_seal;

/*
 * Make one of a suite and a key (of no matter what for LADE_SUITE_PLAIN). seals: it seals, else it opens. Returns 0, LADE_E_UNSUPPORTED (no such suite) or
 * LADE_E_MEMORY. The caller frees *seal_out with lade_seal_free().
 */
int lade_seal_new(enum lade_suite suite, const uint8_t key[LADE_SEAL_KEY_LEN], bool seals, struct lade_seal **seal_out);

/* Wipe and free it. NULL does nothing. */
void lade_seal_free(struct lade_seal *seal);

/* What is sealed, beside the bytes themselves. */
struct lade_seal_context {
	uint64_t number;      /* the nonce: each is sealed once under a key; the highest bit may mark a last one */
	const void *data;     /* associated data */
	size_t data_len;
};

/* Seal len bytes into out: len + LADE_SEAL_TAG_LEN bytes; text may be where out begins. Returns 0, LADE_E_MEMORY or LADE_E_LIMIT (2 GiB and more). */
int lade_seal_close(struct lade_seal *seal, const struct lade_seal_context *context, const void *text, size_t len, uint8_t *out);

/*
 * Open sealed_len bytes into out: sealed_len - LADE_SEAL_TAG_LEN bytes, which may begin where the sealed ones do. Returns 0; LADE_E_CHANGED if they were not
 * sealed so, after which nothing in out is of use; LADE_E_MEMORY, LADE_E_LIMIT.
 */
int lade_seal_open(struct lade_seal *seal, const struct lade_seal_context *context, const uint8_t *sealed, size_t sealed_len, void *out);

/* Bytes after padding by PADME, which hides lengths: at least len, which is at least 2. At most 12 % more. */
uint64_t lade_seal_padme(uint64_t len);

#endif
