/*
 * What tests of objects with a secret share: the keys of an epoch, and randomness that is the same each time, so that what is sealed can be compared with what was sealed
 * when the format was made.
 */
#ifndef LADE_TESTS_UNIT_SEALED_OBJECT_H
#define LADE_TESTS_UNIT_SEALED_OBJECT_H

#include "tests/unit/object_damage.h"

#include "agent/store/format.h"
#include "agent/store/pack.h"

#define SEALED_SUITES 3u

static const enum lade_suite sealed_suites[SEALED_SUITES] = { LADE_SUITE_PLAIN, LADE_SUITE_AES_256_GCM, LADE_SUITE_XCHACHA20 };

/* Who seals, who opens. */
struct sealed_keys {
	uint8_t seed[LADE_SIGN_SEED_LEN], public_key[LADE_SIGN_PUBLIC_LEN];
	struct lade_pack_setup setup;
	struct lade_pack_keys keys;
	struct lade_format format;
};

/* How often something random was asked for: the n-th answer is bytes of the value n. */
static uint8_t sealed_random_count;

static const char *sealed_random_name(void)
{
	return "counted";
}

static uint32_t sealed_random_word(void)
{
	return 0x01010101u * ++sealed_random_count;
}

static void sealed_random_bytes(void *const out, const size_t len)
{
	memset(out, ++sealed_random_count, len);
}

/* Before anything else of libsodium is called. */
static inline void sealed_random_start(void)
{
	static randombytes_implementation counted = {
		.implementation_name = sealed_random_name,
		.random = sealed_random_word,
		.buf = sealed_random_bytes,
	};

	assert_int_equal(randombytes_set_implementation(&counted), 0);
	assert_true(sodium_init() >= 0);
}

/* Keys for a suite, and randomness from its beginning. */
static inline void sealed_keys_make(struct sealed_keys *keys, enum lade_suite suite)
{
	memset(keys, 0, sizeof(*keys));
	sealed_random_count = 0;
	memset(keys->seed, 's', sizeof(keys->seed));
	object_public_key(keys->seed, keys->public_key);
	keys->setup.suite = suite;
	keys->setup.epoch = 3;
	memset(keys->setup.repository, 'r', sizeof(keys->setup.repository));
	memset(keys->setup.writer, 'w', sizeof(keys->setup.writer));
	memset(keys->keys.read_secret, 'k', sizeof(keys->keys.read_secret));
	crypto_scalarmult_base(keys->keys.read_public, keys->keys.read_secret);
	memcpy(keys->setup.epoch_public, keys->keys.read_public, sizeof(keys->setup.epoch_public));
	keys->keys.encrypted = keys->format.encrypted = suite != LADE_SUITE_PLAIN;
	memcpy(keys->keys.repository, keys->setup.repository, sizeof(keys->keys.repository));
	memcpy(keys->format.repository, keys->setup.repository, sizeof(keys->format.repository));
}

/* A slice of a literal. */
#define SEALED_TEXT(text) lade_slice(text, sizeof(text) - 1)

#endif
