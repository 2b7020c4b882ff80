/*
 * What a backup leaves out, as people who use restic(1) say it: patterns of which the last one that matches decides, and which may take back, by "!", what others leave out.
 */
#ifndef LADE_AGENT_BACKUP_EXCLUDE_H
#define LADE_AGENT_BACKUP_EXCLUDE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/tree/filter.h"
#include "protocol/error.h"

/* Patterns in the order in which they were given; begins with zeros. */
struct lade_excludes {
	struct lade_exclude {
		char *pattern;
		bool fold; /* upper and lower case are the same */
	} *items;
	size_t count, capacity;
};

/* Free them; then there are none. */
void lade_excludes_fini(struct lade_excludes *excludes);

/* Add one, which is copied. Returns 0 or LADE_E_MEMORY. */
int lade_excludes_add(struct lade_excludes *excludes, const char *pattern, bool fold);

/* Add those of a file, one a line; empty lines and those that begin with "#" are none. Returns 0, LADE_E_ABSENT, LADE_E_SYSTEM, LADE_E_LIMIT or LADE_E_MEMORY. */
int lade_excludes_add_file(struct lade_excludes *excludes, const char *path, bool fold, struct lade_fault *fault);

/*
 * Add rules to a filter that do what the patterns say: agent/tree/filter.h has what a pattern means; "/" is the root of the file system. Returns 0 or what lade_filter_add()
 * says.
 */
int lade_excludes_apply(const struct lade_excludes *excludes, struct lade_filter *filter, struct lade_fault *fault);

#endif
