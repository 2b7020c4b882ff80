/*
 * What happens in a session as JSON objects: the lines of --json. The man page says what each member means.
 */
#ifndef LADE_AGENT_JSON_EVENTS_H
#define LADE_AGENT_JSON_EVENTS_H

#include <stdbool.h>

#include "agent/itemize.h"
#include "agent/json.h"
#include "agent/progress.h"
#include "agent/summary.h"

/*
 * "start". direction: a word for it. As all here it appends one object, without newline; failures are in writer->error.
 */
void lade_json_start(struct lade_writer *writer, const char *direction, bool dry_run);

/* "item" or "delete": something happened to an entry. style says how its "changes" are written. */
void lade_json_item(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item);

/* "note", "warning" or "error", by the severity of what was reported. */
void lade_json_report(struct lade_writer *writer, const struct lade_msg_report *report);

/* "error": one of the command's own, in text. */
void lade_json_error(struct lade_writer *writer, const char *text);

/* "progress": how far the session is. */
void lade_json_progress(struct lade_writer *writer, const struct lade_progress_meter *meter);

/* "stats": the sums at the end. */
void lade_json_stats(struct lade_writer *writer, const struct lade_summary *summary);

/* "end". exit_status: what the program will return; errors: how many were reported. */
void lade_json_finish(struct lade_writer *writer, int exit_status, uint64_t errors);

#endif
