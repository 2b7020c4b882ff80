/*
 * What tells that a file is still the one whose content is known: file system, inode, size, and both
 * times that change with it.
 *
 * Times have a grain: who writes twice within one leaves the same stamp behind. So a stamp says
 * something only about content that was read when both times were some seconds old (the problem is that of
 * git's index, see git's Documentation/technical/racy-git.txt).
 */
#ifndef LADE_AGENT_SYNC_STAMP_H
#define LADE_AGENT_SYNC_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "protocol/bytes.h"

/* Plain values. */
struct lade_stamp {
	uint64_t file_system; /* of statfs(2): a device number may be another's after a restart */
	uint64_t inode;
	uint64_t size;
	int64_t mtime_s, ctime_s;
	uint32_t mtime_ns, ctime_ns;
};

/* Encoded length in bytes. */
#define LADE_STAMP_LEN 48u

/* The id of the file system that fd is on; 0 if it has none. */
uint64_t lade_stamp_file_system(int fd);

/* The stamp of a file of which st is what fstat says. */
struct lade_stamp lade_stamp_of(uint64_t file_system, const struct stat *st);

/* True if all of both is the same: the file is the one that it was. */
bool lade_stamp_equal(const struct lade_stamp *a, const struct lade_stamp *b);

/* True if the stamp speaks for content that was read from start (CLOCK_REALTIME) on: both of its times were two seconds old. */
bool lade_stamp_settled(const struct lade_stamp *stamp, const struct timespec *start);

/* Append a stamp, LADE_STAMP_LEN bytes. A failure is the writer's. */
void lade_stamp_put(struct lade_writer *writer, const struct lade_stamp *stamp);

/* Take one; all zeros where the bytes do not suffice, which is the reader's failure. */
void lade_stamp_get(struct lade_reader *reader, struct lade_stamp *stamp_out);

#endif
