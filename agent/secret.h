/*
 * Memory for keys and passwords: locked (as far as RLIMIT_MEMLOCK goes), in no core dump, and not there in a forked process, which would
 * otherwise have a copy of whatever its parent knew at the time. madvise(2), MADV_DONTFORK, MADV_DONTDUMP.
 */
#ifndef LADE_AGENT_SECRET_H
#define LADE_AGENT_SECRET_H

#include <stddef.h>

/* Memory of size bytes, zeros; NULL: there is none, or it cannot be kept from forked processes. Freed with lade_secret_free(). */
void *lade_secret_new(size_t size);

/* Wipe and free. NULL does nothing. */
void lade_secret_free(void *secret, size_t size);

#endif
