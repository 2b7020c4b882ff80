/*
 * The walk of a backup: what is met becomes entries of the tree that is being made. Files that are known are taken over as they are; others are opened, and read by
 * the pool's threads.
 */
#ifndef LADE_AGENT_BACKUP_SCAN_H
#define LADE_AGENT_BACKUP_SCAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "agent/backup/known_files.h"
#include "agent/backup/tree.h"
#include "agent/backup/worker.h"
#include "agent/sync/sources.h"
#include "agent/tree/filter.h"
#include "protocol/error.h"

/* What becomes of a file. */
enum lade_backup_action {
	LADE_BACKUP_READ,      /* it is new, or looks other than before: its content was read */
	LADE_BACKUP_UNCHANGED, /* it was known */
	LADE_BACKUP_OTHER,     /* it is no regular file */
};

/* What a backup tells while it goes on. One call at a time, from any thread. */
struct lade_backup_events {
	/* Something is in the snapshot. path: absolute. */
	void (*entry)(void *context, const char *path, const struct stat *st, enum lade_backup_action action);
	/* Something is missing in it, or is there in part; the fault's subject is its path. */
	void (*problem)(void *context, const struct lade_fault *fault);
	/* So many bytes more were read. */
	void (*read)(void *context, uint64_t bytes);
	void *context;
};

/* What has been met. */
struct lade_scan_figures {
	uint64_t files, directories, others;   /* others: symlinks, devices, FIFOs, sockets */
	uint64_t files_unchanged;
	uint64_t bytes;                        /* of all files */
	uint64_t errors;
};

/* What is walked, and how. All is borrowed. */
struct lade_scan_setup {
	const struct lade_sources *sources;    /* one group, of "/": lade_sources_add() with relative and one_tree */
	const struct lade_filter *filter;
	bool one_file_system;
	bool caches;                           /* leave out what is in directories with a CACHEDIR.TAG */
	char *const *marks;                    /* ... or with a file called so: mark_count of them */
	unsigned mark_count;
	uint64_t larger_than;                  /* files of more bytes are left out; 0: none is */
	bool super;                            /* attributes beside user.* are kept */
	const struct lade_known *known;        /* NULL: nothing is */
	struct lade_known_writer *to_know;     /* what will be known; NULL: nobody wants it */
	struct timespec start;                 /* CLOCK_REALTIME, of now */
	const atomic_bool *stop;               /* the walk ends as soon as it can when this becomes true: LADE_E_CANCELLED */
	const struct lade_backup_events *events;
};

struct lade_scan;

/* Prepare it. worker: the walk's own, for what it does itself. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_scan_free(), when the pool has no jobs. */
int lade_scan_new(const struct lade_scan_setup *setup, struct lade_backup_worker *worker, struct lade_scan **scan_out);

/* Free it. NULL does nothing. */
void lade_scan_free(struct lade_scan *scan);

/*
 * Walk all of it into a tree, whose root is left then, and wait for the pool. What cannot be read is a problem, and left out. Returns 0 or what ends the backup.
 */
int lade_scan_run(struct lade_scan *scan, struct lade_tree *tree, struct lade_fault *fault);

/* What has been met so far. Any thread. */
struct lade_scan_figures lade_scan_figures(struct lade_scan *scan);

#endif
