/*
 * [refs] Refs. They may have 128 MiB: those that are read are looked at where they are.
 */
#include "agent/store/refs.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"

#define WORDS "lade refs"
#define ROOM_FIRST 64u
/* Half of what is added may be doubles. */
#define ROOM_MAX ((size_t)2 * LADE_PACKS_MAX)

/* A first generation says nothing of what only later ones have. The manager's id is looked at with the signature. */
static bool parts_ok(const struct lade_refs *refs)
{
	return refs->snapshot.number && (refs->generation != 0) == !sodium_is_zero(refs->manager, sizeof(refs->manager)) &&
	       (refs->generation || (sodium_is_zero(refs->before, sizeof(refs->before)) &&
				     sodium_is_zero(refs->snapshot.hash, sizeof(refs->snapshot.hash))));
}

int lade_refs_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_refs *refs, const uint8_t *seed)
{
	if (refs->count > LADE_PACKS_MAX)
		return LADE_E_LIMIT;
	if (!parts_ok(refs) || !lade_object_in_order(refs->packs, refs->count, LADE_SHORT_HASH_LEN))
		return LADE_E_USAGE;
	lade_object_begin(writer, LADE_OBJECT_REFS, LADE_SUITE_PLAIN, repository);
	lade_object_put_u32(writer, refs->generation);
	lade_writer_put_bytes(writer, refs->snapshot.writer, sizeof(refs->snapshot.writer));
	lade_object_put_u64(writer, refs->snapshot.number);
	lade_writer_put_bytes(writer, refs->snapshot.hash, sizeof(refs->snapshot.hash));
	lade_writer_put_bytes(writer, refs->before, sizeof(refs->before));
	lade_writer_put_bytes(writer, refs->manager, sizeof(refs->manager));
	lade_object_put_u32(writer, refs->count);
	lade_writer_put_bytes(writer, refs->packs, (size_t)refs->count * LADE_SHORT_HASH_LEN);
	return lade_object_end(writer, refs->manager, seed, WORDS);
}

int lade_refs_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_refs *refs_out)
{
	enum lade_suite suite;
	struct lade_reader reader;
	int error;

	memset(refs_out, 0, sizeof(*refs_out));
	lade_reader_init(&reader, object, len);
	error = lade_object_enter(&reader, LADE_OBJECT_REFS, repository, &suite);
	if (error)
		return error;
	refs_out->generation = lade_object_get_u32(&reader);
	lade_object_get_bytes(&reader, refs_out->snapshot.writer, sizeof(refs_out->snapshot.writer));
	refs_out->snapshot.number = lade_object_get_u64(&reader);
	lade_object_get_bytes(&reader, refs_out->snapshot.hash, sizeof(refs_out->snapshot.hash));
	lade_object_get_bytes(&reader, refs_out->before, sizeof(refs_out->before));
	lade_object_get_bytes(&reader, refs_out->manager, sizeof(refs_out->manager));
	refs_out->count = lade_object_get_u32(&reader);
	if (refs_out->count > LADE_PACKS_MAX)
		return LADE_E_CHANGED;
	refs_out->packs = lade_reader_get_exact(&reader, (size_t)refs_out->count * LADE_SHORT_HASH_LEN).data;
	(void)lade_object_get_end(&reader, refs_out->manager);
	refs_out->object = lade_slice(object, len);
	if (lade_reader_finish(&reader) || !parts_ok(refs_out) || !lade_object_in_order(refs_out->packs, refs_out->count, LADE_SHORT_HASH_LEN))
		return LADE_E_CHANGED;
	return 0;
}

int lade_refs_verify(const struct lade_refs *refs, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN])
{
	return refs->generation ? lade_object_verify(refs->object.data, refs->object.len, public_key, WORDS) : LADE_E_CHANGED;
}

bool lade_refs_has(const struct lade_refs *refs, const uint8_t *name)
{
	return lade_object_has(refs->packs, refs->count, LADE_SHORT_HASH_LEN, name);
}

/* ---- making them ---- */

void lade_refs_builder_init(struct lade_refs_builder *builder)
{
	memset(builder, 0, sizeof(*builder));
}

void lade_refs_builder_fini(struct lade_refs_builder *builder)
{
	free(builder->packs);
	lade_refs_builder_init(builder);
}

/* Room for one more: without doubles first, so that a pack that is named for each of its chunks costs no memory. */
static int make_room(struct lade_refs_builder *builder)
{
	size_t room = builder->room ? 2 * builder->room : ROOM_FIRST;
	uint8_t *packs;

	builder->count = lade_object_sort(builder->packs, builder->count, LADE_SHORT_HASH_LEN);
	if (builder->count < builder->room / 2)
		return 0;
	if (room > ROOM_MAX)
		room = ROOM_MAX;
	if (room == builder->room)
		return builder->count <= LADE_PACKS_MAX ? 0 : LADE_E_LIMIT;
	packs = realloc(builder->packs, room * LADE_SHORT_HASH_LEN);
	if (!packs)
		return LADE_E_MEMORY;
	builder->packs = packs;
	builder->room = room;
	return 0;
}

int lade_refs_builder_add(struct lade_refs_builder *builder, const uint8_t *name)
{
	int error = builder->count == builder->room ? make_room(builder) : 0;

	if (error)
		return error;
	memcpy(builder->packs + builder->count++ * LADE_SHORT_HASH_LEN, name, LADE_SHORT_HASH_LEN);
	return 0;
}

int lade_refs_builder_take(struct lade_refs_builder *builder, struct lade_refs *refs)
{
	builder->count = lade_object_sort(builder->packs, builder->count, LADE_SHORT_HASH_LEN);
	if (builder->count > LADE_PACKS_MAX)
		return LADE_E_LIMIT;
	refs->packs = builder->packs;
	refs->count = (uint32_t)builder->count;
	return 0;
}
