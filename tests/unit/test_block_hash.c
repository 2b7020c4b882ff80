/*
 * Tests of chunker/block_hash: digests against the polynomial worked out byte by byte,
 * windows that roll against digests of the same bytes, under keys from sessions and
 * under the greatest and least secrets that there are. Fixed values guard the definition.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunker/block_hash.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define P LADE_BLOCK_PRIME
#define POINT_MAX (((uint64_t)1 << 60) - 1)
#define DATA_LEN 70000u

/* Bytes of all kinds, zeros, and the greatest. */
static uint8_t noise[DATA_LEN], zeros[DATA_LEN], ones[DATA_LEN];
static const uint8_t *const contents[] = { noise, zeros, ones };

static void session_key(struct lade_block_key *key, uint8_t number)
{
	uint8_t dialler[LADE_SECRET_LEN], answerer[LADE_SECRET_LEN];
	struct lade_run_key run_key;

	for (unsigned i = 0; i < LADE_SECRET_LEN; i++) {
		dialler[i] = (uint8_t)(number + i);
		answerer[i] = (uint8_t)(number + LADE_SECRET_LEN + i);
	}
	lade_run_key_derive(&run_key, dialler, answerer);
	lade_block_key_derive(key, &run_key);
}

/* Keys of sessions, then some of secrets at the ends of their ranges. */
static void any_key(struct lade_block_key *key, unsigned number)
{
	static const uint64_t secrets[][3] = {
		{ POINT_MAX, P - 1, P - 1 }, { POINT_MAX, 1, 0 }, { 0, 1, P - 1 }, { 1, P - 1, 0 },
		{ 2, 1, 1 }, { (uint64_t)1 << 59, P - 1, P - 1 },
	};

	if (number < 250)
		session_key(key, (uint8_t)number);
	else
		lade_block_key_set(key, secrets[number - 250][0], secrets[number - 250][1],
				   secrets[number - 250][2]);
}

#define KEY_COUNT 256u

/* The definition: one byte after another, and always the whole remainder. */
static uint64_t by_the_book(const struct lade_block_key *key, const uint8_t *data, size_t len)
{
	lade_u128 value = 0;

	for (size_t i = 0; i < len; i++)
		value = (value * key->point + data[i] + 1) % P;
	return (uint64_t)((value * key->scale + key->shift) % P) & 0xffffffffffff;
}

static void check_length(const struct lade_block_key *key, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, data, len); /* its exact size: a step outside is seen */
	assert_true(lade_block_hash(key, copy, len) == by_the_book(key, data, len));
	free(copy);
}

static void test_every_length(void **state)
{
	static const size_t lens[] = { 4096, 65535, 65536, DATA_LEN };
	struct lade_block_key key;

	(void)state;
	session_key(&key, 0);
	for (size_t c = 0; c < COUNT(contents); c++) {
		for (size_t len = 0; len <= 1100; len++)
			check_length(&key, contents[c], len);
		for (size_t i = 0; i < COUNT(lens); i++)
			check_length(&key, contents[c], lens[i]);
	}
}

/* A sum that is not reduced far enough overflows under some keys only, and only in long blocks. */
static void test_every_key(void **state)
{
	struct lade_block_key key;

	(void)state;
	for (unsigned number = 0; number < KEY_COUNT; number++) {
		any_key(&key, number);
		for (size_t c = 0; c < COUNT(contents); c++)
			check_length(&key, contents[c], 4096 + number);
	}
}

static void check_rolling(const struct lade_block_key *key, const uint8_t *data, uint32_t window_len,
			  size_t step_count)
{
	struct lade_block_roller roller;

	lade_block_roller_init(&roller, key, window_len);
	lade_block_roller_start(&roller, data);
	for (size_t i = 0; i < step_count; i++) {
		assert_true(lade_block_roller_digest(&roller) == lade_block_hash(key, data + i, window_len));
		lade_block_roller_step(&roller, data[i], data[i + window_len]);
	}
	lade_block_roller_start(&roller, data + 1);
	assert_true(lade_block_roller_digest(&roller) == lade_block_hash(key, data + 1, window_len));
}

static void test_rolling_gives_the_same(void **state)
{
	struct lade_block_key key;

	(void)state;
	session_key(&key, 1);
	for (uint32_t window_len = 1; window_len <= 700; window_len++)
		check_rolling(&key, noise, window_len, 100);
	check_rolling(&key, noise, 65536, 1000);
	for (unsigned number = 0; number < KEY_COUNT; number++) {
		any_key(&key, number);
		for (size_t c = 0; c < COUNT(contents); c++)
			check_rolling(&key, contents[c], 64, 200);
	}
}

/* Ones and zeros next to each other: the greatest and the least that a step adds. */
static void test_rolling_over_edges(void **state)
{
	uint8_t edges[1000];
	struct lade_block_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(edges); i++)
		edges[i] = i / 70 % 2 ? 0xff : 0;
	for (unsigned number = 0; number < KEY_COUNT; number++) {
		any_key(&key, number);
		check_rolling(&key, edges, 96, 800);
	}
}

/* Leading zeros, lengths and places count. */
static void test_different_blocks_differ(void **state)
{
	static const size_t lens[] = { 1, 31, 64, 65, 500 };
	uint8_t block[500] = { 0 };
	struct lade_block_key key, other;
	uint64_t digest;

	(void)state;
	session_key(&key, 2);
	session_key(&other, 3);
	for (size_t i = 0; i < COUNT(lens); i++) {
		digest = lade_block_hash(&key, block, lens[i]);
		assert_false(digest == lade_block_hash(&key, block, lens[i] - 1));
		assert_false(digest == lade_block_hash(&other, block, lens[i]));
		for (size_t at = 0; at < lens[i]; at++) {
			for (unsigned bit = 0; bit < 8; bit++) {
				block[at] ^= (uint8_t)(1 << bit);
				assert_false(digest == lade_block_hash(&key, block, lens[i]));
				block[at] ^= (uint8_t)(1 << bit);
			}
		}
	}
}

static void test_secrets_keep_their_ranges(void **state)
{
	struct lade_block_key key;
	uint64_t all = 0;

	(void)state;
	for (unsigned number = 0; number < 250; number++) {
		session_key(&key, (uint8_t)number);
		assert_true(key.point <= POINT_MAX && key.scale > 0 && key.scale < P && key.shift < P);
		all |= key.point & key.scale & key.shift;
	}
	assert_true(all == POINT_MAX);
}

static void test_digests_have_these_bytes(void **state)
{
	static const uint8_t expected[LADE_BLOCK_DIGEST_LEN] = { 0x06, 0x05, 0x04, 0x03, 0x02, 0x81 };
	uint8_t bytes[LADE_BLOCK_DIGEST_LEN];

	(void)state;
	lade_block_digest_put(bytes, 0x810203040506);
	assert_memory_equal(bytes, expected, sizeof(expected));
	assert_true(lade_block_digest_get(bytes) == 0x810203040506);
}

/* The key of the secrets 00 01 .. 1f and 20 21 .. 3f; the digests are those of another program. */
static void test_fixed_values(void **state)
{
	struct lade_block_key key;

	(void)state;
	session_key(&key, 0);
	assert_true(key.point == 0xc353f0be7303769);
	assert_true(key.scale == 0x12f33b5b23663bf6);
	assert_true(key.shift == 0x8f5678c7b7046f5);
	assert_true(lade_block_hash(&key, NULL, 0) == 0x678c7b7046f5);
	assert_true(lade_block_hash(&key, (const uint8_t *)"abc", 3) == 0x61d7431707a6);
	assert_true(lade_block_hash(&key, zeros, 64) == 0x2e798cc2fc6c);
	assert_true(lade_block_hash(&key, ones, 1000) == 0xb6066e1c455d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_rolling_gives_the_same),
		cmocka_unit_test(test_rolling_over_edges),
		cmocka_unit_test(test_different_blocks_differ),
		cmocka_unit_test(test_secrets_keep_their_ranges),
		cmocka_unit_test(test_digests_have_these_bytes),
		cmocka_unit_test(test_fixed_values),
	};

	for (size_t i = 0; i < DATA_LEN; i++)
		noise[i] = (uint8_t)(i * 2654435761u >> 13);
	memset(ones, 0xff, sizeof(ones));
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
