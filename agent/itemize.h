/*
 * Changes as lines: what -i and -v print of an ITEM (see [item]).
 */
#ifndef LADE_AGENT_ITEMIZE_H
#define LADE_AGENT_ITEMIZE_H

#include <stdbool.h>

#include "protocol/bytes.h"
#include "protocol/message.h"

/*
 * Append the itemized line of item: eleven columns YXcstpoguax, a space and the name, as rsync(1)
 * describes under --itemize-changes. outgoing: content goes over a network (`<` instead of `>`).
 * No newline. Failures are in writer->error.
 */
void lade_itemize(struct lade_writer *writer, const struct lade_msg_item *item, bool outgoing);

/* Append what -v prints of item, or nothing if -v does not name such a change. No newline. */
void lade_itemize_name(struct lade_writer *writer, const struct lade_msg_item *item);

#endif
