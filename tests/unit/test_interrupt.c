/*
 * Signals that end a command: they set the flag once, a second one has its way, and ignored ones stay so.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/interrupt.h"

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

static bool is_set(void)
{
	return atomic_load(lade_interrupt_flag());
}

/* What a child does: it writes to fd once it has come through two signals, and is ended by the third. */
static void be_interrupted(int number, int fd)
{
	lade_interrupt_catch();
	if (is_set() || raise(number) || !is_set())
		_exit(1);
	/* Another command of the same program begins anew. */
	lade_interrupt_catch();
	if (is_set() || raise(number) || !is_set())
		_exit(2);
	if (write(fd, "x", 1) == 1)
		(void)raise(number);
	_exit(9);
}

static void second_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int ends[2], status;
		pid_t child;
		char byte;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (!child)
			be_interrupted(numbers[i], ends[1]);
		close(ends[1]);
		assert_int_equal(read(ends[0], &byte, 1), 1);
		close(ends[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), numbers[i]);
	}
}

/* As nohup(1) has it. */
static void ignored_stays(void **state)
{
	const pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (!child) {
		(void)signal(SIGHUP, SIG_IGN);
		lade_interrupt_catch();
		(void)raise(SIGHUP);
		_exit(is_set());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(second_ends), cmocka_unit_test(ignored_stays) };

	/* Whoever runs us may have them ignored. */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)signal(numbers[i], SIG_DFL);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
