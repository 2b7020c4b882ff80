/*
 * [snapshot] Descriptions: a list of things, each with its length, so that those may be skipped that a reader does not know and need not.
 */
#include <string.h>

#include "agent/store/sealed_list.h"
#include "agent/store/snapshot_internal.h"
#include "protocol/error.h"
#include "protocol/grow.h"

#define VALUE_MAX 128u
#define NANOSECONDS_MAX 999999999u

/* What may be said; from OPTIONAL on it need not be understood. */
enum item {
	ITEM_END = 0,
	ITEM_ROOT = 1,
	ITEM_HOST = 2,
	ITEM_USER = 3,
	ITEM_PATH = 4,
	ITEM_TAG = 5,
	ITEM_EXCLUDE = 6,
	ITEM_PROGRAM = 7,
	ITEM_TIMES = 8,
	ITEM_FIGURES = 9,
	ITEM_PARENT = 10,
	ITEM_JOB = 11,
	ITEM_ORIGIN = 12,
	ITEM_OPTIONAL = 128,
};

/* ---- how much there is ---- */

/* Whether there are too many. Each is a slice in memory, so that their sum is far from wrapping. */
static bool too_many(const struct lade_snapshot_description *description)
{
	return description->paths.count + description->tags.count + description->excludes.count > LADE_SNAPSHOT_TEXTS_MAX;
}

/* Bytes of a text in the list, with its item and its length. */
static size_t listed_len(struct lade_slice text)
{
	size_t len = text.data ? 2 + text.len : 0;

	for (size_t left = text.len >> 7; text.data && left; left >>= 7)
		len++;
	return len;
}

static size_t texts_len(const struct lade_snapshot_texts *texts)
{
	size_t len = 0;

	for (size_t i = 0; i < texts->count; i++)
		len += listed_len(texts->texts[i]);
	return len;
}

int lade_snapshot_check_texts(const struct lade_snapshot_description *description)
{
	size_t len;

	if (too_many(description))
		return LADE_E_LIMIT;
	len = listed_len(description->host) + listed_len(description->user) + listed_len(description->program) + listed_len(description->job);
	len += texts_len(&description->paths) + texts_len(&description->tags) + texts_len(&description->excludes);
	return lade_sealed_list_padded(len, LADE_SNAPSHOT_LIST_LEAST) > LADE_SNAPSHOT_MAX - LADE_SNAPSHOT_LATER_MAX ? LADE_E_LIMIT : 0;
}

/* ---- writing ---- */

static void put_text(struct lade_writer *list, enum item item, struct lade_slice text)
{
	if (!text.data)
		return;
	lade_writer_put_u8(list, (uint8_t)item);
	lade_writer_put_slice(list, text);
}

static void put_texts(struct lade_writer *list, enum item item, const struct lade_snapshot_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		lade_writer_put_u8(list, (uint8_t)item);
		lade_writer_put_slice(list, texts->texts[i]);
	}
}

static void put_moment(struct lade_writer *value, const struct lade_snapshot_moment *moment)
{
	lade_writer_put_signed(value, moment->seconds);
	lade_writer_put_varint(value, moment->nanoseconds);
}

static void put_figures(struct lade_writer *value, const struct lade_snapshot_figures *figures)
{
	lade_writer_put_varint(value, figures->files);
	lade_writer_put_varint(value, figures->directories);
	lade_writer_put_varint(value, figures->others);
	lade_writer_put_varint(value, figures->bytes);
	lade_writer_put_varint(value, figures->bytes_new);
	lade_writer_put_varint(value, figures->bytes_stored);
	lade_writer_put_varint(value, figures->errors);
}

static void put_origin(struct lade_writer *value, const struct lade_snapshot_origin *origin)
{
	lade_writer_put_bytes(value, origin->repository, sizeof(origin->repository));
	lade_writer_put_bytes(value, origin->snapshot, sizeof(origin->snapshot));
	lade_writer_put_bytes(value, origin->writer, sizeof(origin->writer));
	lade_object_put_u64(value, origin->time);
}

/* Append what was made in value, and empty it for the next thing. */
static void put_value(struct lade_writer *list, enum item item, struct lade_writer *value)
{
	if (value->error && !list->error)
		list->error = value->error;
	put_text(list, item, lade_slice(value->data, value->len));
	lade_writer_reset(value);
}

int lade_snapshot_description_put(struct lade_writer *list, const struct lade_snapshot_description *description)
{
	struct lade_writer value;

	if (!description->root.data ||
	    (description->has_times && (description->begin.nanoseconds > NANOSECONDS_MAX || description->end.nanoseconds > NANOSECONDS_MAX)))
		return LADE_E_USAGE;
	if (too_many(description))
		return LADE_E_LIMIT;
	lade_writer_init(&value, VALUE_MAX);
	put_text(list, ITEM_ROOT, description->root);
	put_text(list, ITEM_HOST, description->host);
	put_text(list, ITEM_USER, description->user);
	put_texts(list, ITEM_PATH, &description->paths);
	put_texts(list, ITEM_TAG, &description->tags);
	put_texts(list, ITEM_EXCLUDE, &description->excludes);
	put_text(list, ITEM_PROGRAM, description->program);
	if (description->has_times) {
		put_moment(&value, &description->begin);
		put_moment(&value, &description->end);
		put_value(list, ITEM_TIMES, &value);
	}
	if (description->has_figures) {
		put_figures(&value, &description->figures);
		put_value(list, ITEM_FIGURES, &value);
	}
	if (description->has_parent)
		put_text(list, ITEM_PARENT, lade_slice(description->parent, sizeof(description->parent)));
	put_text(list, ITEM_JOB, description->job);
	if (description->has_origin) {
		put_origin(&value, &description->origin);
		put_value(list, ITEM_ORIGIN, &value);
	}
	lade_writer_fini(&value);
	return list->error;
}

/* ---- reading ---- */

/* Each of these returns 0 or LADE_E_CHANGED: it was there already, or is not what it has to be. */
static int get_text(struct lade_slice *out, struct lade_slice value)
{
	if (out->data)
		return LADE_E_CHANGED;
	*out = value;
	return 0;
}

static void get_moment(struct lade_reader *value, struct lade_snapshot_moment *out)
{
	out->seconds = lade_reader_get_signed(value);
	out->nanoseconds = (uint32_t)lade_reader_get_varint(value, NANOSECONDS_MAX);
}

static void get_figures(struct lade_reader *value, struct lade_snapshot_figures *out)
{
	out->files = lade_reader_get_varint(value, UINT64_MAX);
	out->directories = lade_reader_get_varint(value, UINT64_MAX);
	out->others = lade_reader_get_varint(value, UINT64_MAX);
	out->bytes = lade_reader_get_varint(value, UINT64_MAX);
	out->bytes_new = lade_reader_get_varint(value, UINT64_MAX);
	out->bytes_stored = lade_reader_get_varint(value, UINT64_MAX);
	out->errors = lade_reader_get_varint(value, UINT64_MAX);
}

static void get_origin(struct lade_reader *value, struct lade_snapshot_origin *out)
{
	lade_object_get_bytes(value, out->repository, sizeof(out->repository));
	lade_object_get_bytes(value, out->snapshot, sizeof(out->snapshot));
	lade_object_get_bytes(value, out->writer, sizeof(out->writer));
	out->time = lade_object_get_u64(value);
}

/* What is of several parts, the whole of the value. has: whether it was there already. */
static int get_parts(struct lade_snapshot_description *out, enum item item, bool *has, struct lade_slice value)
{
	struct lade_reader reader;

	if (*has)
		return LADE_E_CHANGED;
	*has = true;
	lade_reader_init(&reader, value.data, value.len);
	switch (item) {
	case ITEM_TIMES:
		get_moment(&reader, &out->begin);
		get_moment(&reader, &out->end);
		break;
	case ITEM_FIGURES:
		get_figures(&reader, &out->figures);
		break;
	case ITEM_PARENT:
		lade_object_get_bytes(&reader, out->parent, sizeof(out->parent));
		break;
	default:
		get_origin(&reader, &out->origin);
		break;
	}
	return lade_reader_finish(&reader) ? LADE_E_CHANGED : 0;
}

/* How much room there is for texts while they are read, and how many there are. */
struct rooms {
	size_t paths, tags, excludes;
	size_t count;
};

static int add_text(struct lade_snapshot_texts *texts, struct rooms *rooms, size_t *room, struct lade_slice value)
{
	struct lade_slice *grown;

	if (rooms->count++ == LADE_SNAPSHOT_TEXTS_MAX)
		return LADE_E_CHANGED;
	grown = lade_grown(texts->texts, texts->count, room, sizeof(*grown));
	if (!grown)
		return LADE_E_MEMORY;
	texts->texts = grown;
	grown[texts->count++] = value;
	return 0;
}

static int get_item(struct lade_snapshot_description *out, struct rooms *rooms, enum item item, struct lade_slice value)
{
	switch (item) {
	case ITEM_ROOT:
		return get_text(&out->root, value);
	case ITEM_HOST:
		return get_text(&out->host, value);
	case ITEM_USER:
		return get_text(&out->user, value);
	case ITEM_PATH:
		return add_text(&out->paths, rooms, &rooms->paths, value);
	case ITEM_TAG:
		return add_text(&out->tags, rooms, &rooms->tags, value);
	case ITEM_EXCLUDE:
		return add_text(&out->excludes, rooms, &rooms->excludes, value);
	case ITEM_PROGRAM:
		return get_text(&out->program, value);
	case ITEM_TIMES:
		return get_parts(out, item, &out->has_times, value);
	case ITEM_FIGURES:
		return get_parts(out, item, &out->has_figures, value);
	case ITEM_PARENT:
		return get_parts(out, item, &out->has_parent, value);
	case ITEM_JOB:
		return get_text(&out->job, value);
	case ITEM_ORIGIN:
		return get_parts(out, item, &out->has_origin, value);
	default:
		return item >= ITEM_OPTIONAL ? 0 : LADE_E_CHANGED;
	}
}

int lade_snapshot_description_get(struct lade_snapshot_description *description, size_t len)
{
	struct rooms rooms = { 0 };
	struct lade_reader reader;
	size_t end = 0;

	lade_reader_init(&reader, description->bytes, len);
	while (lade_reader_left(&reader)) {
		const enum item item = (enum item)lade_reader_get_u8(&reader);
		struct lade_slice value;
		int error;

		if (item == ITEM_END)
			break;
		value = lade_reader_get_slice(&reader, len);
		if (reader.error)
			return LADE_E_CHANGED;
		error = get_item(description, &rooms, item, value);
		if (error)
			return error;
		end = reader.off;
	}
	if (!description->root.data)
		return LADE_E_CHANGED;
	return lade_sealed_list_finish(&reader, end, LADE_SNAPSHOT_LIST_LEAST);
}
