/*
 * [pack] A pack that is read. Nothing of it is believed that does not open; rows of a trailer, which whoever has the index key can forge, are looked at besides.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/pack.h"
#include "chunker/strict_cut.h"
#include "protocol/byteorder.h"
#include "protocol/error.h"

int lade_pack_epoch(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, uint32_t *epoch_out)
{
	enum lade_suite suite;
	struct lade_reader reader;
	int error;

	lade_reader_init(&reader, header, LADE_PACK_HEADER_LEN);
	error = lade_object_enter(&reader, LADE_OBJECT_PACK, keys->repository, &suite);
	if (error)
		return error;
	*epoch_out = lade_object_get_u32(&reader);
	lade_object_get_zeros(&reader, 4);
	return reader.error || (suite != LADE_SUITE_PLAIN) != keys->encrypted ? LADE_E_CHANGED : 0;
}

static enum lade_suite suite_of(const uint8_t header[LADE_PACK_HEADER_LEN])
{
	return (enum lade_suite)header[LADE_OBJECT_SUITE_OFF];
}

int lade_pack_open(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, struct lade_seal **chunks_out)
{
	uint32_t epoch;
	int error = lade_pack_epoch(header, keys, &epoch);

	return error ? error : lade_sealed_secret_open(header, &lade_pack_secret, keys->read_public, keys->read_secret, chunks_out);
}

int lade_pack_open_chunk(struct lade_seal *chunks, const uint8_t repository[LADE_REPOSITORY_ID_LEN], const struct lade_pack_row *row, const uint8_t *sealed,
			 uint8_t *stored_out)
{
	uint8_t data[LADE_PACK_CHUNK_DATA_LEN];
	const struct lade_seal_context context = { .number = row->off, .data = data, .data_len = sizeof(data) };

	lade_pack_describe_chunk(repository, row, data);
	return lade_seal_open(chunks, &context, sealed, row->sealed_len, stored_out);
}

/* ---- end and trailer ---- */

int lade_pack_index_start(struct lade_pack_index_seal *index, const uint8_t header[LADE_PACK_HEADER_LEN], const uint8_t index_secret[LADE_SEAL_KEY_LEN],
			  const char *words, bool seals)
{
	const uint8_t *repository = header + LADE_OBJECT_REPOSITORY_OFF;
	const size_t words_len = strlen(words);
	uint8_t key[LADE_SEAL_KEY_LEN];
	int error = lade_seal_derive(key, index_secret, header, LADE_PACK_HEADER_LEN, words, repository);

	index->seal = NULL;
	memcpy(index->data, repository, LADE_REPOSITORY_ID_LEN);
	memcpy(index->data + LADE_REPOSITORY_ID_LEN, words, words_len);
	index->context = (struct lade_seal_context){ .data = index->data, .data_len = LADE_REPOSITORY_ID_LEN + words_len };
	if (!error)
		error = lade_seal_new(suite_of(header), key, seals, &index->seal);
	sodium_memzero(key, sizeof(key));
	return error;
}

/* Open what is under the index key. */
static int open_with_index(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, const char *words, const uint8_t *sealed,
			   size_t sealed_len, uint8_t *out)
{
	struct lade_pack_index_seal index = { .seal = NULL };
	uint32_t epoch;
	int error = lade_pack_epoch(header, keys, &epoch);

	if (!error)
		error = lade_pack_index_start(&index, header, keys->index_secret, words, false);
	if (!error)
		error = lade_seal_open(index.seal, &index.context, sealed, sealed_len, out);
	lade_seal_free(index.seal);
	return error;
}

/* Header, chunks, padding, trailer and end follow each other, and rows fill the trailer. */
static bool fits(const struct lade_pack_end *end, uint64_t pack_len)
{
	return pack_len <= LADE_PACK_LEN && end->count <= LADE_PACK_CHUNKS_MAX && end->chunks_end >= LADE_PACK_HEADER_LEN &&
	       end->trailer_off >= end->chunks_end && end->trailer_len == end->count * LADE_PACK_ROW_LEN + LADE_SEAL_TAG_LEN &&
	       (uint64_t)end->trailer_off + end->trailer_len + LADE_PACK_END_LEN == pack_len;
}

int lade_pack_open_end(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, const uint8_t sealed[LADE_PACK_END_LEN], uint64_t pack_len,
		       struct lade_pack_end *end_out)
{
	uint8_t bytes[LADE_PACK_END_LEN - LADE_SEAL_TAG_LEN];
	int error = open_with_index(header, keys, "lade pack end", sealed, LADE_PACK_END_LEN, bytes);

	if (error)
		return error;
	end_out->trailer_off = lade_get_le32(bytes);
	end_out->trailer_len = lade_get_le32(bytes + 4);
	end_out->count = lade_get_le32(bytes + 8);
	end_out->chunks_end = lade_get_le32(bytes + 12);
	return fits(end_out, pack_len) && sodium_is_zero(bytes + 16, sizeof(bytes) - 16) ? 0 : LADE_E_CHANGED;
}

/* Get a row; *off is where its chunk begins, and becomes where the next one does. False: there is no such chunk. */
static bool get_row(struct lade_reader *reader, uint32_t chunks_end, uint32_t *off, struct lade_pack_row *row)
{
	const struct lade_slice id = lade_reader_get_exact(reader, LADE_CHUNK_ID_LEN);

	if (id.len)
		memcpy(row->id, id.data, sizeof(row->id));
	row->kind = (enum lade_chunk_kind)lade_reader_get_u8(reader);
	row->off = *off;
	row->sealed_len = lade_object_get_u32(reader);
	row->len = lade_object_get_u32(reader);
	if (reader->error || row->kind < LADE_CHUNK_CONTENT || row->kind > LADE_CHUNK_RECIPE || row->sealed_len <= LADE_SEAL_TAG_LEN ||
	    row->sealed_len > chunks_end - *off || !row->len || row->len > LADE_STRICT_CUT_GREATEST_MAX ||
	    row->len < row->sealed_len - LADE_SEAL_TAG_LEN)
		return false;
	*off += row->sealed_len;
	return true;
}

int lade_pack_open_trailer(const uint8_t header[LADE_PACK_HEADER_LEN], const struct lade_pack_keys *keys, const struct lade_pack_end *end, const uint8_t *sealed,
			   struct lade_pack_row **rows_out)
{
	struct lade_pack_row *rows = calloc(end->count ? end->count : 1, sizeof(*rows));
	uint8_t *bytes = malloc(end->trailer_len);
	uint32_t off = LADE_PACK_HEADER_LEN;
	struct lade_reader reader;
	int error = rows && bytes ? open_with_index(header, keys, "lade pack trailer", sealed, end->trailer_len, bytes) : LADE_E_MEMORY;

	if (!error)
		lade_reader_init(&reader, bytes, end->trailer_len - LADE_SEAL_TAG_LEN);
	for (uint32_t i = 0; i < end->count && !error; i++) {
		if (!get_row(&reader, end->chunks_end, &off, &rows[i]))
			error = LADE_E_CHANGED;
	}
	if (!error && (lade_reader_finish(&reader) || off != end->chunks_end))
		error = LADE_E_CHANGED;
	free(bytes);
	if (error) {
		free(rows);
		return error;
	}
	*rows_out = rows;
	return 0;
}
