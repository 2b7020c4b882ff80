/*
 * Tests of agent/store/stream: what is written is read again, from the beginning and from anywhere; a small change leaves most chunks as they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/store/stream.h"
#include "tests/unit/chunk_toy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LONG (6u << 20)

struct scene {
	struct chunk_toy toy;
	uint8_t *bytes, *got; /* LONG each */
};

static int setup(void **state)
{
	struct scene *scene = malloc(sizeof(*scene));

	assert_non_null(scene);
	chunk_toy_init(&scene->toy);
	scene->bytes = malloc(LONG);
	scene->got = malloc(LONG);
	assert_true(scene->bytes && scene->got);
	chunk_toy_noise(5, scene->bytes, LONG);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	chunk_toy_fini(&scene->toy);
	free(scene->bytes);
	free(scene->got);
	free(scene);
	return 0;
}

/* Write len bytes in pieces of at most piece bytes; the recipe to out. */
static void write_stream(struct scene *scene, enum lade_chunk_kind kind, const uint8_t *bytes, size_t len, size_t piece, struct lade_stream_recipe *out)
{
	const struct lade_stream_sink sink = chunk_toy_sink(&scene->toy);
	struct lade_stream_writer *stream;
	struct lade_writer writer;
	struct lade_reader reader;

	lade_writer_init(&writer, 4096);
	assert_int_equal(lade_stream_writer_new(&sink, kind, &stream), 0);
	for (size_t at = 0, some; at < len; at += some) {
		some = len - at < piece ? len - at : piece;
		assert_int_equal(lade_stream_writer_feed(stream, lade_slice(bytes + at, some), NULL), 0);
	}
	assert_int_equal(lade_stream_writer_length(stream), len);
	assert_int_equal(lade_stream_writer_finish(stream, &writer, NULL), 0);
	lade_reader_init(&reader, writer.data, writer.len);
	assert_int_equal(lade_stream_recipe_get(&reader, kind, &scene->toy.lengths, out), 0);
	assert_int_equal(lade_reader_finish(&reader), 0);
	assert_int_equal(out->length, len);
	lade_stream_writer_free(stream);
	lade_writer_fini(&writer);
}

static struct lade_stream_reader *open_stream(struct scene *scene, enum lade_chunk_kind kind, const struct lade_stream_recipe *recipe)
{
	const struct lade_stream_source source = chunk_toy_source(&scene->toy);
	struct lade_stream_reader *stream;

	assert_int_equal(lade_stream_reader_new(&source, kind, recipe, &stream), 0);
	return stream;
}

/* Read what is left in pieces; it is the bytes from off on. */
static void assert_reads(struct scene *scene, struct lade_stream_reader *stream, size_t off, size_t len, size_t piece)
{
	size_t got;

	for (size_t at = off; at < len; at += got) {
		assert_int_equal(lade_stream_reader_left(stream), len - at);
		assert_int_equal(lade_stream_reader_read(stream, scene->got + at, piece, &got, NULL), 0);
		assert_int_equal(got, len - at < piece ? len - at : piece);
	}
	assert_int_equal(lade_stream_reader_read(stream, scene->got, piece, &got, NULL), 0);
	assert_int_equal(got, 0);
	if (off < len)
		assert_memory_equal(scene->got + off, scene->bytes + off, len - off);
}

static void test_write_then_read(void **state)
{
	static const size_t lens[] = { 0, 1, 255, 256, 257, 4095, 4096, 16383, 16384, 16385, 32767, 32768, 32769, 65536, 100000, 1000000, LONG };
	static const size_t pieces[] = { 1, 777, 4096, 32768, 100000, LONG };
	static const enum lade_chunk_kind kinds[] = { LADE_CHUNK_CONTENT, LADE_CHUNK_ENTRIES };
	struct scene *scene = *state;

	for (size_t i = 0; i < COUNT(lens) * 2; i++) {
		const enum lade_chunk_kind kind = kinds[i % 2];
		const size_t len = lens[i / 2];
		struct lade_stream_recipe first, recipe;

		write_stream(scene, kind, scene->bytes, len, LONG, &first);
		assert_int_equal(first.depth == 0, len <= LADE_STREAM_INLINE_MAX);
		for (size_t j = 0; j < COUNT(pieces); j++) {
			struct lade_stream_reader *stream;

			if (pieces[j] == 1 && len > 100000)
				continue;
			/* However it comes, it is cut alike. */
			write_stream(scene, kind, scene->bytes, len, pieces[j], &recipe);
			assert_int_equal(recipe.depth, first.depth);
			assert_int_equal(recipe.count, first.count);
			for (unsigned k = 0; k < recipe.count; k++)
				assert_memory_equal(recipe.items[k].id, first.items[k].id, LADE_CHUNK_ID_LEN);
			stream = open_stream(scene, kind, &recipe);
			assert_reads(scene, stream, 0, len, pieces[j]);
			lade_stream_reader_free(stream);
		}
	}
}

/* The chunks are those that the whole stream would be cut into at once. */
static void test_chunks_are_the_cutters(void **state)
{
	struct scene *scene = *state;
	const struct lade_stream_source source = chunk_toy_source(&scene->toy);
	struct lade_stream_recipe recipe;
	struct lade_recipe_cursor *cursor;
	struct lade_stream_item item;
	size_t at = 0;

	write_stream(scene, LADE_CHUNK_CONTENT, scene->bytes, LONG, 5000, &recipe);
	assert_int_equal(lade_recipe_cursor_new(&source, LADE_CHUNK_CONTENT, &recipe, &cursor), 0);
	for (; at < LONG; at += item.len) {
		assert_int_equal(lade_recipe_cursor_next(cursor, &item, NULL, NULL), 1);
		assert_int_equal(item.len, lade_strict_cut_next(&scene->toy.cuts[0], scene->bytes + at, LONG - at));
		assert_memory_equal(chunk_toy_find(&scene->toy, item.id)->bytes, scene->bytes + at, item.len);
	}
	assert_int_equal(at, LONG);
	lade_recipe_cursor_free(cursor);
}

static void test_seeks(void **state)
{
	static const size_t lens[] = { 200, 5000, 200000, LONG };
	struct scene *scene = *state;
	struct lade_stream_recipe recipe;

	for (size_t i = 0; i < COUNT(lens); i++) {
		struct lade_stream_reader *stream;
		uint64_t at = 0;
		size_t got;

		write_stream(scene, LADE_CHUNK_CONTENT, scene->bytes, lens[i], 1000, &recipe);
		stream = open_stream(scene, LADE_CHUNK_CONTENT, &recipe);
		for (uint64_t round = 0; round < 3000; round++) {
			const size_t len = (size_t)(round * 7919 % 70001);

			if (round % 3)
				at = round * UINT64_C(1000003) % (lens[i] + 10);
			/* Else go on; sometimes go there where it is. */
			if (round % 3 || round % 2)
				lade_stream_reader_seek(stream, at);
			at = at < lens[i] ? at : lens[i];
			assert_int_equal(lade_stream_reader_left(stream), lens[i] - at);
			assert_int_equal(lade_stream_reader_read(stream, scene->got, len, &got, NULL), 0);
			assert_int_equal(got, len < lens[i] - at ? len : lens[i] - at);
			assert_memory_equal(scene->got, scene->bytes + at, got);
			at += got;
		}
		lade_stream_reader_free(stream);
	}
	lade_stream_reader_free(NULL);
}

/* Reading byte by byte gets each chunk once. */
static void test_a_chunk_is_got_once(void **state)
{
	struct scene *scene = *state;
	struct lade_stream_recipe recipe;
	struct lade_stream_reader *stream;
	uint64_t puts;

	write_stream(scene, LADE_CHUNK_CONTENT, scene->bytes, 1000000, 1000, &recipe);
	puts = scene->toy.puts;
	stream = open_stream(scene, LADE_CHUNK_CONTENT, &recipe);
	assert_reads(scene, stream, 0, 1000000, 100);
	assert_int_equal(scene->toy.gets, puts);
	lade_stream_reader_free(stream);
}

/* A byte that changes, is put in or taken out in the middle makes few chunks new. */
static void test_changes_stay_where_they_are(void **state)
{
	struct scene *scene = *state;
	struct lade_stream_recipe recipe;
	uint8_t *changed = malloc(LONG + 1);
	size_t before;

	assert_non_null(changed);
	write_stream(scene, LADE_CHUNK_CONTENT, scene->bytes, LONG, 100000, &recipe);
	before = scene->toy.count;
	assert_true(before > 500);
	write_stream(scene, LADE_CHUNK_CONTENT, scene->bytes, LONG, 100000, &recipe);
	assert_int_equal(scene->toy.count, before);
	for (int by = -1; by <= 1; by++) {
		memcpy(changed, scene->bytes, LONG / 2);
		memcpy(changed + LONG / 2 + 1, scene->bytes + LONG / 2 + 1 - by, LONG / 2 - 2);
		changed[LONG / 2] = (uint8_t)~scene->bytes[LONG / 2];
		write_stream(scene, LADE_CHUNK_CONTENT, changed, LONG - 1, 100000, &recipe);
		assert_true(scene->toy.count - before < 15);
		before = scene->toy.count;
	}
	free(changed);
}

static void test_failures(void **state)
{
	struct scene *scene = *state;
	const struct lade_stream_sink sink = chunk_toy_sink(&scene->toy);
	struct lade_stream_recipe recipe;
	struct lade_stream_writer *writer;
	struct lade_stream_reader *reader;
	struct lade_writer out;
	size_t got;

	lade_writer_init(&out, 4096);
	assert_int_equal(lade_stream_writer_new(&sink, LADE_CHUNK_CONTENT, &writer), 0);
	scene->toy.puts_left = 3;
	assert_int_equal(lade_stream_writer_feed(writer, lade_slice(scene->bytes, LONG), NULL), LADE_E_CLOSED);
	scene->toy.puts_left = UINT64_MAX;
	assert_int_equal(lade_stream_writer_feed(writer, lade_slice(scene->bytes, 1), NULL), LADE_E_CLOSED);
	assert_int_equal(lade_stream_writer_finish(writer, &out, NULL), LADE_E_CLOSED);
	/* The last chunk of a stream fails. */
	assert_int_equal(lade_stream_writer_feed(writer, lade_slice(scene->bytes, 1000), NULL), 0);
	scene->toy.puts_left = 0;
	assert_int_equal(lade_stream_writer_finish(writer, &out, NULL), LADE_E_CLOSED);
	scene->toy.puts_left = UINT64_MAX;
	/* One that is given up. */
	assert_int_equal(lade_stream_writer_feed(writer, lade_slice(scene->bytes, 100000), NULL), 0);
	lade_stream_writer_reset(writer);
	assert_int_equal(out.len, 0);
	assert_int_equal(lade_stream_writer_feed(writer, lade_slice("abc", 3), NULL), 0);
	assert_int_equal(lade_stream_writer_finish(writer, &out, NULL), 0);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.data, "\3\0abc", 5);
	lade_stream_writer_free(writer);
	lade_stream_writer_free(NULL);
	lade_writer_fini(&out);

	/* A read that fails is as if it was not tried. */
	write_stream(scene, LADE_CHUNK_CONTENT, scene->bytes, LONG, LONG, &recipe);
	reader = open_stream(scene, LADE_CHUNK_CONTENT, &recipe);
	for (unsigned i = 0; i < 60; i++) {
		lade_stream_reader_seek(reader, 1000);
		scene->toy.gets_left = i;
		assert_int_equal(lade_stream_reader_read(reader, scene->got, LONG, &got, NULL), LADE_E_CLOSED);
		assert_int_equal(lade_stream_reader_left(reader), LONG - 1000);
		scene->toy.gets_left = UINT64_MAX;
		assert_int_equal(lade_stream_reader_read(reader, scene->got, 500000, &got, NULL), 0);
		assert_int_equal(got, 500000);
		assert_memory_equal(scene->got, scene->bytes + 1000, got);
	}
	lade_stream_reader_free(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_then_read),
		TEST(test_chunks_are_the_cutters),
		TEST(test_seeks),
		TEST(test_a_chunk_is_got_once),
		TEST(test_changes_stay_where_they_are),
		TEST(test_failures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
