/*
 * The options of `lade sync` about how the other side is reached.
 */
#ifndef LADE_AGENT_OPTIONS_CONNECT_H
#define LADE_AGENT_OPTIONS_CONNECT_H

#include "agent/option_walk.h"
#include "agent/options.h"

/* Apply one use of a LADE_SYNC_ option of this kind. Returns 0, or LADE_E_USAGE with the complaint filled. */
int lade_options_apply_connection(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint);

/* What these options need of others, when all were applied. Returns 0, or LADE_E_USAGE with the complaint filled. */
int lade_options_check_connection(struct lade_options *options, struct lade_complaint *complaint);

#endif
