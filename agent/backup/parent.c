/*
 * The tables are loaded for this alone, before there is a session, which would use the store at the same time; the cache makes the second load a short one.
 */
#include "agent/backup/parent.h"

#include <string.h>

#include "agent/backup/chunk_fetch.h"
#include "agent/backup/known_parent.h"
#include "agent/store/chunk_tables.h"
#include "agent/store/snapshot_list.h"

/* Of blocks with directories, to be read one after the other. */
#define CACHE_LEN ((size_t)16 << 20)

static bool same_paths(const struct lade_snapshot_texts *a, const struct lade_snapshot_texts *b)
{
	bool same = a->count == b->count;

	for (size_t i = 0; i < a->count && same; i++)
		same = lade_slice_equal(a->texts[i], b->texts[i]);
	return same;
}

/* The newest one; NULL: there is none. */
static const struct lade_snapshot_item *find(const struct lade_parent_wish *wish, const struct lade_snapshot_list *list)
{
	const struct lade_snapshot_filter filter = { .writer = wish->repository->writer.id, .host = wish->description->host };

	for (size_t i = list->count; i > 0; i--) {
		const struct lade_snapshot_item *item = &list->items[i - 1];

		if (item->is_open && lade_snapshot_matches(item, &filter) && same_paths(&item->description.paths, &wish->description->paths))
			return item;
	}
	return NULL;
}

/* True if the writer has made any. */
static bool has_any(const struct lade_parent_wish *wish, const struct lade_snapshot_list *list)
{
	const struct lade_snapshot_filter filter = { .writer = wish->repository->writer.id };
	bool any = false;

	for (size_t i = 0; i < list->count && !any; i++)
		any = lade_snapshot_matches(&list->items[i], &filter);
	return any;
}

static int know(const struct lade_parent_wish *wish, const struct lade_chunk_map *map, const struct lade_snapshot_item *item, struct lade_fault *fault)
{
	const struct lade_chunk_fetch_setup setup = { .repository = wish->repository, .map = map, .threads = 1, .cache_len = CACHE_LEN };
	struct lade_stream_source source = { .get = lade_chunk_fetch_get, .lengths = lade_stream_lengths_of(&wish->repository->format) };
	const struct lade_known_parent parent = {
		.source = &source, .root = item->description.root, .snapshot = item->hash, .directory_fd = wish->directory_fd, .name = wish->name, .setup = wish->setup,
	};
	struct lade_chunk_fetch *fetch;
	int error = lade_chunk_fetch_new(&setup, &fetch, fault);

	if (error)
		return error;
	source.context = fetch;
	error = lade_known_parent_make(&parent, fault);
	lade_chunk_fetch_free(fetch);
	return error;
}

int lade_parent_know(const struct lade_parent_wish *wish, struct lade_fault *fault)
{
	const struct lade_snapshot_list_setup list_setup = { .repository = wish->repository };
	const struct lade_chunk_map_setup map_setup = { .directory = wish->cache_fd, .repository = wish->repository->format.repository };
	const struct lade_chunk_tables_setup tables = { .repository = wish->repository };
	const struct lade_snapshot_item *item;
	struct lade_snapshot_list list;
	struct lade_chunk_map *map = NULL;
	int error;

	error = lade_snapshot_list_get(&list_setup, &list, fault);
	if (error)
		return error;
	item = find(wish, &list);
	/* Who may not read cannot tell which of his own it is. */
	if (!item && !(wish->repository->may & LADE_MAY_READ) && has_any(wish, &list))
		error = lade_fault_set(fault, LADE_E_REFUSED, "read the snapshot before", NULL);
	else if (!item)
		error = lade_fault_set(fault, LADE_E_ABSENT, "find the snapshot before", NULL);
	if (!error)
		error = lade_chunk_map_open(&map_setup, &map, fault);
	if (!error)
		error = lade_chunk_tables_load(map, &tables, fault);
	if (!error)
		error = know(wish, map, item, fault);
	lade_chunk_map_close(map);
	lade_snapshot_list_fini(&list);
	return error;
}
