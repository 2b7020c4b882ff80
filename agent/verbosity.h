/*
 * What a user wants to be told: the categories of --info and --debug, each with a level, as rsync(1) has them.
 * -v, --stats and --progress set levels where the user did not name the category.
 */
#ifndef LADE_AGENT_VERBOSITY_H
#define LADE_AGENT_VERBOSITY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/complaint.h"

/* Categories of --info. */
enum lade_info {
	LADE_INFO_BACKUP,
	LADE_INFO_COPY,
	LADE_INFO_DEL,
	LADE_INFO_FLIST,
	LADE_INFO_MISC,
	LADE_INFO_MOUNT,
	LADE_INFO_NAME,     /* 1: what changes, 2: what is unchanged too */
	LADE_INFO_NONREG,
	LADE_INFO_PROGRESS, /* 1: each file, 2: the whole */
	LADE_INFO_REMOVE,
	LADE_INFO_SKIP,
	LADE_INFO_STATS,    /* 1: two lines, 2: all sums */
	LADE_INFO_SYMSAFE,
	LADE_INFO_COUNT,
};

/* Categories of --debug. */
enum lade_debug {
	LADE_DEBUG_DELTASUM,
	LADE_DEBUG_FILTER,
	LADE_DEBUG_COUNT,
};

/* The level of one category. */
struct lade_level {
	uint8_t level;
	bool named; /* the user gave it: what other options imply does not change it */
};

/* Levels; all zeros: nothing was given yet. */
struct lade_verbosity {
	struct lade_level info[LADE_INFO_COUNT];
	struct lade_level debug[LADE_DEBUG_COUNT];
	bool info_help, debug_help; /* the list of categories is wanted, and nothing else */
};

/*
 * Take a value of --info: names with commas between them, in any case, each perhaps with a level behind it (1
 * without), or ALL, NONE and HELP. Returns 0, or LADE_E_USAGE with the complaint filled for a name that there is not.
 */
int lade_verbosity_info(struct lade_verbosity *verbosity, const char *value, struct lade_complaint *complaint);

/* The same for a value of --debug. */
int lade_verbosity_debug(struct lade_verbosity *verbosity, const char *value, struct lade_complaint *complaint);

/* Raise a category to level, unless the user named it. */
void lade_verbosity_imply(struct lade_verbosity *verbosity, enum lade_info info, unsigned level);

/* Set what -v implies, verbose times; 0: what is told without it. After the user's own. */
void lade_verbosity_finish(struct lade_verbosity *verbosity, unsigned verbose);

/* The notes that the levels ask for: 1 << enum lade_topic. */
uint64_t lade_verbosity_notes(const struct lade_verbosity *verbosity);

/* Print the categories of --info, for --info=help. */
void lade_verbosity_print_info(FILE *file);

/* Print those of --debug, for --debug=help. */
void lade_verbosity_print_debug(FILE *file);

#endif
