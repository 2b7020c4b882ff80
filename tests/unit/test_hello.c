/*
 * Tests of protocol/hello: the bytes, versions, and strangers of every kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/error.h"
#include "protocol/hello.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct lade_hello sample(void)
{
	struct lade_hello hello = { .version_min = 0x0102,
				    .version_max = 0x0304,
				    .features = 0x05060708 };

	for (unsigned i = 0; i < LADE_SECRET_LEN; i++)
		hello.secret[i] = (uint8_t)(0x80 + i);
	return hello;
}

static void test_bytes(void **state)
{
	static const uint8_t head[] = {
		0x9f, 'l',  'a',  'd',  'e',  '\r', '\n', 0x1a,
		0x02, 0x01, 0x04, 0x03, 0x08, 0x07, 0x06, 0x05,
	};
	static const uint8_t zeros[16];
	const struct lade_hello hello = sample();
	uint8_t bytes[LADE_HELLO_LEN];

	(void)state;
	memset(bytes, 0xaa, sizeof(bytes));
	lade_hello_put(bytes, &hello);
	assert_memory_equal(bytes, head, sizeof(head));
	assert_memory_equal(bytes + 16, hello.secret, LADE_SECRET_LEN);
	assert_memory_equal(bytes + 48, zeros, sizeof(zeros));
}

static void test_round_trip(void **state)
{
	const struct lade_hello hello = sample();
	uint8_t bytes[LADE_HELLO_LEN];
	struct lade_hello got;

	(void)state;
	lade_hello_put(bytes, &hello);
	memset(bytes + 48, 0x77, 16); /* what a later version puts there is not our business */
	assert_int_equal(lade_hello_get(bytes, &got), 0);
	assert_int_equal(got.version_min, hello.version_min);
	assert_int_equal(got.version_max, hello.version_max);
	assert_int_equal(got.features, hello.features);
	assert_memory_equal(got.secret, hello.secret, LADE_SECRET_LEN);
}

/* A stranger is known by the first byte that differs, however little has come. */
static void test_strangers(void **state)
{
	static const char *const greetings[] = {
		"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: example\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
		"@RSYNCD: 31.0 sha512 sha256 sha1 md5 md4\n",
		"Last login: Mon Jan  1 00:00:00 on tty1\n",
		"\n",
		" ",
		"lade\r\n\x1a",
		"\x16\x03\x01\x02",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(greetings); i++)
		for (size_t len = 1; len <= strlen(greetings[i]); len++)
			assert_int_equal(lade_hello_check_magic((const uint8_t *)greetings[i], len),
					 LADE_E_STRANGER);
}

static void test_magic_piece_by_piece(void **state)
{
	const struct lade_hello hello = sample();
	uint8_t bytes[LADE_HELLO_LEN];
	struct lade_hello got;

	(void)state;
	lade_hello_put(bytes, &hello);
	for (size_t len = 0; len <= sizeof(bytes); len++)
		assert_int_equal(lade_hello_check_magic(bytes, len), 0);
	for (size_t i = 0; i < LADE_MAGIC_LEN; i++) {
		bytes[i] ^= 0x20;
		assert_int_equal(lade_hello_check_magic(bytes, i), 0);
		assert_int_equal(lade_hello_check_magic(bytes, i + 1), LADE_E_STRANGER);
		assert_int_equal(lade_hello_get(bytes, &got), LADE_E_STRANGER);
		bytes[i] ^= 0x20;
	}
}

/* A terminal or FTP that translates line endings shows at once. */
static void test_translated_line_endings(void **state)
{
	static const uint8_t unix_ends[] = { 0x9f, 'l', 'a', 'd', 'e', '\n', 0x1a, 1 };
	static const uint8_t two_returns[] = { 0x9f, 'l', 'a', 'd', 'e', '\r', '\r', '\n' };
	static const uint8_t seven_bits[] = { 0x1f, 'l', 'a', 'd', 'e', '\r', '\n', 0x1a };

	(void)state;
	assert_int_equal(lade_hello_check_magic(unix_ends, sizeof(unix_ends)), LADE_E_STRANGER);
	assert_int_equal(lade_hello_check_magic(two_returns, sizeof(two_returns)), LADE_E_STRANGER);
	assert_int_equal(lade_hello_check_magic(seven_bits, sizeof(seven_bits)), LADE_E_STRANGER);
}

static void test_empty_range(void **state)
{
	struct lade_hello hello = { .version_min = 2, .version_max = 1 }, got;
	uint8_t bytes[LADE_HELLO_LEN];

	(void)state;
	lade_hello_put(bytes, &hello);
	assert_int_equal(lade_hello_get(bytes, &got), LADE_E_PROTOCOL);
}

static void test_versions(void **state)
{
	static const struct {
		uint16_t our_min, our_max, their_min, their_max;
		int expected;
	} cases[] = {
		{ 1, 1, 1, 1, 1 },
		{ 1, 3, 2, 5, 3 },
		{ 2, 5, 1, 3, 3 },
		{ 1, 9, 4, 4, 4 },
		{ 4, 4, 1, 9, 4 },
		{ 1, 2, 3, 4, LADE_E_VERSION },
		{ 3, 4, 1, 2, LADE_E_VERSION },
		{ 1, 2, 2, 3, 2 },
		{ 0, 0, 1, 1, LADE_E_VERSION },
		{ 1, UINT16_MAX, UINT16_MAX, UINT16_MAX, UINT16_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct lade_hello ours = { cases[i].our_min, cases[i].our_max, 0, { 0 } };
		const struct lade_hello theirs = {
			cases[i].their_min, cases[i].their_max, ~0u, { 0 }
		};

		assert_int_equal(lade_hello_version(&ours, &theirs), cases[i].expected);
		assert_int_equal(lade_hello_version(&theirs, &ours), cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_magic_piece_by_piece),
		cmocka_unit_test(test_translated_line_endings),
		cmocka_unit_test(test_empty_range),
		cmocka_unit_test(test_versions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
