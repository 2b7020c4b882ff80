/*
 * The sources of a session as the user wrote them: which directories are opened for them, and which paths below these take
 * part. The sender walks them; a client that receives checks what comes against them.
 */
#ifndef LADE_AGENT_SYNC_SOURCES_H
#define LADE_AGENT_SYNC_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/source_list.h"
#include "agent/tree/selection.h"
#include "protocol/error.h"

/* Paths below one directory. */
struct lade_source_group {
	char *base;                       /* the directory, to be opened as it stands */
	struct lade_selection *selection;
	bool on_way;                      /* the directory itself takes part, as those on the way to the paths do */
};

/* The sources, in groups: what several have is that of the first. */
struct lade_sources {
	struct lade_source_group *groups; /* group_count of capacity */
	unsigned group_count;
	size_t capacity;
	bool relative;                    /* -R: sources keep the whole path that was written */
	bool no_way;                      /* --no-implied-dirs: "./a" does not stand for the directory itself, too */
	bool one_tree;                    /* all are put into one group, whatever they are below */
};

/* Free the groups; then there are no sources. */
void lade_sources_fini(struct lade_sources *sources);

/*
 * [sources] Add a source: "a/b" is b, below a; "a/b/", ".", ".." and "/" stand for their content (a slash at the end follows a symlink). Where they
 * are relative, all of the path is below ".", or "/", or below what stands before the first "/./"; "./" behind that, or at the front of a
 * name of a list, has the directory itself take part.
 * Returns 0, LADE_E_USAGE for ".." in a relative one, LADE_E_LIMIT or LADE_E_MEMORY.
 */
int lade_sources_add(struct lade_sources *sources, const char *written, struct lade_fault *fault);

/*
 * Add the names of a list, which are all below directory: leading slashes do not count, and ".." goes no higher than that. Errors as
 * above.
 */
int lade_sources_add_list(struct lade_sources *sources, const char *directory, const struct lade_source_list *list,
			  struct lade_fault *fault);

/* All are added: put them in order. */
void lade_sources_sort(struct lade_sources *sources);

/*
 * Take the sources of a session with these options (enum lade_option): the count written ones, or, with a list, its names below the one written, and put
 * them in order. Errors as above.
 */
int lade_sources_take(struct lade_sources *sources, uint64_t options, char *const *written, unsigned count,
		      const struct lade_source_list *list, struct lade_fault *fault);

#endif
