/*
 * A store that is reached anew, by another store for the same objects, when the way to it is worn out: a key of TLS is good for so many bytes, and not every kernel can take
 * another one in the middle of a connection.
 *
 * What is begun ends where it began; what comes after the move goes the new way. The old one is left behind a barrier when nothing uses it any more, so a barrier is about all
 * that ended before it, whichever way that went.
 */
#ifndef LADE_AGENT_STORE_STORE_MOVING_H
#define LADE_AGENT_STORE_STORE_MOVING_H

#include "agent/store/store.h"

/* How it is reached. The functions are called by one thread at a time, but any. */
struct lade_store_ways {
	/* True if it is time to look for another way than this store. */
	bool (*is_worn)(void *context, struct lade_store *store);
	/* Find one. Returns 0 with a store that lade_store_close() closes, or what went wrong: then all stays as it is, and it is tried again after a while. */
	int (*reach)(void *context, struct lade_store **store_out, struct lade_fault *fault);
	/* Free the context, with the store. */
	void (*free)(void *context);
	void *context;
};

/*
 * Begin with first. It and the context are consumed, failure or not. Returns 0 with what lade_store_close() closes, or LADE_E_MEMORY. Threads as with those that are reached,
 * which are remote ones (agent/store/store_remote.h): any.
 */
int lade_store_moving_new(struct lade_store *first, const struct lade_store_ways *ways, struct lade_store **store_out, struct lade_fault *fault);

#endif
