/*
 * The sums of a session, which END carries (see [end]): what is counted by kind of file.
 */
#ifndef LADE_AGENT_SYNC_TOTALS_H
#define LADE_AGENT_SYNC_TOTALS_H

#include <sys/types.h>

#include "protocol/message.h"

/* Count an entry of the source; mode gives its kind. */
void lade_totals_entry(struct lade_msg_end *totals, mode_t mode);

/* Count one that was made in the destination. */
void lade_totals_created(struct lade_msg_end *totals, mode_t mode);

/* Count one that was deleted there. */
void lade_totals_deleted(struct lade_msg_end *totals, mode_t mode);

/* Add what was counted elsewhere; the exit status stays. */
void lade_totals_add(struct lade_msg_end *totals, const struct lade_msg_end *more);

#endif
