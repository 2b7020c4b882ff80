/*
 * One compiled pattern of a filter. For filter_list.c. Immutable: any thread may match.
 */
#ifndef LADE_AGENT_TREE_FILTER_PATTERN_H
#define LADE_AGENT_TREE_FILTER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct lade_filter_pattern;

/* Whose patterns: those of rsync(1), or those of gitignore(5). */
enum lade_filter_syntax { LADE_FILTER_SYNTAX_RSYNC, LADE_FILTER_SYNTAX_GIT };

/*
 * Compile a pattern of len bytes (1 to LADE_FILTER_PATTERN_MAX, no NUL): 0 or
 * LADE_E_MEMORY. What is no pattern ("[a", "[[:no:]]") matches nothing, as in rsync and git.
 * Of git's the "!" before it is not a part.
 */
int lade_filter_pattern_new(const char *text, size_t len, enum lade_filter_syntax syntax,
			    struct lade_filter_pattern **pattern_out);

/* Free it. NULL does nothing. */
void lade_filter_pattern_free(struct lade_filter_pattern *pattern);

/* True if it matches the path of path_len bytes, whose last component is at name_off. */
bool lade_filter_pattern_matches(const struct lade_filter_pattern *pattern, const char *path,
				 size_t path_len, size_t name_off, bool is_directory);

/* True if it begins at the root: its paths are relative to where the rule is from. */
bool lade_filter_pattern_anchored(const struct lade_filter_pattern *pattern);

/* True if it is compared with more than the last component. */
bool lade_filter_pattern_takes_path(const struct lade_filter_pattern *pattern);

#endif
