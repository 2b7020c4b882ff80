/*
 * Fuzz target of directories of a repository: entries one after the other. What decodes, and has no field of the future, encodes to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/stream_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lade_stream_lengths lengths = { 32768, 16384 };

/* True if the encoding of an entry says that it has fields which are skipped. */
static int has_future(const uint8_t *data, size_t size)
{
	struct lade_reader reader;

	lade_reader_init(&reader, data, size);
	(void)lade_reader_get_varint(&reader, UINT64_MAX);
	(void)lade_reader_get_slice(&reader, LADE_STREAM_NAME_MAX);
	(void)lade_reader_get_varint(&reader, UINT64_MAX);
	return lade_reader_get_varint(&reader, UINT64_MAX) >> 32 != 0;
}

static void encode_again(const struct lade_stream_entry *entry, const uint8_t *data, size_t size)
{
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_STREAM_ENTRY_MAX + 16u);
	if (lade_stream_entry_put(&writer, &lengths, entry))
		abort();
	if (!has_future(data, size) && (writer.len != size || memcmp(writer.data, data, size) != 0))
		abort();
	lade_writer_fini(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lade_stream_entry entry;
	struct lade_reader reader;
	size_t off = 0;

	(void)lade_stream_xattrs_check(lade_slice(data, size));
	lade_reader_init(&reader, data, size);
	while (lade_reader_left(&reader) && lade_stream_entry_get(&reader, &lengths, &entry) == 0) {
		encode_again(&entry, data + off, reader.off - off);
		off = reader.off;
	}
	return 0;
}
