/*
 * The list of chunks in a RECIPE: for each its length as a varint, and its name.
 */
#include "protocol/recipe.h"

#include "protocol/error.h"

uint64_t lade_chunk_name(const uint8_t digest[LADE_DIGEST_LEN])
{
	uint64_t name = 0;

	for (unsigned i = 0; i < LADE_CHUNK_NAME_LEN; i++)
		name = name << 8 | digest[i];
	return name;
}

void lade_recipe_put(struct lade_writer *writer, const struct lade_recipe_chunk *chunk)
{
	uint8_t name[LADE_CHUNK_NAME_LEN];

	for (unsigned i = 0; i < LADE_CHUNK_NAME_LEN; i++)
		name[i] = (uint8_t)(chunk->name >> 8 * (LADE_CHUNK_NAME_LEN - 1 - i));
	lade_writer_put_varint(writer, chunk->len);
	lade_writer_put_bytes(writer, name, sizeof(name));
}

int lade_recipe_get(struct lade_reader *reader, struct lade_recipe_chunk *chunk_out)
{
	struct lade_slice name;

	if (!lade_reader_left(reader))
		return reader->error;
	chunk_out->len = (uint32_t)lade_reader_get_varint(reader, LADE_PAYLOAD_MAX);
	name = lade_reader_get_exact(reader, LADE_CHUNK_NAME_LEN);
	if (reader->error)
		return reader->error;
	chunk_out->name = 0;
	for (unsigned i = 0; i < LADE_CHUNK_NAME_LEN; i++)
		chunk_out->name = chunk_out->name << 8 | name.data[i];
	return chunk_out->len ? 1 : LADE_E_PROTOCOL;
}

int lade_recipe_check(struct lade_slice chunks, uint32_t len)
{
	struct lade_recipe_chunk chunk = { 0 };
	struct lade_reader reader;
	uint64_t sum = 0;
	int got;

	lade_reader_init(&reader, chunks.data, chunks.len);
	while ((got = lade_recipe_get(&reader, &chunk)) == 1)
		sum += chunk.len;
	if (got < 0 || (chunks.len && sum != len))
		return LADE_E_PROTOCOL;
	return 0;
}
