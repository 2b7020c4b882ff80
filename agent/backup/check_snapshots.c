/*
 * [snapshot] [refs] [note] [forgotten] [rollback] Snapshots, and what belongs to them. Each writer's make a chain; one that is in the middle of it and neither there nor forgotten was withheld.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backup/check_internal.h"
#include "agent/store/note.h"
#include "agent/store/revoked_chain.h"
#include "agent/store/session_list.h"
#include "agent/store/signed_snapshot.h"
#include "protocol/grow.h"

#define REFS_MAX LADE_REFS_LEN(LADE_PACKS_MAX)

/* ---- snapshots ---- */

static struct check_forgotten *find_forgotten(const struct check *check, const struct lade_snapshot_id *id)
{
	for (size_t i = 0; i < check->forgotten_count; i++) {
		if (!memcmp(&check->forgotten[i].id, id, sizeof(*id)))
			return &check->forgotten[i];
	}
	return NULL;
}

static bool is_forgotten(const struct check *check, const struct lade_snapshot_id *id)
{
	return find_forgotten(check, id) != NULL;
}

/* Tables that a snapshot names, and that nobody has replaced, have to be there; where managers have replaced some it is chunks that have to be found. */
static void check_tables_of(struct check *check, const struct lade_snapshot_head *head, const char *object)
{
	bool merged = false;

	for (size_t i = 0; i < check->objects.count; i++)
		merged = merged || (check->objects.items[i].name.kind == LADE_NAME_TABLE && check->objects.items[i].name.number);
	for (uint32_t t = 0; t < head->table_count && !merged; t++) {
		const uint8_t *hash = head->tables + (size_t)t * LADE_HASH_LEN;
		struct lade_object_name name = { .kind = LADE_NAME_TABLE };
		char text[LADE_OBJECT_NAME_MAX + 1];
		bool there = false;

		for (size_t i = 0; i < check->objects.count && !there; i++) {
			const struct lade_object_name *other = &check->objects.items[i].name;

			there = other->kind == LADE_NAME_SESSION_TABLE || (other->kind == LADE_NAME_TABLE && !memcmp(other->hash, hash, LADE_HASH_LEN));
		}
		memcpy(name.hash, hash, sizeof(name.hash));
		lade_object_name_format(&name, text);
		if (!there)
			check_tell(check, LADE_CHECK_ERROR, text, "is missing, and %s names it", object);
	}
}

/* Open what is sealed: the recipe of the root. */
static int open_root(struct check *check, const struct lade_snapshot_head *head, struct check_snapshot *snapshot)
{
	struct lade_snapshot_description description = { .bytes = NULL };
	struct lade_pack_keys keys;
	int error = lade_repository_pack_keys(check->repository, head->epoch, &keys, NULL);

	if (!error)
		error = lade_snapshot_open(head, &keys, &description);
	sodium_memzero(&keys, sizeof(keys));
	if (!error) {
		snapshot->root = malloc(description.root.len);
		if (!snapshot->root)
			error = LADE_E_MEMORY;
		else
			memcpy(snapshot->root, description.root.data, description.root.len);
		snapshot->root_len = description.root.len;
	}
	lade_snapshot_description_fini(&description);
	return error;
}

/* Fill in what is known of a snapshot. Returns 0, LADE_E_MEMORY, or what is wrong with it. */
static int read_snapshot(struct check *check, const struct lade_object_item *item, struct check_snapshot *snapshot)
{
	struct lade_signed_snapshot object = { .object = NULL };
	int error = lade_signed_snapshot_read(check->repository, item, &object, NULL);

	if (error)
		return error == LADE_E_AUTH ? LADE_E_REFUSED : error;
	snapshot->id = object.id;
	memcpy(snapshot->hash, object.hash, sizeof(snapshot->hash));
	memcpy(snapshot->before, object.head.before, sizeof(snapshot->before));
	memcpy(snapshot->refs, object.head.refs, sizeof(snapshot->refs));
	error = open_root(check, &object.head, snapshot);
	if (!error)
		check_tables_of(check, &object.head, snapshot->object);
	lade_signed_snapshot_fini(&object);
	snapshot->good = !error;
	sodium_bin2hex(snapshot->short_id, sizeof(snapshot->short_id), snapshot->id.hash, sizeof(snapshot->id.hash));
	return error;
}

/* True if there is one of that name already: a session was published meanwhile. */
static bool has_snapshot(const struct check *check, const struct check_snapshot *snapshot)
{
	for (size_t i = 0; i < check->snapshot_count; i++) {
		if (snapshot->good && !memcmp(&check->snapshots[i].id, &snapshot->id, sizeof(snapshot->id)))
			return true;
	}
	return false;
}

static int take_snapshot(struct check *check, const struct lade_object_item *item)
{
	struct check_snapshot *all = lade_grown(check->snapshots, check->snapshot_count, &check->snapshot_room, sizeof(*all));
	struct check_snapshot *snapshot;
	int error;

	if (!all)
		return LADE_E_MEMORY;
	check->snapshots = all;
	snapshot = &all[check->snapshot_count];
	*snapshot = (struct check_snapshot){ .id = item->name.snapshot };
	lade_object_name_format(&item->name, snapshot->object);
	error = read_snapshot(check, item, snapshot);
	if (error == LADE_E_ABSENT) {
		check_tell(check, LADE_CHECK_NOTE, snapshot->object, "went away while it was to be checked");
	} else if (error && error != LADE_E_MEMORY) {
		check_tell(check, LADE_CHECK_ERROR, snapshot->object, "%s", check_problem(error));
		error = 0;
	}
	if (!error && !has_snapshot(check, snapshot)) {
		check->snapshot_count++;
		return 0;
	}
	free(snapshot->root);
	return error == LADE_E_MEMORY ? error : 0;
}

/* ---- writers who were revoked ---- */

/* lade_revoked_removed. */
static int was_removed(void *context, const struct lade_party *writer, uint64_t number, const uint8_t hash[LADE_HASH_LEN], uint8_t before_out[LADE_HASH_LEN])
{
	const struct check *check = context;

	for (size_t i = 0; i < check->forgotten_count; i++) {
		const struct check_forgotten *forgotten = &check->forgotten[i];

		if (!forgotten->by_manager || forgotten->id.number != number || memcmp(forgotten->id.writer, writer->id, LADE_PARTY_ID_LEN) != 0 ||
		    memcmp(forgotten->hash, hash, LADE_HASH_LEN) != 0)
			continue;
		memcpy(before_out, forgotten->before, LADE_HASH_LEN);
		return 1;
	}
	return 0;
}

/* [trust] */
static int check_revoked(struct check *check, const struct lade_party *party)
{
	struct lade_revoked_snapshot *all = calloc(check->snapshot_count + check->forgotten_count + 1, sizeof(*all));
	size_t count = 0;

	if (!all)
		return LADE_E_MEMORY;
	for (size_t i = 0; i < check->forgotten_count; i++) {
		const struct check_forgotten *forgotten = &check->forgotten[i];

		if (forgotten->there && !memcmp(forgotten->id.writer, party->id, LADE_PARTY_ID_LEN))
			all[count++] = (struct lade_revoked_snapshot){ .number = forgotten->id.number, .hash = forgotten->hash, .before = forgotten->before, .index = SIZE_MAX };
	}
	for (size_t i = 0; i < check->snapshot_count; i++) {
		const struct check_snapshot *snapshot = &check->snapshots[i];

		if (snapshot->good && !memcmp(snapshot->id.writer, party->id, LADE_PARTY_ID_LEN))
			all[count++] = (struct lade_revoked_snapshot){ .number = snapshot->id.number, .hash = snapshot->hash, .before = snapshot->before, .index = i };
	}
	(void)lade_revoked_weigh(party, all, count, was_removed, check);
	for (size_t i = 0; i < count; i++) {
		struct check_snapshot *snapshot;

		if (all[i].good || all[i].index == SIZE_MAX)
			continue;
		snapshot = &check->snapshots[all[i].index];
		check_tell(check, LADE_CHECK_ERROR, snapshot->object, "is not among those that its writer had made before he was revoked");
		snapshot->good = false;
	}
	free(all);
	return 0;
}

static int check_all_revoked(struct check *check)
{
	const struct lade_trust *trust = &check->repository->trust;
	int error = 0;

	for (size_t i = 0; i < trust->party_count && !error; i++) {
		if (trust->parties[i].kind == LADE_SAYS_WRITER && trust->parties[i].revoked)
			error = check_revoked(check, &trust->parties[i]);
	}
	return error;
}

/* ---- chains ---- */

/* The name of a number of a writer that has none. */
static void name_number(const struct lade_snapshot_id *id, uint64_t number, char out[LADE_OBJECT_NAME_MAX + 1])
{
	char writer[2 * LADE_PARTY_ID_LEN + 1];

	sodium_bin2hex(writer, sizeof(writer), id->writer, sizeof(id->writer));
	(void)snprintf(out, LADE_OBJECT_NAME_MAX + 1, "snapshots/%s/%llu-", writer, (unsigned long long)number);
}

/* What is known of the number of a writer: whether anything has it, and whether one that has it, or may have, has that hash. */
struct link {
	bool there, fits;
};

static struct link find_link(const struct check *check, const struct lade_snapshot_id *writer, uint64_t number, const uint8_t *hash)
{
	struct link link = { .there = false };

	for (size_t i = 0; i < check->snapshot_count; i++) {
		const struct check_snapshot *other = &check->snapshots[i];

		if (other->id.number != number || memcmp(other->id.writer, writer->writer, LADE_PARTY_ID_LEN) != 0)
			continue;
		link.there = true;
		/* Of one that is damaged its name has the beginning of the hash. */
		link.fits = link.fits || !memcmp(other->id.hash, hash, LADE_SHORT_HASH_LEN);
	}
	for (size_t i = 0; i < check->forgotten_count; i++) {
		const struct check_forgotten *other = &check->forgotten[i];

		if (other->id.number != number || memcmp(other->id.writer, writer->writer, LADE_PARTY_ID_LEN) != 0)
			continue;
		link.there = true;
		link.fits = link.fits || !memcmp(other->hash, hash, LADE_HASH_LEN);
	}
	return link;
}

/* Whether the one before a snapshot is there, which is called object, or was forgotten. */
static void check_link(struct check *check, const struct lade_snapshot_id *id, const uint8_t before[LADE_HASH_LEN], const char *object)
{
	const struct link link = id->number > 1 ? find_link(check, id, id->number - 1, before) : (struct link){ .there = true, .fits = true };
	char name[LADE_OBJECT_NAME_MAX + 1];

	if (!link.there) {
		name_number(id, id->number - 1, name);
		check_tell(check, LADE_CHECK_ERROR, name, "is missing, and was not forgotten: it was lost, or is withheld");
	} else if (!link.fits) {
		check_tell(check, LADE_CHECK_ERROR, object, "follows a snapshot that is neither there nor forgotten: that was lost, or is withheld");
	}
}

/* The chain goes on behind what was forgotten. */
static void check_forgotten_links(struct check *check)
{
	for (size_t i = 0; i < check->forgotten_count; i++) {
		const struct check_forgotten *forgotten = &check->forgotten[i];
		char name[LADE_OBJECT_NAME_MAX + 1];

		name_number(&forgotten->id, forgotten->id.number, name);
		check_link(check, &forgotten->id, forgotten->before, name);
	}
}

static void check_forks(struct check *check, size_t index)
{
	const struct check_snapshot *snapshot = &check->snapshots[index];

	for (size_t i = 0; i < index; i++) {
		const struct check_snapshot *other = &check->snapshots[i];

		if (!memcmp(&other->id, &snapshot->id, sizeof(snapshot->id)))
			check_tell(check, LADE_CHECK_ERROR, snapshot->object, "is there twice: also as %s", other->object);
		else if (other->good && other->id.number == snapshot->id.number && !memcmp(other->id.writer, snapshot->id.writer, LADE_PARTY_ID_LEN))
			check_tell(check, LADE_CHECK_NOTE, snapshot->object, "has the number of %s: the writer's key is used in two places at once, and both are good", other->object);
	}
}

/* ---- refs ---- */

static struct check_snapshot *find_snapshot(const struct check *check, const struct lade_snapshot_id *id)
{
	for (size_t i = 0; i < check->snapshot_count; i++) {
		if (!memcmp(&check->snapshots[i].id, id, sizeof(*id)))
			return &check->snapshots[i];
	}
	return NULL;
}

/* The snapshot of the writer and the hash of its refs: that of a session. */
static struct check_snapshot *find_by_refs(const struct check *check, const uint8_t writer[LADE_PARTY_ID_LEN], const uint8_t hash[LADE_HASH_LEN])
{
	for (size_t i = 0; i < check->snapshot_count; i++) {
		if (!memcmp(check->snapshots[i].id.writer, writer, LADE_PARTY_ID_LEN) && !memcmp(check->snapshots[i].refs, hash, LADE_HASH_LEN))
			return &check->snapshots[i];
	}
	return NULL;
}

/* Of good ones the highest generation counts. */
static int take_refs(struct check_snapshot *snapshot, const struct lade_refs *refs)
{
	uint8_t *packs;

	if (snapshot->has_refs && refs->generation <= snapshot->generation)
		return 0;
	packs = malloc(((size_t)refs->count + 1) * LADE_SHORT_HASH_LEN);
	if (!packs)
		return LADE_E_MEMORY;
	if (refs->count)
		memcpy(packs, refs->packs, (size_t)refs->count * LADE_SHORT_HASH_LEN);
	free(snapshot->packs);
	snapshot->packs = packs;
	snapshot->pack_count = refs->count;
	snapshot->generation = refs->generation;
	snapshot->has_refs = true;
	return 0;
}

/* Refs of a later generation, of whichever snapshot they name. Returns as check_refs(). */
static int check_later(struct check *check, const struct lade_refs *refs, struct check_snapshot *snapshot)
{
	const struct lade_party *party = lade_trust_find(&check->repository->trust, refs->manager);
	int error;

	if (!party || party->kind != LADE_SAYS_MANAGER)
		return LADE_E_REFUSED;
	if (memcmp(refs->snapshot.hash, snapshot->id.hash, LADE_SHORT_HASH_LEN) != 0)
		return LADE_E_CHANGED;
	error = lade_refs_verify(refs, party->public_key);
	return error ? error : take_refs(snapshot, refs);
}

/* Returns 0, what is wrong with the refs, or LADE_E_MEMORY. snapshot: whose they are by their name; NULL: those of a session. */
static int check_refs(struct check *check, const struct lade_object_name *name, struct lade_slice object, struct check_snapshot *snapshot)
{
	uint8_t hash[LADE_HASH_LEN];
	struct lade_refs refs;
	int error = lade_refs_get(object.data, object.len, check->repository->format.repository, &refs);

	if (!error)
		error = lade_object_hash(object.data, object.len, hash);
	if (error)
		return error;
	if (!snapshot)
		snapshot = find_by_refs(check, name->session.party, hash);
	if (!snapshot)
		return 0; /* of a session that is under way */
	if (memcmp(refs.snapshot.writer, snapshot->id.writer, LADE_PARTY_ID_LEN) != 0 || refs.snapshot.number != snapshot->id.number ||
	    (name->kind == LADE_NAME_REFS && refs.generation != name->number))
		return LADE_E_CHANGED;
	if (refs.generation == 0) {
		/* Of a snapshot that is damaged it is not known which they have to be. */
		if (snapshot->good && memcmp(hash, snapshot->refs, sizeof(hash)) != 0)
			return LADE_E_CHANGED;
		return take_refs(snapshot, &refs);
	}
	return check_later(check, &refs, snapshot);
}

static void tell_orphan(struct check *check, const struct lade_snapshot_id *id, const char *name)
{
	if (is_forgotten(check, id))
		check_tell(check, LADE_CHECK_NOTE, name, "belongs to a snapshot that was forgotten: it is removed with the next collection");
	else
		check_tell(check, LADE_CHECK_ERROR, name, "belongs to a snapshot that is missing, and was not forgotten");
}

static int check_refs_item(struct check *check, const struct lade_object_item *item)
{
	const bool published = item->name.kind == LADE_NAME_REFS;
	struct check_snapshot *snapshot = published ? find_snapshot(check, &item->name.snapshot) : NULL;
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_slice object = { NULL, 0 };
	int error;

	lade_object_name_format(&item->name, name);
	if (published && !snapshot) {
		tell_orphan(check, &item->name.snapshot, name);
		return 0;
	}
	error = check_read(check, item, REFS_MAX, &object);
	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	error = check_refs(check, &item->name, object, snapshot);
	free((void *)object.data);
	if (!error || error == LADE_E_MEMORY)
		return error;
	check_tell(check, LADE_CHECK_ERROR, name, "%s", error == LADE_E_CHANGED ? "is damaged, or not the one that belongs to its snapshot" : check_problem(error));
	return 0;
}

/* [publish] Later refs where a manager has put them, in a session that is committed: they count as they will where they belong, if nothing is there by then. */
static int check_later_refs_item(struct check *check, const struct lade_object_item *item)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	struct lade_slice object = { NULL, 0 };
	struct check_snapshot *snapshot;
	struct lade_refs refs;
	int error = check_read(check, item, REFS_MAX, &object);

	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	lade_object_name_format(&item->name, name);
	error = lade_refs_get(object.data, object.len, check->repository->format.repository, &refs);
	if (!error && (refs.generation == 0 || memcmp(refs.manager, item->name.session.party, LADE_PARTY_ID_LEN) != 0))
		error = LADE_E_CHANGED;
	if (!error) {
		snapshot = find_snapshot(check, &refs.snapshot);
		if (snapshot)
			error = check_later(check, &refs, snapshot);
		else
			tell_orphan(check, &refs.snapshot, name);
	}
	free((void *)object.data);
	if (error && error != LADE_E_MEMORY)
		check_tell(check, LADE_CHECK_ERROR, name, "%s: it does not count", check_problem(error));
	return error == LADE_E_MEMORY ? error : 0;
}

/* ---- notes ---- */

/* Returns 0, what is wrong, or LADE_E_MEMORY. */
static int check_note(struct check *check, const struct lade_object_name *name, struct lade_slice object, const struct check_snapshot *snapshot)
{
	struct lade_note_tags tags = { .tags = NULL };
	const struct lade_party *party;
	struct lade_pack_keys keys;
	struct lade_note note;
	int error = lade_note_get(object.data, object.len, &check->repository->format, &note);

	if (error)
		return error;
	if (note.number != name->number || (snapshot->good && memcmp(note.snapshot, snapshot->hash, LADE_HASH_LEN) != 0))
		return LADE_E_CHANGED;
	party = lade_trust_find(&check->repository->trust, note.party);
	if (!party)
		return LADE_E_REFUSED;
	error = lade_note_verify(&note, party->public_key);
	if (!error)
		error = lade_repository_pack_keys(check->repository, note.epoch, &keys, NULL);
	if (error)
		return error;
	error = lade_note_open(&note, &keys, &tags);
	sodium_memzero(&keys, sizeof(keys));
	lade_note_tags_fini(&tags);
	return error;
}

static int check_note_item(struct check *check, const struct lade_object_item *item)
{
	const struct check_snapshot *snapshot = find_snapshot(check, &item->name.snapshot);
	struct lade_slice object = { NULL, 0 };
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error;

	lade_object_name_format(&item->name, name);
	if (!snapshot) {
		check_tell(check, LADE_CHECK_NOTE, name, "belongs to a snapshot that is not there");
		return 0;
	}
	error = check_read(check, item, LADE_NOTE_MAX, &object);
	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	error = check_note(check, &item->name, object, snapshot);
	free((void *)object.data);
	if (error && error != LADE_E_MEMORY)
		check_tell(check, LADE_CHECK_ERROR, name, "%s: the tags before it count", check_problem(error));
	return error == LADE_E_MEMORY ? error : 0;
}

/* ---- all of them ---- */

bool check_is_committed(const struct check *check, const struct lade_session_id *session)
{
	for (size_t i = 0; i < check->objects.count; i++) {
		const struct lade_object_name *name = &check->objects.items[i].name;

		if (name->kind == LADE_NAME_COMMITTED && !memcmp(&name->session, session, sizeof(*session)))
			return true;
	}
	return false;
}

/* Call visit for all objects of either kind; those of sessions if these are committed. */
static int for_all(struct check *check, enum lade_name_kind kind, enum lade_name_kind of_session, int (*visit)(struct check *, const struct lade_object_item *))
{
	int error = 0;

	for (size_t i = 0; i < check->objects.count && !error && !check->stops; i++) {
		const struct lade_object_item *item = &check->objects.items[i];

		if (item->name.kind == kind || (item->name.kind == of_session && check_is_committed(check, &item->name.session)))
			error = visit(check, item);
	}
	return error;
}

/* It was forgotten, but is there: it is a part of its writer's chain, if it is good. */
static int pass_forgotten(struct check *check, const struct lade_object_item *item, struct check_forgotten *forgotten)
{
	struct lade_signed_snapshot object = { .object = NULL };
	int error = lade_signed_snapshot_read(check->repository, item, &object, NULL);

	if (error)
		return error == LADE_E_MEMORY ? error : 0;
	forgotten->there = memcmp(object.hash, forgotten->hash, sizeof(forgotten->hash)) == 0;
	memcpy(forgotten->before, object.head.before, sizeof(forgotten->before));
	lade_signed_snapshot_fini(&object);
	return 0;
}

static int take_if_kept(struct check *check, const struct lade_object_item *item)
{
	struct check_forgotten *forgotten = item->name.kind == LADE_NAME_SNAPSHOT ? find_forgotten(check, &item->name.snapshot) : NULL;
	char name[LADE_OBJECT_NAME_MAX + 1];

	if (!forgotten)
		return take_snapshot(check, item);
	lade_object_name_format(&item->name, name);
	check_tell(check, LADE_CHECK_NOTE, name, "was forgotten: it is removed with the next collection");
	return pass_forgotten(check, item, forgotten);
}

int check_snapshots(struct check *check)
{
	int error = for_all(check, LADE_NAME_SNAPSHOT, LADE_NAME_SESSION_SNAPSHOT, take_if_kept);

	check->figures.snapshots = check->snapshot_count;
	if (!error)
		error = check_all_revoked(check);
	for (size_t i = 0; i < check->snapshot_count && !error; i++) {
		if (check->snapshots[i].good)
			check_link(check, &check->snapshots[i].id, check->snapshots[i].before, check->snapshots[i].object);
		check_forks(check, i);
	}
	if (!error)
		check_forgotten_links(check);
	if (!error)
		error = for_all(check, LADE_NAME_REFS, LADE_NAME_SESSION_REFS, check_refs_item);
	/* What was published goes first: of two of one generation it counts. */
	if (!error)
		error = for_all(check, LADE_NAME_COUNT, LADE_NAME_LATER_REFS, check_later_refs_item);
	if (!error)
		error = for_all(check, LADE_NAME_NOTE, LADE_NAME_NOTE, check_note_item);
	for (size_t i = 0; i < check->snapshot_count && !error; i++) {
		const struct check_snapshot *snapshot = &check->snapshots[i];
		struct lade_object_name parts = { .kind = LADE_NAME_REFS, .snapshot = snapshot->id };
		char name[LADE_OBJECT_NAME_MAX + 1];

		lade_object_name_format(&parts, name);
		if (snapshot->good && !snapshot->has_refs)
			check_tell_hurt(check, snapshot, NULL, name, "is not there as it should be: a collection could remove what the snapshot needs");
	}
	return error;
}
