/*
 * A snapshot of one file that has no file: what comes from a pipe (--stdin).
 */
#ifndef LADE_AGENT_BACKUP_STREAM_FILE_H
#define LADE_AGENT_BACKUP_STREAM_FILE_H

#include "agent/backup/scan.h"
#include "agent/backup/tree.h"

/* Where it comes from, and what it is called. */
struct lade_stream_file {
	int fd;           /* read to its end */
	const char *path; /* absolute: directories on the way are made up */
	struct timespec time;
	const struct lade_backup_events *events;
	const atomic_bool *stop; /* reading ends as soon as it can when this becomes true: LADE_E_CANCELLED */
};

/*
 * Put it into a tree, whose root is left then, by the pool of worker, and wait for that. figures_out gets what a scan would have met. Returns 0; LADE_E_USAGE: that is no path of a file; LADE_E_SOURCE: it
 * cannot be read to its end, and then there is nothing to make a snapshot of; LADE_E_CANCELLED; LADE_E_MEMORY or what the store says.
 */
int lade_stream_file_put(const struct lade_stream_file *file, struct lade_tree *tree, struct lade_backup_worker *worker, struct lade_scan_figures *figures_out,
			 struct lade_fault *fault);

#endif
