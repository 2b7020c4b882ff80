/*
 * Lists in the order in which things move: sessions/, then snapshots/. What was moved in between is in both, and is told apart by its hash. forgotten/ and notes/ come last: what is in there counts for what was
 * found, however late it was put.
 *
 * Of a writer who was revoked those snapshots are good that its last good one leads to (revoked_chain.c).
 */
#include "agent/store/snapshot_list.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/forgotten.h"
#include "agent/store/refs.h"
#include "agent/store/revoked_chain.h"
#include "agent/store/session_list.h"
#include "protocol/error.h"
#include "protocol/grow.h"

#define LATEST "latest"

/* A list that is being made. */
struct work {
	const struct lade_snapshot_list_setup *setup;
	const struct lade_repository *repository;
	struct lade_snapshot_list *list;
	struct lade_object_list forgotten; /* names of forgotten/ */
	struct lade_fault *fault;
	bool has_asked; /* trust/ was read again */
};

/* True if it is the object that is bad, and not the store. */
static bool is_bad(int error)
{
	return error == LADE_E_CHANGED || error == LADE_E_VERSION || error == LADE_E_AUTH || error == LADE_E_TRUNCATED || error == LADE_E_LIMIT;
}

/* Tell of a bad object, and go on; what is no longer there is not told. Returns what ends the list, or 0. */
static int leave_out(const struct work *work, const struct lade_object_item *item, int error)
{
	char name[LADE_OBJECT_NAME_MAX + 1];

	if (error == LADE_E_ABSENT)
		return 0;
	if (!is_bad(error))
		return error;
	lade_object_name_format(&item->name, name);
	if (work->setup->bad)
		work->setup->bad(work->setup->context, name, error);
	return 0;
}

static void free_item(struct lade_snapshot_item *item)
{
	if (item->is_open)
		lade_snapshot_description_fini(&item->description);
	if (item->has_note)
		lade_note_tags_fini(&item->note_tags);
	free(item->object);
}

void lade_snapshot_list_fini(struct lade_snapshot_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free_item(&list->items[i]);
	free(list->items);
	*list = (struct lade_snapshot_list){ .items = NULL };
}

/* Drop those that keep() does not want. */
static void filter(struct lade_snapshot_list *list, bool (*keep)(const struct lade_snapshot_item *item, const void *context), const void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (keep(&list->items[i], context))
			list->items[kept++] = list->items[i];
		else
			free_item(&list->items[i]);
	}
	list->count = kept;
}

/* ---- reading snapshots ---- */

static bool has(const struct lade_snapshot_list *list, const uint8_t hash[LADE_HASH_LEN])
{
	for (size_t i = 0; i < list->count; i++) {
		if (memcmp(list->items[i].hash, hash, LADE_HASH_LEN) == 0)
			return true;
	}
	return false;
}

/* Open what is sealed, if there are keys for that. */
static int open_description(const struct lade_repository *repository, struct lade_snapshot_item *item)
{
	struct lade_pack_keys keys;
	int error;

	if (!(repository->may & LADE_MAY_READ) || lade_repository_pack_keys(repository, item->head.epoch, &keys, NULL))
		return 0;
	error = lade_snapshot_open(&item->head, &keys, &item->description);
	sodium_memzero(&keys, sizeof(keys));
	item->is_open = !error;
	item->tags = item->description.tags;
	return error;
}

/* Read one, wherever it is. A writer who is not known may be new. */
static int read_signed(struct work *work, const struct lade_object_item *object, struct lade_signed_snapshot *out, struct lade_fault *fault)
{
	int error = lade_signed_snapshot_read(work->repository, object, out, fault);

	if (error != LADE_E_AUTH || work->has_asked)
		return error;
	work->has_asked = true;
	error = lade_repository_read_trust(work->setup->repository, fault);
	return error ? error : lade_signed_snapshot_read(work->repository, object, out, fault);
}

/* Add a snapshot, which it takes. */
static int add(struct work *work, const struct lade_object_item *object, struct lade_signed_snapshot *snapshot, uint64_t commit_time, struct lade_fault *fault)
{
	struct lade_snapshot_list *list = work->list;
	struct lade_snapshot_item item = { .name = object->name, .id = snapshot->id, .commit_time = commit_time, .object = snapshot->object, .head = snapshot->head };
	struct lade_snapshot_item *items;
	int error;

	memcpy(item.hash, snapshot->hash, sizeof(item.hash));
	error = open_description(work->repository, &item);
	if (error)
		return error;
	items = lade_grown(list->items, list->count, &list->room, sizeof(*items));
	if (!items) {
		item.object = NULL;
		free_item(&item);
		return lade_fault_set(fault, LADE_E_MEMORY, "list snapshots", NULL);
	}
	list->items = items;
	items[list->count++] = item;
	snapshot->object = NULL;
	return 0;
}

static int read_one(struct work *work, const struct lade_object_item *object, uint64_t commit_time, struct lade_fault *fault)
{
	struct lade_signed_snapshot snapshot = { .object = NULL };
	int error = read_signed(work, object, &snapshot, fault);

	if (!error && !has(work->list, snapshot.hash))
		error = add(work, object, &snapshot, commit_time, fault);
	lade_signed_snapshot_fini(&snapshot);
	return leave_out(work, object, error);
}

/* [publish] A session is void if its refs are not the ones of its snapshot. Those that are no longer in it were published. */
static int refs_fit(const struct work *work, const struct lade_session *session, struct lade_fault *fault)
{
	struct lade_signed_snapshot snapshot = { .object = NULL };
	uint8_t *refs = NULL, hash[LADE_HASH_LEN];
	int error = session->refs ? lade_signed_snapshot_read(work->repository, session->snapshot, &snapshot, fault) : 0;

	/* What is wrong with the snapshot itself is told elsewhere. */
	if (error || !session->refs)
		return 0;
	error = lade_object_list_read(work->repository->store, session->refs, LADE_REFS_LEN(LADE_PACKS_MAX), &refs, fault);
	if (!error)
		error = lade_object_hash(refs, (size_t)session->refs->len, hash);
	if (!error && memcmp(hash, snapshot.head.refs, sizeof(hash)) != 0)
		error = LADE_E_CHANGED;
	free(refs);
	lade_signed_snapshot_fini(&snapshot);
	return error == LADE_E_ABSENT ? 0 : error;
}

static int read_sessions(struct work *work, struct lade_fault *fault)
{
	struct lade_session_list sessions;
	int error = lade_session_list_get(work->repository->store, &sessions, fault);

	for (size_t i = 0; i < sessions.count && !error; i++) {
		const struct lade_session *session = &sessions.sessions[i];

		if (session->state != LADE_SESSION_COMMITTED || !session->snapshot)
			continue;
		error = refs_fit(work, session, fault);
		error = error ? leave_out(work, session->refs, error) : read_one(work, session->snapshot, session->time, fault);
	}
	lade_session_list_fini(&sessions);
	return error;
}

static int read_published(struct work *work, struct lade_fault *fault)
{
	struct lade_object_list objects = { .items = NULL };
	int error = lade_object_list_get(work->repository->store, "snapshots/", &objects, fault);

	for (size_t i = 0; i < objects.count && !error; i++)
		error = read_one(work, &objects.items[i], objects.items[i].name.time, fault);
	lade_object_list_fini(&objects);
	return error;
}

/* ---- what was forgotten ---- */

/* [forgotten] Verify that somebody who may has said so. Returns 0, or what is wrong with it. */
static int verify_forgotten(const struct lade_repository *repository, const struct lade_object_item *item, const uint8_t *object, struct lade_forgotten *out)
{
	const struct lade_party *party;
	int error = lade_forgotten_get(object, (size_t)item->len, repository->format.repository, out);

	if (error)
		return error;
	if (memcmp(out->writer, item->name.snapshot.writer, sizeof(out->writer)) != 0 || out->number != item->name.snapshot.number ||
	    memcmp(out->snapshot, item->name.snapshot.hash, sizeof(item->name.snapshot.hash)) != 0)
		return LADE_E_CHANGED;
	if (!out->is_signed)
		return 0;
	party = lade_trust_find(&repository->trust, out->manager);
	if (!party || party->kind != LADE_SAYS_MANAGER || party->revoked)
		return LADE_E_AUTH;
	return lade_forgotten_verify(object, (size_t)item->len, party->public_key);
}

static int read_forgotten(const struct work *work, const struct lade_object_item *item, struct lade_forgotten *out, struct lade_fault *fault)
{
	uint8_t *object = NULL;
	int error = lade_object_list_read(work->repository->store, item, LADE_FORGOTTEN_LEN, &object, fault);

	if (!error)
		error = verify_forgotten(work->repository, item, object, out);
	free(object);
	return error;
}

static bool is_other(const struct lade_snapshot_item *item, const void *context)
{
	return memcmp(item->hash, context, LADE_HASH_LEN) != 0;
}

static int drop_forgotten(struct work *work, const struct lade_object_item *item, struct lade_fault *fault)
{
	struct lade_forgotten forgotten;
	int error = read_forgotten(work, item, &forgotten, fault);

	if (!error)
		filter(work->list, is_other, forgotten.snapshot);
	return leave_out(work, item, error);
}

static bool is_id(const struct lade_snapshot_item *item, const struct lade_snapshot_id *id)
{
	return memcmp(&item->id, id, sizeof(*id)) == 0;
}

/* Read those that are about a snapshot that is there. */
static int drop_all_forgotten(struct work *work, struct lade_fault *fault)
{
	int error = 0;

	for (size_t i = 0; i < work->forgotten.count && !error; i++) {
		const struct lade_object_item *item = &work->forgotten.items[i];
		bool concerns = false;

		for (size_t at = 0; at < work->list->count && !concerns; at++)
			concerns = is_id(&work->list->items[at], &item->name.snapshot);
		if (concerns)
			error = drop_forgotten(work, item, fault);
	}
	return error;
}

/* ---- writers who were revoked ---- */

/* lade_revoked_removed. */
static int was_removed(void *context, const struct lade_party *writer, uint64_t number, const uint8_t hash[LADE_HASH_LEN], uint8_t before_out[LADE_HASH_LEN])
{
	const struct work *work = context;

	for (size_t i = 0; i < work->forgotten.count; i++) {
		const struct lade_object_item *item = &work->forgotten.items[i];
		struct lade_forgotten forgotten;
		int error;

		if (item->name.snapshot.number != number || memcmp(item->name.snapshot.writer, writer->id, sizeof(writer->id)) != 0 ||
		    memcmp(item->name.snapshot.hash, hash, sizeof(item->name.snapshot.hash)) != 0)
			continue;
		error = read_forgotten(work, item, &forgotten, work->fault);
		if (!error && forgotten.is_signed && memcmp(forgotten.snapshot, hash, LADE_HASH_LEN) == 0) {
			memcpy(before_out, forgotten.before, LADE_HASH_LEN);
			return 1;
		}
		error = leave_out(work, item, error);
		if (error)
			return error;
	}
	return 0;
}

/* Tell and drop what is not good of the snapshots that were weighed. */
static void drop_others(struct work *work, const struct lade_revoked_snapshot *snapshots, size_t count)
{
	struct lade_snapshot_list *list = work->list;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct lade_snapshot_item *item = &list->items[snapshots[i].index];

		if (snapshots[i].good)
			continue;
		(void)leave_out(work, &(struct lade_object_item){ .name = item->name }, LADE_E_AUTH);
		free_item(item);
		item->object = NULL;
	}
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].object)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

/* [trust] */
static int drop_revoked(struct work *work, const struct lade_party *party)
{
	const struct lade_snapshot_list *list = work->list;
	struct lade_revoked_snapshot *snapshots = calloc(list->count + 1, sizeof(*snapshots));
	size_t count = 0;
	int error;

	if (!snapshots)
		return lade_fault_set(work->fault, LADE_E_MEMORY, "list snapshots", NULL);
	for (size_t i = 0; i < list->count; i++) {
		const struct lade_snapshot_item *item = &list->items[i];

		if (memcmp(item->id.writer, party->id, sizeof(party->id)) == 0)
			snapshots[count++] = (struct lade_revoked_snapshot){ .number = item->id.number, .hash = item->hash, .before = item->head.before, .index = i };
	}
	error = lade_revoked_weigh(party, snapshots, count, was_removed, work);
	if (!error)
		drop_others(work, snapshots, count);
	free(snapshots);
	return error;
}

static int weigh_writers(struct work *work)
{
	const struct lade_trust *trust = &work->repository->trust;
	int error = 0;

	for (size_t i = 0; i < trust->party_count && !error; i++) {
		if (trust->parties[i].kind == LADE_SAYS_WRITER && trust->parties[i].revoked)
			error = drop_revoked(work, &trust->parties[i]);
	}
	return error;
}

/* ---- notes ---- */

/* Whoever wrote the snapshot, or a manager, may write on it. */
static const struct lade_party *find_scribe(const struct lade_repository *repository, const struct lade_note *note, const struct lade_snapshot_item *item)
{
	const struct lade_party *party = lade_trust_find(&repository->trust, note->party);

	if (!party || party->revoked)
		return NULL;
	return party->kind == LADE_SAYS_MANAGER || memcmp(party->id, item->id.writer, sizeof(party->id)) == 0 ? party : NULL;
}

/* [note] Read a note on a snapshot. Returns 0 or what is wrong with it. */
static int open_note(const struct lade_repository *repository, const uint8_t *object, const struct lade_object_item *from, struct lade_snapshot_item *item)
{
	struct lade_pack_keys keys;
	struct lade_note note;
	const struct lade_party *party;
	int error = lade_note_get(object, (size_t)from->len, &repository->format, &note);

	if (error)
		return error;
	party = find_scribe(repository, &note, item);
	if (!party)
		return LADE_E_AUTH;
	if (note.number != from->name.number || memcmp(note.snapshot, item->hash, sizeof(note.snapshot)) != 0 || lade_note_verify(&note, party->public_key))
		return LADE_E_CHANGED;
	if (lade_repository_pack_keys(repository, note.epoch, &keys, NULL))
		return LADE_E_ABSENT;
	error = lade_note_open(&note, &keys, &item->note_tags);
	sodium_memzero(&keys, sizeof(keys));
	if (error)
		return error;
	item->has_note = true;
	item->tags = (struct lade_snapshot_texts){ item->note_tags.tags, item->note_tags.count };
	return 0;
}

static int read_note(struct work *work, const struct lade_object_item *from, struct lade_fault *fault)
{
	struct lade_snapshot_item *item = NULL;
	uint8_t *object = NULL;
	int error;

	for (size_t i = 0; i < work->list->count && !item; i++) {
		if (is_id(&work->list->items[i], &from->name.snapshot))
			item = &work->list->items[i];
	}
	/* Notes come by falling numbers: the first one that is good counts. */
	if (!item || item->has_note || !item->is_open)
		return 0;
	error = lade_object_list_read(work->repository->store, from, LADE_NOTE_MAX, &object, fault);
	if (!error)
		error = open_note(work->repository, object, from, item);
	free(object);
	return leave_out(work, from, error);
}

static int compare_notes(const void *a, const void *b)
{
	const struct lade_object_item *x = a, *y = b;

	return x->name.number > y->name.number ? -1 : x->name.number < y->name.number;
}

static int read_notes(struct work *work, struct lade_fault *fault)
{
	struct lade_object_list objects = { .items = NULL };
	int error = lade_object_list_get(work->repository->store, "notes/", &objects, fault);

	if (objects.count)
		qsort(objects.items, objects.count, sizeof(*objects.items), compare_notes);
	for (size_t i = 0; i < objects.count && !error; i++)
		error = read_note(work, &objects.items[i], fault);
	lade_object_list_fini(&objects);
	return error;
}

/* ---- the list ---- */

static int compare_items(const void *a, const void *b)
{
	const struct lade_snapshot_item *x = a, *y = b;

	if (x->head.time != y->head.time)
		return x->head.time < y->head.time ? -1 : 1;
	if (x->commit_time != y->commit_time)
		return x->commit_time < y->commit_time ? -1 : 1;
	/* Of those of a writer within a second the numbers tell which came first. */
	if (x->id.number != y->id.number)
		return x->id.number < y->id.number ? -1 : 1;
	return memcmp(x->hash, y->hash, sizeof(x->hash));
}

static void finish(struct work *work)
{
	struct lade_snapshot_list *list = work->list;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_items);
	for (size_t i = 0; i < list->count; i++) {
		const struct lade_party *party = lade_trust_find(&work->repository->trust, list->items[i].id.writer);

		list->items[i].label = party ? party->label : "";
	}
}

int lade_snapshot_list_get(const struct lade_snapshot_list_setup *setup, struct lade_snapshot_list *list_out, struct lade_fault *fault)
{
	struct work work = { .setup = setup, .repository = setup->repository, .list = list_out, .fault = fault };
	int error;

	*list_out = (struct lade_snapshot_list){ .items = NULL };
	error = read_sessions(&work, fault);
	if (!error)
		error = read_published(&work, fault);
	if (!error)
		error = lade_object_list_get(work.repository->store, "forgotten/", &work.forgotten, fault);
	if (!error)
		error = weigh_writers(&work);
	if (!error)
		error = drop_all_forgotten(&work, fault);
	if (!error)
		error = read_notes(&work, fault);
	lade_object_list_fini(&work.forgotten);
	if (error)
		lade_snapshot_list_fini(list_out);
	finish(&work);
	return error;
}

/* ---- finding ---- */

static bool has_text(const struct lade_snapshot_texts *texts, struct lade_slice text)
{
	for (size_t i = 0; i < texts->count; i++) {
		if (lade_slice_equal(texts->texts[i], text))
			return true;
	}
	return false;
}

bool lade_snapshot_matches(const struct lade_snapshot_item *item, const struct lade_snapshot_filter *wanted)
{
	const struct lade_snapshot_description *description = &item->description;

	if (!wanted)
		return true;
	if (wanted->writer && memcmp(item->id.writer, wanted->writer, sizeof(item->id.writer)) != 0)
		return false;
	if (!wanted->host.data && !wanted->path.data && !wanted->tag.data)
		return true;
	return item->is_open && (!wanted->host.data || lade_slice_equal(description->host, wanted->host)) &&
	       (!wanted->path.data || has_text(&description->paths, wanted->path)) && (!wanted->tag.data || has_text(&item->tags, wanted->tag));
}

static int find_latest(const struct lade_snapshot_list *list, const struct lade_snapshot_filter *wanted, const struct lade_snapshot_item **item_out,
		       struct lade_fault *fault)
{
	for (size_t i = list->count; i-- > 0;) {
		if (!lade_snapshot_matches(&list->items[i], wanted))
			continue;
		*item_out = &list->items[i];
		return 0;
	}
	return lade_fault_set(fault, LADE_E_ABSENT, "find the snapshot", LATEST);
}

int lade_snapshot_list_find(const struct lade_snapshot_list *list, const char *text, const struct lade_snapshot_filter *wanted,
			    const struct lade_snapshot_item **item_out, struct lade_fault *fault)
{
	const size_t len = strlen(text);
	char hex[2 * LADE_HASH_LEN + 1];

	if (!strcmp(text, LATEST))
		return find_latest(list, wanted, item_out, fault);
	if (!len || len >= sizeof(hex) || strspn(text, "0123456789abcdef") != len)
		return lade_fault_set(fault, LADE_E_USAGE, "find a snapshot by what is no beginning of an id", text);
	*item_out = NULL;
	for (size_t i = 0; i < list->count; i++) {
		sodium_bin2hex(hex, sizeof(hex), list->items[i].hash, LADE_HASH_LEN);
		if (strncmp(hex, text, len) != 0)
			continue;
		if (*item_out)
			return lade_fault_set(fault, LADE_E_USAGE, "find one snapshot, as several begin with", text);
		*item_out = &list->items[i];
	}
	return *item_out ? 0 : lade_fault_set(fault, LADE_E_ABSENT, "find the snapshot", text);
}

const struct lade_snapshot_item *lade_snapshot_list_previous(const struct lade_snapshot_list *list, const struct lade_snapshot_item *item)
{
	const struct lade_snapshot_item *best = NULL;

	for (size_t i = 0; i < list->count; i++) {
		const struct lade_snapshot_item *other = &list->items[i];

		if (memcmp(other->hash, item->head.before, sizeof(other->hash)) == 0)
			return other;
		if (memcmp(other->id.writer, item->id.writer, sizeof(other->id.writer)) == 0 && other->id.number < item->id.number &&
		    (!best || other->id.number > best->id.number))
			best = other;
	}
	return best;
}
