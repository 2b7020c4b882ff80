/*
 * One compiled pattern of a filter. For filter.c. Immutable: any thread may match.
 */
#ifndef LADE_AGENT_TREE_FILTER_PATTERN_H
#define LADE_AGENT_TREE_FILTER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct lade_filter_pattern;

/*
 * Compile a pattern of len bytes (1 to LADE_FILTER_PATTERN_MAX, no NUL): 0 or
 * LADE_E_MEMORY. What is no pattern ("[a", "[[:no:]]") matches nothing, as in rsync.
 */
int lade_filter_pattern_new(const char *text, size_t len, struct lade_filter_pattern **pattern_out);
void lade_filter_pattern_free(struct lade_filter_pattern *pattern);

/* True if it matches the path of path_len bytes, whose last component is at name_off. */
bool lade_filter_pattern_matches(const struct lade_filter_pattern *pattern, const char *path,
				 size_t path_len, size_t name_off, bool is_directory);

#endif
