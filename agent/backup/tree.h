/*
 * The directories of a snapshot while they are made. A walk enters and leaves them; their entries come from it and from the threads that read files, in any order;
 * when a directory has all of them it becomes a stream, and then an entry of the one above.
 *
 * Memory: the entries of directories that are not complete, which are those on the way to where the walk is, and those with files that are still being read.
 */
#ifndef LADE_AGENT_BACKUP_TREE_H
#define LADE_AGENT_BACKUP_TREE_H

#include "agent/backup/worker.h"
#include "agent/store/stream_entry.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

struct lade_tree;
struct lade_tree_directory;

/* Begin with an empty root. shared is borrowed. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_tree_free(), when no job is left that knows of it. */
int lade_tree_new(const struct lade_backup_shared *shared, struct lade_tree **tree_out);

/* Free it and all its directories. NULL does nothing. */
void lade_tree_free(struct lade_tree *tree);

/* The directory that the snapshot is of. The walk's thread, as the next three. */
struct lade_tree_directory *lade_tree_root(struct lade_tree *tree);

/*
 * Enter a directory of parent: entry is all that is known of it but its recipe, and copied. It is an entry of parent when it is complete. Returns 0 or
 * LADE_E_MEMORY.
 */
int lade_tree_enter(struct lade_tree_directory *parent, const struct lade_stream_entry *entry, struct lade_tree_directory **directory_out);

/* An entry will come from another thread: lade_tree_deliver(). */
void lade_tree_expect(struct lade_tree_directory *directory);

/*
 * No more entries than those that are there or expected. If all are there it is made an entry of the one above: with worker, which is the thread's own, if it is small, else by a
 * job of the pool. The directory is not to be used any more.
 */
void lade_tree_leave(struct lade_tree_directory *directory, struct lade_backup_worker *worker);

/* Add an entry: as it is encoded, with its name. Any thread, while the directory is not left or something is expected. Returns 0 or LADE_E_MEMORY. */
int lade_tree_add(struct lade_tree_directory *directory, struct lade_slice name, struct lade_slice entry);

/* What was expected has been added, or will not come. From within a job, with its worker: the directory may become complete. */
void lade_tree_deliver(struct lade_tree_directory *directory, struct lade_backup_worker *worker);

/* After the root was left and all jobs are done: the recipe of the root, which is borrowed, or what went wrong. */
int lade_tree_finish(struct lade_tree *tree, struct lade_slice *recipe_out, struct lade_fault *fault);

#endif
