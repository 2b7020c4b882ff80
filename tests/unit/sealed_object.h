/*
 * What tests of objects with a secret share: the keys of an epoch, and randomness that is the same each time, so that what is sealed can be compared with what was sealed
 * when the format was made.
 */
#ifndef LADE_TESTS_UNIT_SEALED_OBJECT_H
#define LADE_TESTS_UNIT_SEALED_OBJECT_H

#include "tests/unit/object_damage.h"

#include "agent/store/format.h"
#include "agent/store/pack.h"
#include "agent/store/sealed_list.h"

#define SEALED_SUITES 3u

static const enum lade_suite sealed_suites[SEALED_SUITES] = { LADE_SUITE_PLAIN, LADE_SUITE_AES_256_GCM, LADE_SUITE_XCHACHA20 };

/* Who seals, who opens. */
struct sealed_keys {
	struct object_signer signer;
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
	object_signer_make(&keys->signer);
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

/* The keys to read with become those of another epoch. */
static inline void sealed_keys_change(struct sealed_keys *keys)
{
	memset(keys->keys.read_secret, 'K', sizeof(keys->keys.read_secret));
	crypto_scalarmult_base(keys->keys.read_public, keys->keys.read_secret);
}

/* How an object is read, and where looking for damage of it begins. */
struct sealed_checks {
	object_check *read;   /* its head */
	object_check *verify; /* and its signature */
	object_check *open;   /* its head and its list, as if everybody could sign: what is sealed says enough */
	size_t step;          /* of assert_damage_is_seen() */
	size_t from;          /* the first byte that open is to miss */
};

/* The object is good. No damage of it is unseen, some of it not even without its signature; nor is it good in another repository, or in another kind of one. */
static inline void assert_sealed_damage_is_seen(struct lade_writer *object, struct sealed_keys *keys, const struct sealed_checks *checks, void *context)
{
	assert_damage_is_seen(object, checks->step, checks->verify, context);
	assert_int_equal(object_check_copy(object->data, object->len, checks->open, context), 0);
	for (size_t at = checks->from; at < object->len - LADE_SIGNATURE_LEN; at++) {
		object->data[at] ^= 0x40;
		assert_int_equal(object_check_copy(object->data, object->len, checks->open, context), at == OBJECT_VERSION_OFF ? LADE_E_VERSION : LADE_E_CHANGED);
		object->data[at] ^= 0x40;
	}
	assert_int_equal(checks->read(object->data, object->len, context), 0);
	keys->format.repository[15] ^= 1;
	assert_int_equal(checks->read(object->data, object->len, context), LADE_E_CHANGED);
	keys->format.repository[15] ^= 1;
	keys->format.encrypted = !keys->format.encrypted;
	assert_int_equal(checks->read(object->data, object->len, context), LADE_E_CHANGED);
	keys->format.encrypted = !keys->format.encrypted;
}

/* A plain list, and what it says it is of. */
struct sealed_content {
	struct lade_slice data; /* that is authenticated with it */
	struct lade_slice list;
	size_t least;           /* its padded length */
	const char *words;      /* of the signature */
};

/* Have a plain object whose head is there go on with a list, and sign it. */
static inline void sealed_list_append(struct lade_writer *object, const struct sealed_keys *keys, const struct sealed_content *content)
{
	static const uint8_t none[LADE_SEAL_KEY_LEN];
	struct lade_seal *seal;

	assert_int_equal(lade_seal_new(LADE_SUITE_PLAIN, none, true, &seal), 0);
	assert_int_equal(lade_sealed_list_put(object, seal, content->data, content->list, content->least), 0);
	lade_seal_free(seal);
	assert_int_equal(lade_object_sign(object, keys->signer.seed, content->words), 0);
}

/* A slice of a literal. */
#define SEALED_TEXT(text) lade_slice(text, sizeof(text) - 1)

#endif
