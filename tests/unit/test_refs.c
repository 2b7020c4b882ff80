/*
 * Tests of agent/store/refs: a first generation and later ones there and back, what is in neither, and how they are made of packs in any order.
 */
#include "tests/unit/object_damage.h"

#include "agent/store/refs.h"
#include "protocol/byteorder.h"

#define PACKS 3u

static const uint8_t packs[] = "aaaaaaaaccccccccdddddddd";

struct scene {
	struct lade_writer object;
	struct object_signer signer;
	struct lade_refs refs;
};

static int setup(void **state)
{
	struct scene *scene = object_scene_new(sizeof(*scene), LADE_REFS_LEN(LADE_PACKS_MAX));

	object_signer_make(&scene->signer);
	memset(scene->refs.snapshot.writer, 'w', sizeof(scene->refs.snapshot.writer));
	scene->refs.snapshot.number = 5;
	scene->refs.packs = packs;
	scene->refs.count = PACKS;
	*state = scene;
	return 0;
}

static void make_later(struct scene *scene)
{
	scene->refs.generation = 2;
	memset(scene->refs.snapshot.hash, 'h', sizeof(scene->refs.snapshot.hash));
	memset(scene->refs.before, 'b', sizeof(scene->refs.before));
	memset(scene->refs.manager, 'm', sizeof(scene->refs.manager));
}

static int put(struct scene *scene, bool with_seed)
{
	lade_writer_reset(&scene->object);
	return lade_refs_put(&scene->object, object_repository, &scene->refs, with_seed ? scene->signer.seed : NULL);
}

static int get(const struct scene *scene, struct lade_refs *refs)
{
	return lade_refs_get(scene->object.data, scene->object.len, object_repository, refs);
}

static int check(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_refs refs;
	int error = lade_refs_get(object, len, object_repository, &refs);

	return error ? error : lade_refs_verify(&refs, scene->signer.public_key);
}

static int read_in(const uint8_t *object, size_t len, const uint8_t repository[LADE_REPOSITORY_ID_LEN])
{
	struct lade_refs refs;

	return lade_refs_get(object, len, repository, &refs);
}

static void assert_same(const struct lade_refs *a, const struct lade_refs *b)
{
	assert_int_equal(a->generation, b->generation);
	assert_memory_equal(&a->snapshot, &b->snapshot, sizeof(a->snapshot));
	assert_memory_equal(a->before, b->before, sizeof(a->before));
	assert_memory_equal(a->manager, b->manager, sizeof(a->manager));
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->packs, b->packs, a->count * LADE_SHORT_HASH_LEN);
}

static void test_there_and_back(void **state)
{
	struct scene *scene = *state;
	struct lade_refs refs;
	uint8_t name[LADE_HASH_LEN];

	assert_int_equal(put(scene, false), 0);
	assert_int_equal(get(scene, &refs), 0);
	assert_same(&refs, &scene->refs);
	assert_int_equal(lade_refs_verify(&refs, scene->signer.public_key), LADE_E_CHANGED);
	for (int c = 0; c < 256; c++) {
		memset(name, 0, sizeof(name));
		memset(name, c, LADE_SHORT_HASH_LEN);
		assert_int_equal(lade_refs_has(&refs, name), c == 'a' || c == 'c' || c == 'd');
		name[LADE_SHORT_HASH_LEN - 1] ^= 1;
		assert_false(lade_refs_has(&refs, name));
	}
	make_later(scene);
	assert_int_equal(put(scene, true), 0);
	assert_int_equal(get(scene, &refs), 0);
	assert_same(&refs, &scene->refs);
	assert_int_equal(lade_refs_verify(&refs, scene->signer.public_key), 0);
}

/* FORMAT.md, byte by byte. */
static void test_where_everything_is(void **state)
{
	struct scene *scene = *state;
	const uint8_t *bytes;

	assert_int_equal(put(scene, false), 0);
	bytes = scene->object.data;
	assert_int_equal(scene->object.len, 112 + 24 + 64);
	assert_memory_equal(bytes, "LADER\1\0\0rrrrrrrrrrrrrrr\0\0\0\0\0wwwwwwwwwwwwwwww\5\0\0\0\0\0\0\0", 52);
	assert_true(sodium_is_zero(bytes + 52, 108 - 52));
	assert_int_equal(lade_get_le32(bytes + 108), PACKS);
	assert_memory_equal(bytes + 112, packs, 24);
	assert_true(sodium_is_zero(bytes + 136, 64));
	assert_object_hash(&scene->object, "2f13996a5500be2e3da76efe544ebb640480e3a8f9f77c1f29891432c3f880a7");
	make_later(scene);
	assert_int_equal(put(scene, true), 0);
	bytes = scene->object.data;
	assert_memory_equal(bytes + 24, "\2\0\0\0wwwwwwwwwwwwwwww\5\0\0\0\0\0\0\0hhhhhhhhbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbmmmmmmmmmmmmmmmm\3\0\0\0", 88);
	assert_object_hash(&scene->object, "0e33aa390894c4c67bfc45e64f2b5dfa0cc3ddf71e1a51304ea21dff4041f070");
}

static void test_damage(void **state)
{
	struct scene *scene = *state;

	make_later(scene);
	assert_int_equal(put(scene, true), 0);
	assert_damage_is_seen(&scene->object, 1, check, scene);
	assert_place_is_seen(&scene->object, 'G', read_in);
}

/* The first generation has no signature, but a place for each byte. */
static void test_what_the_first_has_not(void **state)
{
	struct scene *scene = *state;
	struct lade_refs refs;

	assert_int_equal(put(scene, true), LADE_E_USAGE);
	assert_int_equal(put(scene, false), 0);
	for (size_t at = 0; at < scene->object.len; at++) {
		/* Anything may be the writer, the number and packs, if they are in order. */
		if (at >= 28 && at < 52 && at != 44)
			continue;
		if (at >= 112 && at < 136)
			continue;
		scene->object.data[at] ^= 5;
		assert_int_equal(get(scene, &refs), at == OBJECT_VERSION_OFF ? LADE_E_VERSION : LADE_E_CHANGED);
		scene->object.data[at] ^= 5;
	}
	for (size_t len = 0; len < scene->object.len; len++)
		assert_int_equal(object_check_copy(scene->object.data, len, check, scene), LADE_E_CHANGED);
	assert_int_equal(get(scene, &refs), 0);
	scene->refs.snapshot.hash[7] = 1;
	assert_int_equal(put(scene, false), LADE_E_USAGE);
	scene->refs.snapshot.hash[7] = 0;
	scene->refs.before[31] = 1;
	assert_int_equal(put(scene, false), LADE_E_USAGE);
	/* Nor do later ones do without. */
	make_later(scene);
	assert_int_equal(put(scene, false), LADE_E_USAGE);
	memset(scene->refs.manager, 0, sizeof(scene->refs.manager));
	assert_int_equal(put(scene, false), LADE_E_USAGE);
	scene->refs.snapshot.number = 0;
	make_later(scene);
	assert_int_equal(put(scene, true), LADE_E_USAGE);
}

static void test_order_and_limits(void **state)
{
	struct scene *scene = *state;
	struct lade_refs refs;

	assert_int_equal(put(scene, false), 0);
	memset(scene->object.data + 120, 'd', 8);
	assert_int_equal(get(scene, &refs), LADE_E_CHANGED);
	memset(scene->object.data + 120, 'e', 8);
	assert_int_equal(get(scene, &refs), LADE_E_CHANGED);
	lade_put_le32(scene->object.data + 108, 2);
	assert_int_equal(get(scene, &refs), LADE_E_CHANGED);
	lade_put_le32(scene->object.data + 108, LADE_PACKS_MAX + 1);
	assert_int_equal(get(scene, &refs), LADE_E_CHANGED);
	scene->refs.packs = (const uint8_t *)"bbbbbbbbaaaaaaaa";
	scene->refs.count = 2;
	assert_int_equal(put(scene, false), LADE_E_USAGE);
	scene->refs.count = LADE_PACKS_MAX + 1;
	assert_int_equal(put(scene, false), LADE_E_LIMIT);
	scene->refs.count = 0;
	assert_int_equal(put(scene, false), 0);
	assert_int_equal(get(scene, &refs), 0);
	assert_false(lade_refs_has(&refs, packs));
}

/* Each of some packs for each of its chunks, from the last to the first. */
static void test_a_builder(void **state)
{
	const uint64_t distinct = 1000;
	struct lade_refs_builder builder;
	struct lade_refs refs = { .generation = 0 };
	uint8_t name[LADE_SHORT_HASH_LEN] = { 0 };

	(void)state;
	lade_refs_builder_init(&builder);
	assert_int_equal(lade_refs_builder_take(&builder, &refs), 0);
	assert_int_equal(refs.count, 0);
	for (uint64_t i = 20 * distinct; i--;) {
		lade_put_le64(name, i % distinct * 0x0101);
		assert_int_equal(lade_refs_builder_add(&builder, name), 0);
	}
	assert_true(builder.room <= 4 * distinct);
	assert_int_equal(lade_refs_builder_take(&builder, &refs), 0);
	assert_int_equal(refs.count, distinct);
	assert_true(lade_object_in_order(refs.packs, refs.count, LADE_SHORT_HASH_LEN));
	for (uint64_t i = 0; i < distinct; i++) {
		lade_put_le64(name, i * 0x0101);
		assert_true(lade_refs_has(&refs, name));
	}
	/* More may follow. */
	memset(name, 0xff, sizeof(name));
	assert_int_equal(lade_refs_builder_add(&builder, name), 0);
	assert_int_equal(lade_refs_builder_take(&builder, &refs), 0);
	assert_int_equal(refs.count, distinct + 1);
	lade_refs_builder_fini(&builder);
	assert_null(builder.packs);
	lade_refs_builder_fini(&builder);
}

/* As many as there may be, one more, and that one until all room is taken. */
static void test_a_full_builder(void **state)
{
	struct lade_refs_builder builder = { .room = 2 * LADE_PACKS_MAX, .count = 2 * LADE_PACKS_MAX };
	struct lade_refs refs = { .generation = 0 };

	(void)state;
	/* As if each had been added; that would take longer. */
	builder.packs = calloc(builder.room, LADE_SHORT_HASH_LEN);
	assert_non_null(builder.packs);
	for (uint32_t i = 0; i < builder.room; i++) {
		const uint32_t value = i < LADE_PACKS_MAX ? i : LADE_PACKS_MAX;

		for (unsigned at = 0; at < 4; at++)
			builder.packs[i * LADE_SHORT_HASH_LEN + at] = (uint8_t)(value >> (24 - 8 * at));
	}
	assert_int_equal(lade_refs_builder_add(&builder, builder.packs), LADE_E_LIMIT);
	assert_int_equal(builder.count, LADE_PACKS_MAX + 1);
	assert_int_equal(builder.room, 2 * LADE_PACKS_MAX);
	assert_int_equal(lade_refs_builder_take(&builder, &refs), LADE_E_LIMIT);
	builder.count = LADE_PACKS_MAX;
	assert_int_equal(lade_refs_builder_take(&builder, &refs), 0);
	assert_int_equal(refs.count, LADE_PACKS_MAX);
	lade_refs_builder_fini(&builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_there_and_back),
		OBJECT_TEST(test_where_everything_is),
		OBJECT_TEST(test_damage),
		OBJECT_TEST(test_what_the_first_has_not),
		OBJECT_TEST(test_order_and_limits),
		cmocka_unit_test(test_a_builder),
		cmocka_unit_test(test_a_full_builder),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
