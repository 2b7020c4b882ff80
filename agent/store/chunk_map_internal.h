/*
 * What the files of agent/store/chunk_map share.
 *
 * A run is a file that never changes: rows of some tables, in order of ids. All of it is little-endian:
 *
 *     a page of header      see chunk_map_run.c
 *     pages of the filter   127 blocks of 32 bytes, zeros, and at the page's end its XXH3
 *     pages of rows         85 rows as in FORMAT.md [table], with the pack's number in the run, and the XXH3
 *     records               of tables, names of packs, names of tables that these replace
 */
#ifndef LADE_AGENT_STORE_CHUNK_MAP_INTERNAL_H
#define LADE_AGENT_STORE_CHUNK_MAP_INTERNAL_H

#include <stdatomic.h>
#include <xxhash.h>

#include "agent/store/chunk_map.h"
#include "agent/store/name_table.h"

#define RUN_PAGE_LEN 4096u
#define RUN_HASH_OFF (RUN_PAGE_LEN - 8u)
#define RUN_ROWS_PER_PAGE 85u
#define RUN_BLOCK_LEN 32u
#define RUN_BLOCKS_PER_PAGE 127u
#define RUN_BITS_PER_ROW 10u
#define RUN_TABLE_LEN 96u
#define RUN_NAME_LEN 16u                             /* random bytes */
#define RUN_NAME_SIZE (sizeof("run-") + 2 * RUN_NAME_LEN)
#define RUNS_MAX 4096u

/* What settling found out of a table; bits. */
#define TABLE_THERE 1u
#define TABLE_COUNTS 2u
#define TABLE_BELIEVED 4u
#define PACK_ABSENT 8u /* of packs, which have the bits of their table besides */

/* A table whose rows a run has, or a part of the spool; each has numbers of packs of its own. */
struct map_table {
	struct lade_table_info info;
	uint64_t rows;
	uint32_t pack_first, pack_count;         /* in the run's packs */
	uint32_t replaced_first, replaced_count; /* in its names of replaced tables */
	bool emptied;                            /* it was replaced, and its rows were left out */
	unsigned flags;
};

struct run {
	int fd;
	bool named;                       /* in the cache; else it is gone when it is closed */
	uint8_t name[RUN_NAME_LEN];
	const uint8_t *map;               /* of all of the file; only names and records are looked at there */
	size_t len;
	uint64_t salt;                    /* of its pages' XXH3 */
	uint64_t rows, row_pages, blocks, filter_pages;
	uint8_t *pages;                   /* of the filter and of rows, as far as they were read and are kept; NULL: none are */
	_Atomic unsigned char *page_flags; /* of each of pages */
	struct map_table *tables;
	const uint8_t *packs, *replaced;  /* in the map */
	uint32_t table_count, pack_count, replaced_count;
	uint8_t *pack_flags;              /* pack_count, from settling */
	_Atomic int *debts;               /* table_count: how often a table misled somebody, less how often it did not since; from 0 */
};

/* A table in the spool: names of replaced tables, names of packs, rows, as in FORMAT.md [table], one after the other. */
struct part {
	struct map_table table;
	uint64_t off;
};

/* A pack that lookups know. */
struct pack_ref {
	uint64_t prefix;
	uint32_t run, pack;
};

struct lade_chunk_map {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	int directory;              /* of the cache, or -1 */
	int lock;                   /* a descriptor while this process writes to the cache, or -1 */
	bool foreign;               /* another process has changed the cache since: it is of no use to write to */
	uint8_t *manifest;          /* as it was read or written last, or NULL */
	size_t manifest_len;
	int spool;
	uint64_t spool_len;
	struct run **runs;          /* run_count of run_room */
	size_t run_count, run_room;
	struct part *parts;
	size_t part_count, part_room;
	struct lade_name_table names; /* of all tables */
	struct pack_ref *packs;
	size_t pack_count;
	uint64_t row_count;
	_Atomic bool damaged;
};

/* ---- chunk_map_run.c ---- */

/* The XXH3 of a page that is the number-th of a run's pages, behind the header. */
uint64_t map_page_hash(const uint8_t page[RUN_PAGE_LEN], uint64_t salt, uint64_t number);

/* The first eight bytes of an id as a number, in the order of ids. */
uint64_t map_prefix(const uint8_t id[LADE_CHUNK_ID_LEN]);

/* The block of a filter of so many that an id belongs to: in the order of ids. */
uint64_t map_block(uint64_t prefix, uint64_t blocks);

/* The bits of an id in its block: eight words. */
void map_block_mask(const uint8_t id[LADE_CHUNK_ID_LEN], uint32_t mask_out[8]);

/* Blocks of a filter of so many rows. */
uint64_t map_block_count(uint64_t rows);

/* Bytes of the header of a run, from what it says of itself; hash: XXH3 of its records. */
void map_run_put_header(uint8_t page[RUN_PAGE_LEN], const struct run *run, const uint8_t repository[LADE_REPOSITORY_ID_LEN], uint64_t hash);

/* Bytes of a table's record. */
void map_run_put_table(uint8_t out[RUN_TABLE_LEN], const struct map_table *table);

/*
 * Open the run that fd is; it belongs to the run then, failure or not. Returns 0; LADE_E_CHANGED: it is damaged, or of something else; LADE_E_MEMORY.
 * The caller frees *run_out with map_run_free().
 */
int map_run_open(int fd, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct run **run_out);

/* Close it. NULL does nothing. */
void map_run_free(struct run *run);

/* Give back the memory of names and records that were looked at. */
void map_run_rest(const struct run *run);

/* Call visit for the rows of an id until it returns something else than 0. Returns that, 0, or LADE_E_CHANGED: a page is damaged. Any thread. */
int map_run_visit(const struct run *run, const uint8_t id[LADE_CHUNK_ID_LEN], int (*visit)(void *context, const struct run *run, const struct lade_table_row *row),
		  void *context);

/* ---- chunk_map_cache.c ---- */

/* Read the manifest, and open the runs that are good. Returns 0 or LADE_E_MEMORY. */
int map_cache_load(struct lade_chunk_map *map);

/*
 * Make the file of a run, in the cache if this process may write to it; named_out and name_out say what became of it. Returns a descriptor, or -1
 * with errno.
 */
int map_cache_new_run(struct lade_chunk_map *map, bool *named_out, uint8_t name_out[RUN_NAME_LEN]);

/* Remove a run's file from the cache. */
void map_cache_remove(const struct lade_chunk_map *map, const uint8_t name[RUN_NAME_LEN]);

/* A nameless file, near the cache if there is one. Returns a descriptor, or -1 with errno. */
int map_cache_new_file(const struct lade_chunk_map *map);

/*
 * Have the cache consist of the runs that the map has now, if this process may write to it, and let others write. A failure costs the cache and
 * nothing else.
 */
void map_cache_publish(struct lade_chunk_map *map);

/* Have it consist of nothing. */
void map_cache_forget(struct lade_chunk_map *map);

/* ---- chunk_map_write.c ---- */

/* A part of a file that is written from its beginning to its end. */
struct run_out {
	uint64_t off;
	size_t len;
	uint8_t *buffer;
};

/* A run that is being made; zeros, but for the counts of rows, tables, packs and replaced tables in `run`. */
struct run_writer {
	struct lade_chunk_map *map;
	struct lade_fault *fault;
	struct run run;           /* what its header says, and its file */
	struct run_out row_out, filter_out, record_out;
	uint8_t row_page[RUN_PAGE_LEN], filter_page[RUN_PAGE_LEN];
	unsigned row_count;       /* in row_page */
	uint64_t filter_number;   /* of filter_page */
	uint64_t row_number;      /* of row_page */
	XXH3_state_t *hash;       /* of records */
};

/* Make its file. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM; in any case it ends by map_writer_end(). */
int map_writer_begin(struct run_writer *writer, struct lade_chunk_map *map, struct lade_fault *fault);

/* The next row, in order of ids, with its number of the pack; prefix: map_prefix() of the id. No more come than were counted. Returns 0 or LADE_E_SYSTEM. */
int map_writer_row(struct run_writer *writer, const uint8_t row[LADE_TABLE_ROW_LEN], uint64_t prefix);

/* Bytes of records: all tables, then names of packs, then names of replaced tables. Returns 0 or LADE_E_SYSTEM. */
int map_writer_record(struct run_writer *writer, const void *bytes, size_t len);

/* All has come: end the file and open it. Returns 0 with the run, which the caller frees with map_run_free(); LADE_E_SYSTEM, LADE_E_MEMORY, LADE_E_CHANGED. */
int map_writer_finish(struct run_writer *writer, struct run **run_out);

/* Free what it has, and the file if it was not finished. */
void map_writer_end(struct run_writer *writer);

/* ---- chunk_map_merge.c ---- */

/*
 * Make one run of the parts, and of runs that are not much longer or mostly dead. settled: the tables' flags say what is left out (of tables that are
 * not there all, of those that do not count the rows); else all is kept. Returns 0, LADE_E_CHANGED (a run is damaged), LADE_E_MEMORY, LADE_E_LIMIT,
 * LADE_E_SYSTEM; after a failure all is as it was.
 */
int map_merge(struct lade_chunk_map *map, bool settled, struct lade_fault *fault);

/* Read len bytes of the spool at off. Returns 0 or LADE_E_SYSTEM. */
int map_spool_read(const struct lade_chunk_map *map, void *out, size_t len, uint64_t off, struct lade_fault *fault);

#endif
