/*
 * A limit on how many bytes move in a second: a bucket that fills at the rate. Whoever wants to move bytes takes as many as it
 * grants, and waits as long as it says, so that what is moved is cut into small pieces with pauses between them.
 *
 * One bucket may serve several threads, and, as its memory is shared, processes that are forked after it was made.
 */
#ifndef LADE_TRANSPORT_THROTTLE_H
#define LADE_TRANSPORT_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

struct lade_throttle;

/*
 * Make a bucket that grants rate bytes a second, at least 1. Returns 0, or LADE_E_MEMORY. The caller frees
 * *throttle_out with lade_throttle_free(), in each process that has it.
 */
int lade_throttle_new(uint64_t rate, struct lade_throttle **throttle_out);

/* This process no longer uses the bucket; others may. NULL does nothing. */
void lade_throttle_free(struct lade_throttle *throttle);

/*
 * Wait until some of len bytes, which are not 0, may move. Returns how many: from 1 to len. NULL grants all of them at once, as
 * does a bucket that was lifted. Any thread.
 */
size_t lade_throttle_take(struct lade_throttle *throttle, size_t len);

/* Take all of len bytes, in as many waits as it needs. */
void lade_throttle_take_all(struct lade_throttle *throttle, uint64_t len);

/* Bytes that were taken and did not move. */
void lade_throttle_give_back(struct lade_throttle *throttle, size_t len);

/* There is no limit any more: whoever waits goes on within a fraction of a second. Last words are not to wait. NULL does nothing. */
void lade_throttle_lift(struct lade_throttle *throttle);

/* Bytes that are granted at once at most. Any thread. */
size_t lade_throttle_piece(const struct lade_throttle *throttle);

/*
 * What lade_throttle_take() is made of, without its clock: grant len bytes, at most a piece, which shall move at now_ns (of a clock that
 * never goes back) or as soon after it as they may. Returns the nanoseconds that must pass before. Any thread.
 */
int64_t lade_throttle_reserve(struct lade_throttle *throttle, size_t len, int64_t now_ns);

#endif
