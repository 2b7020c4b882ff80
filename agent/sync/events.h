/*
 * What a session tells the side with the user: reports, itemized changes, progress.
 *
 * The engine never prints. On the user's side these functions do; on the other side
 * the session turns them into REPORT and ITEM messages. They are called from several
 * threads at once, one call at a time (the session holds its event lock), and must
 * not call back into the session.
 */
#ifndef LADE_AGENT_SYNC_EVENTS_H
#define LADE_AGENT_SYNC_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

/* Where a session stands; every number only grows. */
struct lade_progress {
	uint64_t entries;       /* entries seen so far */
	uint64_t files;         /* files whose content is to be transferred, so far */
	uint64_t files_done;    /* of these, finished */
	uint64_t bytes;         /* content bytes to be transferred, so far */
	uint64_t bytes_done;    /* of these, transferred */
	bool scanned;           /* the source has been walked to its end: files and bytes are final */
};

struct lade_events {
	void *context;
	/* Something to tell, see enum lade_severity; message and its slices are borrowed for the call. */
	void (*report)(void *context, const struct lade_msg_report *report);
	/* A change made (or, with -n, that would be made), see enum lade_item; borrowed for the call. */
	void (*item)(void *context, const struct lade_msg_item *item);
	/* Where the session stands, before each item; for those who count beside them. May be NULL. */
	void (*stands)(void *context, const struct lade_progress *progress);
	/*
	 * A listing's next line: something of the sources; entry NULL: it was named, but is not there. Borrowed for the call.
	 * May be NULL where nothing is listed.
	 */
	void (*listed)(void *context, const char *path, const struct lade_msg_entry *entry);
	/* About five times a second, from the thread that called lade_sync_*; last is true for the final call. May be NULL. */
	void (*progress)(void *context, const struct lade_progress *progress, bool last);
};

#endif
