/*
 * [entry] One entry, encoded and decoded. Both look at the whole of it by the same function, so that what is written can be read. Fields come in
 * the order of their bits.
 */
#include "agent/store/stream_entry.h"

#include <string.h>
#include <sys/stat.h>

#define KNOWN ((LADE_ENTRY_INCOMPLETE << 1) - 1u)
#define BELONGS_TO_FUTURE UINT64_C(0xffffffff00000000) /* bits that are skipped */
#define MODE_BITS ((uint32_t)(S_IFMT | 07777))
#define NS_MAX 999999999u
#define HOLE_LEN 16u

int lade_stream_name_compare(struct lade_slice a, struct lade_slice b)
{
	const size_t common = a.len < b.len ? a.len : b.len;
	const int difference = common ? memcmp(a.data, b.data, common) : 0;

	if (difference)
		return difference;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* ---- what may be ---- */

static bool has_byte(struct lade_slice slice, int byte)
{
	return slice.len && memchr(slice.data, byte, slice.len);
}

static bool name_ok(struct lade_slice name)
{
	if (name.len < 1 || name.len > LADE_STREAM_NAME_MAX || has_byte(name, '/') || has_byte(name, '\0'))
		return false;
	return !(name.data[0] == '.' && (name.len == 1 || (name.len == 2 && name.data[1] == '.')));
}

int lade_stream_xattrs_check(struct lade_slice encoded)
{
	struct lade_slice name, last = { NULL, 0 };
	struct lade_reader reader;
	uint64_t count;

	lade_reader_init(&reader, encoded.data, encoded.len);
	count = lade_reader_get_varint(&reader, encoded.len);
	if (count == 0)
		return LADE_E_CHANGED;
	for (uint64_t i = 0; i < count; i++) {
		name = lade_reader_get_slice(&reader, encoded.len);
		(void)lade_reader_get_slice(&reader, encoded.len);
		/* The first name comes after the empty one, too: none is empty. */
		if (reader.error || has_byte(name, '\0') || lade_stream_name_compare(last, name) >= 0)
			return LADE_E_CHANGED;
		last = name;
	}
	return lade_reader_finish(&reader) ? LADE_E_CHANGED : 0;
}

/* The fields that an entry of that mode may have; 0 for a mode that there is not. */
static uint32_t fields_of(uint32_t mode)
{
	const uint32_t any = LADE_ENTRY_OWNER | LADE_ENTRY_MTIME | LADE_ENTRY_TIMES | LADE_ENTRY_XATTRS | LADE_ENTRY_XATTRS_RECIPE | LADE_ENTRY_NAMES |
			     LADE_ENTRY_FLAGS;

	if (mode & ~MODE_BITS)
		return 0;
	switch (mode & S_IFMT) {
	case S_IFREG:
		return any | LADE_ENTRY_INODE | LADE_ENTRY_RECIPE | LADE_ENTRY_HOLES | LADE_ENTRY_INCOMPLETE;
	case S_IFDIR:
		return any | LADE_ENTRY_RECIPE | LADE_ENTRY_INCOMPLETE;
	case S_IFLNK:
		return any | LADE_ENTRY_INODE | LADE_ENTRY_TARGET;
	case S_IFCHR:
	case S_IFBLK:
		return any | LADE_ENTRY_INODE | LADE_ENTRY_RDEV;
	case S_IFIFO:
	case S_IFSOCK:
		return any | LADE_ENTRY_INODE;
	default:
		return 0;
	}
}

/* True if a slice is a recipe of that kind and nothing else; *length_out is that of the stream. */
static bool recipe_ok(struct lade_slice encoded, enum lade_chunk_kind kind, const struct lade_stream_lengths *lengths, uint64_t *length_out)
{
	struct lade_stream_recipe recipe;
	struct lade_reader reader;

	lade_reader_init(&reader, encoded.data, encoded.len);
	if (lade_stream_recipe_get(&reader, kind, lengths, &recipe) || lade_reader_finish(&reader))
		return false;
	*length_out = recipe.length;
	return true;
}

static bool recipes_ok(const struct lade_stream_entry *entry, const struct lade_stream_lengths *lengths)
{
	const enum lade_chunk_kind kind = S_ISDIR(entry->mode) ? LADE_CHUNK_ENTRIES : LADE_CHUNK_CONTENT;
	uint64_t length;

	if (entry->fields & LADE_ENTRY_RECIPE && !recipe_ok(entry->recipe, kind, lengths, &length))
		return false;
	if (entry->fields & LADE_ENTRY_XATTRS_RECIPE &&
	    (!recipe_ok(entry->xattrs_recipe, LADE_CHUNK_CONTENT, lengths, &length) || length <= LADE_STREAM_XATTRS_INLINE_MAX))
		return false;
	if (!(entry->fields & LADE_ENTRY_HOLES))
		return true;
	return entry->fields & LADE_ENTRY_RECIPE && recipe_ok(entry->holes_recipe, LADE_CHUNK_CONTENT, lengths, &length) && length && length % HOLE_LEN == 0;
}

static bool times_ok(const struct lade_stream_entry *entry)
{
	if (entry->fields & LADE_ENTRY_MTIME && entry->mtime.ns > NS_MAX)
		return false;
	return !(entry->fields & LADE_ENTRY_TIMES) || (entry->ctime.ns <= NS_MAX && entry->btime.ns <= NS_MAX);
}

static bool xattrs_ok(const struct lade_stream_entry *entry)
{
	if (!(entry->fields & LADE_ENTRY_XATTRS))
		return true;
	return !(entry->fields & LADE_ENTRY_XATTRS_RECIPE) && entry->xattrs.len <= LADE_STREAM_XATTRS_INLINE_MAX && !lade_stream_xattrs_check(entry->xattrs);
}

static bool entry_ok(const struct lade_stream_entry *entry, const struct lade_stream_lengths *lengths)
{
	const uint32_t may = fields_of(entry->mode);

	if (!may || entry->fields & ~may || !name_ok(entry->name))
		return false;
	if (entry->fields & LADE_ENTRY_TARGET && (!entry->target.len || has_byte(entry->target, '\0')))
		return false;
	if (entry->fields & LADE_ENTRY_NAMES && (has_byte(entry->user, '\0') || has_byte(entry->group, '\0')))
		return false;
	if (entry->fields & LADE_ENTRY_INCOMPLETE && entry->incomplete != LADE_INCOMPLETE_CHANGED && entry->incomplete != LADE_INCOMPLETE_UNREAD)
		return false;
	return times_ok(entry) && xattrs_ok(entry) && recipes_ok(entry, lengths);
}

/* ---- encoding ---- */

static void put_time(struct lade_writer *writer, const struct lade_stream_time *time)
{
	lade_writer_put_signed(writer, time->s);
	lade_writer_put_varint(writer, time->ns);
}

static void put_slice_if(struct lade_writer *writer, bool wanted, struct lade_slice slice)
{
	if (wanted)
		lade_writer_put_bytes(writer, slice.data, slice.len);
}

/* What an entry has, one field after the other. */
static void put_fields(struct lade_writer *writer, const struct lade_stream_entry *entry)
{
	const uint32_t fields = entry->fields;

	if (fields & LADE_ENTRY_OWNER) {
		lade_writer_put_varint(writer, entry->uid);
		lade_writer_put_varint(writer, entry->gid);
	}
	if (fields & LADE_ENTRY_MTIME)
		put_time(writer, &entry->mtime);
	if (fields & LADE_ENTRY_TIMES) {
		put_time(writer, &entry->ctime);
		put_time(writer, &entry->btime);
	}
	if (fields & LADE_ENTRY_INODE) {
		lade_writer_put_varint(writer, entry->inode);
		lade_writer_put_varint(writer, entry->device);
		lade_writer_put_varint(writer, entry->links);
	}
	if (fields & LADE_ENTRY_RDEV) {
		lade_writer_put_varint(writer, entry->rdev_major);
		lade_writer_put_varint(writer, entry->rdev_minor);
	}
	if (fields & LADE_ENTRY_TARGET)
		lade_writer_put_slice(writer, entry->target);
	put_slice_if(writer, fields & LADE_ENTRY_RECIPE, entry->recipe);
	put_slice_if(writer, fields & LADE_ENTRY_XATTRS, entry->xattrs);
	put_slice_if(writer, fields & LADE_ENTRY_XATTRS_RECIPE, entry->xattrs_recipe);
	if (fields & LADE_ENTRY_NAMES) {
		lade_writer_put_slice(writer, entry->user);
		lade_writer_put_slice(writer, entry->group);
	}
	if (fields & LADE_ENTRY_FLAGS)
		lade_writer_put_varint(writer, entry->flags);
	put_slice_if(writer, fields & LADE_ENTRY_HOLES, entry->holes_recipe);
	if (fields & LADE_ENTRY_INCOMPLETE)
		lade_writer_put_varint(writer, (uint64_t)entry->incomplete);
}

/* Put the length of what was written since start before it. */
static void put_length_before(struct lade_writer *writer, size_t start)
{
	const size_t len = writer->len - start;
	uint8_t length[10];
	size_t length_len;

	if (writer->error)
		return;
	if (len > LADE_STREAM_ENTRY_MAX) {
		writer->error = LADE_E_LIMIT;
		return;
	}
	/* Its bytes are those that the writer makes of it, at the end for the time being. */
	lade_writer_put_varint(writer, len);
	if (writer->error)
		return;
	length_len = writer->len - start - len;
	memcpy(length, writer->data + start + len, length_len);
	memmove(writer->data + start + length_len, writer->data + start, len);
	memcpy(writer->data + start, length, length_len);
}

int lade_stream_entry_put(struct lade_writer *writer, const struct lade_stream_lengths *lengths, const struct lade_stream_entry *entry)
{
	const size_t start = writer->len;
	int error;

	if (writer->error)
		return writer->error;
	if (!entry_ok(entry, lengths))
		return LADE_E_USAGE;
	lade_writer_put_slice(writer, entry->name);
	lade_writer_put_varint(writer, entry->mode);
	lade_writer_put_varint(writer, entry->fields);
	put_fields(writer, entry);
	put_length_before(writer, start);
	error = writer->error;
	if (error) {
		writer->len = start;
		writer->error = 0;
	}
	return error;
}

/* ---- decoding ---- */

static void get_time(struct lade_reader *reader, struct lade_stream_time *time_out)
{
	time_out->s = lade_reader_get_signed(reader);
	time_out->ns = (uint32_t)lade_reader_get_varint(reader, NS_MAX);
}

/* What was read since off. */
static struct lade_slice since(const struct lade_reader *reader, size_t off)
{
	return lade_slice(reader->data + off, reader->off - off);
}

/* The bytes of a recipe, which entry_ok() looks at again as a whole. */
static struct lade_slice get_recipe(struct lade_reader *reader, enum lade_chunk_kind kind, const struct lade_stream_lengths *lengths)
{
	const size_t off = reader->off;
	struct lade_stream_recipe recipe;

	if (!reader->error && lade_stream_recipe_get(reader, kind, lengths, &recipe) && !reader->error)
		reader->error = LADE_E_PROTOCOL;
	return reader->error ? lade_slice(NULL, 0) : since(reader, off);
}

static struct lade_slice get_xattrs(struct lade_reader *reader)
{
	const size_t off = reader->off;
	const uint64_t count = lade_reader_get_varint(reader, LADE_STREAM_XATTRS_INLINE_MAX);

	for (uint64_t i = 0; i < count && !reader->error; i++) {
		(void)lade_reader_get_slice(reader, LADE_STREAM_XATTRS_INLINE_MAX);
		(void)lade_reader_get_slice(reader, LADE_STREAM_XATTRS_INLINE_MAX);
	}
	return reader->error ? lade_slice(NULL, 0) : since(reader, off);
}

/* The fields that are numbers, and the target. */
static void get_numbers(struct lade_reader *reader, struct lade_stream_entry *entry)
{
	if (entry->fields & LADE_ENTRY_OWNER) {
		entry->uid = (uint32_t)lade_reader_get_varint(reader, UINT32_MAX);
		entry->gid = (uint32_t)lade_reader_get_varint(reader, UINT32_MAX);
	}
	if (entry->fields & LADE_ENTRY_MTIME)
		get_time(reader, &entry->mtime);
	if (entry->fields & LADE_ENTRY_TIMES) {
		get_time(reader, &entry->ctime);
		get_time(reader, &entry->btime);
	}
	if (entry->fields & LADE_ENTRY_INODE) {
		entry->inode = lade_reader_get_varint(reader, UINT64_MAX);
		entry->device = lade_reader_get_varint(reader, UINT64_MAX);
		entry->links = lade_reader_get_varint(reader, UINT64_MAX);
	}
	if (entry->fields & LADE_ENTRY_RDEV) {
		entry->rdev_major = (uint32_t)lade_reader_get_varint(reader, UINT32_MAX);
		entry->rdev_minor = (uint32_t)lade_reader_get_varint(reader, UINT32_MAX);
	}
	if (entry->fields & LADE_ENTRY_TARGET)
		entry->target = lade_reader_get_slice(reader, LADE_STREAM_ENTRY_MAX);
}

/* The others. */
static void get_parts(struct lade_reader *reader, const struct lade_stream_lengths *lengths, struct lade_stream_entry *entry)
{
	const enum lade_chunk_kind kind = S_ISDIR(entry->mode) ? LADE_CHUNK_ENTRIES : LADE_CHUNK_CONTENT;

	if (entry->fields & LADE_ENTRY_RECIPE)
		entry->recipe = get_recipe(reader, kind, lengths);
	if (entry->fields & LADE_ENTRY_XATTRS)
		entry->xattrs = get_xattrs(reader);
	if (entry->fields & LADE_ENTRY_XATTRS_RECIPE)
		entry->xattrs_recipe = get_recipe(reader, LADE_CHUNK_CONTENT, lengths);
	if (entry->fields & LADE_ENTRY_NAMES) {
		entry->user = lade_reader_get_slice(reader, LADE_STREAM_ENTRY_MAX);
		entry->group = lade_reader_get_slice(reader, LADE_STREAM_ENTRY_MAX);
	}
	if (entry->fields & LADE_ENTRY_FLAGS)
		entry->flags = lade_reader_get_varint(reader, UINT64_MAX);
	if (entry->fields & LADE_ENTRY_HOLES)
		entry->holes_recipe = get_recipe(reader, LADE_CHUNK_CONTENT, lengths);
	if (entry->fields & LADE_ENTRY_INCOMPLETE)
		entry->incomplete = (enum lade_stream_incomplete)lade_reader_get_varint(reader, LADE_INCOMPLETE_UNREAD);
}

int lade_stream_entry_get(struct lade_reader *reader, const struct lade_stream_lengths *lengths, struct lade_stream_entry *entry_out)
{
	const struct lade_slice bytes = lade_reader_get_slice(reader, LADE_STREAM_ENTRY_MAX);
	struct lade_reader inner;
	uint64_t fields;

	memset(entry_out, 0, sizeof(*entry_out));
	lade_reader_init(&inner, bytes.data, bytes.len);
	entry_out->name = lade_reader_get_slice(&inner, LADE_STREAM_NAME_MAX);
	entry_out->mode = (uint32_t)lade_reader_get_varint(&inner, MODE_BITS);
	fields = lade_reader_get_varint(&inner, UINT64_MAX);
	if (inner.error || fields & ~(KNOWN | BELONGS_TO_FUTURE))
		return LADE_E_CHANGED;
	entry_out->fields = (uint32_t)(fields & KNOWN);
	get_numbers(&inner, entry_out);
	get_parts(&inner, lengths, entry_out);
	for (fields &= BELONGS_TO_FUTURE; fields; fields &= fields - 1)
		(void)lade_reader_get_slice(&inner, LADE_STREAM_ENTRY_MAX);
	return lade_reader_finish(&inner) || !entry_ok(entry_out, lengths) ? LADE_E_CHANGED : 0;
}
