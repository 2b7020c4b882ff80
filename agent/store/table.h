/*
 * Tables: where chunks are. agent/store/FORMAT.md [table]. One is sealed segment by segment on its way to the store, and opened the same way: neither
 * side holds the object.
 */
#ifndef LADE_AGENT_STORE_TABLE_H
#define LADE_AGENT_STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/keyring.h"
#include "agent/store/pack.h"
#include "agent/store/trust.h"

#define LADE_TABLE_LEN_MAX 1073741824u
#define LADE_TABLE_ROWS_MAX 16777216u
#define LADE_TABLE_ROWS_MAX_0 1048576u /* of level 0 */
#define LADE_TABLE_PACKS_MAX 16777216u
#define LADE_TABLE_HEADER_LEN 104u
#define LADE_TABLE_ROW_LEN 48u
#define LADE_TABLE_SEGMENT_LEN 65536u
#define LADE_TABLE_WORDS "lade table"
#define LADE_TABLE_NAME_SIZE (sizeof("index/255/") + 2 * LADE_HASH_LEN)

/* What a table says of itself. */
struct lade_table_info {
	uint8_t name[LADE_HASH_LEN];
	uint32_t epoch;
	uint8_t level;
	bool opened;                        /* whoever signed it has opened all chunks in it */
	uint8_t signer[LADE_PARTY_ID_LEN];
	uint8_t owner[LADE_PARTY_ID_LEN];   /* the writer whose rows these are; zeros: several, or it is not known */
};

/* A row of a table. */
struct lade_table_row {
	uint32_t pack;            /* its number in the table's packs */
	struct lade_pack_row row;
};

/* True if there can be a chunk in a pack as the row says. */
bool lade_table_row_ok(const struct lade_pack_row *row);

/* Less than 0, 0 or more: by ids, then by packs. */
int lade_table_row_compare(const struct lade_table_row *a, const struct lade_table_row *b);

/* A row as it stands in a table, to and from bytes. */
void lade_table_row_put(uint8_t out[LADE_TABLE_ROW_LEN], const struct lade_table_row *row);

/* The other way round; what is got may be impossible. */
void lade_table_row_get(const uint8_t bytes[LADE_TABLE_ROW_LEN], struct lade_table_row *row_out);

/* "index/LEVEL/NAME". */
void lade_table_object_name(uint8_t level, const uint8_t name[LADE_HASH_LEN], char out[LADE_TABLE_NAME_SIZE]);

/* ---- writing ---- */

/* Where a table goes, whose it is, and what seals and signs it; all borrowed for the time of the call. */
struct lade_table_setup {
	struct lade_store *store;
	const char *object;           /* the name under which it is put */
	enum lade_suite suite;
	const uint8_t *repository;    /* LADE_REPOSITORY_ID_LEN bytes */
	const uint8_t *index_secret;  /* LADE_SEAL_KEY_LEN bytes, of the epoch; of no matter in a plain repository, but not NULL */
	const uint8_t *seed;          /* LADE_SIGN_SEED_LEN bytes, of who signs */
	struct lade_table_info info;  /* but for its name */
};

/* What is in it. */
struct lade_table_content {
	const uint8_t (*replaced)[LADE_HASH_LEN]; /* tables, in order; level 0: none */
	uint32_t replaced_count;
	const uint8_t (*packs)[LADE_HASH_LEN];    /* in order */
	uint32_t pack_count;
	uint64_t row_count;
	/* Called row_count times for the next row, in order. Returns 0 or what went wrong. */
	int (*next)(void *context, struct lade_table_row *row_out, struct lade_fault *fault);
	void *context;
};

/*
 * Make a table and put it. name_out gets its SHA-256. Returns 0; LADE_E_LIMIT: more rows than a table of this level may have; LADE_E_REFUSED: they,
 * or the packs or the replaced tables, are not in order, or cannot be; LADE_E_MEMORY; or what next or the store says. Nothing is stored after a
 * failure (but see lade_store_put()).
 */
int lade_table_write(const struct lade_table_setup *setup, const struct lade_table_content *content, uint8_t name_out[LADE_HASH_LEN],
		     struct lade_fault *fault);

/* Collects rows in any order for a table of level 0; in some 50 MiB at most; for one thread at a time. */
struct lade_table_builder;

/* Make one. Returns 0 or LADE_E_MEMORY. The caller frees *builder_out with lade_table_builder_free(). */
int lade_table_builder_new(struct lade_table_builder **builder_out);

/* Free it. NULL does nothing. */
void lade_table_builder_free(struct lade_table_builder *builder);

/* Add a row of a pack. Returns 0, LADE_E_LIMIT (it has LADE_TABLE_ROWS_MAX_0 rows), LADE_E_REFUSED (there can be no such row) or LADE_E_MEMORY. */
int lade_table_builder_add(struct lade_table_builder *builder, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *row);

/* How many rows it has. */
uint32_t lade_table_builder_count(const struct lade_table_builder *builder);

/*
 * Make the table (a chunk that was added twice for one pack stands in it once) and put it, as lade_table_write(); its level has to be 0. The builder
 * is empty after that, and can be used again; after a failure it has what it had.
 */
int lade_table_builder_write(struct lade_table_builder *builder, const struct lade_table_setup *setup, uint8_t name_out[LADE_HASH_LEN],
			     struct lade_fault *fault);

/* ---- reading ---- */

/* A table that is there, and what is known of it; all borrowed for the time of the call. */
struct lade_table_source {
	struct lade_store *store;
	const char *object;
	uint64_t len;                         /* of the object */
	const uint8_t *name;                  /* LADE_HASH_LEN bytes: what its SHA-256 has to be; NULL: anything */
	int level;                            /* what its level has to be; -1: any */
	bool encrypted;                       /* whether the repository is */
	const struct lade_trust *trust;       /* whose tables are good */
	const struct lade_keyring *keyring;   /* has index secrets; of no matter in a plain repository */
};

/*
 * Who takes what a table says, in the order of these. All of it is provisional: unless lade_table_read() returns 0 it is worth nothing. Each returns
 * 0, or what lade_table_read() is to return at once. What they get is borrowed for the time of the call.
 */
struct lade_table_sink {
	int (*replaces)(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault);
	int (*pack)(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault);
	int (*row)(void *context, const struct lade_table_row *row, struct lade_fault *fault);
	void *context;
};

/*
 * Read a table. info_out gets what it says of itself. Returns 0; LADE_E_CHANGED: it was damaged, or makes no sense; LADE_E_VERSION; LADE_E_LIMIT: it
 * is longer than a table may be; LADE_E_REFUSED: the root says nothing of who signed it; LADE_E_UNSUPPORTED: there is no key of its epoch;
 * LADE_E_MEMORY; or what the sink or the store says. Takes some 2 MiB of memory.
 */
int lade_table_read(const struct lade_table_source *source, const struct lade_table_sink *sink, struct lade_table_info *info_out,
		    struct lade_fault *fault);

/* ---- both, for table*.c ---- */

/* A key at work on a table. */
struct lade_table_seal {
	struct lade_seal *seal;
	struct lade_seal_context context; /* its data is that below; its number the next segment's */
	uint8_t data[LADE_REPOSITORY_ID_LEN + 5u];
};

/* Prepare it for the table of that header; seals: to seal it, else to open it. Returns 0 or LADE_E_MEMORY; the caller frees table->seal in any case. */
int lade_table_seal_start(struct lade_table_seal *table, const uint8_t header[LADE_TABLE_HEADER_LEN], const uint8_t index_secret[LADE_SEAL_KEY_LEN],
			  bool seals);

/* Go to the next segment, which is the last one or not. */
void lade_table_seal_next(struct lade_table_seal *table, uint64_t number, bool last);

#endif
