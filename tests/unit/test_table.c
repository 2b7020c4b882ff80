/*
 * Tests of agent/store/table: what was put in any order is read in order, by all suites and across segments; nothing of a table that was changed, cut, or made by somebody
 * else is good, nor one that makes no sense though it is signed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/byteorder.h"
#include "tests/unit/table_scene.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OBJECT "sessions/a.table-1"

static const enum lade_suite suites[] = { LADE_SUITE_PLAIN, LADE_SUITE_AES_256_GCM, LADE_SUITE_XCHACHA20 };

/* What came out of a table. */
struct taken {
	struct lade_table_row *rows;
	size_t count, room;
	uint8_t packs[64][LADE_HASH_LEN], replaced[64][LADE_HASH_LEN];
	size_t pack_count, replaced_count;
};

struct scene {
	struct table_scene table;
	struct taken taken;
	uint8_t name[LADE_HASH_LEN];
	struct lade_table_info info;
	uint8_t *bytes; /* of the object */
	size_t len;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	table_scene_make(&scene->table);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	table_scene_end(&scene->table);
	free(scene->taken.rows);
	free(scene->bytes);
	free(scene);
	return 0;
}

static int take_replaced(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct taken *taken = context;

	(void)fault;
	memcpy(taken->replaced[taken->replaced_count++ % 64], name, LADE_HASH_LEN);
	return 0;
}

static int take_pack(void *context, const uint8_t name[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct taken *taken = context;

	(void)fault;
	memcpy(taken->packs[taken->pack_count++ % 64], name, LADE_HASH_LEN);
	return 0;
}

static int take_row(void *context, const struct lade_table_row *row, struct lade_fault *fault)
{
	struct taken *taken = context;

	(void)fault;
	if (taken->count == taken->room) {
		taken->room = taken->room ? 2 * taken->room : 64;
		taken->rows = realloc(taken->rows, taken->room * sizeof(*taken->rows));
		assert_non_null(taken->rows);
	}
	taken->rows[taken->count++] = *row;
	return 0;
}

static int read_source(struct scene *scene, const struct lade_table_source *source)
{
	const struct lade_table_sink sink = { take_replaced, take_pack, take_row, &scene->taken };

	scene->taken.count = scene->taken.pack_count = scene->taken.replaced_count = 0;
	return lade_table_read(source, &sink, &scene->info, NULL);
}

static int read_table(struct scene *scene, bool encrypted)
{
	struct lade_table_source source = table_scene_source(&scene->table, OBJECT);

	source.encrypted = encrypted;
	return read_source(scene, &source);
}

/* Put the bytes that the scene has. */
static void store(struct scene *scene, const uint8_t *bytes, size_t len)
{
	assert_int_equal(lade_store_remove(scene->table.store, OBJECT, NULL), 0);
	assert_int_equal(lade_store_put(scene->table.store, OBJECT, bytes, len, NULL), 0);
}

static void load(struct scene *scene)
{
	const struct lade_table_source source = table_scene_source(&scene->table, OBJECT);

	free(scene->bytes);
	scene->len = source.len;
	scene->bytes = malloc(scene->len + 1);
	assert_non_null(scene->bytes);
	assert_int_equal(lade_store_get(scene->table.store, OBJECT, 0, scene->len, scene->bytes, NULL), 0);
}

/* Make a table of so many rows in so many packs, in no order and each twice. */
static void make(struct scene *scene, enum lade_suite suite, unsigned count, unsigned packs)
{
	const struct lade_table_setup table = table_scene_setup(&scene->table, suite, 0, OBJECT);
	struct lade_table_builder *builder;
	uint8_t pack[LADE_HASH_LEN];

	assert_int_equal(lade_store_remove(scene->table.store, OBJECT, NULL), 0);
	assert_int_equal(lade_table_builder_new(&builder), 0);
	for (unsigned i = 0; i < 2 * count; i++) {
		const struct lade_pack_row row = table_scene_row(i % count);

		table_scene_pack(i % count % packs, pack);
		assert_int_equal(lade_table_builder_add(builder, pack, &row), 0);
	}
	assert_int_equal(lade_table_builder_count(builder), 2 * count);
	assert_int_equal(lade_table_builder_write(builder, &table, scene->name, NULL), 0);
	assert_int_equal(lade_table_builder_count(builder), 0);
	lade_table_builder_free(builder);
	load(scene);
}

/* The rows that make() made are all there, and only those. */
static void assert_made(const struct scene *scene, unsigned count, unsigned packs)
{
	const struct taken *taken = &scene->taken;
	uint8_t *seen = calloc(count + 1u, 1), pack[LADE_HASH_LEN];

	assert_non_null(seen);
	assert_int_equal(taken->count, count);
	assert_int_equal(taken->pack_count, count < packs ? count : packs);
	for (size_t i = 0; i < taken->count; i++) {
		const struct lade_table_row *row = &taken->rows[i];
		unsigned number = row->row.off - LADE_PACK_HEADER_LEN;
		const struct lade_pack_row wanted = table_scene_row(number);

		assert_true(number < count && !seen[number]++);
		assert_memory_equal(&row->row, &wanted, sizeof(wanted));
		table_scene_pack(number % packs, pack);
		assert_memory_equal(taken->packs[row->pack], pack, sizeof(pack));
		assert_true(!i || lade_table_row_compare(&taken->rows[i - 1], row) < 0);
	}
	free(seen);
}

static void test_tables_are_read_again(void **state)
{
	/* No segment's end but the last, ends inside of a row, and more than is read at once. */
	static const unsigned counts[] = { 0, 1, 7, 1365, 5000, 50000 };
	struct scene *scene = *state;
	struct lade_table_source source;
	uint8_t hash[LADE_HASH_LEN];

	for (size_t i = 0; i < COUNT(suites) * COUNT(counts); i++) {
		const enum lade_suite suite = suites[i % COUNT(suites)];
		const unsigned count = counts[i / COUNT(suites)];

		make(scene, suite, count, 9);
		crypto_hash_sha256(hash, scene->bytes, scene->len);
		assert_memory_equal(hash, scene->name, sizeof(hash));
		source = table_scene_source(&scene->table, OBJECT);
		source.encrypted = suite != LADE_SUITE_PLAIN;
		source.name = hash;
		source.level = 0;
		assert_int_equal(read_source(scene, &source), 0);
		assert_made(scene, count, 9);
		assert_memory_equal(scene->info.name, hash, sizeof(hash));
		assert_memory_equal(scene->info.signer, scene->table.writer, LADE_PARTY_ID_LEN);
		assert_memory_equal(scene->info.owner, scene->table.writer, LADE_PARTY_ID_LEN);
		assert_int_equal(scene->info.epoch, SCENE_EPOCH);
		assert_false(scene->info.opened);
	}
}

/* Header and clear text are the tables of FORMAT.md; in a plain repository they can be seen. */
static void test_bytes(void **state)
{
	struct scene *scene = *state;
	const uint8_t *clear;
	struct lade_table_row row;

	make(scene, LADE_SUITE_PLAIN, 1, 1);
	assert_memory_equal(scene->bytes, "LADEI\1\0\0rrrrrrrrrrrrrrrr\3\0\0\0\0\0\0\0", 32);
	assert_memory_equal(scene->bytes + 32, scene->table.writer, 16);
	/* 16 bytes of counts, a pack, a row; PADME of 96 is 96. */
	assert_int_equal(lade_get_le64(scene->bytes + 96), 96 + 16);
	assert_int_equal(scene->len, 104 + 96 + 16 + 64);
	clear = scene->bytes + 104;
	assert_int_equal(lade_get_le32(clear), 0);
	assert_int_equal(lade_get_le32(clear + 4), 1);
	assert_int_equal(lade_get_le64(clear + 40), 1);
	lade_table_row_get(clear + 48, &row);
	assert_int_equal(row.row.off, LADE_PACK_HEADER_LEN);
	assert_int_equal(lade_get_le32(clear + 48 + 44), 1 | 1u << 30);
	/* The tag is of the number with the highest bit, what is added, and the content. */
	{
		static const uint8_t word[5] = { 't', 'a', 'b', 'l', 'e' };
		uint8_t text[8 + 16 + 5 + 96] = { [7] = 0x80 }, hash[32];

		memset(text + 8, 'r', 16);
		memcpy(text + 24, word, sizeof(word));
		memcpy(text + 29, clear, 96);
		crypto_hash_sha256(hash, text, sizeof(text));
		assert_memory_equal(clear + 96, hash, 16);
	}
}

static void test_changes_are_seen(void **state)
{
	struct scene *scene = *state;

	for (size_t i = 0; i < COUNT(suites); i++) {
		make(scene, suites[i], 5, 2);
		for (size_t bit = 0; bit < 8 * scene->len; bit++) {
			scene->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			store(scene, scene->bytes, scene->len);
			if (!read_table(scene, suites[i] != LADE_SUITE_PLAIN))
				fail_msg("suite %d: bit %zu", suites[i], bit);
			scene->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		for (size_t len = 0; len < scene->len; len++) {
			store(scene, scene->bytes, len);
			assert_int_equal(read_table(scene, suites[i] != LADE_SUITE_PLAIN), LADE_E_CHANGED);
		}
		scene->bytes[scene->len] = 0;
		store(scene, scene->bytes, scene->len + 1);
		assert_int_equal(read_table(scene, suites[i] != LADE_SUITE_PLAIN), LADE_E_CHANGED);
	}
}

/* One that becomes shorter while it is read, and ones that are too long. */
static void test_lengths(void **state)
{
	struct scene *scene = *state;
	struct lade_table_source source;

	make(scene, LADE_SUITE_AES_256_GCM, 5, 2);
	source = table_scene_source(&scene->table, OBJECT);
	store(scene, scene->bytes, scene->len - 1);
	assert_int_equal(read_source(scene, &source), LADE_E_TRUNCATED);
	source.len = LADE_TABLE_LEN_MAX + 1ull;
	assert_int_equal(read_source(scene, &source), LADE_E_LIMIT);
	source.object = "sessions/b.table-1";
	source.len = 1000;
	assert_int_equal(read_source(scene, &source), LADE_E_ABSENT);
}

static void test_who_is_good(void **state)
{
	struct scene *scene = *state;
	struct lade_table_source source;
	struct lade_table_setup table;
	struct lade_table_content content = { .row_count = 0 };
	uint8_t name[LADE_HASH_LEN] = { 1 };

	make(scene, LADE_SUITE_XCHACHA20, 5, 2);
	source = table_scene_source(&scene->table, OBJECT);
	source.name = name;
	assert_int_equal(read_source(scene, &source), LADE_E_CHANGED);
	source.name = NULL;
	source.level = 1;
	assert_int_equal(read_source(scene, &source), LADE_E_CHANGED);
	source.level = -1;
	source.encrypted = false;
	assert_int_equal(read_source(scene, &source), LADE_E_CHANGED);
	source.encrypted = true;
	scene->table.trust.repository[3] ^= 1;
	assert_int_equal(read_source(scene, &source), LADE_E_CHANGED);
	scene->table.trust.repository[3] ^= 1;
	scene->table.keyring.secrets[0].bytes[5] ^= 1;
	assert_int_equal(read_source(scene, &source), LADE_E_CHANGED);
	scene->table.keyring.secrets[0].bytes[5] ^= 1;
	scene->table.keyring.secrets[0].epoch++;
	assert_int_equal(read_source(scene, &source), LADE_E_UNSUPPORTED);
	scene->table.keyring.secrets[0].epoch--;
	assert_int_equal(read_source(scene, &source), 0);
	scene->table.trust.parties[0].id[0] ^= 1;
	assert_int_equal(read_source(scene, &source), LADE_E_REFUSED);
	scene->table.trust.parties[0].id[0] ^= 1;
	/* Signed by another key than that of who is named. */
	table = table_scene_setup(&scene->table, LADE_SUITE_XCHACHA20, 0, OBJECT);
	table.seed = scene->table.manager_seed;
	assert_int_equal(lade_store_remove(scene->table.store, OBJECT, NULL), 0);
	assert_int_equal(lade_table_write(&table, &content, name, NULL), 0);
	assert_int_equal(read_table(scene, true), LADE_E_CHANGED);
}

/* Put an empty table of an owner and a level, and read it. */
static int read_of(struct scene *scene, bool by_manager, uint8_t level, const uint8_t *owner)
{
	struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_AES_256_GCM, by_manager, OBJECT);
	struct lade_table_content content = { .row_count = 0 };

	table.info.level = level;
	memcpy(table.info.owner, owner, LADE_PARTY_ID_LEN);
	assert_int_equal(lade_store_remove(scene->table.store, OBJECT, NULL), 0);
	assert_int_equal(lade_table_write(&table, &content, scene->name, NULL), 0);
	return read_table(scene, true);
}

/* A stolen key of a writer makes nobody else's rows. */
static void test_whose_rows(void **state)
{
	static const uint8_t nobody[LADE_PARTY_ID_LEN];
	struct scene *scene = *state;

	assert_int_equal(read_of(scene, false, 0, nobody), 0);
	assert_int_equal(read_of(scene, false, 0, scene->table.writer), 0);
	assert_int_equal(read_of(scene, false, 0, scene->table.manager), LADE_E_CHANGED);
	assert_int_equal(read_of(scene, false, 1, nobody), LADE_E_CHANGED);
	assert_int_equal(read_of(scene, true, 0, scene->table.writer), 0);
	assert_int_equal(read_of(scene, true, 2, scene->table.writer), 0);
	assert_true(scene->info.opened);
	assert_int_equal(scene->info.level, 2);
}

/* ---- tables that make no sense, signed and sealed ---- */

/* Seal what is said to be a table's text, sign it, and read it. */
static int read_forged(struct scene *scene, uint8_t level, const uint8_t *clear, size_t len)
{
	const struct table_scene *table = &scene->table;
	struct lade_object_header header = { .kind = LADE_OBJECT_TABLE, .suite = LADE_SUITE_AES_256_GCM };
	uint8_t sealed[1000 + LADE_SEAL_TAG_LEN];
	struct lade_table_seal seal;
	struct lade_writer writer;

	memcpy(header.repository, table->trust.repository, sizeof(header.repository));
	lade_writer_init(&writer, 4096);
	lade_object_put_header(&writer, &header);
	lade_object_put_u32(&writer, SCENE_EPOCH);
	lade_object_put_u32(&writer, level);
	lade_writer_put_bytes(&writer, level ? table->manager : table->writer, LADE_PARTY_ID_LEN);
	lade_object_put_zeros(&writer, 16 + 32);
	lade_object_put_u64(&writer, len + 16);
	assert_int_equal(lade_table_seal_start(&seal, writer.data, table->index_secret, true), 0);
	lade_table_seal_next(&seal, 0, true);
	assert_int_equal(lade_seal_close(seal.seal, &seal.context, clear, len, sealed), 0);
	lade_seal_free(seal.seal);
	lade_writer_put_bytes(&writer, sealed, len + 16);
	assert_int_equal(lade_object_sign(&writer, level ? table->manager_seed : table->writer_seed, "lade table"), 0);
	store(scene, writer.data, writer.len);
	lade_writer_fini(&writer);
	return read_table(scene, true);
}

/* Offsets in the text below. */
#define PACKS_OFF 8u
#define ROWS_OFF (PACKS_OFF + 2 * LADE_HASH_LEN + 8u)
#define TEXT_LEN (ROWS_OFF + 2 * LADE_TABLE_ROW_LEN)

/* A text of two packs and two rows, with its padding; returns its length. */
static size_t text(uint8_t out[1000])
{
	struct lade_table_row row = { .row = { .kind = LADE_CHUNK_CONTENT, .off = 200, .sealed_len = 116, .len = 100 } };

	memset(out, 0, 1000);
	lade_put_le32(out + 4, 2);
	memset(out + PACKS_OFF, 1, LADE_HASH_LEN);
	memset(out + PACKS_OFF + LADE_HASH_LEN, 2, LADE_HASH_LEN);
	lade_put_le64(out + ROWS_OFF - 8, 2);
	memset(row.row.id, 7, LADE_CHUNK_ID_LEN);
	lade_table_row_put(out + ROWS_OFF, &row);
	row.pack = 1;
	lade_table_row_put(out + ROWS_OFF + LADE_TABLE_ROW_LEN, &row);
	return lade_seal_padme(TEXT_LEN);
}

static void test_what_makes_no_sense(void **state)
{
	/* A word of the text that is another one then. */
	static const struct {
		size_t off;
		uint32_t value;
	} words[] = {
		{ 0, 1 },                                 /* level 0 replaces nothing */
		{ 4, 1 },                                 /* fewer packs */
		{ 4, UINT32_MAX },                        /* more than there could be */
		{ PACKS_OFF, 0x02020203 },                /* packs out of order */
		{ ROWS_OFF - 8, 1 },                      /* fewer rows: one is padding */
		{ ROWS_OFF - 8, 3 },
		{ ROWS_OFF - 4, 1 },                      /* 2^32 of them */
		{ ROWS_OFF, 0x07070708 },                 /* ids out of order */
		{ ROWS_OFF + 32, 1 },                     /* the same row twice */
		{ ROWS_OFF + 48 + 32, 2 },                /* no such pack */
		{ ROWS_OFF + 36, 159 },                   /* in the header */
		{ ROWS_OFF + 36, 67108864 - 116 - 41 - 16 - 63 }, /* no room for what comes behind */
		{ ROWS_OFF + 36, UINT32_MAX },
		{ ROWS_OFF + 40, 16 },                    /* nothing is sealed */
		{ ROWS_OFF + 40, 117 },                   /* more than the chunk */
		{ ROWS_OFF + 40, UINT32_MAX },
		{ ROWS_OFF + 44, 100 },                   /* no kind */
		{ ROWS_OFF + 44, UINT32_C(1) << 30 },     /* no bytes */
		{ ROWS_OFF + 44, UINT32_C(1) << 30 | 8388609 }, /* longer than any */
	};
	struct scene *scene = *state;
	uint8_t clear[1000];
	size_t len = text(clear);

	assert_int_equal(read_forged(scene, 0, clear, len), 0);
	assert_int_equal(scene->taken.count, 2);
	for (size_t i = 0; i < COUNT(words); i++) {
		text(clear);
		lade_put_le32(clear + words[i].off, words[i].value);
		if (read_forged(scene, 0, clear, len) != LADE_E_CHANGED)
			fail_msg("word %zu", i);
	}
	text(clear);
	/* The greatest offset there is. */
	lade_put_le32(clear + ROWS_OFF + 36, 67108864 - 116 - 41 - 16 - 64);
	assert_int_equal(read_forged(scene, 0, clear, len), 0);
	/* Padded too little, or too much. */
	for (size_t other = 1; other < 1000; other++) {
		if (other != len)
			assert_int_equal(read_forged(scene, 0, clear, other), LADE_E_CHANGED);
	}
}

/* Only a manager's tables replace others. */
static void test_who_replaces(void **state)
{
	struct scene *scene = *state;
	uint8_t clear[48] = { 1 };

	assert_int_equal(read_forged(scene, 1, clear, sizeof(clear)), 0);
	assert_int_equal(scene->taken.replaced_count, 1);
	assert_int_equal(read_forged(scene, 0, clear, sizeof(clear)), LADE_E_CHANGED);
}

static void test_padding(void **state)
{
	const size_t packs = 17, len = 16 + packs * LADE_HASH_LEN;
	struct scene *scene = *state;
	uint8_t clear[1000] = { 0 };

	/* 560 bytes, padded to 576. */
	assert_int_equal(lade_seal_padme(len), len + 16);
	lade_put_le32(clear + 4, (uint32_t)packs);
	for (size_t i = 0; i < packs; i++)
		clear[8 + i * LADE_HASH_LEN] = (uint8_t)i;
	assert_int_equal(read_forged(scene, 0, clear, len + 16), 0);
	assert_int_equal(scene->taken.pack_count, packs);
	for (size_t i = 0; i < 16; i++) {
		clear[len + i] = 0x80;
		assert_int_equal(read_forged(scene, 0, clear, len + 16), LADE_E_CHANGED);
		clear[len + i] = 0;
	}
}

/* ---- rows that are sorted already ---- */

struct rows {
	unsigned at;
	const struct lade_table_row *rows;
};

static int next_row(void *context, struct lade_table_row *row_out, struct lade_fault *fault)
{
	struct rows *rows = context;

	(void)fault;
	*row_out = rows->rows[rows->at++];
	return 0;
}

static void test_merged_tables(void **state)
{
	struct scene *scene = *state;
	const struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_AES_256_GCM, 1, OBJECT);
	uint8_t names[3][LADE_HASH_LEN] = { { 1 }, { 2 }, { 3 } };
	struct lade_table_row list[2] = { { .pack = 0, .row = table_scene_row(1) }, { .pack = 2, .row = table_scene_row(1) } };
	struct rows rows = { .rows = list };
	struct lade_table_content content = { .replaced = (const uint8_t(*)[LADE_HASH_LEN])names, .replaced_count = 2,
					      .packs = (const uint8_t(*)[LADE_HASH_LEN])names, .pack_count = 3, .row_count = 2,
					      .next = next_row, .context = &rows };
	struct lade_table_setup other = table;

	assert_int_equal(lade_table_write(&table, &content, scene->name, NULL), 0);
	assert_int_equal(read_table(scene, true), 0);
	assert_int_equal(scene->taken.replaced_count, 2);
	assert_memory_equal(scene->taken.replaced, names, 2 * LADE_HASH_LEN);
	assert_int_equal(scene->taken.pack_count, 3);
	assert_int_equal(scene->taken.count, 2);
	assert_int_equal(scene->taken.rows[1].pack, 2);
	/* What would be refused is not written. */
	other.object = "sessions/b.table-1";
	rows.at = 0;
	list[1].pack = 0;
	assert_int_equal(lade_table_write(&other, &content, scene->name, NULL), LADE_E_REFUSED);
	rows.at = 0;
	list[1].pack = 3;
	assert_int_equal(lade_table_write(&other, &content, scene->name, NULL), LADE_E_REFUSED);
	names[1][0] = 1;
	assert_int_equal(lade_table_write(&other, &content, scene->name, NULL), LADE_E_REFUSED);
	content.row_count = LADE_TABLE_ROWS_MAX + 1;
	assert_int_equal(lade_table_write(&other, &content, scene->name, NULL), LADE_E_LIMIT);
	content.row_count = 2;
	other.info.level = 0;
	assert_int_equal(lade_table_write(&other, &content, scene->name, NULL), LADE_E_REFUSED);
	assert_int_equal(table_scene_source(&scene->table, "sessions/b").len, 0);
	assert_int_equal(lade_table_write(&table, &(struct lade_table_content){ .row_count = 0 }, scene->name, NULL), LADE_E_EXISTS);
}

/* Level 0 has 2^20 rows and no more, in as many packs as there are. */
static void test_a_full_builder(void **state)
{
	struct scene *scene = *state;
	struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_AES_256_GCM, 0, OBJECT);
	struct lade_table_builder *builder;
	struct lade_pack_row row = table_scene_row(5);
	uint8_t pack[LADE_HASH_LEN];

	assert_int_equal(lade_table_builder_new(&builder), 0);
	for (uint32_t i = 0; i < LADE_TABLE_ROWS_MAX_0; i++) {
		lade_put_le32(row.id, i * 2654435761u);
		memset(pack, 0, sizeof(pack));
		lade_put_le32(pack, i % 1000);
		assert_int_equal(lade_table_builder_add(builder, pack, &row), 0);
	}
	assert_int_equal(lade_table_builder_add(builder, pack, &row), LADE_E_LIMIT);
	/* What it has survives a failure. */
	table.info.level = 1;
	assert_int_equal(lade_table_builder_write(builder, &table, scene->name, NULL), LADE_E_REFUSED);
	table.info.level = 0;
	table.object = "Sessions/a";
	assert_int_equal(lade_table_builder_write(builder, &table, scene->name, NULL), LADE_E_REFUSED);
	table.object = OBJECT;
	assert_int_equal(lade_table_builder_write(builder, &table, scene->name, NULL), 0);
	assert_int_equal(read_table(scene, true), 0);
	assert_int_equal(scene->taken.count, LADE_TABLE_ROWS_MAX_0);
	assert_int_equal(scene->taken.pack_count, 1000);
	row.off = 0;
	assert_int_equal(lade_table_builder_add(builder, pack, &row), LADE_E_REFUSED);
	lade_table_builder_free(builder);
	lade_table_builder_free(NULL);
}

/* After a failure packs can be added that were not there: they are found, each once. */
static void test_a_builder_goes_on(void **state)
{
	struct scene *scene = *state;
	struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_PLAIN, 0, "no/Name");
	struct lade_table_builder *builder;
	uint8_t pack[LADE_HASH_LEN];

	assert_int_equal(lade_table_builder_new(&builder), 0);
	for (unsigned i = 0; i < 300; i++) {
		const struct lade_pack_row row = table_scene_row(i);

		table_scene_pack(i % 60, pack);
		assert_int_equal(lade_table_builder_add(builder, pack, &row), 0);
		if (i == 290)
			assert_int_equal(lade_table_builder_write(builder, &table, scene->name, NULL), LADE_E_REFUSED);
	}
	table.object = OBJECT;
	assert_int_equal(lade_table_builder_write(builder, &table, scene->name, NULL), 0);
	lade_table_builder_free(builder);
	assert_int_equal(read_table(scene, false), 0);
	assert_made(scene, 300, 60);
}

static void test_names(void **state)
{
	uint8_t hash[LADE_HASH_LEN] = { 0xab };
	char name[LADE_TABLE_NAME_SIZE];

	(void)state;
	lade_table_object_name(255, hash, name);
	assert_string_equal(name, "index/255/ab00000000000000000000000000000000000000000000000000000000000000");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tables_are_read_again),
		TEST(test_bytes),
		TEST(test_changes_are_seen),
		TEST(test_lengths),
		TEST(test_who_is_good),
		TEST(test_whose_rows),
		TEST(test_what_makes_no_sense),
		TEST(test_who_replaces),
		TEST(test_padding),
		TEST(test_merged_tables),
		TEST(test_a_full_builder),
		TEST(test_a_builder_goes_on),
		cmocka_unit_test(test_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
