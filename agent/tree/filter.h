/*
 * Which names take part: an ordered list of rules, the first that matches decides, as in rsync(1),
 * FILTER RULES, with all its rules and modifiers, and files of rules in the tree itself, .gitignore
 * files among them. What those say is found while a tree is walked: agent/tree/filter_scope.h.
 *
 * Patterns: `*` (not `/`), `**` (everything), `?` (not `/`), `[class]` with ranges,
 * negation (`!`, `^`) and [:posix:] classes, backslash escapes (in patterns that have
 * a wildcard); a trailing slash matches directories only; a leading slash anchors at
 * the root of the transfer, or where the file with the rule is; a pattern with an inner slash or `**` matches the tail of
 * the path, otherwise the last component; a directory's name with a slash and three
 * stars behind it matches the directory and all that is in it. Bytes, not characters.
 * Immutable after the rules are added: any thread may ask.
 */
#ifndef LADE_AGENT_TREE_FILTER_H
#define LADE_AGENT_TREE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/tree/place.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* Bytes of one pattern. */
#define LADE_FILTER_PATTERN_MAX 4096u

struct lade_filter;

/* Who asks: the sender, whether something is hidden, or the receiver, whether it is protected. */
enum lade_filter_side { LADE_FILTER_SENDER, LADE_FILTER_RECEIVER };

/* What it is asked for. */
struct lade_filter_use {
	enum lade_filter_side side;
	bool delete_excluded; /* rules that name no side are the sender's alone */
	bool removing;        /* in a directory that goes: perishable rules do not count */
	const struct lade_base *base; /* what is "/" to the rules, and to the files that they name; borrowed; NULL: the root of the file system */
};

/* No rules yet: 0 or LADE_E_MEMORY. The caller frees the filter with lade_filter_free(). */
int lade_filter_new(struct lade_filter **filter_out);

/* Free the filter and its rules. NULL does nothing. */
void lade_filter_free(struct lade_filter *filter);

/* The lines of files that are read from now on end with NUL (--from0). */
void lade_filter_set_nul(struct lade_filter *filter, bool nul);

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
 * does; a line ends with LF, CR or the file; empty lines and lines that begin with
 * `#` or `;` are skipped. Errors as there; LADE_E_ABSENT or LADE_E_SYSTEM for a file
 * that cannot be read, LADE_E_USAGE for a NUL in a line. After a failure the rules
 * before it are in the filter.
 */
int lade_filter_add_file(struct lade_filter *filter, bool include, const char *file,
			 struct lade_fault *fault);

/* Add a rule of rsync(1), FILTER RULES (--filter). A file that it merges is read now. Errors as lade_filter_add_file(). */
int lade_filter_add_rule(struct lade_filter *filter, const char *rule, struct lade_fault *fault);

/*
 * Add the rules of rsync(1), FILTER RULES, in text, parted by blanks, of whoever serves a tree: each is a pattern that means the same to both
 * sides. Errors as lade_filter_add(); LADE_E_UNSUPPORTED for another one, with what it would do, as the end of "it cannot".
 */
int lade_filter_add_fixed(struct lade_filter *filter, const char *text, struct lade_fault *fault);

/* Add a rule by which the .gitignore file of each directory is read with git's meaning. Errors as lade_filter_add(). */
int lade_filter_add_git(struct lade_filter *filter, struct lade_fault *fault);

/*
 * True if path (relative to the root of the transfer, no leading or trailing slash,
 * NUL-terminated) is excluded for the sender, whatever files in the tree say and wherever the tree is: so a receiver knows it, too.
 * Asks for the path alone: who walks a tree leaves out
 * what lies below an excluded directory. Time grows with the length of the path times
 * that of the rules over 64 at worst, whatever the patterns.
 */
bool lade_filter_excludes(const struct lade_filter *filter, const char *path, bool is_directory);

/* True if there are no rules: then nothing need be asked. */
bool lade_filter_empty(const struct lade_filter *filter);

/* True if files in the tree are part of it. */
bool lade_filter_reads_tree(const struct lade_filter *filter);

/* What rules with the modifier x say of the name of an extended attribute. */
enum lade_filter_verdict {
	LADE_FILTER_UNRULED, /* there are no such rules: what is usual holds */
	LADE_FILTER_INCLUDED,
	LADE_FILTER_EXCLUDED,
};

/* Ask them about name. Any thread. */
enum lade_filter_verdict lade_filter_attribute(const struct lade_filter *filter, const struct lade_filter_use *use,
					       const char *name);

/*
 * The rules as bytes for the peer (at most LADE_RULES_MAX): varint count, then for each rule its flags (filter_list.h)
 * and its pattern or file (see [open]). Returns 0 or the writer's error.
 */
int lade_filter_encode(const struct lade_filter *filter, struct lade_writer *writer);

/*
 * And back; everything is checked. Returns 0, LADE_E_TRUNCATED, LADE_E_LIMIT, LADE_E_PROTOCOL or LADE_E_MEMORY; the caller
 * frees the filter with lade_filter_free().
 */
int lade_filter_decode(struct lade_slice encoded, struct lade_filter **filter_out);

#endif
