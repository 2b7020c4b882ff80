/*
 * Records to be read back later, in order, whatever their number: the first in
 * memory, the rest in an unlinked file. One writer, then one reader; callers lock.
 */
#ifndef LADE_AGENT_TREE_SPOOL_H
#define LADE_AGENT_TREE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/error.h"

/* Bytes kept in memory before the spool goes to a file. */
#define LADE_SPOOL_MEMORY (1u << 20)
/* Longest record. */
#define LADE_SPOOL_RECORD_MAX (2u << 20)

struct lade_spool;

/* An unlinked, close-on-exec file in directory (NULL: $TMPDIR, else /var/tmp). The caller closes *fd_out. 0 or LADE_E_SYSTEM. */
int lade_spool_file(const char *directory, int *fd_out, struct lade_fault *fault);

/* Make an empty spool. Returns 0 or LADE_E_MEMORY; freed with lade_spool_free(). */
int lade_spool_new(struct lade_spool **spool_out);

/* Free the spool and its file. NULL does nothing. */
void lade_spool_free(struct lade_spool *spool);

/* Append a record of len bytes. Returns 0, LADE_E_MEMORY, LADE_E_LIMIT or LADE_E_SYSTEM. */
int lade_spool_add(struct lade_spool *spool, const void *record, size_t len, struct lade_fault *fault);

/* Records added so far. */
uint64_t lade_spool_count(const struct lade_spool *spool);

/* The next record from the first on, borrowed until the next call. Returns 1, 0 at the end, or LADE_E_SYSTEM, LADE_E_MEMORY. */
int lade_spool_next(struct lade_spool *spool, struct lade_slice *record_out, struct lade_fault *fault);

#endif
