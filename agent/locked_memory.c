/*
 * Pages of their own, as madvise(2) and mlock(2) take whole ones. libsodium's sodium_malloc() has no way to keep them from children.
 */
#include "agent/locked_memory.h"

#include <sodium.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t whole_pages(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return size > SIZE_MAX - page ? 0 : (size + page - 1) / page * page;
}

void *lade_locked_memory_new(size_t size, bool inherited)
{
	size_t len = whole_pages(size);
	void *memory = len ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;

	if (memory == MAP_FAILED)
		return NULL;
	if (!inherited && madvise(memory, len, MADV_DONTFORK)) {
		(void)munmap(memory, len);
		return NULL;
	}
	(void)madvise(memory, len, MADV_DONTDUMP);
	/* Beyond the limit of locked memory a secret that may be swapped out is better than no session. */
	(void)mlock(memory, len);
	return memory;
}

void lade_locked_memory_free(void *memory, size_t size)
{
	if (!memory)
		return;
	sodium_memzero(memory, size);
	(void)munmap(memory, whole_pages(size));
}
