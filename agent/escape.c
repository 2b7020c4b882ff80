/*
 * Escaping for screens. Nothing that a terminal could obey passes: control characters
 * are not printable in any locale, those of the C1 range included.
 */
#include "agent/escape.h"

#include <string.h>
#include <wchar.h>
#include <wctype.h>

static void put_octal(struct lade_writer *writer, uint8_t byte)
{
	uint8_t text[5] = {
		'\\', '#', (uint8_t)('0' + (byte >> 6)), (uint8_t)('0' + ((byte >> 3) & 7)),
		(uint8_t)('0' + (byte & 7)),
	};

	lade_writer_put_bytes(writer, text, sizeof(text));
}

static bool digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* True if the bytes look like an escape of ours. */
static bool looks_escaped(const uint8_t *data, size_t len)
{
	return len >= 5 && data[0] == '\\' && data[1] == '#' && digit(data[2]) && digit(data[3]) &&
	       digit(data[4]);
}

/* The length of the printable character at data, or 0. */
static size_t printable_len(const uint8_t *data, size_t len)
{
	mbstate_t state;
	wchar_t wide;
	size_t used;

	if (data[0] == '\t' || (data[0] >= 0x20 && data[0] < 0x7f))
		return 1;
	memset(&state, 0, sizeof(state));
	used = mbrtowc(&wide, (const char *)data, len, &state);
	/* 0 is a NUL; the two largest values are invalid and incomplete. */
	if (used == 0 || used > len || !iswprint((wint_t)wide))
		return 0;
	return used;
}

/* A function like printable_len(). */
typedef size_t plain_len(const uint8_t *data, size_t len);

static size_t eight_bit_len(const uint8_t *data, size_t len)
{
	(void)len;
	return data[0] == '\t' || (data[0] >= 0x20 && data[0] != 0x7f);
}

static void put(struct lade_writer *writer, struct lade_slice bytes, plain_len *is_plain)
{
	size_t plain = 0, at = 0;

	while (at < bytes.len) {
		size_t used = looks_escaped(bytes.data + at, bytes.len - at) ? 0 :
			is_plain(bytes.data + at, bytes.len - at);

		if (used) {
			at += used;
			continue;
		}
		lade_writer_put_bytes(writer, bytes.data + plain, at - plain);
		put_octal(writer, bytes.data[at]);
		plain = ++at;
	}
	if (at > plain)
		lade_writer_put_bytes(writer, bytes.data + plain, at - plain);
}

void lade_escape_put(struct lade_writer *writer, struct lade_slice bytes)
{
	put(writer, bytes, printable_len);
}

void lade_escape_put_8_bit(struct lade_writer *writer, struct lade_slice bytes)
{
	put(writer, bytes, eight_bit_len);
}

void lade_escape_put_text(struct lade_writer *writer, const char *text)
{
	lade_escape_put(writer, lade_slice(text, strlen(text)));
}
