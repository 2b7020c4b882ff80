/*
 * Fuzz target of protocol/bytes: the first half of the input says what to ask the
 * cursor, the second half is what it reads. Whatever decodes must encode to the same
 * bytes again: each value has one form.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ask once and put what came back, so that both streams of bytes can be compared. */
static void ask(uint8_t what, struct lade_reader *reader, struct lade_writer *writer)
{
	struct lade_slice slice;

	switch (what % 5) {
	case 0:
		lade_writer_put_varint(writer, lade_reader_get_varint(reader, UINT64_MAX));
		break;
	case 1:
		lade_writer_put_signed(writer, lade_reader_get_signed(reader));
		break;
	case 2:
		lade_writer_put_u8(writer, lade_reader_get_u8(reader));
		break;
	case 3:
		slice = lade_reader_get_exact(reader, what / 5);
		lade_writer_put_bytes(writer, slice.data, slice.len);
		break;
	default:
		lade_writer_put_slice(writer, lade_reader_get_slice(reader, what));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t questions = size / 2, good_len = 0;
	struct lade_reader reader;
	struct lade_writer writer;

	lade_reader_init(&reader, data + questions, size - questions);
	lade_writer_init(&writer, size + 64);
	for (size_t i = 0; i < questions && !reader.error; i++) {
		ask(data[i], &reader, &writer);
		if (!reader.error)
			good_len = reader.off;
	}
	if (writer.error || writer.len < good_len ||
	    (good_len > 0 && memcmp(writer.data, data + questions, good_len) != 0))
		abort();
	lade_writer_fini(&writer);
	return 0;
}
