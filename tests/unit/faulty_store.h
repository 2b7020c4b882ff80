/*
 * A store that goes wrong where a test wants it to: over a store in a folder, which it does not harm but by what it is told to.
 *
 * A disk has the folder and knows what no barrier has covered yet; several stores, one for each client, may be on it. For tests only; aborts without memory.
 */
#ifndef LADE_TESTS_UNIT_FAULTY_STORE_H
#define LADE_TESTS_UNIT_FAULTY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/store.h"

struct faulty_disk;

/* What becomes of an operation. */
enum faulty_kind {
	FAULTY_ERROR,     /* it is not done, and says so; what follows is fine */
	FAULTY_LATE,      /* it is done, and says that it went wrong */
	FAULTY_SHORT,     /* a get ends too early, a put stops halfway; others as FAULTY_ERROR */
	FAULTY_DEAD,      /* it is not done, nor is anything that follows: the client or the connection is dead */
	FAULTY_DEAD_LATE, /* it is done, and nothing that follows */
};

/* The operations, for faulty_store_operation(). A put counts when it is finished. */
enum faulty_operation { FAULTY_PUT, FAULTY_GET, FAULTY_LIST, FAULTY_RENAME, FAULTY_REMOVE, FAULTY_BARRIER, FAULTY_OPERATIONS };

/* The folder at path, all of which is behind a barrier. */
struct faulty_disk *faulty_disk_new(const char *path);

/* Free it, after all its stores. The folder stays. */
void faulty_disk_free(struct faulty_disk *disk);

/*
 * Lose power: of each object that was put, renamed or deleted since the last barrier, whoever made that, chance (seed) decides whether it is as it is now, or as it was then, or, if it was put, torn. All stores
 * of the disk are dead after that. Another seed is another chance; the ones below are none.
 */
#define FAULTY_LOSE_ALL UINT64_C(0)      /* all is as it was at the barrier */
#define FAULTY_LOSE_PUTS UINT64_MAX      /* what was put is lost, what was renamed or deleted stays so */
#define FAULTY_LOSE_OTHERS (UINT64_MAX - 1) /* the other way round */
#define FAULTY_LOSE_ONE(k) (UINT64_MAX - 2 - (k)) /* only the k-th thing that changed is lost, k from 0 to 9 */
void faulty_disk_lose_power(struct faulty_disk *disk, uint64_t seed);

/* A store on the disk. lade_store_close() closes it. */
struct lade_store *faulty_store_new(struct faulty_disk *disk);

/* Have its number-th operation from now on go wrong; the first one is 1. 0: none. */
void faulty_store_break(struct lade_store *store, unsigned number, enum faulty_kind kind);

/* Call something before its number-th operation from now on: what others do at that moment. 0: nothing. */
void faulty_store_at(struct lade_store *store, unsigned number, void (*call)(void *context), void *context);

/* From now on refuse what a daemon refuses to a writer: to rename to anywhere but in sessions/, and to delete what says that a session is committed. */
void faulty_store_restrict(struct lade_store *store);

/* How many operations there were since the last of these: faulty_store_new(), _break(), _at(). */
unsigned faulty_store_count(const struct lade_store *store);

/* True if what faulty_store_break() said has happened. */
bool faulty_store_broke(const struct lade_store *store);

/* How many operations of a kind there were since faulty_store_new(). */
unsigned faulty_store_operation(const struct lade_store *store, enum faulty_operation operation);

#endif
