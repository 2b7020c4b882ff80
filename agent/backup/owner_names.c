/*
 * Lists in order of numbers, one of users and one of groups, over the table that announces names (agent/tree/identity.h). There are few owners in a tree, and
 * the one that was last is mostly the next.
 */
#include "agent/backup/owner_names.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"

struct owner {
	uint32_t id;
	char *name; /* NULL: it has none */
};

struct owners {
	struct owner *items;
	size_t count, capacity;
};

struct lade_owner_names {
	struct lade_identities *identities;
	struct owners owners[2];
};

int lade_owner_names_new(struct lade_owner_names **names_out)
{
	struct lade_owner_names *names = calloc(1, sizeof(*names));

	if (!names || lade_identities_new(&names->identities)) {
		free(names);
		return LADE_E_MEMORY;
	}
	*names_out = names;
	return 0;
}

void lade_owner_names_free(struct lade_owner_names *names)
{
	if (!names)
		return;
	for (unsigned i = 0; i < 2; i++) {
		for (size_t j = 0; j < names->owners[i].count; j++)
			free(names->owners[i].items[j].name);
		free(names->owners[i].items);
	}
	lade_identities_free(names->identities);
	free(names);
}

/* Where id is, or belongs. */
static size_t place_of(const struct owners *owners, uint32_t id)
{
	size_t low = 0, high = owners->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (owners->items[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int learn(struct lade_owner_names *names, enum lade_identity_kind kind, uint32_t id, size_t at)
{
	struct owners *owners = &names->owners[kind == LADE_IDENTITY_GROUP];
	struct owner *items = lade_grown(owners->items, owners->count, &owners->capacity, sizeof(*items));
	const char *name;
	char *copy = NULL;
	int found;

	if (!items)
		return LADE_E_MEMORY;
	owners->items = items;
	found = lade_identities_announce(names->identities, kind, id, &name);
	if (found > 0) {
		copy = strdup(name);
		if (!copy)
			found = LADE_E_MEMORY;
	}
	if (found < 0)
		return found;
	memmove(items + at + 1, items + at, (owners->count - at) * sizeof(*items));
	items[at] = (struct owner){ .id = id, .name = copy };
	owners->count++;
	return 0;
}

int lade_owner_names_get(struct lade_owner_names *names, enum lade_identity_kind kind, uint32_t id, struct lade_slice *name_out)
{
	const struct owners *owners = &names->owners[kind == LADE_IDENTITY_GROUP];
	const size_t at = place_of(owners, id);
	int error = 0;

	if (at == owners->count || owners->items[at].id != id)
		error = learn(names, kind, id, at);
	if (error)
		return error;
	*name_out = owners->items[at].name ? lade_slice(owners->items[at].name, strlen(owners->items[at].name)) : lade_slice(NULL, 0);
	return 0;
}
