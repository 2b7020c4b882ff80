/*
 * The options of `lade sync` that are about permissions, owners and who may do what: --chmod, --chown and the maps, --super, --fake-super, -M,
 * --write-devices.
 */
#ifndef LADE_AGENT_OPTIONS_RIGHTS_H
#define LADE_AGENT_OPTIONS_RIGHTS_H

#include "agent/option_walk.h"
#include "agent/options.h"

/* Apply one use of a LADE_SYNC_ option of this kind. Returns 0, or LADE_E_USAGE with the complaint filled. */
int lade_options_apply_rights(struct lade_options *options, const struct lade_option_use *use, struct lade_complaint *complaint);

/* What these options imply, and need of others, when all were applied. Returns 0, or LADE_E_USAGE or LADE_E_MEMORY with the complaint filled. */
int lade_options_check_rights(struct lade_options *options, struct lade_complaint *complaint);

/* Free what they own. */
void lade_options_fini_rights(struct lade_options *options);

#endif
