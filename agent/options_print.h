/*
 * The options of `lade sync` about what it prints.
 */
#ifndef LADE_AGENT_OPTIONS_PRINT_H
#define LADE_AGENT_OPTIONS_PRINT_H

#include "agent/option_walk.h"
#include "agent/options.h"

/* --info, --debug. Returns 0, 1 if their list is all that is wanted, or LADE_E_USAGE with the complaint filled. */
int lade_options_apply_verbosity(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint);

/* --outbuf. Returns 0, or LADE_E_USAGE with the complaint filled. */
int lade_options_apply_outbuf(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint);

/*
 * What these options imply, and need of others, when all were applied: the verbosity is finished, and the settings ask the receiver for what is
 * to be printed. Returns 0, or LADE_E_USAGE with the complaint filled.
 */
int lade_options_check_print(struct lade_options *options, struct lade_complaint *complaint);

#endif
