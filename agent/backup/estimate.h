/*
 * How much there is to back up: a second walk beside the backup, for people who want to know how long it takes. It reads no file.
 */
#ifndef LADE_AGENT_BACKUP_ESTIMATE_H
#define LADE_AGENT_BACKUP_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/backup/scan.h"

struct lade_estimate;

/* Begin it in a thread of its own. setup is borrowed until it is freed. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_estimate_free(). */
int lade_estimate_start(const struct lade_scan_setup *setup, struct lade_estimate **estimate_out);

/* End it, and free it. NULL does nothing. */
void lade_estimate_free(struct lade_estimate *estimate);

/* What was found so far; true if that is all. NULL: nothing was. Any thread. */
bool lade_estimate_get(struct lade_estimate *estimate, uint64_t *files_out, uint64_t *bytes_out);

#endif
