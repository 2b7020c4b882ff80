/*
 * What a backup knew of files: a file that looks as it did then has the entry that it had then, and need not be opened.
 *
 * One file in the user's own directory, made anew by each backup; without it all is read again, so damage is no failure. It holds names of chunks and attributes, but
 * neither names nor content of files. Who could plant in it could have one file pass for another, so nobody else may write to it, and what a file is called and looks
 * like is only there as a keyed hash, whose key is new each time.
 */
#ifndef LADE_AGENT_BACKUP_KNOWN_FILES_H
#define LADE_AGENT_BACKUP_KNOWN_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/store/object.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* What has to be the same for anything to be known. */
struct lade_known_setup {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	uint64_t options; /* what entries keep: the caller's bits */
};

/* What is known of a file; borrowed until lade_known_free(). */
struct lade_known_file {
	struct lade_slice entry; /* as it is in its directory: agent/store/FORMAT.md [entry] */
	struct lade_slice ids;   /* of all chunks, where the entry's recipe does not have them: struct lade_file_cut_result */
};

struct lade_known;
struct lade_known_writer;

/*
 * Open what is known, the file name in directory_fd. Returns 0; LADE_E_ABSENT, also for a file that is of another repository or of other options, is damaged, or may be another
 * user's doing; LADE_E_MEMORY. The caller frees it with lade_known_free().
 */
int lade_known_open(int directory_fd, const char *name, const struct lade_known_setup *setup, struct lade_known **known_out);

/* Free it. NULL does nothing. */
void lade_known_free(struct lade_known *known);

/* Look for the file of path that looks like st (type and mode, size, inode, times). Any thread. False: it is not known. */
bool lade_known_find(const struct lade_known *known, const char *path, const struct stat *st, struct lade_known_file *file_out);

/* Begin what will be known. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM. It ends by lade_known_commit() or lade_known_abandon(). */
int lade_known_begin(int directory_fd, const struct lade_known_setup *setup, struct lade_known_writer **writer_out, struct lade_fault *fault);

/* Add a file. Any thread. A failure is told by lade_known_commit(). */
void lade_known_add(struct lade_known_writer *writer, const char *path, const struct stat *st, const struct lade_known_file *file);

/* Have it replace what is called name, and free it, failure or not. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM. */
int lade_known_commit(struct lade_known_writer *writer, const char *name, struct lade_fault *fault);

/* Throw it away. NULL does nothing. */
void lade_known_abandon(struct lade_known_writer *writer);

#endif
