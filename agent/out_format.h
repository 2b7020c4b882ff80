/*
 * --out-format and --log-file-format: a line for each item, as rsyncd.conf(5) describes under "log format".
 *
 * Escapes: %b %B %c %C %f %G %i %l %L %m %M %n %o %p %t %U %%, between the percent sign and the letter perhaps a width (-: to the
 * left) and apostrophes (as often, the higher the level of --human-readable for a number). Others stay as they are, as with rsync(1): those of
 * a daemon (%a %h %P %u) mean nothing to a client.
 */
#ifndef LADE_AGENT_OUT_FORMAT_H
#define LADE_AGENT_OUT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "agent/itemize.h"

/* What items are part of. Borrowed. */
struct lade_format_session {
	struct lade_item_style style;
	bool push;                 /* this side sends */
	const char *const *sources; /* as the user wrote them, source_count */
	unsigned source_count;
	long pid;
	time_t now;                /* for %t */
};

/* LADE_ITEMS_ bits: what a format needs of items. */
uint64_t lade_format_parts(const char *format);

/* True if the format has the escape %letter. */
bool lade_format_has(const char *format, char letter);

/* Append item in this format, escaped; no newline. Failures are in writer->error. */
void lade_out_format_put(struct lade_writer *writer, const char *format, const struct lade_format_session *session,
		     const struct lade_msg_item *item);

/* Append a local time as YYYY/MM/DD HH:MM:SS, with `between` for the blank; one that has no date as its number. */
void lade_format_time(struct lade_writer *writer, time_t time, char between);

#endif
