/*
 * The tables of a repository, read into a map of chunks: which there are, which count, and whom the caller believes. agent/store/FORMAT.md [table], [dedup], [begin].
 */
#ifndef LADE_AGENT_STORE_CHUNK_TABLES_H
#define LADE_AGENT_STORE_CHUNK_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/absent_packs.h"
#include "agent/store/chunk_map.h"
#include "agent/store/repository.h"
#include "agent/store/session_list.h"

/* Tables that the next lookups shall see. */
struct lade_chunk_tables;

/* All is borrowed for the time of the call. */
struct lade_chunk_tables_setup {
	const struct lade_repository *repository;
	const struct lade_absent_packs *absent; /* nothing is found there for deduplication; NULL: none */
	const uint8_t *own;                     /* the id of a writer whose own rows are believed; NULL: there is none */
	/*
	 * Called after the tables that everybody has, to add others by lade_chunk_tables_add(): those of sessions that are resumed. It may be called several times for a load. Returns 0 or what ends it. NULL: there
	 * are no others.
	 */
	int (*more)(void *context, struct lade_chunk_tables *tables, struct lade_fault *fault);
	void (*note)(void *context, const char *text); /* what the user should know; may be NULL */
	void *context;                          /* of both */
};

/*
 * Add the tables of committed sessions and of index/ that the map does not know, and have lookups see them. A table that is damaged, or of an epoch without a key here, or by nobody who is known, is left out and
 * told; so is a cache that cannot be written to, without which it goes on. Returns 0; LADE_E_CHANGED: tables went away again and again, or the cache is damaged however often it is made; LADE_E_MEMORY, LADE_E_SYSTEM, LADE_E_LIMIT, or what else the store says.
 */
int lade_chunk_tables_load(struct lade_chunk_map *map, const struct lade_chunk_tables_setup *setup, struct lade_fault *fault);

/*
 * Add a table of a session, for more(): it counts if that session's writer or manager has signed it. Returns 1: it does; 0: it does not, or is not there any more; or as lade_chunk_tables_load().
 */
int lade_chunk_tables_add(struct lade_chunk_tables *tables, const struct lade_object_item *item, struct lade_fault *fault);

#endif
