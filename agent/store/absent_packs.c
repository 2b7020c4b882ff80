/*
 * [begin] Step 2. To take a pack for absent that is not costs no more than to store its chunks again; to take one for present that is not costs a snapshot. So a tombstone counts whoever has signed it; only
 * a writer has no say in it, as his sessions are the one place where he could put such a list.
 *
 * Sessions are listed before gone/: lists move from there to here.
 *
 * A tombstone that is damaged has to be minded as long as whoever put it may be at work. If no collector is, he has committed, and what he took is in his `.gone` or in gone/, or he deletes nothing. Someone who commits
 * while sessions are listed may be in that list under neither name, but not in the next one as well.
 */
#include "agent/store/absent_packs.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/pack_list.h"
#include "agent/store/session_list.h"
#include "protocol/error.h"

/* What stands in the way when a list does not read. */
#define MAN "see \"Lists that are damaged\" in lade-check(1)"
#define ABOUT_TO_GO "know which packs are about to go (a collection is under way, and its list is damaged; " MAN ")"
#define WENT "know which packs went (a list is damaged; " MAN ")"

/* A list under way. */
struct reading {
	const struct lade_repository *repository;
	struct lade_absent_packs *packs;
	char damaged[LADE_OBJECT_NAME_MAX + 1]; /* a tombstone; empty: there is none */
	int error;                              /* what is wrong with it */
};

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
static int add_named(const struct reading *reading, const struct lade_object_item *item, struct lade_fault *fault)
{
	const struct lade_repository *repository = reading->repository;
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
		error = add_all(reading->packs, &list);
	free(object);
	return error;
}

/* True if it is the object that is bad, and not the store. */
static bool is_bad(int error)
{
	return error == LADE_E_CHANGED || error == LADE_E_VERSION || error == LADE_E_TRUNCATED || error == LADE_E_LIMIT;
}

static int add_directory(struct reading *reading, const char *prefix, struct lade_fault *fault)
{
	struct lade_object_list list = { .items = NULL };
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_object_list_get(reading->repository->store, prefix, &list, fault);

	for (size_t i = 0; i < list.count && !error; i++) {
		error = add_named(reading, &list.items[i], fault);
		if (!error || !is_bad(error)) {
			error = error ? lade_fault_set(fault, error, "read", prefix) : 0;
			continue;
		}
		lade_object_name_format(&list.items[i].name, name);
		if (list.items[i].name.kind != LADE_NAME_TOMBSTONE) {
			lade_fault_set(fault, error, WENT, name);
		} else {
			memcpy(reading->damaged, name, sizeof(name));
			reading->error = error;
			error = 0;
		}
	}
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

/* True if the session may be one of a collector who is at work. One whom nobody knows may be a manager who is new. */
static bool may_collect(const struct lade_repository *repository, const struct lade_session *session)
{
	const struct lade_party *party = lade_trust_find(&repository->trust, session->id.party);

	return (session->state == LADE_SESSION_ACTIVE || session->state == LADE_SESSION_LEFT) && (!party || party->kind != LADE_SAYS_WRITER);
}

static int add_sessions(const struct reading *reading, struct lade_fault *fault)
{
	const struct lade_repository *repository = reading->repository;
	struct lade_session_list list;
	int error = lade_session_list_get(repository->store, &list, fault);

	for (size_t i = 0; i < list.count && !error; i++) {
		/* One that is being renamed may be committed. */
		if (list.sessions[i].gone && list.sessions[i].state != LADE_SESSION_FENCED)
			error = add_of_session(repository, &list.sessions[i], reading->packs, fault);
		if (!error && *reading->damaged && may_collect(repository, &list.sessions[i]))
			error = lade_fault_set(fault, reading->error, ABOUT_TO_GO, reading->damaged);
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
	struct reading reading = { .repository = repository, .packs = packs };
	int error = add_directory(&reading, "tombstones/", fault);

	if (!error)
		error = add_sessions(&reading, fault);
	if (!error && *reading.damaged)
		error = add_sessions(&reading, fault);
	if (!error)
		error = add_directory(&reading, "gone/", fault);
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
