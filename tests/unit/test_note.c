/*
 * Tests of agent/store/note: tags there and back in all suites, damage with and without a good signature, lists that are none.
 */
#include "tests/unit/sealed_object.h"

#include "agent/store/note.h"
#include "agent/store/snapshot.h"
#include "protocol/byteorder.h"

#define HEAD_LEN 204u

struct scene {
	struct lade_writer object;
	struct sealed_keys keys;
	struct lade_note note;
};

static struct lade_slice some[] = { { (const uint8_t *)"daily", 5 }, { (const uint8_t *)"\xff\0x", 3 }, { (const uint8_t *)"daily", 5 } };
static const struct lade_note_tags some_tags = { .tags = some, .count = 3 };

static int setup(void **state)
{
	struct scene *scene = object_scene_new(sizeof(*scene), LADE_NOTE_MAX);

	memset(scene->note.snapshot, 'h', sizeof(scene->note.snapshot));
	scene->note.number = 2;
	*state = scene;
	return 0;
}

static int put(struct scene *scene, enum lade_suite suite, const struct lade_note_tags *tags)
{
	sealed_keys_make(&scene->keys, suite);
	lade_writer_reset(&scene->object);
	return lade_note_put(&scene->object, &scene->keys.setup, &scene->note, tags, scene->keys.signer.seed);
}

static int get(const struct scene *scene, struct lade_note *note)
{
	return lade_note_get(scene->object.data, scene->object.len, &scene->keys.format, note);
}

static int read_head(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_note note;

	return lade_note_get(object, len, &scene->keys.format, &note);
}

static int check(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_note note;
	int error = lade_note_get(object, len, &scene->keys.format, &note);

	return error ? error : lade_note_verify(&note, scene->keys.signer.public_key);
}

/* As if everybody could sign: what is sealed says enough. */
static int check_sealed(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_note_tags tags;
	struct lade_note note;
	int error = lade_note_get(object, len, &scene->keys.format, &note);

	if (!error)
		error = lade_note_open(&note, &scene->keys.keys, &tags);
	if (!error)
		lade_note_tags_fini(&tags);
	return error;
}

static void assert_opens(const struct scene *scene, const struct lade_note_tags *wanted)
{
	struct lade_note_tags tags;
	struct lade_note note;

	assert_int_equal(get(scene, &note), 0);
	assert_int_equal(note.epoch, 3);
	assert_int_equal(note.number, 2);
	assert_memory_equal(note.party, scene->keys.setup.writer, sizeof(note.party));
	assert_memory_equal(note.snapshot, scene->note.snapshot, sizeof(note.snapshot));
	assert_int_equal(note.suite, scene->keys.setup.suite);
	assert_int_equal(lade_note_verify(&note, scene->keys.signer.public_key), 0);
	assert_int_equal(lade_note_open(&note, &scene->keys.keys, &tags), 0);
	assert_int_equal(tags.count, wanted->count);
	for (size_t i = 0; i < tags.count; i++)
		assert_true(lade_slice_equal(tags.tags[i], wanted->tags[i]));
	lade_note_tags_fini(&tags);
	assert_null(tags.bytes);
}

static void test_there_and_back(void **state)
{
	static const struct lade_note_tags none;
	struct scene *scene = *state;
	struct lade_slice many[300];

	for (size_t i = 0; i < 300; i++)
		many[i] = lade_slice("0123456789", 1 + i % 10);
	for (size_t i = 0; i < SEALED_SUITES; i++) {
		/* Of all lengths about where padding begins. */
		for (size_t count = 0; count <= 300; count++) {
			const struct lade_note_tags tags = { .tags = many, .count = count };

			assert_int_equal(put(scene, sealed_suites[i], &tags), 0);
			assert_opens(scene, &tags);
		}
		assert_int_equal(put(scene, sealed_suites[i], &none), 0);
		assert_opens(scene, &none);
		assert_int_equal(put(scene, sealed_suites[i], &some_tags), 0);
		assert_opens(scene, &some_tags);
	}
}

/* FORMAT.md, byte by byte. */
static void test_where_everything_is(void **state)
{
	static const char *const hashes[SEALED_SUITES] = { "cc030cd8de69021a1ad563984bcac94bc4eb7066d3dc8a38cff984ba44c5f87b", "4af211ce0b4f61cc052b442091055055bdff6c5884a9182d58f352a34960abca", "9889b5c089c41bb92bf7d4897315e01a9fac762a3c782776f1f46e39e5fb2a8b" };
	struct scene *scene = *state;

	for (size_t i = 0; i < SEALED_SUITES; i++) {
		const uint8_t *bytes;

		assert_int_equal(put(scene, sealed_suites[i], &some_tags), 0);
		bytes = scene->object.data;
		assert_int_equal(scene->object.len, HEAD_LEN + 256 + 16 + 64);
		assert_memory_equal(bytes, "LADEN\1", 6);
		assert_int_equal(bytes[6], sealed_suites[i]);
		assert_memory_equal(bytes + 7, "\0rrrrrrrrrrrrrrrr\3\0\0\0\0\0\0\0wwwwwwwwwwwwwwww", 41);
		assert_memory_equal(bytes + 48, "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\2\0\0\0\0\0\0\0", 40);
		assert_int_equal(sodium_is_zero(bytes + 88, 112), sealed_suites[i] == LADE_SUITE_PLAIN);
		assert_int_equal(lade_get_le32(bytes + 200), 256 + 16);
		assert_object_hash(&scene->object, hashes[i]);
	}
}

static void test_damage(void **state)
{
	/* The secret, its commitment and what is sealed, where no signature helps. */
	static const struct sealed_checks checks = { .read = read_head, .verify = check, .open = check_sealed, .step = 1, .from = 88 };
	struct scene *scene = *state;

	for (size_t i = 0; i < SEALED_SUITES; i++) {
		assert_int_equal(put(scene, sealed_suites[i], &some_tags), 0);
		assert_sealed_damage_is_seen(&scene->object, &scene->keys, &checks, scene);
	}
}

static void test_keys_of_another_epoch(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(put(scene, LADE_SUITE_AES_256_GCM, &some_tags), 0);
	sealed_keys_change(&scene->keys);
	assert_int_equal(check_sealed(scene->object.data, scene->object.len, scene), LADE_E_CHANGED);
}

/* A plain note that holds this list. */
static int open_list(struct scene *scene, struct lade_slice list, size_t least)
{
	const struct sealed_content content = { SEALED_TEXT("rrrrrrrrrrrrrrrrnote"), list, least, "lade note" };

	assert_int_equal(put(scene, LADE_SUITE_PLAIN, &some_tags), 0);
	scene->object.len = HEAD_LEN - 4;
	sealed_list_append(&scene->object, &scene->keys, &content);
	assert_int_equal(check(scene->object.data, scene->object.len, scene), 0);
	return object_check_copy(scene->object.data, scene->object.len, check_sealed, scene);
}

static void test_lists(void **state)
{
	struct scene *scene = *state;
	uint8_t full[256];

	assert_int_equal(open_list(scene, SEALED_TEXT("\1a"), 256), 0);
	assert_int_equal(open_list(scene, SEALED_TEXT("\1a\0\1a"), 256), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT("\201\0a"), 256), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT("\377\377\377\377\377\377\377\377\377\1"), 256), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT("\1a"), 255), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT("\1a"), 272), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT(""), 1), LADE_E_CHANGED);
	/* Up to the end, and one over it. */
	memset(full, 'x', sizeof(full));
	full[0] = 0xfe;
	full[1] = 1;
	assert_int_equal(open_list(scene, lade_slice(full, sizeof(full)), 256), 0);
	full[0] = 0xff;
	assert_int_equal(open_list(scene, lade_slice(full, sizeof(full)), 256), LADE_E_CHANGED);
}

/* As many tags as may be, and one more. */
static void test_many_tags(void **state)
{
	struct scene *scene = *state;
	const size_t room = 2 * (LADE_SNAPSHOT_TEXTS_MAX + 1);
	uint8_t *list = malloc(room);
	struct lade_slice *tags = calloc(LADE_SNAPSHOT_TEXTS_MAX + 1, sizeof(*tags));

	assert_true(list && tags);
	for (uint32_t i = 0; i <= LADE_SNAPSHOT_TEXTS_MAX; i++) {
		memcpy(list + 2 * i, "\1t", 2);
		tags[i] = lade_slice("t", 1);
	}
	assert_int_equal(open_list(scene, lade_slice(list, room - 2), 256), 0);
	assert_int_equal(open_list(scene, lade_slice(list, room), 256), LADE_E_CHANGED);
	assert_int_equal(put(scene, LADE_SUITE_PLAIN, &(struct lade_note_tags){ .tags = tags, .count = LADE_SNAPSHOT_TEXTS_MAX }), 0);
	assert_int_equal(put(scene, LADE_SUITE_PLAIN, &(struct lade_note_tags){ .tags = tags, .count = LADE_SNAPSHOT_TEXTS_MAX + 1 }), LADE_E_LIMIT);
	free(tags);
	free(list);
}

static void test_limits(void **state)
{
	struct scene *scene = *state;
	uint8_t *large = malloc(LADE_NOTE_MAX + 1);
	struct lade_slice tag = { NULL, 0 };
	const struct lade_note_tags tags = { .tags = &tag, .count = 1 };
	struct lade_note note;

	assert_non_null(large);
	memset(large, 'x', LADE_NOTE_MAX + 1);
	assert_int_equal(put(scene, LADE_SUITE_AES_256_GCM, &tags), LADE_E_USAGE);
	tag = lade_slice(large, LADE_NOTE_MAX);
	assert_int_equal(put(scene, LADE_SUITE_AES_256_GCM, &tags), LADE_E_LIMIT);
	tag.len = LADE_NOTE_MAX - 1000;
	assert_int_equal(put(scene, LADE_SUITE_AES_256_GCM, &tags), LADE_E_LIMIT);
	tag.len = LADE_NOTE_MAX / 2;
	assert_int_equal(put(scene, LADE_SUITE_AES_256_GCM, &tags), 0);
	assert_opens(scene, &tags);
	assert_int_equal(lade_note_get(large, LADE_NOTE_MAX + 1, &scene->keys.format, &note), LADE_E_CHANGED);
	free(large);
	scene->note.number = 0;
	assert_int_equal(put(scene, LADE_SUITE_AES_256_GCM, &some_tags), LADE_E_USAGE);
	assert_int_equal(put(scene, (enum lade_suite)7, &some_tags), LADE_E_USAGE);
	scene->note.number = 1;
	assert_int_equal(put(scene, (enum lade_suite)7, &some_tags), LADE_E_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_there_and_back),
		OBJECT_TEST(test_where_everything_is),
		OBJECT_TEST(test_damage),
		OBJECT_TEST(test_keys_of_another_epoch),
		OBJECT_TEST(test_lists),
		OBJECT_TEST(test_many_tags),
		OBJECT_TEST(test_limits),
	};

	sealed_random_start();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
