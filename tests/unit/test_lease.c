/*
 * Tests of agent/store/lease and agent/store/forgotten: two small objects that a manager signs, or a daemon does not.
 */
#include "tests/unit/object_damage.h"

#include "agent/store/forgotten.h"
#include "agent/store/lease.h"

struct scene {
	struct lade_writer object;
	struct object_signer signer;
	struct lade_lease lease;
	struct lade_forgotten forgotten;
};

static int setup(void **state)
{
	struct scene *scene = object_scene_new(sizeof(*scene), 4096);

	object_signer_make(&scene->signer);
	memset(scene->lease.session.party, 'p', sizeof(scene->lease.session.party));
	memset(scene->lease.session.random, 'x', sizeof(scene->lease.session.random));
	scene->lease.time = 0x0807060504030201;
	memset(scene->forgotten.writer, 'w', sizeof(scene->forgotten.writer));
	memset(scene->forgotten.snapshot, 'h', sizeof(scene->forgotten.snapshot));
	memset(scene->forgotten.before, 'b', sizeof(scene->forgotten.before));
	memset(scene->forgotten.manager, 'm', sizeof(scene->forgotten.manager));
	scene->forgotten.number = 17;
	scene->forgotten.time = 0x1817161514131211;
	*state = scene;
	return 0;
}

/* ---- leases ---- */

static int put_lease(struct scene *scene, bool with_seed)
{
	lade_writer_reset(&scene->object);
	return lade_lease_put(&scene->object, object_repository, &scene->lease, with_seed ? scene->signer.seed : NULL);
}

static int check_lease(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_lease lease;
	int error = lade_lease_get(object, len, object_repository, &lease);

	return error ? error : lade_lease_verify(object, len, scene->signer.public_key);
}

static int read_lease(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	struct lade_lease lease;

	return lade_lease_get(object, len, repository, &lease);
}

static void test_a_lease(void **state)
{
	struct scene *scene = *state;
	struct lade_lease lease;

	assert_int_equal(put_lease(scene, true), 0);
	assert_int_equal(scene->object.len, LADE_LEASE_LEN);
	assert_memory_equal(scene->object.data, "LADEL\1\0\0rrrrrrrrrrrrrrr\0ppppppppppppppppxxxxxxxxxxxxxxxx\1\2\3\4\5\6\7\10", 64);
	assert_object_hash(&scene->object, "c6d0157291488da8d12b7fe0ca84569f4f0f9aefe6ae91056163c2cd0424fb7a");
	assert_int_equal(lade_lease_get(scene->object.data, scene->object.len, object_repository, &lease), 0);
	assert_memory_equal(&lease.session, &scene->lease.session, sizeof(lease.session));
	assert_int_equal(lease.time, scene->lease.time);
	assert_true(lease.is_signed);
	assert_damage_is_seen(&scene->object, 1, check_lease, scene);
	assert_place_is_seen(&scene->object, 'X', read_lease);
	assert_int_equal(lade_lease_verify(scene->object.data, scene->object.len - 1, scene->signer.public_key), LADE_E_CHANGED);
}

static void test_a_daemons_lease(void **state)
{
	struct scene *scene = *state;
	struct lade_lease lease;

	assert_int_equal(put_lease(scene, false), LADE_E_USAGE);
	memset(scene->lease.session.party, 0, LADE_PARTY_ID_LEN);
	assert_int_equal(put_lease(scene, true), LADE_E_USAGE);
	assert_int_equal(put_lease(scene, false), 0);
	assert_true(sodium_is_zero(scene->object.data + 64, LADE_SIGNATURE_LEN));
	assert_int_equal(lade_lease_get(scene->object.data, scene->object.len, object_repository, &lease), 0);
	assert_false(lease.is_signed);
	assert_int_equal(check_lease(scene->object.data, scene->object.len, scene), LADE_E_CHANGED);
	scene->object.data[30] = 1;
	assert_int_equal(lade_lease_get(scene->object.data, scene->object.len, object_repository, &lease), LADE_E_CHANGED);
	scene->object.data[30] = 0;
	scene->object.data[127] = 1;
	assert_int_equal(lade_lease_get(scene->object.data, scene->object.len, object_repository, &lease), LADE_E_CHANGED);
}

/* ---- snapshots that were removed ---- */

static int put_forgotten(struct scene *scene, bool with_seed)
{
	lade_writer_reset(&scene->object);
	return lade_forgotten_put(&scene->object, object_repository, &scene->forgotten, with_seed ? scene->signer.seed : NULL);
}

static int check_forgotten(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_forgotten forgotten;
	int error = lade_forgotten_get(object, len, object_repository, &forgotten);

	return error ? error : lade_forgotten_verify(object, len, scene->signer.public_key);
}

static int read_forgotten(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	struct lade_forgotten forgotten;

	return lade_forgotten_get(object, len, repository, &forgotten);
}

static void test_a_snapshot_that_was_removed(void **state)
{
	struct scene *scene = *state;
	struct lade_forgotten got;

	assert_int_equal(put_forgotten(scene, true), 0);
	assert_int_equal(scene->object.len, LADE_FORGOTTEN_LEN);
	assert_memory_equal(scene->object.data, "LADEX\1\0\0rrrrrrrrrrrrrrr\0wwwwwwwwwwwwwwww\21\0\0\0\0\0\0\0", 48);
	assert_memory_equal(scene->object.data + 48, "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\21\22\23\24\25\26\27\30mmmmmmmmmmmmmmmm", 88);
	assert_object_hash(&scene->object, "087f5919d2624d6d814d9d4e2b478b4e746b7fdd7be42946a9ff76b01c664667");
	assert_int_equal(lade_forgotten_get(scene->object.data, scene->object.len, object_repository, &got), 0);
	assert_memory_equal(got.writer, scene->forgotten.writer, sizeof(got.writer));
	assert_memory_equal(got.snapshot, scene->forgotten.snapshot, sizeof(got.snapshot));
	assert_memory_equal(got.before, scene->forgotten.before, sizeof(got.before));
	assert_memory_equal(got.manager, scene->forgotten.manager, sizeof(got.manager));
	assert_int_equal(got.number, scene->forgotten.number);
	assert_int_equal(got.time, scene->forgotten.time);
	assert_true(got.is_signed);
	assert_damage_is_seen(&scene->object, 1, check_forgotten, scene);
	assert_place_is_seen(&scene->object, 'L', read_forgotten);
	assert_int_equal(lade_forgotten_verify(scene->object.data, scene->object.len - 1, scene->signer.public_key), LADE_E_CHANGED);
}

static void test_one_that_a_daemon_removed(void **state)
{
	struct scene *scene = *state;
	struct lade_forgotten got;

	assert_int_equal(put_forgotten(scene, false), LADE_E_USAGE);
	memset(scene->forgotten.manager, 0, LADE_PARTY_ID_LEN);
	assert_int_equal(put_forgotten(scene, true), LADE_E_USAGE);
	assert_int_equal(put_forgotten(scene, false), 0);
	assert_int_equal(lade_forgotten_get(scene->object.data, scene->object.len, object_repository, &got), 0);
	assert_false(got.is_signed);
	assert_int_equal(check_forgotten(scene->object.data, scene->object.len, scene), LADE_E_CHANGED);
	scene->object.data[40] = 0;
	assert_int_equal(lade_forgotten_get(scene->object.data, scene->object.len, object_repository, &got), LADE_E_CHANGED);
	scene->forgotten.number = 0;
	assert_int_equal(put_forgotten(scene, false), LADE_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_a_lease),
		OBJECT_TEST(test_a_daemons_lease),
		OBJECT_TEST(test_a_snapshot_that_was_removed),
		OBJECT_TEST(test_one_that_a_daemon_removed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
