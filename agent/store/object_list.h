/*
 * Objects of a store by the parts of their names: lists, and objects that are read as a whole.
 */
#ifndef LADE_AGENT_STORE_OBJECT_LIST_H
#define LADE_AGENT_STORE_OBJECT_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/object_name.h"
#include "agent/store/store.h"

/* An object that a list tells of. */
struct lade_object_item {
	struct lade_object_name name;
	uint64_t len;
};

/* Start with zeros. */
struct lade_object_list {
	struct lade_object_item *items; /* count of room */
	size_t count, room;
};

/*
 * List the objects whose names begin with prefix, in the order of the store; names that are none are left out. list is empty before; lade_object_list_fini() frees what it has then, failure or
 * not. Returns 0, LADE_E_MEMORY or what the store says.
 */
int lade_object_list_get(struct lade_store *store, const char *prefix, struct lade_object_list *list, struct lade_fault *fault);

/* Free what it has; it is empty then. */
void lade_object_list_fini(struct lade_object_list *list);

/*
 * Read an object that a list has told of into *object_out, which the caller frees. limit: what the format allows for it. Returns 0; LADE_E_LIMIT: it has more, and nothing was read;
 * LADE_E_ABSENT, LADE_E_TRUNCATED, LADE_E_MEMORY or what else the store says.
 */
int lade_object_list_read(struct lade_store *store, const struct lade_object_item *item, uint64_t limit, uint8_t **object_out, struct lade_fault *fault);

#endif
