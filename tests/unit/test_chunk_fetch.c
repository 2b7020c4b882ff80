/*
 * Tests of agent/backup/chunk_fetch: what is wanted comes, each as often as it is wanted and from whatever pack has it whole; what is damaged, missing, or something else than a table
 * says does not, and hinders nothing else.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/backup/chunk_fetch.h"
#include "tests/unit/handmade_repository.h"

#define CHUNKS 24u

/* A repository with chunks. */
struct scene {
	struct repository_scene base;
	struct lade_chunk_fetch *fetch;
	struct lade_chunk_want wants[CHUNKS + 8];
	uint8_t *bytes[CHUNKS];
};

static struct lade_fault fault;

/* How long chunk i is: some are longer than a block, some as short as can be. */
static size_t length_of(unsigned i)
{
	return i % 8 == 7 ? 1500000 + i : i % 8 == 3 ? i : 20000 + 3000 * i;
}

static enum lade_chunk_kind kind_of(unsigned i)
{
	return i % 8 == 7 || i % 3 == 0 ? LADE_CHUNK_CONTENT : i % 3 == 1 ? LADE_CHUNK_ENTRIES : LADE_CHUNK_RECIPE;
}

static void put(struct scene *scene, unsigned i)
{
	struct lade_chunk_want *want = &scene->wants[i];

	if (!scene->bytes[i])
		scene->bytes[i] = scene_bytes(length_of(i), i % 4 == 1 ? 0 : (uint8_t)(i + 1));
	want->len = (uint32_t)length_of(i);
	want->kind = kind_of(i);
	want->cookie = scene->bytes[i];
	want->off = 0;
	scene_chunk(&scene->base, want->kind, lade_slice(scene->bytes[i], want->len), want->id);
}

static void open_fetch(struct scene *scene, size_t cache_len)
{
	struct lade_chunk_fetch_setup setup = { .repository = scene->base.repository, .threads = 3, .cache_len = cache_len };

	scene_map(&scene->base);
	setup.map = scene->base.map;
	lade_chunk_fetch_free(scene->fetch);
	scene->fetch = NULL;
	assert_int_equal(lade_chunk_fetch_new(&setup, &scene->fetch, &fault), 0);
}

/* Two packs, each with half of the chunks; the second has the first three of the first, too. */
static struct scene *make(bool encrypted)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene_make(&scene->base, encrypted);
	scene_pack_begin(&scene->base);
	for (unsigned i = 0; i < CHUNKS / 2; i++)
		put(scene, i);
	scene_pack_end(&scene->base, false);
	scene_pack_begin(&scene->base);
	for (unsigned i = CHUNKS / 2; i < CHUNKS; i++)
		put(scene, i);
	for (unsigned i = 0; i < 3; i++)
		put(scene, i);
	scene_pack_end(&scene->base, false);
	scene_table(&scene->base);
	open_fetch(scene, 8u << 20);
	return scene;
}

static int setup(void **state)
{
	*state = make(true);
	return 0;
}

static int setup_plain(void **state)
{
	*state = make(false);
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	lade_chunk_fetch_free(scene->fetch);
	scene_end(&scene->base);
	for (unsigned i = 0; i < CHUNKS; i++)
		free(scene->bytes[i]);
	free(scene);
	return 0;
}

static int get(const struct scene *scene, const struct lade_chunk_want *want)
{
	struct lade_stream_item item = { .len = want->len, .covers = want->len };
	uint8_t *out = malloc(want->len + 1);
	int error;

	assert_non_null(out);
	memcpy(item.id, want->id, sizeof(item.id));
	out[want->len] = 77;
	error = lade_chunk_fetch_get(scene->fetch, want->kind, &item, out, &fault);
	if (!error)
		assert_memory_equal(out, want->cookie, want->len);
	assert_int_equal(out[want->len], 77);
	free(out);
	return error;
}

/* What a run told. */
struct told {
	pthread_mutex_t lock;
	unsigned delivered[CHUNKS + 8], failed[CHUNKS + 8], wrong;
	int code;    /* of the last failure */
	int returns; /* what the events return */
	const struct scene *scene;
};

static int deliver(void *context, const struct lade_chunk_want *want, struct lade_slice bytes, struct lade_fault *why)
{
	struct told *told = context;

	(void)why;
	pthread_mutex_lock(&told->lock);
	told->delivered[want->off]++;
	if (bytes.len != want->len || memcmp(bytes.data, want->cookie, bytes.len) != 0)
		told->wrong++;
	pthread_mutex_unlock(&told->lock);
	return told->returns;
}

static int failed(void *context, const struct lade_chunk_want *want, const struct lade_fault *why)
{
	struct told *told = context;

	pthread_mutex_lock(&told->lock);
	told->failed[want->off]++;
	told->code = why->code;
	pthread_mutex_unlock(&told->lock);
	return told->returns;
}

static int run(struct scene *scene, size_t count, struct told *told)
{
	const struct lade_chunk_fetch_events events = { deliver, failed, told };

	pthread_mutex_init(&told->lock, NULL);
	for (size_t i = 0; i < count; i++)
		scene->wants[i].off = i;
	return lade_chunk_fetch_run(scene->fetch, scene->wants, count, &events, &fault);
}

/* All come but those from first to last - 1, which fail as the code says. */
static void check_run(struct scene *scene, unsigned first, unsigned last, int code)
{
	struct told told = { .code = 0 };

	assert_int_equal(run(scene, CHUNKS, &told), 0);
	assert_int_equal(told.wrong, 0);
	for (unsigned i = 0; i < CHUNKS; i++) {
		const bool fails = i >= first && i < last;

		assert_int_equal(told.delivered[i], !fails);
		assert_int_equal(told.failed[i], fails);
		assert_int_equal(get(scene, &scene->wants[i]), fails ? code : 0);
	}
	assert_int_equal(told.code, first < last ? code : 0);
}

static void test_all_come(void **state)
{
	struct scene *scene = *state;

	check_run(scene, 0, 0, 0);
	check_run(scene, 0, 0, 0);
	open_fetch(scene, 0);
	check_run(scene, 0, 0, 0);
	open_fetch(scene, 1u << 20);
	check_run(scene, 0, 0, 0);
}

static void test_same_twice(void **state)
{
	struct scene *scene = *state;
	struct told told = { .code = 0 };

	for (unsigned i = 0; i < 8; i++)
		scene->wants[CHUNKS + i] = scene->wants[i % 2 ? 5 : 7];
	assert_int_equal(run(scene, CHUNKS + 8, &told), 0);
	assert_int_equal(told.wrong, 0);
	for (unsigned i = 0; i < CHUNKS + 8; i++)
		assert_int_equal(told.delivered[i], 1);
	assert_int_equal(run(scene, 0, &told), 0);
}

static void test_nobody_has_it(void **state)
{
	struct scene *scene = *state;

	scene->wants[9].id[5] ^= 1;
	check_run(scene, 9, 10, LADE_E_ABSENT);
	scene->wants[9].id[5] ^= 1;
	/* It is no chunk of another kind. */
	scene->wants[9].kind = LADE_CHUNK_ENTRIES;
	check_run(scene, 9, 10, LADE_E_ABSENT);
}

static void test_missing_pack(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(lade_store_remove(scene->base.repository->store, scene_object(scene->base.packs[0]), NULL), 0);
	open_fetch(scene, 0);
	check_run(scene, 3, CHUNKS / 2, LADE_E_ABSENT);
}

static void test_damaged_header(void **state)
{
	struct scene *scene = *state;

	for (unsigned off = 0; off < LADE_PACK_HEADER_LEN; off++) {
		/* The epoch, its own and padding; who it counts against is nobody's secret, but under the key. */
		scene_flip(&scene->base, scene_object(scene->base.packs[0]), off);
		open_fetch(scene, 0);
		if (off == 5) /* of another version */
			assert_int_equal(get(scene, &scene->wants[4]), LADE_E_VERSION);
		else if (scene->base.repository->format.encrypted || off < 24 || (off >= 28 && off < 32))
			assert_int_equal(get(scene, &scene->wants[4]), LADE_E_CHANGED);
		assert_int_equal(get(scene, &scene->wants[1]), 0);
		assert_int_equal(get(scene, &scene->wants[CHUNKS - 1]), 0);
		scene_flip(&scene->base, scene_object(scene->base.packs[0]), off);
	}
	scene_flip(&scene->base, scene_object(scene->base.packs[0]), 8);
	open_fetch(scene, 0);
	check_run(scene, 3, CHUNKS / 2, LADE_E_CHANGED);
}

static void test_damaged_chunk(void **state)
{
	struct scene *scene = *state;
	const struct lade_chunk_want *want = &scene->wants[4];
	struct lade_chunk_place place = { .row = { .off = 0 } };

	/* Where the first chunk is in the first pack: at its beginning. It is in the second, too. */
	scene_flip(&scene->base, scene_object(scene->base.packs[0]), LADE_PACK_HEADER_LEN);
	open_fetch(scene, 1u << 20);
	check_run(scene, 0, 0, 0);
	assert_true(lade_chunk_map_find(scene->base.map, want->id, want->kind, &place));
	scene_flip(&scene->base, scene_object(scene->base.packs[0]), place.row.off + place.row.sealed_len - 1);
	open_fetch(scene, 1u << 20);
	check_run(scene, 4, 5, LADE_E_CHANGED);
	scene_flip(&scene->base, scene_object(scene->base.packs[1]),
		   scene->base.rows[CHUNKS / 2].off + 5); /* the first chunk's second place */
	open_fetch(scene, 1u << 20);
	assert_int_equal(get(scene, &scene->wants[0]), LADE_E_CHANGED);
}

static void test_truncated_pack(void **state)
{
	struct scene *scene = *state;
	const struct lade_chunk_want *want = &scene->wants[CHUNKS / 2 - 1];
	struct lade_chunk_place place = { .row = { .off = 0 } };

	assert_true(lade_chunk_map_find(scene->base.map, want->id, want->kind, &place));
	scene_truncate(&scene->base, scene_object(scene->base.packs[0]), place.row.off + place.row.sealed_len - 1);
	open_fetch(scene, 1u << 20);
	check_run(scene, CHUNKS / 2 - 1, CHUNKS / 2, LADE_E_CHANGED);
	scene_truncate(&scene->base, scene_object(scene->base.packs[0]), 100);
	open_fetch(scene, 1u << 20);
	check_run(scene, 3, CHUNKS / 2, LADE_E_CHANGED);
	scene_truncate(&scene->base, scene_object(scene->base.packs[0]), 0);
	open_fetch(scene, 1u << 20);
	check_run(scene, 3, CHUNKS / 2, LADE_E_CHANGED);
}

/* A table that says something else than is true of chunks. */
static void test_lies(void **state)
{
	struct scene *scene = *state;
	struct repository_scene *base = &scene->base;
	uint8_t *bytes = scene_bytes(5000, 0), frame[5000], id[LADE_CHUNK_ID_LEN];
	struct lade_chunk_want wants[5];
	struct lade_codec *codec;
	size_t len;

	scene_pack_begin(base);
	scene_chunk(base, LADE_CHUNK_CONTENT, lade_slice(bytes, 4000), id);
	/* Another chunk's bytes under an id. */
	memset(base->rows[0].id, 'x', LADE_CHUNK_ID_LEN);
	wants[0] = (struct lade_chunk_want){ .len = 4000, .kind = LADE_CHUNK_CONTENT, .cookie = bytes };
	memset(wants[0].id, 'x', LADE_CHUNK_ID_LEN);
	/* A frame that is longer than is said, by all who say something. */
	assert_int_equal(lade_codec_new(&codec), 0);
	assert_int_equal(lade_codec_compress(codec, 3, lade_slice(bytes, 5000), frame, sizeof(frame), &len), 0);
	wants[1] = wants[0];
	assert_int_equal(lade_chunk_namer_name(base->namer, LADE_CHUNK_CONTENT, lade_slice(bytes, 4000), wants[1].id), 0);
	scene_store(base, wants[1].id, LADE_CHUNK_CONTENT, lade_slice(frame, len), 4000);
	/* One that is shorter. */
	wants[2] = wants[0];
	wants[2].len = 4500;
	assert_int_equal(lade_codec_compress(codec, 3, lade_slice(bytes, 4400), frame, sizeof(frame), &len), 0);
	assert_int_equal(lade_chunk_namer_name(base->namer, LADE_CHUNK_CONTENT, lade_slice(bytes, 4500), wants[2].id), 0);
	scene_store(base, wants[2].id, LADE_CHUNK_CONTENT, lade_slice(frame, len), 4500);
	/* A row whose length is not what the recipe says. */
	scene_chunk(base, LADE_CHUNK_CONTENT, lade_slice(bytes, 4700), id);
	wants[3] = wants[0];
	memcpy(wants[3].id, id, sizeof(id));
	wants[3].len = 4700;
	scene_row(base)->len = 4701;
	/* Who made the pack lies: other bytes are sealed under an id. */
	wants[4] = wants[0];
	memset(wants[4].id, 'y', LADE_CHUNK_ID_LEN);
	scene_store(base, wants[4].id, LADE_CHUNK_CONTENT, lade_slice(bytes, 4000), 4000);
	lade_codec_free(codec);
	scene_pack_end(base, false);
	scene_table(base);
	open_fetch(scene, 1u << 20);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(get(scene, &wants[i]), LADE_E_CHANGED);
		scene->wants[5 + i] = wants[i];
	}
	check_run(scene, 5, 10, LADE_E_CHANGED);
	free(bytes);
}

/* The pack that a map shows first. */
static int take_first(void *context, const struct lade_chunk_place *place)
{
	memcpy(context, place->pack, LADE_HASH_LEN);
	return 1;
}

static bool is_junk_first(const struct scene *scene, unsigned chunk)
{
	uint8_t pack[LADE_HASH_LEN], junk[LADE_HASH_LEN - 1];
	const struct lade_chunk_map_visit visit = { scene->wants[chunk].id, scene->wants[chunk].kind, take_first, pack };

	memset(junk, 'j', sizeof(junk));
	assert_int_equal(lade_chunk_map_visit(scene->base.map, &visit), 1);
	return memcmp(pack, junk, sizeof(junk)) == 0;
}

/* Tables that name packs that nobody has for all chunks: who was misled goes by the others first. */
static void test_junk_rows(void **state)
{
	struct scene *scene = *state;
	struct lade_pack_row row = { .off = LADE_PACK_HEADER_LEN };
	uint8_t pack[LADE_HASH_LEN];

	/* Until one of them comes first, as most do. */
	do {
		memset(pack, 'j', sizeof(pack));
		pack[LADE_HASH_LEN - 1] = (uint8_t)scene->base.table_count;
		for (unsigned i = 0; i < CHUNKS; i++) {
			memcpy(row.id, scene->wants[i].id, sizeof(row.id));
			row.kind = scene->wants[i].kind;
			row.len = scene->wants[i].len;
			row.sealed_len = row.len + LADE_SEAL_TAG_LEN;
			assert_int_equal(lade_table_builder_add(scene->base.table, pack, &row), 0);
		}
		scene_table(&scene->base);
		open_fetch(scene, 1u << 20);
	} while (!is_junk_first(scene, 0) && scene->base.table_count < 15);
	check_run(scene, 0, 0, 0);
	for (unsigned i = 0; i < CHUNKS; i++) {
		assert_int_equal(get(scene, &scene->wants[i]), 0);
		assert_false(is_junk_first(scene, i));
	}
}

static void test_lengths(void **state)
{
	struct scene *scene = *state;
	struct lade_chunk_want want = scene->wants[4];

	want.len = 0;
	assert_int_equal(get(scene, &want), LADE_E_LIMIT);
	want.len = 3u << 20;
	want.cookie = NULL;
	assert_int_equal(get(scene, &want), LADE_E_LIMIT);
	scene->wants[4].len = 3u << 20;
	check_run(scene, 4, 5, LADE_E_LIMIT);
	scene->wants[4].len = (uint32_t)length_of(4) + 1;
	check_run(scene, 4, 5, LADE_E_CHANGED);
}

static void test_events_end_it(void **state)
{
	struct scene *scene = *state;
	struct told told = { .returns = LADE_E_CANCELLED };
	unsigned events = 0;

	assert_int_equal(run(scene, CHUNKS, &told), LADE_E_CANCELLED);
	for (unsigned i = 0; i < CHUNKS; i++)
		events += told.delivered[i];
	assert_in_range(events, 1, 3);
	memset(&told, 0, sizeof(told));
	told.returns = 5;
	for (unsigned i = 0; i < CHUNKS; i++)
		scene->wants[i].id[0] ^= 1;
	assert_int_equal(run(scene, CHUNKS, &told), 5);
}

/* ---- what the store sees ---- */

static int (*real_get)(struct lade_store *, const char *, uint64_t, size_t, void *, struct lade_fault *);
static pthread_mutex_t gets_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t got, block_len;
static unsigned gets, crooked;

/* Counts what is read of packs, but for headers; crooked: what is no whole blocks. */
static int counting_get(struct lade_store *store, const char *name, uint64_t off, size_t len, void *out, struct lade_fault *why)
{
	uint64_t pack_len = 0;

	assert_int_equal(lade_store_list(store, name, scene_take_len, &pack_len, NULL), 0);
	pthread_mutex_lock(&gets_lock);
	if (len != LADE_PACK_HEADER_LEN) {
		got += len;
		gets++;
		crooked += off % block_len != 0 || ((off + len) % block_len != 0 && off + len != pack_len);
	}
	pthread_mutex_unlock(&gets_lock);
	return real_get(store, name, off, len, out, why);
}

/* Whole blocks are read, each once, though chunks begin and end within them; and of what is kept nothing is read again. */
static void test_blocks(void **state)
{
	struct scene *scene = *state;
	struct lade_store *store = scene->base.repository->store;
	const struct lade_store_operations *real = store->operations;
	struct lade_store_operations counting = *real;
	const struct lade_chunk_fetch_setup one = { .repository = scene->base.repository, .map = scene->base.map, .threads = 1, .cache_len = 16u << 20 };
	struct told told = { .code = 0 };
	uint64_t all = 0;

	real_get = real->get;
	counting.get = counting_get;
	for (unsigned i = 0; i < 2; i++)
		all += scene_len(&scene->base, scene_object(scene->base.packs[i]));
	lade_chunk_fetch_free(scene->fetch);
	assert_int_equal(lade_chunk_fetch_new(&one, &scene->fetch, NULL), 0);
	store->operations = &counting;
	store->here = false;
	block_len = LADE_FETCH_BLOCK_LEN;
	got = gets = crooked = 0;
	assert_int_equal(run(scene, CHUNKS, &told), 0);
	assert_int_equal(crooked, 0);
	/* There may be a seam in each pack, where one block is read twice. */
	assert_in_range(got, all - (4u << 20), all + (2u << 20));
	got = 0;
	for (unsigned i = 0; i < 2 * CHUNKS; i++)
		assert_int_equal(get(scene, &scene->wants[i % CHUNKS]), 0);
	assert_int_equal(crooked, 0);
	assert_in_range(got, all / 2, all + (2u << 20));
	store->operations = real;
}

/* In a folder here few chunks that are wanted of many cost little more than they are long. */
static void test_few(void **state)
{
	struct scene *scene = *state;
	struct lade_store *store = scene->base.repository->store;
	const struct lade_store_operations *real = store->operations;
	struct lade_store_operations counting = *real;
	struct lade_chunk_want few[CHUNKS / 6];
	struct told told = { .code = 0 };
	uint64_t wanted = 0;

	for (unsigned i = 0; i < CHUNKS / 6; i++) {
		few[i] = scene->wants[6 * i];
		wanted += few[i].len;
	}
	memcpy(scene->wants, few, sizeof(few));
	real_get = real->get;
	counting.get = counting_get;
	store->operations = &counting;
	assert_true(store->here);
	block_len = LADE_FETCH_HERE_BLOCK_LEN;
	got = gets = crooked = 0;
	assert_int_equal(run(scene, CHUNKS / 6, &told), 0);
	assert_int_equal(crooked, 0);
	assert_in_range(got, 1, wanted + 2 * block_len * (CHUNKS / 6));
	store->operations = real;
}

/* Threads that get chunks while others do. */
static void *get_all(void *argument)
{
	const struct scene *scene = argument;

	for (unsigned i = 0; i < CHUNKS; i++)
		assert_int_equal(get(scene, &scene->wants[i]), 0);
	return NULL;
}

static void test_threads(void **state)
{
	struct scene *scene = *state;
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, get_all, scene), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_come, setup, teardown),
		{ "test_all_come of a plain repository", test_all_come, setup_plain, teardown, NULL },
		cmocka_unit_test_setup_teardown(test_same_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_has_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_pack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_junk_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_header, setup, teardown),
		{ "test_damaged_header of a plain repository", test_damaged_header, setup_plain, teardown, NULL },
		cmocka_unit_test_setup_teardown(test_damaged_chunk, setup, teardown),
		{ "test_damaged_chunk of a plain repository", test_damaged_chunk, setup_plain, teardown, NULL },
		cmocka_unit_test_setup_teardown(test_truncated_pack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events_end_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_few, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
