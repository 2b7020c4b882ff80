/*
 * [begin] Step 2. To take a pack for absent that is not costs no more than to store its chunks again; to take one for present that is not costs a snapshot. So a tombstone counts whoever has signed it; only
 * a writer has no say in it, as his sessions are the one place where he could put such a list.
 *
 * Sessions are listed before gone/: lists move from there to here.
 */
#include "agent/store/absent_packs.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/pack_list.h"
#include "agent/store/session_list.h"
#include "protocol/error.h"

static int add_all(struct lade_absent_packs *packs, const struct lade_pack_list *list)
{
	uint8_t(*names)[LADE_HASH_LEN];
	size_t room = packs->room;

	if (!list->count)
		return 0;
	if (packs->count + list->count > room) {
		room = packs->count + list->count + room / 2;
		names = reallocarray(packs->names, room, sizeof(*names));
		if (!names)
			return LADE_E_MEMORY;
		packs->names = names;
		packs->room = room;
	}
	memcpy(packs->names[packs->count], list->names, list->count * sizeof(*packs->names));
	packs->count += list->count;
	return 0;
}

/* A list in tombstones/ or gone/, whose name is its SHA-256. */
static int add_named(const struct lade_repository *repository, const struct lade_object_item *item, struct lade_absent_packs *packs,
		     struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	uint8_t *object = NULL, hash[LADE_HASH_LEN];
	struct lade_pack_list list;
	int error = lade_object_list_read(repository->store, item, LADE_PACK_LIST_LEN(LADE_PACKS_MAX), &object, fault);

	if (error)
		return error == LADE_E_ABSENT ? 0 : error;
	error = lade_object_hash(object, (size_t)item->len, hash);
	if (!error && memcmp(hash, item->name.hash, sizeof(hash)) != 0)
		error = LADE_E_CHANGED;
	if (!error)
		error = lade_pack_list_get(object, (size_t)item->len, repository->format.repository, &list);
	if (!error)
		error = add_all(packs, &list);
	free(object);
	lade_object_name_format(&item->name, name);
	return error ? lade_fault_set(fault, error, "verify", name) : 0;
}

static int add_directory(const struct lade_repository *repository, const char *prefix, struct lade_absent_packs *packs, struct lade_fault *fault)
{
	struct lade_object_list list = { .items = NULL };
	int error = lade_object_list_get(repository->store, prefix, &list, fault);

	for (size_t i = 0; i < list.count && !error; i++)
		error = add_named(repository, &list.items[i], packs, fault);
	lade_object_list_fini(&list);
	return error;
}

/* True if the list is by whose session it is, as far as that can be known. */
static bool is_his(const struct lade_repository *repository, const struct lade_session *session, const struct lade_pack_list *list)
{
	const struct lade_party *party = lade_trust_find(&repository->trust, session->id.party);

	if (memcmp(&list->session, &session->id, sizeof(session->id)) != 0)
		return false;
	return !party || (party->kind == LADE_SAYS_MANAGER && lade_pack_list_verify(list, party->public_key) == 0);
}

static int add_of_session(const struct lade_repository *repository, const struct lade_session *session, struct lade_absent_packs *packs,
			  struct lade_fault *fault)
{
	uint8_t *object = NULL;
	struct lade_pack_list list;
	int error = lade_object_list_read(repository->store, session->gone, LADE_PACK_LIST_LEN(LADE_PACKS_MAX), &object, fault);

	if (error)
		return error == LADE_E_ABSENT || error == LADE_E_LIMIT ? 0 : error;
	/* One that is none goes with its session. */
	if (lade_pack_list_get(object, (size_t)session->gone->len, repository->format.repository, &list) == 0 && is_his(repository, session, &list))
		error = add_all(packs, &list);
	free(object);
	return error ? lade_fault_set(fault, error, "read", "sessions/") : 0;
}

static int add_sessions(const struct lade_repository *repository, struct lade_absent_packs *packs, struct lade_fault *fault)
{
	struct lade_session_list list;
	int error = lade_session_list_get(repository->store, &list, fault);

	for (size_t i = 0; i < list.count && !error; i++) {
		/* One that is being renamed may be committed. */
		if (list.sessions[i].gone && list.sessions[i].state != LADE_SESSION_FENCED)
			error = add_of_session(repository, &list.sessions[i], packs, fault);
	}
	lade_session_list_fini(&list);
	return error;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

int lade_absent_packs_read(const struct lade_repository *repository, struct lade_absent_packs *packs, struct lade_fault *fault)
{
	int error = add_directory(repository, "tombstones/", packs, fault);

	if (!error)
		error = add_sessions(repository, packs, fault);
	if (!error)
		error = add_directory(repository, "gone/", packs, fault);
	if (packs->count)
		packs->count = lade_object_sort(packs->names[0], packs->count, sizeof(packs->names[0]));
	return error;
}

void lade_absent_packs_fini(struct lade_absent_packs *packs)
{
	free(packs->names);
	*packs = (struct lade_absent_packs){ .names = NULL };
}

bool lade_absent_packs_has(const struct lade_absent_packs *packs, const uint8_t name[LADE_HASH_LEN])
{
	return packs->count && bsearch(name, packs->names, packs->count, sizeof(*packs->names), compare);
}
