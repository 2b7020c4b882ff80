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
	bool dry_run;                     /* only tell */
	void *context;
	void (*removed)(void *context, const char *path, mode_t mode);          /* may be NULL */
	void (*failed)(void *context, const struct lade_fault *fault);          /* one name could not be removed */
};

/*
 * Remove name in directory: a file, or a directory with all its content. Goes on after a
 * failure. Returns 0 if name is gone, LADE_E_REFUSED if something in it stays because of the filter, or the
 * first failure.
 */
int lade_remove_tree(struct lade_directory *directory, const char *name, const struct lade_removal *removal,
		     struct lade_fault *fault);

#endif
