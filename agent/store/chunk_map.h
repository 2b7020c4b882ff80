/*
 * Where each chunk of a repository is: what its tables say, in files that lookups read a few pages of, so that memory does not grow with the
 * repository.
 *
 * The files are a private cache in a directory that the caller gives, or nameless ones below $TMPDIR (else /var/tmp). They are disposable: what is
 * damaged, of another version or of another repository is forgotten, and made again from tables. Processes may share a directory: one that cannot
 * write to it at the moment uses nameless files.
 *
 * How it is used: for each table that is there and that lade_chunk_map_has() does not know, lade_chunk_map_add(); then lade_chunk_map_settle(), and
 * all again if that says LADE_E_AGAIN; then lookups, by any number of threads. Later tables can be added in the same way, while nobody looks up.
 */
#ifndef LADE_AGENT_STORE_CHUNK_MAP_H
#define LADE_AGENT_STORE_CHUNK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/table.h"

struct lade_chunk_map;

struct lade_chunk_map_setup {
	int directory;             /* an open directory of the cache, of nobody else's files, borrowed until the map is closed; -1: nothing is kept */
	const uint8_t *repository; /* LADE_REPOSITORY_ID_LEN bytes */
};

/* Where a chunk is. */
struct lade_chunk_place {
	uint8_t pack[LADE_HASH_LEN];
	struct lade_pack_row row;
	uint32_t run, table; /* who says so, for lade_chunk_map_judge(), until the next lade_chunk_map_settle() */
};

/* What lade_chunk_map_view's judge says of a table; bits. */
#define LADE_TABLE_BELIEVED 1u /* its rows are good for deduplication: FORMAT.md [dedup] */
#define LADE_TABLE_REPLACES 2u /* the tables that it replaces do not count: a manager who is not revoked signed it */

/* Which tables and packs there are; all borrowed for the time of the call. */
struct lade_chunk_map_view {
	const uint8_t (*tables)[LADE_HASH_LEN]; /* names of tables that are there, in order; others are ignored */
	size_t table_count;
	const uint8_t (*absent)[LADE_HASH_LEN]; /* packs that are in a tombstone, or gone, in order */
	size_t absent_count;
	unsigned (*judge)(void *context, const struct lade_table_info *info);
	void *context;
};

/*
 * Open a map, with what is good of the cache. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM (there is no place for nameless files either). The caller
 * closes *map_out with lade_chunk_map_close().
 */
int lade_chunk_map_open(const struct lade_chunk_map_setup *setup, struct lade_chunk_map **map_out, struct lade_fault *fault);

/*
 * Go on without the cache, where that cannot be written to: the map is empty then, and its files are elsewhere. Returns 1; 0: it has none, and nothing is done; LADE_E_MEMORY; LADE_E_SYSTEM: there is no place for nameless files either.
 */
int lade_chunk_map_leave_cache(struct lade_chunk_map *map, struct lade_fault *fault);

/* Close it. What was not settled is lost. NULL does nothing. */
void lade_chunk_map_close(struct lade_chunk_map *map);

/* True if it knows a table, so that this need not be added. */
bool lade_chunk_map_has(const struct lade_chunk_map *map, const uint8_t table[LADE_HASH_LEN]);

/*
 * Read a table into the map; nothing of it is in there after a failure. One that it has is not added again. info_out gets what it says of itself (its
 * name at least, if that was known before and the map has it); NULL: of no interest. Returns as lade_table_read(), or LADE_E_SYSTEM (no room for the
 * files, say), LADE_E_LIMIT (more than 2^32 packs).
 */
int lade_chunk_map_add(struct lade_chunk_map *map, const struct lade_table_source *source, struct lade_table_info *info_out, struct lade_fault *fault);

/*
 * Have lookups see all tables that were added, as far as they are there and not replaced. Returns 0; LADE_E_AGAIN: what the map had was damaged, or
 * is not enough any more, and it is empty now: tables are to be added again (its second time in a row is a fault of the disk); LADE_E_MEMORY,
 * LADE_E_SYSTEM. After a failure there is nothing to look up.
 */
int lade_chunk_map_settle(struct lade_chunk_map *map, const struct lade_chunk_map_view *view, struct lade_fault *fault);

/*
 * Find a chunk for deduplication: the first row of a table that counts and is believed, in a pack that is not absent. False: there is none, or what
 * the cache says of it is damaged: see lade_chunk_map_damaged(). Any thread, after lade_chunk_map_settle().
 */
bool lade_chunk_map_find(const struct lade_chunk_map *map, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind,
			 struct lade_chunk_place *place_out);

/* What is looked for in lade_chunk_map_visit(), and who is told. */
struct lade_chunk_map_visit {
	const uint8_t *id; /* LADE_CHUNK_ID_LEN bytes */
	enum lade_chunk_kind kind;
	/* Called for each place, which is borrowed for the time of the call, until it returns something else than 0. */
	int (*visit)(void *context, const struct lade_chunk_place *place);
	void *context;
};

/*
 * Visit all places of a chunk in tables that count, for reading: nobody need be believed, and packs that are absent may still be there. Those of tables that misled who went by them come last; when a table does so
 * during a visit, a place may be visited twice. Returns 0,
 * what visit returned, or LADE_E_CHANGED if the cache is damaged, so that places may be missing: the next lade_chunk_map_settle() makes it again. Any
 * thread.
 */
int lade_chunk_map_visit(const struct lade_chunk_map *map, const struct lade_chunk_map_visit *visit);

/* Say of a place that lade_chunk_map_visit() showed whether the chunk was there: others of the same table go by it. Any thread. */
void lade_chunk_map_judge(const struct lade_chunk_map *map, const struct lade_chunk_place *place, bool there);

/* True if a lookup met damage. The next lade_chunk_map_settle() says LADE_E_AGAIN then; lade_chunk_map_close() forgets the cache. Any thread. */
bool lade_chunk_map_damaged(const struct lade_chunk_map *map);

/* True if some table that counts names a pack, and that is not absent. Any thread. */
bool lade_chunk_map_has_pack(const struct lade_chunk_map *map, const uint8_t pack[LADE_HASH_LEN]);

/* How many rows tables that count have: a chunk in two packs has two. */
uint64_t lade_chunk_map_count(const struct lade_chunk_map *map);

/* How many packs lade_chunk_map_has_pack() knows. */
size_t lade_chunk_map_pack_count(const struct lade_chunk_map *map);

/* The name of one of them, 0 to lade_chunk_map_pack_count() - 1, in order. Borrowed until the next lade_chunk_map_settle(). */
const uint8_t *lade_chunk_map_pack(const struct lade_chunk_map *map, size_t number);

#endif
