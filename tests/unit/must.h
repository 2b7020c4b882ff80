/*
 * For what tests use instead of a part of the program: without memory there is no test.
 */
#ifndef LADE_TESTS_UNIT_MUST_H
#define LADE_TESTS_UNIT_MUST_H

#include <stdlib.h>

/* What is there; aborts if it is not. */
static inline void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

#endif
