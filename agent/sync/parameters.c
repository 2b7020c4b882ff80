/*
 * Settings to parameters and back. A field that is 0, or NULL, says that there is none: it does not travel.
 */
#include "agent/sync/parameters.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/id_map.h"
#include "agent/tree/metadata.h"
#include "chunker/codec.h"
#include "chunker/digest.h"
#include "protocol/limits.h"
#include "protocol/parameter.h"

/* Who acts on it. */
enum { RECEIVER = 1, SENDER = 2, BOTH = RECEIVER | SENDER };

enum kind { KIND_NUMBER, KIND_TEXT, KIND_NAME };

struct row {
	enum lade_parameter key;
	unsigned sides;
	enum kind kind;  /* a number is a uint64_t, the others are a const char *, owned once it was decoded; a name has a character set */
	size_t off;      /* of the field */
	uint64_t max;    /* of a number; of a text: its length */
};

#define NUMBER(key, sides, field, max) \
	{ LADE_PARAMETER_##key, sides, KIND_NUMBER, offsetof(struct lade_settings, field), max }
#define TEXT(key, sides, field, max) \
	{ LADE_PARAMETER_##key, sides, KIND_TEXT, offsetof(struct lade_settings, field), max }
#define NAME(key, sides, field, max) \
	{ LADE_PARAMETER_##key, sides, KIND_NAME, offsetof(struct lade_settings, field), max }

/* In the order of their keys. */
static const struct row rows[] = {
	NUMBER(COMPRESSION, SENDER, compression, LADE_COMPRESSION_COUNT - 1),
	NUMBER(LEVEL, SENDER, level, LADE_CODEC_LEVEL_MAX),
	NUMBER(SOURCE_NAMES, SENDER, source_names, 1),
	NAME(FILES_FROM, BOTH, files_from, LADE_TEXT_MAX),
	NUMBER(FROM0, BOTH, from0, 1),
	NUMBER(SIZE_LIMIT, RECEIVER, size_limit, UINT64_MAX),
	NUMBER(SIZE_LEAST, RECEIVER, size_least, UINT64_MAX),
	NUMBER(LISTING, SENDER, listing, 1),
	NUMBER(CHECKSUM, BOTH, checksum, LADE_DIGEST_KIND_COUNT - 1),
	NUMBER(FILE_CHECKSUM, BOTH, file_checksum, LADE_DIGEST_KIND_COUNT - 1),
	NUMBER(MODIFY_WINDOW, RECEIVER, modify_window, LADE_WINDOW_MAX),
	TEXT(USERMAP, BOTH, usermap, LADE_ID_MAP_TEXT_MAX),
	TEXT(GROUPMAP, BOTH, groupmap, LADE_ID_MAP_TEXT_MAX),
	TEXT(CHARSET, BOTH, far_names, LADE_CHARSET_NAME_MAX),
	NUMBER(DELETION, RECEIVER, deletion, LADE_DELETION_LAST),
	NUMBER(MAX_DELETE, RECEIVER, max_delete, LADE_MAX_DELETE_MAX + 1),
	NAME(BACKUP_DIR, RECEIVER, backup_dir, LADE_TARGET_MAX - 1),
	NAME(SUFFIX, RECEIVER, suffix, LADE_NAME_MAX),
	NAME(PARTIAL_DIR, RECEIVER, partial_dir, LADE_TARGET_MAX - 1),
	NAME(TEMP_DIR, RECEIVER, temp_dir, LADE_TARGET_MAX - 1),
	NUMBER(NO_PARTIAL, RECEIVER, no_partial, 1),
	TEXT(GUARD, SENDER, guard, LADE_TARGET_MAX - 1),
	NUMBER(FORCE_DELETE, SENDER, force_delete, 1),
	NUMBER(BWLIMIT, BOTH, bwlimit, INT64_MAX),
	NUMBER(TIMEOUT, BOTH, timeout, LADE_TIMEOUT_MAX),
	NUMBER(MAX_ALLOC, BOTH, max_alloc, INT64_MAX),
	NUMBER(ITEMS, RECEIVER, items, LADE_ITEMS_KNOWN),
	NUMBER(NOTES, BOTH, notes, (UINT64_C(1) << LADE_TOPIC_COUNT) - 1),
};

static const void *field_of(const struct lade_settings *settings, const struct row *row)
{
	return (const char *)settings + row->off;
}

static void encode(const struct lade_settings *settings, const struct row *row, struct lade_writer *writer)
{
	char converted[LADE_TARGET_MAX];
	struct lade_slice said;
	uint64_t number;
	const char *text;

	if (row->kind != KIND_NUMBER) {
		memcpy(&text, field_of(settings, row), sizeof(text));
		if (!text)
			return;
		said = lade_slice(text, strlen(text));
		if (row->kind == KIND_NAME) /* [charset] */
			said = lade_charset_show(settings->charset, LADE_CHARSET_OUT, said, converted, sizeof(converted));
		lade_parameter_put_text(writer, row->key, said);
	} else {
		memcpy(&number, field_of(settings, row), sizeof(number));
		if (number)
			lade_parameter_put_number(writer, row->key, number);
	}
}

void lade_parameters_encode(const struct lade_settings *settings, bool for_receiver, struct lade_writer *writer)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].sides & (for_receiver ? RECEIVER : SENDER))
			encode(settings, &rows[i], writer);
}

static const struct row *find_row(unsigned key)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].key == key)
			return &rows[i];
	return NULL;
}

static int decode(struct lade_settings *settings, const struct row *row, struct lade_slice value)
{
	void *field = (char *)settings + row->off;
	uint64_t number;
	char *text;
	int error;

	if (row->kind == KIND_NUMBER) {
		error = lade_parameter_number(value, row->max, &number);
		if (!error)
			memcpy(field, &number, sizeof(number));
		return error == LADE_E_LIMIT ? LADE_E_VERSION : error;
	}
	if (value.len > row->max || (value.len && memchr(value.data, '\0', value.len)))
		return LADE_E_PROTOCOL;
	text = strndup(value.len ? (const char *)value.data : "", value.len);
	if (!text)
		return LADE_E_MEMORY;
	memcpy(field, &text, sizeof(text));
	return 0;
}

int lade_parameters_decode(struct lade_slice encoded, bool is_receiver, struct lade_settings *settings, struct lade_fault *fault)
{
	struct lade_reader reader;
	struct lade_slice value;
	unsigned key = 0;
	int got;

	lade_reader_init(&reader, encoded.data, encoded.len);
	while ((got = lade_parameter_get(&reader, key, &key, &value)) == 1) {
		const struct row *row = find_row(key);

		if (!row || !(row->sides & (is_receiver ? RECEIVER : SENDER)))
			got = LADE_E_VERSION;
		else
			got = decode(settings, row, value);
		if (got)
			break;
	}
	if (!got)
		return 0;
	return lade_fault_set(fault, got, got == LADE_E_VERSION ? "understand the options of a newer client" : "understand the client's request",
			      NULL);
}

/* [charset] One of them; what cannot be converted stays as it is. */
static int convert(struct lade_settings *settings, const struct row *row)
{
	char converted[LADE_TARGET_MAX], *text, *copy;
	struct lade_slice here;

	memcpy(&text, field_of(settings, row), sizeof(text));
	if (!text)
		return 0;
	here = lade_charset_show(settings->charset, LADE_CHARSET_IN, lade_slice(text, strlen(text)), converted, sizeof(converted));
	if (here.len > row->max)
		return LADE_E_PROTOCOL;
	copy = strndup((const char *)here.data, here.len);
	if (!copy)
		return LADE_E_MEMORY;
	free(text);
	memcpy((char *)settings + row->off, &copy, sizeof(copy));
	return 0;
}

int lade_parameters_convert(struct lade_settings *settings)
{
	int error = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && settings->charset && !error; i++)
		if (rows[i].kind == KIND_NAME)
			error = convert(settings, &rows[i]);
	return error;
}

void lade_parameters_fini(struct lade_settings *settings)
{
	static const char *const none;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text;

		if (rows[i].kind == KIND_NUMBER)
			continue;
		memcpy(&text, field_of(settings, &rows[i]), sizeof(text));
		free(text);
		memcpy((char *)settings + rows[i].off, &none, sizeof(none));
	}
}
