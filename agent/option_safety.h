/*
 * The options of `lade sync` that say what is deleted and what is kept safe: their values, and what they need of each other.
 */
#ifndef LADE_AGENT_OPTION_SAFETY_H
#define LADE_AGENT_OPTION_SAFETY_H

#include "agent/complaint.h"
#include "agent/option_walk.h"
#include "agent/options.h"

/* Apply one use of such an option. Returns 0, or LADE_E_USAGE with the complaint filled. */
int lade_option_safety_apply(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint);

/* All options were applied: what they need of each other. Returns 0, or a negative code with the complaint filled. */
int lade_option_safety_check(struct lade_options *options, struct lade_complaint *complaint);

#endif
