/*
 * Memory for secrets: that forked processes have it, or have not.
 */
#include "agent/locked_memory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* How a forked process that looks at memory ends. */
static int look(volatile const char *memory)
{
	const struct rlimit no_core = { 0, 0 };
	int status;
	pid_t child = fork();

	if (child == 0) {
		/* Not to be told of by a sanitizer, nor to leave a core. */
		signal(SIGSEGV, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		_exit(memory[0] == 'x' ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void test_who_has_it(void **state)
{
	char *ours = lade_locked_memory_new(5000, false), *all = lade_locked_memory_new(1, true);
	int status;

	(void)state;
	assert_non_null(ours);
	assert_non_null(all);
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(ours[i], 0);
	memset(ours, 'x', 5000);
	*all = 'x';
	assert_int_equal(look(all), 0);
	status = look(ours);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	lade_locked_memory_free(ours, 5000);
	lade_locked_memory_free(all, 1);
	lade_locked_memory_free(NULL, 1);
	assert_null(lade_locked_memory_new(SIZE_MAX, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_who_has_it) };

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
