/*
 * Tests of agent/passphrase: which source counts, and how a command is split and run.
 */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/passphrase.h"
#include "tests/unit/temp_tree.h"

static char scratch[PATH_MAX], file[PATH_MAX + 16], other[PATH_MAX + 16];
static struct lade_complaint complaint;

static void write_line(const char *path, const char *line)
{
	FILE *stream = fopen(path, "w");

	assert_non_null(stream);
	fprintf(stream, "%s\n", line);
	fclose(stream);
	assert_int_equal(chmod(path, 0600), 0);
}

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(scratch);
	snprintf(file, sizeof(file), "%s/file", scratch);
	snprintf(other, sizeof(other), "%s/other", scratch);
	write_line(file, "of the file");
	write_line(other, "of the other");
	(void)signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(scratch);
	return 0;
}

static void forget_environment(void)
{
	unsetenv("LADE_PASSWORD");
	unsetenv("LADE_PASSWORD_FILE");
	unsetenv("LADE_PASSWORD_COMMAND");
}

static void assert_secret(struct lade_secret *secret, const char *expected)
{
	assert_int_equal(secret->len, strlen(expected));
	assert_memory_equal(secret->bytes, expected, secret->len);
	lade_secret_fini(secret);
}

static void assert_found(const struct lade_passphrase_sources *sources, const char *expected)
{
	struct lade_secret secret = { 0 };

	assert_true(lade_passphrase_given(sources));
	assert_int_equal(lade_passphrase_find(sources, "repo", false, &secret, &complaint), 0);
	assert_secret(&secret, expected);
}

static void test_order(void **state)
{
	struct lade_passphrase_sources sources = { .environment = true };
	struct lade_secret secret = { 0 };

	(void)state;
	forget_environment();
	assert_false(lade_passphrase_given(&sources));
	setenv("LADE_PASSWORD_COMMAND", "echo of the command", 1);
	assert_found(&sources, "of the command");
	setenv("LADE_PASSWORD_FILE", other, 1);
	assert_found(&sources, "of the other");
	setenv("LADE_PASSWORD", "of the environment", 1);
	assert_found(&sources, "of the environment");
	sources.command = "echo of the option";
	assert_found(&sources, "of the option");
	sources.file = file;
	assert_int_equal(lade_passphrase_find(&sources, "repo", false, &secret, &complaint), LADE_E_USAGE);
	sources.command = NULL;
	assert_found(&sources, "of the file");
	/* A new one beside another has no variable. */
	sources = (struct lade_passphrase_sources){ .environment = false };
	assert_false(lade_passphrase_given(&sources));
	/* What is empty is not set. */
	setenv("LADE_PASSWORD", "", 1);
	sources.environment = true;
	assert_found(&sources, "of the other");
	forget_environment();
}

static void test_words(void **state)
{
	static const struct {
		const char *command, *printed;
	} rows[] = {
		{ "echo a  b", "a b" },
		{ "  echo\ta ", "a" },
		{ "echo 'a  b'", "a  b" },
		{ "echo \"a  b\"", "a  b" },
		{ "echo a'b c'd", "ab cd" },
		{ "echo a\\ \\ b", "a  b" },
		{ "echo \"a\\\"b\"", "a\"b" },
		{ "echo 'a\\b'", "a\\b" },
		{ "echo \"it's\"", "it's" },
		{ "printf '%s,' a '' b", "a,,b," },
		{ "echo $HOME `x` *", "$HOME `x` *" },
		{ "'echo' a", "a" },
	};
	struct lade_secret secret = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lade_passphrase_run(rows[i].command, &secret, &complaint), 0);
		assert_secret(&secret, rows[i].printed);
	}
}

static void test_failures(void **state)
{
	static const struct {
		const char *command, *said;
	} rows[] = {
		{ "", "no command" },
		{ "  ", "no command" },
		{ "''", "no command" },
		{ "echo 'a", "not closed" },
		{ "echo a\\", "not closed" },
		{ "/nowhere/at/all", "No such file" },
		{ "false", "exit status 1" },
		{ "sh -c 'echo a; exit 3'", "exit status 3" },
		{ "sh -c 'kill -TERM $$'", "signal 15" },
		{ "true", "no password" },
		{ "printf 'a\\nb\\n'", "one line" },
		/* It ends by SIGPIPE, when nobody reads any more. */
		{ "yes", "signal 13" },
	};
	struct lade_secret secret = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(lade_passphrase_run(rows[i].command, &secret, &complaint) < 0);
		if (!strstr(complaint.text, rows[i].said))
			fail_msg("%s: %s", rows[i].command, complaint.text);
		assert_null(secret.bytes);
	}
}

static void test_files(void **state)
{
	struct lade_passphrase_sources sources = { .file = file };
	struct lade_secret secret = { 0 };

	(void)state;
	assert_int_equal(chmod(file, 0640), 0);
	assert_true(lade_passphrase_find(&sources, "repo", false, &secret, &complaint) < 0);
	assert_non_null(strstr(complaint.text, "chmod 600"));
	assert_int_equal(chmod(file, 0600), 0);
	assert_found(&sources, "of the file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
