/*
 * Walking source trees in the order of the protocol: in each directory the files in
 * bytewise order, then its subdirectories, each followed by its content.
 *
 * Everything is reached through held directories; memory does not grow with the
 * number of entries (agent/tree/name_list.h). One thread.
 */
#ifndef LADE_AGENT_TREE_WALK_H
#define LADE_AGENT_TREE_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "agent/tree/directory.h"
#include "agent/tree/filter_scope.h"
#include "protocol/error.h"

struct lade_walk;

enum lade_walk_event {
	LADE_WALK_END = 0,
	LADE_WALK_ENTRY,   /* something of the tree; a directory is entered by the next call */
	LADE_WALK_LEAVE,   /* the end of the directory that was entered last */
	LADE_WALK_PROBLEM, /* something was left out: the fault says what and why */
};

/* What one step met; borrowed until the next step. */
struct lade_walk_item {
	struct lade_directory *parent; /* the directory that holds the entry (of ".": the directory itself) */
	int parent_fd;                 /* its descriptor, pinned */
	const char *name;              /* one component, or "." for a source that is named by its content */
	size_t name_len;
	const char *path;              /* relative to the root of the transfer; "" for "." */
	struct stat st;
	struct lade_directory *left;   /* LEAVE: the directory */
	bool incomplete;               /* LEAVE: not all of the directory could be read */
	bool vanished;                 /* PROBLEM: it was there a moment ago */
};

/* One source; name NULL: the content of directory, else this one entry of it. Both borrowed until the walk is freed. */
struct lade_walk_source {
	struct lade_directory *directory;
	const char *name;
};

struct lade_walk_options {
	bool recursive;                  /* else each directory, "." too, is a PROBLEM */
	struct lade_filter_scope *scope; /* what is left out; directories above the sources may be entered. Borrowed; NULL: nothing */
	const char *prefix;              /* path of the sources' directory in the transfer, for names and filters; NULL: "" */
	const char *avoid;               /* path of a directory (not a source itself) that is left out: the destination, which
	                                    may be made while the walk is under way; borrowed, may be NULL */
};

/*
 * Start a walk over count sources: either one that is named by its content, or any number of names.
 * Names are taken in order and once. Returns 0, LADE_E_MEMORY, or LADE_E_USAGE for another mixture.
 */
int lade_walk_new(const struct lade_walk_source *sources, unsigned count, const struct lade_walk_options *options,
		  struct lade_walk **walk_out, struct lade_fault *fault);
void lade_walk_free(struct lade_walk *walk);

/* The next event (enum lade_walk_event), or LADE_E_MEMORY, LADE_E_SYSTEM (the spool) that end the walk. fault is filled for PROBLEM. */
int lade_walk_next(struct lade_walk *walk, struct lade_walk_item *item_out, struct lade_fault *fault);

#endif
