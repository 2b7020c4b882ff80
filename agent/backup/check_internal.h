/*
 * What the files of agent/backup/check share.
 */
#ifndef LADE_AGENT_BACKUP_CHECK_INTERNAL_H
#define LADE_AGENT_BACKUP_CHECK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/backup/check.h"
#include "agent/backup/chunk_fetch.h"
#include "agent/backup/key_set.h"
#include "agent/store/chunk_map.h"
#include "agent/store/object_list.h"
#include "agent/store/refs.h"
#include "agent/store/snapshot.h"

/* What is known of a pack; bits. */
#define PACK_NAMED_BY_REFS 1u
#define PACK_NAMED_BY_TABLE 2u
#define PACK_TO_READ 4u
#define PACK_READ 8u   /* every byte of it was read: its chunks that are whole are among the good ones */

/* A pack that is there. */
struct check_pack {
	uint8_t name[LADE_HASH_LEN];
	uint64_t len;
	unsigned flags;
};

/* A table that is there, in index/ or in a committed session. */
struct check_table {
	uint8_t name[LADE_HASH_LEN];
};

/* A snapshot that is there, in snapshots/ or in a committed session. */
struct check_snapshot {
	char object[LADE_OBJECT_NAME_MAX + 1];
	char short_id[2 * LADE_SHORT_HASH_LEN + 1];
	struct lade_snapshot_id id;
	uint8_t hash[LADE_HASH_LEN], before[LADE_HASH_LEN], refs[LADE_HASH_LEN];
	bool good;            /* signed, and what follows is known */
	uint8_t *root;        /* the recipe of its tree, or NULL */
	size_t root_len;
	uint8_t *packs;       /* LADE_SHORT_HASH_LEN bytes of each pack that its refs name, pack_count of them in order: of the highest generation that is good */
	size_t pack_count;
	uint32_t generation;
	bool has_refs;        /* some are good */
};

/* A snapshot that was forgotten. */
struct check_forgotten {
	struct lade_snapshot_id id;
	uint8_t hash[LADE_HASH_LEN], before[LADE_HASH_LEN];
	bool by_manager;      /* who is not revoked has signed it */
	bool there;           /* it has not been removed yet, and is good: a part of its writer's chain */
};

struct check {
	const struct lade_check_setup *setup;
	struct lade_repository *repository; /* NULL: without keys */
	struct lade_store *store;
	pthread_mutex_t lock;               /* of figures, and of what is told */
	struct lade_check_figures figures;
	_Atomic bool stops;                 /* progress() said so */
	struct lade_object_list objects;    /* all but packs, sorted as they were listed: sessions first */
	struct check_pack *packs;           /* in order of names; pack_count of pack_room */
	size_t pack_count, pack_room;
	struct check_table *tables;
	size_t table_count, table_room;
	struct check_snapshot *snapshots;
	size_t snapshot_count, snapshot_room;
	struct check_forgotten *forgotten;
	size_t forgotten_count, forgotten_room;
	uint8_t (*absent)[LADE_HASH_LEN];   /* packs in tombstones/ and gone/, absent_count of absent_room; in order, once all are there */
	size_t absent_count, absent_room;
	struct lade_chunk_map *map;
	struct lade_chunk_fetch *fetch;
	struct lade_key_set *good, *bad;    /* ids of chunks that were opened, and could not be, where packs are read */
};

/* ---- check.c ---- */

/* Start a check of a store; setup is borrowed. */
void check_init(struct check *check, struct lade_store *store, const struct lade_check_setup *setup);

/* Free what it has, and say how far it came. */
void check_fini(struct check *check, struct lade_check_figures *figures_out);

/* Tell of a finding in an object; problem is a sentence's end ("is missing"), as printf(3) makes it. Any thread. */
__attribute__((format(printf, 4, 5))) void check_tell(struct check *check, enum lade_check_severity severity, const char *object, const char *problem, ...);

/* The same of what hurts a snapshot, there a path or, if that is NULL, all of it. */
void check_tell_hurt(struct check *check, const struct check_snapshot *snapshot, const char *path, const char *object, const char *problem);

/* Tell how far it is. False: it is to end. Any thread. */
bool check_goes_on(struct check *check);

/* What an error of reading an object says of it, as a sentence's end. */
const char *check_problem(int error);

/* Tell what an error of reading an object says of it: an error, or a note if it is of a session that is not committed, for such a one a loss of power may leave in any state, and nothing that counts is in it. */
void check_tell_damage(struct check *check, const struct lade_object_name *name, int error);

/* Read a whole object. Returns as lade_object_list_read(); the fault is the caller's business only if it is LADE_E_MEMORY. *len_out: its bytes. */
int check_read(struct check *check, const struct lade_object_item *item, uint64_t limit, struct lade_slice *object_out);

/* A pack by its name, or NULL. */
struct check_pack *check_find_pack(const struct check *check, const uint8_t name[LADE_HASH_LEN]);

/* Run work(context) on as many threads as setup says, and wait for them. */
void check_together(struct check *check, void (*work)(void *context), void *context);

/* ---- check_list.c ---- */

/* List all objects; names that are none are told. Returns 0, LADE_E_MEMORY or what the store says. */
int check_list(struct check *check, struct lade_fault *fault);

/* Free what lists have. */
void check_list_free(struct check *check);

/* Choose which packs are to be read. */
void check_choose_packs(struct check *check);

/* ---- check_objects.c: all small objects but snapshots and refs ---- */

/* Returns 0 or LADE_E_MEMORY. */
int check_objects(struct check *check);

/* ---- check_snapshots.c: snapshots, their chains, refs and notes ---- */

/* Returns 0 or LADE_E_MEMORY. */
int check_snapshots(struct check *check);

/* True if a session was committed, as the list of sessions has it. */
bool check_is_committed(const struct check *check, const struct lade_session_id *session);

/* ---- check_tables.c ---- */

/* Read all tables into the map. Returns 0, LADE_E_MEMORY, LADE_E_SYSTEM. */
int check_tables(struct check *check, struct lade_fault *fault);

/* ---- check_packs.c ---- */

/* True if a pack is there whose name begins so. Any thread. */
bool check_has_pack(const struct check *check, const uint8_t prefix[LADE_SHORT_HASH_LEN]);

/* Tell of packs that refs or tables name and that are not there, and of those that nobody names. */
void check_named_packs(struct check *check);

/* Look at lengths and ends of packs, and read those that are to be; without keys, all of them, whose SHA-256 are compared with their names. Returns 0 or LADE_E_MEMORY. */
int check_packs(struct check *check, struct lade_fault *fault);

/* ---- check_tree.c ---- */

/* Go through all trees. Returns 0, LADE_E_MEMORY. */
int check_trees(struct check *check, struct lade_fault *fault);

#endif
