/*
 * JSON objects on one line each (RFC 8259): what --json prints is made of these.
 *
 * Bytes that are UTF-8 are a string under their key. Others cannot be one: then the key has "_hex" behind it and its value is all
 * bytes, two hexadecimal digits each. So every name is told from every other.
 */
#ifndef LADE_AGENT_JSON_H
#define LADE_AGENT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/bytes.h"

/* True if bytes are UTF-8 (RFC 3629). */
bool lade_json_is_utf8(struct lade_slice bytes);

/* Begin an object of ours: version and name of the event. Failures are in writer->error, as everywhere here. */
void lade_json_begin(struct lade_writer *writer, const char *event);

/* The same as restic(1) has it, for commands about repositories: the type of the message, no version. */
void lade_json_message(struct lade_writer *writer, const char *type);

/* Begin one whose first member is text. */
void lade_json_begin_with(struct lade_writer *writer, const char *key, const char *text);

/* Add a list of count texts. If one of them is not UTF-8 then all are as bytes that are not, under the key with "_hex" behind it. */
void lade_json_texts(struct lade_writer *writer, const char *key, const struct lade_slice *texts, size_t count);

/* Add a member whose value is bytes. Keys are plain ASCII, here and below. */
void lade_json_bytes(struct lade_writer *writer, const char *key, struct lade_slice bytes);

/* Add text that ends with a NUL; bytes as above. */
void lade_json_text(struct lade_writer *writer, const char *key, const char *text);

/* Add a number. */
void lade_json_number(struct lade_writer *writer, const char *key, uint64_t value);

/* Add a number that may be below 0. */
void lade_json_signed(struct lade_writer *writer, const char *key, int64_t value);

/* Add true or false. */
void lade_json_bool(struct lade_writer *writer, const char *key, bool value);

/* Add a number with places digits behind the point. */
void lade_json_real(struct lade_writer *writer, const char *key, double value, int places);

/* End it; no newline. */
void lade_json_end(struct lade_writer *writer);

#endif
