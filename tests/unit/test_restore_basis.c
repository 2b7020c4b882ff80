/*
 * Tests of agent/backup/restore_basis: what of a stream is found in a file, and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/backup/restore_basis.h"
#include "tests/unit/restore_toy.h"

#define LEN 300000u

struct scene {
	struct restore_toy toy;
	struct restore_basis_reader reader;
	struct restore_basis_match match;
	struct lade_stream_recipe recipe;
	uint8_t bytes[LEN], old[2 * LEN];
	int fd;
};

static struct lade_fault fault;

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	char name[] = "/tmp/lade-test-XXXXXX";
	struct lade_writer recipe;
	struct lade_reader reader;

	assert_non_null(scene);
	restore_toy_init(&scene->toy);
	restore_toy_noise(3, scene->bytes, LEN);
	restore_toy_put(&scene->toy, LADE_CHUNK_CONTENT, scene->bytes, LEN, &recipe);
	lade_reader_init(&reader, recipe.data, recipe.len);
	assert_int_equal(lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &scene->toy.lengths, &scene->recipe), 0);
	lade_writer_fini(&recipe);
	assert_int_equal(restore_basis_reader_init(&scene->reader, LADE_ID_BLAKE2B, scene->toy.key, &scene->toy.cuts[0]), 0);
	restore_basis_match_init(&scene->match);
	scene->fd = mkstemp(name);
	assert_true(scene->fd >= 0);
	unlink(name);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	close(scene->fd);
	restore_basis_match_fini(&scene->match);
	restore_basis_reader_fini(&scene->reader);
	restore_toy_fini(&scene->toy);
	free(scene);
	return 0;
}

/* Look in the first len bytes of old. All that is told must be true. Returns how many bytes are missing. */
static uint64_t find(struct scene *scene, size_t len, bool moved)
{
	const struct lade_restore_source source = restore_toy_source(&scene->toy);
	const size_t room = scene->match.missing_room;
	struct lade_recipe_cursor *cursor;
	uint64_t missing = 0, ranges = 0;

	restore_basis_match_fini(&scene->match);
	scene->match.missing_room = room;
	assert_int_equal(ftruncate(scene->fd, 0), 0);
	assert_int_equal(pwrite(scene->fd, scene->old, len, 0), len);
	assert_int_equal(lade_recipe_cursor_new(&source.stream, LADE_CHUNK_CONTENT, &scene->recipe, &cursor), 0);
	assert_int_equal(restore_basis_find(&scene->reader, scene->fd, len, moved, cursor, &scene->match, &fault), 0);
	lade_recipe_cursor_free(cursor);
	for (size_t i = 0; i < scene->match.range_count; i++) {
		const struct restore_basis_range *range = &scene->match.ranges[i];

		assert_true(range->to + range->len <= LEN && range->from + range->len <= len);
		assert_memory_equal(scene->bytes + range->to, scene->old + range->from, range->len);
		ranges += range->len;
	}
	assert_int_equal(ranges, scene->match.found_len);
	for (size_t i = 0; i < scene->match.missing_count; i++)
		missing += scene->match.missing[i].item.len;
	if (scene->match.whole)
		assert_int_equal(ranges + missing, scene->recipe.length);
	return missing;
}

static void test_same(void **state)
{
	struct scene *scene = *state;

	memcpy(scene->old, scene->bytes, LEN);
	assert_int_equal(find(scene, LEN, true), 0);
	assert_true(restore_basis_is_same(&scene->match, LEN));
	assert_false(restore_basis_is_same(&scene->match, LEN - 1));
	/* More behind it, or less. */
	memset(scene->old + LEN, 'x', 100);
	assert_int_equal(find(scene, LEN + 100, true), 0);
	assert_true(find(scene, LEN - 1, true) > 0);
	assert_false(restore_basis_is_same(&scene->match, LEN));
}

static void test_nothing(void **state)
{
	struct scene *scene = *state;

	restore_toy_noise(4, scene->old, LEN);
	assert_int_equal(find(scene, 0, true), LEN);
	assert_int_equal(find(scene, LEN, true), LEN);
	assert_int_equal(scene->match.range_count, 0);
	assert_false(restore_basis_is_same(&scene->match, LEN));
}

/* One bit at each of many places costs the chunk that it is in. */
static void test_changed(void **state)
{
	struct scene *scene = *state;

	for (size_t at = 0; at < LEN; at += 7919) {
		memcpy(scene->old, scene->bytes, LEN);
		scene->old[at] ^= 0x80;
		assert_true(find(scene, LEN, true) <= 32768);
		assert_int_equal(scene->match.missing_count, 1);
		assert_true(scene->match.missing[0].off <= at && at < scene->match.missing[0].off + scene->match.missing[0].item.len);
	}
}

/* Bytes that were put in, or taken out, cost what is around them; all else has moved. */
static void test_moved(void **state)
{
	struct scene *scene = *state;

	for (size_t at = 0; at < LEN; at += 60000) {
		memcpy(scene->old, scene->bytes, at);
		memset(scene->old + at, 'x', 10);
		memcpy(scene->old + at + 10, scene->bytes + at, LEN - at);
		assert_true(find(scene, LEN + 10, true) <= 3 * 32768);
		if (at < LEN / 2)
			assert_true(find(scene, LEN + 10, false) > LEN / 3);
		memcpy(scene->old + at, scene->bytes + at + 10, LEN - at - 10);
		assert_true(find(scene, LEN - 10, true) <= 3 * 32768);
	}
	/* Two halves in the other order. */
	memcpy(scene->old, scene->bytes + LEN / 2, LEN - LEN / 2);
	memcpy(scene->old + LEN - LEN / 2, scene->bytes, LEN / 2);
	assert_true(find(scene, LEN, true) <= 4 * 32768);
	assert_false(restore_basis_is_same(&scene->match, LEN));
}

/* A stream that has the same chunk in several places finds all of them by one. */
static void test_repeated(void **state)
{
	struct scene *scene = *state;
	const uint32_t len = scene->recipe.depth == 1 ? scene->recipe.items[0].len : (uint32_t)lade_strict_cut_next(&scene->toy.cuts[0], scene->bytes, LEN);
	struct lade_stream_recipe repeated = { .length = 1000 + 3 * (uint64_t)len, .depth = 1, .count = 4 };

	memcpy(scene->old, scene->bytes, len);
	restore_toy_noise(5, scene->bytes, 1000);
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *chunk = i ? scene->bytes + 1000 + (i - 1) * len : scene->bytes;

		repeated.items[i].covers = repeated.items[i].len = i ? len : 1000;
		if (i)
			memcpy(chunk, scene->old, len);
		assert_int_equal(lade_chunk_namer_name(scene->toy.namer, LADE_CHUNK_CONTENT, lade_slice(chunk, repeated.items[i].len), repeated.items[i].id), 0);
	}
	scene->recipe = repeated;
	restore_basis_match_fini(&scene->match);
	assert_int_equal(find(scene, len, true), 1000);
	assert_int_equal(scene->match.found_len, 3 * (uint64_t)len);
	assert_false(restore_basis_is_same(&scene->match, repeated.length));
}

/* What is beyond those that are remembered is left to the cursor. */
static void test_room(void **state)
{
	struct scene *scene = *state;

	scene->match.missing_room = 5;
	restore_toy_noise(4, scene->old, LEN);
	assert_true(find(scene, LEN, true) < LEN);
	assert_false(scene->match.whole);
	assert_int_equal(scene->match.missing_count, 5);
	memcpy(scene->old, scene->bytes, LEN);
	assert_int_equal(find(scene, LEN, true), 0);
	assert_true(restore_basis_is_same(&scene->match, LEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_moved, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_repeated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_room, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
