/*
 * [forgotten] What says that a snapshot was removed.
 */
#include "agent/store/forgotten.h"

#include <assert.h>
#include <string.h>

#include "protocol/error.h"

#define WORDS "lade forgotten"

static_assert(LADE_FORGOTTEN_LEN == LADE_OBJECT_HEADER_LEN + LADE_PARTY_ID_LEN + 8 + 2 * LADE_HASH_LEN + 8 + LADE_PARTY_ID_LEN + LADE_SIGNATURE_LEN,
	      "as in FORMAT.md");

int lade_forgotten_put(struct lade_writer *writer, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_forgotten *forgotten,
		       const uint8_t *seed)
{
	if (!forgotten->number)
		return LADE_E_USAGE;
	lade_object_begin(writer, LADE_OBJECT_FORGOTTEN, LADE_SUITE_PLAIN, repository);
	lade_writer_put_bytes(writer, forgotten->writer, sizeof(forgotten->writer));
	lade_object_put_u64(writer, forgotten->number);
	lade_writer_put_bytes(writer, forgotten->snapshot, sizeof(forgotten->snapshot));
	lade_writer_put_bytes(writer, forgotten->before, sizeof(forgotten->before));
	lade_object_put_u64(writer, forgotten->time);
	lade_writer_put_bytes(writer, forgotten->manager, sizeof(forgotten->manager));
	return lade_object_end(writer, forgotten->manager, seed, WORDS);
}

int lade_forgotten_get(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN], struct lade_forgotten *forgotten_out)
{
	enum lade_suite suite;
	struct lade_reader reader;
	int error;

	memset(forgotten_out, 0, sizeof(*forgotten_out));
	lade_reader_init(&reader, object, len);
	error = lade_object_enter(&reader, LADE_OBJECT_FORGOTTEN, repository, &suite);
	if (error)
		return error;
	lade_object_get_bytes(&reader, forgotten_out->writer, sizeof(forgotten_out->writer));
	forgotten_out->number = lade_object_get_u64(&reader);
	lade_object_get_bytes(&reader, forgotten_out->snapshot, sizeof(forgotten_out->snapshot));
	lade_object_get_bytes(&reader, forgotten_out->before, sizeof(forgotten_out->before));
	forgotten_out->time = lade_object_get_u64(&reader);
	lade_object_get_bytes(&reader, forgotten_out->manager, sizeof(forgotten_out->manager));
	forgotten_out->is_signed = lade_object_get_end(&reader, forgotten_out->manager);
	return lade_reader_finish(&reader) || !forgotten_out->number ? LADE_E_CHANGED : 0;
}

int lade_forgotten_verify(const uint8_t *object, size_t len, const uint8_t public_key[LADE_SIGN_PUBLIC_LEN])
{
	return len == LADE_FORGOTTEN_LEN ? lade_object_verify(object, len, public_key, WORDS) : LADE_E_CHANGED;
}
