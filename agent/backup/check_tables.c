/*
 * [table] Every table is read whole, into a map that is made for this alone: what a cache says of tables is nothing that a check could go by.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_internal.h"
#include "protocol/grow.h"

/* Where a table is: in index/, or in a session. */
static int add_table(struct check *check, const struct lade_object_item *item, struct lade_table_info *info_out)
{
	const bool published = item->name.kind == LADE_NAME_TABLE;
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_fault fault = { .code = 0 };
	const struct lade_table_source source = {
		.store = check->store,
		.object = name,
		.len = item->len,
		.name = published ? item->name.hash : NULL,
		.level = published ? (int)item->name.number : -1,
		.encrypted = check->repository->format.encrypted,
		.trust = &check->repository->trust,
		.keyring = &check->repository->keyring,
	};
	int error;

	lade_object_name_format(&item->name, name);
	error = lade_chunk_map_add(check->map, &source, info_out, &fault);
	if (!error || error == LADE_E_MEMORY)
		return error;
	if (error == LADE_E_ABSENT)
		check_tell(check, LADE_CHECK_NOTE, name, "went away while it was to be checked");
	else
		check_tell_damage(check, &item->name, error);
	return error;
}

static int take_table(struct check *check, const struct lade_object_item *item)
{
	struct lade_table_info info = { .level = 0 };
	struct check_table *tables;
	int error = add_table(check, item, &info);

	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	tables = lade_grown(check->tables, check->table_count, &check->table_room, sizeof(*tables));
	if (!tables)
		return LADE_E_MEMORY;
	check->tables = tables;
	memcpy(tables[check->table_count++].name, info.name, LADE_HASH_LEN);
	check->figures.tables++;
	return 0;
}

/* A manager's tables replace others, unless he was revoked; whose rows are believed is of no matter here. */
static unsigned judge(void *context, const struct lade_table_info *info)
{
	const struct check *check = context;
	const struct lade_party *party = lade_trust_find(&check->repository->trust, info->signer);

	return party && party->kind == LADE_SAYS_MANAGER && !party->revoked ? LADE_TABLE_REPLACES : 0;
}

static int by_name(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

/* Have the map know which tables there are. */
static int settle(struct check *check, struct lade_fault *fault)
{
	uint8_t(*names)[LADE_HASH_LEN] = calloc(check->table_count + 1, sizeof(*names));
	struct lade_chunk_map_view view = { .tables = (const uint8_t(*)[LADE_HASH_LEN])names, .judge = judge, .context = check };
	int error;

	if (!names)
		return lade_fault_set(fault, LADE_E_MEMORY, "check tables", NULL);
	for (size_t i = 0; i < check->table_count; i++)
		memcpy(names[i], check->tables[i].name, LADE_HASH_LEN);
	qsort(names, check->table_count, sizeof(*names), by_name);
	/* One that is in a session and in index/ was published meanwhile. */
	for (size_t i = 0; i < check->table_count; i++) {
		if (!view.table_count || memcmp(names[view.table_count - 1], names[i], sizeof(*names)) != 0)
			memmove(names[view.table_count++], names[i], sizeof(*names));
	}
	error = lade_chunk_map_settle(check->map, &view, fault);
	free(names);
	return error;
}

int check_tables(struct check *check, struct lade_fault *fault)
{
	const struct lade_chunk_map_setup setup = { .directory = -1, .repository = check->repository->format.repository };
	int error = lade_chunk_map_open(&setup, &check->map, fault);

	for (size_t i = 0; i < check->objects.count && !error && check_goes_on(check); i++) {
		const struct lade_object_item *item = &check->objects.items[i];

		/* Those of sessions that are under way, or ended otherwise, count for nobody else. */
		if (item->name.kind == LADE_NAME_TABLE || (item->name.kind == LADE_NAME_SESSION_TABLE && check_is_committed(check, &item->name.session)))
			error = take_table(check, item);
	}
	if (error == LADE_E_MEMORY)
		return lade_fault_set(fault, error, "check tables", NULL);
	return error ? error : settle(check, fault);
}
