/*
 * [tombstone] Lists of packs. They may have half a gigabyte: one that is read is looked at where it is.
 */
#include "agent/store/pack_list.h"

#include <string.h>

#include "protocol/error.h"

#define WORDS "lade tombstone"

int lade_pack_list_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_pack_list *list,
		       const uint8_t *seed)
{
	if (list->count > LADE_PACKS_MAX)
		return LADE_E_LIMIT;
	if (!lade_object_in_order(list->names, list->count, LADE_HASH_LEN))
		return LADE_E_USAGE;
	lade_object_begin(writer, LADE_OBJECT_PACKS, LADE_SUITE_PLAIN, repository);
	lade_writer_put_bytes(writer, list->session.party, sizeof(list->session.party));
	lade_writer_put_bytes(writer, list->session.random, sizeof(list->session.random));
	lade_object_put_u32(writer, list->count);
	lade_writer_put_bytes(writer, list->names, (size_t)list->count * LADE_HASH_LEN);
	return lade_object_end(writer, list->session.party, seed, WORDS);
}

int lade_pack_list_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_pack_list *list_out)
{
	enum lade_suite suite;
	struct lade_reader reader;
	int error;

	memset(list_out, 0, sizeof(*list_out));
	lade_reader_init(&reader, object, len);
	error = lade_object_enter(&reader, LADE_OBJECT_PACKS, repository, &suite);
	if (error)
		return error;
	lade_object_get_bytes(&reader, list_out->session.party, sizeof(list_out->session.party));
	lade_object_get_bytes(&reader, list_out->session.random, sizeof(list_out->session.random));
	list_out->count = lade_object_get_u32(&reader);
	if (list_out->count > LADE_PACKS_MAX)
		return LADE_E_CHANGED;
	list_out->names = lade_reader_get_exact(&reader, (size_t)list_out->count * LADE_HASH_LEN).data;
	list_out->is_signed = lade_object_get_end(&reader, list_out->session.party);
	list_out->object = lade_slice(object, len);
	if (lade_reader_finish(&reader) || !lade_object_in_order(list_out->names, list_out->count, LADE_HASH_LEN))
		return LADE_E_CHANGED;
	return 0;
}

int lade_pack_list_verify(const struct lade_pack_list *list, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN])
{
	return list->is_signed ? lade_object_verify(list->object.data, list->object.len, public_key, WORDS) : LADE_E_CHANGED;
}

bool lade_pack_list_has(const struct lade_pack_list *list, const uint8_t name[LADE_HASH_LEN])
{
	return lade_object_has(list->names, list->count, LADE_HASH_LEN, name);
}
