/*
 * --chmod: what each wording makes of modes (the expected ones are what rsync makes of them), and what is no wording.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/tree/mode_change.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static mode_t changed(const char *text, mode_t mode)
{
	struct lade_mode_changes changes = { NULL, 0, 0 };
	mode_t result;

	if (lade_mode_changes_add(&changes, text, 022))
		fail_msg("'%s' was refused", text);
	result = lade_mode_changes_apply(&changes, mode);
	lade_mode_changes_fini(&changes);
	return result;
}

static void test_wordings(void **state)
{
	/* Of a directory 0755 and 1777, of files 0644, 0600 and 4751. */
	static const struct {
		const char *text;
		mode_t directory, sticky, plain, secret, setuid;
	} cases[] = {
		{ "F755,D700", 0700, 0700, 0755, 0755, 0755 },
		{ "u+w,go-rwx", 0700, 01700, 0600, 0600, 04700 },
		{ "a=rX", 0555, 01555, 0444, 0444, 04555 },
		{ "g=,o=", 0700, 01700, 0600, 0600, 04700 },
		{ "D2775,F664", 02775, 02775, 0664, 0664, 0664 },
		{ "+x", 0755, 01777, 0755, 0711, 04751 },
		{ "=rw", 0644, 01644, 0644, 0644, 04644 },
		{ "Dg+s", 02755, 03777, 0644, 0600, 04751 },
		{ "644", 0644, 0644, 0644, 0644, 0644 },
		{ "ug=rwX,o=rX", 0775, 01775, 0664, 0664, 04775 },
		{ "u+s", 04755, 05777, 04644, 04600, 04751 },
		{ "+s", 04755, 05777, 04644, 04600, 04751 },
		{ "+t", 01755, 01777, 01644, 01600, 05751 },
		{ "a+s", 06755, 07777, 06644, 06600, 06751 },
		{ "Fu-s", 0755, 01777, 0644, 0600, 0751 },
		{ "go=s", 02700, 03700, 02600, 02600, 06700 },
		{ "go=sr", 02744, 03744, 02644, 02644, 06744 },
		{ "u+", 0755, 01777, 0644, 0600, 04751 },
		{ "=", 0, 01000, 0, 0, 04000 },
		{ "D=", 0, 01000, 0644, 0600, 04751 },
		{ "uD+x", 0755, 01777, 0644, 0600, 04751 },
		{ "+xX", 0755, 01777, 0644, 0600, 04751 },
		{ "u-rwxXst", 0055, 0077, 0044, 0, 0051 },
		{ "F=t", 0755, 01777, 01000, 01000, 05000 },
		{ "07777", 07777, 07777, 07777, 07777, 07777 },
		{ "000000000755", 0755, 0755, 0755, 0755, 0755 },
		{ "-X", 0644, 01666, 0644, 0600, 04640 },
		{ "=X", 0111, 01111, 0, 0, 04111 },
		{ "u-x,u+X", 0755, 01777, 0644, 0600, 04751 },
		{ "g+u", 0775, 01777, 0664, 0660, 04771 },
		{ "o=g", 0755, 0777, 0644, 0600, 04755 },
		{ "u=o", 0555, 01777, 0444, 0, 0151 },
		{ "+u", 0755, 01777, 0644, 0644, 04755 },
		{ "=g", 0555, 0755, 0444, 0, 0555 },
		{ "u-g", 0255, 01077, 0244, 0600, 04251 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const mode_t modes[] = { S_IFDIR | 0755, S_IFDIR | 01777, S_IFREG | 0644, S_IFREG | 0600, S_IFREG | 04751 };
		const mode_t expected[] = {
			cases[i].directory, cases[i].sticky, cases[i].plain, cases[i].secret, cases[i].setuid,
		};

		for (size_t j = 0; j < COUNT(modes); j++)
			if (changed(cases[i].text, modes[j]) != ((modes[j] & S_IFMT) | expected[j]))
				fail_msg("'%s': %o becomes %o, not %o", cases[i].text, modes[j], changed(cases[i].text, modes[j]),
					 expected[j]);
	}
}

static void test_types(void **state)
{
	(void)state;
	assert_int_equal(changed("000", S_IFLNK | 0777), S_IFLNK | 0777);
	assert_int_equal(changed("F600", S_IFIFO | 0644), S_IFIFO | 0600);
	assert_int_equal(changed("D600", S_IFCHR | 0644), S_IFCHR | 0644);
	assert_int_equal(changed("a+X", S_IFIFO | 0644), S_IFIFO | 0644);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {
		"", ",", "u+r,", "u+r,,g+w", ",u+r", "u+r+w", "u+rw-x", "DF+r", "DF755", "99", "8", "+8", "017777", "u", "u7", "D+700", "+700",
		"=644", "g=ur", "g=ru", "g+Xu", "o=ug", "g=a", "u+D", " u+r", "u+r ", "77777777777777777777777777777777", "755x",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct lade_mode_changes changes = { NULL, 0, 0 };

		assert_int_equal(lade_mode_changes_add(&changes, "go-w", 0), 0);
		if (lade_mode_changes_add(&changes, wrong[i], 0) != LADE_E_USAGE)
			fail_msg("'%s' was taken", wrong[i]);
		assert_int_equal(changes.count, 1);
		lade_mode_changes_fini(&changes);
	}
}

/* Several lists apply one after the other, and more than a few of them. */
static void test_order(void **state)
{
	struct lade_mode_changes changes = { NULL, 0, 0 };

	(void)state;
	assert_int_equal(lade_mode_changes_apply(&changes, S_IFREG | 0644), S_IFREG | 0644);
	assert_int_equal(lade_mode_changes_add(&changes, "F600", 022), 0);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(lade_mode_changes_add(&changes, i % 2 ? "g+r" : "g-r", 022), 0);
	assert_int_equal(lade_mode_changes_apply(&changes, S_IFREG | 0755), S_IFREG | 0640);
	lade_mode_changes_fini(&changes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wordings),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_order),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
