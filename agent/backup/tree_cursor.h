/*
 * Going through the tree of a snapshot, depth first, in the order of its names.
 *
 * A snapshot is what somebody signed, not what is good for this host: a name is one component and nothing else is promised. Memory: for each directory on the way one
 * chunk of entries, and the lists above it.
 */
#ifndef LADE_AGENT_BACKUP_TREE_CURSOR_H
#define LADE_AGENT_BACKUP_TREE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/store/stream_entry.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* Directories inside each other: FORMAT.md, section 9. */
#define LADE_TREE_DEPTH_MAX 4096u

/* What a step is. */
enum lade_tree_step_kind {
	LADE_TREE_END,   /* there is nothing more */
	LADE_TREE_ENTRY, /* an entry; a directory can be entered */
	LADE_TREE_LEAVE, /* the directory that was entered last has no more entries */
	LADE_TREE_BROKEN, /* ... or the rest of it cannot be had, which the fault says; it is left */
};

/* A step. All of it is borrowed until the next call. */
struct lade_tree_step {
	enum lade_tree_step_kind kind;
	const struct lade_stream_entry *entry; /* of LADE_TREE_ENTRY */
	const char *path;                      /* of the entry, or the directory that is left, below where the cursor began: no slash before it; "" for that itself */
	size_t path_len;
	size_t depth;                          /* directories that are entered */
};

/* One thread. */
struct lade_tree_cursor;

/*
 * Make one, which begins in the directory whose encoded recipe is given; all is copied. Returns 0; LADE_E_CHANGED: that is no recipe; LADE_E_MEMORY. The caller frees it with
 * lade_tree_cursor_free().
 */
int lade_tree_cursor_new(const struct lade_stream_source *source, struct lade_slice recipe, struct lade_tree_cursor **cursor_out, struct lade_fault *fault);

/* Free it. NULL does nothing. */
void lade_tree_cursor_free(struct lade_tree_cursor *cursor);

/*
 * The next step. The first directory is left, too, before the end. Returns 0, or LADE_E_MEMORY or LADE_E_CANCELLED, which end all; of LADE_TREE_BROKEN the fault's subject is the directory.
 */
int lade_tree_cursor_next(struct lade_tree_cursor *cursor, struct lade_tree_step *step_out, struct lade_fault *fault);

/*
 * Enter the directory that the last step was the entry of. The step is of no use then. Returns 0; LADE_E_CHANGED: it has no recipe that could be one; LADE_E_LIMIT: it is too deep; LADE_E_MEMORY. After a failure the
 * cursor goes on behind it.
 */
int lade_tree_cursor_enter(struct lade_tree_cursor *cursor, struct lade_fault *fault);

/*
 * Find what is at a path below the directory of a recipe: path is made of components, with any slashes between and around them. *kept_out holds what the entry borrows. Returns 0; LADE_E_ABSENT; LADE_E_USAGE: it names nothing below; LADE_E_REFUSED: a part of
 * the path is no directory; LADE_E_CHANGED, LADE_E_MEMORY, or what the source says. The caller frees kept_out with lade_writer_fini(), failure or not.
 */
int lade_tree_find(const struct lade_stream_source *source, struct lade_slice recipe, const char *path, struct lade_stream_entry *entry_out,
		   struct lade_writer *kept_out, struct lade_fault *fault);

#endif
