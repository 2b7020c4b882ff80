/*
 * Buffers for what is read of large files. The chunks in one go to several threads; the last that is done with it gives it back, to be used again: fresh memory
 * costs a fault for each page. Any thread.
 */
#ifndef LADE_AGENT_BACKUP_SLAB_H
#define LADE_AGENT_BACKUP_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct lade_slabs;

struct lade_slab {
	struct lade_slabs *slabs;
	struct lade_slab *next; /* of those that nobody uses */
	unsigned uses;
	uint8_t data[];
};

/* Make a stock of slabs of len bytes each, without any yet. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_slabs_free(). */
int lade_slabs_new(size_t len, struct lade_slabs **slabs_out);

/* Free it and its slabs, none of which is in use. NULL does nothing. */
void lade_slabs_free(struct lade_slabs *slabs);

/* Take one, in use once. NULL without memory. */
struct lade_slab *lade_slab_take(struct lade_slabs *slabs);

/* One use more. */
void lade_slab_use(struct lade_slab *slab);

/* One use less; with the last one it goes back. NULL does nothing. */
void lade_slab_release(struct lade_slab *slab);

#endif
