/*
 * Hooks of a daemon: how their words, environment and descriptors come to them.
 */
#include "agent/daemon/hook.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/temp_tree.h"

static char tree[PATH_MAX];

/* Run a command with an environment that has OUT, the file that it may write to; returns the wait status. */
static int run(const char *command, struct lade_hook_environment *environment)
{
	struct lade_fault fault;
	pid_t pid;
	int how;

	assert_int_equal(lade_hook_start(command, environment, &pid, &fault), 0);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	return how;
}

/* Write a script into the tree; its path is static. */
static const char *script(const char *text)
{
	static char path[PATH_MAX + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hook", tree);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "#!/bin/sh\n%s\n", text) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static void expect_output(const char *expected)
{
	char path[PATH_MAX + 16], text[1024];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/out", tree);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

static void test_words_and_environment(void **state)
{
	struct lade_hook_environment environment = { .count = 0 };
	char command[PATH_MAX + 64];

	(void)state;
	assert_int_equal(setenv("LADE_TEST_OURS", "x", 1), 0);
	lade_hook_set(&environment, "OUT", "%s/out", tree);
	lade_hook_set(&environment, "LADE_IDENTITY", "%s", "$(id) `id` ;\nid");
	snprintf(command, sizeof(command), "%s  one\t'two three' $OUT;id", script("printf '%s|' \"$@\" \"$LADE_IDENTITY\" \"$LADE_TEST_OURS\" >\"$OUT\""));
	assert_int_equal(run(command, &environment), 0);
	/* Words are parted by blanks and tabs, and that is all that is done to them. */
	expect_output("one|'two|three'|$OUT;id|$(id) `id` ;\nid||");
}

static void test_descriptors(void **state)
{
	struct lade_hook_environment environment = { .count = 0 };
	int ours = open("/", O_RDONLY); /* without O_CLOEXEC, on purpose */
	char command[PATH_MAX + 32];

	(void)state;
	assert_true(ours > 2);
	lade_hook_set(&environment, "OUT", "%s/out", tree);
	lade_hook_set(&environment, "OURS", "%d", ours);
	snprintf(command, sizeof(command), "%s", script("[ -e /proc/self/fd/$OURS ] && echo open >\"$OUT\" || cat >\"$OUT\""));
	assert_int_equal(run(command, &environment), 0);
	expect_output("");
	close(ours);
}

static void test_status(void **state)
{
	struct lade_hook_environment environment = { .count = 0 };
	struct lade_fault fault;
	pid_t pid;
	int how;

	(void)state;
	how = run(script("exit 3"), &environment);
	assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 3);
	how = run("/nonexistent/hook", &environment);
	assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 127);
	assert_int_equal(lade_hook_start(" \t ", &environment, &pid, &fault), LADE_E_USAGE);
}

/* What does not fit is left out, and the rest is whole. */
static void test_environment_is_bounded(void **state)
{
	struct lade_hook_environment environment = { .count = 0 };
	static char large[LADE_HOOK_ENVIRONMENT_MAX];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	lade_hook_set(&environment, "A", "%s", "1");
	lade_hook_set(&environment, "B", "%s", large);
	assert_int_equal(environment.count, 1);
	large[sizeof(large) - 16] = '\0';
	lade_hook_set(&environment, "C", "%s", large);
	lade_hook_set(&environment, "D", "%s", "no room");
	assert_int_equal(environment.count, 2);
	assert_string_equal(environment.text, "A=1");
	environment.len = environment.count = 0;
	for (unsigned i = 0; i < LADE_HOOK_VARIABLES_MAX + 5; i++)
		lade_hook_set(&environment, "N", "%u", i);
	assert_int_equal(environment.count, LADE_HOOK_VARIABLES_MAX);
}

static int remove_tree(void **state)
{
	(void)state;
	temp_tree_remove(tree);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_and_environment),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_environment_is_bounded),
	};

	temp_tree_make(tree);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, remove_tree);
}
