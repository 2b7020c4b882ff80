/*
 * How much memory this process may take.
 */
#ifndef LADE_AGENT_SYNC_MEMORY_LIMIT_H
#define LADE_AGENT_SYNC_MEMORY_LIMIT_H

#include <stdint.h>

#include "protocol/error.h"

/*
 * Have this process, and those that it starts from now on, get no more than most bytes of memory: beyond it allocations fail. All that can be
 * written to counts, mapped files do not (setrlimit(2), RLIMIT_DATA). A lower limit that there is already stays. Nothing is limited under a
 * sanitizer, whose shadow of the whole address space would count. Returns 0 or LADE_E_SYSTEM.
 */
int lade_memory_limit(uint64_t most, struct lade_fault *fault);

/* The same for more bytes than it has at the moment, which /proc knows; without that it counts as none. */
int lade_memory_limit_growth(uint64_t more, struct lade_fault *fault);

#endif
