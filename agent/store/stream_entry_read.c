/*
 * [entry] The entries of a directory, one by one. Its stream is read some way ahead, never further than the longest entry.
 */
#include "agent/store/stream_entry.h"

#include <stdlib.h>
#include <string.h>

#define OPERATION "read a directory"
#define AHEAD (64u << 10)
/* The length of an entry, a varint: a whole one or a bad one has at most so many bytes. */
#define LENGTH_LEN_MAX 10u

struct lade_entry_stream_reader {
	struct lade_stream_lengths lengths;
	struct lade_stream_reader *stream;
	uint8_t *data;
	size_t start, end, room; /* of data: what was not given out yet, and all that there is */
	size_t last_len;         /* of the name before; 0: none */
	uint8_t last[LADE_STREAM_NAME_MAX];
};

int lade_entry_stream_reader_new(const struct lade_stream_source *source, const struct lade_stream_recipe *recipe,
				 struct lade_entry_stream_reader **reader_out)
{
	struct lade_entry_stream_reader *reader = calloc(1, sizeof(*reader));

	if (!reader || lade_stream_reader_new(source, LADE_CHUNK_ENTRIES, recipe, &reader->stream)) {
		free(reader);
		return LADE_E_MEMORY;
	}
	reader->lengths = source->lengths;
	*reader_out = reader;
	return 0;
}

void lade_entry_stream_reader_free(struct lade_entry_stream_reader *reader)
{
	if (!reader)
		return;
	lade_stream_reader_free(reader->stream);
	free(reader->data);
	free(reader);
}

/* Have len bytes, as far as there are so many, and some more if it has to read anyway. */
static int fill(struct lade_entry_stream_reader *reader, size_t len, struct lade_fault *fault)
{
	const size_t there = reader->end - reader->start;
	uint64_t wanted = len > AHEAD ? len : AHEAD;
	uint8_t *data;
	size_t got;
	int error;

	if (there >= len || !lade_stream_reader_left(reader->stream))
		return 0;
	if (wanted > there + lade_stream_reader_left(reader->stream))
		wanted = there + lade_stream_reader_left(reader->stream);
	if (there)
		memmove(reader->data, reader->data + reader->start, there);
	reader->start = 0;
	reader->end = there;
	if (wanted > reader->room) {
		data = realloc(reader->data, (size_t)wanted);
		if (!data)
			return lade_fault_set(fault, LADE_E_MEMORY, OPERATION, NULL);
		reader->data = data;
		reader->room = (size_t)wanted;
	}
	error = lade_stream_reader_read(reader->stream, reader->data + there, (size_t)wanted - there, &got, fault);
	if (!error)
		reader->end += got;
	return error;
}

/* Have the whole entry that begins at start. Returns 0 or what went wrong. */
static int fill_entry(struct lade_entry_stream_reader *reader, struct lade_fault *fault)
{
	struct lade_reader length;
	uint64_t len;
	int error = fill(reader, LENGTH_LEN_MAX, fault);

	if (error)
		return error;
	lade_reader_init(&length, reader->data + reader->start, reader->end - reader->start);
	len = lade_reader_get_varint(&length, LADE_STREAM_ENTRY_MAX);
	/* A length that cannot be makes the entry be none, below. */
	return length.error ? 0 : fill(reader, length.off + (size_t)len, fault);
}

int lade_entry_stream_reader_next(struct lade_entry_stream_reader *reader, struct lade_stream_entry *entry_out, struct lade_fault *fault)
{
	struct lade_reader bytes;
	int error;

	if (reader->start == reader->end && !lade_stream_reader_left(reader->stream))
		return 0;
	error = fill_entry(reader, fault);
	if (error)
		return error;
	lade_reader_init(&bytes, reader->data + reader->start, reader->end - reader->start);
	error = lade_stream_entry_get(&bytes, &reader->lengths, entry_out);
	if (!error && lade_stream_name_compare(lade_slice(reader->last, reader->last_len), entry_out->name) >= 0)
		error = LADE_E_CHANGED;
	/* Nothing is passed over: whoever asks again is told the same. */
	if (error)
		return lade_fault_set(fault, error, OPERATION, NULL);
	reader->start += bytes.off;
	reader->last_len = entry_out->name.len;
	memcpy(reader->last, entry_out->name.data, reader->last_len);
	return 1;
}
