/*
 * Content of a snapshot as a stream of bytes: a file as it is, or a tree as an archive in the form of tar, as POSIX has it (pax(1)).
 */
#ifndef LADE_AGENT_BACKUP_DUMP_H
#define LADE_AGENT_BACKUP_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backup/chunk_fetch.h"
#include "agent/store/stream_entry.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

struct lade_dump_setup {
	struct lade_stream_source source; /* one chunk */
	/* Many: lade_chunk_fetch_run(), which says what is expected. One call at a time. */
	int (*run)(void *context, const struct lade_chunk_want *wants, size_t count, const struct lade_chunk_fetch_events *events, struct lade_fault *fault);
	void *run_context;
	/* Where it goes: 0, or what ends the dump. */
	int (*write)(void *context, struct lade_slice bytes, struct lade_fault *fault);
	void *write_context;
	/* An archive has no place for it: a socket. Its path is borrowed. */
	void (*left_out)(void *context, const char *path);
	void *left_out_context;
};

/*
 * Write the content of a file. Returns 0; LADE_E_CHANGED: the entry has none that can be read; LADE_E_MEMORY, or what the source and write say. What was written is right as far as it goes.
 */
int lade_dump_file(const struct lade_dump_setup *setup, const struct lade_stream_entry *entry, struct lade_fault *fault);

/*
 * Write an archive of an entry with all that is in it; path is its own, without a slash before it, and what members begin with. Returns as lade_dump_file(): what cannot be read ends it, for an archive cannot
 * say that something is missing.
 */
int lade_dump_tree(const struct lade_dump_setup *setup, const struct lade_stream_entry *entry, const char *path, struct lade_fault *fault);

/* The same of the directory of an encoded recipe, whose members have their own paths: a whole snapshot. */
int lade_dump_root(const struct lade_dump_setup *setup, struct lade_slice recipe, struct lade_fault *fault);

#endif
