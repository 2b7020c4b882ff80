/*
 * Tests of agent/store/place_hash: the value that SipHash's authors give, and keys that differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/store/place_hash.h"

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", appendix A. */
static void test_value(void **state)
{
	struct lade_place_key key;
	uint8_t data[15];

	(void)state;
	for (uint8_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = i;
	for (uint8_t i = 0; i < sizeof(data); i++)
		data[i] = i;
	assert_int_equal(lade_place_hash(&key, data, sizeof(data)), UINT64_C(0xa129ca6149be45e5));
}

static void test_keys_differ(void **state)
{
	struct lade_place_key one, other;

	(void)state;
	memset(&one, 0, sizeof(one));
	memset(&other, 0, sizeof(other));
	lade_place_key_make(&one);
	lade_place_key_make(&other);
	assert_memory_not_equal(one.bytes, other.bytes, sizeof(one.bytes));
	assert_int_not_equal(lade_place_hash(&one, "", 0), lade_place_hash(&other, "", 0));
	assert_int_not_equal(lade_place_hash(&one, "a", 1), lade_place_hash(&one, "b", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_value),
		cmocka_unit_test(test_keys_differ),
	};

	if (sodium_init() < 0)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
