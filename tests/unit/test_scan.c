/*
 * Tests of a backup's engine without a repository around it: a tree of all kinds of things is walked into packs in a folder, and read again from there by the recipes alone.
 * Files that are known are not opened; what changes, is left out or cannot be read is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/backup/known_parent.h"
#include "agent/backup/scan.h"
#include "agent/backup/stream_file.h"
#include "agent/store/stream.h"
#include "agent/store/store_folder.h"
#include "chunker/codec.h"
#include "tests/unit/temp_tree.h"

#define THREADS 2u
#define ROWS_MAX 4096u
#define LARGE_LEN (24u << 20)

/* A pack's chunk, and where it is. */
struct row {
	struct lade_pack_row row;
	uint8_t pack[LADE_HASH_LEN];
};

/* What the scan told. */
struct told {
	unsigned read, unchanged, other, problems;
	uint64_t bytes;
	char problem[PATH_MAX];
	atomic_bool *stop; /* becomes true at the first byte that is read; NULL: nothing does */
};

struct scene {
	char root[PATH_MAX], tree[PATH_MAX + 8], packs[PATH_MAX + 8];
	struct lade_store *store;
	struct lade_format format;
	struct lade_strict_cut cuts[2];
	uint8_t key[LADE_SEAL_KEY_LEN];
	struct row *rows;
	size_t row_count;
	struct told told;
	struct lade_filter *filter;
	int known_fd;
	atomic_bool stop;
	struct lade_scan_setup scan; /* what tests change before they run it */
	struct lade_scan_figures figures;
	uint8_t recipe[2048];        /* of the root */
	size_t recipe_len;
};

/* ---- a scene ---- */

static bool find(void *context, const uint8_t id[LADE_CHUNK_ID_LEN], enum lade_chunk_kind kind, uint8_t pack_out[LADE_HASH_LEN])
{
	const struct scene *scene = context;

	for (size_t i = 0; i < scene->row_count; i++) {
		if (scene->rows[i].row.kind == kind && memcmp(scene->rows[i].row.id, id, LADE_CHUNK_ID_LEN) == 0) {
			memcpy(pack_out, scene->rows[i].pack, LADE_HASH_LEN);
			return true;
		}
	}
	return false;
}

static int packed(void *context, const uint8_t pack[LADE_HASH_LEN], const struct lade_pack_row *rows, size_t count, struct lade_fault *fault)
{
	struct scene *scene = context;

	(void)fault;
	assert_true(scene->row_count + count <= ROWS_MAX);
	for (size_t i = 0; i < count; i++) {
		scene->rows[scene->row_count].row = rows[i];
		memcpy(scene->rows[scene->row_count++].pack, pack, LADE_HASH_LEN);
	}
	return 0;
}

static void on_entry(void *context, const char *path, const struct stat *st, enum lade_backup_action action)
{
	struct told *told = context;

	(void)path;
	(void)st;
	told->read += action == LADE_BACKUP_READ;
	told->unchanged += action == LADE_BACKUP_UNCHANGED;
	told->other += action == LADE_BACKUP_OTHER;
}

static void on_problem(void *context, const struct lade_fault *fault)
{
	struct told *told = context;

	told->problems++;
	snprintf(told->problem, sizeof(told->problem), "%s %s", fault->operation, fault->subject);
}

static void on_read(void *context, uint64_t bytes)
{
	struct told *told = context;

	told->bytes += bytes;
	if (told->stop)
		atomic_store(told->stop, true);
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	const uint8_t root[LADE_SIGN_PUBLIC_LEN] = { 0 };

	assert_non_null(scene);
	assert_true(sodium_init() >= 0);
	temp_tree_make(scene->root);
	snprintf(scene->tree, sizeof(scene->tree), "%s/tree", scene->root);
	snprintf(scene->packs, sizeof(scene->packs), "%s/packs", scene->root);
	assert_int_equal(mkdir(scene->tree, 0700), 0);
	assert_int_equal(lade_store_folder_open(scene->packs, true, &scene->store, NULL), 0);
	/* Not where the tree is: what is above that is backed up, too, and would change. */
	scene->known_fd = open(scene->packs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scene->known_fd >= 0);
	lade_format_make(&scene->format, false, root);
	assert_int_equal(lade_chunk_cuts(&scene->format, scene->key, scene->cuts), 0);
	scene->rows = calloc(ROWS_MAX, sizeof(scene->rows[0]));
	assert_non_null(scene->rows);
	assert_int_equal(lade_filter_new(&scene->filter), 0);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	lade_store_close(scene->store);
	lade_filter_free(scene->filter);
	close(scene->known_fd);
	temp_tree_remove(scene->root);
	free(scene->rows);
	free(scene);
	return 0;
}

static void put_file(const struct scene *scene, const char *name, const void *data, size_t len)
{
	char path[PATH_MAX + 300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scene->tree, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

/* ---- running ---- */

struct engine {
	struct lade_backup_shared shared;
	struct lade_backup_worker workers[THREADS + 1];
	struct lade_tree *tree;
};

static void start(struct scene *scene, struct engine *engine)
{
	const struct lade_chunk_sink_setup sink = {
		.store = scene->store, .pack = { .suite = LADE_SUITE_PLAIN, .epoch = 1 }, .id_hash = scene->format.id_hash, .ids_secret = scene->key, .level = 3,
		.find = find, .packed = packed, .context = scene,
	};
	void *workers[THREADS];

	memset(engine, 0, sizeof(*engine));
	assert_int_equal(lade_chunk_sink_new(&sink, &engine->shared.sink), 0);
	engine->shared.cuts = scene->cuts;
	engine->shared.lengths = lade_stream_lengths_of(&scene->format);
	assert_int_equal(lade_slabs_new((size_t)LADE_BACKUP_SLAB_PARTS * scene->format.content.greatest, &engine->shared.slabs), 0);
	for (unsigned i = 0; i <= THREADS; i++) {
		assert_int_equal(lade_backup_worker_init(&engine->workers[i], &engine->shared), 0);
		if (i < THREADS)
			workers[i] = &engine->workers[i];
	}
	assert_int_equal(lade_pool_new(workers, THREADS, 16, &engine->shared.pool, NULL), 0);
	assert_int_equal(lade_tree_new(&engine->shared, &engine->tree), 0);
}

/* The root's recipe goes to the scene if error is 0. */
static int finish(struct scene *scene, struct engine *engine, int error)
{
	struct lade_slice recipe;
	struct lade_fault fault;

	if (!error)
		error = lade_tree_finish(engine->tree, &recipe, &fault);
	if (!error)
		error = lade_chunk_sink_finish(engine->shared.sink, &fault);
	if (!error) {
		assert_true(recipe.len <= sizeof(scene->recipe));
		memcpy(scene->recipe, recipe.data, recipe.len);
		scene->recipe_len = recipe.len;
	}
	lade_pool_free(engine->shared.pool);
	lade_tree_free(engine->tree);
	for (unsigned i = 0; i <= THREADS; i++)
		lade_backup_worker_fini(&engine->workers[i]);
	lade_slabs_free(engine->shared.slabs);
	lade_chunk_sink_free(engine->shared.sink);
	return error;
}

/* Back the tree up, and keep what is known as known_name. */
static int run(struct scene *scene, const char *known_name)
{
	const struct lade_known_setup known_setup = { .options = 1 };
	const struct lade_backup_events events = { .entry = on_entry, .problem = on_problem, .read = on_read, .context = &scene->told };
	struct lade_sources sources = { .relative = true, .one_tree = true };
	struct lade_known *known = NULL;
	struct lade_scan *scan;
	struct lade_fault fault;
	struct engine engine;
	int error;

	scene->told = (struct told){ .stop = scene->told.stop };
	start(scene, &engine);
	assert_int_equal(lade_sources_add(&sources, scene->tree, &fault), 0);
	lade_sources_sort(&sources);
	scene->scan.sources = &sources;
	scene->scan.filter = scene->filter;
	scene->scan.events = &events;
	scene->scan.stop = &scene->stop;
	clock_gettime(CLOCK_REALTIME, &scene->scan.start);
	scene->scan.start.tv_sec += 10; /* what was just made counts as settled */
	(void)lade_known_open(scene->known_fd, known_name, &known_setup, &known);
	scene->scan.known = known;
	assert_int_equal(lade_known_begin(scene->known_fd, &known_setup, true, &scene->scan.to_know, &fault), 0);
	assert_int_equal(lade_scan_new(&scene->scan, &engine.workers[THREADS], &scan), 0);
	error = lade_scan_run(scan, engine.tree, &fault);
	scene->figures = lade_scan_figures(scan);
	lade_scan_free(scan);
	error = finish(scene, &engine, error);
	if (error)
		lade_known_abandon(scene->scan.to_know);
	else
		assert_int_equal(lade_known_commit(scene->scan.to_know, known_name, &fault), 0);
	lade_known_free(known);
	lade_sources_fini(&sources);
	return error;
}

/* ---- reading again ---- */

static int get(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault)
{
	const struct scene *scene = context;
	const struct lade_pack_keys keys = { .encrypted = false };
	uint8_t header[LADE_PACK_HEADER_LEN], *sealed, *stored;
	char name[LADE_PACK_NAME_SIZE];
	struct lade_seal *chunks;
	size_t at = 0;

	while (at < scene->row_count && (scene->rows[at].row.kind != kind || memcmp(scene->rows[at].row.id, item->id, LADE_CHUNK_ID_LEN) != 0))
		at++;
	assert_true(at < scene->row_count);
	lade_pack_object_name(scene->rows[at].pack, name);
	assert_int_equal(lade_store_get(scene->store, name, 0, sizeof(header), header, fault), 0);
	assert_int_equal(lade_pack_open(header, &keys, &chunks), 0);
	sealed = malloc(scene->rows[at].row.sealed_len);
	stored = malloc(scene->rows[at].row.sealed_len);
	assert_non_null(sealed);
	assert_non_null(stored);
	assert_int_equal(lade_store_get(scene->store, name, scene->rows[at].row.off, scene->rows[at].row.sealed_len, sealed, fault), 0);
	assert_int_equal(lade_pack_open_chunk(chunks, keys.repository, &scene->rows[at].row, sealed, stored), 0);
	if (scene->rows[at].row.sealed_len == item->len + LADE_SEAL_TAG_LEN) {
		memcpy(out, stored, item->len);
	} else {
		struct lade_codec *codec;

		assert_int_equal(lade_codec_new(&codec), 0);
		assert_int_equal(lade_codec_decompress(codec, lade_slice(stored, scene->rows[at].row.sealed_len - LADE_SEAL_TAG_LEN), out, item->len), 0);
		lade_codec_free(codec);
	}
	lade_seal_free(chunks);
	free(sealed);
	free(stored);
	return 0;
}

static struct lade_stream_source source_of(struct scene *scene)
{
	return (struct lade_stream_source){ .get = get, .context = scene, .lengths = lade_stream_lengths_of(&scene->format) };
}

static struct lade_stream_recipe recipe_of(const struct scene *scene, struct lade_slice encoded, enum lade_chunk_kind kind)
{
	const struct lade_stream_lengths lengths = lade_stream_lengths_of(&scene->format);
	struct lade_stream_recipe recipe;
	struct lade_reader reader;

	lade_reader_init(&reader, encoded.data, encoded.len);
	assert_int_equal(lade_stream_recipe_get(&reader, kind, &lengths, &recipe), 0);
	assert_int_equal(lade_reader_finish(&reader), 0);
	return recipe;
}

/* Find the entry of a path below a directory's recipe. Its slices are in *keep_out, which the caller frees. False: there is none. */
static bool look_up(struct scene *scene, struct lade_slice directory, const char *path, struct lade_stream_entry *entry_out, uint8_t **keep_out)
{
	const struct lade_stream_source source = source_of(scene);
	const struct lade_stream_recipe recipe = recipe_of(scene, directory, LADE_CHUNK_ENTRIES);
	const size_t len = strcspn(path, "/");
	struct lade_entry_stream_reader *reader;
	bool found = false;

	assert_int_equal(lade_entry_stream_reader_new(&source, &recipe, &reader), 0);
	while (!found && lade_entry_stream_reader_next(reader, entry_out, NULL) == 1)
		found = lade_slice_equal(entry_out->name, lade_slice(path, len));
	if (found && path[len]) {
		found = look_up(scene, entry_out->recipe, path + len + 1, entry_out, keep_out);
	} else if (found) {
		struct lade_writer writer;
		struct lade_reader again;

		lade_writer_init(&writer, LADE_BACKUP_ENTRY_MAX);
		assert_int_equal(lade_stream_entry_put(&writer, &source.lengths, entry_out), 0);
		lade_reader_init(&again, writer.data, writer.len);
		assert_int_equal(lade_stream_entry_get(&again, &source.lengths, entry_out), 0);
		*keep_out = writer.data;
	}
	lade_entry_stream_reader_free(reader);
	return found;
}

static bool look(struct scene *scene, const char *name, struct lade_stream_entry *entry_out, uint8_t **keep_out)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", scene->tree + 1, name);
	return look_up(scene, lade_slice(scene->recipe, scene->recipe_len), path, entry_out, keep_out);
}

static void assert_absent(struct scene *scene, const char *name)
{
	struct lade_stream_entry entry;
	uint8_t *keep;

	assert_false(look(scene, name, &entry, &keep));
}

static void assert_content(struct scene *scene, const char *name, const uint8_t *data, size_t len)
{
	const struct lade_stream_source source = source_of(scene);
	struct lade_stream_reader *reader;
	struct lade_stream_recipe recipe;
	struct lade_stream_entry entry;
	uint8_t *keep, *read = malloc(len + 1);
	size_t got;

	assert_non_null(read);
	assert_true(look(scene, name, &entry, &keep));
	recipe = recipe_of(scene, entry.recipe, LADE_CHUNK_CONTENT);
	assert_int_equal(recipe.length, len);
	assert_int_equal(lade_stream_reader_new(&source, LADE_CHUNK_CONTENT, &recipe, &reader), 0);
	assert_int_equal(lade_stream_reader_read(reader, read, len + 1, &got, NULL), 0);
	assert_int_equal(got, len);
	assert_true(len == 0 || memcmp(read, data, len) == 0);
	lade_stream_reader_free(reader);
	free(keep);
	free(read);
}

static uint8_t *make_random(size_t len)
{
	uint8_t *data = malloc(len);

	assert_non_null(data);
	randombytes_buf(data, len);
	return data;
}

/* ---- tests ---- */

static void test_contents(void **state)
{
	struct scene *scene = *state;
	const size_t least = scene->format.content.least;
	const size_t lengths[] = { 0, 1, 256, 257, 4096, least - 1, least, least + 1, 3 * least, LARGE_LEN };
	uint8_t *data = make_random(LARGE_LEN);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char name[32];

		snprintf(name, sizeof(name), "file-%zu", lengths[i]);
		put_file(scene, name, data + i, lengths[i] - (lengths[i] == LARGE_LEN ? i : 0));
	}
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.problems, 0);
	assert_int_equal(scene->told.read, 10);
	assert_int_equal(scene->figures.files, 10);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char name[32];

		snprintf(name, sizeof(name), "file-%zu", lengths[i]);
		assert_content(scene, name, data + i, lengths[i] - (lengths[i] == LARGE_LEN ? i : 0));
	}
	free(data);
}

/* What is known is not opened: its content is what it was, though the file has other content now and looks the same. */
static void test_known(void **state)
{
	struct scene *scene = *state;
	uint8_t *data = make_random(LARGE_LEN);
	char path[PATH_MAX + 16];
	size_t rows;

	put_file(scene, "small", data, 1000);
	put_file(scene, "large", data, LARGE_LEN);
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.read, 2);
	rows = scene->row_count;
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.read, 0);
	assert_int_equal(scene->told.unchanged, 2);
	assert_int_equal(scene->told.bytes, 0);
	assert_int_equal(scene->row_count, rows);
	assert_content(scene, "small", data, 1000);
	assert_content(scene, "large", data, LARGE_LEN);
	/* A change of the inode alone is enough to look again; what is read again is there already. */
	snprintf(path, sizeof(path), "%s/large", scene->tree);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.read, 1);
	assert_int_equal(scene->told.unchanged, 1);
	assert_content(scene, "large", data, LARGE_LEN);
	/* A repository that lacks a chunk gets it again, known or not. */
	scene->row_count = 0;
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.read, 2);
	assert_content(scene, "large", data, LARGE_LEN);
	free(data);
}

/* What was known is lost, but the snapshot is there: its files are known by it, those of long recipes, too. */
static void test_parent(void **state)
{
	static const uint8_t snapshot[LADE_HASH_LEN] = { 7 };
	struct scene *scene = *state;
	const struct lade_known_setup setup = { .options = 1 };
	const struct lade_stream_source source = source_of(scene);
	struct lade_known_parent parent = { .source = &source, .snapshot = snapshot, .directory_fd = scene->known_fd, .name = "parent", .setup = &setup };
	const struct stat none = { 0 };
	struct lade_known_file last;
	struct lade_known *known;
	uint8_t *data = make_random(LARGE_LEN);

	put_file(scene, "small", data, 1000);
	put_file(scene, "large", data, LARGE_LEN);
	assert_int_equal(run(scene, "known"), 0);
	parent.root = lade_slice(scene->recipe, scene->recipe_len);
	assert_int_equal(lade_known_parent_make(&parent, NULL), 0);
	assert_int_equal(lade_known_open(scene->known_fd, "parent", &setup, &known), 0);
	assert_true(lade_known_find(known, LADE_KNOWN_LAST, &none, &last));
	assert_true(lade_slice_equal(last.ids, lade_slice(snapshot, LADE_HASH_LEN)));
	lade_known_free(known);
	assert_int_equal(run(scene, "parent"), 0);
	assert_int_equal(scene->told.unchanged, 2);
	assert_int_equal(scene->told.read, 0);
	assert_content(scene, "large", data, LARGE_LEN);
	free(data);
}

static void test_types(void **state)
{
	struct scene *scene = *state;
	struct lade_stream_entry entry;
	char path[PATH_MAX + 16], other[PATH_MAX + 16];
	uint8_t *keep;

	snprintf(path, sizeof(path), "%s/link", scene->tree);
	assert_int_equal(symlink("to nowhere", path), 0);
	snprintf(path, sizeof(path), "%s/fifo", scene->tree);
	assert_int_equal(mkfifo(path, 0640), 0);
	snprintf(path, sizeof(path), "%s/empty", scene->tree);
	assert_int_equal(mkdir(path, 0750), 0);
	put_file(scene, "one", "1", 1);
	snprintf(path, sizeof(path), "%s/one", scene->tree);
	snprintf(other, sizeof(other), "%s/two", scene->tree);
	assert_int_equal(link(path, other), 0);
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.problems, 0);

	assert_true(look(scene, "link", &entry, &keep));
	assert_true(S_ISLNK(entry.mode));
	assert_true(lade_slice_equal(entry.target, lade_slice("to nowhere", 10)));
	free(keep);
	assert_true(look(scene, "fifo", &entry, &keep));
	assert_int_equal(entry.mode, S_IFIFO | 0640);
	free(keep);
	assert_true(look(scene, "empty", &entry, &keep));
	assert_int_equal(entry.mode, S_IFDIR | 0750);
	assert_int_equal(recipe_of(scene, entry.recipe, LADE_CHUNK_ENTRIES).length, 0);
	free(keep);
	assert_true(look(scene, "two", &entry, &keep));
	assert_int_equal(entry.links, 2);
	assert_content(scene, "two", (const uint8_t *)"1", 1);
	free(keep);
}

/* The attribute of that value, as an entry has it. */
static void assert_attribute(struct scene *scene, const char *name, const char *value)
{
	struct lade_stream_entry entry;
	struct lade_writer expected;
	uint8_t *keep;

	lade_writer_init(&expected, 1000);
	lade_writer_put_varint(&expected, 1);
	lade_writer_put_slice(&expected, lade_slice("user.lade", 9));
	lade_writer_put_slice(&expected, lade_slice(value, strlen(value)));
	assert_true(look(scene, name, &entry, &keep));
	assert_true(entry.fields & LADE_ENTRY_XATTRS);
	assert_true(lade_slice_equal(entry.xattrs, lade_slice(expected.data, expected.len)));
	free(keep);
	lade_writer_fini(&expected);
}

/* Of a file and of a directory; and of neither that has none, whoever came before it. */
static void test_attributes(void **state)
{
	struct scene *scene = *state;
	struct lade_stream_entry entry;
	char path[PATH_MAX + 16];
	uint8_t *keep;

	put_file(scene, "a", "1", 1);
	put_file(scene, "b", "2", 1);
	snprintf(path, sizeof(path), "%s/c", scene->tree);
	assert_int_equal(mkdir(path, 0700), 0);
	if (setxattr(path, "user.lade", "of c", 4, 0) && errno == EOPNOTSUPP)
		skip();
	snprintf(path, sizeof(path), "%s/a", scene->tree);
	assert_int_equal(setxattr(path, "user.lade", "of a", 4, 0), 0);
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.problems, 0);
	assert_attribute(scene, "a", "of a");
	assert_attribute(scene, "c", "of c");
	assert_true(look(scene, "b", &entry, &keep));
	assert_false(entry.fields & (LADE_ENTRY_XATTRS | LADE_ENTRY_XATTRS_RECIPE));
	free(keep);
}

/* A file of holes takes no time to read and none in the repository, and the holes are noted. */
static void test_holes(void **state)
{
	struct scene *scene = *state;
	const off_t len = INT64_C(8) << 30;
	const struct lade_stream_source source = source_of(scene);
	struct lade_stream_reader *reader;
	struct lade_stream_recipe recipe;
	struct lade_stream_entry entry;
	char path[PATH_MAX + 16];
	uint8_t *keep, byte;
	struct stat st;
	size_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/sparse", scene->tree);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, len), 0);
	assert_int_equal(pwrite(fd, "x", 1, len / 2), 1);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	if (st.st_blocks * INT64_C(512) >= len)
		skip(); /* a file system without holes */
	assert_int_equal(run(scene, "known"), 0);
	assert_true(scene->row_count < 32);
	assert_true(look(scene, "sparse", &entry, &keep));
	assert_true(entry.fields & LADE_ENTRY_HOLES);
	recipe = recipe_of(scene, entry.recipe, LADE_CHUNK_CONTENT);
	assert_int_equal(recipe.length, len);
	assert_int_equal(lade_stream_reader_new(&source, LADE_CHUNK_CONTENT, &recipe, &reader), 0);
	lade_stream_reader_seek(reader, (uint64_t)len / 2 - 1);
	assert_int_equal(lade_stream_reader_read(reader, &byte, 1, &got, NULL), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(lade_stream_reader_read(reader, &byte, 1, &got, NULL), 0);
	assert_int_equal(byte, 'x');
	lade_stream_reader_free(reader);
	free(keep);
	/* It is known with its holes. */
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.unchanged, 1);
}

static void test_left_out(void **state)
{
	struct scene *scene = *state;
	static char mark[] = ".nobackup";
	char *marks[] = { mark };
	char path[PATH_MAX + 32];
	uint8_t *data = make_random(5000);

	for (unsigned i = 0; i < 3; i++) {
		static const char *const names[] = { "cache", "marked", "kept" };

		snprintf(path, sizeof(path), "%s/%s", scene->tree, names[i]);
		assert_int_equal(mkdir(path, 0700), 0);
		snprintf(path, sizeof(path), "%s/file", names[i]);
		put_file(scene, path, data, 10);
	}
	put_file(scene, "cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n", 44);
	put_file(scene, "kept/CACHEDIR.TAG", "Signature: another\n", 19);
	put_file(scene, "marked/.nobackup", "", 0);
	put_file(scene, "long", data, 5000);
	put_file(scene, "a.o", data, 10);
	assert_int_equal(lade_filter_add(scene->filter, false, "*.o", NULL), 0);
	scene->scan.caches = true;
	scene->scan.marks = marks;
	scene->scan.mark_count = 1;
	scene->scan.larger_than = 4999;
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.problems, 0);
	assert_absent(scene, "cache/file");
	assert_absent(scene, "marked/file");
	assert_absent(scene, "long");
	assert_absent(scene, "a.o");
	assert_content(scene, "kept/file", data, 10);
	free(data);
}

static void test_problems(void **state)
{
	struct scene *scene = *state;
	char path[PATH_MAX + 16];

	put_file(scene, "good", "1", 1);
	put_file(scene, "bad", "2", 1);
	snprintf(path, sizeof(path), "%s/bad", scene->tree);
	assert_int_equal(chmod(path, 0), 0);
	if (access(path, R_OK) == 0)
		return; /* root reads everything */
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.problems, 1);
	assert_int_equal(scene->figures.errors, 1);
	assert_non_null(strstr(scene->told.problem, "/bad"));
	assert_absent(scene, "bad");
	assert_content(scene, "good", (const uint8_t *)"1", 1);
}

static void test_stop(void **state)
{
	struct scene *scene = *state;

	put_file(scene, "file", "1", 1);
	atomic_store(&scene->stop, true);
	assert_int_equal(run(scene, "known"), LADE_E_CANCELLED);
}

/* What waits to be read when the walk has ended is not left out: there is nothing then to make a snapshot of. */
static void test_stop_waiting(void **state)
{
	struct scene *scene = *state;
	unsigned cancelled = 0;
	char name[16];

	for (unsigned i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "%u", i);
		put_file(scene, name, name, strlen(name));
	}
	for (unsigned i = 0; i < 20; i++) {
		int error;

		atomic_store(&scene->stop, false);
		scene->told.stop = &scene->stop;
		error = run(scene, "unknown");
		assert_true(error == LADE_E_CANCELLED || (error == 0 && scene->told.read == 12));
		cancelled += error != 0;
	}
	assert_true(cancelled);
}

/* A large file is not read to its end first. */
static void test_stop_large(void **state)
{
	struct scene *scene = *state;
	uint8_t *large = malloc(LARGE_LEN);

	assert_non_null(large);
	randombytes_buf(large, LARGE_LEN);
	put_file(scene, "large", large, LARGE_LEN);
	free(large);
	scene->told.stop = &scene->stop;
	assert_int_equal(run(scene, "known"), LADE_E_CANCELLED);
	assert_true(scene->told.bytes < LARGE_LEN);
}

/* Names are in order of their bytes, however they came. */
static void test_many(void **state)
{
	struct scene *scene = *state;
	char name[64];

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "%x-%u", i * 2654435761u, i);
		put_file(scene, name, name, strlen(name));
	}
	assert_int_equal(run(scene, "known"), 0);
	assert_int_equal(scene->told.read, 2000);
	for (unsigned i = 0; i < 2000; i += 97) {
		snprintf(name, sizeof(name), "%x-%u", i * 2654435761u, i);
		assert_content(scene, name, (const uint8_t *)name, strlen(name));
	}
}

static void test_stream(void **state)
{
	struct scene *scene = *state;
	const struct lade_backup_events events = { .entry = on_entry, .problem = on_problem, .read = on_read, .context = &scene->told };
	struct lade_stream_file file = { .path = "/dumps/of/db.sql", .events = &events, .stop = &scene->stop };
	struct lade_scan_figures figures;
	struct lade_stream_entry entry;
	struct lade_fault fault;
	struct engine engine;
	uint8_t *keep;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "select 1;", 9), 9);
	close(ends[1]);
	file.fd = ends[0];
	start(scene, &engine);
	assert_int_equal(finish(scene, &engine, lade_stream_file_put(&file, engine.tree, &engine.workers[THREADS], &figures, &fault)), 0);
	close(ends[0]);
	assert_int_equal(figures.bytes, 9);
	assert_true(look_up(scene, lade_slice(scene->recipe, scene->recipe_len), "dumps/of/db.sql", &entry, &keep));
	assert_int_equal(recipe_of(scene, entry.recipe, LADE_CHUNK_CONTENT).length, 9);
	assert_int_equal(entry.mode, S_IFREG | 0600);
	free(keep);
}

/* Whoever writes to the pipe may never do so again. */
static void test_stream_stop(void **state)
{
	struct scene *scene = *state;
	const struct lade_backup_events events = { .entry = on_entry, .problem = on_problem, .read = on_read, .context = &scene->told };
	struct lade_stream_file file = { .path = "/stdin", .events = &events, .stop = &scene->stop };
	struct lade_scan_figures figures;
	struct lade_fault fault;
	struct engine engine;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "select", 6), 6);
	file.fd = ends[0];
	scene->told.stop = &scene->stop;
	alarm(60);
	start(scene, &engine);
	assert_int_equal(finish(scene, &engine, lade_stream_file_put(&file, engine.tree, &engine.workers[THREADS], &figures, &fault)), LADE_E_CANCELLED);
	alarm(0);
	assert_int_equal(scene->told.bytes, 6);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_contents, setup, teardown), cmocka_unit_test_setup_teardown(test_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_types, setup, teardown), cmocka_unit_test_setup_teardown(test_attributes, setup, teardown), cmocka_unit_test_setup_teardown(test_holes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_out, setup, teardown), cmocka_unit_test_setup_teardown(test_problems, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown), cmocka_unit_test_setup_teardown(test_parent, setup, teardown), cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown), cmocka_unit_test_setup_teardown(test_stop_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_large, setup, teardown), cmocka_unit_test_setup_teardown(test_stream_stop, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
