/*
 * A list of filter rules, in their order: those of the command line, or those of one per-directory
 * file. For filter*.c. A list that is complete is immutable: any thread may read it.
 */
#ifndef LADE_AGENT_TREE_FILTER_LIST_H
#define LADE_AGENT_TREE_FILTER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/tree/filter.h"
#include "agent/tree/filter_pattern.h"

/* What a rule is, as it travels (see PROTOCOL.md, [open]). */
#define LADE_RULE_INCLUDE (1u << 0)
#define LADE_RULE_SENDER (1u << 1)     /* of one side alone; neither: of both */
#define LADE_RULE_RECEIVER (1u << 2)
#define LADE_RULE_ABSOLUTE (1u << 3)   /* compared with absolute paths */
#define LADE_RULE_NEGATE (1u << 4)     /* takes effect where the pattern fails */
#define LADE_RULE_PERISHABLE (1u << 5) /* not in directories that are removed */
#define LADE_RULE_XATTR (1u << 6)      /* about names of extended attributes alone */
#define LADE_RULE_DIR_MERGE (1u << 7)  /* names a file of rules in each directory; these are of the file: */
#define LADE_RULE_PLAIN (1u << 8)      /* it holds patterns alone, which exclude, or include with INCLUDE */
#define LADE_RULE_NO_INHERIT (1u << 9) /* it says nothing about subdirectories */
#define LADE_RULE_WORDS (1u << 10)     /* it holds words, not lines */
#define LADE_RULE_CVS (1u << 11)       /* with PLAIN: "!" clears all the same */
#define LADE_RULE_GIT (1u << 12)       /* it is a .gitignore; of a rule: it is out of one */
#define LADE_RULE_FLAGS ((1u << 13) - 1)
#define LADE_RULE_SIDES (LADE_RULE_SENDER | LADE_RULE_RECEIVER)

struct lade_filter_rule {
	struct lade_filter_pattern *pattern; /* NULL: DIR_MERGE */
	char *text;         /* the pattern, or the file's name; NUL-terminated */
	size_t len;
	unsigned flags;
	const char *origin; /* the file that it is from; NULL: the command line, or the peer. The list's */
	size_t line;        /* there, from 1 */
};

/* The caller's storage; all zeros but bytes_max is an empty list. */
struct lade_filter_list {
	struct lade_filter_rule *rules;
	size_t count, capacity;
	size_t bytes;     /* encoded, their count not included */
	size_t bytes_max; /* not to be exceeded */
	size_t read_len;  /* bytes that were read for it of a tree's files, and what opening them costs */
	char **origins;
	size_t origin_count, origin_capacity;
};

/* Free what the list holds. */
void lade_filter_list_fini(struct lade_filter_list *list);

/* Forget the rules from number first on. */
void lade_filter_list_clear(struct lade_filter_list *list, size_t first);

/*
 * Append a copy of rule (its text of len bytes, not empty, no NUL; its pattern is not looked at).
 * 0, LADE_E_MEMORY, LADE_E_LIMIT.
 */
int lade_filter_list_add(struct lade_filter_list *list, const struct lade_filter_rule *rule);

/* Keep a copy of a file's name for rules that are from it; NULL without memory. */
const char *lade_filter_list_origin(struct lade_filter_list *list, const char *file);

/* The name of a DIR_MERGE's file, without the directories before it. Borrowed. */
const char *lade_filter_rule_file(const struct lade_filter_rule *rule);

/* True if rule, whose flags say nothing of names and attributes, counts on side. */
bool lade_filter_rule_counts(unsigned flags, const struct lade_filter_use *use);

#endif
