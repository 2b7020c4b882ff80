/*
 * What the root of a source was at the last run that could delete: a record for each source and destination, in the state
 * directory. A disk that is not mounted leaves an empty directory behind, and only what was there before tells that from a source
 * that was emptied.
 *
 * It has to last over restarts, so there is no device number in it: the place where the file system of the root is mounted, its type
 * and its id of statfs(2), which some file systems make of the device, and the inode of the root.
 */
#ifndef LADE_AGENT_SYNC_SOURCE_RECORD_H
#define LADE_AGENT_SYNC_SOURCE_RECORD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

/* Plain values. */
struct lade_source_record {
	char path[PATH_MAX];  /* of the root: absolute, without symlinks */
	size_t mount_len;     /* so many bytes of that are where its file system is mounted; 0: that is not known */
	uint32_t type;        /* of the file system, as statfs(2) has it */
	uint64_t file_system; /* its id; 0: it has none */
	uint64_t inode;
	bool empty;           /* nothing is in it; lost+found is nothing */
};

/* What is to be thought of a source that has a record. */
enum lade_source_verdict {
	LADE_SOURCE_FINE,
	LADE_SOURCE_UNMOUNTED, /* the file system that it was on is not mounted there any more */
	LADE_SOURCE_EMPTY,     /* it is another directory than it was, and there is nothing in it */
};

/* Bytes of a text about one, its NUL included. */
#define LADE_SOURCE_TEXT_SIZE 512u

/* Look at the directory path, and into it. False if that is not possible, or it is none. Any thread. */
bool lade_source_record_look(const char *path, struct lade_source_record *record_out);

/* What to think of a source that was old and is now, both of the same path. Only values are compared. */
enum lade_source_verdict lade_source_record_judge(const struct lade_source_record *old, const struct lade_source_record *now);

/* Put into words for people what a source was and what it is now. */
void lade_source_record_describe(const struct lade_source_record *old, const struct lade_source_record *now,
				 char out[LADE_SOURCE_TEXT_SIZE]);

/*
 * Get the record of the source path (see struct lade_source_record) for a destination, as its user wrote that. Returns 0, LADE_E_ABSENT, LADE_E_PROTOCOL for
 * a record that is damaged, LADE_E_SYSTEM.
 */
int lade_source_record_get(int directory_fd, const char *path, const char *destination, struct lade_source_record *record_out,
			   struct lade_fault *fault);

/* Keep a record, in the place of an older one. Returns 0, LADE_E_MEMORY, LADE_E_LIMIT or LADE_E_SYSTEM. */
int lade_source_record_put(int directory_fd, const char *destination, const struct lade_source_record *record,
			   struct lade_fault *fault);

/* Some were kept: remove those that were longest ago, where there are too many. */
void lade_source_record_trim(int directory_fd);

#endif
