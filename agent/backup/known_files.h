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

/*
 * What is known of the last backup as a whole is kept as a file of this path, which no file has, and of a stat(2) that is all zeros: its entry is the recipe of the root, and its
 * ids are the SHA-256 of the snapshot.
 */
#define LADE_KNOWN_LAST ""

/* Longer lists of ids are not kept: the file is then read again when in doubt. 32 MiB are a file of half a TiB. */
#define LADE_KNOWN_IDS_MAX (32u << 20)

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

/*
 * Begin what will be known. by_inode: files are told by their inodes, too; not so where what is known of them comes from a snapshot, which does not have those. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM. It ends by lade_known_commit() or lade_known_abandon(). */
int lade_known_begin(int directory_fd, const struct lade_known_setup *setup, bool by_inode, struct lade_known_writer **writer_out, struct lade_fault *fault);

/* Add a file. Any thread. A failure is told by lade_known_commit(). */
void lade_known_add(struct lade_known_writer *writer, const char *path, const struct stat *st, const struct lade_known_file *file);

/* Have it replace what is called name, and free it, failure or not. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM. */
int lade_known_commit(struct lade_known_writer *writer, const char *name, struct lade_fault *fault);

/* Throw it away. NULL does nothing. */
void lade_known_abandon(struct lade_known_writer *writer);

#endif
