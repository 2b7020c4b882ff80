/*
 * Tests of agent/store/stream_recipe: recipes of each depth are built, gone through and sought in; what is not one is refused, in a recipe and in
 * the lists below it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/store/stream_recipe.h"
#include "tests/unit/chunk_toy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int setup(void **state)
{
	struct chunk_toy *toy = malloc(sizeof(*toy));

	assert_non_null(toy);
	chunk_toy_init(toy);
	*state = toy;
	return 0;
}

static int teardown(void **state)
{
	chunk_toy_fini(*state);
	free(*state);
	return 0;
}

/* The id and the length of chunk number i of a stream. */
static uint32_t chunk(uint64_t i, uint8_t id_out[LADE_CHUNK_ID_LEN])
{
	uint64_t mixed = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t at = 0; at < LADE_CHUNK_ID_LEN; at += sizeof(mixed)) {
		mixed ^= mixed >> 29;
		mixed *= UINT64_C(0xbf58476d1ce4e5b9);
		mixed ^= mixed >> 32;
		memcpy(id_out + at, &mixed, sizeof(mixed));
	}
	return 1000 + (uint32_t)(mixed % 3000);
}

/* Build the recipe of so many chunks; out is decoded again. */
static void build(struct chunk_toy *toy, uint64_t count, struct lade_stream_recipe *out)
{
	const struct lade_stream_sink sink = chunk_toy_sink(toy);
	struct lade_recipe_builder *builder;
	uint8_t id[LADE_CHUNK_ID_LEN];
	struct lade_writer writer;
	struct lade_reader reader;

	lade_writer_init(&writer, 1u << 16);
	assert_int_equal(lade_recipe_builder_new(&sink, LADE_CHUNK_CONTENT, &builder), 0);
	for (uint64_t i = 0; i < count; i++) {
		const uint32_t len = chunk(i, id);

		if (lade_recipe_builder_add(builder, id, len, NULL))
			fail_msg("chunk %llu", (unsigned long long)i);
	}
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), 0);
	lade_reader_init(&reader, writer.data, writer.len);
	assert_int_equal(lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &toy->lengths, out), 0);
	assert_int_equal(lade_reader_finish(&reader), 0);
	lade_recipe_builder_free(builder);
	lade_writer_fini(&writer);
}

/* The next chunk is number i, and begins at off. Returns its length. */
static uint32_t assert_next(struct lade_recipe_cursor *cursor, uint64_t i, uint64_t off)
{
	struct lade_stream_item item;
	uint8_t id[LADE_CHUNK_ID_LEN];
	uint64_t got_off;
	const uint32_t len = chunk(i, id);

	if (lade_recipe_cursor_next(cursor, &item, &got_off, NULL) != 1 || item.len != len || item.covers != len || got_off != off ||
	    memcmp(item.id, id, sizeof(id)) != 0)
		fail_msg("chunk %llu", (unsigned long long)i);
	return len;
}

static void assert_goes_through(struct chunk_toy *toy, const struct lade_stream_recipe *recipe, uint64_t count)
{
	const struct lade_stream_source source = chunk_toy_source(toy);
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	uint64_t off = 0;

	assert_int_equal(lade_recipe_cursor_new(&source, LADE_CHUNK_CONTENT, recipe, &cursor), 0);
	for (uint64_t i = 0; i < count; i++)
		off += assert_next(cursor, i, off);
	assert_int_equal(off, recipe->length);
	assert_int_equal(lade_recipe_cursor_next(cursor, &item, NULL, NULL), 0);
	assert_int_equal(lade_recipe_cursor_next(cursor, &item, NULL, NULL), 0);
	lade_recipe_cursor_free(cursor);
}

/* Seek to the first byte, a middle one and the last one of some chunks, forth and back. */
static void assert_seeks(struct chunk_toy *toy, const struct lade_stream_recipe *recipe, uint64_t count)
{
	const struct lade_stream_source source = chunk_toy_source(toy);
	uint64_t *offs = malloc((count + 1) * sizeof(*offs)), gets;
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	uint8_t id[LADE_CHUNK_ID_LEN];

	assert_non_null(offs);
	offs[0] = 0;
	for (uint64_t i = 0; i < count; i++)
		offs[i + 1] = offs[i] + chunk(i, id);
	assert_int_equal(lade_recipe_cursor_new(&source, LADE_CHUNK_CONTENT, recipe, &cursor), 0);
	for (unsigned round = 0; round < 3000; round++) {
		const uint64_t i = (round % 3 ? round * UINT64_C(7919) : round * UINT64_C(1000003) * 77) % count;
		const uint64_t within = round % 3 == 0 ? 0 : round % 3 == 1 ? offs[i + 1] - offs[i] - 1 : 500;

		gets = toy->gets;
		assert_int_equal(lade_recipe_cursor_seek(cursor, offs[i] + within, NULL), 0);
		assert_true(toy->gets - gets < recipe->depth);
		for (uint64_t j = i; j < i + round % 5 && j < count; j++)
			assert_next(cursor, j, offs[j]);
	}
	gets = toy->gets;
	assert_int_equal(lade_recipe_cursor_seek(cursor, recipe->length, NULL), 0);
	assert_int_equal(lade_recipe_cursor_next(cursor, &item, NULL, NULL), 0);
	assert_int_equal(lade_recipe_cursor_seek(cursor, UINT64_MAX, NULL), 0);
	assert_int_equal(lade_recipe_cursor_next(cursor, &item, NULL, NULL), 0);
	assert_int_equal(toy->gets, gets);
	assert_int_equal(lade_recipe_cursor_seek(cursor, 0, NULL), 0);
	assert_next(cursor, 0, 0);
	lade_recipe_cursor_free(cursor);
	free(offs);
}

static void test_each_depth(void **state)
{
	static const struct { uint64_t count; unsigned depth; } cases[] = {
		{ 1, 1 }, { 2, 1 }, { 31, 1 }, { 32, 1 }, { 33, 2 }, { 34, 2 }, { 1000, 2 }, { 30000, 3 },
	};
	struct lade_stream_recipe recipe;

	for (size_t i = 0; i < COUNT(cases); i++) {
		build(*state, cases[i].count, &recipe);
		assert_int_equal(recipe.depth, cases[i].depth);
		assert_goes_through(*state, &recipe, cases[i].count);
		assert_seeks(*state, &recipe, cases[i].count);
	}
}

/* So many chunks that the list of the list is long: what is held is little, and so is what is stored. */
static void test_five_million_chunks(void **state)
{
	struct chunk_toy *toy = *state;
	const uint64_t count = 5000000;
	struct lade_stream_recipe recipe;

	/* Lists are cut as `init` has them. */
	static const struct lade_strict_cut_lengths entries = { 32768, 53253, 262144 };
	uint8_t secret[LADE_STRICT_CUT_SECRET_LEN];

	chunk_toy_noise(1, secret, sizeof(secret));
	assert_int_equal(lade_strict_cut_init(&toy->cuts[1], secret, &entries), 0);
	toy->lengths.entries = entries.greatest;
	build(toy, count, &recipe);
	assert_int_equal(recipe.depth, 3);
	assert_true(toy->lists < count * LADE_STREAM_ITEM_LEN / entries.least + 100);
	assert_goes_through(toy, &recipe, count);
	assert_seeks(toy, &recipe, count);
}

/* One chunk more in the middle changes few of the lists' chunks. */
static void test_lists_share_chunks(void **state)
{
	struct chunk_toy *toy = *state;
	const struct lade_stream_sink sink = chunk_toy_sink(toy);
	struct lade_recipe_builder *builder;
	uint8_t id[LADE_CHUNK_ID_LEN];
	struct lade_stream_recipe recipe;
	struct lade_writer writer;
	size_t before;

	build(toy, 20000, &recipe);
	before = toy->count;
	assert_true(before > 50);
	lade_writer_init(&writer, 1u << 16);
	assert_int_equal(lade_recipe_builder_new(&sink, LADE_CHUNK_CONTENT, &builder), 0);
	for (uint64_t i = 0; i < 20000; i++) {
		uint32_t len = chunk(i, id);

		assert_int_equal(lade_recipe_builder_add(builder, id, len, NULL), 0);
		if (i != 10000)
			continue;
		len = chunk(99999, id);
		assert_int_equal(lade_recipe_builder_add(builder, id, len, NULL), 0);
	}
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), 0);
	assert_true(toy->count - before < 12);
	lade_recipe_builder_free(builder);
	lade_writer_fini(&writer);
}

/* A long stream leaves nothing to the short one behind it. */
static void test_one_after_the_other(void **state)
{
	struct chunk_toy *toy = *state;
	const struct lade_stream_sink sink = chunk_toy_sink(toy);
	const uint8_t id[LADE_CHUNK_ID_LEN] = { 7 };
	struct lade_recipe_builder *builder;
	struct lade_writer writer;

	lade_writer_init(&writer, 1u << 16);
	assert_int_equal(lade_recipe_builder_new(&sink, LADE_CHUNK_CONTENT, &builder), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(lade_recipe_builder_add(builder, id, 500, NULL), 0);
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), 0);
	lade_writer_reset(&writer);
	assert_int_equal(lade_recipe_builder_add(builder, id, 300, NULL), 0);
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), 0);
	assert_int_equal(writer.len, 48);
	assert_memory_equal(writer.data, "\xac\2\1\1\7", 5);
	lade_recipe_builder_free(builder);
	lade_writer_fini(&writer);
}

static void test_what_a_builder_refuses(void **state)
{
	struct chunk_toy *toy = *state;
	const struct lade_stream_sink sink = chunk_toy_sink(toy);
	const uint8_t id[LADE_CHUNK_ID_LEN] = { 7 };
	struct lade_recipe_builder *builder;
	struct lade_writer writer;
	int error = 0;

	lade_writer_init(&writer, 1u << 16);
	assert_int_equal(lade_recipe_builder_new(&sink, LADE_CHUNK_CONTENT, &builder), 0);
	assert_int_equal(lade_recipe_builder_add(builder, id, 0, NULL), LADE_E_USAGE);
	assert_int_equal(lade_recipe_builder_add(builder, id, 500, NULL), LADE_E_USAGE);
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), LADE_E_USAGE);
	assert_int_equal(lade_recipe_builder_add(builder, id, toy->lengths.content + 1, NULL), LADE_E_USAGE);
	lade_recipe_builder_reset(builder);
	/* What belongs into the recipe. */
	assert_int_equal(lade_recipe_builder_add(builder, id, LADE_STREAM_INLINE_MAX, NULL), 0);
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), LADE_E_USAGE);
	/* A put that fails. */
	toy->puts_left = 1;
	for (unsigned i = 0; i < 5000 && !error; i++)
		error = lade_recipe_builder_add(builder, id, 500, NULL);
	assert_int_equal(error, LADE_E_CLOSED);
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), LADE_E_CLOSED);
	toy->puts_left = UINT64_MAX;
	assert_int_equal(writer.len, 0);
	/* Nothing of it is left. */
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), 0);
	assert_int_equal(writer.len, 2);
	assert_memory_equal(writer.data, "\0\0", 2);
	lade_writer_fini(&writer);
	/* No room for the recipe. */
	lade_writer_init(&writer, 20);
	assert_int_equal(lade_recipe_builder_add(builder, id, 500, NULL), 0);
	assert_int_equal(lade_recipe_builder_finish(builder, &writer, NULL), LADE_E_LIMIT);
	lade_writer_fini(&writer);
	lade_recipe_builder_free(builder);
	lade_recipe_builder_free(NULL);
	lade_recipe_cursor_free(NULL);
}

/* ---- the value ---- */

/* A recipe's encoding from parts, which may be wrong. */
static void encode(struct lade_writer *writer, uint64_t length, uint64_t depth, const struct lade_stream_item *items, size_t count)
{
	uint8_t bytes[LADE_STREAM_ITEM_LEN];

	lade_writer_reset(writer);
	lade_writer_put_varint(writer, length);
	lade_writer_put_varint(writer, depth);
	lade_writer_put_varint(writer, count);
	for (size_t i = 0; i < count; i++) {
		lade_stream_item_put(bytes, &items[i]);
		lade_writer_put_bytes(writer, bytes, sizeof(bytes));
	}
}

static int decode(const struct chunk_toy *toy, const void *bytes, size_t len, struct lade_stream_recipe *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct lade_reader reader;
	int error;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	lade_reader_init(&reader, copy, len);
	error = lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &toy->lengths, out);
	if (!error)
		error = lade_reader_finish(&reader);
	free(copy);
	return error;
}

static void test_recipes_in_bytes(void **state)
{
	struct chunk_toy *toy = *state;
	struct lade_stream_recipe recipe;
	struct lade_writer writer;
	uint8_t bytes[300] = { 0 };

	assert_int_equal(decode(toy, "\0\0", 2, &recipe), 0);
	assert_int_equal(recipe.length, 0);
	assert_int_equal(decode(toy, "\3\0abc", 5, &recipe), 0);
	assert_memory_equal(recipe.inline_bytes, "abc", 3);
	for (size_t len = 0; len < 5; len++)
		assert_int_equal(decode(toy, "\3\0abc", len, &recipe), LADE_E_CHANGED);
	/* 256 bytes are inline, and 257 are not. */
	memcpy(bytes, "\x80\2\0", 3);
	assert_int_equal(decode(toy, bytes, 3 + 256, &recipe), 0);
	bytes[0] = 0x81;
	assert_int_equal(decode(toy, bytes, 3 + 257, &recipe), LADE_E_CHANGED);
	/* A list of one chunk, byte by byte: 300 bytes, depth 1, one item. */
	memcpy(bytes, "\xac\2\1\1", 4);
	memset(bytes + 4, 'i', LADE_CHUNK_ID_LEN);
	memcpy(bytes + 36, "\x2c\1\0\0\x2c\1\0\0\0\0\0\0", 12);
	assert_int_equal(decode(toy, bytes, 48, &recipe), 0);
	assert_int_equal(recipe.items[0].len, 300);
	assert_int_equal(recipe.items[0].covers, 300);
	for (size_t len = 0; len < 48; len++)
		assert_int_equal(decode(toy, bytes, len, &recipe), LADE_E_CHANGED);
	assert_int_equal(decode(toy, bytes, 49, &recipe), LADE_E_PROTOCOL);
	/* Each bit but those of the id makes it another one, or none. */
	for (size_t bit = 0; bit < 48 * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(decode(toy, bytes, 48, &recipe) == 0, bit / 8 >= 4 && bit / 8 < 36);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(decode(toy, bytes, 48, &recipe), 0);
	lade_writer_init(&writer, 1000);
	lade_stream_recipe_put(&writer, &recipe);
	assert_int_equal(writer.len, 48);
	assert_memory_equal(writer.data, bytes, 48);
	lade_stream_recipe_put_inline(&writer, lade_slice(bytes, 257));
	assert_int_equal(writer.error, LADE_E_LIMIT);
	lade_writer_fini(&writer);
}

static void test_recipes_that_are_none(void **state)
{
	struct chunk_toy *toy = *state;
	const uint32_t content = toy->lengths.content, list = toy->lengths.entries / LADE_STREAM_ITEM_LEN * LADE_STREAM_ITEM_LEN;
	const struct { uint64_t length, depth; size_t count; struct lade_stream_item item; bool good; } cases[] = {
		{ content, 1, 1, { .len = content, .covers = content }, true },
		{ content + 1, 1, 1, { .len = content + 1, .covers = content + 1 }, false },
		{ 600, 1, 2, { .len = 300, .covers = 300 }, true },
		{ 600, 1, 1, { .len = 300, .covers = 600 }, false },
		{ 601, 1, 2, { .len = 300, .covers = 300 }, false },
		{ 599, 1, 2, { .len = 300, .covers = 300 }, false },
		{ 600, 1, 0, { .len = 300, .covers = 300 }, false },
		{ 600, 1, 2, { .len = 0, .covers = 300 }, false },
		{ 32 * 300, 1, 32, { .len = 300, .covers = 300 }, true },
		{ 33 * 300, 1, 33, { .len = 300, .covers = 300 }, false },
		{ 256, 1, 1, { .len = 256, .covers = 256 }, false },
		{ 600, 0, 0, { .len = 0 }, false },
		{ 80000, 2, 1, { .len = 40 * 44, .covers = 80000 }, true },
		{ 80000, 2, 1, { .len = 40 * 44 + 1, .covers = 80000 }, false },
		{ 80000, 2, 1, { .len = 0, .covers = 80000 }, false },
		{ 80000, 6, 1, { .len = list, .covers = 80000 }, true },
		{ 80000, 6, 1, { .len = list + LADE_STREAM_ITEM_LEN, .covers = 80000 }, false },
		{ 80000, 7, 1, { .len = list, .covers = 80000 }, false },
		{ 300, 2, 1, { .len = 300 * 44, .covers = 300 }, true },
		{ 300, 2, 1, { .len = 301 * 44, .covers = 300 }, false },
		{ INT64_MAX, 2, 1, { .len = 44, .covers = INT64_MAX }, true },
		{ (uint64_t)INT64_MAX + 1, 2, 1, { .len = 44, .covers = (uint64_t)INT64_MAX + 1 }, false },
		{ 1000, 2, 8, { .len = 44, .covers = (UINT64_MAX / 8) + 126 }, false }, /* the sum goes round to 1000 */
	};
	struct lade_stream_item items[33];
	struct lade_stream_recipe recipe;
	struct lade_writer writer;

	lade_writer_init(&writer, 1u << 16);
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t j = 0; j < COUNT(items); j++)
			items[j] = cases[i].item;
		encode(&writer, cases[i].length, cases[i].depth, items, cases[i].count);
		if ((decode(toy, writer.data, writer.len, &recipe) == 0) != cases[i].good)
			fail_msg("case %zu", i);
	}
	lade_writer_fini(&writer);
}

/* Go through all of it, and seek; what that says. */
static int walk(struct chunk_toy *toy, const struct lade_stream_recipe *recipe)
{
	const struct lade_stream_source source = chunk_toy_source(toy);
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	int result, sought = 0;

	assert_int_equal(lade_recipe_cursor_new(&source, LADE_CHUNK_CONTENT, recipe, &cursor), 0);
	do
		result = lade_recipe_cursor_next(cursor, &item, NULL, NULL);
	while (result == 1);
	for (uint64_t off = 0; off < recipe->length && !sought; off += 1000)
		sought = lade_recipe_cursor_seek(cursor, off, NULL);
	assert_int_equal(result, sought);
	lade_recipe_cursor_free(cursor);
	return result;
}

/* Add to the length of the first chunk of a list, and to what it stands for, so that it is one that may be. */
static void lengthen(struct chunk_toy_chunk *list, int by)
{
	struct lade_stream_item item;

	lade_stream_item_get(list->bytes, &item);
	item.len += (uint32_t)by;
	item.covers = item.len;
	lade_stream_item_put(list->bytes, &item);
}

/* Whoever writes a repository may write lists that are none; nothing but an error comes of it. */
static void test_damaged_lists(void **state)
{
	struct chunk_toy *toy = *state;
	struct lade_stream_recipe recipe;
	struct chunk_toy_chunk *list;

	build(toy, 200, &recipe);
	assert_int_equal(recipe.depth, 2);
	assert_int_equal(walk(toy, &recipe), 0);
	list = chunk_toy_find(toy, recipe.items[0].id);
	for (size_t bit = 0; bit < list->len * 8; bit += 1 + bit % 5) {
		if (bit / 8 % LADE_STREAM_ITEM_LEN < LADE_CHUNK_ID_LEN)
			continue;
		list->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(walk(toy, &recipe), LADE_E_CHANGED);
		list->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* Items that may be, and do not add up. */
	for (int by = -1; by <= 1; by += 2) {
		lengthen(list, by);
		assert_int_equal(walk(toy, &recipe), LADE_E_CHANGED);
		lengthen(list, -by);
	}
	/* Sums that agree at the top, and not below. */
	recipe.items[0].covers++;
	recipe.items[recipe.count - 1].covers--;
	assert_int_equal(walk(toy, &recipe), recipe.count > 1 ? LADE_E_CHANGED : 0);
	recipe.items[0].covers--;
	recipe.items[recipe.count - 1].covers++;
	/* A list that is taken for one of another depth. */
	recipe.depth = 3;
	assert_int_equal(walk(toy, &recipe), LADE_E_CHANGED);
	recipe.depth = 2;
	assert_int_equal(walk(toy, &recipe), 0);
}

/* A get that fails once is tried again. */
static void test_a_get_that_fails(void **state)
{
	struct chunk_toy *toy = *state;
	const struct lade_stream_source source = chunk_toy_source(toy);
	struct lade_stream_recipe recipe;
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	uint64_t off = 0;
	unsigned failures = 0;

	build(toy, 30000, &recipe);
	assert_int_equal(lade_recipe_cursor_new(&source, LADE_CHUNK_CONTENT, &recipe, &cursor), 0);
	for (uint64_t i = 0; i < 30000;) {
		const uint64_t gets = toy->gets;

		if (i % 7 == 0 && failures < 100) {
			toy->gets_left = 0;
			if (lade_recipe_cursor_seek(cursor, off, NULL) == LADE_E_CLOSED) {
				failures++;
				assert_int_equal(toy->gets, gets);
			}
			toy->gets_left = UINT64_MAX;
			assert_int_equal(lade_recipe_cursor_seek(cursor, off, NULL), 0);
			off += assert_next(cursor, i++, off);
		}
		toy->gets_left = 0;
		if (i < 30000 && lade_recipe_cursor_next(cursor, &item, NULL, NULL) == LADE_E_CLOSED) {
			failures++;
		} else if (i < 30000) {
			off += item.len;
			i++;
		}
		toy->gets_left = UINT64_MAX;
		if (i < 30000)
			off += assert_next(cursor, i, off), i++;
	}
	assert_int_equal(off, recipe.length);
	assert_true(failures > 10);
	lade_recipe_cursor_free(cursor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_depth),
		TEST(test_five_million_chunks),
		TEST(test_lists_share_chunks),
		TEST(test_one_after_the_other),
		TEST(test_what_a_builder_refuses),
		TEST(test_recipes_in_bytes),
		TEST(test_recipes_that_are_none),
		TEST(test_damaged_lists),
		TEST(test_a_get_that_fails),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
