/*
 * The messages as structures, and their encoding (see messages.def, PROTOCOL.md).
 *
 * A message is a header of four bytes (number, then the body's length as 24 bits,
 * little-endian) and its fields in order. Slices of a decoded message borrow from the
 * bytes that were decoded.
 */
#ifndef LADE_PROTOCOL_MESSAGE_H
#define LADE_PROTOCOL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"
#include "protocol/limits.h"

/* Bytes of a message's header. */
#define LADE_MESSAGE_HEADER_LEN 4u

enum lade_message_type {
#define BEGIN(name, NAME, number) LADE_MSG_##NAME = number,
#include "protocol/messages.def"
};

#define BEGIN(name, NAME, number) struct lade_msg_##name {
#define U32(name, field, max) uint32_t field;
#define U64(name, field, max) uint64_t field;
#define S64(name, field) int64_t field;
#define BYTES(name, field, max) struct lade_slice field;
#define DIGEST(name, field) uint8_t field[LADE_DIGEST_LEN];
#define END(name) };
#include "protocol/messages.def"

/* A decoded message: type says which member is valid. */
struct lade_message {
	enum lade_message_type type;
	size_t encoded_len; /* header included */
	union {
#define BEGIN(name, NAME, number) struct lade_msg_##name name;
#include "protocol/messages.def"
	};
};

/*
 * void lade_put_NAME(writer, message): append one message. A failure (out of memory,
 * the writer's limit) is in writer->error. The caller keeps fields within their limits.
 */
#define BEGIN(name, NAME, number) \
	void lade_put_##name(struct lade_writer *writer, const struct lade_msg_##name *message);
#include "protocol/messages.def"

/*
 * Decode the next message of reader. Returns 0, or LADE_E_TRUNCATED, LADE_E_LIMIT,
 * LADE_E_PROTOCOL (unknown number, left-over bytes). Slices borrow from the reader's bytes.
 */
int lade_message_get(struct lade_reader *reader, struct lade_message *message_out);

/*
 * Look at the next message without decoding it: its type and whole length (header
 * included). Returns 0, LADE_E_TRUNCATED when the reader holds less than that, or
 * LADE_E_PROTOCOL for an unknown number.
 */
int lade_message_peek(const struct lade_reader *reader, enum lade_message_type *type_out, size_t *len_out);

/* Upper-case name of a type ("WANT_RUN"); "?" for an unknown one. Static text. */
const char *lade_message_name(enum lade_message_type type);

/*
 * Write message as one line of text, for --debug=protocol: name and fields, byte strings as their
 * length and first bytes escaped. Returns the length it would have without size; always terminated.
 */
size_t lade_message_dump(const struct lade_message *message, char *text, size_t size);

/* One file of a bundle: a fixed header, then its bytes. See [bundle]. */
#define LADE_BUNDLE_RECORD_LEN 24u

/* A decoded record; data borrows from the payload. */
struct lade_bundle_record {
	uint32_t slot;
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_slice data;
};

/* Fill the header of a record (LADE_BUNDLE_RECORD_LEN bytes at header) whose data_len bytes stand behind it. */
void lade_bundle_put_header(uint8_t *header, uint32_t slot, uint32_t data_len,
			    const uint8_t digest[LADE_DIGEST_LEN]);

/* Get the next record of a bundle's payload. Returns 0, LADE_E_TRUNCATED or LADE_E_LIMIT. */
int lade_bundle_get(struct lade_reader *reader, struct lade_bundle_record *record_out);

#endif
