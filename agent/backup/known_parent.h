/*
 * What is known of files, made of a snapshot: for a backup that finds nothing of its own from the last time, and may read.
 */
#ifndef LADE_AGENT_BACKUP_KNOWN_PARENT_H
#define LADE_AGENT_BACKUP_KNOWN_PARENT_H

#include "agent/backup/known_files.h"
#include "agent/store/stream_recipe.h"

/* Where it comes from, and goes; all borrowed. */
struct lade_known_parent {
	const struct lade_stream_source *source; /* gets chunks: lade_chunk_fetch_get() */
	struct lade_slice root;                  /* the recipe of the snapshot's root */
	const uint8_t *snapshot;                 /* its SHA-256, LADE_HASH_LEN bytes */
	int directory_fd;
	const char *name;                        /* a file that is made there */
	const struct lade_known_setup *setup;
};

/*
 * Read the directories of the snapshot, and no file's content, into what lade_known_open() opens. Returns 0, LADE_E_CHANGED (the snapshot is damaged), LADE_E_LIMIT (directories too deep), LADE_E_MEMORY,
 * LADE_E_SYSTEM or what the source says.
 */
int lade_known_parent_make(const struct lade_known_parent *parent, struct lade_fault *fault);

#endif
