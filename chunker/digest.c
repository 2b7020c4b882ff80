/*
 * XXH3-128 under a secret, or keyed BLAKE2b and HMAC-SHA-256 by libsodium. Debian's libxxhash is built for baseline x86-64: where its
 * run-time dispatcher exists it is used, for three to four times the speed.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "chunker/digest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY
#ifdef HAVE_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#include <sodium.h>

#include "protocol/byteorder.h"
#include "protocol/error.h"

static_assert(LADE_RUN_KEY_LEN == XXH3_SECRET_DEFAULT_SIZE, "the key is XXH3's secret");
static_assert(LADE_DIGEST_LEN == sizeof(XXH128_canonical_t), "a digest is XXH128's canonical form");
static_assert(LADE_DIGEST_LEN >= crypto_generichash_BYTES_MIN && LADE_SECRET_LEN >= crypto_generichash_KEYBYTES_MIN,
	      "BLAKE2b makes digests of this length from secrets of that");
static_assert(LADE_DIGEST_LEN <= crypto_auth_hmacsha256_BYTES && LADE_SECRET_LEN <= LADE_RUN_KEY_LEN,
	      "HMAC-SHA-256 is cut to a digest, a run key to a secret");

struct lade_digest_stream {
	const struct lade_run_key *key;
	XXH3_state_t *state;             /* one of these three, as the key says */
	crypto_generichash_state blake2b;
	crypto_auth_hmacsha256_state sha256;
};

void lade_run_key_derive(struct lade_run_key *key_out, const uint8_t dialler[LADE_SECRET_LEN],
			 const uint8_t answerer[LADE_SECRET_LEN])
{
	uint8_t seed[2 * LADE_SECRET_LEN + 4];
	XXH128_canonical_t block;

	key_out->kind = LADE_DIGEST_XXH3;
	key_out->lasts = false;
	memset(key_out->secret, 0, sizeof(key_out->secret));
	memcpy(seed, dialler, LADE_SECRET_LEN);
	memcpy(seed + LADE_SECRET_LEN, answerer, LADE_SECRET_LEN);
	for (uint32_t i = 0; i < LADE_RUN_KEY_LEN / sizeof(block); i++) {
		lade_put_le32(seed + 2 * LADE_SECRET_LEN, i);
		XXH128_canonicalFromHash(&block, XXH3_128bits(seed, sizeof(seed)));
		memcpy(key_out->bytes + i * sizeof(block), block.digest, sizeof(block));
	}
}

void lade_run_key_choose(struct lade_run_key *key, enum lade_digest_kind kind)
{
	key->kind = kind;
	memcpy(key->secret, key->bytes, sizeof(key->secret));
}

void lade_recipe_key_derive(const uint8_t recipe_key[LADE_SECRET_LEN], struct lade_run_key *names_out,
			    struct lade_run_key *pieces_out)
{
	uint8_t secret[LADE_SECRET_LEN];

	/* Under another digest than the pieces': who sees names learns nothing about those. */
	(void)crypto_generichash(secret, sizeof(secret), (const uint8_t *)"lade names", 10, recipe_key, LADE_SECRET_LEN);
	lade_run_key_derive(names_out, secret, secret);
	*pieces_out = (struct lade_run_key){ .kind = LADE_DIGEST_BLAKE2B, .lasts = true };
	memcpy(pieces_out->secret, recipe_key, LADE_SECRET_LEN);
}

/* The digest of what was added. */
static void finish_sha256(crypto_auth_hmacsha256_state *state, uint8_t out[LADE_DIGEST_LEN])
{
	uint8_t whole[crypto_auth_hmacsha256_BYTES];

	(void)crypto_auth_hmacsha256_final(state, whole);
	memcpy(out, whole, LADE_DIGEST_LEN);
}

static void digest_sha256(const struct lade_run_key *key, const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN])
{
	crypto_auth_hmacsha256_state state;

	(void)crypto_auth_hmacsha256_init(&state, key->secret, sizeof(key->secret));
	(void)crypto_auth_hmacsha256_update(&state, data, len);
	finish_sha256(&state, out);
}

static void digest_xxh3(const struct lade_run_key *key, const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSecret(data, len, key->bytes, sizeof(key->bytes)));
	memcpy(out, canonical.digest, LADE_DIGEST_LEN);
}

void lade_digest(const struct lade_run_key *key, const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN])
{
	if (key->kind == LADE_DIGEST_BLAKE2B)
		(void)crypto_generichash(out, LADE_DIGEST_LEN, data, len, key->secret, sizeof(key->secret));
	else if (key->kind == LADE_DIGEST_SHA256)
		digest_sha256(key, data, len, out);
	else
		digest_xxh3(key, data, len, out);
}

bool lade_digest_equal(const uint8_t a[LADE_DIGEST_LEN], const uint8_t b[LADE_DIGEST_LEN])
{
	return memcmp(a, b, LADE_DIGEST_LEN) == 0;
}

static void start(struct lade_digest_stream *stream)
{
	const struct lade_run_key *key = stream->key;

	if (key->kind == LADE_DIGEST_BLAKE2B)
		(void)crypto_generichash_init(&stream->blake2b, key->secret, sizeof(key->secret), LADE_DIGEST_LEN);
	else if (key->kind == LADE_DIGEST_SHA256)
		(void)crypto_auth_hmacsha256_init(&stream->sha256, key->secret, sizeof(key->secret));
	else
		XXH3_128bits_reset_withSecret(stream->state, key->bytes, sizeof(key->bytes));
}

int lade_digest_stream_new(const struct lade_run_key *key, struct lade_digest_stream **stream_out)
{
	struct lade_digest_stream *stream = NULL;

	/* libsodium's state has to stand on 64 bytes, which calloc() does not promise. */
	if (posix_memalign((void **)&stream, _Alignof(struct lade_digest_stream), sizeof(*stream)))
		return LADE_E_MEMORY;
	stream->key = key;
	stream->state = key->kind == LADE_DIGEST_XXH3 ? XXH3_createState() : NULL;
	if (key->kind == LADE_DIGEST_XXH3 && !stream->state) {
		free(stream);
		return LADE_E_MEMORY;
	}
	start(stream);
	*stream_out = stream;
	return 0;
}

void lade_digest_stream_free(struct lade_digest_stream *stream)
{
	if (!stream)
		return;
	XXH3_freeState(stream->state);
	free(stream);
}

void lade_digest_stream_add(struct lade_digest_stream *stream, const void *data, size_t len)
{
	if (stream->key->kind == LADE_DIGEST_BLAKE2B)
		(void)crypto_generichash_update(&stream->blake2b, data, len);
	else if (stream->key->kind == LADE_DIGEST_SHA256)
		(void)crypto_auth_hmacsha256_update(&stream->sha256, data, len);
	else
		XXH3_128bits_update(stream->state, data, len);
}

void lade_digest_stream_take(struct lade_digest_stream *stream, uint8_t out[LADE_DIGEST_LEN])
{
	XXH128_canonical_t canonical;

	if (stream->key->kind == LADE_DIGEST_BLAKE2B) {
		(void)crypto_generichash_final(&stream->blake2b, out, LADE_DIGEST_LEN);
	} else if (stream->key->kind == LADE_DIGEST_SHA256) {
		finish_sha256(&stream->sha256, out);
	} else {
		XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(stream->state));
		memcpy(out, canonical.digest, LADE_DIGEST_LEN);
	}
	start(stream);
}
