/*
 * A list is taken as a whole before anything is done with it, as the store may not be used while it is listing.
 */
#include "agent/store/object_list.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/grow.h"

/* A list under way. */
struct listing {
	struct lade_object_list *list;
	const char *prefix;
};

/* What a store tells that was not asked for is no part of the list. */
static int take(void *context, const struct lade_store_object *object)
{
	const struct listing *listing = context;
	struct lade_object_list *list = listing->list;
	struct lade_object_item item = { .len = object->len }, *items;

	if (strncmp(object->name, listing->prefix, strlen(listing->prefix)) != 0 || lade_object_name_parse(object->name, &item.name))
		return 0;
	items = lade_grown(list->items, list->count, &list->room, sizeof(*items));
	if (!items)
		return LADE_E_MEMORY;
	list->items = items;
	items[list->count++] = item;
	return 0;
}

int lade_object_list_get(struct lade_store *store, const char *prefix, struct lade_object_list *list, struct lade_fault *fault)
{
	struct listing listing = { .list = list, .prefix = prefix };
	int error = lade_store_list(store, prefix, take, &listing, fault);

	return error == LADE_E_MEMORY ? lade_fault_set(fault, error, "list", prefix) : error;
}

void lade_object_list_fini(struct lade_object_list *list)
{
	free(list->items);
	*list = (struct lade_object_list){ .items = NULL };
}

int lade_object_list_read(struct lade_store *store, const struct lade_object_item *item, uint64_t limit, uint8_t **object_out, struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	uint8_t *object;
	int error;

	lade_object_name_format(&item->name, name);
	if (item->len > limit)
		return lade_fault_set(fault, LADE_E_LIMIT, "read", name);
	object = malloc(item->len ? (size_t)item->len : 1);
	if (!object)
		return lade_fault_set(fault, LADE_E_MEMORY, "read", name);
	error = lade_store_get(store, name, 0, (size_t)item->len, object, fault);
	if (error) {
		free(object);
		return error;
	}
	*object_out = object;
	return 0;
}
