/*
 * Which names take part: an ordered list of include and exclude rules, the first
 * that matches decides, as in rsync(1), FILTER RULES (the basics: --include,
 * --exclude, --include-from, --exclude-from; merge files come later).
 *
 * Patterns: `*` (not `/`), `**` (everything), `?` (not `/`), `[class]` with ranges,
 * negation (`!`, `^`) and [:posix:] classes, backslash escapes (in patterns that have
 * a wildcard); a trailing slash matches directories only; a leading slash anchors at
 * the root of the transfer; a pattern with an inner slash or `**` matches the tail of
 * the path, otherwise the last component; a directory's name with a slash and three
 * stars behind it matches the directory and all that is in it. Bytes, not characters.
 * Immutable after the rules are added: any thread may ask.
 */
#ifndef LADE_AGENT_TREE_FILTER_H
#define LADE_AGENT_TREE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/bytes.h"
#include "protocol/error.h"

/* Bytes of one pattern. */
#define LADE_FILTER_PATTERN_MAX 4096u

struct lade_filter;

/* No rules yet: 0 or LADE_E_MEMORY. The caller frees the filter; NULL does nothing. */
int lade_filter_new(struct lade_filter **filter_out);
void lade_filter_free(struct lade_filter *filter);

/*
 * Add one rule: exclude or include pattern (copied; NUL-terminated). As in rsync(1) a
 * pattern that begins with "+ " or "- " says itself what it is, and "!" alone forgets
 * all rules so far. LADE_E_USAGE for an empty pattern, LADE_E_MEMORY, LADE_E_LIMIT (a
 * pattern above LADE_FILTER_PATTERN_MAX, all rules above LADE_RULES_MAX).
 */
int lade_filter_add(struct lade_filter *filter, bool include, const char *pattern,
		    struct lade_fault *fault);

/*
 * Add the patterns of a file (`-`: standard input), one a line, as lade_filter_add()
 * does; a line ends with LF, CR LF or the file; empty lines and lines that begin with
 * `#` or `;` are skipped. Errors as there; LADE_E_ABSENT or LADE_E_SYSTEM for a file
 * that cannot be read, LADE_E_USAGE for a NUL in a line. After a failure the rules
 * before it are in the filter.
 */
int lade_filter_add_file(struct lade_filter *filter, bool include, const char *file,
			 struct lade_fault *fault);

/*
 * True if path (relative to the root of the transfer, no leading or trailing slash,
 * NUL-terminated) is excluded. Asks for the path alone: who walks a tree leaves out
 * what lies below an excluded directory. Time grows with the length of the path times
 * that of the rules over 64 at worst, whatever the patterns.
 */
bool lade_filter_excludes(const struct lade_filter *filter, const char *path, bool is_directory);

/* The same, for who tells of it: *pattern_out is the pattern that excludes path, which is the filter's and has no NUL behind it. */
bool lade_filter_hides(const struct lade_filter *filter, const char *path, bool is_directory, struct lade_slice *pattern_out);

/* True if there are no rules: then nothing need be asked. */
bool lade_filter_empty(const struct lade_filter *filter);

/*
 * The rules as bytes for the peer (at most LADE_RULES_MAX), and back: varint count, then
 * for each rule a byte (1 include, 0 exclude) and the pattern with a varint length.
 * encode: 0 or the writer's error. decode checks everything: 0, LADE_E_TRUNCATED,
 * LADE_E_LIMIT, LADE_E_PROTOCOL, LADE_E_MEMORY; the caller frees the filter.
 */
int lade_filter_encode(const struct lade_filter *filter, struct lade_writer *writer);
int lade_filter_decode(struct lade_slice encoded, struct lade_filter **filter_out);

#endif
