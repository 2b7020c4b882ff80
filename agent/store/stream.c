/*
 * Streams as a whole: the cutter finds chunks, the builder lists them; the cursor names them, and a piece of one is kept until it is read. What is
 * asked for as a whole chunk goes to where it is asked for, not by way of what is kept.
 */
#include "agent/store/stream.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/stream_cutter.h"

struct lade_stream_writer {
	struct lade_stream_sink sink;
	enum lade_chunk_kind kind;
	struct lade_stream_cutter cutter;
	struct lade_recipe_builder *builder;
	uint64_t length;
	int error;
};

/* A chunk is found. */
static int take_chunk(void *context, struct lade_slice chunk, struct lade_fault *fault)
{
	struct lade_stream_writer *writer = context;
	uint8_t id[LADE_CHUNK_ID_LEN];
	int error = writer->sink.put(writer->sink.context, writer->kind, chunk, id, fault);

	return error ? error : lade_recipe_builder_add(writer->builder, id, (uint32_t)chunk.len, fault);
}

int lade_stream_writer_new(const struct lade_stream_sink *sink, enum lade_chunk_kind kind, struct lade_stream_writer **writer_out)
{
	struct lade_stream_writer *writer = calloc(1, sizeof(*writer));

	if (!writer || lade_recipe_builder_new(sink, kind, &writer->builder)) {
		free(writer);
		return LADE_E_MEMORY;
	}
	writer->sink = *sink;
	writer->kind = kind;
	lade_stream_cutter_init(&writer->cutter, &sink->cuts[kind != LADE_CHUNK_CONTENT], 1, take_chunk, writer);
	*writer_out = writer;
	return 0;
}

void lade_stream_writer_free(struct lade_stream_writer *writer)
{
	if (!writer)
		return;
	lade_recipe_builder_free(writer->builder);
	lade_stream_cutter_fini(&writer->cutter);
	free(writer);
}

void lade_stream_writer_reset(struct lade_stream_writer *writer)
{
	lade_recipe_builder_reset(writer->builder);
	lade_stream_cutter_reset(&writer->cutter);
	writer->length = 0;
	writer->error = 0;
}

uint64_t lade_stream_writer_length(const struct lade_stream_writer *writer)
{
	return writer->length;
}

int lade_stream_writer_feed(struct lade_stream_writer *writer, struct lade_slice bytes, struct lade_fault *fault)
{
	if (writer->error)
		return lade_fault_set(fault, writer->error, "write a stream", NULL);
	if (bytes.len > LADE_STREAM_LENGTH_MAX - writer->length)
		writer->error = lade_fault_set(fault, LADE_E_LIMIT, "write a stream", NULL);
	else
		writer->error = lade_stream_cutter_feed(&writer->cutter, bytes, fault);
	if (!writer->error)
		writer->length += bytes.len;
	return writer->error;
}

int lade_stream_writer_finish(struct lade_stream_writer *writer, struct lade_writer *out, struct lade_fault *fault)
{
	int error = writer->error;

	if (error) {
		(void)lade_fault_set(fault, error, "write a stream", NULL);
	} else if (writer->length <= LADE_STREAM_INLINE_MAX) {
		/* No chunk is so short before the end: all of it is still there. */
		lade_stream_recipe_put_inline(out, lade_stream_cutter_rest(&writer->cutter));
		error = out->error ? lade_fault_set(fault, out->error, "write a stream", NULL) : 0;
	} else {
		error = lade_stream_cutter_finish(&writer->cutter, fault);
		if (!error)
			error = lade_recipe_builder_finish(writer->builder, out, fault);
	}
	lade_stream_writer_reset(writer);
	return error;
}

/* ---- reading ---- */

struct lade_stream_reader {
	struct lade_stream_source source;
	enum lade_chunk_kind kind;
	struct lade_recipe_cursor *cursor;
	uint8_t inline_bytes[LADE_STREAM_INLINE_MAX];
	uint64_t length, off; /* of the stream; where the next byte to read is */
	bool follows;         /* the cursor's next chunk begins at off, or behind what is kept, where off is */
	uint8_t *chunk;       /* what is kept: bytes of one chunk, or NULL */
	size_t room;
	uint64_t chunk_off;   /* where in the stream it begins */
	size_t chunk_len;     /* 0: nothing is kept */
};

int lade_stream_reader_new(const struct lade_stream_source *source, enum lade_chunk_kind kind, const struct lade_stream_recipe *recipe,
			   struct lade_stream_reader **reader_out)
{
	struct lade_stream_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return LADE_E_MEMORY;
	if (recipe->depth && lade_recipe_cursor_new(source, kind, recipe, &reader->cursor)) {
		free(reader);
		return LADE_E_MEMORY;
	}
	if (!recipe->depth)
		memcpy(reader->inline_bytes, recipe->inline_bytes, (size_t)recipe->length);
	reader->source = *source;
	reader->kind = kind;
	reader->length = recipe->length;
	reader->follows = true;
	*reader_out = reader;
	return 0;
}

void lade_stream_reader_free(struct lade_stream_reader *reader)
{
	if (!reader)
		return;
	lade_recipe_cursor_free(reader->cursor);
	free(reader->chunk);
	free(reader);
}

uint64_t lade_stream_reader_left(const struct lade_stream_reader *reader)
{
	return reader->length - reader->off;
}

void lade_stream_reader_seek(struct lade_stream_reader *reader, uint64_t off)
{
	if (off > reader->length)
		off = reader->length;
	if (off == reader->off)
		return;
	reader->off = off;
	reader->follows = false;
}

/* Copy what is kept of the bytes that are next; returns how many. */
static size_t copy_kept(const struct lade_stream_reader *reader, uint8_t *out, size_t len)
{
	size_t skip;

	if (reader->off < reader->chunk_off || reader->off - reader->chunk_off >= reader->chunk_len)
		return 0;
	skip = (size_t)(reader->off - reader->chunk_off);
	if (len > reader->chunk_len - skip)
		len = reader->chunk_len - skip;
	memcpy(out, reader->chunk + skip, len);
	return len;
}

/* Keep a chunk. */
static int keep(struct lade_stream_reader *reader, const struct lade_stream_item *item, uint64_t item_off, struct lade_fault *fault)
{
	uint8_t *chunk;
	int error;

	reader->chunk_len = 0;
	if (item->len > reader->room) {
		chunk = realloc(reader->chunk, item->len);
		if (!chunk)
			return lade_fault_set(fault, LADE_E_MEMORY, "read a stream", NULL);
		reader->chunk = chunk;
		reader->room = item->len;
	}
	error = reader->source.get(reader->source.context, reader->kind, item, reader->chunk, fault);
	if (error)
		return error;
	reader->chunk_off = item_off;
	reader->chunk_len = item->len;
	return 0;
}

/* Get at most len bytes, at least one, of those that are next, which are not the end; *len_out says how many. */
static int read_some(struct lade_stream_reader *reader, uint8_t *out, size_t len, size_t *len_out, struct lade_fault *fault)
{
	struct lade_stream_item item;
	uint64_t item_off;
	int result;

	*len_out = copy_kept(reader, out, len);
	if (*len_out)
		return 0;
	result = reader->follows ? 0 : lade_recipe_cursor_seek(reader->cursor, reader->off, fault);
	if (result)
		return result;
	result = lade_recipe_cursor_next(reader->cursor, &item, &item_off, fault);
	if (result <= 0)
		return result ? result : lade_fault_set(fault, LADE_E_CHANGED, "read a stream", NULL);
	reader->follows = true;
	if (item_off == reader->off && item.len <= len) {
		*len_out = item.len;
		return reader->source.get(reader->source.context, reader->kind, &item, out, fault);
	}
	result = keep(reader, &item, item_off, fault);
	if (!result)
		*len_out = copy_kept(reader, out, len);
	return result;
}

int lade_stream_reader_read(struct lade_stream_reader *reader, void *out, size_t len, size_t *len_out, struct lade_fault *fault)
{
	const uint64_t begin = reader->off;
	uint8_t *to = out;
	size_t some;
	int error;

	if (len > lade_stream_reader_left(reader))
		len = (size_t)lade_stream_reader_left(reader);
	if (len && !reader->cursor) {
		memcpy(to, reader->inline_bytes + reader->off, len);
		reader->off += len;
	}
	while (reader->off - begin < len) {
		error = read_some(reader, to + (reader->off - begin), len - (size_t)(reader->off - begin), &some, fault);
		if (error) {
			reader->off = begin;
			reader->follows = false;
			return error;
		}
		reader->off += some;
	}
	*len_out = len;
	return 0;
}
