/*
 * Tests of agent/store/seal: what is sealed opens, in its place only and as long as no bit of it has changed; keys are those of
 * RFC 5869, computed here from its two steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "agent/store/seal.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const enum lade_suite suites[] = { LADE_SUITE_PLAIN, LADE_SUITE_AES_256_GCM, LADE_SUITE_XCHACHA20 };
static const uint8_t key[LADE_SEAL_KEY_LEN] = "a key of thirty-two bytes, no..";
static const uint8_t repository[LADE_REPOSITORY_ID_LEN] = "0123456789abcde";

static void hmac(const void *secret, size_t secret_len, const void *data, size_t len, uint8_t out[32])
{
	unsigned out_len = 32;

	assert_non_null(HMAC(EVP_sha256(), secret, (int)secret_len, data, len, out, &out_len));
}

/* HKDF-SHA-256 of 32 bytes: extract, then one block of expand. */
static void reference_key(const char *words, const void *salt, size_t salt_len, uint8_t out[32])
{
	static const uint8_t zeros[32];
	uint8_t extracted[32], info[100];
	size_t len = strlen(words);

	hmac(salt_len ? salt : zeros, salt_len ? salt_len : 32, key, sizeof(key), extracted);
	memcpy(info, words, len);
	memcpy(info + len, repository, sizeof(repository));
	info[len + sizeof(repository)] = 1;
	hmac(extracted, sizeof(extracted), info, len + sizeof(repository) + 1, out);
}

static void test_derived_keys(void **state)
{
	static const char salt[] = "some salt";
	uint8_t got[LADE_SEAL_KEY_LEN], wanted[32];

	(void)state;
	for (size_t salt_len = 0; salt_len < sizeof(salt); salt_len += 9) {
		assert_int_equal(lade_seal_derive(got, key, salt, salt_len, "lade pack chunks", repository), 0);
		reference_key("lade pack chunks", salt, salt_len, wanted);
		assert_memory_equal(got, wanted, sizeof(got));
	}
}

/* HKDF-Expand: three blocks, each of which begins with the one before. */
static void test_expanded_keys(void **state)
{
	uint8_t got[80], wanted[96], text[32 + 9 + 16 + 1];

	(void)state;
	for (unsigned block = 0; block < 3; block++) {
		const size_t before = block ? 32 : 0;

		memcpy(text, block ? wanted + 32 * (block - 1) : wanted, before);
		memcpy(text + before, "lade cuts", 9);
		memcpy(text + before + 9, repository, sizeof(repository));
		text[before + 25] = (uint8_t)(block + 1);
		hmac(key, sizeof(key), text, before + 26, wanted + 32 * block);
	}
	assert_int_equal(lade_seal_expand(got, sizeof(got), key, "lade cuts", repository), 0);
	assert_memory_equal(got, wanted, sizeof(got));
}

/* One object of a suite, sealed; a caller that opens it. */
struct scene {
	enum lade_suite suite;
	struct lade_seal_context context;
	uint8_t text[100], sealed[100 + LADE_SEAL_TAG_LEN];
};

static void seal(struct scene *scene, enum lade_suite suite)
{
	struct lade_seal *sealer;

	scene->suite = suite;
	scene->context = (struct lade_seal_context){ .number = 7, .data = "which chunk", .data_len = 11 };
	for (size_t i = 0; i < sizeof(scene->text); i++)
		scene->text[i] = (uint8_t)i;
	assert_int_equal(lade_seal_new(suite, key, true, &sealer), 0);
	assert_int_equal(lade_seal_close(sealer, &scene->context, scene->text, sizeof(scene->text), scene->sealed), 0);
	lade_seal_free(sealer);
}

/* Open it as it is now, in the place where it is. */
static int open_with(const struct scene *scene, const uint8_t other[LADE_SEAL_KEY_LEN], const struct lade_seal_context *context, size_t len)
{
	uint8_t bytes[sizeof(scene->sealed)];
	struct lade_seal *opener;
	int result;

	memcpy(bytes, scene->sealed, sizeof(bytes));
	assert_int_equal(lade_seal_new(scene->suite, other, false, &opener), 0);
	result = lade_seal_open(opener, context, bytes, len, bytes);
	lade_seal_free(opener);
	if (!result)
		assert_memory_equal(bytes, scene->text, len - LADE_SEAL_TAG_LEN);
	return result;
}

static void test_what_is_sealed_opens(void **state)
{
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < COUNT(suites); i++) {
		seal(&scene, suites[i]);
		assert_int_equal(open_with(&scene, key, &scene.context, sizeof(scene.sealed)), 0);
		if (suites[i] == LADE_SUITE_PLAIN)
			assert_memory_equal(scene.sealed, scene.text, sizeof(scene.text));
		else
			assert_memory_not_equal(scene.sealed, scene.text, 16);
	}
}

static void test_changes_are_seen(void **state)
{
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < COUNT(suites); i++) {
		seal(&scene, suites[i]);
		for (size_t at = 0; at < sizeof(scene.sealed); at++) {
			scene.sealed[at] ^= 4;
			assert_int_equal(open_with(&scene, key, &scene.context, sizeof(scene.sealed)), LADE_E_CHANGED);
			scene.sealed[at] ^= 4;
		}
		for (size_t len = 0; len < sizeof(scene.sealed); len++)
			assert_int_equal(open_with(&scene, key, &scene.context, len), LADE_E_CHANGED);
	}
}

static void test_it_opens_in_its_place_only(void **state)
{
	static const struct lade_seal_context others[] = {
		{ 8, "which chunk", 11 }, { 7 | UINT64_C(1) << 63, "which chunk", 11 }, { 7, "which chunk", 10 }, { 7, "other chunk", 11 }, { 7, "", 0 },
	};
	uint8_t other[LADE_SEAL_KEY_LEN];
	struct scene scene;

	(void)state;
	memcpy(other, key, sizeof(other));
	other[31] ^= 1;
	for (size_t i = 0; i < COUNT(suites); i++) {
		seal(&scene, suites[i]);
		for (size_t j = 0; j < COUNT(others); j++)
			assert_int_equal(open_with(&scene, key, &others[j], sizeof(scene.sealed)), LADE_E_CHANGED);
		if (suites[i] != LADE_SUITE_PLAIN)
			assert_int_equal(open_with(&scene, other, &scene.context, sizeof(scene.sealed)), LADE_E_CHANGED);
	}
}

/* Where it is, and nothing at all. */
static void test_in_place_and_empty(void **state)
{
	const struct lade_seal_context context = { .number = 1, .data = "x", .data_len = 1 };
	uint8_t bytes[300 + LADE_SEAL_TAG_LEN], wanted[300 + LADE_SEAL_TAG_LEN];

	(void)state;
	for (size_t i = 0; i < COUNT(suites); i++) {
		struct lade_seal *sealer, *opener;

		assert_int_equal(lade_seal_new(suites[i], key, true, &sealer), 0);
		assert_int_equal(lade_seal_new(suites[i], key, false, &opener), 0);
		for (size_t len = 0; len <= 300; len += 100) {
			memset(bytes, 'b', sizeof(bytes));
			assert_int_equal(lade_seal_close(sealer, &context, bytes, len, wanted), 0);
			assert_int_equal(lade_seal_close(sealer, &context, bytes, len, bytes), 0);
			assert_memory_equal(bytes, wanted, len + LADE_SEAL_TAG_LEN);
			assert_int_equal(lade_seal_open(opener, &context, bytes, len + LADE_SEAL_TAG_LEN, bytes), 0);
			for (size_t at = 0; at < len; at++)
				assert_int_equal(bytes[at], 'b');
		}
		lade_seal_free(sealer);
		lade_seal_free(opener);
	}
}

static void test_no_such_suite(void **state)
{
	struct lade_seal *sealer;

	(void)state;
	assert_int_equal(lade_seal_new((enum lade_suite)3, key, true, &sealer), LADE_E_UNSUPPORTED);
	assert_true(lade_suite_choose() == LADE_SUITE_AES_256_GCM || lade_suite_choose() == LADE_SUITE_XCHACHA20);
	lade_seal_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derived_keys),
		cmocka_unit_test(test_expanded_keys),
		cmocka_unit_test(test_what_is_sealed_opens),
		cmocka_unit_test(test_changes_are_seen),
		cmocka_unit_test(test_it_opens_in_its_place_only),
		cmocka_unit_test(test_in_place_and_empty),
		cmocka_unit_test(test_no_such_suite),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
