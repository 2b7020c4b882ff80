/*
 * What `lade sync` copies from where to where: its sources, its destination, and the options about them.
 */
#ifndef LADE_AGENT_OPTIONS_SOURCES_H
#define LADE_AGENT_OPTIONS_SOURCES_H

#include "agent/option_walk.h"
#include "agent/options.h"

/* Apply one use of a LADE_SYNC_ option of this kind. Returns 0, or LADE_E_USAGE with the complaint filled. */
int lade_options_apply_sources(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint);

/*
 * Take the count arguments that are no options: all but the last are sources, the last is the destination; one alone is a source to be shown.
 * They are copied; what is owned then is freed by lade_options_fini(). Returns 0, or a negative code with the complaint filled.
 */
int lade_options_take_arguments(struct lade_options *options, const char *const arguments[], unsigned count, struct lade_complaint *complaint);

/* What the options about sources imply, and need of others, when all were applied. Returns 0, or a negative code with the complaint filled. */
int lade_options_check_sources(struct lade_options *options, struct lade_complaint *complaint);

#endif
