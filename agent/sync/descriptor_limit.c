/*
 * The limit of descriptors.
 */
#include "agent/sync/descriptor_limit.h"

#include <sys/resource.h>

void lade_descriptor_limit_raise(unsigned long wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
