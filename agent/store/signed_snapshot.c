/*
 * [snapshot] Nothing is taken from a snapshot before its signature and its place were verified. That its writer was revoked is for others to weigh.
 */
#include "agent/store/signed_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"

/* The name says whose it is: in a session its id, else the name itself, which has number and hash besides. */
static const uint8_t *writer_by(const struct lade_object_name *name)
{
	return name->kind == LADE_NAME_SNAPSHOT ? name->snapshot.writer : name->session.party;
}

static bool agrees(const struct lade_object_name *name, const struct lade_signed_snapshot *snapshot)
{
	return name->kind != LADE_NAME_SNAPSHOT || memcmp(&name->snapshot, &snapshot->id, sizeof(snapshot->id)) == 0;
}

static int verify(const struct lade_repository *repository, const struct lade_object_item *item, struct lade_signed_snapshot *snapshot)
{
	const uint8_t *writer = writer_by(&item->name);
	const struct lade_party *party = lade_trust_find(&repository->trust, writer);
	int error;

	if (!party)
		return LADE_E_AUTH;
	if (party->kind != LADE_SAYS_WRITER)
		return LADE_E_CHANGED;
	error = lade_snapshot_get_head(snapshot->object, (size_t)item->len, &repository->format, &snapshot->head);
	if (!error && memcmp(snapshot->head.writer, writer, LADE_PARTY_ID_LEN) != 0)
		error = LADE_E_CHANGED;
	if (!error)
		error = lade_snapshot_verify(&snapshot->head, party->public_key);
	if (!error)
		error = lade_object_hash(snapshot->object, (size_t)item->len, snapshot->hash);
	if (error)
		return error;
	memset(&snapshot->id, 0, sizeof(snapshot->id));
	memcpy(snapshot->id.writer, writer, sizeof(snapshot->id.writer));
	memcpy(snapshot->id.hash, snapshot->hash, sizeof(snapshot->id.hash));
	snapshot->id.number = snapshot->head.number;
	return agrees(&item->name, snapshot) ? 0 : LADE_E_CHANGED;
}

int lade_signed_snapshot_read(const struct lade_repository *repository, const struct lade_object_item *item, struct lade_signed_snapshot *snapshot_out,
			      struct lade_fault *fault)
{
	char name[LADE_OBJECT_NAME_MAX + 1];
	int error = lade_object_list_read(repository->store, item, LADE_SNAPSHOT_MAX, &snapshot_out->object, fault);

	if (error && error != LADE_E_LIMIT)
		return error;
	error = error ? LADE_E_CHANGED : verify(repository, item, snapshot_out);
	if (!error)
		return 0;
	lade_signed_snapshot_fini(snapshot_out);
	lade_object_name_format(&item->name, name);
	return lade_fault_set(fault, error, "verify", name);
}

void lade_signed_snapshot_fini(struct lade_signed_snapshot *snapshot)
{
	free(snapshot->object);
	memset(snapshot, 0, sizeof(*snapshot));
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

bool lade_signed_snapshot_names(const struct lade_signed_snapshot *snapshot, const uint8_t table[LADE_HASH_LEN])
{
	return snapshot->head.table_count && bsearch(table, snapshot->head.tables, snapshot->head.table_count, LADE_HASH_LEN, compare);
}
