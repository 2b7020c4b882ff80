/*
 * Sealed lists. Each is under a key of its own, and so has nonce 0.
 */
#include "agent/store/sealed_list.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/object.h"
#include "protocol/error.h"

size_t lade_sealed_list_padded(size_t len, size_t least)
{
	return len <= least ? least : (size_t)lade_seal_padme(len);
}

int lade_sealed_list_put(struct lade_writer *object, struct lade_seal *seal, struct lade_slice data, struct lade_slice list, size_t least)
{
	const struct lade_seal_context context = { .number = 0, .data = data.data, .data_len = data.len };
	const size_t padded_len = lade_sealed_list_padded(list.len, least), sealed_len = padded_len + LADE_SEAL_TAG_LEN;
	uint8_t *sealed;
	int error;

	if (sealed_len > UINT32_MAX)
		return LADE_E_LIMIT;
	lade_object_put_u32(object, (uint32_t)sealed_len);
	sealed = lade_writer_reserve(object, sealed_len);
	if (!sealed)
		return object->error;
	memset(sealed, 0, padded_len);
	if (list.len)
		memcpy(sealed, list.data, list.len);
	error = lade_seal_close(seal, &context, sealed, padded_len, sealed);
	if (!error)
		lade_writer_commit(object, sealed_len);
	return error;
}

int lade_sealed_list_open(struct lade_seal *seal, struct lade_slice data, struct lade_slice sealed, uint8_t **list_out)
{
	const struct lade_seal_context context = { .number = 0, .data = data.data, .data_len = data.len };
	uint8_t *list;
	int error;

	if (sealed.len <= LADE_SEAL_TAG_LEN)
		return LADE_E_CHANGED;
	list = malloc(sealed.len - LADE_SEAL_TAG_LEN);
	if (!list)
		return LADE_E_MEMORY;
	error = lade_seal_open(seal, &context, sealed.data, sealed.len, list);
	if (error) {
		free(list);
		return error;
	}
	*list_out = list;
	return 0;
}

int lade_sealed_list_finish(struct lade_reader *reader, size_t len, size_t least)
{
	lade_object_get_zeros(reader, lade_reader_left(reader));
	return lade_reader_finish(reader) || reader->len != lade_sealed_list_padded(len, least) ? LADE_E_CHANGED : 0;
}
