/*
 * Content that is in memory goes into a file: as it is, or looked at, so that zeros become holes (-S) and what stands there
 * already is not written again (--inplace).
 */
#ifndef LADE_AGENT_SYNC_CONTENT_H
#define LADE_AGENT_SYNC_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

/* No file system in use has larger blocks; alignment to these suits those with smaller ones. */
#define LADE_CONTENT_BLOCK 4096u

/* Where content goes, and how. */
struct lade_content {
	int fd;      /* borrowed; for reading and writing */
	bool sparse; /* zeros are left out: the file must have its length already */
	bool over;   /* something may stand there: blocks that are equal are not written. Else nothing but zeros may */
	bool allocated; /* sparse: zeros that stand there may have blocks, which go */
};

/*
 * Put the len bytes at data to off. Two threads may do so for ranges that do not overlap. Returns 0, LADE_E_TARGET with
 * errno, or LADE_E_MEMORY.
 */
int lade_content_put(const struct lade_content *content, const uint8_t *data, size_t len, uint64_t off);

/*
 * Make len bytes at off zeros without blocks, or with blocks where the file system has no holes; the file's length stays.
 * Returns as lade_content_put().
 */
int lade_content_punch(int fd, uint64_t off, uint64_t len);

#endif
