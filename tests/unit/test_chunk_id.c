/*
 * Tests of agent/store/chunk_id: ids are HMAC-SHA-256 or keyed BLAKE2b of kind and bytes; cuts are those of the expanded key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/chunk_id.h"
#include "protocol/error.h"

static const uint8_t key[LADE_SEAL_KEY_LEN] = "the key of ids, thirty-two bytes";
static const char text[] = "\1some content";

/* The id that a kind and the text have. */
static void name(enum lade_id_hash hash, const uint8_t with[LADE_SEAL_KEY_LEN], enum lade_chunk_kind kind, size_t len, uint8_t out[LADE_CHUNK_ID_LEN])
{
	struct lade_chunk_namer *namer;

	assert_int_equal(lade_chunk_namer_new(hash, with, &namer), 0);
	/* Once more is the same. */
	assert_int_equal(lade_chunk_namer_name(namer, LADE_CHUNK_RECIPE, lade_slice("other", 5), out), 0);
	assert_int_equal(lade_chunk_namer_name(namer, kind, lade_slice(text + 1, len), out), 0);
	lade_chunk_namer_free(namer);
}

static void test_hmac(void **state)
{
	uint8_t got[LADE_CHUNK_ID_LEN], wanted[crypto_auth_hmacsha256_BYTES];

	(void)state;
	name(LADE_ID_HMAC_SHA256, key, LADE_CHUNK_CONTENT, sizeof(text) - 2, got);
	crypto_auth_hmacsha256(wanted, (const uint8_t *)text, sizeof(text) - 1, key);
	assert_memory_equal(got, wanted, sizeof(got));
}

static void test_blake2b(void **state)
{
	uint8_t got[LADE_CHUNK_ID_LEN], wanted[LADE_CHUNK_ID_LEN];

	(void)state;
	name(LADE_ID_BLAKE2B, key, LADE_CHUNK_CONTENT, sizeof(text) - 2, got);
	crypto_generichash(wanted, sizeof(wanted), (const uint8_t *)text, sizeof(text) - 1, key, sizeof(key));
	assert_memory_equal(got, wanted, sizeof(got));
}

static void test_all_of_it_counts(void **state)
{
	static const enum lade_id_hash hashes[] = { LADE_ID_HMAC_SHA256, LADE_ID_BLAKE2B };
	uint8_t one[LADE_CHUNK_ID_LEN], other[LADE_CHUNK_ID_LEN], with[LADE_SEAL_KEY_LEN];

	(void)state;
	memcpy(with, key, sizeof(with));
	with[5] ^= 1;
	for (size_t i = 0; i < 2; i++) {
		name(hashes[i], key, LADE_CHUNK_CONTENT, 5, one);
		name(hashes[i], key, LADE_CHUNK_ENTRIES, 5, other);
		assert_memory_not_equal(one, other, sizeof(one));
		name(hashes[i], key, LADE_CHUNK_CONTENT, 4, other);
		assert_memory_not_equal(one, other, sizeof(one));
		name(hashes[i], with, LADE_CHUNK_CONTENT, 5, other);
		assert_memory_not_equal(one, other, sizeof(one));
	}
	lade_chunk_namer_free(NULL);
}

static void test_cuts(void **state)
{
	uint8_t secret[LADE_STRICT_CUT_SECRET_LEN], root[LADE_SIGN_PUBLIC_LEN] = { 0 };
	struct lade_strict_cut cuts[2], wanted;
	struct lade_format format;

	(void)state;
	lade_format_make(&format, true, root);
	assert_int_equal(lade_chunk_cuts(&format, key, cuts), 0);
	assert_int_equal(lade_seal_expand(secret, sizeof(secret), key, "lade cuts", format.repository), 0);
	assert_int_equal(lade_strict_cut_init(&wanted, secret, &format.content), 0);
	assert_memory_equal(&cuts[0], &wanted, sizeof(wanted));
	assert_int_equal(lade_strict_cut_init(&wanted, secret, &format.entries), 0);
	assert_memory_equal(&cuts[1], &wanted, sizeof(wanted));
	format.entries.least = 1;
	assert_int_equal(lade_chunk_cuts(&format, key, cuts), LADE_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_blake2b),
		cmocka_unit_test(test_all_of_it_counts),
		cmocka_unit_test(test_cuts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
