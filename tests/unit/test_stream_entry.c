/*
 * Tests of agent/store/stream_entry: entries of all types are written and read again; what is not one is refused by both; directories are read in
 * order, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "agent/store/stream_entry.h"
#include "tests/unit/chunk_toy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SLICE(text) lade_slice(text, sizeof(text) - 1)

static const struct lade_stream_lengths lengths = { 32768, 16384 };
/* 300 bytes in one chunk; 4096, 4097 and 32 of them; 32 bytes that are inline */
static const char recipe[] = "\xac\2\1\1iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii\x2c\1\0\0\x2c\1\0\0\0\0\0\0";
static const char recipe_4096[] = "\x80\x20\1\1iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii\0\x10\0\0\0\x10\0\0\0\0\0\0";
static const char recipe_4097[] = "\x81\x20\1\1iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii\1\x10\0\0\1\x10\0\0\0\0\0\0";
static const char holes[] = "\x20\0aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb";
/* 20000 bytes in one chunk: content may have it, directories may not */
static const char recipe_20000[] = "\xa0\x9c\1\1\1iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii\x20\x4e\0\0\x20\x4e\0\0\0\0\0\0";
static const char xattrs[] = "\2\6user.a\3one\6user.b\0";

/* A file with all that one may have. */
static struct lade_stream_entry full(void)
{
	return (struct lade_stream_entry){
		.name = SLICE("name"), .mode = S_IFREG | 04755,
		.fields = LADE_ENTRY_OWNER | LADE_ENTRY_MTIME | LADE_ENTRY_TIMES | LADE_ENTRY_INODE | LADE_ENTRY_RECIPE | LADE_ENTRY_XATTRS | LADE_ENTRY_NAMES |
			  LADE_ENTRY_FLAGS | LADE_ENTRY_HOLES | LADE_ENTRY_INCOMPLETE,
		.uid = 1000, .gid = UINT32_MAX, .mtime = { -5, 999999999 }, .ctime = { INT64_MAX, 1 }, .btime = { INT64_MIN, 0 },
		.inode = UINT64_MAX, .device = 7, .links = 2, .recipe = SLICE(recipe), .xattrs = SLICE(xattrs), .user = SLICE("me"), .group = SLICE(""),
		.flags = 16, .holes_recipe = SLICE(holes), .incomplete = LADE_INCOMPLETE_UNREAD,
	};
}

static struct lade_stream_entry plain(const char *name, uint32_t mode)
{
	return (struct lade_stream_entry){ .name = lade_slice(name, strlen(name)), .mode = mode };
}

/* Get it from a copy, so that a read beyond the end shows. Slices in out are not to be used. */
static int decode(const void *bytes, size_t len, struct lade_stream_entry *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct lade_reader reader;
	int error;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	lade_reader_init(&reader, copy, len);
	error = lade_stream_entry_get(&reader, &lengths, out);
	if (!error && lade_reader_left(&reader))
		error = LADE_E_PROTOCOL;
	free(copy);
	return error;
}

static void assert_same_time(const struct lade_stream_time *a, const struct lade_stream_time *b)
{
	assert_true(a->s == b->s);
	assert_int_equal(a->ns, b->ns);
}

static void assert_same(const struct lade_stream_entry *a, const struct lade_stream_entry *b)
{
	assert_true(lade_slice_equal(a->name, b->name));
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->fields, b->fields);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_same_time(&a->mtime, &b->mtime);
	assert_same_time(&a->ctime, &b->ctime);
	assert_same_time(&a->btime, &b->btime);
	assert_true(a->inode == b->inode && a->device == b->device && a->links == b->links && a->flags == b->flags);
	assert_int_equal(a->rdev_major, b->rdev_major);
	assert_int_equal(a->rdev_minor, b->rdev_minor);
	assert_true(lade_slice_equal(a->target, b->target));
	assert_true(lade_slice_equal(a->recipe, b->recipe));
	assert_true(lade_slice_equal(a->xattrs, b->xattrs));
	assert_true(lade_slice_equal(a->xattrs_recipe, b->xattrs_recipe));
	assert_true(lade_slice_equal(a->user, b->user) && lade_slice_equal(a->group, b->group));
	assert_true(lade_slice_equal(a->holes_recipe, b->holes_recipe));
	assert_int_equal(a->incomplete, b->incomplete);
}

/* Put it, get it again; cut off anywhere it is none. */
static void assert_lives(const struct lade_stream_entry *entry)
{
	struct lade_stream_entry got;
	struct lade_writer writer;
	struct lade_reader reader;

	lade_writer_init(&writer, 1u << 21);
	lade_writer_put_u8(&writer, 'x');
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, entry), 0);
	lade_reader_init(&reader, writer.data + 1, writer.len - 1);
	assert_int_equal(lade_stream_entry_get(&reader, &lengths, &got), 0);
	assert_int_equal(lade_reader_finish(&reader), 0);
	assert_same(entry, &got);
	for (size_t len = 0; len < writer.len - 1; len++)
		assert_int_equal(decode(writer.data + 1, len, &got), LADE_E_CHANGED);
	lade_writer_fini(&writer);
}

static void test_all_types(void **state)
{
	struct lade_stream_entry entry = full();

	(void)state;
	assert_lives(&entry);
	entry.fields ^= LADE_ENTRY_XATTRS | LADE_ENTRY_XATTRS_RECIPE;
	entry.xattrs = lade_slice(NULL, 0);
	entry.xattrs_recipe = SLICE(recipe_4097);
	entry.incomplete = LADE_INCOMPLETE_CHANGED;
	assert_lives(&entry);
	entry = plain("...", S_IFDIR | 01777);
	assert_lives(&entry);
	entry.fields = LADE_ENTRY_RECIPE;
	entry.recipe = SLICE("\0\0");
	assert_lives(&entry);
	entry = plain("link", S_IFLNK | 0777);
	entry.fields = LADE_ENTRY_TARGET | LADE_ENTRY_INODE;
	entry.target = SLICE("../to");
	entry.links = 2;
	assert_lives(&entry);
	entry = plain("device", S_IFBLK | 0600);
	entry.fields = LADE_ENTRY_RDEV;
	entry.rdev_major = 8;
	entry.rdev_minor = UINT32_MAX;
	assert_lives(&entry);
	entry.mode = S_IFCHR | 0600;
	assert_lives(&entry);
	entry = plain("fifo", S_IFIFO | 0600);
	assert_lives(&entry);
	entry = plain("socket", S_IFSOCK);
	assert_lives(&entry);
}

/* The bytes are those of FORMAT.md. */
static void test_bytes(void **state)
{
	struct lade_stream_entry entry = plain("name", S_IFREG | 04777);
	struct lade_writer writer;

	(void)state;
	entry.fields = LADE_ENTRY_MTIME | LADE_ENTRY_RECIPE;
	entry.mtime = (struct lade_stream_time){ -5, 3 };
	entry.recipe = SLICE("\3\0abc");
	lade_writer_init(&writer, 1000);
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
	/* length, name, mode 0104777 as a varint, bits 1 and 6, -5, 3, the recipe */
	assert_int_equal(writer.len, 17);
	assert_memory_equal(writer.data, "\x10\4name\xff\x93\2\x42\x09\3\3\0abc", 17);
	lade_writer_fini(&writer);
}

static void refuse(const struct lade_stream_entry *entry, const char *why)
{
	struct lade_writer writer;

	lade_writer_init(&writer, 1u << 21);
	lade_writer_put_u8(&writer, 'x');
	if (lade_stream_entry_put(&writer, &lengths, entry) != LADE_E_USAGE || writer.len != 1 || writer.error)
		fail_msg("%s", why);
	lade_writer_fini(&writer);
}

/* Each field that does not belong there, or is not one. */
static void test_what_is_refused(void **state)
{
	static const uint32_t types[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK };
	static const struct { uint32_t field; const char *of; } fields[] = {
		{ LADE_ENTRY_INODE, "r.lcbps" }, { LADE_ENTRY_RDEV, "...cb.." }, { LADE_ENTRY_TARGET, "..l...." }, { LADE_ENTRY_RECIPE, "rd....." },
		{ LADE_ENTRY_INCOMPLETE, "rd....." }, { LADE_ENTRY_HOLES | LADE_ENTRY_RECIPE, "r......" }, { LADE_ENTRY_HOLES, "......." },
		{ LADE_ENTRY_XATTRS, "rdlcbps" }, { LADE_ENTRY_OWNER | LADE_ENTRY_NAMES, "rdlcbps" }, { 1u << 13, "......." }, { 1u << 31, "......." },
		{ LADE_ENTRY_XATTRS | LADE_ENTRY_XATTRS_RECIPE, "......." },
	};
	static const char *const names[] = { "", ".", "..", "a/b", "/" };
	struct lade_stream_entry entry;

	(void)state;
	for (size_t i = 0; i < COUNT(fields) * COUNT(types); i++) {
		const size_t field = i / COUNT(types), type = i % COUNT(types);

		entry = full();
		entry.fields = fields[field].field;
		entry.mode = types[type];
		entry.target = SLICE("target");
		entry.xattrs_recipe = SLICE(recipe_4097);
		if (fields[field].of[type] == '.') {
			refuse(&entry, "field of another type");
			continue;
		}
		struct lade_writer writer;

		lade_writer_init(&writer, 1u << 20);
		assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
		lade_writer_fini(&writer);
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		entry = plain(names[i], S_IFREG);
		refuse(&entry, "name");
	}
	entry = plain("x", S_IFREG);
	entry.name = SLICE("a\0b");
	refuse(&entry, "NUL in a name");
	for (uint32_t mode = 0; mode < 1u << 18; mode += 07777) {
		entry = plain("x", mode);
		if (mode & ~(uint32_t)(S_IFMT | 07777) || !strchr("\1\2\4\6\10\12\14", (int)((mode & S_IFMT) >> 12)) || mode < S_IFIFO)
			refuse(&entry, "mode");
	}
#define BAD(change) do { entry = full(); entry.change; refuse(&entry, #change); } while (0)
	BAD(mtime.ns = 1000000000);
	BAD(ctime.ns = 1000000000);
	BAD(btime.ns = 1000000000);
	BAD(incomplete = (enum lade_stream_incomplete)0);
	BAD(incomplete = (enum lade_stream_incomplete)3);
	BAD(user = SLICE("a\0"));
	BAD(group = SLICE("\0"));
	BAD(recipe = lade_slice(recipe, sizeof(recipe)));
	BAD(recipe = lade_slice(recipe, sizeof(recipe) - 2));
	BAD(holes_recipe = SLICE("\0\0"));
	BAD(holes_recipe = SLICE("\1\0a"));
	BAD(xattrs = SLICE("\0"));
	BAD(xattrs = SLICE(""));
	entry = plain("d", S_IFDIR);
	entry.fields = LADE_ENTRY_RECIPE;
	entry.recipe = SLICE(recipe_20000);
	refuse(&entry, "a chunk too long for a directory");
	entry.mode = S_IFREG;
	assert_lives(&entry);
	entry.fields = LADE_ENTRY_XATTRS_RECIPE;
	entry.xattrs_recipe = SLICE(recipe_4096);
	refuse(&entry, "attributes that belong into the entry");
	entry = plain("l", S_IFLNK);
	entry.fields = LADE_ENTRY_TARGET;
	refuse(&entry, "no target");
	entry.target = SLICE("a\0b");
	refuse(&entry, "NUL in a target");
}

/* An entry from its parts, as they are: its bytes are length, name, mode, fields, rest. */
static int decode_parts(struct lade_slice name, uint64_t mode, uint64_t fields, struct lade_slice rest)
{
	struct lade_stream_entry entry;
	struct lade_writer body, whole;
	int error;

	lade_writer_init(&body, 1u << 21);
	lade_writer_init(&whole, 1u << 21);
	lade_writer_put_slice(&body, name);
	lade_writer_put_varint(&body, mode);
	lade_writer_put_varint(&body, fields);
	lade_writer_put_bytes(&body, rest.data, rest.len);
	lade_writer_put_slice(&whole, lade_slice(body.data, body.len));
	error = decode(whole.data, whole.len, &entry);
	lade_writer_fini(&body);
	lade_writer_fini(&whole);
	return error;
}

static void test_entries_that_are_none(void **state)
{
	const struct lade_slice none = { NULL, 0 }, name = SLICE("n");
	struct lade_stream_entry entry;
	uint8_t *long_one = calloc(1, (1u << 20) + 1);

	(void)state;
	assert_non_null(long_one);
	assert_int_equal(decode_parts(name, S_IFREG, 0, none), 0);
	assert_int_equal(decode_parts(name, S_IFREG, 0, SLICE("x")), LADE_E_CHANGED);
	assert_int_equal(decode_parts(SLICE("."), S_IFREG, 0, none), LADE_E_CHANGED);
	assert_int_equal(decode_parts(none, S_IFREG, 0, none), LADE_E_CHANGED);
	assert_int_equal(decode_parts(lade_slice(long_one, 0), S_IFREG, 0, none), LADE_E_CHANGED);
	memset(long_one, 'n', 256);
	assert_int_equal(decode_parts(lade_slice(long_one, 255), S_IFREG, 0, none), 0);
	assert_int_equal(decode_parts(lade_slice(long_one, 256), S_IFREG, 0, none), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, 0, 0, none), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, S_IFREG | 1u << 16, 0, none), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, S_IFREG | UINT64_C(1) << 32, 0, none), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, S_IFMT, 0, none), LADE_E_CHANGED);
	for (unsigned bit = 13; bit < 64; bit++) {
		assert_int_equal(decode_parts(name, S_IFREG, UINT64_C(1) << bit, SLICE("\3abc")), bit < 32 ? LADE_E_CHANGED : 0);
		assert_int_equal(decode_parts(name, S_IFREG, UINT64_C(1) << bit, SLICE("\4abc")), LADE_E_CHANGED);
	}
	assert_int_equal(decode_parts(name, S_IFREG, UINT64_C(3) << 62 | 1, SLICE("\1\1\0\1a")), 0);
	assert_int_equal(decode_parts(name, S_IFREG, UINT64_C(3) << 62 | 1, SLICE("\1\1\0")), LADE_E_CHANGED);
	/* uid 2^32, nanoseconds 10^9, incomplete 3 */
	assert_int_equal(decode_parts(name, S_IFREG, 1, SLICE("\xff\xff\xff\xff\x0f\0")), 0);
	assert_int_equal(decode_parts(name, S_IFREG, 1, SLICE("\x80\x80\x80\x80\x10\0")), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, S_IFREG, 2, SLICE("\0\xff\x93\xeb\xdc\3")), 0);
	assert_int_equal(decode_parts(name, S_IFREG, 2, SLICE("\0\x80\x94\xeb\xdc\3")), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, S_IFREG, 1u << 12, SLICE("\2")), 0);
	assert_int_equal(decode_parts(name, S_IFREG, 1u << 12, SLICE("\3")), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, S_IFREG, 1u << 12, SLICE("\0")), LADE_E_CHANGED);
	assert_int_equal(decode_parts(name, S_IFREG, 1u << 6, SLICE("\3\0abc")), 0);
	assert_int_equal(decode_parts(name, S_IFREG, 1u << 6, SLICE("\3\1abc")), LADE_E_CHANGED);
	/* Above a MiB: 2^20 bytes are one, and one more is not. 2^20 = name 2, mode 3, fields 9, length 3 */
	assert_int_equal(decode_parts(name, S_IFREG, UINT64_C(1) << 62, lade_slice("\xef\xff\x3f", 3)), LADE_E_CHANGED);
	memcpy(long_one, "\xef\xff\x3f", 3);
	assert_int_equal(decode_parts(name, S_IFREG, UINT64_C(1) << 62, lade_slice(long_one, (1u << 20) - 14)), 0);
	long_one[0]++;
	assert_int_equal(decode_parts(name, S_IFREG, UINT64_C(1) << 62, lade_slice(long_one, (1u << 20) - 13)), LADE_E_CHANGED);
	assert_int_equal(decode("", 0, &entry), LADE_E_CHANGED);
	assert_int_equal(decode("\0", 1, &entry), LADE_E_CHANGED);
	free(long_one);
}

/* Whatever bit changes, what is still an entry is one that would be written so. */
static void test_each_bit(void **state)
{
	const struct lade_stream_entry entry = full();
	struct lade_stream_entry got;
	struct lade_writer writer, again;
	struct lade_reader reader;

	(void)state;
	lade_writer_init(&writer, 1u << 20);
	lade_writer_init(&again, 1u << 20);
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
	for (size_t bit = 0; bit < writer.len * 8; bit++) {
		writer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		lade_reader_init(&reader, writer.data, writer.len);
		if (lade_stream_entry_get(&reader, &lengths, &got) == 0 && lade_reader_left(&reader) == 0) {
			lade_writer_reset(&again);
			assert_int_equal(lade_stream_entry_put(&again, &lengths, &got), 0);
			assert_int_equal(again.len, writer.len);
			assert_memory_equal(again.data, writer.data, writer.len);
		}
		writer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	lade_writer_fini(&writer);
	lade_writer_fini(&again);
}

static void test_xattrs(void **state)
{
	const struct { struct lade_slice list; bool good; } cases[] = {
		{ SLICE(xattrs), true }, { SLICE("\1\1a\0"), true }, { SLICE(""), false }, { SLICE("\0"), false }, { SLICE("\1\0\0"), false }, { SLICE("\1\1\0\0"), false },
		{ SLICE("\2\1b\0\1a\0"), false }, { SLICE("\2\1a\0\1a\0"), false }, { SLICE("\2\1a\0\2ab\0"), true }, { SLICE("\2\2ab\0\1a\0"), false },
		{ SLICE("\1\1a\0x"), false }, { SLICE("\2\1a\0"), false }, { SLICE("\1\1a\2x"), false }, { SLICE("\xff\xff\xff\xff\x0f\1a\0"), false },
	};
	struct lade_stream_entry entry = plain("x", S_IFREG);
	uint8_t list[4097] = "\1\1a\xfa\x1f"; /* 4090 bytes of value */

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(lade_stream_xattrs_check(cases[i].list), cases[i].good ? 0 : LADE_E_CHANGED);
	entry.fields = LADE_ENTRY_XATTRS;
	entry.xattrs = lade_slice(list, 5 + 4090);
	assert_lives(&entry);
	list[3]++;
	entry.xattrs = lade_slice(list, 5 + 4091);
	assert_int_equal(entry.xattrs.len, LADE_STREAM_XATTRS_INLINE_MAX);
	assert_lives(&entry);
	list[3]++;
	entry.xattrs = lade_slice(list, 5 + 4092);
	assert_int_equal(lade_stream_xattrs_check(entry.xattrs), 0);
	refuse(&entry, "attributes that are too many");
}

static void test_no_room(void **state)
{
	struct lade_stream_entry entry = full();
	uint8_t *target = malloc(1u << 20);
	struct lade_writer writer;
	size_t len;

	(void)state;
	assert_non_null(target);
	memset(target, 't', 1u << 20);
	lade_writer_init(&writer, 1u << 20);
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
	len = writer.len;
	lade_writer_fini(&writer);
	for (size_t limit = 1; limit < 1 + len; limit++) {
		lade_writer_init(&writer, limit);
		lade_writer_put_u8(&writer, 'x');
		assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), LADE_E_LIMIT);
		assert_int_equal(writer.len, 1);
		assert_int_equal(writer.error, 0);
		lade_writer_fini(&writer);
	}
	entry = plain("l", S_IFLNK);
	entry.fields = LADE_ENTRY_TARGET;
	entry.target = lade_slice(target, (1u << 20) - 9); /* name 2, mode 3, fields 1, length 3 */
	lade_writer_init(&writer, 1u << 21);
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
	assert_int_equal(writer.len, (1u << 20) + 3);
	entry.target.len++;
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), LADE_E_LIMIT);
	assert_int_equal(writer.len, (1u << 20) + 3);
	lade_writer_fini(&writer);
	free(target);
}

/* ---- directories ---- */

/* A directory of entries that are encoded already: its recipe. */
static void make_directory(struct chunk_toy *toy, const struct lade_writer *entries, struct lade_stream_recipe *out)
{
	const struct lade_stream_sink sink = chunk_toy_sink(toy);
	struct lade_stream_writer *stream;
	struct lade_writer writer;
	struct lade_reader reader;

	lade_writer_init(&writer, 4096);
	assert_int_equal(lade_stream_writer_new(&sink, LADE_CHUNK_ENTRIES, &stream), 0);
	assert_int_equal(lade_stream_writer_feed(stream, lade_slice(entries->data, entries->len), NULL), 0);
	assert_int_equal(lade_stream_writer_finish(stream, &writer, NULL), 0);
	lade_reader_init(&reader, writer.data, writer.len);
	assert_int_equal(lade_stream_recipe_get(&reader, LADE_CHUNK_ENTRIES, &toy->lengths, out), 0);
	lade_stream_writer_free(stream);
	lade_writer_fini(&writer);
}

static struct lade_entry_stream_reader *open_directory(struct chunk_toy *toy, const struct lade_writer *entries)
{
	const struct lade_stream_source source = chunk_toy_source(toy);
	struct lade_entry_stream_reader *reader;
	struct lade_stream_recipe directory;

	make_directory(toy, entries, &directory);
	assert_int_equal(lade_entry_stream_reader_new(&source, &directory, &reader), 0);
	return reader;
}

static void test_directories(void **state)
{
	static const unsigned counts[] = { 0, 1, 3, 20000 };
	struct lade_entry_stream_reader *reader;
	struct lade_stream_entry entry = full(), got;
	struct lade_writer writer;
	struct chunk_toy toy;
	char name[20];

	(void)state;
	chunk_toy_init(&toy);
	lade_writer_init(&writer, 1u << 26);
	for (size_t i = 0; i < COUNT(counts); i++) {
		lade_writer_reset(&writer);
		for (unsigned j = 0; j < counts[i]; j++) {
			entry.name = lade_slice(name, (size_t)snprintf(name, sizeof(name), "%08u", j));
			entry.inode = j;
			assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
		}
		reader = open_directory(&toy, &writer);
		for (unsigned j = 0; j < counts[i]; j++) {
			/* What fails is tried again. */
			toy.gets_left = j % 3 ? 0 : UINT64_MAX;
			int result = lade_entry_stream_reader_next(reader, &got, NULL);

			toy.gets_left = UINT64_MAX;
			if (result == LADE_E_CLOSED)
				result = lade_entry_stream_reader_next(reader, &got, NULL);
			assert_int_equal(result, 1);
			entry.name = lade_slice(name, (size_t)snprintf(name, sizeof(name), "%08u", j));
			entry.inode = j;
			assert_same(&entry, &got);
		}
		assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 0);
		assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 0);
		lade_entry_stream_reader_free(reader);
	}
	lade_entry_stream_reader_free(NULL);
	lade_writer_fini(&writer);
	chunk_toy_fini(&toy);
}

/* The longest entry, behind a short one and before another. */
static void test_a_long_entry(void **state)
{
	uint8_t *target = malloc(1u << 20);
	struct lade_stream_entry entry = plain("b", S_IFLNK), a = plain("a", S_IFIFO), c = plain("c", S_IFIFO), got;
	struct lade_entry_stream_reader *reader;
	struct lade_writer writer;
	struct chunk_toy toy;

	(void)state;
	assert_non_null(target);
	chunk_toy_init(&toy);
	memset(target, 't', 1u << 20);
	entry.fields = LADE_ENTRY_TARGET;
	entry.target = lade_slice(target, (1u << 20) - 9);
	lade_writer_init(&writer, 1u << 21);
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &a), 0);
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
	assert_int_equal(lade_stream_entry_put(&writer, &lengths, &c), 0);
	reader = open_directory(&toy, &writer);
	assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 1);
	assert_same(&got, &a);
	assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 1);
	assert_same(&got, &entry);
	assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 1);
	assert_same(&got, &c);
	assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 0);
	lade_entry_stream_reader_free(reader);
	lade_writer_fini(&writer);
	chunk_toy_fini(&toy);
	free(target);
}

/* Two names, and whether they are in order. */
static void test_order(void **state)
{
	static const struct { const char *first, *second; bool good; } cases[] = {
		{ "a", "b", true }, { "b", "a", false }, { "a", "a", false }, { "a", "aa", true }, { "aa", "a", false }, { "a", "\xc3\xa4", true }, { "B", "a", true },
		{ "a", "B", false },
	};
	struct lade_entry_stream_reader *reader;
	struct lade_stream_entry entry, got;
	struct lade_writer writer;
	struct chunk_toy toy;

	(void)state;
	chunk_toy_init(&toy);
	lade_writer_init(&writer, 1u << 20);
	for (size_t i = 0; i < COUNT(cases); i++) {
		lade_writer_reset(&writer);
		entry = plain(cases[i].first, S_IFREG);
		assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
		entry = plain(cases[i].second, S_IFREG);
		assert_int_equal(lade_stream_entry_put(&writer, &lengths, &entry), 0);
		reader = open_directory(&toy, &writer);
		assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 1);
		assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), cases[i].good ? 1 : LADE_E_CHANGED);
		assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), cases[i].good ? 0 : LADE_E_CHANGED);
		lade_entry_stream_reader_free(reader);
	}
	/* The end in the middle of an entry, and a length that is none. */
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			writer.len--;
		else
			memset(writer.data, 0xff, writer.len);
		reader = open_directory(&toy, &writer);
		if (i == 0)
			assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), 1);
		assert_int_equal(lade_entry_stream_reader_next(reader, &got, NULL), LADE_E_CHANGED);
		lade_entry_stream_reader_free(reader);
	}
	lade_writer_fini(&writer);
	chunk_toy_fini(&toy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_types), cmocka_unit_test(test_bytes), cmocka_unit_test(test_what_is_refused), cmocka_unit_test(test_entries_that_are_none),
		cmocka_unit_test(test_each_bit), cmocka_unit_test(test_xattrs), cmocka_unit_test(test_no_room), cmocka_unit_test(test_directories),
		cmocka_unit_test(test_a_long_entry), cmocka_unit_test(test_order),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
