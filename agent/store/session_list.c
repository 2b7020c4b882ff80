/*
 * A list of sessions/ put in order: objects by session, then by kind, then by number, so that what belongs together stands together.
 *
 * A list is not one moment: what is renamed while it is made may be in it under both names, or under neither. States follow each other one way only, and so the later one is true; a session without any
 * may be one that is being renamed, and nobody may take it for ended.
 */
#include "agent/store/session_list.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"

#define SESSIONS "sessions/"

static int compare_ids(const struct lade_session_id *a, const struct lade_session_id *b)
{
	return memcmp(a, b, sizeof(*a));
}

static int compare_items(const void *a, const void *b)
{
	const struct lade_object_name *x = &((const struct lade_object_item *)a)->name, *y = &((const struct lade_object_item *)b)->name;
	const int order = compare_ids(&x->session, &y->session);

	if (order)
		return order;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

static void advance(struct lade_session *session, enum lade_session_state state, const struct lade_object_item *lease)
{
	if (state <= session->state)
		return;
	session->state = state;
	session->lease = lease;
	session->time = lease->name.time;
}

/* One more object of a session; they come in order. */
static void take_item(struct lade_session *session, const struct lade_object_item *item)
{
	switch (item->name.kind) {
	case LADE_NAME_ACTIVE:
		advance(session, LADE_SESSION_ACTIVE, item);
		break;
	case LADE_NAME_COMMITTED:
		advance(session, LADE_SESSION_COMMITTED, item);
		break;
	case LADE_NAME_FENCED:
		advance(session, LADE_SESSION_FENCED, item);
		break;
	case LADE_NAME_BEAT:
		session->beat = item->name.number;
		break;
	case LADE_NAME_SESSION_TABLE:
		session->tables = session->tables ? session->tables : item;
		session->table_count++;
		break;
	case LADE_NAME_LATER_REFS:
		session->later_refs = session->later_refs ? session->later_refs : item;
		session->later_refs_count++;
		break;
	case LADE_NAME_SESSION_REFS:
		session->refs = item;
		break;
	case LADE_NAME_SESSION_SNAPSHOT:
		session->snapshot = item;
		break;
	default:
		session->gone = item;
		break;
	}
}

static int gather(struct lade_session_list *list, struct lade_fault *fault)
{
	const struct lade_object_item *items = list->objects.items;

	if (!list->objects.count)
		return 0;
	qsort(list->objects.items, list->objects.count, sizeof(*items), compare_items);
	for (size_t i = 0; i < list->objects.count; i++)
		list->count += i == 0 || compare_ids(&items[i].name.session, &items[i - 1].name.session) != 0;
	list->sessions = calloc(list->count, sizeof(*list->sessions));
	if (!list->sessions)
		return lade_fault_set(fault, LADE_E_MEMORY, "list", SESSIONS);
	for (size_t i = 0, at = 0; i < list->objects.count; i++) {
		at += i != 0 && compare_ids(&items[i].name.session, &items[i - 1].name.session) != 0;
		list->sessions[at].id = items[i].name.session;
		take_item(&list->sessions[at], &items[i]);
	}
	return 0;
}

static int get(struct lade_store *store, const char *prefix, struct lade_session_list *list, struct lade_fault *fault)
{
	int error;

	memset(list, 0, sizeof(*list));
	error = lade_object_list_get(store, prefix, &list->objects, fault);
	if (!error)
		error = gather(list, fault);
	if (error)
		lade_session_list_fini(list);
	return error;
}

int lade_session_list_get(struct lade_store *store, struct lade_session_list *list_out, struct lade_fault *fault)
{
	return get(store, SESSIONS, list_out, fault);
}

/* "sessions/<id>.", with which the names of all its objects begin. */
static void make_prefix(const struct lade_session_id *id, char out[LADE_OBJECT_NAME_MAX + 1])
{
	const struct lade_object_name name = lade_session_name(id, LADE_NAME_ACTIVE, 0);

	lade_object_name_format(&name, out);
	*(strrchr(out, '.') + 1) = '\0';
}

int lade_session_list_get_one(struct lade_store *store, const struct lade_session_id *id, struct lade_session_list *list_out, struct lade_fault *fault)
{
	char prefix[LADE_OBJECT_NAME_MAX + 1];

	make_prefix(id, prefix);
	return get(store, prefix, list_out, fault);
}

void lade_session_list_fini(struct lade_session_list *list)
{
	lade_object_list_fini(&list->objects);
	free(list->sessions);
	memset(list, 0, sizeof(*list));
}

const struct lade_session *lade_session_list_find(const struct lade_session_list *list, const struct lade_session_id *id)
{
	for (size_t i = 0; i < list->count; i++) {
		if (compare_ids(&list->sessions[i].id, id) == 0)
			return &list->sessions[i];
	}
	return NULL;
}

static bool is_end(enum lade_name_kind kind)
{
	return kind == LADE_NAME_COMMITTED || kind == LADE_NAME_FENCED;
}

int lade_session_remove(struct lade_store *store, const struct lade_session_id *id, struct lade_fault *fault)
{
	struct lade_session_list list;
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_session_list_get_one(store, id, &list, fault);

	for (unsigned pass = 0; pass < 2 && !error; pass++) {
		for (size_t i = 0; i < list.objects.count && !error; i++) {
			if (is_end(list.objects.items[i].name.kind) != (pass == 1))
				continue;
			lade_object_name_format(&list.objects.items[i].name, name);
			error = lade_store_remove(store, name, fault);
		}
	}
	lade_session_list_fini(&list);
	return error;
}

struct lade_object_name lade_session_name(const struct lade_session_id *id, enum lade_name_kind kind, uint64_t number_or_time)
{
	struct lade_object_name name = { .kind = kind, .session = *id };

	if (kind == LADE_NAME_COMMITTED)
		name.time = number_or_time;
	else
		name.number = number_or_time;
	return name;
}

int lade_session_rename(struct lade_store *store, const struct lade_object_name *from, const struct lade_object_name *to, struct lade_fault *fault)
{
	char old_name[LADE_OBJECT_NAME_MAX + 1], new_name[LADE_OBJECT_NAME_MAX + 1];

	lade_object_name_format(from, old_name);
	lade_object_name_format(to, new_name);
	return lade_store_rename(store, old_name, new_name, fault);
}
