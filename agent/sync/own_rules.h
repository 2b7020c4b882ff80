/*
 * Rules that options bring with them: what they leave at the destination for later is kept out of the transfer, and is not deleted.
 * A client says them with the user's. Where names are converted (--iconv) the server adds them once more, with its names.
 */
#ifndef LADE_AGENT_SYNC_OWN_RULES_H
#define LADE_AGENT_SYNC_OWN_RULES_H

#include "agent/sync/settings.h"

/* Backups beside the files are not deleted, unless a rule says otherwise. 0, or the code of what is too much. */
int lade_own_rules_backup(const struct lade_settings *settings);

/* A directory for partial files that is beside them is neither transferred nor deleted, but with the directory that it is in. As above. */
int lade_own_rules_partial(const struct lade_settings *settings);

#endif
