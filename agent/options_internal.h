/*
 * What the files about the options of `lade sync` share.
 */
#ifndef LADE_AGENT_OPTIONS_INTERNAL_H
#define LADE_AGENT_OPTIONS_INTERNAL_H

#include "agent/option_walk.h"

/* The end of what is said about a command line. */
#define HINT "try 'lade help sync'"

/* What is wrong with a value that should be a size. */
#define LADE_NO_SIZE "no size (like 700, 10K or 1.5GB)"

/*
 * Complain about a value: wanted says what it is or is not, "no number from 1 to 9", "none of a, b, c". Returns LADE_E_USAGE with the complaint
 * filled.
 */
int lade_options_wrong(const struct lade_option_use *use, const char *wanted, struct lade_complaint *complaint);

/* Keep the value, which stays argv's, in *text; it must not be empty. Returns 0, or LADE_E_USAGE with the complaint filled and *text as it was. */
int lade_options_apply_text(const char **text, const struct lade_option_use *use, struct lade_complaint *complaint);

#endif
