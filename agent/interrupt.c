/*
 * The handler does nothing but set a flag, which whatever goes on looks at: see sigaction(2), signal-safety(7).
 */
#include "agent/interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static atomic_bool flag;

static void on_signal(int number)
{
	(void)number;
	atomic_store(&flag, true);
}

void lade_interrupt_catch(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND }, old;

	atomic_store(&flag, false);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &action, NULL);
}

const atomic_bool *lade_interrupt_flag(void)
{
	return &flag;
}
