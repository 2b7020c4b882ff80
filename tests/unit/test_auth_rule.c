/* auth: which rules there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/daemon/auth_rule.h"

/* The bytes 0 to 31. */
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct lade_auth_rule parse(const char *text)
{
	struct lade_auth_rule rule;
	const char *why;

	if (lade_auth_rule_parse(text, &rule, &why))
		fail_msg("'%s' is refused: %s", text, why);
	return rule;
}

static void test_rules(void **state)
{
	static const struct {
		const char *text, *printed;
	} cases[] = {
		{ "any", "any" }, { "authorized", "authorized" }, { "authorized:laptop", "authorized:laptop" }, { "token:*", "token:*" },
		{ "token:ann", "token:ann" }, { "certificate:backup.example.org", "certificate:backup.example.org" },
		{ "certificate:Ann Other", "certificate:Ann Other" }, { "authorized:a:b", "authorized:a:b" },
		{ "key:SHA256:" BASE64, "key:SHA256:" BASE64 }, { "key:" HEX, "key:SHA256:" BASE64 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_auth_rule rule = parse(cases[i].text);
		char text[LADE_AUTH_TEXT_SIZE];

		assert_string_equal(lade_auth_rule_print(&rule, text), cases[i].printed);
		lade_auth_rule_fini(&rule);
		assert_null(rule.word);
	}
}

static void test_no_rules(void **state)
{
	static const char *const texts[] = {
		"", "Any", "any:", "any:x", "anyone", "key", "key:", "key:SHA256:", "key:SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
		"key:SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "key:SHA256:" BASE64 "A", "key:" BASE64, "key:" HEX "0", "key:MD5:" HEX,
		"key:SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH h", "authorized:", "authorized:*", "certificate", "certificate:", "certificate:*",
		"token", "token:", "token:a\tb", "token:a token:b", "token:a:b", "token:#a", "token:\xc3\xa9",
		"authorized:a b", "authorized:a authorized:b", "authorized:#a", "authorized:SHA256:x", ":", ":x", "users:ann",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct lade_auth_rule rule;
		const char *why = NULL;

		if (lade_auth_rule_parse(texts[i], &rule, &why) != LADE_E_USAGE || !why)
			fail_msg("'%s' is taken for a rule", texts[i]);
		assert_null(rule.word);
	}
}

static void test_long_names(void **state)
{
	char text[400] = "token:";
	struct lade_auth_rule rule;
	const char *why;

	(void)state;
	memset(text + 6, 'a', 255);
	rule = parse(text);
	assert_int_equal(strlen(rule.word), 255);
	lade_auth_rule_fini(&rule);
	text[6 + 255] = 'a';
	assert_int_equal(lade_auth_rule_parse(text, &rule, &why), LADE_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_no_rules),
		cmocka_unit_test(test_long_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
