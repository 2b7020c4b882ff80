/*
 * What the parts of a scan share. For scan.c, scan_entry.c, scan_file.c.
 *
 * One thread walks; what it alone uses has no lock. The pool's threads, which read files, have their jobs to themselves, and tell by way of the scan.
 */
#ifndef LADE_AGENT_BACKUP_SCAN_INTERNAL_H
#define LADE_AGENT_BACKUP_SCAN_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "agent/backup/owner_names.h"
#include "agent/backup/scan.h"
#include "agent/tree/walk.h"
#include "protocol/limits.h"

struct lade_scan {
	struct lade_scan_setup setup;
	struct lade_backup_worker *worker;
	struct lade_owner_names *owners;
	struct lade_tree_directory **stack; /* the directories that the walk is in; depth of capacity */
	size_t depth, capacity;
	struct lade_writer xattrs, encoded;
	struct lade_writer path;            /* absolute, of the entry; with a NUL */
	char target[LADE_TARGET_MAX];
	pthread_mutex_t lock;               /* of the events, and of the error */
	int error;                          /* what ends the backup */
	struct lade_fault fault;
	atomic_bool failed;
	_Atomic uint64_t files, directories, others, files_unchanged, bytes, errors;
};

/* ---- scan.c ---- */

/* Something is missing, or is there in part; fault's subject is its path. Any thread. */
void scan_tell_problem(struct lade_scan *scan, const struct lade_fault *fault);

/* The same of the entry at hand: errno says why. The walk's thread. */
void scan_problem_here(struct lade_scan *scan, const char *operation);

/* Something is in the snapshot. path: absolute. Any thread. */
void scan_tell_entry(struct lade_scan *scan, const char *path, const struct stat *st, enum lade_backup_action action);

/* The backup cannot go on. The first reason counts. Any thread. */
void scan_fail(struct lade_scan *scan, int error, const struct lade_fault *fault);

/* There is no memory for the entry at hand. Returns LADE_E_MEMORY. The walk's thread. */
int scan_no_memory(const struct lade_scan *scan, struct lade_fault *fault);

/* True if nothing more need be done. Any thread. */
bool scan_is_over(const struct lade_scan *scan);

/* ---- scan_entry.c: what is said of a name ---- */

/*
 * All of an entry but its recipe. fd: it is open as that, and its attributes are read there; -1: by its name. What the entry points to is the scan's or the item's, until the next
 * one. Returns 0; 1: it is left out, which was told, and does not happen to a file; LADE_E_MEMORY; or what the sink says. The walk's thread.
 */
int scan_describe(struct lade_scan *scan, const struct lade_walk_item *item, int fd, struct lade_stream_entry *entry, struct lade_fault *fault);

/* ---- scan_file.c: regular files ---- */

/*
 * Take a file over if it is known, else have it read: scan->path is its path. What cannot be opened is told, and left out. Waits for room in the pool. Returns 0, LADE_E_MEMORY
 * or what the sink says. The walk's thread.
 */
int scan_add_file(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_fault *fault);

#endif
