/*
 * Memory for secrets: it is not swapped out (as far as RLIMIT_MEMLOCK goes), in no core dump, and wiped at its end.
 */
#ifndef LADE_AGENT_LOCKED_MEMORY_H
#define LADE_AGENT_LOCKED_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * size bytes of zeros; inherited: by processes that are forked, else they have nothing at this address, and must not touch it. NULL: no
 * memory. The caller frees it with lade_locked_memory_free().
 */
void *lade_locked_memory_new(size_t size, bool inherited);

/* Wipe and free it; size as it was asked for. NULL does nothing. */
void lade_locked_memory_free(void *memory, size_t size);

#endif
