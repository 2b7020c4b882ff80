/*
 * Digests of a session: XXH3-128 under the run key.
 *
 * They find corruption and changes; they are no signature: the key is known to both
 * sides of the session and to nobody else. See xxHash's documentation of
 * XXH3_128bits_withSecret, and PROTOCOL.md [run-key].
 *
 * A key that outlives a session, and is told to each peer, makes them keyed BLAKE2b instead
 * (RFC 7693): what was learned in one session must not help to deceive in another. See
 * PROTOCOL.md [recipe-key]. A user who wants digests that nobody can make collisions for has them be strong in any session
 * (--checksum-choice), see PROTOCOL.md [run-key].
 */
#ifndef LADE_CHUNKER_DIGEST_H
#define LADE_CHUNKER_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/limits.h"

/* Bytes of a run key: XXH3's default secret length. */
#define LADE_RUN_KEY_LEN 192u

/* How digests are made. */
enum lade_digest_kind {
	LADE_DIGEST_XXH3,    /* XXH3-128 under the key's bytes */
	LADE_DIGEST_BLAKE2B, /* keyed BLAKE2b of LADE_DIGEST_LEN bytes, under the key's secret */
	LADE_DIGEST_SHA256,  /* the first LADE_DIGEST_LEN bytes of HMAC-SHA-256 (RFC 2104), under the key's secret */
	LADE_DIGEST_KIND_COUNT,
};

/* What digests are made with; plain memory. */
struct lade_run_key {
	_Alignas(64) uint8_t bytes[LADE_RUN_KEY_LEN]; /* of XXH3, and of cut points */
	enum lade_digest_kind kind;
	bool lasts;                      /* it outlives the session: recipes that were made under it are worth keeping */
	uint8_t secret[LADE_SECRET_LEN];
};

/* Expand the secrets of both sides' HELLO, that of the side that dialled first, to a run key. */
void lade_run_key_derive(struct lade_run_key *key_out, const uint8_t dialler[LADE_SECRET_LEN],
			 const uint8_t answerer[LADE_SECRET_LEN]);

/* The key under which digests are XXH3-128 as everybody knows it, unseeded: for people to compare. */
void lade_run_key_plain(struct lade_run_key *key_out);
/* Have digests under a derived run key be of kind, which the user chose. */
void lade_run_key_choose(struct lade_run_key *key, enum lade_digest_kind kind);

/*
 * Derive what recipes are made with from a recipe key: names_out for cut points and the names of chunks, which are fast,
 * and pieces_out for the digests that decide whether a piece is right, which are strong.
 */
void lade_recipe_key_derive(const uint8_t recipe_key[LADE_SECRET_LEN], struct lade_run_key *names_out,
			    struct lade_run_key *pieces_out);

/* Digest len bytes at data under key; canonical (big-endian) form. Any thread. */
void lade_digest(const struct lade_run_key *key, const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN]);

/* True if both digests are the same. */
bool lade_digest_equal(const uint8_t a[LADE_DIGEST_LEN], const uint8_t b[LADE_DIGEST_LEN]);

/* A digest over pieces that come one after another; the same value as over all at once. */
struct lade_digest_stream;

/* Start; key is borrowed until the stream is freed. Returns 0 or LADE_E_MEMORY; freed with lade_digest_stream_free(). */
int lade_digest_stream_new(const struct lade_run_key *key, struct lade_digest_stream **stream_out);

/* Free the stream, wherever it is. NULL does nothing. */
void lade_digest_stream_free(struct lade_digest_stream *stream);

/* Add len bytes. */
void lade_digest_stream_add(struct lade_digest_stream *stream, const void *data, size_t len);

/* The digest of what was added since the start or the last call; the stream starts afresh. */
void lade_digest_stream_take(struct lade_digest_stream *stream, uint8_t out[LADE_DIGEST_LEN]);

#endif
