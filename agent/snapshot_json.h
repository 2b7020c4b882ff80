/*
 * A snapshot as members of a JSON object, in the words of restic(1).
 */
#ifndef LADE_AGENT_SNAPSHOT_JSON_H
#define LADE_AGENT_SNAPSHOT_JSON_H

#include "agent/json.h"
#include "agent/store/snapshot_list.h"

/* Digits of a short id. */
#define LADE_SNAPSHOT_SHORT_LEN 8u

/* Add the members to an object that was begun; its id and short id come first. Failures are in writer->error. */
void lade_snapshot_json(struct lade_writer *writer, const struct lade_snapshot_item *item);

#endif
