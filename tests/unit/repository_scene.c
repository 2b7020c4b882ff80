/*
 * Packs are real ones, of a chunk each; a snapshot's root recipe is a list of its texts, so that a check knows which chunks it needs.
 */
#include "tests/unit/repository_scene.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/chunk_id.h"
#include "agent/store/chunk_tables.h"
#include "agent/store/refs.h"
#include "agent/store/store_folder.h"
#include "tests/unit/temp_tree.h"

static int make_directory(const struct scene *scene, const char *name)
{
	char path[PATH_MAX + 8];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scene->path, name);
	assert_int_equal(mkdir(path, 0700), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

void scene_init(struct scene *scene)
{
	struct lade_repository_plan plan = { .encrypted = true, .label = "first", .time = 1700000000, .recipient_count = 1 };
	struct lade_repository *repository;
	struct lade_store *store;

	memset(scene, 0, sizeof(*scene));
	temp_tree_make(scene->path);
	snprintf(scene->repository, sizeof(scene->repository), "%s/r", scene->path);
	scene->state_fd = make_directory(scene, "state");
	scene->cache_fd = make_directory(scene, "cache");
	assert_true(sodium_init() >= 0);
	assert_int_equal(crypto_box_keypair(scene->recipient, scene->identity), 0);
	plan.recipients = (const uint8_t(*)[32]) & scene->recipient;
	assert_int_equal(lade_store_folder_open(scene->repository, true, &store, NULL), 0);
	lade_store_close(store);
	/* Its barriers cost nothing. */
	scene->disk = faulty_disk_new(scene->repository);
	assert_int_equal(lade_repository_init(faulty_store_new(scene->disk), &plan, &repository, NULL), 0);
	scene->pins = *lade_repository_pins(repository);
	lade_repository_close(repository);
}

void scene_fini(struct scene *scene)
{
	faulty_disk_free(scene->disk);
	close(scene->state_fd);
	close(scene->cache_fd);
	temp_tree_remove(scene->path);
}

struct lade_repository *scene_open(struct scene *scene)
{
	const struct lade_repository_credentials credentials = { .identity = scene->identity, .pins = &scene->pins, .pin_count = 1 };
	struct lade_repository *repository;

	assert_int_equal(lade_repository_open(faulty_store_new(scene->disk), &credentials, &repository, NULL), 0);
	faulty_store_break(repository->store, 0, FAULTY_ERROR);
	return repository;
}

struct lade_repository *scene_open_writer(struct scene *scene, const char *label)
{
	struct lade_repository *all = scene_open(scene), *repository;
	struct lade_keyring keyring;
	struct lade_repository_credentials credentials = { .keyring = &keyring };

	assert_int_equal(lade_repository_add_writer(all, label, 0, 1700000001, &keyring, NULL), 0);
	lade_repository_close(all);
	assert_int_equal(lade_repository_open(faulty_store_new(scene->disk), &credentials, &repository, NULL), 0);
	lade_keyring_fini(&keyring);
	faulty_store_break(repository->store, 0, FAULTY_ERROR);
	return repository;
}

static void note(void *context, const char *text)
{
	struct scene *scene = context;
	const size_t len = strlen(scene->notes);

	snprintf(scene->notes + len, sizeof(scene->notes) - len, "%s\n", text);
}

struct lade_repository_session_setup scene_setup(struct scene *scene, struct lade_repository *repository, bool here)
{
	return (struct lade_repository_session_setup){
		.repository = repository,
		.cache_fd = here ? scene->cache_fd : -1,
		.state_fd = here ? scene->state_fd : -1,
		.note = note,
		.context = scene,
	};
}

int scene_begin(struct scene *scene, struct lade_repository *repository, bool here, struct scene_backup *backup_out)
{
	const struct lade_repository_session_setup setup = scene_setup(scene, repository, here);

	memset(backup_out, 0, sizeof(*backup_out));
	backup_out->repository = repository;
	return lade_repository_session_begin(&setup, &backup_out->session, NULL);
}

void scene_chunk_id(const struct lade_repository *repository, const char *text, uint8_t id_out[LADE_CHUNK_ID_LEN])
{
	struct lade_chunk_namer *namer;

	assert_int_equal(lade_chunk_namer_new(repository->format.id_hash, lade_repository_ids_key(repository), &namer), 0);
	assert_int_equal(lade_chunk_namer_name(namer, LADE_CHUNK_CONTENT, lade_slice(text, strlen(text)), id_out), 0);
	lade_chunk_namer_free(namer);
}

/* Put a pack with a text. */
static int put_pack(struct scene_backup *backup, const char *text, const uint8_t id[LADE_CHUNK_ID_LEN], uint8_t name_out[LADE_HASH_LEN])
{
	struct lade_pack_setup setup;
	struct lade_pack_row row = { .kind = LADE_CHUNK_CONTENT, .len = (uint32_t)strlen(text) };
	struct lade_pack *pack;
	int error;

	memcpy(row.id, id, sizeof(row.id));
	assert_int_equal(lade_repository_pack_setup(backup->repository, &setup, NULL), 0);
	error = lade_pack_begin(backup->repository->store, &setup, &pack, NULL);
	if (error)
		return error;
	assert_int_equal(lade_pack_add(pack, id, LADE_CHUNK_CONTENT, lade_slice(text, strlen(text)), strlen(text), &row, NULL), 0);
	error = lade_pack_finish(pack, false, name_out, NULL);
	return error ? error : lade_repository_session_packed(backup->session, name_out, &row, 1, NULL);
}

int scene_back_up(struct scene_backup *backup, const char *text)
{
	uint8_t id[LADE_CHUNK_ID_LEN];
	int error = 0;

	assert_true(backup->need_count < SCENE_PACKS_MAX);
	scene_chunk_id(backup->repository, text, id);
	if (lade_repository_session_find(backup->session, id, LADE_CHUNK_CONTENT, backup->needs[backup->need_count]))
		backup->found++;
	else
		error = put_pack(backup, text, id, backup->needs[backup->need_count]);
	if (!error)
		backup->need_count++;
	return error;
}

int scene_commit(struct scene_backup *backup, const char *host, uint8_t snapshot_out[LADE_HASH_LEN], struct lade_fault *fault)
{
	struct lade_slice path = lade_slice("/home", 5), tag = lade_slice("daily", 5);
	const struct lade_snapshot_description description = {
		.root = lade_slice(host, strlen(host)),
		.host = lade_slice(host, strlen(host)),
		.paths = { &path, 1 },
		.tags = { &tag, 1 },
	};
	struct lade_repository_commit commit = { .description = &description, .content_time = 1700000100 + (uint64_t)(unsigned char)host[0] };

	commit.need_count = backup->need_count ? lade_object_sort(backup->needs[0], backup->need_count, LADE_HASH_LEN) : 0;
	commit.needs = (const uint8_t(*)[LADE_HASH_LEN])backup->needs;
	return lade_repository_session_commit(backup->session, &commit, snapshot_out, fault);
}

/* ---- looking ---- */

static int count_one(void *context, const struct lade_store_object *object)
{
	(void)object;
	++*(size_t *)context;
	return 0;
}

size_t scene_count(struct scene *scene, const char *prefix)
{
	struct lade_store *store;
	size_t count = 0;

	assert_int_equal(lade_store_folder_open(scene->repository, false, &store, NULL), 0);
	assert_int_equal(lade_store_list(store, prefix, count_one, &count, NULL), 0);
	lade_store_close(store);
	return count;
}

bool scene_has(struct scene *scene, const char *prefix)
{
	return scene_count(scene, prefix) > 0;
}

static void bad(void *context, const char *object, int error)
{
	struct scene *scene = context;

	(void)object;
	(void)error;
	scene->bad++;
}

void scene_list(struct scene *scene, struct lade_repository *repository, struct lade_snapshot_list *list)
{
	const struct lade_snapshot_list_setup setup = { .repository = repository, .bad = bad, .context = scene };

	scene->bad = 0;
	assert_int_equal(lade_snapshot_list_get(&setup, list, NULL), 0);
}

/* Refs of generation 0 of a snapshot, wherever they are; the caller frees the object. */
static uint8_t *read_refs(const struct lade_repository *repository, const struct lade_snapshot_item *item, struct lade_refs *refs_out)
{
	struct lade_object_list list = { .items = NULL };
	uint8_t *object = NULL, hash[LADE_HASH_LEN];

	for (unsigned place = 0; place < 2 && !object; place++) {
		assert_int_equal(lade_object_list_get(repository->store, place ? "refs/" : "sessions/", &list, NULL), 0);
		for (size_t i = 0; i < list.count && !object; i++) {
			if (list.items[i].name.kind != LADE_NAME_REFS && list.items[i].name.kind != LADE_NAME_SESSION_REFS)
				continue;
			assert_int_equal(lade_object_list_read(repository->store, &list.items[i], 1 << 20, &object, NULL), 0);
			assert_int_equal(lade_object_hash(object, (size_t)list.items[i].len, hash), 0);
			if (memcmp(hash, item->head.refs, sizeof(hash)) == 0) {
				assert_int_equal(lade_refs_get(object, (size_t)list.items[i].len, repository->format.repository, refs_out), 0);
				break;
			}
			free(object);
			object = NULL;
		}
		lade_object_list_fini(&list);
	}
	assert_non_null(object);
	return object;
}

/* Packs that a table that counts names. */
static void check_packs(const struct lade_repository *repository, const struct lade_chunk_map *map, const struct lade_refs *refs)
{
	struct lade_object_list list = { .items = NULL };
	size_t found = 0, known = 0;

	assert_int_equal(lade_object_list_get(repository->store, "packs/", &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++) {
		uint8_t *object, hash[LADE_HASH_LEN];

		if (!lade_refs_has(refs, list.items[i].name.hash))
			continue;
		assert_int_equal(lade_object_list_read(repository->store, &list.items[i], LADE_PACK_LEN, &object, NULL), 0);
		assert_int_equal(lade_object_hash(object, (size_t)list.items[i].len, hash), 0);
		assert_memory_equal(hash, list.items[i].name.hash, sizeof(hash));
		free(object);
		found++;
		known += lade_chunk_map_has_pack(map, hash);
	}
	lade_object_list_fini(&list);
	assert_int_equal(found, refs->count);
	assert_int_equal(known, refs->count);
}

size_t scene_check(struct scene *scene)
{
	struct lade_repository *repository = scene_open(scene);
	const struct lade_chunk_map_setup map_setup = { .directory = -1, .repository = repository->format.repository };
	const struct lade_chunk_tables_setup tables = { .repository = repository };
	struct lade_chunk_map *map;
	struct lade_snapshot_list list;
	size_t count;

	assert_int_equal(lade_chunk_map_open(&map_setup, &map, NULL), 0);
	assert_int_equal(lade_chunk_tables_load(map, &tables, NULL), 0);
	scene_list(scene, repository, &list);
	for (size_t i = 0; i < list.count; i++) {
		struct lade_refs refs;
		uint8_t *object = read_refs(repository, &list.items[i], &refs);

		assert_true(list.items[i].is_open);
		check_packs(repository, map, &refs);
		free(object);
	}
	count = list.count;
	lade_snapshot_list_fini(&list);
	lade_chunk_map_close(map);
	lade_repository_close(repository);
	return count;
}
