/*
 * A repository in a scratch directory, made by hand: packs, tables, and a map of them. For tests only; aborts on failure.
 */
#ifndef LADE_TESTS_UNIT_HANDMADE_REPOSITORY_H
#define LADE_TESTS_UNIT_HANDMADE_REPOSITORY_H

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/chunk_id.h"
#include "agent/store/chunk_map.h"
#include "agent/store/object_name.h"
#include "agent/store/repository.h"
#include "agent/store/store_folder.h"
#include "chunker/codec.h"
#include "tests/unit/temp_tree.h"

struct repository_scene {
	char path[PATH_MAX];
	uint8_t identity[32], recipient[32];
	struct lade_repository *repository;
	struct lade_chunk_namer *namer;
	struct lade_pack *pack;              /* that is being made */
	struct lade_table_builder *table;    /* of packs that were made */
	struct lade_pack_row rows[64];       /* of the pack; row_count of them */
	unsigned row_count;
	uint8_t packs[16][LADE_HASH_LEN];    /* all that were made; pack_count of them */
	unsigned pack_count;
	uint8_t tables[16][LADE_HASH_LEN];   /* likewise */
	unsigned table_count;
	struct lade_chunk_map *map;
};

/* What must be true. */
static inline void scene_need(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "scene: %s\n", what);
		abort();
	}
}

#define SCENE_NEED(condition) scene_need((condition), #condition)

static inline void scene_make(struct repository_scene *scene, bool encrypted)
{
	struct lade_repository_plan plan = { .encrypted = encrypted, .label = "test", .time = 1700000000, .recipient_count = 1 };
	struct lade_store *store;

	memset(scene, 0, sizeof(*scene));
	SCENE_NEED(sodium_init() >= 0);
	temp_tree_make(scene->path);
	crypto_box_keypair(scene->recipient, scene->identity);
	plan.recipients = (const uint8_t(*)[32]) & scene->recipient;
	SCENE_NEED(!lade_store_folder_open(scene->path, true, &store, NULL));
	SCENE_NEED(!lade_repository_init(store, &plan, &scene->repository, NULL));
	SCENE_NEED(!lade_chunk_namer_new(scene->repository->format.id_hash, lade_repository_ids_key(scene->repository), &scene->namer));
	SCENE_NEED(!lade_table_builder_new(&scene->table));
}

static inline void scene_end(struct repository_scene *scene)
{
	lade_chunk_map_close(scene->map);
	lade_pack_abandon(scene->pack);
	lade_table_builder_free(scene->table);
	lade_chunk_namer_free(scene->namer);
	lade_repository_close(scene->repository);
	temp_tree_remove(scene->path);
}

static inline void scene_pack_begin(struct repository_scene *scene)
{
	struct lade_pack_setup setup;

	SCENE_NEED(!lade_repository_pack_setup(scene->repository, &setup, NULL));
	SCENE_NEED(!lade_pack_begin(scene->repository->store, &setup, &scene->pack, NULL));
	scene->row_count = 0;
}

/* The row of what was stored last. */
static inline struct lade_pack_row *scene_row(struct repository_scene *scene)
{
	return &scene->rows[scene->row_count - 1];
}

/* Put stored bytes under an id, as a chunk of len bytes. */
static inline void scene_store(struct repository_scene *scene, const uint8_t *id, enum lade_chunk_kind kind, struct lade_slice stored, size_t len)
{
	SCENE_NEED(!lade_pack_add(scene->pack, id, kind, stored, len, &scene->rows[scene->row_count++], NULL));
}

/* Put a chunk, compressed if that makes it shorter. */
static inline void scene_chunk(struct repository_scene *scene, enum lade_chunk_kind kind, struct lade_slice chunk, uint8_t id_out[LADE_CHUNK_ID_LEN])
{
	uint8_t *frame = malloc(chunk.len);
	struct lade_codec *codec = NULL;
	size_t len;

	SCENE_NEED(frame && !lade_codec_new(&codec));
	SCENE_NEED(!lade_chunk_namer_name(scene->namer, kind, chunk, id_out));
	if (lade_codec_compress(codec, 3, chunk, frame, chunk.len - 1, &len))
		scene_store(scene, id_out, kind, chunk, chunk.len);
	else
		scene_store(scene, id_out, kind, lade_slice(frame, len), chunk.len);
	lade_codec_free(codec);
	free(frame);
}

/* The pack ends, and its rows become those of the next table. Returns its name. */
static inline const uint8_t *scene_pack_end(struct repository_scene *scene, bool whole)
{
	uint8_t *name = scene->packs[scene->pack_count++];
	struct lade_pack *pack = scene->pack;

	scene->pack = NULL;
	SCENE_NEED(!lade_pack_finish(pack, whole, name, NULL));
	for (unsigned i = 0; i < scene->row_count; i++)
		SCENE_NEED(!lade_table_builder_add(scene->table, name, &scene->rows[i]));
	return name;
}

/* Write the table of what was added. */
static inline void scene_table(struct repository_scene *scene)
{
	const struct lade_repository *repository = scene->repository;
	struct lade_table_setup setup = { .store = repository->store, .object = "sessions/table", .suite = repository->suite };
	uint8_t *name = scene->tables[scene->table_count++];
	char object[LADE_TABLE_NAME_SIZE];

	setup.repository = repository->format.repository;
	setup.info.epoch = repository->trust.epoch;
	setup.index_secret = lade_repository_index_secret(repository, setup.info.epoch);
	setup.seed = repository->writer.seed;
	memcpy(setup.info.signer, repository->writer.id, LADE_PARTY_ID_LEN);
	memcpy(setup.info.owner, repository->writer.id, LADE_PARTY_ID_LEN);
	SCENE_NEED(!lade_table_builder_write(scene->table, &setup, name, NULL));
	lade_table_object_name(0, name, object);
	SCENE_NEED(!lade_store_rename(repository->store, setup.object, object, NULL));
}

static inline int scene_take_len(void *context, const struct lade_store_object *object)
{
	*(uint64_t *)context = object->len;
	return 0;
}

static inline uint64_t scene_len(const struct repository_scene *scene, const char *object)
{
	uint64_t len = 0;

	SCENE_NEED(!lade_store_list(scene->repository->store, object, scene_take_len, &len, NULL));
	return len;
}

static inline unsigned scene_judge(void *context, const struct lade_table_info *info)
{
	(void)context;
	(void)info;
	return LADE_TABLE_BELIEVED;
}

static inline int scene_compare(const void *a, const void *b)
{
	return memcmp(a, b, LADE_HASH_LEN);
}

/* Have the map know all tables. */
static inline void scene_map(struct repository_scene *scene)
{
	const struct lade_repository *repository = scene->repository;
	struct lade_chunk_map_setup setup = { .directory = -1, .repository = repository->format.repository };
	struct lade_chunk_map_view view = { .table_count = scene->table_count, .judge = scene_judge };
	uint8_t names[16][LADE_HASH_LEN];

	lade_chunk_map_close(scene->map);
	SCENE_NEED(!lade_chunk_map_open(&setup, &scene->map, NULL));
	memcpy(names, scene->tables, sizeof(names));
	qsort(names, scene->table_count, LADE_HASH_LEN, scene_compare);
	view.tables = (const uint8_t(*)[LADE_HASH_LEN])names;
	for (unsigned i = 0; i < scene->table_count; i++) {
		char object[LADE_TABLE_NAME_SIZE];
		struct lade_table_source source = { .store = repository->store, .object = object, .name = names[i], .encrypted = repository->format.encrypted,
						    .trust = &repository->trust, .keyring = &repository->keyring };

		lade_table_object_name(0, names[i], object);
		source.len = scene_len(scene, object);
		SCENE_NEED(!lade_chunk_map_add(scene->map, &source, NULL, NULL));
	}
	SCENE_NEED(!lade_chunk_map_settle(scene->map, &view, NULL));
}

/* A descriptor of an object's file. */
static inline int scene_open(const struct repository_scene *scene, const char *object)
{
	char path[PATH_MAX + 256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scene->path, object);
	SCENE_NEED(chmod(path, 0600) == 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	SCENE_NEED(fd >= 0);
	return fd;
}

/* Change a bit of an object, or change it back. */
static inline void scene_flip(const struct repository_scene *scene, const char *object, uint64_t off)
{
	const int fd = scene_open(scene, object);
	uint8_t byte;

	SCENE_NEED(pread(fd, &byte, 1, (off_t)off) == 1);
	byte ^= 1;
	SCENE_NEED(pwrite(fd, &byte, 1, (off_t)off) == 1);
	close(fd);
}

static inline void scene_truncate(const struct repository_scene *scene, const char *object, uint64_t len)
{
	const int fd = scene_open(scene, object);

	SCENE_NEED(ftruncate(fd, (off_t)len) == 0);
	close(fd);
}

/* The object that a pack is. */
static inline const char *scene_object(const uint8_t name[LADE_HASH_LEN])
{
	static char object[LADE_PACK_NAME_SIZE];

	lade_pack_object_name(name, object);
	return object;
}

/* Bytes that nobody compresses (seed above 0), or that everybody does (0). */
static inline uint8_t *scene_bytes(size_t len, uint8_t seed)
{
	uint8_t *bytes = malloc(len), key[randombytes_SEEDBYTES] = { seed };

	SCENE_NEED(bytes);
	if (seed)
		randombytes_buf_deterministic(bytes, len, key);
	else
		memset(bytes, 'a', len);
	return bytes;
}

#endif
