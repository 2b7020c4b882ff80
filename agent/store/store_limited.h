/*
 * A store with a limit on how many bytes of objects go there, and come from there, in a second. Lists and names do not count.
 */
#ifndef LADE_AGENT_STORE_STORE_LIMITED_H
#define LADE_AGENT_STORE_STORE_LIMITED_H

#include "agent/store/store.h"

/*
 * Put limits on inner, which is consumed, failure or not, and closed with the store: bytes a second, 0 for none, of what is put and of what is got. Returns 0 with what
 * lade_store_close() closes, or LADE_E_MEMORY. Threads as with inner.
 */
int lade_store_limited_new(struct lade_store *inner, uint64_t upload, uint64_t download, struct lade_store **store_out, struct lade_fault *fault);

#endif
