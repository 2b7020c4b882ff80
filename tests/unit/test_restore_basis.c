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

#include "agent/backup/pool.h"
#include "agent/backup/restore_internal.h"
#include "tests/unit/restore_toy.h"

#define LEN 300000u

struct scene {
	struct restore_toy toy;
	struct restore_reader reader;
	struct restore_basis_match match;
	struct lade_stream_recipe recipe;
	uint8_t bytes[LEN], old[2 * LEN];
	int fd;
	size_t hole_off, hole_len; /* of old in the file */
};

static struct lade_fault fault;

/* Make the recipe of what bytes are now. */
static void lay_down(struct scene *scene)
{
	struct lade_writer recipe;
	struct lade_reader reader;

	restore_toy_put(&scene->toy, LADE_CHUNK_CONTENT, scene->bytes, LEN, &recipe);
	lade_reader_init(&reader, recipe.data, recipe.len);
	assert_int_equal(lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &scene->toy.lengths, &scene->recipe), 0);
	lade_writer_fini(&recipe);
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	char name[] = "/tmp/lade-test-XXXXXX";

	assert_non_null(scene);
	restore_toy_init(&scene->toy);
	restore_toy_noise(3, scene->bytes, LEN);
	lay_down(scene);
	assert_int_equal(restore_reader_init(&scene->reader, LADE_ID_BLAKE2B, scene->toy.key, &scene->toy.cuts[0]), 0);
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
	restore_reader_fini(&scene->reader);
	restore_toy_fini(&scene->toy);
	free(scene);
	return 0;
}

/* Bytes that were given a name. */
static _Atomic uint64_t named;

int __real_lade_chunk_namer_name(struct lade_chunk_namer *namer, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN]);
int __wrap_lade_chunk_namer_name(struct lade_chunk_namer *namer, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN]);
int __wrap_lade_chunk_namer_name(struct lade_chunk_namer *namer, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN])
{
	named += chunk.len;
	return __real_lade_chunk_namer_name(namer, kind, chunk, id_out);
}

/* Look in the first len bytes of old. All that is told must be true. Returns how many bytes are missing. */
static uint64_t find(struct scene *scene, size_t len, bool moved)
{
	const struct lade_restore_source source = restore_toy_source(&scene->toy);
	const struct restore_seen seen = { scene->fd, len, NULL };
	const size_t room = scene->match.missing_room;
	const uint64_t gaps_tried = scene->match.gaps_tried;
	struct lade_recipe_cursor *cursor;
	uint64_t missing = 0, ranges = 0;
	size_t hole_end;

	restore_basis_match_fini(&scene->match);
	scene->match.missing_room = room;
	scene->match.gaps_tried = gaps_tried;
	assert_int_equal(ftruncate(scene->fd, 0), 0);
	assert_int_equal(ftruncate(scene->fd, (off_t)len), 0);
	hole_end = scene->hole_off + scene->hole_len;
	assert_int_equal(pwrite(scene->fd, scene->old, scene->hole_off, 0), scene->hole_off);
	assert_int_equal(pwrite(scene->fd, scene->old + hole_end, len - hole_end, (off_t)hole_end), len - hole_end);
	assert_int_equal(lade_recipe_cursor_new(&source.stream, LADE_CHUNK_CONTENT, &scene->recipe, &cursor), 0);
	assert_int_equal(restore_basis_find(&scene->reader, &seen, moved, cursor, &scene->match, &fault), 0);
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
	named = 0;
	assert_int_equal(find(scene, LEN, true), LEN);
	assert_int_equal(scene->match.range_count, 0);
	/* Of what is cut few chunks have a length that one of the others has. */
	assert_true(named > LEN / 2 && named < LEN + LEN / 4);
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

/* What was changed between chunks that stay is looked at for others only as long as that finds some. */
static void test_small_gaps(void **state)
{
	struct scene *scene = *state;
	struct restore_basis_missing chunks[2];
	uint64_t missing;

	/* Two chunks, of which the second is the longer, with others between them. */
	restore_toy_noise(4, scene->old, LEN);
	(void)find(scene, LEN, true);
	chunks[0] = chunks[1] = scene->match.missing[1];
	for (size_t i = 3; chunks[1].item.len <= chunks[0].item.len; i++)
		chunks[1] = scene->match.missing[i];
	memcpy(scene->old, scene->bytes, LEN);
	scene->old[chunks[0].off] ^= 1;
	memcpy(scene->old + chunks[1].off, scene->bytes + chunks[0].off, chunks[0].item.len);
	assert_int_equal(find(scene, LEN, true), chunks[1].item.len);
	scene->match.gaps_tried = 1;
	missing = find(scene, LEN, true);
	assert_int_equal(missing, (uint64_t)chunks[0].item.len + chunks[1].item.len);
	/* A gap at the end is none between chunks: it may be all that was moved. */
	memmove(scene->old + LEN / 2 + 10, scene->old + LEN / 2, LEN - LEN / 2);
	assert_true(find(scene, LEN + 10, true) <= missing + 3 * 32768);
}

/* Holes are zeros, and need not be read. */
static void test_hole(void **state)
{
	struct scene *scene = *state;
	const size_t from = 65536, to = LEN - 65536;
	uint64_t missing;

	memset(scene->bytes + from, 0, to - from);
	lay_down(scene);
	memcpy(scene->old, scene->bytes, LEN);
	scene->hole_off = from;
	scene->hole_len = to - from;
	assert_int_equal(find(scene, LEN, true), 0);
	assert_true(restore_basis_is_same(&scene->match, LEN));
	/* A hole that ends within a chunk does not hide what follows. */
	scene->old[to] ^= 1;
	missing = find(scene, LEN, true);
	assert_true(missing > 0 && missing <= 2 * 32768);
	scene->old[to] ^= 1;
	if (lseek(scene->fd, (off_t)from, SEEK_DATA) == (off_t)to) {
		scene->reader.zeros_id[0] ^= 1;
		assert_true(find(scene, LEN, false) >= to - from - 2 * 32768);
		scene->reader.zeros_id[0] ^= 1;
	}
	/* It is not what has other content. */
	restore_toy_noise(6, scene->bytes, LEN);
	lay_down(scene);
	assert_true(find(scene, LEN, true) >= to - from);
}

/* ---- several threads ---- */

#define THREADS 3u

struct shared {
	struct lade_pool_job job;
	struct scene *scene;
	struct lade_recipe_cursor *cursor;
	int error;
};

static void find_shared(struct lade_pool_job *job, void *worker)
{
	struct shared *shared = (struct shared *)job;
	const struct restore_seen seen = { shared->scene->fd, LEN, NULL };
	struct lade_fault told;

	shared->error = restore_basis_find(worker, &seen, true, shared->cursor, &shared->scene->match, &told);
}

/* Several threads find what one finds. */
static void test_shared(void **state)
{
	struct scene *scene = *state;
	const struct lade_restore_source source = restore_toy_source(&scene->toy);
	struct shared shared = { .job.run = find_shared, .scene = scene };
	struct restore_reader readers[THREADS];
	void *workers[THREADS];
	struct lade_pool *pool;
	uint64_t alone;

	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(restore_reader_init(&readers[i], LADE_ID_BLAKE2B, scene->toy.key, &scene->toy.cuts[0]), 0);
		workers[i] = &readers[i];
	}
	assert_int_equal(lade_pool_new(workers, THREADS, 1, &pool, &fault), 0);
	for (unsigned i = 0; i < THREADS; i++)
		readers[i].pool = pool;
	memcpy(scene->old, scene->bytes, LEN);
	for (size_t at = 1000; at < LEN; at += 50000)
		scene->old[at] ^= 1;
	for (unsigned round = 0; round < 50; round++) {
		find(scene, LEN, true);
		alone = scene->match.found_len;
		assert_true(alone > 0 && alone < LEN);
		restore_basis_match_fini(&scene->match);
		assert_int_equal(lade_recipe_cursor_new(&source.stream, LADE_CHUNK_CONTENT, &scene->recipe, &shared.cursor), 0);
		lade_pool_add(pool, &shared.job);
		lade_pool_drain(pool);
		lade_recipe_cursor_free(shared.cursor);
		assert_int_equal(shared.error, 0);
		assert_true(scene->match.whole);
		assert_int_equal(scene->match.found_len, alone);
	}
	lade_pool_free(pool);
	for (unsigned i = 0; i < THREADS; i++)
		restore_reader_fini(&readers[i]);
}

/* A restore that is stopped looks no further, wherever it is. */
static void test_stopped(void **state)
{
	struct scene *scene = *state;
	const struct lade_restore_source source = restore_toy_source(&scene->toy);
	const struct restore_seen seen = { scene->fd, LEN, NULL };
	struct lade_recipe_cursor *cursor;
	struct lade_restore restore;

	memset(&restore, 0, sizeof(restore));
	scene->reader.restore = &restore;
	assert_int_equal(ftruncate(scene->fd, LEN), 0);
	for (int stopped = 0; stopped < 2; stopped++) {
		atomic_store(&restore.stopped, stopped);
		assert_int_equal(lade_recipe_cursor_new(&source.stream, LADE_CHUNK_CONTENT, &scene->recipe, &cursor), 0);
		assert_int_equal(restore_basis_find(&scene->reader, &seen, true, cursor, &scene->match, &fault), stopped ? LADE_E_CANCELLED : 0);
		assert_int_equal(scene->match.whole, !stopped);
		lade_recipe_cursor_free(cursor);
		restore_basis_match_fini(&scene->match);
	}
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
		cmocka_unit_test_setup_teardown(test_small_gaps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stopped, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
