/*
 * The checked cursor and the bounded writer. No value is computed from an
 * unchecked length: every length is compared with what is left first.
 */
#include "protocol/bytes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"

#define WRITER_FIRST_CAPACITY 256u
#define VARINT_MAX_LEN 10u

void lade_reader_init(struct lade_reader *reader, const void *data, size_t len)
{
	reader->data = data;
	reader->len = len;
	reader->off = 0;
	reader->error = 0;
}

size_t lade_reader_left(const struct lade_reader *reader)
{
	return reader->error ? 0 : reader->len - reader->off;
}

static void reader_fail(struct lade_reader *reader, int error)
{
	if (!reader->error)
		reader->error = error;
}

uint8_t lade_reader_get_u8(struct lade_reader *reader)
{
	if (lade_reader_left(reader) < 1) {
		reader_fail(reader, LADE_E_TRUNCATED);
		return 0;
	}
	return reader->data[reader->off++];
}

uint64_t lade_reader_get_varint(struct lade_reader *reader, uint64_t max)
{
	uint64_t value = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = lade_reader_get_u8(reader);
		if (reader->error)
			return 0;
		/* The tenth byte holds one bit; a last byte of zero would be an overlong form. */
		if ((shift == 63 && byte > 1) || (shift > 0 && byte == 0)) {
			reader_fail(reader, LADE_E_PROTOCOL);
			return 0;
		}
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (value > max) {
		reader_fail(reader, LADE_E_LIMIT);
		return 0;
	}
	return value;
}

int64_t lade_reader_get_signed(struct lade_reader *reader)
{
	uint64_t value = lade_reader_get_varint(reader, UINT64_MAX);
	uint64_t magnitude = value >> 1;

	return value & 1 ? -(int64_t)magnitude - 1 : (int64_t)magnitude;
}

struct lade_slice lade_reader_get_exact(struct lade_reader *reader, size_t len)
{
	struct lade_slice slice = { NULL, 0 };

	if (reader->error || lade_reader_left(reader) < len) {
		reader_fail(reader, LADE_E_TRUNCATED);
		return slice;
	}
	slice = lade_slice(reader->data + reader->off, len);
	reader->off += len;
	return slice;
}

struct lade_slice lade_reader_get_slice(struct lade_reader *reader, size_t max)
{
	size_t len = (size_t)lade_reader_get_varint(reader, max);

	return lade_reader_get_exact(reader, len);
}

int lade_reader_finish(const struct lade_reader *reader)
{
	if (reader->error)
		return reader->error;
	return reader->off == reader->len ? 0 : LADE_E_PROTOCOL;
}

void lade_writer_init(struct lade_writer *writer, size_t limit)
{
	memset(writer, 0, sizeof(*writer));
	writer->limit = limit;
}

void lade_writer_fini(struct lade_writer *writer)
{
	free(writer->data);
	lade_writer_init(writer, writer->limit);
}

void lade_writer_reset(struct lade_writer *writer)
{
	writer->len = 0;
	writer->error = 0;
}

uint8_t *lade_writer_reserve(struct lade_writer *writer, size_t len)
{
	size_t capacity;
	uint8_t *data;

	if (writer->error)
		return NULL;
	if (len > writer->limit - writer->len) {
		writer->error = LADE_E_LIMIT;
		return NULL;
	}
	if (len <= writer->capacity - writer->len)
		return writer->data + writer->len;
	capacity = writer->capacity ? writer->capacity : WRITER_FIRST_CAPACITY;
	while (capacity - writer->len < len)
		capacity *= 2;
	if (capacity > writer->limit)
		capacity = writer->limit;
	data = realloc(writer->data, capacity);
	if (!data) {
		writer->error = LADE_E_MEMORY;
		return NULL;
	}
	writer->data = data;
	writer->capacity = capacity;
	return data + writer->len;
}

void lade_writer_commit(struct lade_writer *writer, size_t len)
{
	assert(len <= writer->capacity - writer->len);
	writer->len += len;
}

void lade_writer_put_bytes(struct lade_writer *writer, const void *data, size_t len)
{
	uint8_t *room;

	if (len == 0)
		return;
	room = lade_writer_reserve(writer, len);
	if (!room)
		return;
	memcpy(room, data, len);
	writer->len += len;
}

void lade_writer_put_u8(struct lade_writer *writer, uint8_t value)
{
	lade_writer_put_bytes(writer, &value, 1);
}

void lade_writer_put_varint(struct lade_writer *writer, uint64_t value)
{
	uint8_t bytes[VARINT_MAX_LEN];
	size_t len = 0;

	while (value >= 0x80) {
		bytes[len++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes[len++] = (uint8_t)value;
	lade_writer_put_bytes(writer, bytes, len);
}

void lade_writer_put_signed(struct lade_writer *writer, int64_t value)
{
	uint64_t bits = (uint64_t)value << 1;

	lade_writer_put_varint(writer, value < 0 ? ~bits : bits);
}

void lade_writer_put_slice(struct lade_writer *writer, struct lade_slice slice)
{
	lade_writer_put_varint(writer, slice.len);
	lade_writer_put_bytes(writer, slice.data, slice.len);
}

bool lade_slice_equal(struct lade_slice a, struct lade_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
