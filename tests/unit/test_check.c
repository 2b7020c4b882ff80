/*
 * Tests of agent/backup/check: a repository that is whole is told to be whole; whatever is done to whatever object of it is found, and named.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/backup/check.h"
#include "agent/store/forgotten.h"
#include "agent/store/lease.h"
#include "agent/store/note.h"
#include "agent/store/pack_list.h"
#include "agent/store/refs.h"
#include "agent/store/repository_internal.h"
#include "agent/store/snapshot.h"
#include "agent/store/stream_entry.h"
#include "tests/unit/handmade_repository.h"

#define OBJECTS_MAX 40u
#define FOUND_MAX 200u
#define OBJECT_MAX (1u << 20)

/* More than is read of a pack at once, so that chunks stand at the seam. */
#define CONTENT_LEN 5000000u

/* What a check said. */
struct told {
	char lines[FOUND_MAX][512];
	unsigned count;
	struct lade_check_figures figures;
	struct lade_fault fault;
};

/* An object as it was. */
struct object {
	char name[LADE_OBJECT_NAME_MAX + 1];
	uint8_t *bytes;
	size_t len;
};

struct scene {
	struct repository_scene base;
	struct lade_strict_cut cuts[2];
	uint8_t last[LADE_HASH_LEN], before[LADE_HASH_LEN]; /* SHA-256 of the last snapshot, and of the one before */
	uint64_t number;
	struct lade_pins pins;
	struct told told;
	struct object objects[OBJECTS_MAX];
	unsigned object_count;
};

/* ---- making one ---- */

static int put_chunk(void *context, enum lade_chunk_kind kind, struct lade_slice bytes, uint8_t id_out[LADE_CHUNK_ID_LEN], struct lade_fault *fault)
{
	struct scene *scene = context;

	(void)fault;
	scene_chunk(&scene->base, kind, bytes, id_out);
	return 0;
}

/* Write a stream into the pack at hand, and its recipe behind `out`. */
static void put_stream(struct scene *scene, enum lade_chunk_kind kind, struct lade_slice bytes, struct lade_writer *out)
{
	const struct lade_stream_sink sink = { .put = put_chunk, .context = scene, .cuts = scene->cuts };
	struct lade_stream_writer *writer;

	assert_int_equal(lade_stream_writer_new(&sink, kind, &writer), 0);
	assert_int_equal(lade_stream_writer_feed(writer, bytes, NULL), 0);
	assert_int_equal(lade_stream_writer_finish(writer, out, NULL), 0);
	lade_stream_writer_free(writer);
}

static void add_entry(struct scene *scene, struct lade_writer *out, const char *name, uint32_t mode, const struct lade_writer *recipe)
{
	const struct lade_stream_lengths lengths = lade_stream_lengths_of(&scene->base.repository->format);
	struct lade_stream_entry entry = { .name = lade_slice(name, strlen(name)), .mode = mode, .fields = LADE_ENTRY_OWNER | LADE_ENTRY_RECIPE };

	entry.recipe = lade_slice(recipe->data, recipe->len);
	assert_int_equal(lade_stream_entry_put(out, &lengths, &entry), 0);
}

static void put_object(const struct scene *scene, const struct lade_object_name *name, const struct lade_writer *object)
{
	char text[LADE_OBJECT_NAME_MAX + 1];

	assert_int_equal(object->error, 0);
	lade_object_name_format(name, text);
	assert_int_equal(lade_store_put(scene->base.repository->store, text, object->data, object->len, NULL), 0);
}

static void put_refs(const struct scene *scene, struct lade_snapshot_id id, uint32_t count, struct lade_writer *refs)
{
	struct lade_refs parts = { .snapshot = id, .count = count };
	uint8_t packs[16 * LADE_SHORT_HASH_LEN];

	memset(parts.snapshot.hash, 0, sizeof(parts.snapshot.hash));
	for (uint32_t i = 0; i < count; i++)
		memcpy(packs + i * LADE_SHORT_HASH_LEN, scene->base.packs[i], LADE_SHORT_HASH_LEN);
	parts.count = (uint32_t)lade_object_sort(packs, count, LADE_SHORT_HASH_LEN);
	parts.packs = packs;
	assert_int_equal(lade_refs_put(refs, scene->base.repository->format.repository, &parts, NULL), 0);
}

/* Put a snapshot of that tree, which needs the first `packs` packs. */
static void put_snapshot(struct scene *scene, const struct lade_writer *root, uint32_t packs)
{
	const struct lade_repository *repository = scene->base.repository;
	struct lade_snapshot_head head = { .number = ++scene->number, .sealed_time = 1700000100, .time = 1700000000 };
	const struct lade_snapshot_description description = { .root = lade_slice(root->data, root->len) };
	struct lade_object_name name = { .kind = LADE_NAME_SNAPSHOT, .time = 1700000200 };
	struct lade_writer object, refs;
	struct lade_pack_setup setup;
	uint8_t tables[16][LADE_HASH_LEN];

	memcpy(name.snapshot.writer, repository->writer.id, LADE_PARTY_ID_LEN);
	name.snapshot.number = scene->number;
	lade_writer_init(&refs, OBJECT_MAX);
	lade_writer_init(&object, OBJECT_MAX);
	put_refs(scene, name.snapshot, packs, &refs);
	assert_int_equal(lade_object_hash(refs.data, refs.len, head.refs), 0);
	memcpy(head.before, scene->last, sizeof(head.before));
	memcpy(scene->before, scene->last, sizeof(scene->before));
	memcpy(tables, scene->base.tables, sizeof(tables));
	head.table_count = (uint32_t)lade_object_sort(tables[0], scene->base.table_count, LADE_HASH_LEN);
	head.tables = tables[0];
	assert_int_equal(lade_repository_pack_setup(repository, &setup, NULL), 0);
	assert_int_equal(lade_snapshot_put(&object, &setup, &head, &description, repository->writer.seed), 0);
	assert_int_equal(lade_object_hash(object.data, object.len, scene->last), 0);
	memcpy(name.snapshot.hash, scene->last, LADE_SHORT_HASH_LEN);
	put_object(scene, &name, &object);
	name.kind = LADE_NAME_REFS;
	name.number = 0;
	name.time = 0;
	put_object(scene, &name, &refs);
	lade_writer_fini(&refs);
	lade_writer_fini(&object);
}

/* A tree: /home with two directories; /home/d has a file with content, /home/e a hundred that are in their recipes. extra: one file more in /home. */
static void put_tree(struct scene *scene, bool extra, struct lade_writer *root)
{
	const char *const names[] = { "d", "e" };
	struct lade_writer directories[2], home, recipe, content;
	uint8_t *bytes = scene_bytes(CONTENT_LEN, extra ? 8 : 7);
	char name[16];

	lade_writer_init(&home, OBJECT_MAX);
	lade_writer_init(&recipe, OBJECT_MAX);
	lade_writer_init(&content, OBJECT_MAX);
	scene_pack_begin(&scene->base);
	put_stream(scene, LADE_CHUNK_CONTENT, lade_slice(bytes, CONTENT_LEN), &content);
	scene_pack_end(&scene->base, false);
	scene_pack_begin(&scene->base);
	for (unsigned i = 0; i < 2; i++) {
		lade_writer_init(&directories[i], OBJECT_MAX);
		lade_writer_reset(&recipe);
		put_stream(scene, LADE_CHUNK_CONTENT, lade_slice("short", 5), &recipe);
		for (unsigned k = 0; k < 100; k++) {
			snprintf(name, sizeof(name), "%u-%03u", i, k);
			add_entry(scene, &directories[i], name, S_IFREG | 0644, i == 0 && k == 50 ? &content : &recipe);
		}
		lade_writer_reset(&recipe);
		put_stream(scene, LADE_CHUNK_ENTRIES, lade_slice(directories[i].data, directories[i].len), &recipe);
		add_entry(scene, &home, names[i], S_IFDIR | 0755, &recipe);
	}
	if (extra)
		add_entry(scene, &home, "f", S_IFREG | 0644, &content);
	lade_writer_reset(&recipe);
	put_stream(scene, LADE_CHUNK_ENTRIES, lade_slice(home.data, home.len), &recipe);
	lade_writer_reset(&home);
	add_entry(scene, &home, "home", S_IFDIR | 0755, &recipe);
	put_stream(scene, LADE_CHUNK_ENTRIES, lade_slice(home.data, home.len), root);
	scene_pack_end(&scene->base, false);
	scene_table(&scene->base);
	for (unsigned i = 0; i < 2; i++)
		lade_writer_fini(&directories[i]);
	lade_writer_fini(&home);
	lade_writer_fini(&recipe);
	lade_writer_fini(&content);
	free(bytes);
}

static void put_small_objects(struct scene *scene)
{
	const struct lade_repository *repository = scene->base.repository;
	const uint8_t *id = repository->format.repository;
	struct lade_note note = { .number = 1 };
	struct lade_slice tag = lade_slice("tag", 3);
	const struct lade_note_tags tags = { .tags = &tag, .count = 1 };
	struct lade_lease lease = { .time = 1700000000 };
	struct lade_pack_list list = { .count = 1 };
	struct lade_forgotten forgotten = { .number = 1, .time = 1700000000 };
	struct lade_object_name name = { .kind = LADE_NAME_NOTE, .number = 1 };
	struct lade_pack_setup setup;
	struct lade_writer object;
	uint8_t gone[LADE_HASH_LEN];

	lade_writer_init(&object, OBJECT_MAX);
	memcpy(name.snapshot.writer, repository->writer.id, LADE_PARTY_ID_LEN);
	name.snapshot.number = scene->number;
	memcpy(name.snapshot.hash, scene->last, LADE_SHORT_HASH_LEN);
	memcpy(note.snapshot, scene->last, LADE_HASH_LEN);
	assert_int_equal(lade_repository_pack_setup(repository, &setup, NULL), 0);
	assert_int_equal(lade_note_put(&object, &setup, &note, &tags, repository->writer.seed), 0);
	put_object(scene, &name, &object);
	lade_writer_reset(&object);
	memset(&name, 0, sizeof(name));
	name.kind = LADE_NAME_FENCED;
	memcpy(lease.session.party, repository->writer.id, LADE_PARTY_ID_LEN);
	memset(lease.session.random, 's', sizeof(lease.session.random));
	name.session = lease.session;
	assert_int_equal(lade_lease_put(&object, id, &lease, repository->writer.seed), 0);
	put_object(scene, &name, &object);
	lade_writer_reset(&object);
	memset(gone, 'g', sizeof(gone));
	list.session = lease.session;
	memcpy(list.session.party, repository->manager.id, LADE_PARTY_ID_LEN);
	list.names = gone;
	assert_int_equal(lade_pack_list_put(&object, id, &list, repository->manager.seed), 0);
	memset(&name, 0, sizeof(name));
	name.kind = LADE_NAME_TOMBSTONE;
	assert_int_equal(lade_object_hash(object.data, object.len, name.hash), 0);
	put_object(scene, &name, &object);
	name.kind = LADE_NAME_GONE;
	put_object(scene, &name, &object);
	lade_writer_reset(&object);
	memset(forgotten.writer, 'w', sizeof(forgotten.writer));
	memset(forgotten.snapshot, 'h', sizeof(forgotten.snapshot));
	memcpy(forgotten.manager, repository->manager.id, LADE_PARTY_ID_LEN);
	assert_int_equal(lade_forgotten_put(&object, id, &forgotten, repository->manager.seed), 0);
	memset(&name, 0, sizeof(name));
	name.kind = LADE_NAME_FORGOTTEN;
	name.time = forgotten.time;
	memcpy(name.snapshot.writer, forgotten.writer, LADE_PARTY_ID_LEN);
	name.snapshot.number = forgotten.number;
	memcpy(name.snapshot.hash, forgotten.snapshot, LADE_SHORT_HASH_LEN);
	put_object(scene, &name, &object);
	lade_writer_fini(&object);
}

/* ---- its objects ---- */

static int take_object(void *context, const struct lade_store_object *object)
{
	struct scene *scene = context;
	struct object *copy = &scene->objects[scene->object_count++];

	assert_in_range(scene->object_count, 1, OBJECTS_MAX);
	snprintf(copy->name, sizeof(copy->name), "%s", object->name);
	copy->len = object->len;
	copy->bytes = malloc(copy->len + 1);
	assert_non_null(copy->bytes);
	return lade_store_get(scene->base.repository->store, object->name, 0, copy->len, copy->bytes, NULL);
}

static struct scene *make(bool encrypted)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct lade_writer root;

	assert_non_null(scene);
	scene_make(&scene->base, encrypted);
	scene->pins = *lade_repository_pins(scene->base.repository);
	assert_int_equal(lade_chunk_cuts(&scene->base.repository->format, lade_repository_cuts_key(scene->base.repository), scene->cuts), 0);
	for (unsigned i = 0; i < 2; i++) {
		lade_writer_init(&root, OBJECT_MAX);
		put_tree(scene, i == 1, &root);
		put_snapshot(scene, &root, scene->base.pack_count);
		lade_writer_fini(&root);
	}
	put_small_objects(scene);
	assert_int_equal(lade_store_list(scene->base.repository->store, "", take_object, scene, NULL), 0);
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

	for (unsigned i = 0; i < scene->object_count; i++)
		free(scene->objects[i].bytes);
	scene_end(&scene->base);
	free(scene);
	return 0;
}

/* ---- checking ---- */

static void found(void *context, const struct lade_check_finding *finding)
{
	struct told *told = context;

	if (told->count < FOUND_MAX)
		snprintf(told->lines[told->count++], sizeof(told->lines[0]), "%s %s: %s: %s: %s", finding->severity == LADE_CHECK_ERROR ? "error" : "note",
			 finding->object, finding->problem, finding->snapshot ? finding->snapshot : "", finding->path ? finding->path : "");
}

/* Open the repository anew, and check it. Returns what opening or the check does. */
static int check_as(struct scene *scene, struct lade_check_setup *setup_out)
{
	const struct lade_repository_credentials credentials = { .identity = scene->base.identity, .pins = &scene->pins, .pin_count = 1 };
	struct told *told = &scene->told;
	struct lade_repository *repository;
	struct lade_store *store;
	int error;

	memset(told, 0, sizeof(*told));
	setup_out->threads = 2;
	setup_out->found = found;
	setup_out->context = told;
	assert_int_equal(lade_store_folder_open(scene->base.path, false, &store, NULL), 0);
	error = lade_repository_open(store, &credentials, &repository, &told->fault);
	if (error)
		return error;
	error = lade_check_repository(repository, setup_out, &told->figures, &told->fault);
	lade_repository_close(repository);
	return error;
}

static int check(struct scene *scene, enum lade_check_read read)
{
	struct lade_check_setup how = { .read = read };

	return check_as(scene, &how);
}

/* Without keys. */
static int check_names(struct scene *scene)
{
	struct told *told = &scene->told;
	struct lade_check_setup how = { .threads = 2, .found = found, .context = told };

	memset(told, 0, sizeof(*told));
	return lade_check_store(scene->base.repository->store, &how, &told->figures, &told->fault);
}

/* True if a line has both texts. */
static bool says(const struct scene *scene, const char *first, const char *second)
{
	for (unsigned i = 0; i < scene->told.count; i++) {
		if (strstr(scene->told.lines[i], first) && strstr(scene->told.lines[i], second))
			return true;
	}
	return false;
}

static void print(const struct scene *scene)
{
	for (unsigned i = 0; i < scene->told.count; i++)
		print_message("%s\n", scene->told.lines[i]);
}

/* ---- whole ones ---- */

static void test_whole(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	if (scene->told.figures.errors)
		print(scene);
	assert_int_equal(scene->told.figures.errors, 0);
	assert_int_equal(scene->told.figures.notes, 1); /* the fenced session */
	assert_int_equal(scene->told.figures.snapshots, 2);
	assert_int_equal(scene->told.figures.tables, 2);
	assert_int_equal(scene->told.figures.packs, 4);
	/* Two roots, two homes; d of each, as its file differs; e is the same in both. */
	assert_int_equal(scene->told.figures.directories, 7);
	assert_int_equal(scene->told.figures.packs_read, 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_ALL), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	assert_int_equal(scene->told.figures.packs_read, 4);
	assert_int_equal(scene->told.figures.bytes_read, scene->told.figures.bytes_to_read);
	assert_true(scene->told.figures.chunks_read > 14);
	assert_int_equal(check_names(scene), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	assert_int_equal(scene->told.figures.packs_read, 4);
}

/* ---- damage ---- */

static void path_of(const struct scene *scene, const char *name, char out[2 * PATH_MAX])
{
	snprintf(out, 2 * PATH_MAX, "%s/%s", scene->base.path, name);
}

static void write_object(const struct scene *scene, const char *name, const uint8_t *bytes, size_t len)
{
	char path[2 * PATH_MAX];
	FILE *file;

	path_of(scene, name, path);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_true(!len || fwrite(bytes, 1, len, file) == len);
	fclose(file);
}

/* The kind of an object: what its name begins with. */
static bool is_kind(const struct object *object, const char *prefix)
{
	return !strncmp(object->name, prefix, strlen(prefix));
}

/* It was found: by name, if it is still there; else by what needs it. Of what nobody needs it is no error. */
static void assert_found(struct scene *scene, const struct object *object, const char *what, int error)
{
	const bool left = is_kind(object, "sessions/") || says(scene, object->name, "needed by no snapshot");

	if (error ? strstr(scene->told.fault.subject, object->name) != NULL : says(scene, "error", object->name))
		return;
	if (!error && left && says(scene, "note", object->name))
		return;
	print_message("%s of %s: %d %s\n", what, object->name, error, scene->told.fault.subject);
	print(scene);
	fail();
}

/* Another object of the same kind and session or snapshot, and so one that could be put in its place. */
static const struct object *other_of(const struct scene *scene, const struct object *object)
{
	const size_t len = strcspn(object->name, "/");

	for (unsigned i = 0; i < scene->object_count; i++) {
		const struct object *other = &scene->objects[i];

		if (other != object && !strncmp(other->name, object->name, len + 1) && (other->len != object->len || memcmp(other->bytes, object->bytes, other->len) != 0))
			return other;
	}
	return NULL;
}

static void test_damage(void **state)
{
	struct scene *scene = *state;
	uint8_t *bytes = malloc(8u << 20);

	assert_non_null(bytes);
	for (unsigned i = 0; i < scene->object_count; i++) {
		const struct object *object = &scene->objects[i], *other = other_of(scene, object);
		const size_t places[] = { 0, 4, 7, 9, 30, object->len / 2, object->len - 1 };

		/* A damaged slot is found if the repository opens by another one; here it does not. */
		if (is_kind(object, "keys/"))
			continue;
		for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
			memcpy(bytes, object->bytes, object->len);
			bytes[places[k]] ^= 4;
			write_object(scene, object->name, bytes, object->len);
			assert_found(scene, object, "a flipped bit", check(scene, LADE_CHECK_READ_ALL));
		}
		memcpy(bytes, object->bytes, object->len);
		bytes[object->len] = 0;
		write_object(scene, object->name, bytes, object->len + 1);
		assert_found(scene, object, "a byte more", check(scene, LADE_CHECK_READ_NONE));
		write_object(scene, object->name, bytes, object->len - 1);
		assert_found(scene, object, "a byte less", check(scene, LADE_CHECK_READ_NONE));
		write_object(scene, object->name, bytes, object->len / 2);
		assert_found(scene, object, "half of it", check(scene, LADE_CHECK_READ_NONE));
		write_object(scene, object->name, bytes, 0);
		assert_found(scene, object, "nothing", check(scene, LADE_CHECK_READ_NONE));
		if (other) {
			write_object(scene, object->name, other->bytes, other->len);
			assert_found(scene, object, "another one", check(scene, LADE_CHECK_READ_ALL));
		}
		write_object(scene, object->name, object->bytes, object->len);
	}
	free(bytes);
	assert_int_equal(check(scene, LADE_CHECK_READ_ALL), 0);
	assert_int_equal(scene->told.figures.errors, 0);
}

/* The same without keys, as far as that can be. */
static void test_damage_of_names(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < scene->object_count; i++) {
		const struct object *object = &scene->objects[i];

		if (!is_kind(object, "packs/") && !is_kind(object, "index/") && !is_kind(object, "snapshots/") && !is_kind(object, "gone/") && !is_kind(object, "tombstones/"))
			continue;
		object->bytes[object->len / 2] ^= 1;
		write_object(scene, object->name, object->bytes, object->len);
		assert_found(scene, object, "a flipped bit", check_names(scene));
		object->bytes[object->len / 2] ^= 1;
		write_object(scene, object->name, object->bytes, object->len);
	}
	assert_int_equal(check_names(scene), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	scene_flip(&scene->base, "format", 100);
	assert_int_equal(check_names(scene), LADE_E_CHANGED);
	assert_int_equal(lade_store_remove(scene->base.repository->store, "format", NULL), 0);
	assert_int_equal(check_names(scene), LADE_E_ABSENT);
}

/* What is missing is missed by what needs it. */
static void test_missing(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < scene->object_count; i++) {
		const struct object *object = &scene->objects[i];
		const char *name = object->name;
		int error;

		/* Nobody needs these, or nobody can know. */
		if (is_kind(object, "keys/") || is_kind(object, "forgotten/") || is_kind(object, "gone/") || is_kind(object, "tombstones/") ||
		    is_kind(object, "sessions/") || is_kind(object, "notes/") || !strcmp(name, "trust/3"))
			continue;
		assert_int_equal(lade_store_remove(scene->base.repository->store, name, NULL), 0);
		error = check(scene, LADE_CHECK_READ_NONE);
		if (is_kind(object, "snapshots/"))
			/* Of the last one its refs remain. */
			assert_true(says(scene, "error refs/", "belongs to a snapshot that is missing"));
		else if (is_kind(object, "trust/") || is_kind(object, "format"))
			assert_true(error != 0);
		else
			assert_found(scene, object, "what is missing", error);
		if (is_kind(object, "snapshots/") && strstr(name, "/1-"))
			assert_true(says(scene, "error snapshots/", "is withheld"));
		write_object(scene, name, object->bytes, object->len);
	}
}

/* An object twice, under another name. */
static void test_twice(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < scene->object_count; i++) {
		struct object copy = scene->objects[i];
		struct lade_object_name name;

		/* A statement behind a gap: opening refuses it. */
		if (is_kind(&copy, "keys/") || is_kind(&copy, "format") || is_kind(&copy, "trust/") || lade_object_name_parse(copy.name, &name))
			continue;
		if (name.kind == LADE_NAME_FENCED)
			name.session.random[3] ^= 1;
		else if (name.kind == LADE_NAME_NOTE)
			name.number += 10;
		else if (name.kind == LADE_NAME_SNAPSHOT || name.kind == LADE_NAME_REFS || name.kind == LADE_NAME_FORGOTTEN)
			name.snapshot.hash[3] ^= 1;
		else
			name.hash[3] ^= 1;
		lade_object_name_format(&name, copy.name);
		assert_int_equal(lade_store_put(scene->base.repository->store, copy.name, copy.bytes, copy.len, NULL), 0);
		assert_found(scene, &copy, "a copy", check(scene, LADE_CHECK_READ_ALL));
		assert_int_equal(lade_store_remove(scene->base.repository->store, copy.name, NULL), 0);
	}
	/* Names that are none are no harm, and told. */
	assert_int_equal(lade_store_put(scene->base.repository->store, "packs/notes.txt", "x", 1, NULL), 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	assert_true(says(scene, "note packs/notes.txt", "is not the name of an object"));
}

/* ---- what it means ---- */

/* The content of the first tree's file is lost: that is told, with its path, and of nothing else. */
static void test_who_is_hurt(void **state)
{
	struct scene *scene = *state;
	const char *content = scene_object(scene->base.packs[0]);
	unsigned paths = 0;

	assert_int_equal(lade_store_remove(scene->base.repository->store, content, NULL), 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, content, "is missing: "));
	assert_true(says(scene, content, ": /home/d/0-050"));
	for (unsigned i = 0; i < scene->told.count; i++)
		paths += strstr(scene->told.lines[i], ": /") != NULL;
	assert_int_equal(paths, 1);
	write_object(scene, content, (const uint8_t *)"", 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, content, "has 0 bytes"));
	assert_true(says(scene, content, ": /home/d/0-050"));
}

/* One chunk of a pack is damaged: the others are not lost, and neither is the pack whose trailer is. */
static void test_who_is_hurt_by_a_bit(void **state)
{
	struct scene *scene = *state;
	const char *content = scene_object(scene->base.packs[0]);
	const uint64_t len = scene_len(&scene->base, content);

	scene_flip(&scene->base, content, LADE_PACK_HEADER_LEN + 5);
	assert_int_equal(check(scene, LADE_CHECK_READ_ALL), 0);
	assert_true(says(scene, content, "1 of its "));
	assert_true(says(scene, content, "SHA-256"));
	assert_true(says(scene, content, "is damaged: "));
	assert_true(says(scene, content, ": /home/d/0-050"));
	scene_flip(&scene->base, content, LADE_PACK_HEADER_LEN + 5);
	scene_flip(&scene->base, content, len - 1);
	assert_int_equal(check(scene, LADE_CHECK_READ_ALL), 0);
	assert_true(says(scene, content, "its end does not open"));
	assert_false(says(scene, "", ": /"));
}

/* A pack of names: directories are lost, and told as such. */
static void test_lost_directory(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(lade_store_remove(scene->base.repository->store, scene_object(scene->base.packs[3]), NULL), 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, scene_object(scene->base.packs[3]), "is missing"));
	assert_true(scene->told.figures.errors >= 2);
}

/* Refs of the second snapshot that do not name the packs that it shares with the first. */
static void test_refs_that_lack_a_pack(void **state)
{
	struct scene *scene = *state;
	struct lade_writer root;

	lade_writer_init(&root, OBJECT_MAX);
	put_tree(scene, true, &root);
	put_snapshot(scene, &root, 2);
	lade_writer_fini(&root);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	/* Each of its chunks is in two packs by now, and it names neither: that is one finding for the content, and one for all names. */
	assert_int_equal(scene->told.figures.errors, 2);
	assert_true(says(scene, "error packs/", "refs do not name it"));
	assert_true(says(scene, scene_object(scene->base.packs[4]), "needed by no snapshot"));
}

/* A manager's session that has later refs of the last snapshot: that they are its first packs and one more, which begins so. */
static void put_later_refs(struct scene *scene, enum lade_name_kind state, uint32_t generation, uint8_t more)
{
	const struct lade_repository *repository = scene->base.repository;
	struct lade_lease lease = { .time = 1700000000 };
	struct lade_object_name name = { .kind = state, .time = state == LADE_NAME_COMMITTED ? 1700000300 : 0 };
	struct lade_refs refs = { .generation = generation, .snapshot = { .number = scene->number } };
	uint8_t packs[17 * LADE_SHORT_HASH_LEN];
	struct lade_writer object;
	uint32_t count = 0;

	memcpy(lease.session.party, repository->manager.id, LADE_PARTY_ID_LEN);
	memset(lease.session.random, 'l', sizeof(lease.session.random));
	name.session = lease.session;
	lade_writer_init(&object, OBJECT_MAX);
	assert_int_equal(lade_lease_put(&object, repository->format.repository, &lease, repository->manager.seed), 0);
	put_object(scene, &name, &object);
	lade_writer_reset(&object);
	memcpy(refs.snapshot.writer, repository->writer.id, LADE_PARTY_ID_LEN);
	memcpy(refs.snapshot.hash, scene->last, LADE_SHORT_HASH_LEN);
	memcpy(refs.manager, repository->manager.id, LADE_PARTY_ID_LEN);
	for (; count < scene->base.pack_count; count++)
		memcpy(packs + count * LADE_SHORT_HASH_LEN, scene->base.packs[count], LADE_SHORT_HASH_LEN);
	if (more)
		memset(packs + count++ * LADE_SHORT_HASH_LEN, more, LADE_SHORT_HASH_LEN);
	refs.count = (uint32_t)lade_object_sort(packs, count, LADE_SHORT_HASH_LEN);
	refs.packs = packs;
	assert_int_equal(lade_refs_put(&object, repository->format.repository, &refs, repository->manager.seed), 0);
	name = (struct lade_object_name){ .kind = LADE_NAME_LATER_REFS, .session = lease.session, .number = 1 };
	put_object(scene, &name, &object);
	lade_writer_fini(&object);
}

static const char *find_object(const struct scene *scene, const char *part, char out[LADE_OBJECT_NAME_MAX + 1])
{
	struct scene all = { .base = scene->base };

	*out = '\0';
	assert_int_equal(lade_store_list(scene->base.repository->store, "sessions/", take_object, &all, NULL), 0);
	for (unsigned i = 0; i < all.object_count; i++) {
		if (strstr(all.objects[i].name, part))
			strcpy(out, all.objects[i].name);
		free(all.objects[i].bytes);
	}
	assert_true(*out);
	return out;
}

/* Refs of a manager's session count as soon as that is committed, and are checked as others are. */
static void test_later_refs_of_a_session(void **state)
{
	struct scene *scene = *state;
	struct lade_store *store = scene->base.repository->store;
	char object[LADE_OBJECT_NAME_MAX + 1], lease[LADE_OBJECT_NAME_MAX + 1];
	struct lade_writer root;

	lade_writer_init(&root, OBJECT_MAX);
	put_tree(scene, true, &root);
	put_snapshot(scene, &root, 2);
	lade_writer_fini(&root);
	/* One that is under way says nothing. */
	put_later_refs(scene, LADE_NAME_ACTIVE, 1, 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_int_equal(scene->told.figures.errors, 2);
	assert_int_equal(lade_store_remove(store, find_object(scene, ".active", lease), NULL), 0);
	assert_int_equal(lade_store_remove(store, find_object(scene, ".refs-1", object), NULL), 0);
	put_later_refs(scene, LADE_NAME_COMMITTED, 1, 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	if (scene->told.figures.errors)
		print(scene);
	assert_int_equal(scene->told.figures.errors, 0);
	/* What they name has to be there, and they have to be whole. */
	scene_flip(&scene->base, object, 61);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "error sessions/", ".refs-1: is damaged: it does not count"));
	assert_int_equal(lade_store_remove(store, object, NULL), 0);
	assert_int_equal(lade_store_remove(store, find_object(scene, ".committed-", lease), NULL), 0);
	put_later_refs(scene, LADE_NAME_COMMITTED, 2, 0xee);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "error packs/ee/eeeeeeeeeeeeeeee", "is missing"));
	/* Of a snapshot that is not there. */
	assert_int_equal(lade_store_remove(store, object, NULL), 0);
	assert_int_equal(lade_store_remove(store, find_object(scene, ".committed-", lease), NULL), 0);
	scene->last[0] ^= 1;
	put_later_refs(scene, LADE_NAME_COMMITTED, 1, 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "error sessions/", "belongs to a snapshot that is missing"));
}

/* Say that the writer's second snapshot was removed, of that hash, after one of that hash, instead of who said so before; manager: who signs it, NULL: a daemon. */
static void forget_second(struct scene *scene, const uint8_t hashes[2][LADE_HASH_LEN], const struct lade_repository_party *manager)
{
	const struct lade_repository *repository = scene->base.repository;
	struct lade_forgotten forgotten = { .number = 2, .time = 1700000000 };
	struct lade_object_name name = { .kind = LADE_NAME_FORGOTTEN, .time = 1700000000 };
	char text[LADE_OBJECT_NAME_MAX + 1];
	struct lade_writer object;

	memcpy(forgotten.snapshot, hashes[0], LADE_HASH_LEN);
	memcpy(forgotten.before, hashes[1], LADE_HASH_LEN);
	memcpy(forgotten.writer, repository->writer.id, LADE_PARTY_ID_LEN);
	if (manager)
		memcpy(forgotten.manager, manager->id, LADE_PARTY_ID_LEN);
	memcpy(name.snapshot.writer, forgotten.writer, LADE_PARTY_ID_LEN);
	memcpy(name.snapshot.hash, forgotten.snapshot, LADE_SHORT_HASH_LEN);
	name.snapshot.number = 2;
	lade_object_name_format(&name, text);
	assert_int_equal(lade_store_remove(repository->store, text, NULL), 0);
	lade_writer_init(&object, OBJECT_MAX);
	assert_int_equal(lade_forgotten_put(&object, repository->format.repository, &forgotten, manager ? manager->seed : NULL), 0);
	put_object(scene, &name, &object);
	lade_writer_fini(&object);
}

/* What the snapshot is called whose name has that in it. */
static const char *name_of_snapshot(const struct scene *scene, const char *number)
{
	for (unsigned i = 0; i < scene->object_count; i++) {
		if (is_kind(&scene->objects[i], "snapshots/") && strstr(scene->objects[i].name, number))
			return scene->objects[i].name;
	}
	fail();
	return NULL;
}

/* A writer was revoked, and one of his snapshots is missing: those before it are good only if a manager says that he removed it. */
static void test_revoked(void **state)
{
	struct scene *scene = *state;
	struct lade_repository *repository = scene->base.repository;
	struct lade_store *store = repository->store;
	struct lade_statement statement = { .kind = LADE_SAYS_REVOKED };
	const char *second = name_of_snapshot(scene, "/2-");
	uint8_t hashes[2][LADE_HASH_LEN];
	struct lade_writer root;

	memcpy(hashes[0], scene->last, LADE_HASH_LEN);
	memcpy(hashes[1], scene->before, LADE_HASH_LEN);
	lade_writer_init(&root, OBJECT_MAX);
	put_tree(scene, true, &root);
	put_snapshot(scene, &root, scene->base.pack_count);
	lade_writer_fini(&root);
	lade_repository_public(repository->writer.seed, statement.public_key);
	statement.last_number = 3;
	memcpy(statement.last_hash, scene->last, sizeof(statement.last_hash));
	assert_int_equal(lade_repository_say(repository, &statement, lade_keyring_find(&repository->keyring, LADE_SECRET_ROOT, 0), NULL), 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	/* A daemon's word changes nothing: the chain leads on through what is there, ... */
	forget_second(scene, hashes, NULL);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_false(says(scene, "", "before he was revoked"));
	/* ... unless that only has its name, ... */
	assert_int_equal(lade_store_remove(store, second, NULL), 0);
	assert_int_equal(lade_store_put(store, second, "junk", 4, NULL), 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "/1-", "before he was revoked"));
	/* ... or is gone. */
	assert_int_equal(lade_store_remove(store, second, NULL), 0);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "/1-", "before he was revoked"));
	assert_false(says(scene, "/3-", "before he was revoked"));
	/* A manager who says which one was before it. */
	hashes[1][0] ^= 1;
	forget_second(scene, hashes, &repository->manager);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "/1-", "before he was revoked"));
	hashes[1][0] ^= 1;
	forget_second(scene, hashes, &repository->manager);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_int_equal(scene->told.figures.errors, 0);
}

static void withhold(struct scene *scene, const char *number)
{
	assert_int_equal(lade_store_remove(scene->base.repository->store, name_of_snapshot(scene, number), NULL), 0);
}

/* What is withheld of a chain is missed behind what was forgotten, too. */
static void test_behind_forgotten(void **state)
{
	struct scene *scene = *state;
	uint8_t hashes[2][LADE_HASH_LEN];

	memcpy(hashes[0], scene->last, LADE_HASH_LEN);
	memcpy(hashes[1], scene->before, LADE_HASH_LEN);
	forget_second(scene, hashes, NULL);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	withhold(scene, "/2-");
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	/* Another one instead of the first. */
	hashes[1][0] ^= 1;
	forget_second(scene, hashes, NULL);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "/2-", "follows a snapshot that is neither there nor forgotten"));
	hashes[1][0] ^= 1;
	forget_second(scene, hashes, NULL);
	withhold(scene, "/1-");
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_true(says(scene, "/1-", "is missing, and was not forgotten"));
}

/* Two snapshots with one number are both good. */
static void test_fork(void **state)
{
	struct scene *scene = *state;
	struct lade_writer root;

	lade_writer_init(&root, OBJECT_MAX);
	put_tree(scene, false, &root);
	put_snapshot(scene, &root, scene->base.pack_count); /* 3, after 2 */
	lade_writer_fini(&root);
	lade_writer_init(&root, OBJECT_MAX);
	put_tree(scene, true, &root);
	scene->number = 1;
	for (unsigned i = 0; i < scene->object_count; i++) {
		if (is_kind(&scene->objects[i], "snapshots/") && strstr(scene->objects[i].name, "/1-"))
			assert_int_equal(lade_object_hash(scene->objects[i].bytes, scene->objects[i].len, scene->last), 0);
	}
	put_snapshot(scene, &root, scene->base.pack_count); /* another 2, after 1 */
	lade_writer_fini(&root);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	if (scene->told.figures.errors)
		print(scene);
	assert_int_equal(scene->told.figures.errors, 0);
	assert_true(says(scene, "note snapshots/", "used in two places at once"));
}

/* A tree in which each directory has the next one twice: it has a million of millions of paths, and 41 directories. */
static void test_many_paths(void **state)
{
	struct scene *scene = *state;
	struct lade_writer directory, recipe;

	lade_writer_init(&directory, OBJECT_MAX);
	lade_writer_init(&recipe, OBJECT_MAX);
	scene_pack_begin(&scene->base);
	put_stream(scene, LADE_CHUNK_ENTRIES, lade_slice("", 0), &recipe);
	for (unsigned i = 0; i < 40; i++) {
		lade_writer_reset(&directory);
		add_entry(scene, &directory, "a", S_IFDIR | 0755, &recipe);
		add_entry(scene, &directory, "b", S_IFDIR | 0755, &recipe);
		lade_writer_reset(&recipe);
		put_stream(scene, LADE_CHUNK_ENTRIES, lade_slice(directory.data, directory.len), &recipe);
	}
	scene_pack_end(&scene->base, false);
	scene_table(&scene->base);
	put_snapshot(scene, &recipe, scene->base.pack_count);
	assert_int_equal(check(scene, LADE_CHECK_READ_NONE), 0);
	assert_int_equal(scene->told.figures.errors, 0);
	assert_int_equal(scene->told.figures.directories, 7 + 41);
	lade_writer_fini(&directory);
	lade_writer_fini(&recipe);
}

/* ---- parts ---- */

static void test_subsets(void **state)
{
	static const char *const bad[] = { "", "x", "0/3", "4/3", "1/", "/3", "1/257", "1/3x", "0%", "101%", "100.1%", "5%%", "5.x%", "0", "5X", "5KK", "-1", "99999999999999999999", "1099511627776T" };
	struct scene *scene = *state;
	struct lade_check_setup how = { .threads = 1 };
	uint64_t read = 0;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(lade_check_subset(bad[i], &how), LADE_E_USAGE);
	for (unsigned i = 1; i <= 3; i++) {
		char text[8];

		memset(&how, 0, sizeof(how));
		snprintf(text, sizeof(text), "%u/3", i);
		assert_int_equal(lade_check_subset(text, &how), 0);
		assert_int_equal(check_as(scene, &how), 0);
		assert_int_equal(scene->told.figures.errors, 0);
		read += scene->told.figures.packs_read;
	}
	assert_int_equal(read, 4);
	memset(&how, 0, sizeof(how));
	assert_int_equal(lade_check_subset("50%", &how), 0);
	assert_int_equal(how.share, 500000);
	assert_int_equal(check_as(scene, &how), 0);
	assert_int_equal(scene->told.figures.packs_read, 2);
	assert_int_equal(lade_check_subset("0.5%", &how), 0);
	assert_int_equal(how.share, 5000);
	assert_int_equal(check_as(scene, &how), 0);
	assert_int_equal(scene->told.figures.packs_read, 1);
	assert_int_equal(lade_check_subset("100%", &how), 0);
	assert_int_equal(check_as(scene, &how), 0);
	assert_int_equal(scene->told.figures.packs_read, 4);
	assert_int_equal(lade_check_subset("4M", &how), 0);
	assert_int_equal(how.bytes, 4u << 20);
	assert_int_equal(check_as(scene, &how), 0);
	assert_in_range(scene->told.figures.bytes_read, 4u << 20, 12u << 20);
	assert_int_equal(lade_check_subset("2T", &how), 0);
	assert_int_equal(check_as(scene, &how), 0);
	assert_int_equal(scene->told.figures.packs_read, 4);
}

static bool stop(void *context, const struct lade_check_figures *figures)
{
	(void)context;
	return figures->bytes_read == 0;
}

static void test_stopped(void **state)
{
	struct scene *scene = *state;
	struct lade_check_setup how = { .read = LADE_CHECK_READ_ALL, .progress = stop };

	assert_int_equal(check_as(scene, &how), LADE_E_CANCELLED);
	assert_int_equal(scene->told.figures.directories, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		{ "test_whole of a plain repository", test_whole, setup_plain, teardown, NULL },
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		{ "test_damage of a plain repository", test_damage, setup_plain, teardown, NULL },
		cmocka_unit_test_setup_teardown(test_damage_of_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_is_hurt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_is_hurt_by_a_bit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refs_that_lack_a_pack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later_refs_of_a_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_revoked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_behind_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subsets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
