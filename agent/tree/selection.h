/*
 * A set of paths that were named one by one: what takes part of a tree. It is asked component by
 * component, on the way down, by whoever walks the tree and by whoever checks what a peer sends.
 *
 * All of it is in memory: the bytes of the paths and about ten more for each. That is bounded by
 * LADE_NAMES_MAX. Immutable once it was sorted: then any thread may ask.
 */
#ifndef LADE_AGENT_TREE_SELECTION_H
#define LADE_AGENT_TREE_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/error.h"

/* What is wanted of a path; bits. */
enum lade_selected {
	LADE_SELECTED_ITEM = 1u << 0,    /* what it names; with all that is in it where directories are gone into */
	LADE_SELECTED_CONTENT = 1u << 1, /* what is in it besides: it was written with a slash at its end */
	LADE_SELECTED_WAY = 1u << 2,     /* of the root: itself, as the directories on the way to other paths, without what is in it */
};

struct lade_selection;

/* A directory on the way: the paths below it. */
struct lade_selection_at {
	size_t first, end; /* positions of the sorted paths */
	size_t off;        /* of the bytes of each that come after the directory */
};

/* No paths yet: 0 or LADE_E_MEMORY. The caller frees the selection with lade_selection_free(). */
int lade_selection_new(struct lade_selection **selection_out);

/* Free the selection. NULL does nothing. */
void lade_selection_free(struct lade_selection *selection);

/*
 * Add a path of len bytes: components with one slash between them, none of them "." or "..", none longer than a name may
 * be; none at all ("") is the tree's root. what: enum lade_selected. Before it is sorted. Returns 0, LADE_E_REFUSED for
 * what is no such path, LADE_E_LIMIT or LADE_E_MEMORY.
 */
int lade_selection_add(struct lade_selection *selection, const char *path, size_t len, unsigned what);

/* Put the paths in order. Once. */
void lade_selection_sort(struct lade_selection *selection);

/* All paths. */
struct lade_selection_at lade_selection_root(const struct lade_selection *selection);

/* What is wanted of the root itself: 0 if it was not named. */
unsigned lade_selection_root_what(const struct lade_selection *selection);

/*
 * Look for name, of len bytes, in the directory at. False: no path leads there. Else *what_out says what is wanted of it
 * (0: it is only on the way), and *below_out the paths that go on below it (first == end: none).
 */
bool lade_selection_find(const struct lade_selection *selection, const struct lade_selection_at *at, const char *name,
			 size_t len, unsigned *what_out, struct lade_selection_at *below_out);

/*
 * The names in the directory at, in rising bytewise order, each once. *position is 0 for the first and kept by the caller.
 * Returns the name, borrowed and not terminated, and its length; or NULL at their end.
 */
const char *lade_selection_next(const struct lade_selection *selection, const struct lade_selection_at *at, size_t *position,
				size_t *len_out);

/* The path at a position of at (first to end - 1); borrowed. */
const char *lade_selection_path(const struct lade_selection *selection, size_t position);

#endif
