/*
 * Tests of agent/backup/key_set: what was added is there, once, also from several threads, and comes out in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "agent/backup/key_set.h"
#include "protocol/byteorder.h"

#define KEYS 20000u

/* A key of a number; spread as ids are. */
static void make(uint8_t out[32], uint64_t number)
{
	for (unsigned i = 0; i < 4; i++)
		lade_put_le64(out + 8 * i, (number + 1) * UINT64_C(0x9e3779b97f4a7c15) + i);
}

static void *add_all(void *set)
{
	size_t added = 0;
	uint8_t key[32];

	for (uint64_t i = 0; i < KEYS; i++) {
		make(key, i);
		added += lade_key_set_add(set, key) == 1;
	}
	return (void *)(uintptr_t)added;
}

static void test_threads(void **state)
{
	struct lade_key_set *set;
	pthread_t threads[3];
	size_t added = 0;
	uint8_t key[32];

	(void)state;
	assert_int_equal(lade_key_set_new(16, &set), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_all, set), 0);
	for (unsigned i = 0; i < 3; i++) {
		void *result;

		pthread_join(threads[i], &result);
		added += (size_t)(uintptr_t)result;
	}
	assert_int_equal(added, KEYS);
	assert_int_equal(lade_key_set_count(set), KEYS);
	for (uint64_t i = 0; i < 2 * KEYS; i++) {
		make(key, i);
		assert_int_equal(lade_key_set_has(set, key), i < KEYS);
	}
	lade_key_set_free(set);
}

static void test_order(void **state)
{
	struct lade_key_set *set;
	uint8_t key[32] = { 0 }, *all = malloc(33 * 300);

	(void)state;
	assert_non_null(all);
	assert_int_equal(lade_key_set_new(32, &set), 0);
	assert_int_equal(lade_key_set_add(set, key), 1); /* all zeros are a key, too */
	assert_int_equal(lade_key_set_add(set, key), 0);
	assert_true(lade_key_set_has(set, key));
	for (uint64_t i = 0; i < 299; i++) {
		make(key, i);
		assert_int_equal(lade_key_set_add(set, key), 1);
	}
	assert_int_equal(lade_key_set_count(set), 300);
	lade_key_set_sorted(set, all);
	for (unsigned i = 1; i < 300; i++)
		assert_true(memcmp(all + 32 * (i - 1), all + 32 * i, 32) < 0);
	lade_key_set_free(set);
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_threads), cmocka_unit_test(test_order) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
