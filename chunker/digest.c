/*
 * XXH3-128 under a secret. Debian's libxxhash is built for baseline x86-64: where its
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

#include "protocol/byteorder.h"
#include "protocol/error.h"

static_assert(LADE_RUN_KEY_LEN == XXH3_SECRET_DEFAULT_SIZE, "the key is XXH3's secret");
static_assert(LADE_DIGEST_LEN == sizeof(XXH128_canonical_t), "a digest is XXH128's canonical form");

struct lade_digest_stream {
	const struct lade_run_key *key;
	XXH3_state_t *state;
};

void lade_run_key_derive(struct lade_run_key *key_out, const uint8_t dialler[LADE_SECRET_LEN],
			 const uint8_t answerer[LADE_SECRET_LEN])
{
	uint8_t seed[2 * LADE_SECRET_LEN + 4];
	XXH128_canonical_t block;

	memcpy(seed, dialler, LADE_SECRET_LEN);
	memcpy(seed + LADE_SECRET_LEN, answerer, LADE_SECRET_LEN);
	for (uint32_t i = 0; i < LADE_RUN_KEY_LEN / sizeof(block); i++) {
		lade_put_le32(seed + 2 * LADE_SECRET_LEN, i);
		XXH128_canonicalFromHash(&block, XXH3_128bits(seed, sizeof(seed)));
		memcpy(key_out->bytes + i * sizeof(block), block.digest, sizeof(block));
	}
}

void lade_digest(const struct lade_run_key *key, const void *data, size_t len, uint8_t out[LADE_DIGEST_LEN])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSecret(data, len, key->bytes, sizeof(key->bytes)));
	memcpy(out, canonical.digest, LADE_DIGEST_LEN);
}

bool lade_digest_equal(const uint8_t a[LADE_DIGEST_LEN], const uint8_t b[LADE_DIGEST_LEN])
{
	return memcmp(a, b, LADE_DIGEST_LEN) == 0;
}

int lade_digest_stream_new(const struct lade_run_key *key, struct lade_digest_stream **stream_out)
{
	struct lade_digest_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return LADE_E_MEMORY;
	stream->key = key;
	stream->state = XXH3_createState();
	if (!stream->state) {
		free(stream);
		return LADE_E_MEMORY;
	}
	XXH3_128bits_reset_withSecret(stream->state, key->bytes, sizeof(key->bytes));
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
	XXH3_128bits_update(stream->state, data, len);
}

void lade_digest_stream_take(struct lade_digest_stream *stream, uint8_t out[LADE_DIGEST_LEN])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(stream->state));
	memcpy(out, canonical.digest, LADE_DIGEST_LEN);
	XXH3_128bits_reset_withSecret(stream->state, stream->key->bytes, sizeof(stream->key->bytes));
}
