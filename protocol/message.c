/*
 * Encoders, decoders and dump of all messages, generated from messages.def.
 *
 * A decoder reads its fields in order through the checked cursor, which remembers
 * the first failure; the body must be used up exactly.
 */
#include "protocol/message.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/byteorder.h"
#include "protocol/error.h"

#define BODY_LEN_MAX 0xffffffu

/* Begin a message: its header with the length still open. Returns the header's offset. */
static size_t put_begin(struct lade_writer *writer, enum lade_message_type type)
{
	const uint8_t header[LADE_MESSAGE_HEADER_LEN] = { (uint8_t)type };
	size_t start = writer->len;

	lade_writer_put_bytes(writer, header, sizeof(header));
	return start;
}

static void put_end(struct lade_writer *writer, size_t start)
{
	size_t len;

	if (writer->error) {
		writer->len = start;
		return;
	}
	len = writer->len - start - LADE_MESSAGE_HEADER_LEN;
	assert(len <= BODY_LEN_MAX);
	writer->data[start + 1] = (uint8_t)len;
	writer->data[start + 2] = (uint8_t)(len >> 8);
	writer->data[start + 3] = (uint8_t)(len >> 16);
}

#define BEGIN(name, NAME, number) \
	void lade_put_##name(struct lade_writer *writer, const struct lade_msg_##name *message) \
	{ \
		size_t start = put_begin(writer, LADE_MSG_##NAME);
#define U32(name, field, max) lade_writer_put_varint(writer, message->field);
#define U64(name, field, max) lade_writer_put_varint(writer, message->field);
#define S64(name, field) lade_writer_put_signed(writer, message->field);
#define BYTES(name, field, max) lade_writer_put_slice(writer, message->field);
#define DIGEST(name, field) lade_writer_put_bytes(writer, message->field, LADE_DIGEST_LEN);
#define END(name) \
		put_end(writer, start); \
	}
#include "protocol/messages.def"

static void get_digest(struct lade_reader *reader, uint8_t digest[LADE_DIGEST_LEN])
{
	struct lade_slice bytes = lade_reader_get_exact(reader, LADE_DIGEST_LEN);

	if (bytes.len == LADE_DIGEST_LEN)
		memcpy(digest, bytes.data, LADE_DIGEST_LEN);
}

#define BEGIN(name, NAME, number) \
	static void get_##name(struct lade_reader *reader, struct lade_msg_##name *message) \
	{
#define U32(name, field, max) message->field = (uint32_t)lade_reader_get_varint(reader, max);
#define U64(name, field, max) message->field = lade_reader_get_varint(reader, max);
#define S64(name, field) message->field = lade_reader_get_signed(reader);
#define BYTES(name, field, max) message->field = lade_reader_get_slice(reader, max);
#define DIGEST(name, field) get_digest(reader, message->field);
#define END(name) }
#include "protocol/messages.def"

static void get_body(struct lade_reader *body, struct lade_message *message)
{
	switch (message->type) {
#define BEGIN(name, NAME, number) \
	case LADE_MSG_##NAME: \
		get_##name(body, &message->name); \
		break;
#include "protocol/messages.def"
	}
}

const char *lade_message_name(enum lade_message_type type)
{
	switch (type) {
#define BEGIN(name, NAME, number) \
	case LADE_MSG_##NAME: \
		return #NAME;
#include "protocol/messages.def"
	}
	return "?";
}

int lade_message_peek(const struct lade_reader *reader, enum lade_message_type *type_out, size_t *len_out)
{
	const uint8_t *header;
	size_t left = lade_reader_left(reader), len;

	if (reader->error)
		return reader->error;
	if (left < LADE_MESSAGE_HEADER_LEN)
		return LADE_E_TRUNCATED;
	header = reader->data + reader->off;
	len = LADE_MESSAGE_HEADER_LEN + ((size_t)header[1] | (size_t)header[2] << 8 | (size_t)header[3] << 16);
	if (left < len)
		return LADE_E_TRUNCATED;
	*type_out = (enum lade_message_type)header[0];
	*len_out = len;
	return lade_message_name(*type_out)[0] == '?' ? LADE_E_PROTOCOL : 0;
}

int lade_message_get(struct lade_reader *reader, struct lade_message *message_out)
{
	struct lade_reader body;
	int error;

	error = lade_message_peek(reader, &message_out->type, &message_out->encoded_len);
	if (error)
		return error;
	lade_reader_init(&body, reader->data + reader->off + LADE_MESSAGE_HEADER_LEN,
			 message_out->encoded_len - LADE_MESSAGE_HEADER_LEN);
	reader->off += message_out->encoded_len;
	get_body(&body, message_out);
	return lade_reader_finish(&body);
}

/* A line of text that is cut at its end, as snprintf does. */
struct line {
	char *text;
	size_t size, len;
};

static void line_add(struct line *line, const char *text)
{
	size_t room = line->len < line->size ? line->size - line->len : 0;

	line->len += (size_t)snprintf(room ? line->text + line->len : NULL, room, "%s", text);
}

static void line_number(struct line *line, const char *field, const char *sign, uint64_t value)
{
	char text[96];

	snprintf(text, sizeof(text), " %s=%s%" PRIu64, field, sign, value);
	line_add(line, text);
}

static void line_bytes(struct line *line, const char *field, struct lade_slice bytes)
{
	enum { SHOWN = 48 };
	char text[8];

	line_number(line, field, "", bytes.len);
	if (bytes.len == 0)
		return;
	line_add(line, ":");
	for (size_t i = 0; i < bytes.len && i < SHOWN; i++) {
		uint8_t byte = bytes.data[i];

		if (byte > ' ' && byte < 0x7f && byte != '\\')
			snprintf(text, sizeof(text), "%c", byte);
		else
			snprintf(text, sizeof(text), "\\#%03o", byte);
		line_add(line, text);
	}
	if (bytes.len > SHOWN)
		line_add(line, "...");
}

size_t lade_message_dump(const struct lade_message *message, char *text, size_t size)
{
	struct line line = { text, size, 0 };

	line_add(&line, lade_message_name(message->type));
	switch (message->type) {
#define BEGIN(name_, NAME, number) case LADE_MSG_##NAME:
#define U32(name_, field, max) line_number(&line, #field, "", message->name_.field);
#define U64(name_, field, max) line_number(&line, #field, "", message->name_.field);
#define S64(name_, field) \
	line_number(&line, #field, message->name_.field < 0 ? "-" : "", \
		    message->name_.field < 0 ? 0 - (uint64_t)message->name_.field : (uint64_t)message->name_.field);
#define BYTES(name_, field, max) line_bytes(&line, #field, message->name_.field);
#define DIGEST(name_, field) line_bytes(&line, #field, lade_slice(message->name_.field, LADE_DIGEST_LEN));
#define END(name_) break;
#include "protocol/messages.def"
	}
	return line.len;
}

void lade_bundle_put_header(uint8_t *header, uint32_t slot, uint32_t data_len,
			    const uint8_t digest[LADE_DIGEST_LEN])
{
	lade_put_le32(header, slot);
	lade_put_le32(header + 4, data_len);
	memcpy(header + 8, digest, LADE_DIGEST_LEN);
}

int lade_bundle_get(struct lade_reader *reader, struct lade_bundle_record *record_out)
{
	struct lade_slice header = lade_reader_get_exact(reader, LADE_BUNDLE_RECORD_LEN);
	uint32_t data_len;

	if (reader->error)
		return reader->error;
	record_out->slot = lade_get_le32(header.data);
	data_len = lade_get_le32(header.data + 4);
	memcpy(record_out->digest, header.data + 8, LADE_DIGEST_LEN);
	if (record_out->slot >= LADE_SLOTS_MAX || data_len > LADE_SMALL_MAX)
		return LADE_E_LIMIT;
	record_out->data = lade_reader_get_exact(reader, data_len);
	return reader->error;
}
