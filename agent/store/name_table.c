/*
 * Open addressing, at most half full; where a name belongs is said by agent/store/place_hash.h.
 */
#include "agent/store/name_table.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"
#include "protocol/grow.h"

#define SLOTS_LEAST 64u
#define COUNT_MAX (UINT32_C(1) << 30)

void lade_name_table_fini(struct lade_name_table *table)
{
	free(table->names);
	free(table->slots);
	*table = (struct lade_name_table){ .names = NULL };
}

/* The slot that has a name, or in which it belongs. There are slots. */
static uint32_t *slot_of(const struct lade_name_table *table, const uint8_t name[LADE_HASH_LEN])
{
	uint32_t at = (uint32_t)lade_place_hash(&table->key, name, LADE_HASH_LEN) & table->mask;

	while (table->slots[at] && memcmp(table->names[table->slots[at] - 1], name, LADE_HASH_LEN) != 0)
		at = (at + 1) & table->mask;
	return &table->slots[at];
}

/* Have slots for one name more. */
static int make_slots(struct lade_name_table *table)
{
	uint32_t *slots, wanted = SLOTS_LEAST;

	if (table->count >= COUNT_MAX)
		return LADE_E_LIMIT;
	if (table->slots && 2 * (table->count + 1) <= table->mask + 1)
		return 0;
	while (wanted < 4 * (uint64_t)(table->count + 1) && wanted <= COUNT_MAX)
		wanted *= 2;
	slots = calloc(wanted, sizeof(*slots));
	if (!slots)
		return LADE_E_MEMORY;
	free(table->slots);
	table->slots = slots;
	table->mask = wanted - 1;
	lade_place_key_make(&table->key);
	for (uint32_t i = 0; i < table->count; i++)
		*slot_of(table, table->names[i]) = i + 1;
	return 0;
}

int lade_name_table_add(struct lade_name_table *table, const uint8_t name[LADE_HASH_LEN], uint32_t *number_out)
{
	int error = make_slots(table);
	uint8_t (*names)[LADE_HASH_LEN];
	uint32_t *slot;

	if (error)
		return error;
	slot = slot_of(table, name);
	if (!*slot) {
		names = lade_grown(table->names, table->count, &table->room, sizeof(*names));
		if (!names)
			return LADE_E_MEMORY;
		table->names = names;
		memcpy(names[table->count], name, LADE_HASH_LEN);
		*slot = ++table->count;
	}
	if (number_out)
		*number_out = *slot - 1;
	return 0;
}

bool lade_name_table_has(const struct lade_name_table *table, const uint8_t name[LADE_HASH_LEN])
{
	return table->slots && *slot_of(table, name);
}

static int compare(const void *a, const void *b, void *names)
{
	const uint8_t (*all)[LADE_HASH_LEN] = names;

	return memcmp(all[*(const uint32_t *)a], all[*(const uint32_t *)b], LADE_HASH_LEN);
}

int lade_name_table_sort(struct lade_name_table *table, uint32_t **to_out)
{
	uint32_t *order = calloc(table->count + (size_t)1, sizeof(*order)), *to = calloc(table->count + (size_t)1, sizeof(*to));
	uint8_t (*names)[LADE_HASH_LEN] = calloc(table->count + (size_t)1, sizeof(*names));

	if (!order || !to || !names) {
		free(order);
		free(to);
		free(names);
		return LADE_E_MEMORY;
	}
	for (uint32_t i = 0; i < table->count; i++)
		order[i] = i;
	if (table->count)
		qsort_r(order, table->count, sizeof(*order), compare, table->names);
	for (uint32_t i = 0; i < table->count; i++) {
		to[order[i]] = i;
		memcpy(names[i], table->names[order[i]], LADE_HASH_LEN);
	}
	free(order);
	free(table->names);
	table->names = names;
	table->room = table->count + (size_t)1;
	/* Slots have the old numbers: they are made again by who adds a name. */
	free(table->slots);
	table->slots = NULL;
	*to_out = to;
	return 0;
}
