/*
 * Tests of agent/store/chunk_map: chunks of tables are found, from nothing and from the cache, by who may believe it; tables that are replaced or gone are forgotten; a cache that is
 * damaged anywhere is made again; several processes share one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "agent/store/chunk_map.h"
#include "protocol/byteorder.h"
#include "tests/unit/table_scene.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TABLES 40u

/* A repository with tables, and a cache. */
struct scene {
	struct table_scene table;
	char path[PATH_MAX]; /* of the cache */
	int directory;
	struct lade_chunk_map *map;
	struct {
		char object[40];
		uint8_t name[LADE_HASH_LEN];
		bool there;
	} tables[TABLES];
	unsigned table_count;
	uint8_t absent[8][LADE_HASH_LEN];
	size_t absent_count;
	const uint8_t *believed; /* a signer */
	bool replaces;           /* managers are good */
	unsigned added;          /* how many tables were read by the last update() */
};

static void open_map(struct scene *scene)
{
	const struct lade_chunk_map_setup map = { scene->directory, scene->table.trust.repository };

	lade_chunk_map_close(scene->map);
	scene->map = NULL;
	assert_int_equal(lade_chunk_map_open(&map, &scene->map, NULL), 0);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	table_scene_make(&scene->table);
	temp_tree_make(scene->path);
	scene->directory = open(scene->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scene->directory >= 0);
	scene->believed = scene->table.writer;
	scene->replaces = true;
	open_map(scene);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	lade_chunk_map_close(scene->map);
	close(scene->directory);
	temp_tree_remove(scene->path);
	table_scene_end(&scene->table);
	free(scene);
	return 0;
}

/* ---- tables ---- */

struct rows {
	const struct lade_table_row *rows;
	size_t at;
};

static int next_row(void *context, struct lade_table_row *row_out, struct lade_fault *fault)
{
	struct rows *rows = context;

	(void)fault;
	*row_out = rows->rows[rows->at++];
	return 0;
}

static int compare(const void *a, const void *b)
{
	return lade_table_row_compare(a, b);
}

/* Make a table with chunks from first on, all in pack number `pack`, by a writer or (level 1) a manager who replaces a table. Returns its number. */
static unsigned make(struct scene *scene, unsigned first, unsigned count, unsigned pack, int replaces)
{
	const unsigned number = scene->table_count++;
	struct lade_table_row *list = calloc(count + 1, sizeof(*list));
	struct rows rows = { .rows = list };
	uint8_t name[1][LADE_HASH_LEN], replaced[1][LADE_HASH_LEN];
	struct lade_table_content content = { .packs = (const uint8_t(*)[LADE_HASH_LEN])name, .pack_count = 1, .row_count = count, .next = next_row,
					      .context = &rows };
	struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_AES_256_GCM, replaces >= 0, scene->tables[number].object);

	assert_non_null(list);
	snprintf(scene->tables[number].object, sizeof(scene->tables[number].object), "sessions/a.table-%u", number + 1);
	table_scene_pack(pack, name[0]);
	for (unsigned i = 0; i < count; i++)
		list[i].row = table_scene_row(first + i);
	qsort(list, count, sizeof(*list), compare);
	if (replaces >= 0) {
		memcpy(replaced[0], scene->tables[replaces].name, LADE_HASH_LEN);
		content.replaced = (const uint8_t(*)[LADE_HASH_LEN])replaced;
		content.replaced_count = 1;
	}
	assert_int_equal(lade_table_write(&table, &content, scene->tables[number].name, NULL), 0);
	scene->tables[number].there = true;
	free(list);
	return number;
}

static unsigned judge(void *context, const struct lade_table_info *info)
{
	const struct scene *scene = context;

	return (memcmp(info->signer, scene->believed, LADE_PARTY_ID_LEN) == 0 ? LADE_TABLE_BELIEVED : 0) |
	       (scene->replaces && memcmp(info->signer, scene->table.manager, LADE_PARTY_ID_LEN) == 0 ? LADE_TABLE_REPLACES : 0);
}

static int compare_names(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

static int settle(struct scene *scene)
{
	uint8_t names[TABLES][LADE_HASH_LEN];
	struct lade_chunk_map_view view = { .tables = (const uint8_t(*)[LADE_HASH_LEN])names, .absent = (const uint8_t(*)[LADE_HASH_LEN])scene->absent,
					    .absent_count = scene->absent_count, .judge = judge, .context = scene };

	for (unsigned i = 0; i < scene->table_count; i++) {
		if (scene->tables[i].there)
			memcpy(names[view.table_count++], scene->tables[i].name, LADE_HASH_LEN);
	}
	qsort(names, view.table_count, LADE_HASH_LEN, compare_names);
	return lade_chunk_map_settle(scene->map, &view, NULL);
}

static void add(struct scene *scene, unsigned number)
{
	struct lade_table_source source = table_scene_source(&scene->table, scene->tables[number].object);
	struct lade_table_info info;

	source.name = scene->tables[number].name;
	assert_int_equal(lade_chunk_map_add(scene->map, &source, &info, NULL), 0);
	assert_memory_equal(info.name, source.name, LADE_HASH_LEN);
	assert_true(lade_chunk_map_has(scene->map, source.name));
	scene->added++;
}

/* Add what is missing, and settle, as users do. Returns how many times tables were added. */
static unsigned update(struct scene *scene)
{
	for (unsigned round = 1;; round++) {
		int error;

		scene->added = 0;
		for (unsigned i = 0; i < scene->table_count; i++) {
			if (scene->tables[i].there && !lade_chunk_map_has(scene->map, scene->tables[i].name))
				add(scene, i);
		}
		error = settle(scene);
		if (!error)
			return round;
		assert_int_equal(error, LADE_E_AGAIN);
		assert_true(round < 3);
	}
}

/* ---- lookups ---- */

static int count_place(void *context, const struct lade_chunk_place *place)
{
	(void)place;
	(*(unsigned *)context)++;
	return 0;
}

/* ---- tables that lie ---- */

#define LIES 100u

/* A table that says of a chunk that it is in LIES packs, from 1000 on. */
static void make_liar(struct scene *scene, unsigned chunk)
{
	const unsigned number = scene->table_count++;
	struct lade_table_row list[LIES];
	struct rows rows = { .rows = list };
	uint8_t names[LIES][LADE_HASH_LEN];
	struct lade_table_content content = { .packs = (const uint8_t(*)[LADE_HASH_LEN])names, .pack_count = LIES, .row_count = LIES, .next = next_row, .context = &rows };
	struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_AES_256_GCM, false, scene->tables[number].object);

	snprintf(scene->tables[number].object, sizeof(scene->tables[number].object), "sessions/a.table-%u", number + 1);
	for (unsigned i = 0; i < LIES; i++) {
		table_scene_pack(1000 + i, names[i]);
		list[i] = (struct lade_table_row){ .row = table_scene_row(chunk), .pack = i };
	}
	qsort(names, LIES, LADE_HASH_LEN, compare_names);
	assert_int_equal(lade_table_write(&table, &content, scene->tables[number].name, NULL), 0);
	scene->tables[number].there = true;
}

/* Who looks for a chunk, and finds it in one pack, or in none. */
struct seeker {
	const struct lade_chunk_map *map;
	uint8_t pack[LADE_HASH_LEN];
	unsigned looks;
	uint8_t seen[LIES + 8][LADE_HASH_LEN];
	unsigned seen_count; /* different packs */
};

static int look_there(void *context, const struct lade_chunk_place *place)
{
	struct seeker *seeker = context;
	const bool there = memcmp(place->pack, seeker->pack, LADE_HASH_LEN) == 0;
	bool known = false;

	for (unsigned i = 0; i < seeker->seen_count; i++)
		known = known || memcmp(seeker->seen[i], place->pack, LADE_HASH_LEN) == 0;
	if (!known)
		memcpy(seeker->seen[seeker->seen_count++], place->pack, LADE_HASH_LEN);
	seeker->looks++;
	lade_chunk_map_judge(seeker->map, place, there);
	return there;
}

/* How many places are looked at until the chunk is found in that pack; 0: it is not, and all packs were looked at, so many. */
static unsigned looks(const struct scene *scene, unsigned number, unsigned pack, unsigned all)
{
	const struct lade_pack_row row = table_scene_row(number);
	struct seeker seeker = { .map = scene->map };
	const struct lade_chunk_map_visit visit = { row.id, row.kind, look_there, &seeker };
	int found;

	table_scene_pack(pack, seeker.pack);
	found = lade_chunk_map_visit(scene->map, &visit);
	if (found != 1)
		assert_int_equal(seeker.seen_count, all);
	return found == 1 ? seeker.looks : 0;
}

/* A table that lies costs a look, and not one for each of its rows; what is only there is still found. */
static void test_liars(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < 3; i++)
		make_liar(scene, 7);
	make(scene, 0, 20, 1, -1);
	for (unsigned i = 0; i < 3; i++)
		make_liar(scene, 8);
	update(scene);
	assert_in_range(looks(scene, 7, 1, 0), 1, 4);
	assert_in_range(looks(scene, 8, 1, 0), 1, 4);
	assert_int_equal(looks(scene, 7, 1, 0), 1);
	assert_int_equal(looks(scene, 8, 1, 0), 1);
	/* The honest one misled somebody, too, as its pack has gone: it owes less than the others, which are asked more often. */
	assert_int_equal(looks(scene, 9, 2, 1), 0);
	for (unsigned i = 0; i < 8; i++) {
		assert_in_range(looks(scene, 7, 1, 0), 1, 8);
		assert_int_equal(looks(scene, 9, 2, 1), 0);
	}
	/* Nobody has it: every place is looked at. */
	assert_int_equal(looks(scene, 7, 2, LIES + 1), 0);
	/* A liar who was right once. */
	assert_in_range(looks(scene, 7, 1000 + LIES - 1, 0), 1, 4 * LIES + 8);
}

/* How many places a chunk has. */
static unsigned places(const struct scene *scene, unsigned number)
{
	const struct lade_pack_row row = table_scene_row(number);
	unsigned count = 0;
	const struct lade_chunk_map_visit visit = { row.id, row.kind, count_place, &count };

	assert_int_equal(lade_chunk_map_visit(scene->map, &visit), 0);
	return count;
}

/* True if a chunk is found, in that pack. */
static bool is_found(const struct scene *scene, unsigned number, unsigned pack)
{
	const struct lade_pack_row row = table_scene_row(number);
	struct lade_chunk_place place;
	uint8_t name[LADE_HASH_LEN];

	if (!lade_chunk_map_find(scene->map, row.id, row.kind, &place))
		return false;
	assert_memory_equal(&place.row, &row, sizeof(row));
	table_scene_pack(pack, name);
	assert_memory_equal(place.pack, name, sizeof(name));
	return true;
}

static bool has_pack(const struct scene *scene, unsigned pack)
{
	uint8_t name[LADE_HASH_LEN];

	table_scene_pack(pack, name);
	return lade_chunk_map_has_pack(scene->map, name);
}

static void assert_all_found(const struct scene *scene, unsigned first, unsigned count, unsigned pack)
{
	for (unsigned i = first; i < first + count; i++) {
		if (!is_found(scene, i, pack))
			fail_msg("chunk %u", i);
	}
}

/* The files of the cache that begin so; the name of one goes to out, if that is not NULL. */
static unsigned files(const struct scene *scene, const char *prefix, char *out)
{
	DIR *stream = opendir(scene->path);
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(stream);
	while ((entry = readdir(stream))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		count++;
		if (out)
			assert_true(snprintf(out, PATH_MAX, "%s/%s", scene->path, entry->d_name) < PATH_MAX);
	}
	closedir(stream);
	return count;
}

static void test_chunks_are_found(void **state)
{
	struct scene *scene = *state;
	const struct lade_pack_row row = table_scene_row(17);
	struct lade_chunk_place place;
	unsigned first = 0;

	assert_int_equal(update(scene), 1);
	assert_false(is_found(scene, 0, 0));
	/* Of all lengths, so that some are merged and some are not. */
	for (unsigned i = 0; i < 12; i++) {
		make(scene, first, 1 + i * i * 40, i, -1);
		first += 1 + i * i * 40;
		if (i % 3 == 0)
			assert_int_equal(update(scene), 1);
	}
	assert_int_equal(update(scene), 1);
	assert_int_equal(scene->added, 2);
	for (int again = 0; again <= 1; again++) {
		first = 0;
		for (unsigned i = 0; i < 12; i++) {
			assert_all_found(scene, first, 1 + i * i * 40, i);
			assert_true(has_pack(scene, i));
			first += 1 + i * i * 40;
		}
		assert_int_equal(lade_chunk_map_count(scene->map), first);
		assert_int_equal(lade_chunk_map_pack_count(scene->map), 12);
		for (size_t i = 1; i < 12; i++)
			assert_true(memcmp(lade_chunk_map_pack(scene->map, i - 1), lade_chunk_map_pack(scene->map, i), LADE_HASH_LEN) < 0);
		assert_false(has_pack(scene, 12));
		for (unsigned i = first; i < first + 10000; i++)
			assert_int_equal(places(scene, i), 0);
		assert_false(lade_chunk_map_find(scene->map, row.id, row.kind % 3 + 1, &place));
		/* The second time from the cache, without a look at a table. */
		open_map(scene);
		assert_int_equal(update(scene), 1);
		assert_int_equal(scene->added, 0);
	}
	assert_true(files(scene, "run-", NULL) <= 4);
}

static int stop(void *context, const struct lade_chunk_place *place)
{
	(void)context;
	(void)place;
	return -77;
}

/* A chunk in several tables: in runs of their own, and in one, beyond the end of a page. */
static void test_many_places(void **state)
{
	struct scene *scene = *state;
	const struct lade_pack_row row = table_scene_row(7);
	const struct lade_chunk_map_visit visit = { row.id, row.kind, stop, NULL };

	make(scene, 0, 500, 0, -1);
	update(scene);
	for (unsigned i = 1; i < TABLES; i++)
		make(scene, 7, 3, i, -1);
	update(scene);
	assert_int_equal(places(scene, 7), TABLES);
	assert_int_equal(places(scene, 9), TABLES);
	assert_int_equal(places(scene, 6), 1);
	assert_int_equal(places(scene, 10), 1);
	assert_int_equal(lade_chunk_map_visit(scene->map, &visit), -77);
	/* Not in those that are absent. */
	for (unsigned i = 0; i < 3; i++)
		table_scene_pack(i, scene->absent[scene->absent_count++]);
	qsort(scene->absent, scene->absent_count, LADE_HASH_LEN, compare_names);
	update(scene);
	assert_int_equal(places(scene, 7), TABLES);
	assert_true(!has_pack(scene, 0) && !has_pack(scene, 2) && has_pack(scene, 3));
	assert_int_equal(lade_chunk_map_pack_count(scene->map), TABLES - 3);
	assert_false(is_found(scene, 6, 0));
}

/* A pack that several tables name is one, whichever run they are in. */
static void test_packs_are_counted_once(void **state)
{
	struct scene *scene = *state;

	make(scene, 0, 2000, 3, -1);
	update(scene);
	make(scene, 5000, 10, 3, -1);
	make(scene, 6000, 10, 3, -1);
	make(scene, 7000, 10, 4, -1);
	update(scene);
	assert_int_equal(files(scene, "run-", NULL), 2);
	assert_int_equal(lade_chunk_map_pack_count(scene->map), 2);
	assert_true(has_pack(scene, 3) && has_pack(scene, 4));
	table_scene_pack(3, scene->absent[scene->absent_count++]);
	update(scene);
	assert_int_equal(lade_chunk_map_pack_count(scene->map), 1);
	assert_false(is_found(scene, 6000, 3));
	assert_true(is_found(scene, 7000, 4));
}

/* FORMAT.md [dedup]: who is not believed is read all the same. */
static void test_whom_it_believes(void **state)
{
	struct scene *scene = *state;
	unsigned manager;

	make(scene, 0, 150, 1, -1);
	manager = make(scene, 200, 100, 2, 0);
	scene->replaces = false;
	update(scene);
	assert_true(is_found(scene, 5, 1));
	assert_false(is_found(scene, 205, 2));
	assert_int_equal(places(scene, 205), 1);
	scene->believed = scene->table.manager;
	update(scene);
	assert_false(is_found(scene, 5, 1));
	assert_int_equal(places(scene, 5), 1);
	assert_true(is_found(scene, 205, 2));
	/* What is replaced does not count, not even for reading. */
	scene->replaces = true;
	assert_int_equal(update(scene), 1);
	assert_int_equal(places(scene, 5), 0);
	assert_int_equal(lade_chunk_map_count(scene->map), 100);
	assert_true(has_pack(scene, 2) && !has_pack(scene, 1));
	/* It is still known, though its rows have gone; they come back when the manager's word is worth nothing any more. */
	open_map(scene);
	assert_int_equal(update(scene), 1);
	assert_int_equal(scene->added, 0);
	scene->replaces = false;
	assert_int_equal(update(scene), 2);
	assert_int_equal(places(scene, 5), 1);
	/* A table that is gone. */
	scene->tables[manager].there = false;
	update(scene);
	assert_int_equal(places(scene, 205), 0);
	assert_int_equal(places(scene, 5), 1);
}

/* Most of a run is of tables that are gone: it is made anew, and they are no longer known. */
static void test_dead_tables(void **state)
{
	struct scene *scene = *state;
	struct stat before, after;
	char path[PATH_MAX];

	for (unsigned i = 0; i < 10; i++)
		make(scene, i * 1000, 1000, i, -1);
	update(scene);
	assert_int_equal(files(scene, "run-", path), 1);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(before.st_mode & 07777, 0600);
	for (unsigned i = 0; i < 9; i++)
		scene->tables[i].there = false;
	assert_int_equal(update(scene), 1);
	assert_all_found(scene, 9000, 1000, 9);
	assert_int_equal(places(scene, 10), 0);
	assert_false(lade_chunk_map_has(scene->map, scene->tables[0].name));
	assert_int_equal(files(scene, "run-", path), 1);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size < before.st_size / 5);
	scene->tables[9].there = false;
	update(scene);
	assert_int_equal(lade_chunk_map_count(scene->map), 0);
	assert_int_equal(files(scene, "run-", NULL), 0);
}

/* A table that is bad leaves nothing behind. */
static void test_bad_tables(void **state)
{
	struct scene *scene = *state;
	struct lade_table_source source;
	uint8_t wrong[LADE_HASH_LEN] = { 1 };

	make(scene, 0, 3000, 0, -1);
	make(scene, 5000, 3000, 1, -1);
	source = table_scene_source(&scene->table, scene->tables[0].object);
	source.name = wrong;
	assert_int_equal(lade_chunk_map_add(scene->map, &source, NULL, NULL), LADE_E_CHANGED);
	assert_false(lade_chunk_map_has(scene->map, wrong));
	add(scene, 1);
	/* One of which nobody knew the name, twice. */
	source = table_scene_source(&scene->table, scene->tables[1].object);
	assert_int_equal(lade_chunk_map_add(scene->map, &source, NULL, NULL), 0);
	assert_int_equal(settle(scene), 0);
	assert_int_equal(lade_chunk_map_count(scene->map), 3000);
	assert_all_found(scene, 5000, 3000, 1);
	assert_int_equal(places(scene, 3), 0);
}

/* More tables than are merged at once; nothing is lost on the way. */
static void test_many_tables(void **state)
{
	struct scene *scene = *state;
	struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_XCHACHA20, 0, NULL);
	uint8_t(*names)[LADE_HASH_LEN] = calloc(2100, LADE_HASH_LEN);
	struct lade_chunk_map_view view = { .tables = (const uint8_t(*)[LADE_HASH_LEN])names, .table_count = 2100, .judge = judge, .context = scene };
	struct lade_table_builder *builder;
	uint8_t pack[LADE_HASH_LEN];
	char object[40];

	assert_non_null(names);
	assert_int_equal(lade_table_builder_new(&builder), 0);
	table.object = object;
	for (unsigned i = 0; i < 2100; i++) {
		const struct lade_pack_row row = table_scene_row(i);
		struct lade_table_source source;

		snprintf(object, sizeof(object), "sessions/b.table-%u", i + 1);
		table_scene_pack(i, pack);
		assert_int_equal(lade_table_builder_add(builder, pack, &row), 0);
		assert_int_equal(lade_table_builder_write(builder, &table, names[i], NULL), 0);
		source = table_scene_source(&scene->table, object);
		source.name = names[i];
		assert_int_equal(lade_chunk_map_add(scene->map, &source, NULL, NULL), 0);
		/* So that lists are short. */
		assert_int_equal(lade_store_remove(scene->table.store, object, NULL), 0);
	}
	lade_table_builder_free(builder);
	qsort(names, 2100, LADE_HASH_LEN, compare_names);
	assert_int_equal(lade_chunk_map_settle(scene->map, &view, NULL), 0);
	free(names);
	assert_int_equal(lade_chunk_map_pack_count(scene->map), 2100);
	for (unsigned i = 0; i < 2100; i++)
		assert_true(is_found(scene, i, i));
}

/* ---- damage ---- */

static void copy_file(const char *path, const uint8_t *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static uint8_t *read_file(const char *path, size_t *len_out)
{
	FILE *file = fopen(path, "r");
	uint8_t *bytes = malloc(1 << 20);

	assert_non_null(file);
	assert_non_null(bytes);
	*len_out = fread(bytes, 1, 1 << 20, file);
	assert_true(*len_out < 1 << 20);
	fclose(file);
	return bytes;
}

/* With the cache as it is now all chunks are found, perhaps after a lookup that met the damage. */
static void assert_heals(struct scene *scene, unsigned count)
{
	open_map(scene);
	update(scene);
	for (unsigned i = 0; i < count; i++)
		(void)is_found(scene, i, 0);
	update(scene);
	assert_false(lade_chunk_map_damaged(scene->map));
	assert_all_found(scene, 0, count, 0);
	assert_int_equal(lade_chunk_map_count(scene->map), count);
}

/* Every byte of a cache's files, and every length of them. */
static void test_damage(void **state)
{
	static const char *const kinds[] = { "run-", "manifest" };
	struct scene *scene = *state;
	char run[PATH_MAX], manifest[PATH_MAX];
	uint8_t *bytes[2];
	size_t lens[2];

	make(scene, 0, 200, 0, -1);
	update(scene);
	assert_int_equal(files(scene, kinds[0], run), 1);
	assert_int_equal(files(scene, kinds[1], manifest), 1);
	bytes[0] = read_file(run, &lens[0]);
	bytes[1] = read_file(manifest, &lens[1]);
	for (unsigned kind = 0; kind < 2; kind++) {
		const char *path = kind ? manifest : run;

		/* Of the long files not all, but each part. */
		for (size_t at = 0; at < lens[kind]; at += kind || lens[kind] - at < 300 ? 1 : 61) {
			lade_chunk_map_close(scene->map);
			scene->map = NULL;
			copy_file(run, bytes[0], lens[0]);
			copy_file(manifest, bytes[1], lens[1]);
			bytes[kind][at] ^= 0x10;
			copy_file(path, bytes[kind], lens[kind]);
			bytes[kind][at] ^= 0x10;
			assert_heals(scene, 200);
			lade_chunk_map_close(scene->map);
			scene->map = NULL;
			copy_file(run, bytes[0], lens[0]);
			copy_file(manifest, bytes[1], lens[1]);
			copy_file(path, bytes[kind], at);
			assert_heals(scene, 200);
		}
		lade_chunk_map_close(scene->map);
		scene->map = NULL;
		copy_file(run, bytes[0], lens[0]);
		copy_file(manifest, bytes[1], lens[1]);
		bytes[kind][lens[kind]] = 0;
		copy_file(path, bytes[kind], lens[kind] + 1);
		assert_heals(scene, 200);
	}
	free(bytes[0]);
	free(bytes[1]);
	assert_int_equal(files(scene, "run-", NULL), 1);
}

/* What is merged is looked at, too; and a reader is told that places may be missing. */
static void test_damage_of_rows(void **state)
{
	struct scene *scene = *state;
	const struct lade_pack_row row = table_scene_row(3);
	unsigned count = 0;
	const struct lade_chunk_map_visit visit = { row.id, row.kind, count_place, &count };
	char run[PATH_MAX];
	size_t len;
	uint8_t *bytes;

	for (unsigned merge = 0; merge <= 1; merge++) {
		make(scene, 1000 * merge, 80, merge, -1);
		update(scene);
		assert_int_equal(files(scene, "run-", run), 1);
		bytes = read_file(run, &len);
		/* Header, one page of filter, one or two of rows. */
		bytes[2 * 4096 + 20] ^= 1;
		bytes[3 * 4096 - 1] ^= 1;
		lade_chunk_map_close(scene->map);
		scene->map = NULL;
		copy_file(run, bytes, len);
		free(bytes);
		open_map(scene);
		if (merge) {
			make(scene, 5000, 80, 2, -1);
			assert_int_equal(update(scene), 2);
			assert_int_equal(places(scene, 5000), 1);
			assert_int_equal(places(scene, 1000), 1);
		} else {
			assert_int_equal(update(scene), 1);
			assert_int_equal(lade_chunk_map_visit(scene->map, &visit), LADE_E_CHANGED);
			assert_true(lade_chunk_map_damaged(scene->map));
			assert_int_equal(update(scene), 2);
		}
		assert_int_equal(places(scene, 3), 1);
	}
}

static void test_other_repositories(void **state)
{
	struct scene *scene = *state;
	uint8_t other[LADE_REPOSITORY_ID_LEN] = { 1 };
	const struct lade_chunk_map_setup map = { scene->directory, other };

	make(scene, 0, 200, 0, -1);
	update(scene);
	lade_chunk_map_close(scene->map);
	scene->map = NULL;
	assert_int_equal(lade_chunk_map_open(&map, &scene->map, NULL), 0);
	assert_false(lade_chunk_map_has(scene->map, scene->tables[0].name));
}

/* ---- others ---- */

static void test_without_a_cache(void **state)
{
	struct scene *scene = *state;
	const int directory = scene->directory;

	scene->directory = -1;
	open_map(scene);
	make(scene, 0, 3000, 0, -1);
	update(scene);
	make(scene, 3000, 100, 1, -1);
	update(scene);
	assert_all_found(scene, 0, 3000, 0);
	assert_all_found(scene, 3000, 100, 1);
	scene->directory = directory;
	assert_int_equal(files(scene, "run-", NULL), 0);
	assert_int_equal(files(scene, "lock", NULL), 0);
}

/* Where the cache cannot be written to all is read again, and the cache stays as others know it. */
static void test_leaving_the_cache(void **state)
{
	struct scene *scene = *state;
	int runs;

	make(scene, 0, 3000, 0, -1);
	update(scene);
	runs = (int)files(scene, "run-", NULL);
	assert_true(runs > 0);
	make(scene, 3000, 100, 1, -1);
	assert_int_equal(lade_chunk_map_leave_cache(scene->map, NULL), 1);
	assert_false(lade_chunk_map_has(scene->map, scene->tables[0].name));
	update(scene);
	assert_int_equal(scene->added, 2);
	assert_all_found(scene, 0, 3000, 0);
	assert_all_found(scene, 3000, 100, 1);
	assert_int_equal(lade_chunk_map_leave_cache(scene->map, NULL), 0);
	assert_int_equal(files(scene, "run-", NULL), runs);
	/* Somebody else finds what was there. */
	lade_chunk_map_close(scene->map);
	scene->map = NULL;
	open_map(scene);
	assert_true(lade_chunk_map_has(scene->map, scene->tables[0].name));
	assert_false(lade_chunk_map_has(scene->map, scene->tables[1].name));
}

/* Two maps of one directory: who is late goes on without it, and who had opened it before goes on with what he has. */
static void test_two_at_once(void **state)
{
	struct scene *scene = *state;
	const struct lade_chunk_map_setup setup_of_map = { scene->directory, scene->table.trust.repository };
	struct lade_chunk_map *other, *mine = scene->map;
	char lock[PATH_MAX];
	int fd;

	make(scene, 0, 3000, 0, -1);
	update(scene);
	assert_int_equal(lade_chunk_map_open(&setup_of_map, &other, NULL), 0);
	scene->map = other;
	make(scene, 3000, 2000, 1, -1);
	update(scene);
	assert_int_equal(scene->added, 1);
	assert_int_equal(files(scene, "run-", NULL), 1);
	/* Its run has no name any more. */
	scene->map = mine;
	assert_all_found(scene, 0, 3000, 0);
	make(scene, 5000, 1000, 2, -1);
	update(scene);
	assert_int_equal(scene->added, 2);
	assert_all_found(scene, 0, 3000, 0);
	assert_all_found(scene, 3000, 2000, 1);
	assert_all_found(scene, 5000, 1000, 2);
	assert_int_equal(files(scene, "run-", NULL), 1);
	lade_chunk_map_close(other);
	/* Somebody has the lock. */
	open_map(scene);
	assert_int_equal(files(scene, "lock", lock), 1);
	fd = open(lock, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
	update(scene);
	assert_int_equal(scene->added, 1);
	assert_all_found(scene, 5000, 1000, 2);
	assert_int_equal(files(scene, "run-", NULL), 1);
	close(fd);
	open_map(scene);
	update(scene);
	assert_int_equal(scene->added, 1);
	open_map(scene);
	update(scene);
	assert_int_equal(scene->added, 0);
	assert_all_found(scene, 0, 3000, 0);
}

static void *look(void *context)
{
	const struct scene *scene = context;
	size_t missing = 0;

	for (unsigned i = 0; i < 20000; i++)
		missing += !is_found(scene, i, 0);
	return missing ? context : NULL;
}

static void test_threads(void **state)
{
	struct scene *scene = *state;
	pthread_t threads[4];
	void *result;

	make(scene, 0, 20000, 0, -1);
	update(scene);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, scene), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
}

/* Ids that nobody's hash made: searches end, and find. */
static void test_ids_that_are_alike(void **state)
{
	struct scene *scene = *state;
	struct lade_table_setup table = table_scene_setup(&scene->table, LADE_SUITE_PLAIN, 0, scene->tables[0].object);
	struct lade_table_builder *builder;
	struct lade_table_source source;
	struct lade_pack_row row = table_scene_row(3);
	struct lade_chunk_place place;
	uint8_t pack[LADE_HASH_LEN] = { 9 };

	strcpy(scene->tables[0].object, "sessions/a.table-1");
	scene->tables[0].there = true;
	scene->table_count = 1;
	assert_int_equal(lade_table_builder_new(&builder), 0);
	for (unsigned i = 0; i < 30000; i++) {
		memset(row.id, i % 3 ? 0 : 0xff, sizeof(row.id));
		lade_put_le32(row.id + 20, i);
		assert_int_equal(lade_table_builder_add(builder, pack, &row), 0);
	}
	assert_int_equal(lade_table_builder_write(builder, &table, scene->tables[0].name, NULL), 0);
	lade_table_builder_free(builder);
	source = table_scene_source(&scene->table, scene->tables[0].object);
	source.encrypted = false;
	assert_int_equal(lade_chunk_map_add(scene->map, &source, NULL, NULL), 0);
	assert_int_equal(settle(scene), 0);
	for (unsigned i = 0; i < 30010; i++) {
		memset(row.id, i % 3 ? 0 : 0xff, sizeof(row.id));
		lade_put_le32(row.id + 20, i);
		assert_int_equal(lade_chunk_map_find(scene->map, row.id, row.kind, &place), i < 30000);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_chunks_are_found),
		TEST(test_many_places),
		TEST(test_liars),
		TEST(test_packs_are_counted_once),
		TEST(test_whom_it_believes),
		TEST(test_dead_tables),
		TEST(test_bad_tables),
		TEST(test_many_tables),
		TEST(test_damage),
		TEST(test_damage_of_rows),
		TEST(test_other_repositories),
		TEST(test_without_a_cache),
		TEST(test_leaving_the_cache),
		TEST(test_two_at_once),
		TEST(test_threads),
		TEST(test_ids_that_are_alike),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
