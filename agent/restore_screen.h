/*
 * What `lade restore` says: a bar on a terminal, problems, names with -v, and what came of it; or all of it as JSON lines in the words of restic(1).
 */
#ifndef LADE_AGENT_RESTORE_SCREEN_H
#define LADE_AGENT_RESTORE_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/backup/restore.h"
#include "agent/complaint.h"

struct lade_restore_screen_settings {
	bool json, quiet, dry_run;
	unsigned verbose;        /* 1: sums where nobody looks; 2: names of what changed; 3: all names */
	uint64_t files, bytes;   /* that there will be; 0: that is not known */
};

struct lade_restore_screen;

/* Make it; settings are copied. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_restore_screen_free(). */
int lade_restore_screen_new(const struct lade_restore_screen_settings *settings, struct lade_restore_screen **screen_out);

/* Free it. NULL does nothing. */
void lade_restore_screen_free(struct lade_restore_screen *screen);

/* What a restore calls; borrowed. */
const struct lade_restore_events *lade_restore_screen_events(struct lade_restore_screen *screen);

/* Whose figures progress is of; borrowed until it is set again; NULL: nobody's. */
void lade_restore_screen_use(struct lade_restore_screen *screen, struct lade_restore *restore);

/* The end: what came of it. */
void lade_restore_screen_finish(struct lade_restore_screen *screen, const struct lade_restore_figures *figures);

/* What ended it instead. */
void lade_restore_screen_fail(struct lade_restore_screen *screen, const struct lade_complaint *complaint);

#endif
