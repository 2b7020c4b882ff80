/*
 * What tests of objects share: a place for one, and that whatever happens to the bytes of one is noticed.
 */
#ifndef LADE_TESTS_UNIT_OBJECT_DAMAGE_H
#define LADE_TESTS_UNIT_OBJECT_DAMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/object.h"
#include "protocol/error.h"

#define OBJECT_KIND_OFF 4u
#define OBJECT_VERSION_OFF 5u

/* The repository that objects are of, and one that they are not of. */
static const uint8_t object_repository[LADE_REPOSITORY_ID_LEN] = "rrrrrrrrrrrrrrr";
static const uint8_t object_another_repository[LADE_REPOSITORY_ID_LEN] = "rrrrrrrrrrrrrr";

/* ---- scenes, which begin with a struct lade_writer for the object ---- */

/* One of so many bytes, zeros but for its writer, which takes up to max bytes. */
static inline void *object_scene_new(size_t size, size_t max)
{
	void *scene = calloc(1, size);

	assert_non_null(scene);
	lade_writer_init(scene, max);
	return scene;
}

static inline int object_scene_teardown(void **state)
{
	lade_writer_fini(*state);
	free(*state);
	return 0;
}

/* A test that is given what the test program's setup() makes. */
#define OBJECT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, object_scene_teardown)

/* Who signs. */
struct object_signer {
	uint8_t seed[LADE_SIGN_SEED_LEN], public_key[LADE_SIGN_PUBLIC_LEN];
};

static inline void object_signer_make(struct object_signer *signer)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	assert_true(sodium_init() >= 0);
	memset(signer->seed, 's', sizeof(signer->seed));
	crypto_sign_seed_keypair(signer->public_key, secret, signer->seed);
}

/* ---- damage ---- */

/* Reads and verifies an object as its receiver does. Returns 0 or an error. */
typedef int object_check(const uint8_t *object, size_t len, void *context);

/* Check len bytes in memory of their own, so that nothing behind them is read unseen. */
static inline int object_check_copy(const uint8_t *object, size_t len, object_check *check, void *context)
{
	uint8_t *copy = malloc(len ? len : 1);
	int error;

	assert_non_null(copy);
	if (len)
		memcpy(copy, object, len);
	error = check(copy, len, context);
	free(copy);
	return error;
}

/* The object is good; no end of it, nothing behind it and no bit changed is. Each step-th bit is tried. */
static inline void assert_damage_is_seen(const struct lade_writer *object, size_t step, object_check *check, void *context)
{
	uint8_t *longer = calloc(1, object->len + 1);

	assert_non_null(longer);
	memcpy(longer, object->data, object->len);
	assert_int_equal(object_check_copy(longer, object->len, check, context), 0);
	assert_int_equal(object_check_copy(longer, object->len + 1, check, context), LADE_E_CHANGED);
	for (size_t len = 0; len < object->len; len += step)
		assert_int_equal(object_check_copy(longer, len, check, context), LADE_E_CHANGED);
	for (size_t bit = 0; bit < 8 * object->len; bit += step) {
		const int wanted = bit / 8 == OBJECT_VERSION_OFF ? LADE_E_VERSION : LADE_E_CHANGED;

		longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (object_check_copy(longer, object->len, check, context) != wanted)
			fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
		longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(longer);
}

/* Reads an object of a repository, without a look at its signature. Returns 0 or an error. */
typedef int object_read(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN]);

/* The object is good, but not as one of another repository, nor with the kind of another one. */
static inline void assert_place_is_seen(struct lade_writer *object, char another_kind, object_read *read)
{
	const uint8_t kind = object->data[OBJECT_KIND_OFF];

	assert_int_equal(read(object->data, object->len, object_repository), 0);
	assert_int_equal(read(object->data, object->len, object_another_repository), LADE_E_CHANGED);
	object->data[OBJECT_KIND_OFF] = (uint8_t)another_kind;
	assert_int_equal(read(object->data, object->len, object_repository), LADE_E_CHANGED);
	object->data[OBJECT_KIND_OFF] = kind;
}

/* An object has this SHA-256, in hexadecimal: no byte of the format is another one than it was. */
static inline void assert_object_hash(const struct lade_writer *object, const char *wanted)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof(hash) + 1];

	crypto_hash_sha256(hash, object->data, object->len);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	assert_string_equal(hex, wanted);
}

#endif
