/*
 * Tests of agent/store/pack: packs of all suites, whole and short, are opened again by who has the keys, chunk by chunk and by their trailers;
 * what was changed, or is somebody else's, is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/pack.h"
#include "agent/store/store_folder.h"
#include "chunker/strict_cut.h"
#include "protocol/byteorder.h"
#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CHUNKS 5u

static const enum lade_suite suites[] = { LADE_SUITE_PLAIN, LADE_SUITE_AES_256_GCM, LADE_SUITE_XCHACHA20 };

/* A pack of some chunks in a store. */
struct scene {
	char path[PATH_MAX];
	struct lade_store *store;
	struct lade_pack_setup setup;
	struct lade_pack_keys keys;
	struct lade_pack_row rows[CHUNKS];
	uint8_t name[LADE_HASH_LEN];
	uint8_t *bytes; /* all of it */
	uint64_t len;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	assert_true(sodium_init() >= 0);
	temp_tree_make(scene->path);
	assert_int_equal(lade_store_folder_open(scene->path, true, &scene->store, NULL), 0);
	scene->bytes = malloc(LADE_PACK_LEN);
	assert_non_null(scene->bytes);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	lade_store_close(scene->store);
	temp_tree_remove(scene->path);
	free(scene->bytes);
	free(scene);
	return 0;
}

/* The content of a chunk, as it is stored, and its length. */
static size_t content(unsigned chunk, uint8_t out[1000])
{
	memset(out, 'a' + (int)chunk, 1000);
	return 100 * (chunk + 1);
}

static struct lade_pack *begin(struct scene *scene, enum lade_suite suite)
{
	struct lade_pack *pack;

	memset(&scene->setup, 0, sizeof(scene->setup));
	scene->setup.suite = suite;
	scene->setup.epoch = 3;
	memset(scene->setup.repository, 'r', sizeof(scene->setup.repository));
	memset(scene->setup.writer, 'w', sizeof(scene->setup.writer));
	memset(scene->setup.index_secret, 'i', sizeof(scene->setup.index_secret));
	scene->keys.encrypted = suite != LADE_SUITE_PLAIN;
	crypto_box_keypair(scene->keys.read_public, scene->keys.read_secret);
	memcpy(scene->setup.epoch_public, scene->keys.read_public, 32);
	memcpy(scene->keys.repository, scene->setup.repository, sizeof(scene->keys.repository));
	memcpy(scene->keys.index_secret, scene->setup.index_secret, sizeof(scene->keys.index_secret));
	assert_int_equal(lade_pack_begin(scene->store, &scene->setup, &pack, NULL), 0);
	return pack;
}

static int take_len(void *context, const struct lade_store_object *object)
{
	*(uint64_t *)context = object->len;
	return 0;
}

/* Read what was stored under the name. */
static void load(struct scene *scene)
{
	char name[LADE_PACK_NAME_SIZE];

	lade_pack_object_name(scene->name, name);
	assert_int_equal(lade_store_list(scene->store, name, take_len, &scene->len, NULL), 0);
	assert_int_equal(lade_store_get(scene->store, name, 0, scene->len, scene->bytes, NULL), 0);
}

static void make(struct scene *scene, enum lade_suite suite, bool whole)
{
	struct lade_pack *pack = begin(scene, suite);
	uint8_t id[LADE_CHUNK_ID_LEN], bytes[1000];

	for (unsigned i = 0; i < CHUNKS; i++) {
		const size_t len = content(i, bytes);

		memset(id, (int)i, sizeof(id));
		assert_true(lade_pack_fits(pack, len));
		/* The last one says that it was longer: a frame, though it is none. */
		assert_int_equal(lade_pack_add(pack, id, LADE_CHUNK_CONTENT, lade_slice(bytes, len), i == CHUNKS - 1 ? len + 7 : len,
					       &scene->rows[i], NULL), 0);
	}
	assert_int_equal(lade_pack_count(pack), CHUNKS);
	assert_int_equal(lade_pack_finish(pack, whole, scene->name, NULL), 0);
	load(scene);
}

/* Open a chunk of the pack as it is now. */
static int open_chunk(const struct scene *scene, const struct lade_pack_row *row, uint8_t *out)
{
	struct lade_seal *chunks;
	int error = lade_pack_open(scene->bytes, &scene->keys, &chunks);

	if (error)
		return error;
	error = lade_pack_open_chunk(chunks, scene->keys.repository, row, scene->bytes + row->off, out);
	lade_seal_free(chunks);
	return error;
}

static int open_end(const struct scene *scene, struct lade_pack_end *end)
{
	return lade_pack_open_end(scene->bytes, &scene->keys, scene->bytes + scene->len - LADE_PACK_END_LEN, scene->len, end);
}

static void assert_opens(const struct scene *scene)
{
	uint8_t wanted[1000], got[1000];
	struct lade_pack_row *rows;
	struct lade_pack_end end;

	assert_int_equal(open_end(scene, &end), 0);
	assert_int_equal(end.count, CHUNKS);
	assert_int_equal(lade_pack_open_trailer(scene->bytes, &scene->keys, &end, scene->bytes + end.trailer_off, &rows), 0);
	for (unsigned i = 0; i < CHUNKS; i++) {
		const size_t len = content(i, wanted);

		assert_memory_equal(rows[i].id, scene->rows[i].id, LADE_CHUNK_ID_LEN);
		assert_int_equal(rows[i].kind, LADE_CHUNK_CONTENT);
		assert_int_equal(rows[i].off, scene->rows[i].off);
		assert_int_equal(rows[i].sealed_len, len + LADE_SEAL_TAG_LEN);
		assert_int_equal(rows[i].len, i == CHUNKS - 1 ? len + 7 : len);
		assert_int_equal(open_chunk(scene, &rows[i], got), 0);
		assert_memory_equal(got, wanted, len);
	}
	free(rows);
}

static void test_packs_open_again(void **state)
{
	struct scene *scene = *state;
	uint8_t hash[LADE_HASH_LEN];

	for (size_t i = 0; i < COUNT(suites); i++) {
		for (int whole = 0; whole <= 1; whole++) {
			make(scene, suites[i], whole);
			assert_int_equal(scene->len, whole ? LADE_PACK_LEN : lade_seal_padme(scene->len));
			crypto_hash_sha256(hash, scene->bytes, scene->len);
			assert_memory_equal(hash, scene->name, sizeof(hash));
			assert_opens(scene);
		}
	}
}

/* The header is the table of FORMAT.md. */
static void test_headers(void **state)
{
	struct scene *scene = *state;
	uint32_t epoch;

	make(scene, LADE_SUITE_AES_256_GCM, false);
	assert_memory_equal(scene->bytes, "LADEP\1\1\0rrrrrrrrrrrrrrrr\3\0\0\0\0\0\0\0wwwwwwwwwwwwwwww", 48);
	assert_int_equal(lade_pack_epoch(scene->bytes, &scene->keys, &epoch), 0);
	assert_int_equal(epoch, 3);
	assert_int_equal(scene->rows[0].off, LADE_PACK_HEADER_LEN);
	make(scene, LADE_SUITE_PLAIN, false);
	assert_memory_equal(scene->bytes, "LADEP\1\0\0", 8);
	/* Nobody else has a pack of that name; there is nothing to commit to. */
	assert_false(sodium_is_zero(scene->bytes + 48, 80));
	assert_true(sodium_is_zero(scene->bytes + 128, 32));
	assert_int_equal(lade_pack_epoch(scene->bytes, &scene->keys, &epoch), 0);
	/* A store cannot have what is encrypted be plain, nor the other way round. */
	scene->keys.encrypted = true;
	assert_int_equal(lade_pack_epoch(scene->bytes, &scene->keys, &epoch), LADE_E_CHANGED);
	scene->keys.encrypted = false;
	scene->keys.repository[3] ^= 1;
	assert_int_equal(lade_pack_epoch(scene->bytes, &scene->keys, &epoch), LADE_E_CHANGED);
}

/* Nothing of a pack can be changed without a chunk, the trailer or the end noticing; padding is nobody's. */
static void test_changes_are_seen(void **state)
{
	struct scene *scene = *state;
	uint8_t got[1000];
	struct lade_pack_row *rows;
	struct lade_pack_end end;

	for (size_t i = 0; i < COUNT(suites); i++) {
		make(scene, suites[i], false);
		assert_int_equal(open_end(scene, &end), 0);
		for (size_t at = 0; at < scene->len; at++) {
			unsigned failures = 0;

			if (at >= end.chunks_end && at < end.trailer_off)
				continue;
			scene->bytes[at] ^= 0x40;
			for (unsigned j = 0; j < CHUNKS; j++)
				failures += open_chunk(scene, &scene->rows[j], got) != 0;
			if (open_end(scene, &end) != 0)
				failures++;
			else if (lade_pack_open_trailer(scene->bytes, &scene->keys, &end, scene->bytes + end.trailer_off, &rows) != 0)
				failures++;
			else
				free(rows);
			/* A plain pack's header has bytes of which nothing depends: all that are not called zeros. */
			if (!failures && !(suites[i] == LADE_SUITE_PLAIN && at >= 24 && at < LADE_PACK_SECRET_OFF + LADE_SEALED_SECRET_LEN && at / 4 != 7))
				fail_msg("suite %d: byte %zu", suites[i], at);
			scene->bytes[at] ^= 0x40;
		}
	}
}

/* Who has the index key can seal any trailer: a row of a chunk that there cannot be is refused, or somebody would take memory for it. */
static void test_rows_that_cannot_be(void **state)
{
	static const struct {
		uint8_t kind;
		uint32_t sealed_len, len;
		int wanted;
	} cases[] = {
		{ LADE_CHUNK_CONTENT, 116, 100, 0 },
		{ LADE_CHUNK_RECIPE, 116, LADE_STRICT_CUT_GREATEST_MAX, 0 },
		{ LADE_CHUNK_CONTENT, 116, LADE_STRICT_CUT_GREATEST_MAX + 1, LADE_E_CHANGED },
		{ LADE_CHUNK_CONTENT, 116, UINT32_MAX, LADE_E_CHANGED },
		{ LADE_CHUNK_CONTENT, 116, 99, LADE_E_CHANGED },
		{ LADE_CHUNK_CONTENT, 116, 0, LADE_E_CHANGED },
		{ LADE_CHUNK_CONTENT, 117, 101, LADE_E_CHANGED },
		{ LADE_CHUNK_CONTENT, 115, 100, LADE_E_CHANGED },
		{ LADE_CHUNK_CONTENT, LADE_SEAL_TAG_LEN, 100, LADE_E_CHANGED },
		{ LADE_CHUNK_CONTENT, UINT32_MAX, UINT32_MAX, LADE_E_CHANGED },
		{ 0, 116, 100, LADE_E_CHANGED },
		{ LADE_CHUNK_RECIPE + 1, 116, 100, LADE_E_CHANGED },
	};
	struct scene *scene = *state;
	struct lade_pack_end end = { .trailer_len = LADE_PACK_ROW_LEN + LADE_SEAL_TAG_LEN, .count = 1, .chunks_end = LADE_PACK_HEADER_LEN + 116 };

	make(scene, LADE_SUITE_XCHACHA20, false);
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t bytes[LADE_PACK_ROW_LEN + LADE_SEAL_TAG_LEN] = { 0 };
		struct lade_pack_index_seal index = { .seal = NULL };
		struct lade_pack_row *rows = NULL;

		bytes[32] = cases[i].kind;
		lade_put_le32(bytes + 33, cases[i].sealed_len);
		lade_put_le32(bytes + 37, cases[i].len);
		assert_int_equal(lade_pack_index_start(&index, scene->bytes, scene->keys.index_secret, "lade pack trailer", true), 0);
		assert_int_equal(lade_seal_close(index.seal, &index.context, bytes, LADE_PACK_ROW_LEN, bytes), 0);
		lade_seal_free(index.seal);
		assert_int_equal(lade_pack_open_trailer(scene->bytes, &scene->keys, &end, bytes, &rows), cases[i].wanted);
		if (!cases[i].wanted)
			free(rows);
	}
}

static void test_wrong_keys(void **state)
{
	struct scene *scene = *state;
	struct lade_seal *chunks;
	struct lade_pack_end end;

	make(scene, LADE_SUITE_XCHACHA20, false);
	scene->keys.index_secret[0] ^= 1;
	assert_int_equal(open_end(scene, &end), LADE_E_CHANGED);
	crypto_box_keypair(scene->keys.read_public, scene->keys.read_secret);
	assert_int_equal(lade_pack_open(scene->bytes, &scene->keys, &chunks), LADE_E_CHANGED);
}

/* A chunk is where it is, and what it is. */
static void test_chunks_in_other_places(void **state)
{
	struct scene *scene = *state;
	struct lade_pack_row row;
	uint8_t got[1000];

	for (size_t i = 0; i < COUNT(suites); i++) {
		make(scene, suites[i], false);
		row = scene->rows[1];
		row.kind = LADE_CHUNK_ENTRIES;
		assert_int_equal(open_chunk(scene, &row, got), LADE_E_CHANGED);
		row = scene->rows[1];
		row.id[31] ^= 1;
		assert_int_equal(open_chunk(scene, &row, got), LADE_E_CHANGED);
		/* Another chunk's bytes in its place. */
		memcpy(scene->bytes + scene->rows[1].off, scene->bytes + scene->rows[2].off, scene->rows[1].sealed_len);
		assert_int_equal(open_chunk(scene, &scene->rows[1], got), LADE_E_CHANGED);
	}
}

/* A pack is full when the next chunk would leave no room for what comes behind. */
static void test_a_whole_pack_is_full(void **state)
{
	struct scene *scene = *state;
	struct lade_pack *pack = begin(scene, LADE_SUITE_AES_256_GCM);
	const size_t len = 2u << 20;
	uint8_t id[LADE_CHUNK_ID_LEN] = { 0 }, *bytes = calloc(1, len);
	struct lade_pack_row row;
	size_t last;

	assert_non_null(bytes);
	while (lade_pack_fits(pack, len))
		assert_int_equal(lade_pack_add(pack, id, LADE_CHUNK_CONTENT, lade_slice(bytes, len), len, &row, NULL), 0);
	assert_int_equal(lade_pack_count(pack), 31);
	for (last = len; !lade_pack_fits(pack, last); last--)
		;
	assert_int_equal(lade_pack_add(pack, id, LADE_CHUNK_CONTENT, lade_slice(bytes, last), last, &row, NULL), 0);
	assert_false(lade_pack_fits(pack, 0));
	assert_int_equal(lade_pack_finish(pack, true, scene->name, NULL), 0);
	load(scene);
	assert_int_equal(scene->len, LADE_PACK_LEN);
	free(bytes);
}

static void test_padme(void **state)
{
	static const uint64_t lens[][2] = { { 2, 2 }, { 8, 8 }, { 9, 10 }, { 100, 104 }, { 1000, 1024 }, { 1025, 1088 }, { 65537, 67584 }, { 67108863, 67108864 } };

	(void)state;
	for (size_t i = 0; i < COUNT(lens); i++)
		assert_int_equal(lade_seal_padme(lens[i][0]), lens[i][1]);
	for (uint64_t len = 2; len < 1u << 20; len += 97) {
		assert_true(lade_seal_padme(len) >= len && lade_seal_padme(len) <= len + len / 8);
		assert_int_equal(lade_seal_padme(lade_seal_padme(len)), lade_seal_padme(len));
	}
}

static void test_one_that_is_thrown_away(void **state)
{
	struct scene *scene = *state;
	struct lade_pack *pack = begin(scene, LADE_SUITE_AES_256_GCM);
	uint64_t len = 0;

	lade_pack_abandon(pack);
	lade_pack_abandon(NULL);
	assert_int_equal(lade_store_list(scene->store, "", take_len, &len, NULL), 0);
	assert_int_equal(len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_packs_open_again),
		TEST(test_headers),
		TEST(test_changes_are_seen),
		TEST(test_rows_that_cannot_be),
		TEST(test_wrong_keys),
		TEST(test_chunks_in_other_places),
		TEST(test_a_whole_pack_is_full),
		cmocka_unit_test(test_padme),
		TEST(test_one_that_is_thrown_away),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
