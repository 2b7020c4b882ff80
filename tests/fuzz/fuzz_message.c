/*
 * Fuzz target of the message table: whatever decodes can be shown as text, and encodes to
 * the bytes that it came from. What stands in a bundle is decoded too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/entry.h"
#include "protocol/hello.h"
#include "protocol/message.h"
#include "tests/put_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text of any size ends where it must, and says how long it would be. */
static void dump(const struct lade_message *message)
{
	char text[4096], cut[40];
	size_t len = lade_message_dump(message, text, sizeof(text));

	if (len < strlen(text) || lade_message_dump(message, cut, sizeof(cut)) != len ||
	    strncmp(text, cut, strlen(cut)) != 0 || lade_message_dump(message, NULL, 0) != len)
		abort();
}

static void try_messages(const uint8_t *data, size_t size)
{
	struct lade_reader reader;
	struct lade_message message;
	struct lade_writer writer;
	size_t before = 0;

	lade_reader_init(&reader, data, size);
	lade_writer_init(&writer, size + 16);
	while (lade_reader_left(&reader) && lade_message_get(&reader, &message) == 0) {
		dump(&message);
		if (message.type == LADE_MSG_ENTRY)
			(void)lade_entry_check(&message.entry, true);
		lade_writer_reset(&writer);
		put_message(&writer, &message);
		if (writer.error || writer.len != message.encoded_len || reader.off - before != writer.len ||
		    memcmp(writer.data, data + before, writer.len) != 0)
			abort();
		before = reader.off;
	}
	lade_writer_fini(&writer);
}

static void try_bundle(const uint8_t *data, size_t size)
{
	struct lade_bundle_record record;
	struct lade_reader reader;
	uint8_t header[LADE_BUNDLE_RECORD_LEN];

	lade_reader_init(&reader, data, size);
	while (lade_reader_left(&reader) && lade_bundle_get(&reader, &record) == 0) {
		lade_bundle_put_header(header, record.slot, (uint32_t)record.data.len,
				       record.digest);
		if (memcmp(header, record.data.data - sizeof(header), sizeof(header)) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lade_hello hello;

	try_messages(data, size);
	try_bundle(data, size);
	if (size >= LADE_HELLO_LEN && lade_hello_get(data, &hello) == 0) {
		uint8_t again[LADE_HELLO_LEN];

		lade_hello_put(again, &hello);
		if (memcmp(again, data, LADE_HELLO_LEN - 16) != 0)
			abort();
	}
	return 0;
}
