/*
 * The clock.
 */
#include "transport/clock.h"

#include <time.h>

int64_t lade_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t lade_clock_ms(void)
{
	return lade_clock_ns() / 1000000;
}
