/*
 * Command lines by table: one row per option gives its parsing, its --no- form and its
 * line in the help.
 *
 * The grammar is that of rsync(1): options and other arguments in any order, `--` ends
 * the options, `-abc` is `-a -b -c`, values as `--name=VALUE`, `--name VALUE`, `-xVALUE`,
 * `-x=VALUE` or `-x VALUE`. Names are never abbreviated: an abbreviation changes its meaning
 * when an option is added.
 */
#ifndef LADE_AGENT_OPTION_WALK_H
#define LADE_AGENT_OPTION_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/complaint.h"

/* One option. All text is static. */
struct lade_option_row {
	const char *name;    /* long name without dashes, or NULL */
	const char *alias;   /* another long name, or NULL */
	char letter;         /* short name, or 0 */
	bool negatable;      /* --no-NAME, --no-ALIAS and --no-LETTER exist */
	int id;              /* the table's owner knows what it means */
	uint64_t bits;       /* for ids that set bits: which; for numbers: the largest */
	size_t off;          /* for ids that set a field: where it is in what the table's owner fills */
	const char *value;   /* what the help calls the value; NULL: it takes none */
	int group;           /* where the help lists it */
	const char *text;    /* its help; NULL: it is in none */
	const char *refused; /* why it is refused, with whatever value; NULL: it is not */
};

/* One use of an option, or an argument that is none. */
struct lade_option_use {
	const struct lade_option_row *row; /* NULL: value is an argument of its own */
	bool on;                           /* false: the --no- form */
	const char *value;                 /* borrowed from argv; NULL for options without one */
	char spelled[64]; /* as the user wrote it, "-z" or "--compress" (may be cut) */
};

/* Who walks: the table, and what is called for each use, in order. */
struct lade_option_walk {
	const struct lade_option_row *rows;
	size_t row_count;
	/*
	 * 0: go on; positive: stop here without an error; negative: stop, the complaint is
	 * filled.
	 */
	int (*apply)(void *context, const struct lade_option_use *use,
		     struct lade_complaint *complaint);
	void *context;
	const char *hint; /* end of complaints: "try 'lade help sync'" */
};

/*
 * Walk over argc arguments (the command's name not among them). Returns what apply
 * returned last, or LADE_E_USAGE with the complaint filled for an unknown or refused option,
 * a missing value, or a value that does not belong. The --no- form of a refused option is no use of
 * it.
 */
int lade_option_walk(const struct lade_option_walk *walk, int argc, char *const argv[],
		     struct lade_complaint *complaint);

#endif
