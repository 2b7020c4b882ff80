/*
 * Tests of agent/store/snapshot_chain: who may say that a snapshot was forgotten, and so that its number was used.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/store/forgotten.h"
#include "agent/store/object_name.h"
#include "agent/store/snapshot_chain.h"
#include "tests/unit/table_scene.h"

#define MOST_UNSIGNED (UINT64_MAX / 2)

struct scene {
	struct table_scene table;
	struct lade_repository repository;
	struct lade_forgotten forgotten;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	table_scene_make(&scene->table);
	scene->repository.store = scene->table.store;
	scene->repository.trust = scene->table.trust;
	memcpy(scene->repository.format.repository, scene->table.trust.repository, LADE_REPOSITORY_ID_LEN);
	memcpy(scene->forgotten.writer, scene->table.writer, LADE_PARTY_ID_LEN);
	memset(scene->forgotten.snapshot, 'h', sizeof(scene->forgotten.snapshot));
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	table_scene_end(&scene->table);
	free(scene);
	return 0;
}

/* Have it be said of a number, by whom the scene's object names: seed NULL says nobody. bit: one that is changed, or -1. */
static void say(struct scene *scene, uint64_t number, const uint8_t *seed, int bit)
{
	struct lade_object_name name = { .kind = LADE_NAME_FORGOTTEN, .time = 1700000000 };
	char text[LADE_OBJECT_NAME_MAX + 1];
	struct lade_writer object;

	scene->forgotten.number = number;
	memcpy(name.snapshot.writer, scene->forgotten.writer, LADE_PARTY_ID_LEN);
	memcpy(name.snapshot.hash, scene->forgotten.snapshot, LADE_SHORT_HASH_LEN);
	name.snapshot.number = number;
	lade_object_name_format(&name, text);
	lade_writer_init(&object, LADE_FORGOTTEN_LEN);
	assert_int_equal(lade_forgotten_put(&object, scene->repository.format.repository, &scene->forgotten, seed), 0);
	if (bit >= 0)
		object.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	assert_int_equal(lade_store_put(scene->table.store, text, object.data, object.len, NULL), 0);
	lade_writer_fini(&object);
}

static void assert_last(const struct scene *scene, uint64_t number)
{
	struct lade_snapshot_chain chain;

	assert_int_equal(lade_snapshot_chain_find(&scene->repository, scene->table.writer, NULL, &chain, NULL), 0);
	assert_int_equal(chain.number, number);
	if (number)
		assert_memory_equal(chain.hash, scene->forgotten.snapshot, sizeof(chain.hash));
}

static void test_nothing(void **state)
{
	assert_last(*state, 0);
}

static void test_a_daemons_word(void **state)
{
	struct scene *scene = *state;

	say(scene, 7, NULL, -1);
	assert_last(scene, 7);
	say(scene, MOST_UNSIGNED + 1, NULL, -1);
	assert_last(scene, 7);
	say(scene, UINT64_MAX, NULL, -1);
	assert_last(scene, 7);
	say(scene, MOST_UNSIGNED, NULL, -1);
	assert_last(scene, MOST_UNSIGNED);
}

static void test_a_managers_word(void **state)
{
	struct scene *scene = *state;

	memcpy(scene->forgotten.manager, scene->table.manager, LADE_PARTY_ID_LEN);
	say(scene, 7, scene->table.manager_seed, -1);
	assert_last(scene, 7);
	/* A signature that is not his, and one that was changed. */
	say(scene, 8, scene->table.writer_seed, -1);
	say(scene, 9, scene->table.manager_seed, 8 * (int)(LADE_FORGOTTEN_LEN - 1));
	say(scene, 10, scene->table.manager_seed, 8 * LADE_OBJECT_REPOSITORY_OFF);
	assert_last(scene, 7);
	say(scene, MOST_UNSIGNED + 9, scene->table.manager_seed, -1);
	assert_last(scene, MOST_UNSIGNED + 9);
}

/* The thief of a writer's key would have the chain of everybody end. */
static void test_no_writers_word(void **state)
{
	struct scene *scene = *state;

	memcpy(scene->forgotten.manager, scene->table.writer, LADE_PARTY_ID_LEN);
	say(scene, 7, scene->table.writer_seed, -1);
	say(scene, UINT64_MAX, scene->table.writer_seed, -1);
	assert_last(scene, 0);
}

static void test_nobodys_word(void **state)
{
	struct scene *scene = *state;

	memset(scene->forgotten.manager, 'x', LADE_PARTY_ID_LEN);
	say(scene, 7, scene->table.manager_seed, -1);
	assert_last(scene, 0);
}

static void test_a_revoked_managers_word(void **state)
{
	struct scene *scene = *state;

	memcpy(scene->forgotten.manager, scene->table.manager, LADE_PARTY_ID_LEN);
	say(scene, 7, scene->table.manager_seed, -1);
	say(scene, UINT64_MAX, scene->table.manager_seed, -1);
	for (size_t i = 0; i < scene->repository.trust.party_count; i++)
		scene->repository.trust.parties[i].revoked = scene->repository.trust.parties[i].kind == LADE_SAYS_MANAGER;
	assert_last(scene, 7);
}

static void test_another_writers(void **state)
{
	struct scene *scene = *state;

	memset(scene->forgotten.writer, 'o', LADE_PARTY_ID_LEN);
	say(scene, 7, NULL, -1);
	assert_last(scene, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing),
		TEST(test_a_daemons_word),
		TEST(test_a_managers_word),
		TEST(test_no_writers_word),
		TEST(test_nobodys_word),
		TEST(test_a_revoked_managers_word),
		TEST(test_another_writers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
