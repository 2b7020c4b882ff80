/*
 * Entries that outlive what they point to.
 */
#ifndef LADE_AGENT_BACKUP_ENTRY_COPY_H
#define LADE_AGENT_BACKUP_ENTRY_COPY_H

#include "agent/store/stream_entry.h"

/* Bytes of all that an entry points to. Any thread. */
size_t lade_entry_copy_len(const struct lade_stream_entry *entry);

/*
 * Copy an entry; what it points to goes to room, which has lade_entry_copy_len() bytes, is the caller's, and is borrowed by the copy. Any thread.
 */
void lade_entry_copy(const struct lade_stream_entry *entry, uint8_t *room, struct lade_stream_entry *copy_out);

#endif
