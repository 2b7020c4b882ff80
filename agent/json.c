/*
 * Objects are flat: a member is a comma, a key and a value.
 */
#include "agent/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Of what an object of ours looks like; members may be added without a new version. */
#define VERSION 1

static void put_text(struct lade_writer *writer, const char *text)
{
	lade_writer_put_bytes(writer, text, strlen(text));
}

void lade_json_begin(struct lade_writer *writer, const char *event)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"v\":%d,\"event\":\"%s\"", VERSION, event);
	put_text(writer, text);
}

void lade_json_message(struct lade_writer *writer, const char *type)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"message_type\":\"%s\"", type);
	put_text(writer, text);
}

static void put_key(struct lade_writer *writer, const char *key, const char *suffix)
{
	put_text(writer, ",\"");
	put_text(writer, key);
	put_text(writer, suffix);
	put_text(writer, "\":");
}

static bool continues(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the UTF-8 character at data (RFC 3629: no surrogates, nothing above U+10FFFF, the shortest form), or 0. */
static size_t utf8_len(const uint8_t *data, size_t len)
{
	uint8_t first = data[0];
	size_t need = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;

	if (need == 0 || need > len)
		return 0;
	for (size_t i = 1; i < need; i++)
		if (!continues(data[i]))
			return 0;
	if ((first == 0xe0 && data[1] < 0xa0) || (first == 0xed && data[1] > 0x9f) || (first == 0xf0 && data[1] < 0x90) ||
	    (first == 0xf4 && data[1] > 0x8f))
		return 0;
	return need;
}

bool lade_json_is_utf8(struct lade_slice bytes)
{
	for (size_t at = 0, len; at < bytes.len; at += len) {
		len = utf8_len(bytes.data + at, bytes.len - at);
		if (len == 0)
			return false;
	}
	return true;
}

/* Bytes of the control character that is at the front of text, which is UTF-8, and its code; 0: it is another character. U+0080 to U+009F are obeyed by terminals, too. */
static size_t control_at(struct lade_slice text, unsigned *code_out)
{
	*code_out = text.data[0];
	if (*code_out < 0x20 || *code_out == 0x7f)
		return 1;
	if (*code_out != 0xc2 || text.len < 2 || text.data[1] >= 0xa0)
		return 0;
	*code_out = text.data[1];
	return 2;
}

static void put_string(struct lade_writer *writer, struct lade_slice bytes)
{
	lade_writer_put_u8(writer, '"');
	for (size_t i = 0, len; i < bytes.len; i += len ? len : 1) {
		const uint8_t byte = bytes.data[i];
		unsigned code;
		char text[8];

		len = control_at(lade_slice(bytes.data + i, bytes.len - i), &code);
		if (len) {
			snprintf(text, sizeof(text), "\\u%04x", code);
			put_text(writer, text);
			continue;
		}
		if (byte == '"' || byte == '\\')
			lade_writer_put_u8(writer, '\\');
		lade_writer_put_u8(writer, byte);
	}
	lade_writer_put_u8(writer, '"');
}

static void put_hex(struct lade_writer *writer, struct lade_slice bytes)
{
	static const char digits[] = "0123456789abcdef";

	lade_writer_put_u8(writer, '"');
	for (size_t i = 0; i < bytes.len; i++) {
		lade_writer_put_u8(writer, (uint8_t)digits[bytes.data[i] >> 4]);
		lade_writer_put_u8(writer, (uint8_t)digits[bytes.data[i] & 15]);
	}
	lade_writer_put_u8(writer, '"');
}

void lade_json_bytes(struct lade_writer *writer, const char *key, struct lade_slice bytes)
{
	bool text = lade_json_is_utf8(bytes);

	put_key(writer, key, text ? "" : "_hex");
	if (text)
		put_string(writer, bytes);
	else
		put_hex(writer, bytes);
}

void lade_json_begin_with(struct lade_writer *writer, const char *key, const char *text)
{
	put_text(writer, "{\"");
	put_text(writer, key);
	put_text(writer, "\":");
	put_string(writer, lade_slice(text, strlen(text)));
}

void lade_json_texts(struct lade_writer *writer, const char *key, const struct lade_slice *texts, size_t count)
{
	bool text = true;

	for (size_t i = 0; i < count; i++)
		text = text && lade_json_is_utf8(texts[i]);
	put_key(writer, key, text ? "" : "_hex");
	lade_writer_put_u8(writer, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			lade_writer_put_u8(writer, ',');
		if (text)
			put_string(writer, texts[i]);
		else
			put_hex(writer, texts[i]);
	}
	lade_writer_put_u8(writer, ']');
}

void lade_json_text(struct lade_writer *writer, const char *key, const char *text)
{
	lade_json_bytes(writer, key, lade_slice(text, strlen(text)));
}

void lade_json_number(struct lade_writer *writer, const char *key, uint64_t value)
{
	char text[24];

	put_key(writer, key, "");
	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_text(writer, text);
}

void lade_json_signed(struct lade_writer *writer, const char *key, int64_t value)
{
	char text[24];

	put_key(writer, key, "");
	snprintf(text, sizeof(text), "%" PRId64, value);
	put_text(writer, text);
}

void lade_json_bool(struct lade_writer *writer, const char *key, bool value)
{
	put_key(writer, key, "");
	put_text(writer, value ? "true" : "false");
}

void lade_json_real(struct lade_writer *writer, const char *key, double value, int places)
{
	char text[64];

	put_key(writer, key, "");
	snprintf(text, sizeof(text), "%.*f", places, value < 1e18 ? value : 1e18);
	put_text(writer, text);
}

void lade_json_end(struct lade_writer *writer)
{
	lade_writer_put_u8(writer, '}');
}
