/*
 * The index's parts: chunk_index.c (what is in memory, and how both are asked), chunk_index_file.c (what is on disk).
 * Stays in agent/sync/.
 */
#ifndef LADE_AGENT_SYNC_CHUNK_INDEX_INTERNAL_H
#define LADE_AGENT_SYNC_CHUNK_INDEX_INTERNAL_H

#include <pthread.h>

#include "agent/sync/chunk_index.h"
#include "chunker/digest.h"

/* Where a chunk is. */
struct index_record {
	uint64_t name, off;
	uint32_t len, file;
};

struct index_file {
	char *path;
	struct lade_stamp stamp;
	bool settled;
	bool live; /* what is said of it may be true */
	bool detached; /* it has no path any more, and is not written */
	bool seen; /* it was known, or added, since the index was opened */
};

/* The records of earlier sessions, on disk. */
struct record_file {
	int fd;             /* -1: none */
	uint64_t off;       /* of the first one */
	uint64_t count;
	uint32_t *files;    /* of its file_count: their numbers in memory */
	uint32_t file_count;
};

struct lade_index {
	pthread_mutex_t lock;
	int directory_fd;
	char *name;
	uint8_t key[LADE_SECRET_LEN];
	struct lade_run_key digests;   /* of paths, and of the file's own head */
	struct index_file *files;
	size_t file_count, file_capacity;
	uint32_t *paths;               /* of paths_size, a power of two: number of a file + 1, or 0, by path */
	size_t paths_size;
	struct index_record *records;  /* of this session */
	size_t count, capacity;
	uint32_t *table;               /* of table_size: number of a record + 1, or 0, by name */
	size_t table_size;
	struct record_file old;
	bool changed;
	bool broken;                   /* it could not be written: what else comes is neither added nor written */
};

/* Add a file (path consumed), in the place of one of the same path. Returns its number, or UINT32_MAX without memory. */
uint32_t lade_index_add_file(struct lade_index *index, char *path, const struct lade_stamp *stamp, bool settled);

/* The records of this session have other places, or are none: make their table anew. */
void lade_index_hang_records(struct lade_index *index);

/* ---- chunk_index_file.c ---- */

/*
 * Read the file: key and files; its records stay where they are. Returns 0, LADE_E_ABSENT where there is none, LADE_E_PROTOCOL
 * where it is none of ours, damaged, or not for us to read, LADE_E_MEMORY or LADE_E_SYSTEM.
 */
int lade_index_load(struct lade_index *index, struct lade_fault *fault);

/*
 * Up to most records of the file that have name and are of files that are live, into records; numbers of files are those in memory.
 * No more than a page of them is looked at. Returns how many. What cannot be read is not there.
 */
size_t lade_index_read_records(const struct lade_index *index, uint64_t name, struct index_record *records, size_t most);

/* Write all that is live to a new file, put it in the place of the old one, and forget what is in memory of it. As lade_index_save(). */
int lade_index_write(struct lade_index *index, struct lade_fault *fault);

#endif
