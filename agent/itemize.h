/*
 * Changes as lines: what -i, -v and --out-format print of an ITEM (see [item]).
 */
#ifndef LADE_AGENT_ITEMIZE_H
#define LADE_AGENT_ITEMIZE_H

#include <stdbool.h>

#include "protocol/bytes.h"
#include "protocol/message.h"

/* How names and columns are written; the same for all items of a session. */
struct lade_item_style {
	bool outgoing;  /* content goes over a network (`<` instead of `>`) */
	bool eight_bit; /* bytes from 0x80 on are not escaped */
};

/* Append name, escaped as the style has it. Failures are in writer->error, as everywhere here. */
void lade_itemize_escaped(struct lade_writer *writer, const struct lade_item_style *style, struct lade_slice name);

/* Append the eleven columns YXcstpoguax, as rsync(1) describes under --itemize-changes. */
void lade_itemize_columns(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item);

/* Append the path, of a directory with a slash behind it. */
void lade_itemize_path(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item);

/* Append " -> TARGET" of a symlink, " => LEADER" of a hard link, or nothing. */
void lade_itemize_target(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item);

/* Append columns, a space, path and target. No newline. */
void lade_itemize(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item);

/* True if item is a change that -v names: a deletion, new content, anything about a directory. */
bool lade_itemize_names(const struct lade_msg_item *item);

/* Append what -v prints of an item that it names. No newline. */
void lade_itemize_name(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item);

#endif
