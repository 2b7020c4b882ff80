/*
 * The walk over what a backup is asked for: which entries there are, whoever looks at them.
 */
#ifndef LADE_AGENT_BACKUP_SCAN_WALK_H
#define LADE_AGENT_BACKUP_SCAN_WALK_H

#include "agent/backup/mark.h"
#include "agent/backup/scan.h"
#include "agent/tree/walk.h"

/* The caller's storage. */
struct lade_scan_walk {
	struct lade_walk *walk;
	struct lade_directories *directories;
	struct lade_filter_scope *scope;
	struct lade_walk_source source;
};

/* Begin it; setup is borrowed. Returns 0, LADE_E_MEMORY or what opening "/" says; lade_scan_walk_fini() in either case. */
int lade_scan_walk_init(struct lade_scan_walk *walk, const struct lade_scan_setup *setup, struct lade_fault *fault);

/* Free what it has. */
void lade_scan_walk_fini(struct lade_scan_walk *walk);

/* Which directories are left out for what is in them. */
struct lade_mark_wish lade_scan_marks(const struct lade_scan_setup *setup);

/* True if a file is left out for its size. */
bool lade_scan_too_large(const struct lade_scan_setup *setup, const struct stat *st);

#endif
