/*
 * A repository of which there is a store, a writer, a manager and keys: for tests of tables. Aborts on failure.
 */
#ifndef LADE_TESTS_UNIT_TABLE_SCENE_H
#define LADE_TESTS_UNIT_TABLE_SCENE_H

#include <sodium.h>
#include <string.h>

#include "agent/store/store_folder.h"
#include "agent/store/table.h"
#include "tests/unit/temp_tree.h"

#define SCENE_EPOCH 3u

struct table_scene {
	char path[PATH_MAX];
	struct lade_store *store;
	struct lade_trust trust;
	struct lade_keyring keyring;
	uint8_t root_seed[32], writer_seed[32], manager_seed[32], index_secret[32];
	uint8_t writer[LADE_PARTY_ID_LEN], manager[LADE_PARTY_ID_LEN];
};

static inline void table_scene_say(struct table_scene *scene, enum lade_statement_kind kind, const uint8_t public_key[32])
{
	struct lade_statement statement = { .kind = kind };
	struct lade_writer bytes;

	memcpy(statement.public_key, public_key, 32);
	lade_writer_init(&bytes, LADE_STATEMENT_LEN);
	if (lade_trust_say(&bytes, &scene->trust, &statement, scene->root_seed) || lade_trust_hear(&scene->trust, bytes.data, bytes.len))
		abort();
	lade_writer_fini(&bytes);
}

/* Have the root name somebody of that seed; id_out gets his id. */
static inline void table_scene_name(struct table_scene *scene, enum lade_statement_kind kind, const uint8_t seed[32], uint8_t id_out[LADE_PARTY_ID_LEN])
{
	uint8_t public_key[32], secret[64];

	crypto_sign_seed_keypair(public_key, secret, seed);
	table_scene_say(scene, kind, public_key);
	if (lade_party_id(public_key, id_out))
		abort();
}

static inline void table_scene_make(struct table_scene *scene)
{
	struct lade_pins pins = { .encrypted = true };
	struct lade_format format = { .encrypted = true };
	uint8_t secret[64];

	if (sodium_init() < 0)
		abort();
	temp_tree_make(scene->path);
	memset(scene->root_seed, 'R', 32);
	memset(scene->writer_seed, 'W', 32);
	memset(scene->manager_seed, 'M', 32);
	memset(scene->index_secret, 'i', 32);
	memset(format.repository, 'r', sizeof(format.repository));
	memset(pins.repository, 'r', sizeof(pins.repository));
	crypto_sign_seed_keypair(format.root, secret, scene->root_seed);
	lade_keyring_init(&scene->keyring, &pins);
	if (lade_store_folder_open(scene->path, true, &scene->store, NULL) || lade_trust_init(&scene->trust, &format, (const uint8_t *)"", 0) ||
	    lade_keyring_add(&scene->keyring, LADE_SECRET_INDEX, SCENE_EPOCH, scene->index_secret))
		abort();
	table_scene_name(scene, LADE_SAYS_WRITER, scene->writer_seed, scene->writer);
	table_scene_name(scene, LADE_SAYS_MANAGER, scene->manager_seed, scene->manager);
}

static inline void table_scene_end(struct table_scene *scene)
{
	lade_store_close(scene->store);
	lade_trust_fini(&scene->trust);
	lade_keyring_fini(&scene->keyring);
	temp_tree_remove(scene->path);
}

/* What a writer's or, of another level than 0, a manager's table is made with. */
static inline struct lade_table_setup table_scene_setup(const struct table_scene *scene, enum lade_suite suite, uint8_t level, const char *object)
{
	struct lade_table_setup setup = { .store = scene->store, .object = object, .suite = suite, .repository = scene->trust.repository,
					  .index_secret = scene->index_secret, .seed = level ? scene->manager_seed : scene->writer_seed };

	setup.info.epoch = SCENE_EPOCH;
	setup.info.level = level;
	setup.info.opened = level != 0;
	memcpy(setup.info.signer, level ? scene->manager : scene->writer, LADE_PARTY_ID_LEN);
	memcpy(setup.info.owner, scene->writer, LADE_PARTY_ID_LEN);
	return setup;
}

static inline int table_scene_take_len(void *context, const struct lade_store_object *object)
{
	*(uint64_t *)context = object->len;
	return 0;
}

/* How it is read. */
static inline struct lade_table_source table_scene_source(const struct table_scene *scene, const char *object)
{
	struct lade_table_source source = { .store = scene->store, .object = object, .level = -1, .encrypted = true, .trust = &scene->trust,
					    .keyring = &scene->keyring };

	if (lade_store_list(scene->store, object, table_scene_take_len, &source.len, NULL))
		abort();
	return source;
}

/* A chunk that there could be: all of it follows from a number. */
static inline struct lade_pack_row table_scene_row(uint64_t number)
{
	struct lade_pack_row row = { .kind = LADE_CHUNK_CONTENT + number % 3 };

	crypto_hash_sha256(row.id, (const uint8_t *)&number, sizeof(number));
	row.off = LADE_PACK_HEADER_LEN + (uint32_t)(number % 1000000);
	row.len = 1 + (uint32_t)(number % 400000);
	row.sealed_len = LADE_SEAL_TAG_LEN + (row.len + 1) / 2;
	return row;
}

static inline void table_scene_pack(uint64_t number, uint8_t name_out[LADE_HASH_LEN])
{
	const uint64_t words[2] = { number, 77 };

	crypto_hash_sha256(name_out, (const uint8_t *)words, sizeof(words));
}

#endif
