/*
 * What the parts of a restore share. For restore*.c.
 *
 * One thread walks: it looks at what is there, makes directories and all that has no content, and puts files into a batch. When that is full another thread carries it out, while the walk goes
 * on with the next one: all threads prepare files (what is there is compared), then what is missing is fetched in the order of packs and written by the threads that opened it. Whoever writes a file's last chunk finishes it.
 *
 * A directory gets its metadata when nobody refers to it any more: no file and no directory in it is left to be made then.
 */
#ifndef LADE_AGENT_BACKUP_RESTORE_INTERNAL_H
#define LADE_AGENT_BACKUP_RESTORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "agent/backup/restore_basis.h"
#include "agent/backup/restore.h"
#include "agent/store/stream_entry.h"
#include "agent/tree/directory.h"
#include "agent/tree/filter_scope.h"
#include "agent/tree/inode_map.h"
#include "agent/tree/metadata.h"
#include "agent/tree/temporary.h"
#include "transport/mover.h"

/* Files, chunks, and files of several chunks (which are open while some of them are there) of a batch, at most. */
#define RESTORE_BATCH_FILES 16384u
#define RESTORE_BATCH_WANTS 65536u
#define RESTORE_BATCH_OPEN 512u
/* From this length on a file's blocks are asked for before its chunks, which come in any order. */
#define RESTORE_ALLOCATE_LEN (UINT64_C(4) << 20)
/* Zeros are looked for in pieces of so many bytes, as file systems have holes; extents are shared in multiples of it. */
#define RESTORE_BLOCK_LEN 4096u
/* Extents that are shorter are copied: sharing costs a call, and fragments the file. */
#define RESTORE_SHARE_LEAST (128u << 10)
/* Holes of a file that are remembered: of one with more the rest is written as zeros. */
#define RESTORE_HOLES_MAX (1u << 20)
/* Kinds of metadata that a file system may lack. */
#define RESTORE_UNSUPPORTED_MAX 8u

struct lade_restore;

/* What there is to be done about a file. */
enum restore_task {
	RESTORE_NEW,   /* nothing of use is there */
	RESTORE_OVER,  /* a file is there, whose content may be of use */
	RESTORE_SAME,  /* what is there has the content */
	RESTORE_CHECK, /* say whether it has */
};

struct restore_hole {
	uint64_t off, len;
};

/* The first name of something that has several. */
struct restore_first {
	struct lade_directory *directory; /* a reference */
	char *path;                       /* owned; its last component is the name */
	mode_t mode;
	atomic_bool good;                 /* it is there */
};

struct restore_file {
	struct lade_restore *restore;
	struct lade_directory *directory;      /* a reference, until it is finished */
	enum restore_task task;
	bool replaces;                         /* something is there */
	bool unnamed;                          /* it can be made without a name */
	bool sparse;                           /* some of it may be left out */
	struct lade_metadata wanted;           /* xattrs are owned */
	struct lade_stream_recipe *recipe;     /* owned */
	struct lade_recipe_cursor *cursor;     /* while chunks are asked for */
	struct restore_basis_match match;         /* what is missing, where there was something to compare */
	size_t asked;                          /* of match.missing */
	struct restore_first *first;           /* borrowed, or NULL: it has one name */
	struct restore_hole *holes;            /* hole_count, in order */
	size_t hole_count;
	pthread_mutex_t lock;                  /* of what follows */
	struct lade_temporary temporary;       /* fd -1: not yet */
	bool dirty;                            /* what is not written may be other than zeros */
	bool taken, cloned;                    /* it is made of what is there; all of which it shares */
	bool failed;
	struct lade_fault *fault;              /* why: the first one; owned; NULL: no memory for it */
	_Atomic uint64_t left;                 /* chunks that were asked for and have not come, and 1 until all were asked for */
	bool finished;
	const char *name;                      /* in path */
	char path[];
};

/* Files that are carried out together. */
struct restore_batch {
	struct restore_file **files; /* count of RESTORE_BATCH_FILES */
	size_t count;
	size_t chunks; /* about so many */
	size_t open;
};

/* A name of something that was restored by another name. */
struct restore_link {
	struct lade_directory *directory; /* a reference */
	struct restore_first *first;
	char *path;
	bool replaces;
};

struct lade_restore {
	struct lade_restore_setup setup;
	struct lade_keep keep;
	struct lade_identities *identities;
	struct lade_inode_map *learnt;         /* numbers whose names were told to identities */
	struct lade_directories *tree;         /* of the target */
	bool no_target;                        /* dry run: there is none, and the tree is not to be looked at */
	struct lade_movers *movers;
	struct lade_filter_scope *protect;     /* the walk's: what is not to be removed where it is; NULL: nothing */
	bool unnamed;                          /* files on this device can be made without a name */
	dev_t device;
	struct lade_inode_map *inodes;         /* of what has several names: places in firsts */
	struct restore_first **firsts;
	size_t first_count, first_capacity;
	struct restore_link *links;
	size_t link_count, link_capacity;
	struct restore_batch batches[2];
	unsigned filling;                      /* the one that the walk fills */
	struct lade_pool *pool;                /* prepares files */
	struct restore_reader readers[LADE_RESTORE_THREADS_MAX]; /* setup.threads: of the pool's workers */
	pthread_t runner;
	pthread_mutex_t lock;                  /* of all below, and of events */
	pthread_cond_t changed;
	struct restore_batch *running;         /* what the runner has to do, or is doing */
	const char *unsupported[RESTORE_UNSUPPORTED_MAX]; /* unsupported_count kinds, which were told */
	unsigned unsupported_count;
	bool ending;                           /* no more batches come */
	int error;                             /* what ends all */
	struct lade_fault fault;
	atomic_bool stopped;
	_Atomic uint64_t files, directories, others, bytes, files_made, files_updated, files_unchanged, bytes_made, bytes_unchanged, bytes_fetched, bytes_local, deleted, verified, errors;
};

/* ---- restore.c ---- */

/* True if the snapshot has all that was in a directory: it is one of the paths that were backed up, or below one. path: below the target. */
bool restore_is_below_paths(const struct lade_restore *restore, const char *path);

/* Tell what became of an entry, and count it. Any thread. */
void restore_tell(struct lade_restore *restore, const char *path, uint32_t mode, uint64_t len, enum lade_restore_action action);

/* Tell what the snapshot says of an entry: that it is not all of it. Any thread. */
void restore_tell_incomplete(struct lade_restore *restore, const char *path);

/* Tell a problem, whose subject becomes path. Any thread. */
void restore_problem(struct lade_restore *restore, const char *path, const struct lade_fault *fault);

/* The same of metadata: what this file system or this user cannot have is told once, not of each file. */
void restore_metadata_problem(struct lade_restore *restore, const char *path, const struct lade_fault *fault);

/* All ends, for that reason; the first one counts. Any thread. */
void restore_fail(struct lade_restore *restore, int error, const struct lade_fault *fault);

/* True if it is to end. */
bool restore_stopped(const struct lade_restore *restore);

/* ---- restore_walk.c ---- */

/* Go through the tree. checking: the files of it are compared with what was made, and nothing else is done. Returns 0 or what ends all. */
int restore_walk(struct lade_restore *restore, bool checking, struct lade_fault *fault);

/* ---- restore_entry.c ---- */

/* What an entry wants to be. xattrs are owned by *wanted_out. Returns 0 or a fault of the entry. */
int restore_wishes(struct lade_restore *restore, const struct lade_stream_entry *entry, struct lade_metadata *wanted_out, struct lade_fault *fault);

/* A directory and a name in it, and what is there; place.fd is -1. */
struct restore_place {
	struct lade_directory *directory;
	int fd;               /* of the directory, pinned; -1: there is none, in a dry run */
	const char *path;     /* of the entry */
	const char *name;     /* the end of it */
	bool exists;
	bool removes;         /* what is in the way may be removed, whatever is in it */
	bool unnamed;         /* files can be made without a name here */
	struct stat st;
};

/* Remove name in a directory of that path, with all that is in it but for what is protected, and tell. Returns 0: it is gone; LADE_E_REFUSED: something stays; or the first failure. */
int restore_remove(struct lade_restore *restore, struct lade_directory *directory, const char *directory_path, const char *name, bool makes_way,
		   struct lade_fault *fault);

/* Restore an entry that is no directory. Returns 0 or what ends all; the rest is told. */
int restore_entry(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct lade_fault *fault);

/* Compare a file with an entry. As above. */
int restore_check_entry(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct lade_fault *fault);

/* Remove what is at a place and is to be replaced, if it would be in the way: a directory. Returns 0 or a fault. */
int restore_make_way(struct lade_restore *restore, const struct restore_place *place, struct lade_fault *fault);

/* Give metadata to something that has the name there. Returns 0 or the fault. */
int restore_apply(struct lade_restore *restore, int directory_fd, const char *name, const struct lade_metadata *wanted, struct lade_fault *fault);

/* ---- restore_link.c ---- */

/*
 * Look at an entry that has several names: 1, and *first_out is another one of its names, which comes first; 0, and *first_out is what is to be told when this one is there (NULL: it has no other names); or
 * LADE_E_MEMORY.
 */
int restore_first_of(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct restore_first **first_out);

/* Note a name that is to be made when the first one is there. Returns 0 or LADE_E_MEMORY. */
int restore_link_add(struct lade_restore *restore, const struct restore_place *place, struct restore_first *first);

/* Make all names that were noted. */
void restore_link_all(struct lade_restore *restore);

/* Free them, and the first names. */
void restore_link_free(struct lade_restore *restore);

/* ---- restore_batch.c ---- */

/* A file for a batch, of which path, wanted (it goes with it) and recipe are set. NULL without memory. */
struct restore_file *restore_file_new(struct lade_restore *restore, const struct restore_place *place, const struct lade_metadata *wanted,
				      const struct lade_stream_recipe *recipe);

/* Free it: what it has not finished is undone. NULL does nothing. */
void restore_file_free(struct restore_file *file);

/* Start the threads that carry out batches. Returns 0 or LADE_E_MEMORY. restore_batch_end() is to be called then. */
int restore_batch_start(struct lade_restore *restore, struct lade_fault *fault);

/* Have it carry out all that was added, and end it. */
void restore_batch_end(struct lade_restore *restore);

/* Add a file, which belongs to the batch then; waits while a full one is carried out. */
void restore_batch_add(struct lade_restore *restore, struct restore_file *file);

/* ---- restore_file.c ---- */

/* Do all for a file that needs no chunks, and find out which ones it needs. It is finished then, or left is 1. */
void restore_file_prepare(struct restore_file *file, struct restore_reader *reader);

/* True if it has more than one chunk: they come in any order, and some of them may be there from before. */
bool restore_file_is_several(const struct restore_file *file);

/* The next chunk that it needs. 1, 0: all were asked for, or a failure, which is the file's. */
int restore_file_next(struct restore_file *file, struct lade_chunk_want *want_out);

/*
 * The file is made of what is open as basis, among others: open it, and have it share all of it if that costs nothing. True: it shares nothing, and what is in its place is to be written;
 * false: it is there, or the file has failed. Once and again; not while somebody writes.
 */
bool restore_file_take(struct restore_file *file, int basis);

/* A chunk is there. A failure is the file's. Any thread. */
void restore_file_write(struct restore_file *file, uint64_t off, struct lade_slice bytes);

/* The file cannot be made: keep the first reason. Any thread. */
void restore_file_fail(struct restore_file *file, const struct lade_fault *fault);

/* One that `left` counts is no more; with the last one the file is finished. Any thread. */
void restore_file_release(struct restore_file *file);

/* ---- restore_write.c ---- */

/* Write content to the temporary file, which is open, but for what is to be holes. False: errno says why not. */
bool restore_write(struct restore_file *file, uint64_t off, struct lade_slice bytes);

/* Have len bytes at off be zeros: a hole, if that can be had. The same. */
bool restore_leave_out(struct restore_file *file, uint64_t off, uint64_t len);

/* How much of len bytes at off is of one kind: in a hole of the snapshot's, or not, which *hole_out says. */
uint64_t restore_same_kind(const struct restore_file *file, uint64_t off, uint64_t len, bool *hole_out);

#endif
