/*
 * Secrets of objects, by libsodium's sealed boxes. A secret lives no longer than its key is derived, and seals one object only.
 */
#include "agent/store/sealed_secret.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "agent/store/object.h"
#include "protocol/error.h"

static_assert(LADE_SEALED_SECRET_LEN == LADE_SEAL_KEY_LEN + crypto_box_SEALBYTES, "a sealed box has this length");
static_assert(LADE_COMMITMENT_LEN == LADE_SEAL_KEY_LEN, "a commitment is derived like a key");

static enum lade_suite suite_of(const uint8_t *object)
{
	return (enum lade_suite)object[LADE_OBJECT_SUITE_OFF];
}

/* A key of the secret; all of the object before the commitment is its salt. */
static int derive(const uint8_t *object, const struct lade_sealed_secret *place, const uint8_t secret[LADE_SEAL_KEY_LEN], const char *words,
		  uint8_t key_out[LADE_SEAL_KEY_LEN])
{
	return lade_seal_derive(key_out, secret, object, place->off + LADE_SEALED_SECRET_LEN, words, object + LADE_OBJECT_REPOSITORY_OFF);
}

/* Nothing is secret in a plain repository, and nothing is a key there. */
static int new_plain(bool seals, struct lade_seal **seal_out)
{
	static const uint8_t none[LADE_SEAL_KEY_LEN];

	return lade_seal_new(LADE_SUITE_PLAIN, none, seals, seal_out);
}

int lade_sealed_secret_put(uint8_t *object, const struct lade_sealed_secret *place, const uint8_t epoch_public[32], struct lade_seal **seal_out)
{
	uint8_t *const sealed = object + place->off;
	uint8_t secret[LADE_SEAL_KEY_LEN], key[LADE_SEAL_KEY_LEN];
	int error = 0;

	memset(sealed, 0, LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN);
	if (suite_of(object) == LADE_SUITE_PLAIN) {
		if (place->random_if_plain)
			randombytes_buf(sealed, LADE_SEALED_SECRET_LEN);
		return new_plain(true, seal_out);
	}
	randombytes_buf(secret, sizeof(secret));
	if (crypto_box_seal(sealed, secret, sizeof(secret), epoch_public))
		error = LADE_E_REFUSED;
	if (!error)
		error = derive(object, place, secret, place->commitment, sealed + LADE_SEALED_SECRET_LEN);
	if (!error)
		error = derive(object, place, secret, place->key, key);
	if (!error)
		error = lade_seal_new(suite_of(object), key, true, seal_out);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(key, sizeof(key));
	return error;
}

/* The key, if the secret is the one that was committed to. */
static int derive_committed(const uint8_t *object, const struct lade_sealed_secret *place, const uint8_t secret[LADE_SEAL_KEY_LEN],
			    uint8_t key_out[LADE_SEAL_KEY_LEN])
{
	uint8_t commitment[LADE_COMMITMENT_LEN];
	int error = derive(object, place, secret, place->commitment, commitment);

	if (!error && sodium_memcmp(commitment, object + place->off + LADE_SEALED_SECRET_LEN, sizeof(commitment)))
		error = LADE_E_CHANGED;
	return error ? error : derive(object, place, secret, place->key, key_out);
}

static int open_plain(const uint8_t *sealed, const struct lade_sealed_secret *place, struct lade_seal **seal_out)
{
	const size_t random_len = place->random_if_plain ? LADE_SEALED_SECRET_LEN : 0;

	if (!sodium_is_zero(sealed + random_len, LADE_SEALED_SECRET_LEN + LADE_COMMITMENT_LEN - random_len))
		return LADE_E_CHANGED;
	return new_plain(false, seal_out);
}

int lade_sealed_secret_open(const uint8_t *object, const struct lade_sealed_secret *place, const uint8_t read_public[32], const uint8_t read_secret[32],
			    struct lade_seal **seal_out)
{
	const uint8_t *const sealed = object + place->off;
	uint8_t secret[LADE_SEAL_KEY_LEN], key[LADE_SEAL_KEY_LEN];
	int error;

	if (suite_of(object) == LADE_SUITE_PLAIN)
		return open_plain(sealed, place, seal_out);
	if (crypto_box_seal_open(secret, sealed, LADE_SEALED_SECRET_LEN, read_public, read_secret))
		return LADE_E_CHANGED;
	error = derive_committed(object, place, secret, key);
	if (!error)
		error = lade_seal_new(suite_of(object), key, false, seal_out);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(key, sizeof(key));
	return error;
}
