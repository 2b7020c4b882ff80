/*
 * Fingerprints as text.
 */
#include "agent/fingerprint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void test_there_and_back(void **state)
{
	uint8_t counted[32], parsed[32];
	char text[LADE_FINGERPRINT_TEXT_SIZE];

	(void)state;
	for (uint8_t i = 0; i < 32; i++)
		counted[i] = i;
	lade_fingerprint_show(counted, text);
	assert_string_equal(text, TEXT);
	assert_int_equal(lade_fingerprint_parse(text, parsed), 0);
	assert_memory_equal(parsed, counted, 32);
}

static void test_forms(void **state)
{
	static const char *const good[] = {
		TEXT, TEXT "=", HEX, "SHA256:" HEX, "sha256:" HEX,
		"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
	};
	static const char *const bad[] = {
		"", "SHA256:", "x", HEX "0", HEX "00", "MD5:" HEX, TEXT "A", TEXT "==", TEXT " ", " " TEXT, "SHA1:" HEX,
		"SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh", /* too short */
		"SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", /* bits behind the end */
		"SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh-",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", /* could be anything */
	};
	uint8_t parsed[32];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		memset(parsed, 0xff, sizeof(parsed));
		assert_int_equal(lade_fingerprint_parse(good[i], parsed), 0);
		for (uint8_t j = 0; j < 32; j++)
			assert_int_equal(parsed[j], j);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (!lade_fingerprint_parse(bad[i], parsed))
			fail_msg("'%s' is taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_forms) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
