/*
 * A session would say by its lease that nobody may collect what it finds; a view says nothing, so what it found may be gone when the backup is made in earnest. It tells how much that
 * would store, and no more is built on it.
 */
#include "agent/backup/chunk_view.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/absent_packs.h"
#include "agent/store/chunk_map.h"
#include "agent/store/chunk_tables.h"
#include "agent/store/session_list.h"

struct lade_chunk_view {
	struct lade_chunk_view_setup setup;
	struct lade_chunk_map *map;
};

/*
 * What the writer's own sessions have put that are not committed: a backup would take over what was left behind, and what is at work now will be there by then. context is the view.
 */
static int add_own_sessions(void *context, struct lade_chunk_tables *tables, struct lade_fault *fault)
{
	const struct lade_repository *repository = ((const struct lade_chunk_view *)context)->setup.repository;
	struct lade_session_list list;
	int error = lade_session_list_get(repository->store, &list, fault);

	if (error)
		return error;
	for (size_t i = 0; i < list.count && error >= 0; i++) {
		const struct lade_session *session = &list.sessions[i];
		const bool own = session->state == LADE_SESSION_ACTIVE && memcmp(session->id.party, repository->writer.id, sizeof(session->id.party)) == 0;

		for (size_t j = 0; own && j < session->table_count && error >= 0; j++)
			error = lade_chunk_tables_add(tables, &session->tables[j], fault);
	}
	lade_session_list_fini(&list);
	return error < 0 ? error : 0;
}

static void note(void *context, const char *text)
{
	const struct lade_chunk_view *view = context;

	if (view->setup.note)
		view->setup.note(view->setup.context, text);
}

static int load(struct lade_chunk_view *view, struct lade_fault *fault)
{
	const struct lade_repository *repository = view->setup.repository;
	const struct lade_chunk_map_setup map = { .directory = view->setup.cache_fd, .repository = repository->format.repository };
	struct lade_absent_packs absent = { .count = 0 };
	const struct lade_chunk_tables_setup tables = {
		.repository = repository, .absent = &absent, .own = repository->writer.id, .more = add_own_sessions, .note = note, .context = view,
	};
	int error = lade_absent_packs_read(repository, &absent, fault);

	if (!error)
		error = lade_chunk_map_open(&map, &view->map, fault);
	if (!error)
		error = lade_chunk_tables_load(view->map, &tables, fault);
	lade_absent_packs_fini(&absent);
	return error;
}

int lade_chunk_view_open(const struct lade_chunk_view_setup *setup, struct lade_chunk_view **view_out, struct lade_fault *fault)
{
	struct lade_chunk_view *view = calloc(1, sizeof(*view));
	int error;

	if (!view)
		return lade_fault_set(fault, LADE_E_MEMORY, "look at a repository", NULL);
	view->setup = *setup;
	error = load(view, fault);
	if (error) {
		lade_chunk_view_close(view);
		return error;
	}
	*view_out = view;
	return 0;
}

/* [dedup] */
bool lade_chunk_view_find(void *context, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, uint8_t pack_out[LADE_HASH_LEN])
{
	const struct lade_chunk_view *view = context;
	struct lade_chunk_place place;

	if (!lade_chunk_map_find(view->map, id, kind, &place))
		return false;
	memcpy(pack_out, place.pack, sizeof(place.pack));
	return true;
}

void lade_chunk_view_close(struct lade_chunk_view *view)
{
	if (!view)
		return;
	lade_chunk_map_close(view->map);
	free(view);
}
