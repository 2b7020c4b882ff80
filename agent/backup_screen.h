/*
 * What `lade backup` says: a bar on a terminal, problems, and what came of it at the end; or all of it as JSON lines in the words of restic(1).
 *
 * Where nobody watches, and all is well, it says nothing.
 */
#ifndef LADE_AGENT_BACKUP_SCREEN_H
#define LADE_AGENT_BACKUP_SCREEN_H

#include "agent/backup/backup.h"
#include "agent/backup/estimate.h"
#include "agent/backup_options.h"

struct lade_backup_screen;

/* Make it; options are borrowed. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_backup_screen_free(). */
int lade_backup_screen_new(const struct lade_backup_options *options, struct lade_backup_screen **screen_out);

/* Free it. NULL does nothing. */
void lade_backup_screen_free(struct lade_backup_screen *screen);

/* What a backup calls; borrowed. */
const struct lade_backup_events *lade_backup_screen_events(struct lade_backup_screen *screen);

/* True if how far it is will be shown, so that an estimate is of use. */
bool lade_backup_screen_shows_progress(const struct lade_backup_screen *screen);

/* From now on progress counts by an estimate; NULL: none. Borrowed until it is set again. */
void lade_backup_screen_use(struct lade_backup_screen *screen, struct lade_estimate *estimate);

/* Say something about the repository: for struct lade_backup_setup.note; context is the screen. */
void lade_backup_screen_note(void *context, const char *text);

/* The end: what came of it, and the problems once more if there were many lines behind them. */
void lade_backup_screen_finish(struct lade_backup_screen *screen, const struct lade_backup_result *result);

/* What ended it instead. */
void lade_backup_screen_fail(struct lade_backup_screen *screen, const struct lade_complaint *complaint);

#endif
