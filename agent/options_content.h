/*
 * The options of `lade sync` about the content of files: how it is compared, where else it may be found, how it is carried.
 */
#ifndef LADE_AGENT_OPTIONS_CONTENT_H
#define LADE_AGENT_OPTIONS_CONTENT_H

#include "agent/option_walk.h"
#include "agent/options.h"

/* Apply one use of a LADE_SYNC_ option of this kind. Returns 0, or LADE_E_USAGE with the complaint filled. */
int lade_options_apply_content(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint);

/*
 * What these options imply, and need of others, when all were applied and options->remote is known. Returns 0, or LADE_E_USAGE with the
 * complaint filled.
 */
int lade_options_check_content(struct lade_options *options, struct lade_complaint *complaint);

#endif
