/*
 * Numbers of names are nobody's word: from the highest one down each object is read until one is good. Sessions come first: things move from there.
 *
 * What a daemon has forgotten by its own retention nobody has signed. It is believed as far as it leaves room for numbers to come: a store could withhold the snapshots as well.
 */
#include "agent/store/snapshot_chain.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/forgotten.h"
#include "agent/store/session_list.h"
#include "agent/store/signed_snapshot.h"
#include "protocol/error.h"

/* Nobody gets so far by making snapshots. */
#define UNSIGNED_MAX (UINT64_MAX / 2)

#define PREFIX_SIZE (sizeof("snapshots/") + 2 * LADE_PARTY_ID_LEN + 1)

/* A search for the last snapshot of a writer. */
struct search {
	const struct lade_repository *repository;
	const uint8_t *writer;
	const struct lade_snapshot_chain *seen; /* or NULL */
	struct lade_snapshot_chain *chain;
};

/* True if a snapshot of that number, whose hash begins so, may be further than what was found, or is the one that was seen. */
static bool may_count(const struct search *search, uint64_t number, const uint8_t *hash, size_t hash_len)
{
	return number > search->chain->number ||
	       (search->seen && number == search->chain->number && number == search->seen->number && memcmp(hash, search->seen->hash, hash_len) == 0);
}

static bool name_may_count(const struct search *search, const struct lade_snapshot_id *id)
{
	return may_count(search, id->number, id->hash, sizeof(id->hash));
}

static void take(struct search *search, uint64_t number, const uint8_t hash[LADE_HASH_LEN])
{
	if (!may_count(search, number, hash, LADE_HASH_LEN))
		return;
	search->chain->number = number;
	memcpy(search->chain->hash, hash, LADE_HASH_LEN);
}

/* What is not good is passed over. */
static int pass_over(int error)
{
	return error == LADE_E_ABSENT || error == LADE_E_CHANGED || error == LADE_E_VERSION || error == LADE_E_AUTH || error == LADE_E_TRUNCATED ||
			       error == LADE_E_LIMIT
		       ? 0
		       : error;
}

static int look_at(struct search *search, const struct lade_object_item *item, struct lade_fault *fault)
{
	struct lade_signed_snapshot snapshot = { .object = NULL };
	int error = lade_signed_snapshot_read(search->repository, item, &snapshot, fault);

	if (!error)
		take(search, snapshot.id.number, snapshot.hash);
	lade_signed_snapshot_fini(&snapshot);
	return pass_over(error);
}

static int look_at_sessions(struct search *search, struct lade_fault *fault)
{
	struct lade_session_list list;
	int error = lade_session_list_get(search->repository->store, &list, fault);

	for (size_t i = 0; i < list.count && !error; i++) {
		const struct lade_session *session = &list.sessions[i];

		if (session->state == LADE_SESSION_COMMITTED && session->snapshot && memcmp(session->id.party, search->writer, LADE_PARTY_ID_LEN) == 0)
			error = look_at(search, session->snapshot, fault);
	}
	lade_session_list_fini(&list);
	return error;
}

/* What the names of a writer's objects begin with: directory, his id, and what follows. */
static void make_prefix(const struct search *search, const char *directory, char after, char out[PREFIX_SIZE])
{
	char writer[2 * LADE_PARTY_ID_LEN + 1];

	sodium_bin2hex(writer, sizeof(writer), search->writer, LADE_PARTY_ID_LEN);
	snprintf(out, PREFIX_SIZE, "%s%s%c", directory, writer, after);
}

static int compare_descending(const void *a, const void *b)
{
	const uint64_t x = ((const struct lade_object_item *)a)->name.snapshot.number, y = ((const struct lade_object_item *)b)->name.snapshot.number;

	return x > y ? -1 : x < y;
}

static int look_at_published(struct search *search, struct lade_fault *fault)
{
	struct lade_object_list list = { .items = NULL };
	char prefix[PREFIX_SIZE];
	int error;

	make_prefix(search, "snapshots/", '/', prefix);
	error = lade_object_list_get(search->repository->store, prefix, &list, fault);
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare_descending);
	for (size_t i = 0; i < list.count && !error; i++)
		error = name_may_count(search, &list.items[i].name.snapshot) ? look_at(search, &list.items[i], fault) : 0;
	lade_object_list_fini(&list);
	return error;
}

/*
 * Whether somebody may have said so: a manager, or nobody, as a daemon does. A writer may not, nor the thief of his key: he could have another one's chain
 * end for good. So could who has the key of a manager that was revoked since: he is believed as far as what nobody signed.
 */
static int verify_forgotten(const struct search *search, const struct lade_forgotten *forgotten, const uint8_t *object, size_t len)
{
	const struct lade_party *party = lade_trust_find(&search->repository->trust, forgotten->manager);

	if (forgotten->number > UNSIGNED_MAX && (!party || party->revoked))
		return LADE_E_AUTH;
	if (!forgotten->is_signed)
		return 0;
	return party && party->kind == LADE_SAYS_MANAGER ? lade_forgotten_verify(object, len, party->public_key) : LADE_E_AUTH;
}

/* [forgotten] */
static int look_at_forgotten(struct search *search, const struct lade_object_item *item, struct lade_fault *fault)
{
	uint8_t *object = NULL;
	struct lade_forgotten forgotten;
	int error = lade_object_list_read(search->repository->store, item, LADE_FORGOTTEN_LEN, &object, fault);

	if (error)
		return pass_over(error);
	error = lade_forgotten_get(object, (size_t)item->len, search->repository->format.repository, &forgotten);
	if (!error)
		error = verify_forgotten(search, &forgotten, object, (size_t)item->len);
	if (!error && memcmp(forgotten.writer, search->writer, sizeof(forgotten.writer)) == 0)
		take(search, forgotten.number, forgotten.snapshot);
	free(object);
	return pass_over(error);
}

static int look_at_all_forgotten(struct search *search, struct lade_fault *fault)
{
	struct lade_object_list list = { .items = NULL };
	char prefix[PREFIX_SIZE];
	int error;

	make_prefix(search, "forgotten/", '-', prefix);
	error = lade_object_list_get(search->repository->store, prefix, &list, fault);
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare_descending);
	for (size_t i = 0; i < list.count && !error; i++)
		error = name_may_count(search, &list.items[i].name.snapshot) ? look_at_forgotten(search, &list.items[i], fault) : 0;
	lade_object_list_fini(&list);
	return error;
}

int lade_snapshot_chain_find(const struct lade_repository *repository, const uint8_t writer[LADE_PARTY_ID_LEN], const struct lade_snapshot_chain *seen,
			     struct lade_snapshot_chain *chain_out, struct lade_fault *fault)
{
	struct search search = { .repository = repository, .writer = writer, .seen = seen, .chain = chain_out };
	int error;

	memset(chain_out, 0, sizeof(*chain_out));
	error = look_at_sessions(&search, fault);
	if (!error)
		error = look_at_published(&search, fault);
	if (!error)
		error = look_at_all_forgotten(&search, fault);
	return !error && chain_out->number == UINT64_MAX ? lade_fault_set(fault, LADE_E_LIMIT, "number another snapshot", NULL) : error;
}
