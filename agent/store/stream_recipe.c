/*
 * [recipe] The value itself. Lists are cut between items only, so each item that stands for a part of a list stands for whole items, and where it
 * begins in the stream is the sum of what those before it stand for: that is what makes a seek possible at any depth.
 */
#include "agent/store/stream_recipe.h"

#include <assert.h>
#include <string.h>

#include "protocol/byteorder.h"

#define LEN_OFF LADE_CHUNK_ID_LEN
#define COVERS_OFF (LEN_OFF + 4u)

static_assert(COVERS_OFF + 8u == LADE_STREAM_ITEM_LEN, "an item is 44 bytes");

struct lade_stream_lengths lade_stream_lengths_of(const struct lade_format *format)
{
	return (struct lade_stream_lengths){ .content = format->content.greatest, .entries = format->entries.greatest };
}

uint32_t lade_stream_greatest(const struct lade_stream_lengths *lengths, enum lade_chunk_kind kind)
{
	return kind == LADE_CHUNK_CONTENT ? lengths->content : lengths->entries;
}

void lade_stream_item_put(uint8_t out[LADE_STREAM_ITEM_LEN], const struct lade_stream_item *item)
{
	memcpy(out, item->id, LADE_CHUNK_ID_LEN);
	lade_put_le32(out + LEN_OFF, item->len);
	lade_put_le64(out + COVERS_OFF, item->covers);
}

void lade_stream_item_get(const uint8_t bytes[LADE_STREAM_ITEM_LEN], struct lade_stream_item *item_out)
{
	memcpy(item_out->id, bytes, LADE_CHUNK_ID_LEN);
	item_out->len = lade_get_le32(bytes + LEN_OFF);
	item_out->covers = lade_get_le64(bytes + COVERS_OFF);
}

bool lade_stream_item_ok(const struct lade_stream_item *item, unsigned depth, uint32_t greatest, uint32_t list_greatest)
{
	if (depth == 1)
		return item->len >= 1 && item->len <= greatest && item->covers == item->len;
	/* Each item that it stands for stands for a byte at least. */
	return item->len >= LADE_STREAM_ITEM_LEN && item->len <= list_greatest && item->len % LADE_STREAM_ITEM_LEN == 0 &&
	       item->covers >= item->len / LADE_STREAM_ITEM_LEN;
}

static int get_inline(struct lade_reader *reader, struct lade_stream_recipe *recipe)
{
	const struct lade_slice bytes = lade_reader_get_exact(reader, (size_t)recipe->length);

	if (reader->error)
		return LADE_E_CHANGED;
	if (bytes.len)
		memcpy(recipe->inline_bytes, bytes.data, bytes.len);
	return 0;
}

static int get_items(struct lade_reader *reader, uint32_t greatest, uint32_t list_greatest, struct lade_stream_recipe *recipe)
{
	uint64_t left = recipe->length;

	recipe->count = (unsigned)lade_reader_get_varint(reader, LADE_STREAM_ITEMS_MAX);
	for (unsigned i = 0; i < recipe->count; i++) {
		const struct lade_slice bytes = lade_reader_get_exact(reader, LADE_STREAM_ITEM_LEN);
		struct lade_stream_item *item = &recipe->items[i];

		if (reader->error)
			return LADE_E_CHANGED;
		lade_stream_item_get(bytes.data, item);
		if (!lade_stream_item_ok(item, recipe->depth, greatest, list_greatest) || item->covers > left)
			return LADE_E_CHANGED;
		left -= item->covers;
	}
	/* A stream above the length of those that are inline is not empty: a count of 0 leaves something. */
	return reader->error || left ? LADE_E_CHANGED : 0;
}

int lade_stream_recipe_get(struct lade_reader *reader, enum lade_chunk_kind kind, const struct lade_stream_lengths *lengths,
			   struct lade_stream_recipe *recipe_out)
{
	recipe_out->length = lade_reader_get_varint(reader, LADE_STREAM_LENGTH_MAX);
	recipe_out->depth = (unsigned)lade_reader_get_varint(reader, LADE_STREAM_DEPTH_MAX);
	recipe_out->count = 0;
	if (reader->error || (recipe_out->depth == 0) != (recipe_out->length <= LADE_STREAM_INLINE_MAX))
		return LADE_E_CHANGED;
	if (recipe_out->depth == 0)
		return get_inline(reader, recipe_out);
	return get_items(reader, lade_stream_greatest(lengths, kind), lengths->entries, recipe_out);
}

void lade_stream_recipe_put(struct lade_writer *writer, const struct lade_stream_recipe *recipe)
{
	uint8_t bytes[LADE_STREAM_ITEM_LEN];

	if (recipe->depth == 0) {
		lade_stream_recipe_put_inline(writer, lade_slice(recipe->inline_bytes, (size_t)recipe->length));
		return;
	}
	lade_writer_put_varint(writer, recipe->length);
	lade_writer_put_varint(writer, recipe->depth);
	lade_writer_put_varint(writer, recipe->count);
	for (unsigned i = 0; i < recipe->count; i++) {
		lade_stream_item_put(bytes, &recipe->items[i]);
		lade_writer_put_bytes(writer, bytes, sizeof(bytes));
	}
}

void lade_stream_recipe_put_inline(struct lade_writer *writer, struct lade_slice bytes)
{
	if (bytes.len > LADE_STREAM_INLINE_MAX) {
		if (!writer->error)
			writer->error = LADE_E_LIMIT;
		return;
	}
	lade_writer_put_varint(writer, bytes.len);
	lade_writer_put_varint(writer, 0);
	lade_writer_put_bytes(writer, bytes.data, bytes.len);
}
