/*
 * The list of chunks in a RECIPE: what was put comes out again, and what is no list of
 * chunks, or none that makes the piece, is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/error.h"
#include "protocol/recipe.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NAME_MAX_VALUE ((UINT64_C(1) << 8 * LADE_CHUNK_NAME_LEN) - 1)

static const struct lade_recipe_chunk chunks[] = {
	{ 1, 0 },
	{ 127, 1 },
	{ 128, UINT64_C(0x010203040506) },
	{ 16383, NAME_MAX_VALUE },
	{ 16384, UINT64_C(1) << 47 },
	{ 1, 0 }, /* the same once more */
};

/* Bytes of all chunks. */
static uint32_t sum(void)
{
	uint32_t len = 0;

	for (size_t i = 0; i < COUNT(chunks); i++)
		len += chunks[i].len;
	return len;
}

static void put_all(struct lade_writer *writer)
{
	lade_writer_init(writer, LADE_RECIPE_MAX);
	for (size_t i = 0; i < COUNT(chunks); i++)
		lade_recipe_put(writer, &chunks[i]);
	assert_int_equal(writer->error, 0);
}

/* A copy that ends where its memory ends, so that a sanitizer sees who reads on. */
static uint8_t *exactly(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, data, len);
	return copy;
}

static int check(const uint8_t *data, size_t len, uint32_t piece_len)
{
	uint8_t *copy = exactly(data, len);
	int result = lade_recipe_check(lade_slice(copy, len), piece_len);

	free(copy);
	return result;
}

static void test_round_trip(void **state)
{
	struct lade_recipe_chunk chunk;
	struct lade_writer writer;
	struct lade_reader reader;

	(void)state;
	put_all(&writer);
	lade_reader_init(&reader, writer.data, writer.len);
	for (size_t i = 0; i < COUNT(chunks); i++) {
		assert_int_equal(lade_recipe_get(&reader, &chunk), 1);
		assert_int_equal(chunk.len, chunks[i].len);
		assert_true(chunk.name == chunks[i].name);
	}
	assert_int_equal(lade_recipe_get(&reader, &chunk), 0);
	assert_int_equal(lade_recipe_get(&reader, &chunk), 0);
	assert_int_equal(lade_recipe_check(lade_slice(writer.data, writer.len), sum()), 0);
	lade_writer_fini(&writer);
}

/* The bytes, as PROTOCOL.md has them. */
static void test_the_bytes(void **state)
{
	static const uint8_t bytes[] = { 0x80, 0x01, 1, 2, 3, 4, 5, 6, 0x7f, 0, 0, 0, 0, 0, 1 };
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, LADE_RECIPE_MAX);
	lade_recipe_put(&writer, &chunks[2]);
	lade_recipe_put(&writer, &chunks[1]);
	assert_int_equal(writer.len, sizeof(bytes));
	assert_memory_equal(writer.data, bytes, sizeof(bytes));
	lade_writer_fini(&writer);
}

static void test_names_are_how_digests_begin(void **state)
{
	uint8_t digest[LADE_DIGEST_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	assert_true(lade_chunk_name(digest) == UINT64_C(0x010203040506));
	digest[6] = 0xff; /* not part of it */
	assert_true(lade_chunk_name(digest) == UINT64_C(0x010203040506));
	memset(digest, 0xff, sizeof(digest));
	assert_true(lade_chunk_name(digest) == NAME_MAX_VALUE);
}

/* Only where a chunk ends may a list end, and then it is one of a shorter piece. */
static void test_truncation(void **state)
{
	struct lade_writer writer;
	size_t end = 0, i = 0;
	uint32_t len = 0;

	(void)state;
	put_all(&writer);
	for (size_t cut = 1; cut < writer.len; cut++) {
		if (cut > end) {
			end += (chunks[i].len < 128 ? 1 : chunks[i].len < 16384 ? 2 : 3) + LADE_CHUNK_NAME_LEN;
			len += chunks[i++].len;
		}
		assert_int_equal(check(writer.data, cut, sum()), LADE_E_PROTOCOL);
		assert_int_equal(check(writer.data, cut, len), cut == end ? 0 : LADE_E_PROTOCOL);
	}
	lade_writer_fini(&writer);
}

static void test_get_says_what_is_wrong(void **state)
{
	static const uint8_t short_name[] = { 5, 1, 2, 3, 4, 5 };
	static const uint8_t short_len[] = { 0x80 };
	struct lade_recipe_chunk chunk;
	struct lade_reader reader;

	(void)state;
	lade_reader_init(&reader, short_name, sizeof(short_name));
	assert_int_equal(lade_recipe_get(&reader, &chunk), LADE_E_TRUNCATED);
	assert_int_equal(lade_recipe_get(&reader, &chunk), LADE_E_TRUNCATED); /* for good */
	lade_reader_init(&reader, short_len, sizeof(short_len));
	assert_int_equal(lade_recipe_get(&reader, &chunk), LADE_E_TRUNCATED);
}

static void test_the_lengths_add_up(void **state)
{
	struct lade_writer writer;

	(void)state;
	put_all(&writer);
	assert_int_equal(check(writer.data, writer.len, sum() - 1), LADE_E_PROTOCOL);
	assert_int_equal(check(writer.data, writer.len, sum() + 1), LADE_E_PROTOCOL);
	assert_int_equal(check(writer.data, writer.len, 0), LADE_E_PROTOCOL);
	lade_writer_fini(&writer);
}

/* As many of the longest chunks as a message holds: far above what 32 bits hold. */
static void test_a_sum_beyond_32_bits(void **state)
{
	const struct lade_recipe_chunk longest = { LADE_PAYLOAD_MAX, 7 };
	struct lade_writer writer;
	uint32_t wrapped = 0;

	(void)state;
	lade_writer_init(&writer, LADE_RECIPE_MAX);
	/* 1024 of them are 2^32, and these with one more are what one is, but for the carry. */
	for (int i = 0; i < 1025; i++) {
		lade_recipe_put(&writer, &longest);
		wrapped += longest.len;
	}
	assert_int_equal(writer.error, 0);
	assert_int_equal(wrapped, LADE_PAYLOAD_MAX);
	assert_int_equal(check(writer.data, writer.len, wrapped), LADE_E_PROTOCOL);
	lade_writer_fini(&writer);
}

static void test_an_empty_list_is_one_chunk(void **state)
{
	(void)state;
	assert_int_equal(lade_recipe_check(lade_slice(NULL, 0), 1), 0);
	assert_int_equal(lade_recipe_check(lade_slice(NULL, 0), LADE_PAYLOAD_MAX), 0);
}

static void test_chunks_that_are_none(void **state)
{
	static const struct {
		size_t len;
		uint8_t bytes[20];
		uint32_t piece_len;
		int error;
	} bad[] = {
		{ 7, { 0, 1, 2, 3, 4, 5, 6 }, 0, LADE_E_PROTOCOL },                   /* nothing */
		{ 14, { 9, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6 }, 9, LADE_E_PROTOCOL }, /* and nothing behind it */
		{ 8, { 0x89, 0, 1, 2, 3, 4, 5, 6 }, 9, LADE_E_PROTOCOL },             /* longer than necessary */
		{ 10, { 0x81, 0x80, 0x80, 2, 1, 2, 3, 4, 5, 6 }, LADE_PAYLOAD_MAX + 1, LADE_E_LIMIT },
		{ 11, { 0x89, 0x80, 0x80, 0x80, 0x10, 1, 2, 3, 4, 5, 6 }, 9, LADE_E_LIMIT }, /* 2^32 + 9 */
		{ 16, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 2, 3, 4, 5, 6 }, UINT32_MAX,
		  LADE_E_LIMIT },
		{ 17, { 0x89, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 1, 2, 3, 4, 5, 6 }, 9,
		  LADE_E_PROTOCOL }, /* eleven bytes */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct lade_recipe_chunk chunk;
		struct lade_reader reader;
		int got;

		assert_int_equal(check(bad[i].bytes, bad[i].len, bad[i].piece_len), LADE_E_PROTOCOL);
		lade_reader_init(&reader, bad[i].bytes, bad[i].len);
		while ((got = lade_recipe_get(&reader, &chunk)) == 1)
			;
		assert_int_equal(got, bad[i].error);
	}
}

/* What finds no room shows in the writer. */
static void test_a_full_writer(void **state)
{
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, LADE_CHUNK_NAME_LEN);
	lade_recipe_put(&writer, &chunks[0]);
	assert_int_equal(writer.error, LADE_E_LIMIT);
	lade_writer_fini(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_the_bytes),
		cmocka_unit_test(test_names_are_how_digests_begin),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_get_says_what_is_wrong),
		cmocka_unit_test(test_the_lengths_add_up),
		cmocka_unit_test(test_a_sum_beyond_32_bits),
		cmocka_unit_test(test_an_empty_list_is_one_chunk),
		cmocka_unit_test(test_chunks_that_are_none),
		cmocka_unit_test(test_a_full_writer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
