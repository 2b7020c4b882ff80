/*
 * Names, after a table of their forms, which is walked for reading and for writing: so there is one place that knows them.
 *
 * In a form capital letters stand for parts, as no name has any, and all else for itself. A name has one form at most, and each set of parts one name. No name
 * is longer than LADE_OBJECT_NAME_MAX: the longest one, of a session that was committed, has 105 bytes.
 */
#include "agent/store/object_name.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "protocol/error.h"

#define DECIMAL_SIZE 21u

static const char *const forms[LADE_NAME_COUNT] = {
	[LADE_NAME_FORMAT] = "format",
	[LADE_NAME_TRUST] = "trust/U",
	[LADE_NAME_KEY] = "keys/I",
	[LADE_NAME_PACK] = "packs/D/H",
	[LADE_NAME_TABLE] = "index/L/H",
	[LADE_NAME_SNAPSHOT] = "snapshots/W/N-S-T",
	[LADE_NAME_NOTE] = "notes/W-N-S/K",
	[LADE_NAME_REFS] = "refs/W-N-S/G",
	[LADE_NAME_FORGOTTEN] = "forgotten/W-N-S-T",
	[LADE_NAME_ACTIVE] = "sessions/P-R.active",
	[LADE_NAME_BEAT] = "sessions/P-R.beat-K",
	[LADE_NAME_SESSION_TABLE] = "sessions/P-R.table-K",
	[LADE_NAME_SESSION_REFS] = "sessions/P-R.refs",
	[LADE_NAME_SESSION_SNAPSHOT] = "sessions/P-R.snapshot",
	[LADE_NAME_LATER_REFS] = "sessions/P-R.refs-K",
	[LADE_NAME_SESSION_GONE] = "sessions/P-R.gone",
	[LADE_NAME_COMMITTED] = "sessions/P-R.committed-T",
	[LADE_NAME_FENCED] = "sessions/P-R.fenced",
	[LADE_NAME_TOMBSTONE] = "tombstones/H",
	[LADE_NAME_GONE] = "gone/H",
};

/* A part: bytes in hexadecimal (len is not 0), or a number. One of both pointers is into a struct lade_object_name. */
struct part {
	uint8_t *bytes;
	size_t len;
	uint64_t *number;
	uint64_t least, most;
};

static struct part part_of_bytes(uint8_t *bytes, size_t len)
{
	return (struct part){ .bytes = bytes, .len = len };
}

static struct part part_of_number(uint64_t *number, uint64_t least, uint64_t most)
{
	return (struct part){ .number = number, .least = least, .most = most };
}

static struct part find_part(char letter, struct lade_object_name *name)
{
	switch (letter) {
	case 'D': /* the first two digits of what follows */
		return part_of_bytes(name->hash, 1);
	case 'H':
		return part_of_bytes(name->hash, sizeof(name->hash));
	case 'I':
		return part_of_bytes(name->id, sizeof(name->id));
	case 'W':
		return part_of_bytes(name->snapshot.writer, sizeof(name->snapshot.writer));
	case 'S':
		return part_of_bytes(name->snapshot.hash, sizeof(name->snapshot.hash));
	case 'P':
		return part_of_bytes(name->session.party, sizeof(name->session.party));
	case 'R':
		return part_of_bytes(name->session.random, sizeof(name->session.random));
	case 'N':
		return part_of_number(&name->snapshot.number, 1, UINT64_MAX);
	case 'T':
		return part_of_number(&name->time, 0, UINT64_MAX);
	/* Numbers that have four bytes in the object, or one. */
	case 'U':
		return part_of_number(&name->number, 1, UINT32_MAX);
	case 'G':
		return part_of_number(&name->number, 0, UINT32_MAX);
	case 'L':
		return part_of_number(&name->number, 0, UINT8_MAX);
	default:
		return part_of_number(&name->number, 1, UINT64_MAX);
	}
}

static bool is_part(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* ---- reading ---- */

/* The value of a digit, 16 and more if it is none. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Each of these moves *at behind what it has read, or returns false. */
static bool read_bytes(const char **at, const struct part *part)
{
	for (size_t i = 0; i < part->len; i++, *at += 2) {
		const unsigned high = digit((*at)[0]), low = high < 16 ? digit((*at)[1]) : 16;

		if (low >= 16)
			return false;
		part->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_number(const char **at, const struct part *part)
{
	const char *const begin = *at;
	uint64_t number = 0;

	for (; digit(**at) < 10; (*at)++) {
		const unsigned value = digit(**at);

		if (number > (UINT64_MAX - value) / 10)
			return false;
		number = number * 10 + value;
	}
	if (*at == begin || (*begin == '0' && *at != begin + 1) || number < part->least || number > part->most)
		return false;
	*part->number = number;
	return true;
}

static bool read_name(const char *at, const char *form, struct lade_object_name *out)
{
	const char *const begin = at;

	for (; *form; form++) {
		struct part part;

		if (!is_part(*form)) {
			if (*at++ != *form)
				return false;
			continue;
		}
		part = find_part(*form, out);
		if (part.len ? !read_bytes(&at, &part) : !read_number(&at, &part))
			return false;
	}
	/* What is in a directory of digits begins with them. */
	return !*at && (out->kind != LADE_NAME_PACK || memcmp(begin + 6, begin + 9, 2) == 0);
}

int lade_object_name_parse(const char *name, struct lade_object_name *name_out)
{
	for (unsigned kind = 0; kind < LADE_NAME_COUNT; kind++) {
		memset(name_out, 0, sizeof(*name_out));
		name_out->kind = (enum lade_name_kind)kind;
		if (read_name(name, forms[kind], name_out))
			return 0;
	}
	memset(name_out, 0, sizeof(*name_out));
	return LADE_E_REFUSED;
}

/* ---- writing ---- */

void lade_object_name_format(const struct lade_object_name *name, char out[LADE_OBJECT_NAME_MAX + 1])
{
	struct lade_object_name parts = *name;
	size_t len = 0;

	for (const char *form = forms[name->kind]; *form; form++) {
		struct part part;

		if (!is_part(*form)) {
			out[len++] = *form;
			continue;
		}
		part = find_part(*form, &parts);
		if (part.len) {
			sodium_bin2hex(out + len, LADE_OBJECT_NAME_MAX + 1 - len, part.bytes, part.len);
			len += 2 * part.len;
		} else {
			len += (size_t)snprintf(out + len, DECIMAL_SIZE, "%llu", (unsigned long long)*part.number);
		}
	}
	out[len] = '\0';
}
