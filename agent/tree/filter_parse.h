/*
 * The language of rsync(1), FILTER RULES, and that of gitignore(5): from texts to rules. For filter*.c.
 */
#ifndef LADE_AGENT_TREE_FILTER_PARSE_H
#define LADE_AGENT_TREE_FILTER_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/tree/filter_list.h"
#include "agent/tree/place.h"

/* How texts are read, and where their rules go. */
struct lade_filter_reading {
	struct lade_filter_list *list;
	size_t first;       /* "!" forgets the rules from this one on */
	unsigned defaults;  /* LADE_RULE_ of the rule that named the file: what its rules begin with, and how it is read */
	bool old;           /* --exclude and the like: no rule's name but "+ ", "- " and "!" */
	bool nul;           /* a file's lines end with NUL (--from0) */
	bool fixed;         /* whoever serves a tree says it of all of it, to both sides: what reads a file or says less is refused */
	bool tree;          /* the text is part of a tree, that is anybody's: it is small, a regular file, and not quoted */
	int directory_fd;   /* what merged files are relative to; AT_FDCWD */
	const struct lade_base *base; /* of a tree: nothing is read that is not below it; NULL: anything may be */
	const char *origin; /* the file at hand; NULL: there is none */
	size_t line;
	unsigned depth;     /* files that name each other */
	bool cleared;       /* set by "!" */
};

/* One rule, as an option has it. 0; LADE_E_USAGE, LADE_E_LIMIT, LADE_E_MEMORY, or as the next one for a merged file. */
int lade_filter_parse_rule(struct lade_filter_reading *reading, const char *text, struct lade_fault *fault);

/* The content of a file, len bytes. As lade_filter_parse_rule(); LADE_E_UNSUPPORTED for what fixed refuses. */
int lade_filter_parse_text(struct lade_filter_reading *reading, const char *text, size_t len, struct lade_fault *fault);

/*
 * A file (`-`, if it is not of a tree: standard input); shown is its name for people. Rules before a failure are in the list.
 * Besides: LADE_E_ABSENT, LADE_E_SYSTEM; in a tree LADE_E_ABSENT for what is not regular, too, and LADE_E_LIMIT for what is long.
 */
int lade_filter_parse_file(struct lade_filter_reading *reading, const char *name, const char *shown, struct lade_fault *fault);

#endif
