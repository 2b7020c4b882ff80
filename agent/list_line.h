/*
 * The lines of a listing: `drwxr-xr-x          4,096 2020/01/01 00:00:00 name`, as rsync(1) writes them.
 */
#ifndef LADE_AGENT_LIST_LINE_H
#define LADE_AGENT_LIST_LINE_H

#include <stdbool.h>

#include "protocol/bytes.h"
#include "protocol/message.h"

/* How it is to look. */
struct lade_list_style {
	unsigned human;    /* enum lade_human: of the size */
	bool show_targets; /* of symlinks */
};

/*
 * Append the line of path, escaped, without a line feed; entry NULL: it was named, but is not there. Times are those of
 * the local time zone. Failures are in writer->error.
 */
void lade_list_line(struct lade_writer *writer, const char *path, const struct lade_msg_entry *entry,
		    const struct lade_list_style *style);

#endif
