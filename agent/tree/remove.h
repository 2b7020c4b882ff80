/*
 * Removing whole trees below a held directory, without following a symlink and
 * without recursion that a deep tree could exhaust.
 */
#ifndef LADE_AGENT_TREE_REMOVE_H
#define LADE_AGENT_TREE_REMOVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/tree/directory.h"
#include "agent/tree/filter_scope.h"
#include "protocol/error.h"

/* What a removal tells and asks; borrowed for the call. */
struct lade_removal {
	struct lade_filter_scope *scope;  /* what it excludes stays; the directory is entered, and so are those above; NULL: nothing does */
	const char *prefix;               /* path of the directory in the transfer */
	bool asked;                       /* the scope was asked about name before: it decides on what is in it */
	bool dry_run;                     /* only tell */
	bool makes_way;                   /* something else comes in the place of name: that it goes is not told, nor asked about */
	bool one_file_system;             /* what is on other file systems stays, and so do the directories above it */
	void *context;
	bool (*may)(void *context);       /* asked before each name, dry run or not; NULL: any may go */
	bool (*stopped)(void *context);   /* asked before each name: true if no more of them shall go; NULL: never */
	/*
	 * What is done instead of unlinking name in the directory fd, which is no directory and has path: 0, or LADE_E_SYSTEM with the
	 * fault, then it stays. Not in a dry run. NULL: it is unlinked.
	 */
	int (*put_aside)(void *context, int fd, const char *name, const char *path, struct lade_fault *fault);
	void (*removed)(void *context, const char *path, mode_t mode);          /* may be NULL */
	void (*failed)(void *context, const struct lade_fault *fault);          /* one name could not be removed */
};

/*
 * Remove name in directory: a file, or a directory with all its content. Goes on after a
 * failure. Returns 0 if name is gone, LADE_E_REFUSED if something in it stays because of the filter, or because it may not go,
 * LADE_E_CANCELLED if it was stopped, or the first failure.
 */
int lade_remove_tree(struct lade_directory *directory, const char *name, const struct lade_removal *removal,
		     struct lade_fault *fault);

#endif
