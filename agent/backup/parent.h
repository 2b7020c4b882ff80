/*
 * The snapshot that a backup is the next one of: the newest of the same writer, host and paths.
 */
#ifndef LADE_AGENT_BACKUP_PARENT_H
#define LADE_AGENT_BACKUP_PARENT_H

#include "agent/backup/known_files.h"
#include "agent/store/repository.h"
#include "agent/store/snapshot.h"

/* What is looked for, and where what is known of its files goes; all borrowed. */
struct lade_parent_wish {
	struct lade_repository *repository;  /* whose store nobody else uses meanwhile */
	int cache_fd;                        /* directory of its private cache, or -1 */
	const struct lade_snapshot_description *description; /* host and paths count */
	int directory_fd;                    /* where the file is made */
	const char *name;
	const struct lade_known_setup *setup;
};

/*
 * Make what is known of files from it (agent/backup/known_parent.h). Returns 0; LADE_E_ABSENT: there is no such snapshot; LADE_E_REFUSED: there is no key to read; or as
 * lade_known_parent_make().
 */
int lade_parent_know(const struct lade_parent_wish *wish, struct lade_fault *fault);

#endif
