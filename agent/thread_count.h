/*
 * How many threads a command works with.
 */
#ifndef LADE_AGENT_THREAD_COUNT_H
#define LADE_AGENT_THREAD_COUNT_H

#include <stdint.h>

/* So many as were asked for, or, for 0, as there are processors; from 1 to most, which is at least 1. */
unsigned lade_thread_count(uint64_t asked, unsigned most);

#endif
