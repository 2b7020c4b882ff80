/*
 * Restoring: a tree of a snapshot is made in a directory, over what is there.
 *
 * Each file is made beside its place and renamed, so a restore that was ended in any way is run again and goes on. What is there already is looked at first: a file that is right
 * is left alone, and of one that is not only the chunks that it lacks are fetched. Nothing outside the directory is touched, whatever the snapshot or the directory says: no symlink
 * in it is followed.
 */
#ifndef LADE_AGENT_BACKUP_RESTORE_H
#define LADE_AGENT_BACKUP_RESTORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backup/chunk_fetch.h"
#include "agent/store/format.h"
#include "agent/store/stream_recipe.h"
#include "agent/tree/filter.h"
#include "chunker/strict_cut.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* What becomes of a file that is there already. */
enum lade_restore_overwrite {
	LADE_OVERWRITE_IF_CHANGED, /* equal size and time: it is taken as right */
	LADE_OVERWRITE_ALWAYS,     /* its content is compared in any case */
	LADE_OVERWRITE_IF_NEWER,   /* it stays if it is not older than the snapshot's; else as IF_CHANGED */
	LADE_OVERWRITE_NEVER,      /* it stays */
};

/* What became of an entry. */
enum lade_restore_action {
	LADE_RESTORE_MADE,      /* nothing was there */
	LADE_RESTORE_UPDATED,   /* something else was there, or another content */
	LADE_RESTORE_UNCHANGED, /* it is what the snapshot has */
	LADE_RESTORE_KEPT,      /* it stays as it is: enum lade_restore_overwrite */
	LADE_RESTORE_DELETED,   /* the snapshot has nothing of that name */
};

/* What a restore tells while it goes on. One call at a time, from any thread; what is said is borrowed. */
struct lade_restore_events {
	/* path: below the target. len: bytes of a file's content. */
	void (*entry)(void *context, const char *path, uint32_t mode, uint64_t len, enum lade_restore_action action);
	/* Something is missing, or is not as it should be; the fault's subject is its path. */
	void (*problem)(void *context, const struct lade_fault *fault);
	/* What the snapshot itself says of an entry: that its content changed while it was backed up. */
	void (*incomplete)(void *context, const char *path);
	void *context;
};

/* What has been done. */
struct lade_restore_figures {
	uint64_t files, directories, others;   /* that the snapshot has, as far as the filters let them through; others: neither */
	uint64_t bytes;                        /* of the files */
	uint64_t files_made, files_updated, files_unchanged; /* the rest stayed, or failed */
	uint64_t bytes_made;                   /* of files that were made or updated */
	uint64_t bytes_unchanged;
	uint64_t bytes_fetched;                /* of chunks, in the clear */
	uint64_t bytes_local;                  /* that were found in files that were there */
	uint64_t deleted;
	uint64_t verified;                     /* files that were read again */
	uint64_t errors;
};

/* Where content comes from, and what it is called. All is borrowed. */
struct lade_restore_source {
	struct lade_stream_source stream; /* one chunk: of directories, lists, and small streams; from any thread */
	/* Many chunks: lade_chunk_fetch_run(), which says what is expected. One call at a time. */
	int (*run)(void *context, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events, struct lade_fault *fault);
	void *context;
	enum lade_id_hash id_hash;
	const uint8_t *ids_key;             /* LADE_SEAL_KEY_LEN bytes */
	const struct lade_strict_cut *cut;  /* of content */
};

struct lade_restore_setup {
	struct lade_restore_source source;
	struct lade_slice root;             /* encoded recipe of the snapshot's tree */
	const char *subpath;                /* of the tree: what is in this directory, or this one thing, comes into the target; NULL: all */
	const struct lade_slice *paths;     /* path_count of them, that were backed up: only at and below them something may be deleted */
	size_t path_count;
	const char *target;                 /* a directory; it is made if it is missing */
	const struct lade_filter *filter;   /* of paths below the target; what it excludes is neither restored nor deleted. NULL: none */
	bool only_included;                 /* what no rule of the filter includes, nor a directory above, is left out as well */
	enum lade_restore_overwrite overwrite;
	bool remove;                        /* delete what the snapshot has not */
	bool dry_run;                       /* tell, and do nothing */
	bool verify;                        /* read all files again when all is done */
	bool sparse;                        /* zeros become holes, wherever they were none */
	bool numeric_ids;                   /* owners are numbers; else names, where this host knows them */
	unsigned threads;                   /* 1 to LADE_RESTORE_THREADS_MAX */
	const atomic_bool *stop;            /* it is to end as soon as it can when this becomes true; NULL: lade_restore_stop() alone says so */
	const struct lade_restore_events *events;
};

#define LADE_RESTORE_THREADS_MAX 64u

struct lade_restore;

/* Prepare one; setup is copied. Returns 0 or LADE_E_MEMORY. The caller frees it with lade_restore_free(). */
int lade_restore_new(const struct lade_restore_setup *setup, struct lade_restore **restore_out);

/* Free it. NULL does nothing. */
void lade_restore_free(struct lade_restore *restore);

/*
 * Restore, once. What fails of single entries is a problem and goes on. Returns 0; LADE_E_ABSENT, LADE_E_REFUSED: there is no such subpath; LADE_E_CANCELLED; or what ends all: the target cannot be
 * used, memory is out, or nothing more can be fetched.
 */
int lade_restore_run(struct lade_restore *restore, struct lade_fault *fault);

/* Have it end as soon as it can. Any thread. */
void lade_restore_stop(struct lade_restore *restore);

/* What has been done so far. Any thread. */
struct lade_restore_figures lade_restore_figures(struct lade_restore *restore);

#endif
