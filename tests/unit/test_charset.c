/*
 * agent/tree/charset.h: names in other character sets, and those that cannot be.
 */
#include "agent/tree/charset.h"

#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The character set at hand. */
static struct lade_charset *charset;

static void use(const char *name)
{
	struct lade_fault fault;

	lade_charset_free(charset);
	assert_int_equal(lade_charset_new(name, &charset, &fault), 0);
}

static int done(void **state)
{
	(void)state;
	lade_charset_free(charset);
	charset = NULL;
	return 0;
}

/* A name of this side and the same on its way. */
static void same(const char *here, const char *said)
{
	char out[LADE_NAME_MAX + 1];
	size_t len;

	assert_true(lade_charset_name(charset, LADE_CHARSET_OUT, lade_slice(here, strlen(here)), out, &len));
	assert_string_equal(out, said);
	assert_int_equal(len, strlen(said));
	assert_true(lade_charset_name(charset, LADE_CHARSET_IN, lade_slice(said, strlen(said)), out, &len));
	assert_string_equal(out, here);
	assert_int_equal(len, strlen(here));
}

static void refused_bytes(enum lade_charset_way way, const void *name, size_t len, int error)
{
	char out[LADE_NAME_MAX + 1];
	size_t out_len;

	errno = 0;
	assert_false(lade_charset_name(charset, way, lade_slice(name, len), out, &out_len));
	assert_int_equal(errno, error);
}

static void refused(enum lade_charset_way way, const char *name)
{
	refused_bytes(way, name, strlen(name), EILSEQ);
}

static void test_names(void **state)
{
	(void)state;
	use("iso-8859-1");
	same("plain", "plain");
	same("caf\xe9", "caf\xc3\xa9");
	same(".\xe9", ".\xc3\xa9");
	use("UTF8");
	same("caf\xc3\xa9", "caf\xc3\xa9");
	use("EUC-JP");
	same("\xc6\xfc\xcb\xdc", "\xe6\x97\xa5\xe6\x9c\xac");
	use("SHIFT_JIS");
	/* The second byte of this one is a backslash. */
	same("\x95\x5c", "\xe8\xa1\xa8");
	/* It has states, and ends where it began. */
	use("ISO-2022-JP");
	same("\x1b$BF|K\\\x1b(B", "\xe6\x97\xa5\xe6\x9c\xac");
	same("plain", "plain");
}

static void test_not_convertible(void **state)
{
	(void)state;
	use("iso-8859-1");
	refused(LADE_CHARSET_IN, "eu\xe2\x82\xac");
	refused(LADE_CHARSET_IN, "bad\xe9");
	refused(LADE_CHARSET_IN, "\xc0\xaf");
	refused_bytes(LADE_CHARSET_IN, "cut\xc3", 4, EILSEQ);
	use("UTF-8");
	refused(LADE_CHARSET_OUT, "bad\xe9");
	use("EUC-JP");
	refused(LADE_CHARSET_OUT, "\xc6");
	refused(LADE_CHARSET_OUT, "\xff\xff");
	/* It does not come back as it was: it would have another name on each way. */
	use("ISO-2022-JP");
	refused(LADE_CHARSET_OUT, "\x1b(Bplain");
	refused(LADE_CHARSET_OUT, "\x1b$BF|K\\");
	use("CP932");
	refused(LADE_CHARSET_OUT, "\xed\x40");
}

/* What is a name on one side is not to become a way out of the tree on the other. */
static void test_no_names(void **state)
{
	(void)state;
	/* Two bytes each: a slash, dots, a NUL in the middle. */
	use("UTF-16LE");
	refused_bytes(LADE_CHARSET_OUT, "/\0", 2, EILSEQ);
	refused_bytes(LADE_CHARSET_OUT, ".\0.\0", 4, EILSEQ);
	refused(LADE_CHARSET_IN, "a");
	use("IBM037");
	/* There a slash is a letter, and a letter a slash. */
	refused(LADE_CHARSET_OUT, "\x61");
	refused(LADE_CHARSET_OUT, "\x4b\x4b");
	refused(LADE_CHARSET_OUT, "a");
	/* And here are the bytes of a slash and a dot. */
	refused(LADE_CHARSET_IN, "\x07");
	refused(LADE_CHARSET_IN, "\x06\x06");
}

static void test_growth(void **state)
{
	char here[LADE_NAME_MAX + 1], said[LADE_NAME_MAX + 1];

	(void)state;
	use("iso-8859-1");
	memset(here, 0xe9, 127);
	strcpy(here + 127, "x");
	for (int i = 0; i < 127; i++)
		memcpy(said + 2 * i, "\xc3\xa9", 2);
	strcpy(said + 254, "x");
	same(here, said);
	refused_bytes(LADE_CHARSET_OUT, memset(here, 0xe9, 128), 128, ENAMETOOLONG);
}

static void test_text(void **state)
{
	const char *path = "caf\xe9/../x";
	struct lade_slice shown;
	char out[32];
	size_t len;

	(void)state;
	use("iso-8859-1");
	assert_true(lade_charset_text(charset, LADE_CHARSET_OUT, lade_slice(path, strlen(path)), out, sizeof(out), &len));
	assert_string_equal(out, "caf\xc3\xa9/../x");
	assert_int_equal(len, strlen(out));
	/* With its NUL it has no room. */
	assert_false(lade_charset_text(charset, LADE_CHARSET_OUT, lade_slice(path, strlen(path)), out, len, &len));
	assert_int_equal(errno, ENAMETOOLONG);
	assert_true(lade_charset_text(NULL, LADE_CHARSET_OUT, lade_slice(path, strlen(path)), out, sizeof(out), &len));
	assert_string_equal(out, path);
	assert_false(lade_charset_text(NULL, LADE_CHARSET_OUT, lade_slice(path, strlen(path)), out, strlen(path), &len));
	assert_false(lade_charset_text(charset, LADE_CHARSET_OUT, lade_slice("a\0b", 3), out, sizeof(out), &len));
	shown = lade_charset_show(charset, LADE_CHARSET_IN, lade_slice("caf\xc3\xa9", 5), out, sizeof(out));
	assert_true(lade_slice_equal(shown, lade_slice("caf\xe9", 4)));
	shown = lade_charset_show(charset, LADE_CHARSET_IN, lade_slice("\xe2\x82\xac", 3), out, sizeof(out));
	assert_true(lade_slice_equal(shown, lade_slice("\xe2\x82\xac", 3)));
}

/* One that fails leaves nothing for the next. */
static void test_after_failure(void **state)
{
	(void)state;
	use("ISO-2022-JP");
	refused(LADE_CHARSET_OUT, "\x1b$BF");
	same("plain", "plain");
}

static void test_charsets(void **state)
{
	static const char *const bad[] = { "nonsense", "UTF-8//TRANSLIT", "latin1//IGNORE", "../UTF-8", "UTF-8,", " ", "a\nb" };
	char longest[LADE_CHARSET_NAME_MAX + 2];
	struct lade_charset *none = NULL;
	struct lade_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(lade_charset_new(bad[i], &none, &fault), LADE_E_UNSUPPORTED);
		assert_string_equal(fault.subject, bad[i]);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(lade_charset_new(longest, &none, &fault), LADE_E_UNSUPPORTED);
	assert_null(none);
	/* Of the locale. */
	assert_non_null(setlocale(LC_CTYPE, "C"));
	use(".");
	same("plain", "plain");
	refused(LADE_CHARSET_OUT, "caf\xc3\xa9");
	use("");
	refused(LADE_CHARSET_OUT, "caf\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),   cmocka_unit_test(test_not_convertible),
		cmocka_unit_test(test_no_names), cmocka_unit_test(test_growth),
		cmocka_unit_test(test_text),    cmocka_unit_test(test_after_failure),
		cmocka_unit_test(test_charsets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, done);
}
