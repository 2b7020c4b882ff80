/*
 * Snapshots: whose, when, what. Some of it is in the clear for who keeps them, all else is sealed: agent/store/FORMAT.md [snapshot].
 */
#ifndef LADE_AGENT_STORE_SNAPSHOT_H
#define LADE_AGENT_STORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/format.h"
#include "agent/store/pack.h"

#define LADE_SNAPSHOT_MAX (16u << 20)

/* Paths, tags and excludes of a snapshot, and tags of a note, at most: where they are takes no more memory than the longest snapshot itself, however short each is. */
#define LADE_SNAPSHOT_TEXTS_MAX (1u << 20)

/* Of LADE_SNAPSHOT_MAX what is left to what nobody knows before the work is done: the root, figures, and some 20,000 tables. */
#define LADE_SNAPSHOT_LATER_MAX (1u << 20)

/* What is in the clear. */
struct lade_snapshot_head {
	struct lade_slice object;             /* all of it, borrowed from who got it */
	enum lade_suite suite;
	uint32_t epoch;
	uint8_t writer[LADE_PARTY_ID_LEN];    /* who signed it */
	uint64_t number;                      /* from 1 */
	uint8_t before[LADE_HASH_LEN];        /* SHA-256 of the writer's snapshot before; zeros for the first, and for no other */
	uint64_t sealed_time;                 /* when it was sealed, by the writer's clock, seconds since 1970 */
	uint64_t time;                        /* of its content */
	uint8_t refs[LADE_HASH_LEN];          /* SHA-256 of its refs of generation 0 */
	const uint8_t *tables;                /* SHA-256 of the tables that its session has put, LADE_HASH_LEN bytes each, table_count of them in order; borrowed */
	uint32_t table_count;
	struct lade_slice sealed;             /* the description */
};

struct lade_snapshot_moment {
	int64_t seconds;      /* since 1970 */
	uint32_t nanoseconds;
};

/* What a backup has found and done. */
struct lade_snapshot_figures {
	uint64_t files, directories, others; /* others: neither */
	uint64_t bytes;                      /* of content in all */
	uint64_t bytes_new;                  /* ... that was not there before */
	uint64_t bytes_stored;               /* what was added to the store for it */
	uint64_t errors;
};

/* Which snapshot this one was made from. */
struct lade_snapshot_origin {
	uint8_t repository[LADE_REPOSITORY_ID_LEN];
	uint8_t snapshot[LADE_HASH_LEN];
	uint8_t writer[LADE_PARTY_ID_LEN];
	uint64_t time;
};

/* Some of them in order. */
struct lade_snapshot_texts {
	struct lade_slice *texts; /* count of them */
	size_t count;
};

/*
 * What is sealed. Texts are any bytes; one whose data is NULL is not there. Of what is has_ only if that is true.
 */
struct lade_snapshot_description {
	struct lade_slice root;  /* recipe of the stream of entries that are the paths; always there */
	struct lade_slice host, user, program, job;
	struct lade_snapshot_texts paths, tags, excludes;
	bool has_times, has_figures, has_parent, has_origin;
	struct lade_snapshot_moment begin, end;
	struct lade_snapshot_figures figures;
	uint8_t parent[LADE_HASH_LEN];  /* SHA-256 of the snapshot that it was compared with */
	struct lade_snapshot_origin origin;
	uint8_t *bytes;                 /* what all slices are in that lade_snapshot_open() has got, else NULL */
};

/*
 * Before the work is done that a snapshot is to be made of: whether its texts fit, in number and in length. Returns 0, or LADE_E_LIMIT: there are more than
 * LADE_SNAPSHOT_TEXTS_MAX, or less than LADE_SNAPSHOT_LATER_MAX bytes would be left beside them.
 */
int lade_snapshot_check_texts(const struct lade_snapshot_description *description);

/*
 * Append a snapshot to an empty writer. setup: suite, epoch with its public key, repository, and the writer's id, that of seed; of head number,
 * before, both times, refs and tables count. Returns 0, LADE_E_MEMORY, LADE_E_REFUSED (the epoch's key is none), LADE_E_UNSUPPORTED (no such
 * suite); LADE_E_LIMIT: it would be above LADE_SNAPSHOT_MAX or LADE_SNAPSHOT_TEXTS_MAX, or what the writer may hold; LADE_E_USAGE: number and before do not go together,
 * tables are not in order, there is no root, or a second has too many nanoseconds.
 */
int lade_snapshot_put(struct lade_writer *writer, const struct lade_pack_setup *setup, const struct lade_snapshot_head *head,
		      const struct lade_snapshot_description *description, const uint8_t seed[LADE_SIGN_SEED_LEN]);

/*
 * Look at a snapshot of len bytes of the repository that format is of; *head_out borrows it. Returns 0; LADE_E_CHANGED: it is none; LADE_E_VERSION.
 * Nothing is verified, nor that its name says the same.
 */
int lade_snapshot_get_head(const uint8_t *object, size_t len, const struct lade_format *format, struct lade_snapshot_head *head_out);

/* Verify the writer's signature. Returns 0; LADE_E_CHANGED: it is not by that key; LADE_E_MEMORY. */
int lade_snapshot_verify(const struct lade_snapshot_head *head, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN]);

/*
 * Open the description of a snapshot that lade_snapshot_get_head() has got, by the keys of its epoch to read. Returns 0 with what
 * lade_snapshot_description_fini() frees; LADE_E_CHANGED: it is not sealed for them, or is none; LADE_E_MEMORY.
 */
int lade_snapshot_open(const struct lade_snapshot_head *head, const struct lade_pack_keys *keys, struct lade_snapshot_description *description_out);

/* Free what was opened. */
void lade_snapshot_description_fini(struct lade_snapshot_description *description);

#endif
