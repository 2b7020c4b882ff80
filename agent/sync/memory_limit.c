/*
 * The kernel counts, so that no allocation of any library goes by it.
 */
#include "agent/sync/memory_limit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer) || \
	HAS_FEATURE(memory_sanitizer)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

int lade_memory_limit(uint64_t most, struct lade_fault *fault)
{
	struct rlimit limit;

	if (IS_SANITIZED || getrlimit(RLIMIT_DATA, &limit) || (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur <= most))
		return 0;
	limit.rlim_cur = limit.rlim_max = most;
	return setrlimit(RLIMIT_DATA, &limit) ? lade_fault_set(fault, LADE_E_SYSTEM, "limit memory", NULL) : 0;
}

/* Bytes of what counts, and of the stack, the sixth number of proc(5), statm; 0: unknown. */
static uint64_t taken_now(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	char line[256], *at = line;
	uint64_t pages = 0;

	if (file && fgets(line, sizeof(line), file))
		for (int i = 0; i < 6; i++)
			pages = strtoull(at, &at, 10);
	if (file)
		fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int lade_memory_limit_growth(uint64_t more, struct lade_fault *fault)
{
	return lade_memory_limit(taken_now() + more, fault);
}
