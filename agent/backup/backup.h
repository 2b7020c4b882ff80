/*
 * A backup: a session of a repository (agent/store/repository_session.h), the walk of what is backed up, and the snapshot that comes of it.
 */
#ifndef LADE_AGENT_BACKUP_BACKUP_H
#define LADE_AGENT_BACKUP_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/backup/chunk_sink.h"
#include "agent/backup/scan.h"
#include "agent/store/repository.h"
#include "agent/store/snapshot.h"

/* What is to be backed up; all is borrowed. */
struct lade_backup_setup {
	struct lade_repository *repository;  /* that may be written to */
	int cache_fd;                        /* directories of the private cache of this repository, and of its state; -1: nothing is kept */
	int state_fd;
	struct lade_scan_setup scan;         /* but for known, to_know and start */
	int stream_fd;                       /* instead of a walk: what comes from here, */
	const char *stream_path;             /* as the file of this absolute path; NULL: a walk */
	int level;                           /* of zstd; 0: nothing is compressed */
	unsigned threads;                    /* that read, compress and seal; 1 to LADE_POOL_MAX */
	bool dry_run;                        /* put nothing */
	bool skip_if_unchanged;              /* no snapshot of what is the same as at the last backup of the same paths from here */
	struct lade_snapshot_description description; /* but for the root, the end, figures and parent */
	uint64_t content_time;               /* seconds since 1970; 0: now */
	const char *known_name;              /* what is known of these files is kept as this; a name of one component */
	bool force;                          /* nothing counts as known: all files are read */
	/* Asked before the snapshot is made, whether there is to be one: 0, or what ends the backup. NULL: there is. */
	int (*ready)(void *context, struct lade_fault *fault);
	void *ready_context;
	/* What the user should know of the repository; may be NULL. */
	void (*note)(void *context, const char *text);
	void *context;
};

/* What came of it. */
struct lade_backup_result {
	uint8_t snapshot[LADE_HASH_LEN];   /* SHA-256 of it */
	bool made;                         /* there is one: not for a dry run, or where nothing has changed */
	struct lade_scan_figures scan;
	struct lade_chunk_figures chunks;
};

/*
 * Do it. Returns 0, also if files could not be read: result_out->scan.errors; or what ended it, after which the repository is as it was, and the next backup goes on with what was put:
 * LADE_E_CANCELLED if the scan's stop became true, LADE_E_REFUSED if the repository may not be written to, and what the store says.
 */
int lade_backup_run(const struct lade_backup_setup *setup, struct lade_backup_result *result_out, struct lade_fault *fault);

#endif
