/*
 * The rules that hold at one place of a tree: those of a filter, and those of the files in each directory
 * from the top to here that the filter names. A walk enters and leaves directories; one thread.
 *
 * A tree may be anybody's. The rules in force at one place are at most LADE_RULES_MAX bytes, and the
 * files that are looked for in a directory at most LADE_FILTER_MERGES_MAX; beyond that, and where such a file cannot
 * be read or understood, entering fails: what is in the directory is then neither to be sent nor deleted.
 */
#ifndef LADE_AGENT_TREE_FILTER_SCOPE_H
#define LADE_AGENT_TREE_FILTER_SCOPE_H

#include "agent/tree/filter.h"

#define LADE_FILTER_MERGES_MAX 32u

struct lade_filter_scope;

/* Which rule decided. */
struct lade_filter_decision {
	bool excluded;
	unsigned number;    /* of the rule among its own kind, from 1; 0: none matched, it is included */
	const char *text;   /* its pattern; these are borrowed until the directory is left */
	const char *origin; /* the file that it is from; NULL: the command line */
	size_t line;        /* there */
	bool negated;       /* the pattern did not match, which is the rule's condition */
};

/* No directory entered yet. filter is borrowed. 0 or LADE_E_MEMORY. The caller frees the scope with lade_filter_scope_free(). */
int lade_filter_scope_new(const struct lade_filter *filter, const struct lade_filter_use *use,
			  struct lade_filter_scope **scope_out);

/* Free the scope, whatever is entered. NULL does nothing. */
void lade_filter_scope_free(struct lade_filter_scope *scope);

/*
 * fd is the directory whose entries are at the top of the transfer, under prefix_len bytes of path that they have there in common:
 * from now on absolute paths are known. Does nothing where a directory is entered.
 */
void lade_filter_scope_begin(struct lade_filter_scope *scope, int fd, size_t prefix_len);

/*
 * Enter the directory of path ("" for the root of the transfer), which is open as fd, or -1: there is nothing to be read. Whatever it returns it is
 * to be left. 0; LADE_E_MEMORY; or the fault, whose subject names the file.
 */
int lade_filter_scope_enter(struct lade_filter_scope *scope, int fd, const char *path, struct lade_fault *fault);

/* Leave what was entered last, with the directories above it that were entered for it. */
void lade_filter_scope_leave(struct lade_filter_scope *scope);

/* What becomes of the entry of path in the directory that was entered last. decision_out may be NULL. True if it is excluded. */
bool lade_filter_scope_excludes(struct lade_filter_scope *scope, const char *path, bool is_directory,
				struct lade_filter_decision *decision_out);

#endif
