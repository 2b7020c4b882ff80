/*
 * Tests of agent/store/pack_list: tombstones there and back, by a manager and by a daemon; damage, and lists that are none.
 */
#include "tests/unit/object_damage.h"

#include "agent/store/pack_list.h"
#include "protocol/byteorder.h"

#define PACKS 3u

struct scene {
	struct lade_writer object;
	struct object_signer signer;
	uint8_t names[PACKS * LADE_HASH_LEN];
	struct lade_pack_list list;
};

static int setup(void **state)
{
	struct scene *scene = object_scene_new(sizeof(*scene), LADE_PACK_LIST_LEN(LADE_PACKS_MAX));

	object_signer_make(&scene->signer);
	for (size_t i = 0; i < PACKS; i++)
		memset(scene->names + i * LADE_HASH_LEN, 'a' + 2 * (int)i, LADE_HASH_LEN);
	memset(scene->list.session.party, 'm', sizeof(scene->list.session.party));
	memset(scene->list.session.random, 'x', sizeof(scene->list.session.random));
	scene->list.names = scene->names;
	scene->list.count = PACKS;
	*state = scene;
	return 0;
}

static int put(struct scene *scene, bool with_seed)
{
	lade_writer_reset(&scene->object);
	return lade_pack_list_put(&scene->object, object_repository, &scene->list, with_seed ? scene->signer.seed : NULL);
}

static int get(const struct scene *scene, struct lade_pack_list *list)
{
	return lade_pack_list_get(scene->object.data, scene->object.len, object_repository, list);
}

static int check(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_pack_list list;
	int error = lade_pack_list_get(object, len, object_repository, &list);

	return error ? error : lade_pack_list_verify(&list, scene->signer.public_key);
}

static int read_in(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	struct lade_pack_list list;

	return lade_pack_list_get(object, len, repository, &list);
}

static void test_there_and_back(void **state)
{
	struct scene *scene = *state;
	struct lade_pack_list list;
	uint8_t name[LADE_HASH_LEN];

	assert_int_equal(put(scene, true), 0);
	assert_int_equal(get(scene, &list), 0);
	assert_memory_equal(&list.session, &scene->list.session, sizeof(list.session));
	assert_int_equal(list.count, PACKS);
	assert_memory_equal(list.names, scene->names, sizeof(scene->names));
	assert_true(list.is_signed);
	assert_int_equal(lade_pack_list_verify(&list, scene->signer.public_key), 0);
	for (int c = 0; c < 256; c++) {
		memset(name, c, sizeof(name));
		assert_int_equal(lade_pack_list_has(&list, name), c == 'a' || c == 'c' || c == 'e');
		name[LADE_HASH_LEN - 1] ^= 1;
		assert_false(lade_pack_list_has(&list, name));
	}
}

/* FORMAT.md, byte by byte. */
static void test_where_everything_is(void **state)
{
	struct scene *scene = *state;
	const uint8_t *bytes;

	assert_int_equal(put(scene, true), 0);
	bytes = scene->object.data;
	assert_int_equal(scene->object.len, 60 + 96 + 64);
	assert_memory_equal(bytes, "LADEG\1\0\0rrrrrrrrrrrrrrr\0mmmmmmmmmmmmmmmmxxxxxxxxxxxxxxxx\3\0\0\0", 60);
	assert_memory_equal(bytes + 60, scene->names, 96);
	assert_object_hash(&scene->object, "46557b79fc2fb702c22b00fa86d2a114f92607d6b9719601062549be23a8937f");
	/* Without a key. */
	memset(scene->list.session.party, 0, LADE_PARTY_ID_LEN);
	assert_int_equal(put(scene, false), 0);
	assert_int_equal(scene->object.len, 60 + 96 + 64);
	assert_true(sodium_is_zero(scene->object.data + 24, 16));
	assert_true(sodium_is_zero(scene->object.data + 156, 64));
}

static void test_a_daemons_word(void **state)
{
	struct scene *scene = *state;
	struct lade_pack_list list;

	/* A manager without a signature, a signature without a manager. */
	assert_int_equal(put(scene, false), LADE_E_USAGE);
	memset(scene->list.session.party, 0, LADE_PARTY_ID_LEN);
	assert_int_equal(put(scene, true), LADE_E_USAGE);
	assert_int_equal(put(scene, false), 0);
	assert_int_equal(get(scene, &list), 0);
	assert_false(list.is_signed);
	assert_int_equal(lade_pack_list_verify(&list, scene->signer.public_key), LADE_E_CHANGED);
	scene->object.data[24] = 1;
	assert_int_equal(get(scene, &list), LADE_E_CHANGED);
	scene->object.data[24] = 0;
	scene->object.data[scene->object.len - 1] = 1;
	assert_int_equal(get(scene, &list), LADE_E_CHANGED);
}

static void test_damage(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(put(scene, true), 0);
	assert_damage_is_seen(&scene->object, 1, check, scene);
	assert_place_is_seen(&scene->object, 'R', read_in);
}

/* What a manager has signed is no list all the same if its packs are not in order, or more than any may have. */
static void test_order_and_limits(void **state)
{
	struct scene *scene = *state;
	struct lade_pack_list list;

	memset(scene->names + LADE_HASH_LEN, 'a', LADE_HASH_LEN);
	assert_int_equal(put(scene, true), LADE_E_USAGE);
	assert_int_equal(lade_object_sort(scene->names, PACKS, LADE_HASH_LEN), 2);
	scene->list.count = 2;
	assert_int_equal(put(scene, true), 0);
	memcpy(scene->object.data + 60, scene->object.data + 92, LADE_HASH_LEN);
	assert_int_equal(get(scene, &list), LADE_E_CHANGED);
	scene->object.data[60]++;
	assert_int_equal(get(scene, &list), LADE_E_CHANGED);
	scene->object.data[60] -= 2;
	assert_int_equal(get(scene, &list), 0);
	lade_put_le32(scene->object.data + 56, 3);
	assert_int_equal(get(scene, &list), LADE_E_CHANGED);
	lade_put_le32(scene->object.data + 56, UINT32_MAX);
	assert_int_equal(get(scene, &list), LADE_E_CHANGED);
	scene->list.count = LADE_PACKS_MAX + 1;
	assert_int_equal(put(scene, true), LADE_E_LIMIT);
	scene->list.count = 0;
	assert_int_equal(put(scene, true), 0);
	assert_int_equal(get(scene, &list), 0);
	assert_false(lade_pack_list_has(&list, scene->names));
}

/* Sorting, against doing it slowly. */
static void test_sorting(void **state)
{
	static const size_t lens[] = { 8, LADE_HASH_LEN };
	uint8_t items[200 * LADE_HASH_LEN], before[sizeof(items)];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t count = 0; count <= 200; count++) {
			size_t kept;

			/* Few values: there are doubles. */
			for (size_t at = 0; at < count * lens[i]; at++)
				items[at] = at % lens[i] == lens[i] - 1 ? (uint8_t)randombytes_uniform(100) : 7;
			memcpy(before, items, sizeof(items));
			kept = lade_object_sort(items, count, lens[i]);
			assert_true(kept <= count);
			assert_true(lade_object_in_order(items, kept, lens[i]));
			for (size_t at = 0; at < count; at++)
				assert_true(lade_object_has(items, kept, lens[i], before + at * lens[i]));
			for (size_t at = 0, found; at < kept; at++) {
				for (found = 0; found < count && memcmp(before + found * lens[i], items + at * lens[i], lens[i]) != 0; found++)
					;
				assert_true(found < count);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_there_and_back),
		OBJECT_TEST(test_where_everything_is),
		OBJECT_TEST(test_a_daemons_word),
		OBJECT_TEST(test_damage),
		OBJECT_TEST(test_order_and_limits),
		cmocka_unit_test(test_sorting),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
