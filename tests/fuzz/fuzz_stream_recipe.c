/*
 * Fuzz target of recipes of a repository: what decodes encodes to the same bytes, and can be gone through and sought in. The first byte tells the
 * kind. Behind the recipe come the bytes that all lists consist of: each get takes the next ones, from the beginning when they are at their end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/stream.h"

/* Each input is gone through more than once. */
#define STEPS_MAX 2000u

const unsigned fuzz_places_max = 400;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lade_stream_lengths lengths = { 32768, 16384 };

struct rest {
	const uint8_t *data;
	size_t len, at;
};

static int get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	struct rest *rest = context;

	if (item->len == 0 || item->len > lade_stream_greatest(&lengths, kind))
		abort();
	if (!rest->len)
		return lade_fault_set(fault, LADE_E_ABSENT, "get", NULL);
	for (size_t i = 0; i < item->len; i++)
		out[i] = rest->data[rest->at++ % rest->len];
	return 0;
}

/* Chunk by chunk: each begins where the one before ends. */
static void go_through(const struct lade_stream_source *source, enum lade_chunk_kind kind, const struct lade_stream_recipe *recipe)
{
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	uint64_t off = 0, item_off;
	unsigned steps = 0;
	int result = 1;

	if (lade_recipe_cursor_new(source, kind, recipe, &cursor))
		abort();
	while (result == 1 && steps++ < STEPS_MAX) {
		result = lade_recipe_cursor_next(cursor, &item, &item_off, NULL);
		if (result == 1 && (item_off != off || item.len != item.covers))
			abort();
		off += result == 1 ? item.len : 0;
		if (off > recipe->length || (result == 0 && recipe->depth && off != recipe->length))
			abort();
	}
	for (unsigned i = 0; i < 16; i++) {
		off = recipe->length / 16 * i;
		if (lade_recipe_cursor_seek(cursor, off, NULL) || lade_recipe_cursor_next(cursor, &item, &item_off, NULL) != 1)
			continue;
		if (off < item_off || off - item_off >= item.len)
			abort();
	}
	lade_recipe_cursor_free(cursor);
}

static void read_some(const struct lade_stream_source *source, enum lade_chunk_kind kind, const struct lade_stream_recipe *recipe)
{
	struct lade_stream_reader *reader;
	uint8_t bytes[5000];
	size_t len;

	if (lade_stream_reader_new(source, kind, recipe, &reader))
		abort();
	for (unsigned i = 0; i < 8; i++) {
		lade_stream_reader_seek(reader, recipe->length / 8 * i);
		(void)lade_stream_reader_read(reader, bytes, sizeof(bytes), &len, NULL);
	}
	lade_stream_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum lade_chunk_kind kind;
	struct lade_stream_recipe recipe;
	struct lade_stream_source source = { .get = get, .lengths = lengths };
	struct lade_reader reader;
	struct lade_writer writer;
	struct rest rest;

	if (size == 0)
		return 0;
	kind = data[0] % 2 ? LADE_CHUNK_ENTRIES : LADE_CHUNK_CONTENT;
	lade_reader_init(&reader, data + 1, size - 1);
	if (lade_stream_recipe_get(&reader, kind, &lengths, &recipe))
		return 0;
	lade_writer_init(&writer, size);
	lade_stream_recipe_put(&writer, &recipe);
	if (writer.error || writer.len != reader.off || memcmp(writer.data, data + 1, writer.len) != 0)
		abort();
	lade_writer_fini(&writer);
	rest = (struct rest){ data + 1 + reader.off, size - 1 - reader.off, 0 };
	source.context = &rest;
	go_through(&source, kind, &recipe);
	rest.at = 0;
	read_some(&source, kind, &recipe);
	return 0;
}
