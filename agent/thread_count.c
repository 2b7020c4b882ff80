/*
 * Processors are those that are online: see sysconf(3). Where that cannot be told there is one.
 */
#include "agent/thread_count.h"

#include <unistd.h>

unsigned lade_thread_count(uint64_t asked, unsigned most)
{
	const long online = asked ? 0 : sysconf(_SC_NPROCESSORS_ONLN);
	const uint64_t count = asked ? asked : online < 1 ? 1 : (uint64_t)online;

	return count > most ? most : (unsigned)count;
}
