/*
 * Reading a file without a trace in the page cache: pages that were not in memory before are given up again, those that were stay. See mincore(2),
 * posix_fadvise(2).
 *
 * The kernel tells what is in memory only to who may write to the file or owns it; to others all of it seems to be, and then nothing is given up.
 */
#ifndef LADE_AGENT_BACKUP_CACHE_TRACE_H
#define LADE_AGENT_BACKUP_CACHE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The file is looked at in windows of so many bytes. */
#define LADE_CACHE_WINDOW_LEN (8u << 20)

/* One file that is read from its beginning to its end. Plain storage. */
struct lade_cache_trace {
	int fd;               /* borrowed */
	uint64_t len;         /* of the file */
	uint64_t seen;        /* windows before this offset have been looked at */
	uint64_t given_up;    /* and before this one given up */
	uint8_t absent[2][LADE_CACHE_WINDOW_LEN / 4096 / 8]; /* a bit for each page of two windows that was not there */
};

/* Start before the first byte is read. */
void lade_cache_trace_start(struct lade_cache_trace *trace, int fd, uint64_t len);

/* All before off was read and is of no more use. Call it at least once for each window, before what is behind the next one is read. */
void lade_cache_trace_pass(struct lade_cache_trace *trace, uint64_t off);

/*
 * pread(2) of a small file, whole: *absent_out is set if not all of it was in memory; lade_cache_give_up() is to follow then. Returns bytes or -1 with errno.
 */
ssize_t lade_cache_read(int fd, void *out, size_t len, bool *absent_out);

/* Give up all pages of a file. */
void lade_cache_give_up(int fd);

#endif
