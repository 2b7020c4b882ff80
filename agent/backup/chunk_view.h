/*
 * What a repository has, for a backup that stores nothing: the chunks that a session begun now would find, without a session.
 */
#ifndef LADE_AGENT_BACKUP_CHUNK_VIEW_H
#define LADE_AGENT_BACKUP_CHUNK_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/chunk_id.h"
#include "agent/store/repository.h"

struct lade_chunk_view;

/* What is looked at; all is borrowed until the view is closed. */
struct lade_chunk_view_setup {
	const struct lade_repository *repository;
	int cache_fd;                                  /* directory of the private cache of this repository (tables), or -1 */
	void (*note)(void *context, const char *text); /* what the user should know, that a table is left out say; may be NULL. Only during lade_chunk_view_open() */
	void *context;
};

/*
 * Read which chunks there are. Nothing is put into the store, renamed or removed. Returns 0 with what lade_chunk_view_close() frees; LADE_E_CHANGED: what says which packs are absent is damaged; LADE_E_MEMORY,
 * LADE_E_SYSTEM, or what else the store says.
 */
int lade_chunk_view_open(const struct lade_chunk_view_setup *setup, struct lade_chunk_view **view_out, struct lade_fault *fault);

/* True if the repository has a chunk, in the pack that it says. context is the view. Any thread. */
bool lade_chunk_view_find(void *context, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, uint8_t pack_out[LADE_HASH_LEN]);

/* Free it. NULL does nothing. */
void lade_chunk_view_close(struct lade_chunk_view *view);

#endif
