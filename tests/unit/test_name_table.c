/*
 * Tests of agent/store/name_table: numbers of names, their order, and that names which somebody chose are found as fast as others; and of agent/backup/block_cache and key_set, whose keys are chosen likewise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/backup/block_cache.h"
#include "agent/backup/key_set.h"
#include "agent/store/name_table.h"
#include "protocol/byteorder.h"

/* Names that are put into a table by who wants to slow it down, and how much longer than for others that may take: a search through all of them takes thousands of times as long. */
#define CHOSEN 60000u
#define SLOWER_MAX 50

/* The i-th of names that differ in their last bytes only, or everywhere. */
static void make(uint8_t name[LADE_HASH_LEN], uint32_t i, bool chosen)
{
	uint8_t seed[randombytes_SEEDBYTES] = { 1 };

	lade_put_le32(seed + 1, i);
	memset(name, 0x5a, LADE_HASH_LEN);
	if (chosen)
		lade_put_le32(name + LADE_HASH_LEN - 4, i);
	else
		randombytes_buf_deterministic(name, LADE_HASH_LEN, seed);
}

static void test_numbers(void **state)
{
	struct lade_name_table table = { .names = NULL };
	uint8_t name[LADE_HASH_LEN];
	uint32_t number, *to;

	(void)state;
	make(name, 0, false);
	assert_false(lade_name_table_has(&table, name));
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 1000; i++) {
			make(name, i, i % 2);
			assert_int_equal(lade_name_table_add(&table, name, &number), 0);
			assert_int_equal(number, i);
			assert_memory_equal(table.names[number], name, sizeof(name));
		}
	}
	assert_int_equal(table.count, 1000);
	make(name, 1001, true);
	assert_false(lade_name_table_has(&table, name));
	/* In order all are there, under the numbers that are told. */
	assert_int_equal(lade_name_table_sort(&table, &to), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		make(name, i, i % 2);
		assert_memory_equal(table.names[to[i]], name, sizeof(name));
		assert_true(!i || memcmp(table.names[i - 1], table.names[i], sizeof(name)) < 0);
		assert_int_equal(lade_name_table_add(&table, name, &number), 0);
		assert_int_equal(number, to[i]);
		assert_true(lade_name_table_has(&table, name));
	}
	assert_int_equal(table.count, 1000);
	make(name, 1001, true);
	assert_int_equal(lade_name_table_add(&table, name, &number), 0);
	assert_int_equal(number, 1000);
	free(to);
	lade_name_table_fini(&table);
	assert_false(lade_name_table_has(&table, name));
	/* None is in order. */
	assert_int_equal(lade_name_table_sort(&table, &to), 0);
	free(to);
	lade_name_table_fini(&table);
}

/* ---- names that somebody chose ---- */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t time_names(bool chosen)
{
	struct lade_name_table table = { .names = NULL };
	const uint64_t begin = now();

	for (uint32_t i = 0; i < CHOSEN; i++) {
		uint8_t name[LADE_HASH_LEN];

		make(name, i, chosen);
		assert_int_equal(lade_name_table_add(&table, name, NULL), 0);
	}
	lade_name_table_fini(&table);
	return now() - begin;
}

static uint64_t time_keys(bool chosen)
{
	const uint64_t begin = now();
	struct lade_key_set *set;

	assert_int_equal(lade_key_set_new(LADE_HASH_LEN, &set), 0);
	for (uint32_t i = 0; i < CHOSEN; i++) {
		uint8_t name[LADE_HASH_LEN];

		make(name, i, chosen);
		assert_int_equal(lade_key_set_add(set, name), 1);
	}
	lade_key_set_free(set);
	return now() - begin;
}

static uint64_t time_blocks(bool chosen)
{
	const uint64_t begin = now();
	struct lade_block_cache *cache;
	struct lade_block_key key = { .number = 0 };

	assert_int_equal(lade_block_cache_new(64u << 20, &cache), 0);
	for (uint32_t i = 0; i < CHOSEN; i++) {
		/* All are found, so that there are lists to go through. */
		make(key.pack, i, false);
		if (chosen)
			lade_put_le32(key.pack, 0x5a5a5a5a);
		lade_block_cache_keep(cache, &key, key.pack, 1);
	}
	lade_block_cache_free(cache);
	return now() - begin;
}

static void test_chosen(void **state)
{
	uint64_t (*const times[])(bool chosen) = { time_names, time_keys, time_blocks };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const uint64_t others = times[i](false);

		assert_true(times[i](true) < SLOWER_MAX * others);
	}
}

/* Blocks of a byte take more than that: there are not as many of them as there are bytes. */
static void test_small_blocks(void **state)
{
	struct lade_block_cache *cache;
	struct lade_block_key key = { .number = 0 };
	uint8_t byte;
	uint32_t there = 0;

	(void)state;
	assert_int_equal(lade_block_cache_new(65536, &cache), 0);
	for (uint32_t i = 0; i < 65536; i++) {
		make(key.pack, i, true);
		byte = (uint8_t)i;
		lade_block_cache_keep(cache, &key, &byte, 1);
		assert_true(lade_block_cache_copy(cache, &key, 0, 1, &byte));
		assert_int_equal(byte, (uint8_t)i);
	}
	for (uint32_t i = 0; i < 65536; i++) {
		make(key.pack, i, true);
		there += lade_block_cache_copy(cache, &key, 0, 1, &byte);
	}
	assert_true(there > 100 && there < 65536 / 64);
	lade_block_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_chosen), cmocka_unit_test(test_small_blocks) };

	if (sodium_init() < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
