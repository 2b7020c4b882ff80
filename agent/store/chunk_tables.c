/*
 * [begin] Step 3, and the same for who only reads. Sessions are listed before index/, as tables move from there to here. A table that index/ had and has no more was replaced: by one that the list may not have, so that
 * all is listed again.
 *
 * A table that is read where it was put, in a committed session, counts there as it would in index/: [publish], step 1.
 */
#include "agent/store/chunk_tables.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/publish.h"
#include "agent/store/signed_snapshot.h"
#include "agent/store/table.h"
#include "protocol/error.h"
#include "protocol/grow.h"

#define TRIES_MAX 8u

struct lade_chunk_tables {
	const struct lade_chunk_tables_setup *setup;
	struct lade_chunk_map *map;
	uint8_t (*names)[LADE_HASH_LEN]; /* of those that are there: count of room */
	size_t count, room;
};

static int take_name(struct lade_chunk_tables *tables, const uint8_t name[LADE_HASH_LEN])
{
	uint8_t(*names)[LADE_HASH_LEN] = lade_grown(tables->names, tables->count, &tables->room, sizeof(*names));

	if (!names)
		return LADE_E_MEMORY;
	tables->names = names;
	memcpy(names[tables->count++], name, sizeof(*names));
	return 0;
}

/* Some tables are not for us, and that is no reason to go without the others. */
static bool may_do_without(int error)
{
	return error == LADE_E_CHANGED || error == LADE_E_VERSION || error == LADE_E_REFUSED || error == LADE_E_UNSUPPORTED || error == LADE_E_LIMIT ||
	       error == LADE_E_TRUNCATED;
}

/* Read a table into the map. Returns 1; 0: it is left out; or what went wrong, LADE_E_ABSENT too. */
static int read_table(struct lade_chunk_tables *tables, const struct lade_object_item *item, struct lade_table_info *info_out, struct lade_fault *fault)
{
	const struct lade_repository *repository = tables->setup->repository;
	const bool published = item->name.kind == LADE_NAME_TABLE;
	char name[LADE_OBJECT_NAME_MAX + 1];
	const struct lade_table_source source = {
		.store = repository->store,
		.object = name,
		.len = item->len,
		.name = published ? item->name.hash : NULL,
		.level = published ? (int)item->name.number : -1,
		.encrypted = repository->format.encrypted,
		.trust = &repository->trust,
		.keyring = &repository->keyring,
	};
	int error;

	lade_object_name_format(&item->name, name);
	error = lade_chunk_map_add(tables->map, &source, info_out, fault);
	if (!may_do_without(error))
		return error ? error : 1;
	lade_publish_tell(tables->setup->note, tables->setup->context, "%s is left out: %s", name, lade_error_text(error));
	return 0;
}

/* ---- tables of sessions ---- */

/* Read one; it counts if it is the session's own, and, where a snapshot is given, that names it. */
static int add_of_session(struct lade_chunk_tables *tables, const struct lade_object_item *item, const struct lade_signed_snapshot *snapshot,
			  struct lade_fault *fault)
{
	struct lade_table_info info;
	int result = read_table(tables, item, &info, fault);

	if (result == LADE_E_ABSENT)
		return 0;
	if (result <= 0)
		return result;
	if (memcmp(info.signer, item->name.session.party, sizeof(info.signer)) != 0 ||
	    (snapshot && (info.level != 0 || !lade_signed_snapshot_names(snapshot, info.name))))
		return 0;
	result = take_name(tables, info.name);
	return result ? lade_fault_set(fault, result, "read tables", NULL) : 1;
}

int lade_chunk_tables_add(struct lade_chunk_tables *tables, const struct lade_object_item *item, struct lade_fault *fault)
{
	return add_of_session(tables, item, NULL, fault);
}

static int add_tables_of(struct lade_chunk_tables *tables, const struct lade_session *session, const struct lade_signed_snapshot *snapshot,
			 struct lade_fault *fault)
{
	int result = 0;

	for (size_t i = 0; i < session->table_count && result >= 0; i++)
		result = add_of_session(tables, &session->tables[i], snapshot, fault);
	return result < 0 ? result : 0;
}

/* A session that is committed and not published: behind a daemon, or as the caller may only read. */
static int add_session(struct lade_chunk_tables *tables, const struct lade_session *session, struct lade_fault *fault)
{
	const struct lade_repository *repository = tables->setup->repository;
	const struct lade_party *party = lade_trust_find(&repository->trust, session->id.party);
	struct lade_signed_snapshot snapshot = { .object = NULL };
	int error;

	if (!party || session->state != LADE_SESSION_COMMITTED || !session->table_count)
		return 0;
	if (party->kind == LADE_SAYS_MANAGER)
		return add_tables_of(tables, session, NULL, fault);
	if (!session->snapshot)
		return 0;
	error = lade_signed_snapshot_read(repository, session->snapshot, &snapshot, fault);
	/* What is void is none, and what has moved on is in index/. */
	if (error == LADE_E_ABSENT || error == LADE_E_CHANGED || error == LADE_E_VERSION || error == LADE_E_AUTH)
		return 0;
	if (!error)
		error = add_tables_of(tables, session, &snapshot, fault);
	lade_signed_snapshot_fini(&snapshot);
	return error;
}

static int add_sessions(struct lade_chunk_tables *tables, struct lade_fault *fault)
{
	struct lade_session_list list;
	int error = lade_session_list_get(tables->setup->repository->store, &list, fault);

	for (size_t i = 0; i < list.count && !error; i++)
		error = add_session(tables, &list.sessions[i], fault);
	lade_session_list_fini(&list);
	return error;
}

/* ---- index/ ---- */

static int add_published(struct lade_chunk_tables *tables, const struct lade_object_item *item, struct lade_fault *fault)
{
	int result = 1;

	if (item->name.kind != LADE_NAME_TABLE)
		return 0;
	if (!lade_chunk_map_has(tables->map, item->name.hash))
		result = read_table(tables, item, NULL, fault);
	if (result == LADE_E_ABSENT)
		return LADE_E_AGAIN;
	if (result > 0 && take_name(tables, item->name.hash))
		return lade_fault_set(fault, LADE_E_MEMORY, "read tables", NULL);
	return result < 0 ? result : 0;
}

static int add_index(struct lade_chunk_tables *tables, struct lade_fault *fault)
{
	struct lade_object_list list = { .items = NULL };
	int error = lade_object_list_get(tables->setup->repository->store, "index/", &list, fault);

	for (size_t i = 0; i < list.count && !error; i++)
		error = add_published(tables, &list.items[i], fault);
	lade_object_list_fini(&list);
	return error;
}

/* ---- whom to believe ---- */

/* [dedup] The three reasons. */
static unsigned judge(void *context, const struct lade_table_info *info)
{
	const struct lade_chunk_tables_setup *setup = context;
	const struct lade_party *party = lade_trust_find(&setup->repository->trust, info->signer);
	unsigned says = 0;

	if (!party || party->revoked)
		return 0;
	if (party->kind == LADE_SAYS_MANAGER)
		says |= LADE_TABLE_REPLACES | (info->opened ? LADE_TABLE_BELIEVED : 0);
	else if (party->flags & LADE_WRITER_BELIEVED)
		says |= LADE_TABLE_BELIEVED;
	if (setup->own && memcmp(info->owner, setup->own, sizeof(info->owner)) == 0)
		says |= LADE_TABLE_BELIEVED;
	return says;
}

static int settle(struct lade_chunk_tables *tables, struct lade_fault *fault)
{
	const struct lade_absent_packs *absent = tables->setup->absent;
	struct lade_chunk_map_view view = { .judge = judge };

	if (tables->count)
		tables->count = lade_object_sort(tables->names[0], tables->count, sizeof(tables->names[0]));
	view.tables = (const uint8_t(*)[LADE_HASH_LEN])tables->names;
	view.table_count = tables->count;
	view.absent = absent ? (const uint8_t(*)[LADE_HASH_LEN])absent->names : NULL;
	view.absent_count = absent ? absent->count : 0;
	/* judge() does not change it. */
	view.context = (void *)(uintptr_t)tables->setup;
	return lade_chunk_map_settle(tables->map, &view, fault);
}

static int load(struct lade_chunk_tables *tables, struct lade_fault *fault)
{
	const struct lade_chunk_tables_setup *setup = tables->setup;
	int error;

	tables->count = 0;
	error = add_sessions(tables, fault);
	if (!error)
		error = add_index(tables, fault);
	if (!error && setup->more)
		error = setup->more(setup->context, tables, fault);
	return error ? error : settle(tables, fault);
}

/* As long as tables come and go meanwhile. */
static int load_often(struct lade_chunk_tables *tables, struct lade_fault *fault)
{
	int error = LADE_E_AGAIN;

	for (unsigned tries = 0; tries < TRIES_MAX && error == LADE_E_AGAIN; tries++)
		error = load(tables, fault);
	return error == LADE_E_AGAIN ? lade_fault_set(fault, LADE_E_CHANGED, "read tables, which are never the same twice, of", "index/") : error;
}

/* A cache that is full, or cannot be written to for another reason, is no reason to have nothing. *error_io is what went wrong, in *fault, and then what became of it. */
static void load_without_cache(struct lade_chunk_tables *tables, int *error_io, struct lade_fault *fault)
{
	const struct lade_chunk_tables_setup *setup = tables->setup;
	const struct lade_fault why = *fault;
	const int left = lade_chunk_map_leave_cache(tables->map, fault);

	if (left < 0)
		*error_io = left;
	if (left <= 0)
		return;
	lade_publish_tell(setup->note, setup->context, "the cache is not used: %s %s: %s", why.operation, why.subject, lade_fault_reason(&why));
	*error_io = load_often(tables, fault);
}

int lade_chunk_tables_load(struct lade_chunk_map *map, const struct lade_chunk_tables_setup *setup, struct lade_fault *fault)
{
	struct lade_chunk_tables tables = { .setup = setup, .map = map };
	struct lade_fault own;
	int error;

	fault = fault ? fault : &own;
	error = load_often(&tables, fault);
	if (error == LADE_E_SYSTEM)
		load_without_cache(&tables, &error, fault);
	free(tables.names);
	return error;
}
