/*
 * A store in memory that records what is done to it, so that each state in which a loss of power can leave it can be made: what no barrier had covered is there, or not, or in part.
 *
 * For tests only; aborts without memory.
 */
#ifndef LADE_TESTS_UNIT_RECORDED_STORE_H
#define LADE_TESTS_UNIT_RECORDED_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/store/store.h"

/* What the store has, and what was done. */
struct recording;

/* An empty one. The caller frees it. */
struct recording *recording_new(void);

/* Free it, after all stores on it, and after all that were made of it. NULL does nothing. */
void recording_free(struct recording *recording);

/* A store on it; several may be. lade_store_close() closes it. */
struct lade_store *recording_store(struct recording *recording);

/* All that there is has always been there: what was done is forgotten. */
void recording_start(struct recording *recording);

/* How many puts, renames, deletions and barriers there were since. */
size_t recording_count(const struct recording *recording);

/* What becomes of one of them. */
enum recording_fate {
	RECORDING_KEPT,
	RECORDING_LOST,  /* it was not done */
	RECORDING_TORN,  /* of a put: half of the bytes are there; as KEPT for others */
	RECORDING_EMPTY, /* ... none of them */
};

/* True if the loss of power that comes after so many operations may take the index-th of them (from 0): no barrier is behind it, nor is it one. */
bool recording_is_open(const struct recording *recording, size_t count, size_t index);

/* True if it is a put. */
bool recording_is_put(const struct recording *recording, size_t index);

/* The name that it was about, for people; "" for a barrier. Borrowed. */
const char *recording_name(const struct recording *recording, size_t index);

/*
 * The state after so many operations, each with its fate; fates has as many, and those of operations that are not open are RECORDING_KEPT. It is a recording of its own, which the caller frees.
 */
struct recording *recording_crash(const struct recording *recording, size_t count, const enum recording_fate *fates);

#endif
