/*
 * Tests of chunker/digest against xxHash itself, whatever variant the library chose
 * for this processor: the run key, digests of every small length and of large ones,
 * streams cut anywhere; and those under a recipe key against libsodium itself. Fixed values guard
 * what PROTOCOL.md says in [run-key] and [recipe-key].
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>
#include <xxhash.h>

#include "chunker/digest.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DATA_LEN ((1u << 20) + 77)

static uint8_t data[DATA_LEN];

/* The secrets 00 01 .. 1f and 20 21 .. 3f. */
static void example_secrets(uint8_t dialler[LADE_SECRET_LEN], uint8_t answerer[LADE_SECRET_LEN])
{
	for (unsigned i = 0; i < LADE_SECRET_LEN; i++) {
		dialler[i] = (uint8_t)i;
		answerer[i] = (uint8_t)(LADE_SECRET_LEN + i);
	}
}

static void example_key(struct lade_run_key *key)
{
	uint8_t dialler[LADE_SECRET_LEN], answerer[LADE_SECRET_LEN];

	example_secrets(dialler, answerer);
	lade_run_key_derive(key, dialler, answerer);
}

static void canonical(XXH128_hash_t hash, uint8_t out[LADE_DIGEST_LEN])
{
	XXH128_canonical_t bytes;

	XXH128_canonicalFromHash(&bytes, hash);
	memcpy(out, bytes.digest, LADE_DIGEST_LEN);
}

static void test_run_key_is_made_of_hashes(void **state)
{
	uint8_t dialler[LADE_SECRET_LEN], answerer[LADE_SECRET_LEN],
		seed[2 * LADE_SECRET_LEN + 4] = { 0 };
	uint8_t block[LADE_DIGEST_LEN];
	struct lade_run_key key;

	(void)state;
	example_secrets(dialler, answerer);
	lade_run_key_derive(&key, dialler, answerer);
	memcpy(seed, dialler, LADE_SECRET_LEN);
	memcpy(seed + LADE_SECRET_LEN, answerer, LADE_SECRET_LEN);
	for (unsigned i = 0; i < LADE_RUN_KEY_LEN / LADE_DIGEST_LEN; i++) {
		seed[2 * LADE_SECRET_LEN] = (uint8_t)i;
		canonical(XXH3_128bits(seed, sizeof(seed)), block);
		assert_memory_equal(key.bytes + i * LADE_DIGEST_LEN, block, LADE_DIGEST_LEN);
	}
}

static void test_fixed_values(void **state)
{
	static const uint8_t key_begins[] = {
		0x5c, 0x37, 0xb5, 0xad, 0x41, 0x14, 0x9f, 0xb4,
		0x15, 0xf1, 0x50, 0xd8, 0x91, 0x5c, 0x8c, 0x7a,
	};
	static const uint8_t of_abc[] = {
		0x5a, 0xbd, 0xad, 0xca, 0x5e, 0x27, 0x90, 0xd8,
		0xf0, 0x2b, 0x5a, 0x89, 0x56, 0x8b, 0x00, 0x3b,
	};
	struct lade_run_key key;
	uint8_t digest[LADE_DIGEST_LEN];

	(void)state;
	example_key(&key);
	assert_memory_equal(key.bytes, key_begins, sizeof(key_begins));
	lade_digest(&key, "abc", 3, digest);
	assert_memory_equal(digest, of_abc, sizeof(of_abc));
}

static void test_key_depends_on_both_sides_and_their_order(void **state)
{
	uint8_t dialler[LADE_SECRET_LEN], answerer[LADE_SECRET_LEN];
	struct lade_run_key key, swapped, other;

	(void)state;
	example_secrets(dialler, answerer);
	lade_run_key_derive(&key, dialler, answerer);
	lade_run_key_derive(&swapped, answerer, dialler);
	assert_memory_not_equal(key.bytes, swapped.bytes, LADE_RUN_KEY_LEN);
	answerer[LADE_SECRET_LEN - 1] ^= 1;
	lade_run_key_derive(&other, dialler, answerer);
	for (unsigned i = 0; i < LADE_RUN_KEY_LEN; i += LADE_DIGEST_LEN)
		assert_memory_not_equal(key.bytes + i, other.bytes + i, LADE_DIGEST_LEN);
}

static void check_length(const struct lade_run_key *key, size_t off, size_t len)
{
	uint8_t expected[LADE_DIGEST_LEN], digest[LADE_DIGEST_LEN];
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, data + off, len); /* its exact size: a step outside is seen */
	canonical(XXH3_128bits_withSecret(data + off, len, key->bytes, LADE_RUN_KEY_LEN), expected);
	lade_digest(key, copy, len, digest);
	assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
	assert_true(lade_digest_equal(digest, expected));
	expected[LADE_DIGEST_LEN - 1] ^= 1;
	assert_false(lade_digest_equal(digest, expected));
	free(copy);
}

/* XXH3 takes another way for each class of lengths: up to 16, 128, 240, 1024 and beyond. */
static void test_every_length(void **state)
{
	static const size_t lens[] = { 4096, 65536, 65537, 262143, DATA_LEN - 7 };
	struct lade_run_key key;

	(void)state;
	example_key(&key);
	for (size_t len = 0; len <= 1100; len++)
		check_length(&key, len % 8, len);
	for (size_t i = 0; i < COUNT(lens); i++)
		check_length(&key, i, lens[i]);
}

static void test_another_key_is_another_digest(void **state)
{
	static const size_t lens[] = { 0, 1, 8, 16, 100, 200, 1000, 100000 };
	uint8_t zeros[LADE_SECRET_LEN] = { 0 }, ones[LADE_SECRET_LEN], a[LADE_DIGEST_LEN],
		b[LADE_DIGEST_LEN];
	struct lade_run_key key, other;

	(void)state;
	memset(ones, 1, sizeof(ones));
	lade_run_key_derive(&key, zeros, ones);
	lade_run_key_derive(&other, ones, zeros);
	for (size_t i = 0; i < COUNT(lens); i++) {
		lade_digest(&key, data, lens[i], a);
		lade_digest(&other, data, lens[i], b);
		assert_false(lade_digest_equal(a, b));
	}
}

/* Digest len bytes in pieces of piece bytes. */
static void by_pieces(struct lade_digest_stream *stream, size_t len, size_t piece,
		      uint8_t out[LADE_DIGEST_LEN])
{
	for (size_t off = 0; off < len; off += piece)
		lade_digest_stream_add(stream, data + off, len - off < piece ? len - off : piece);
	lade_digest_stream_take(stream, out);
}

/* One stream serves one file after another. */
static void test_streams(void **state)
{
	static const size_t lens[] = { 0, 1, 16, 17, 240, 241, 1024, 1025, 4096, 100000 };
	static const size_t pieces[] = { 1, 7, 64, 255, 256, 257, 4096, 100000 };
	uint8_t expected[LADE_DIGEST_LEN], digest[LADE_DIGEST_LEN];
	struct lade_digest_stream *stream;
	struct lade_run_key key;

	(void)state;
	example_key(&key);
	assert_int_equal(lade_digest_stream_new(&key, &stream), 0);
	for (size_t i = 0; i < COUNT(lens); i++) {
		lade_digest(&key, data, lens[i], expected);
		for (size_t j = 0; j < COUNT(pieces); j++) {
			by_pieces(stream, lens[i], pieces[j], digest);
			assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
		}
	}
	lade_digest_stream_add(stream, "", 0);
	lade_digest_stream_take(stream, digest);
	lade_digest(&key, "", 0, expected);
	assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
	lade_digest_stream_free(stream);
	lade_digest_stream_free(NULL);
}

/* ---- under a recipe key ---- */

/* The recipe key 00 01 .. 1f. */
static void example_recipe_keys(struct lade_run_key *names, struct lade_run_key *pieces)
{
	uint8_t recipe_key[LADE_SECRET_LEN], other[LADE_SECRET_LEN];

	example_secrets(recipe_key, other);
	/* Memory that was in use before. */
	memset(names, 0xa5, sizeof(*names));
	memset(pieces, 0x5a, sizeof(*pieces));
	lade_recipe_key_derive(recipe_key, names, pieces);
}

static void test_names_are_under_a_run_key_that_is_made(void **state)
{
	static const uint8_t label[] = "lade names";
	uint8_t recipe_key[LADE_SECRET_LEN], other[LADE_SECRET_LEN], secret[LADE_SECRET_LEN];
	struct lade_run_key names, pieces, expected;

	(void)state;
	example_secrets(recipe_key, other);
	example_recipe_keys(&names, &pieces);
	assert_int_equal(crypto_generichash(secret, sizeof(secret), label, 10, recipe_key, sizeof(recipe_key)), 0);
	lade_run_key_derive(&expected, secret, secret);
	assert_memory_equal(names.bytes, expected.bytes, LADE_RUN_KEY_LEN);
	/* It is not the secret that is told to each peer, which decides about pieces. */
	assert_memory_not_equal(secret, recipe_key, sizeof(secret));
	check_length(&names, 3, 5000);
	check_length(&names, 0, 0);
}

static void check_strong(const struct lade_run_key *pieces, const uint8_t *recipe_key, size_t len)
{
	uint8_t expected[LADE_DIGEST_LEN], digest[LADE_DIGEST_LEN];

	assert_int_equal(crypto_generichash(expected, sizeof(expected), data, len, recipe_key, LADE_SECRET_LEN), 0);
	lade_digest(pieces, data, len, digest);
	assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
}

/* BLAKE2b has blocks of 128 bytes. */
static void test_pieces_are_under_blake2b(void **state)
{
	static const size_t lens[] = { 4096, 65537, DATA_LEN };
	uint8_t recipe_key[LADE_SECRET_LEN], other[LADE_SECRET_LEN];
	struct lade_run_key names, pieces, copy;

	(void)state;
	example_secrets(recipe_key, other);
	example_recipe_keys(&names, &pieces);
	for (size_t len = 0; len <= 520; len++)
		check_strong(&pieces, recipe_key, len);
	for (size_t i = 0; i < COUNT(lens); i++)
		check_strong(&pieces, recipe_key, lens[i]);
	/* Keys are plain memory. */
	copy = pieces;
	memset(&pieces, 0, sizeof(pieces));
	check_strong(&copy, recipe_key, 1000);
}

static void test_fixed_values_of_a_recipe_key(void **state)
{
	static const uint8_t of_abc[] = {
		0x1a, 0x64, 0xbe, 0x47, 0xe4, 0x72, 0x9d, 0x95,
		0x1c, 0x30, 0x2e, 0xe5, 0x43, 0xf9, 0x7c, 0xf3,
	};
	static const uint8_t name_of_abc[] = {
		0x97, 0x94, 0xf8, 0x78, 0xaf, 0xb7, 0x25, 0x73,
		0xe0, 0xca, 0xd8, 0x05, 0x66, 0x22, 0xd7, 0x7f,
	};
	struct lade_run_key names, pieces;
	uint8_t digest[LADE_DIGEST_LEN];

	(void)state;
	example_recipe_keys(&names, &pieces);
	lade_digest(&pieces, "abc", 3, digest);
	assert_memory_equal(digest, of_abc, sizeof(of_abc));
	lade_digest(&names, "abc", 3, digest);
	assert_memory_equal(digest, name_of_abc, sizeof(name_of_abc));
}

/* One bit of the key changes every digest; and names tell nothing of pieces. */
static void test_another_recipe_key_is_another_digest(void **state)
{
	static const size_t lens[] = { 0, 1, 16, 100, 200, 1000, 100000 };
	uint8_t recipe_key[LADE_SECRET_LEN], other[LADE_SECRET_LEN], digest[4][LADE_DIGEST_LEN];
	struct lade_run_key keys[4];

	(void)state;
	example_secrets(recipe_key, other);
	lade_recipe_key_derive(recipe_key, &keys[0], &keys[1]);
	recipe_key[LADE_SECRET_LEN - 1] ^= 0x80;
	lade_recipe_key_derive(recipe_key, &keys[2], &keys[3]);
	assert_memory_not_equal(keys[0].bytes, keys[2].bytes, LADE_RUN_KEY_LEN);
	for (size_t i = 0; i < COUNT(lens); i++) {
		for (size_t j = 0; j < 4; j++) {
			lade_digest(&keys[j], data, lens[i], digest[j]);
			for (size_t k = 0; k < j; k++)
				assert_false(lade_digest_equal(digest[j], digest[k]));
		}
	}
}

/* As for run keys: the same as at once, and afresh after each. */
static void test_strong_streams(void **state)
{
	static const size_t lens[] = { 0, 1, 127, 128, 129, 255, 256, 257, 4096, 100000 };
	static const size_t pieces_of[] = { 1, 7, 127, 128, 129, 4096, 100000 };
	struct lade_digest_stream *streams[3];
	uint8_t expected[LADE_DIGEST_LEN], digest[LADE_DIGEST_LEN];
	struct lade_run_key names, pieces;

	(void)state;
	example_recipe_keys(&names, &pieces);
	for (size_t i = 0; i < COUNT(streams); i++)
		assert_int_equal(lade_digest_stream_new(i == 1 ? &names : &pieces, &streams[i]), 0);
	for (size_t i = 0; i < COUNT(lens) * COUNT(pieces_of); i++) {
		size_t len = lens[i % COUNT(lens)];

		lade_digest(&pieces, data, len, expected);
		by_pieces(streams[i % 2 * 2], len, pieces_of[i / COUNT(lens)], digest);
		assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
		lade_digest(&names, data, len, expected);
		by_pieces(streams[1], len, pieces_of[i / COUNT(lens)], digest);
		assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
	}
	for (size_t i = 0; i < COUNT(streams); i++)
		lade_digest_stream_free(streams[i]);
}

/* Of a session whose user wants strong ones: made as PROTOCOL.md says, at once and in pieces. */
static void test_chosen_digests(void **state)
{
	static const size_t lens[] = { 0, 1, 55, 63, 64, 65, 127, 128, 4096, 100000 };
	uint8_t dialler[LADE_SECRET_LEN], answerer[LADE_SECRET_LEN], digest[LADE_DIGEST_LEN];
	uint8_t expected[crypto_auth_hmacsha256_BYTES];
	struct lade_digest_stream *stream;
	struct lade_run_key key, chosen;

	(void)state;
	example_secrets(dialler, answerer);
	lade_run_key_derive(&key, dialler, answerer);
	chosen = key;
	lade_run_key_choose(&chosen, LADE_DIGEST_BLAKE2B);
	for (size_t i = 0; i < COUNT(lens); i++)
		check_strong(&chosen, key.bytes, lens[i]);
	lade_run_key_choose(&chosen, LADE_DIGEST_SHA256);
	assert_int_equal(lade_digest_stream_new(&chosen, &stream), 0);
	for (size_t i = 0; i < COUNT(lens); i++) {
		assert_int_equal(crypto_auth_hmacsha256(expected, data, lens[i], key.bytes), 0);
		lade_digest(&chosen, data, lens[i], digest);
		assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
		by_pieces(stream, lens[i], 17, digest);
		assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
	}
	lade_digest_stream_free(stream);
	lade_run_key_choose(&chosen, LADE_DIGEST_XXH3);
	lade_digest(&chosen, data, 1000, digest);
	lade_digest(&key, data, 1000, expected);
	assert_memory_equal(digest, expected, LADE_DIGEST_LEN);
	assert_false(chosen.lasts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_key_is_made_of_hashes),
		cmocka_unit_test(test_fixed_values),
		cmocka_unit_test(test_key_depends_on_both_sides_and_their_order),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_another_key_is_another_digest),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_names_are_under_a_run_key_that_is_made),
		cmocka_unit_test(test_pieces_are_under_blake2b),
		cmocka_unit_test(test_fixed_values_of_a_recipe_key),
		cmocka_unit_test(test_another_recipe_key_is_another_digest),
		cmocka_unit_test(test_strong_streams),
		cmocka_unit_test(test_chosen_digests),
	};

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
