/*
 * The names of all objects of a repository, made and read: agent/store/FORMAT.md, sections 1 and 8.
 */
#ifndef LADE_AGENT_STORE_OBJECT_NAME_H
#define LADE_AGENT_STORE_OBJECT_NAME_H

#include <stdint.h>

#include "agent/store/object.h"
#include "agent/store/store.h"

#define LADE_SESSION_RANDOM_LEN 16u
#define LADE_SHORT_HASH_LEN 8u /* how much of a SHA-256 tells snapshots apart, and in refs packs */

/* What a name is of. */
enum lade_name_kind {
	LADE_NAME_FORMAT,
	LADE_NAME_TRUST,            /* number, from 1 */
	LADE_NAME_KEY,              /* id */
	LADE_NAME_PACK,             /* hash */
	LADE_NAME_TABLE,            /* number: the level; hash */
	LADE_NAME_SNAPSHOT,         /* snapshot; time: of the commit */
	LADE_NAME_NOTE,             /* snapshot; number, from 1 */
	LADE_NAME_REFS,             /* snapshot; number: the generation, from 0 */
	LADE_NAME_FORGOTTEN,        /* snapshot; time */
	LADE_NAME_ACTIVE,           /* session, and so in all that follow */
	LADE_NAME_BEAT,             /* number, from 1 */
	LADE_NAME_SESSION_TABLE,    /* number, from 1 */
	LADE_NAME_SESSION_REFS,     /* of generation 0 */
	LADE_NAME_SESSION_SNAPSHOT,
	LADE_NAME_LATER_REFS,       /* number, from 1 */
	LADE_NAME_SESSION_GONE,
	LADE_NAME_COMMITTED,        /* time */
	LADE_NAME_FENCED,           /* the last one of a session */
	LADE_NAME_TOMBSTONE,        /* hash */
	LADE_NAME_GONE,             /* hash */
	LADE_NAME_COUNT,
};

/* Which snapshot: <writer>-<n>-<name>. */
struct lade_snapshot_id {
	uint8_t writer[LADE_PARTY_ID_LEN];
	uint64_t number;                    /* from 1 */
	uint8_t hash[LADE_SHORT_HASH_LEN];  /* the first bytes of its SHA-256 */
};

/* Which session: <writer or manager>-<random>. */
struct lade_session_id {
	uint8_t party[LADE_PARTY_ID_LEN];
	uint8_t random[LADE_SESSION_RANDOM_LEN];
};

/* A name, in parts. Those that the kind has not are zeros. */
struct lade_object_name {
	enum lade_name_kind kind;
	uint64_t number;
	uint64_t time;                      /* seconds since 1970 */
	uint8_t hash[LADE_HASH_LEN];
	uint8_t id[16];
	struct lade_snapshot_id snapshot;
	struct lade_session_id session;
};

/*
 * Read a name. Returns 0, or LADE_E_REFUSED: it is not exactly what lade_object_name_format() makes of some parts, and so no object's; nothing is
 * in name_out then.
 */
int lade_object_name_parse(const char *name, struct lade_object_name *name_out);

/* Make a name of its parts, which are such as the kind has. */
void lade_object_name_format(const struct lade_object_name *name, char out[LADE_OBJECT_NAME_MAX + 1]);

#endif
