/*
 * Small objects that stand for themselves: statements, slots, leases, tombstones and lists of what is gone, what was forgotten. Each is read, its form and its signature are verified, and that it is what its name says.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_internal.h"
#include "agent/store/forgotten.h"
#include "agent/store/lease.h"
#include "agent/store/pack_list.h"
#include "agent/store/session_list.h"
#include "protocol/grow.h"

/* The longest list of packs: LADE_PACKS_MAX of them. */
#define PACK_LIST_MAX LADE_PACK_LIST_LEN(LADE_PACKS_MAX)

/* The public key of a writer or manager, or of a manager only; NULL: the root says nothing of him. */
static const uint8_t *key_of(const struct check *check, const uint8_t id[LADE_PARTY_ID_LEN], bool manager)
{
	const struct lade_party *party = lade_trust_find(&check->repository->trust, id);

	return party && (!manager || party->kind == LADE_SAYS_MANAGER) ? party->public_key : NULL;
}

static bool is_named_by_hash(const struct lade_object_name *name, struct lade_slice object)
{
	uint8_t hash[LADE_HASH_LEN];

	return !lade_object_hash(object.data, object.len, hash) && !memcmp(hash, name->hash, sizeof(hash));
}

/* ---- one kind after the other; each returns what is wrong, or 0 ---- */

static int check_lease(struct check *check, const struct lade_object_name *name, struct lade_slice object)
{
	struct lade_lease lease;
	const uint8_t *key = NULL;
	int error = lade_lease_get(object.data, object.len, check->repository->format.repository, &lease);

	if (error)
		return error;
	if (memcmp(&lease.session, &name->session, sizeof(lease.session)) != 0)
		return LADE_E_CHANGED;
	if (!lease.is_signed)
		return 0;
	key = key_of(check, lease.session.party, false);
	return key ? lade_lease_verify(object.data, object.len, key) : LADE_E_REFUSED;
}

static int take_absent(struct check *check, const struct lade_pack_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		uint8_t(*absent)[LADE_HASH_LEN] = lade_grown(check->absent, check->absent_count, &check->absent_room, sizeof(*absent));

		if (!absent)
			return LADE_E_MEMORY;
		check->absent = absent;
		memcpy(absent[check->absent_count++], list->names + (size_t)i * LADE_HASH_LEN, LADE_HASH_LEN);
	}
	return 0;
}

static int check_pack_list(struct check *check, const struct lade_object_name *name, struct lade_slice object)
{
	struct lade_pack_list list;
	const uint8_t *key;
	int error = lade_pack_list_get(object.data, object.len, check->repository->format.repository, &list);

	if (error)
		return error;
	if (name->kind == LADE_NAME_SESSION_GONE ? memcmp(&list.session, &name->session, sizeof(list.session)) != 0 : !is_named_by_hash(name, object))
		return LADE_E_CHANGED;
	if (list.is_signed) {
		key = key_of(check, list.session.party, true);
		error = key ? lade_pack_list_verify(&list, key) : LADE_E_REFUSED;
	}
	return error ? error : take_absent(check, &list);
}

static int check_forgotten(struct check *check, const struct lade_object_name *name, struct lade_slice object)
{
	struct check_forgotten *all, *taken;
	struct lade_forgotten forgotten;
	const uint8_t *key;
	int error = lade_forgotten_get(object.data, object.len, check->repository->format.repository, &forgotten);

	if (error)
		return error;
	if (memcmp(forgotten.writer, name->snapshot.writer, LADE_PARTY_ID_LEN) != 0 || forgotten.number != name->snapshot.number ||
	    memcmp(forgotten.snapshot, name->snapshot.hash, LADE_SHORT_HASH_LEN) != 0)
		return LADE_E_CHANGED;
	if (forgotten.is_signed) {
		key = key_of(check, forgotten.manager, true);
		error = key ? lade_forgotten_verify(object.data, object.len, key) : LADE_E_REFUSED;
	}
	if (error)
		return error;
	all = lade_grown(check->forgotten, check->forgotten_count, &check->forgotten_room, sizeof(*all));
	if (!all)
		return LADE_E_MEMORY;
	check->forgotten = all;
	taken = &all[check->forgotten_count++];
	*taken = (struct check_forgotten){ .id = name->snapshot };
	taken->by_manager = forgotten.is_signed && !lade_trust_find(&check->repository->trust, forgotten.manager)->revoked;
	memcpy(taken->hash, forgotten.snapshot, LADE_HASH_LEN);
	memcpy(taken->before, forgotten.before, LADE_HASH_LEN);
	return 0;
}

/* ---- all of them ---- */

/* A kind that is read here. */
struct kind {
	enum lade_name_kind kind;
	uint64_t limit; /* bytes of such an object */
	int (*check)(struct check *check, const struct lade_object_name *name, struct lade_slice object);
};

static const struct kind kinds[] = {
	{ LADE_NAME_ACTIVE, LADE_LEASE_LEN, check_lease },
	{ LADE_NAME_COMMITTED, LADE_LEASE_LEN, check_lease },
	{ LADE_NAME_FENCED, LADE_LEASE_LEN, check_lease },
	{ LADE_NAME_SESSION_GONE, PACK_LIST_MAX, check_pack_list },
	{ LADE_NAME_TOMBSTONE, PACK_LIST_MAX, check_pack_list },
	{ LADE_NAME_GONE, PACK_LIST_MAX, check_pack_list },
	{ LADE_NAME_FORGOTTEN, LADE_FORGOTTEN_LEN, check_forgotten },
};

/* Lists of packs that do not read stand in the way of backups: what to do is told as well. */
static void tell_bad(struct check *check, const struct lade_object_name *name, int error)
{
	char object[LADE_OBJECT_NAME_MAX + 1];

	lade_object_name_format(name, object);
	if (error != LADE_E_REFUSED && name->kind == LADE_NAME_TOMBSTONE)
		check_tell(check, LADE_CHECK_ERROR, object, "%s: no backup begins while a collection is under way; once none is, it may be deleted", check_problem(error));
	else if (error != LADE_E_REFUSED && name->kind == LADE_NAME_GONE)
		check_tell(check, LADE_CHECK_ERROR, object, "%s: no backup begins; if no pack is missing, it may be deleted while nobody uses the repository", check_problem(error));
	else
		check_tell_damage(check, name, error);
}

/* Returns 0 or LADE_E_MEMORY; all else is told. */
static int check_item(struct check *check, const struct kind *kind, const struct lade_object_item *item)
{
	struct lade_slice object = { NULL, 0 };
	int error = check_read(check, item, kind->limit, &object);

	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	error = kind->check(check, &item->name, object);
	free((void *)object.data);
	if (error && error != LADE_E_MEMORY)
		tell_bad(check, &item->name, error);
	return error == LADE_E_MEMORY ? error : 0;
}

/* What was read when the repository was opened: nothing may be missing of it, and nothing be there besides. */
static void check_trust(struct check *check)
{
	const uint32_t count = check->repository->trust.count;
	bool format = false;
	uint32_t there = 0;

	for (size_t i = 0; i < check->objects.count; i++) {
		const struct lade_object_name *name = &check->objects.items[i].name;
		char text[LADE_OBJECT_NAME_MAX + 1];

		format = format || name->kind == LADE_NAME_FORMAT;
		if (name->kind != LADE_NAME_TRUST)
			continue;
		there += name->number <= count;
		lade_object_name_format(name, text);
		if (name->number > count)
			check_tell(check, LADE_CHECK_ERROR, text, "does not follow the statements before it: it is not believed");
	}
	if (!format)
		check_tell(check, LADE_CHECK_ERROR, LADE_FORMAT_NAME, "is missing");
	if (there < count)
		check_tell(check, LADE_CHECK_ERROR, "trust/", "has less than the %u statements that it had when the repository was opened", (unsigned)count);
}

static int check_slots(struct check *check)
{
	struct lade_repository_slot *slots = NULL;
	char name[LADE_SLOT_NAME_SIZE];
	size_t count = 0;
	struct lade_fault fault;
	int error = lade_repository_list_slots(check->repository, &slots, &count, &fault);

	if (error == LADE_E_MEMORY)
		return error;
	if (error)
		check_tell(check, LADE_CHECK_ERROR, "keys/", "%s", check_problem(error));
	for (size_t i = 0; i < count; i++) {
		lade_slot_name(slots[i].id, name);
		if (slots[i].state == LADE_SLOT_DAMAGED)
			check_tell(check, LADE_CHECK_ERROR, name, "is damaged: nobody opens the repository with it");
		else if (slots[i].state == LADE_SLOT_UNSIGNED)
			check_tell(check, LADE_CHECK_ERROR, name, "is not signed by the root key: nobody opens the repository with it");
	}
	free(slots);
	return 0;
}

/* Sessions that are over, or never were. */
static int check_sessions(struct check *check)
{
	struct lade_session_list list = { .count = 0 };
	int error = lade_session_list_get(check->store, &list, NULL);

	for (size_t i = 0; i < list.count && !error; i++) {
		const struct lade_session *session = &list.sessions[i];
		char name[LADE_OBJECT_NAME_MAX + 1];
		struct lade_object_name parts = { .kind = LADE_NAME_FENCED, .session = session->id };

		if (session->state == LADE_SESSION_FENCED) {
			lade_object_name_format(&parts, name);
			check_tell(check, LADE_CHECK_NOTE, name, "was fenced: what it left behind is removed with the next collection");
		} else if (session->state == LADE_SESSION_ACTIVE) {
			parts.kind = LADE_NAME_ACTIVE;
			lade_object_name_format(&parts, name);
			check_tell(check, LADE_CHECK_NOTE, name, "is under way, or was left behind");
		}
	}
	lade_session_list_fini(&list);
	return error == LADE_E_MEMORY ? error : 0;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

int check_objects(struct check *check)
{
	int error = check_slots(check);

	check_trust(check);
	if (!error)
		error = check_sessions(check);
	for (size_t i = 0; i < check->objects.count && !error && !check->stops; i++) {
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]) && !error; k++) {
			if (check->objects.items[i].name.kind == kinds[k].kind)
				error = check_item(check, &kinds[k], &check->objects.items[i]);
		}
	}
	if (check->absent_count)
		qsort(check->absent, check->absent_count, sizeof(*check->absent), by_bytes);
	return error;
}
