/*
 * The names of one directory in order, whatever their number.
 *
 * Up to LADE_NAME_LIST_MEMORY names (or 8 MiB of them) are sorted in memory;
 * beyond, sorted pieces go to an unlinked spool file and are merged while they
 * are read. Every name carries a small key that sorts before the bytes (a walker
 * uses 0 for files and 1 for directories) and can be marked once by position.
 * Used by the walker for the order of a source directory, and by the receiver to
 * find what a source no longer has. Not safe for two threads at once.
 */
#ifndef LADE_AGENT_TREE_NAME_LIST_H
#define LADE_AGENT_TREE_NAME_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define LADE_NAME_LIST_MEMORY 100000u

struct lade_name_list;

/* A name; name borrowed until the cursor that gave it moves or is freed. */
struct lade_name {
	const char *name; /* NUL-terminated */
	size_t name_len;  /* bytes without the NUL; 1 to 255 */
	uint8_t key;
	uint8_t type;      /* d_type as readdir gave it, DT_UNKNOWN possible */
	uint64_t position; /* 0, 1, ... in sorted order */
};

/*
 * An empty list. spool_dir: where a spool file may be made, borrowed until the list
 * is freed (NULL: $TMPDIR, else /var/tmp); nothing is made there before there are
 * more names than memory_max (0: LADE_NAME_LIST_MEMORY), or 8 MiB of them.
 * Returns 0 or LADE_E_MEMORY. The caller frees the list with lade_name_list_free().
 */
int lade_name_list_new(const char *spool_dir, size_t memory_max, struct lade_name_list **list_out);

/* Free the list and its spool file. NULL does nothing. */
void lade_name_list_free(struct lade_name_list *list);

/*
 * Add a name (copied) before lade_name_list_sort(). Returns 0, LADE_E_MEMORY, or
 * LADE_E_SYSTEM: the spool file, or a name that is empty (EINVAL) or longer than 255
 * bytes (ENAMETOOLONG: some file systems have them), which is left out.
 */
int lade_name_list_add(struct lade_name_list *list, const char *name, uint8_t key, uint8_t type,
		       struct lade_fault *fault);

/*
 * Order what was added: by key, then bytewise (unsigned). Once. Returns 0,
 * LADE_E_MEMORY or LADE_E_SYSTEM (the spool file); after a failure the list can
 * only be freed.
 */
int lade_name_list_sort(struct lade_name_list *list, struct lade_fault *fault);

/* Names in the list. */
uint64_t lade_name_list_count(const struct lade_name_list *list);

/* A position in the sorted list. */
struct lade_name_cursor;

/*
 * Make one before the first name; several may be open on one list. Returns 0 or LADE_E_MEMORY. The caller frees it with
 * lade_name_cursor_free(), before the list.
 */
int lade_name_cursor_new(struct lade_name_list *list, struct lade_name_cursor **cursor_out);

/* Free it. NULL does nothing. */
void lade_name_cursor_free(struct lade_name_cursor *cursor);

/*
 * The next name. Returns 1 and fills *name_out, 0 at the end, or LADE_E_SYSTEM (the
 * spool file; EIO where its contents are not what was written).
 */
int lade_name_cursor_next(struct lade_name_cursor *cursor, struct lade_name *name_out,
			  struct lade_fault *fault);

/*
 * Mark the name at position (less than the count) of a sorted list: 0 or
 * LADE_E_MEMORY. The first mark takes one bit per name.
 */
int lade_name_list_mark(struct lade_name_list *list, uint64_t position);

/* True if the name at position is marked. */
bool lade_name_list_marked(const struct lade_name_list *list, uint64_t position);

#endif
