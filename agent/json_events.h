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

/* Each appends one object, without newline. Failures are in writer->error. */
void lade_json_start(struct lade_writer *writer, const char *direction, bool dry_run);
void lade_json_item(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item);
void lade_json_report(struct lade_writer *writer, const struct lade_msg_report *report);

/* An error of the command's own. */
void lade_json_error(struct lade_writer *writer, const char *text);

void lade_json_progress(struct lade_writer *writer, const struct lade_progress_meter *meter);
void lade_json_stats(struct lade_writer *writer, const struct lade_summary *summary);
void lade_json_finish(struct lade_writer *writer, int exit_status, uint64_t errors);

#endif
