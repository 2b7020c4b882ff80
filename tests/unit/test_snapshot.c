/*
 * Tests of agent/store/snapshot: heads and descriptions there and back in all suites, damage with and without a good signature, descriptions that are none.
 */
#include "tests/unit/sealed_object.h"

#include "agent/store/snapshot.h"
#include "protocol/byteorder.h"

#define LEAST 1024u

struct scene {
	struct lade_writer object;
	struct sealed_keys keys;
	struct lade_snapshot_head head;
	uint8_t tables[2 * LADE_HASH_LEN];
	struct lade_slice paths[2], tags[1], excludes[3];
	struct lade_snapshot_description description;
};

static void describe(struct scene *scene)
{
	struct lade_snapshot_description *out = &scene->description;

	scene->paths[0] = SEALED_TEXT("/home");
	scene->paths[1] = SEALED_TEXT("/\xff\0");
	scene->tags[0] = SEALED_TEXT("daily");
	scene->excludes[0] = scene->excludes[2] = SEALED_TEXT("*.o");
	scene->excludes[1] = SEALED_TEXT("");
	out->root = SEALED_TEXT("recipe");
	out->host = SEALED_TEXT("host");
	out->user = SEALED_TEXT("user");
	out->paths = (struct lade_snapshot_texts){ scene->paths, 2 };
	out->tags = (struct lade_snapshot_texts){ scene->tags, 1 };
	out->excludes = (struct lade_snapshot_texts){ scene->excludes, 3 };
	out->program = SEALED_TEXT("lade 1.0");
	out->job = SEALED_TEXT("nightly");
	out->has_times = out->has_figures = out->has_parent = out->has_origin = true;
	out->begin = (struct lade_snapshot_moment){ -1, 999999999 };
	out->end = (struct lade_snapshot_moment){ INT64_MAX, 0 };
	out->figures = (struct lade_snapshot_figures){ 1, 2, 3, UINT64_MAX, 5, 6, 7 };
	memset(out->parent, 'p', sizeof(out->parent));
	memset(&out->origin, 'o', sizeof(out->origin));
	out->origin.time = 11;
}

static int setup(void **state)
{
	struct scene *scene = object_scene_new(sizeof(*scene), LADE_SNAPSHOT_MAX);

	scene->head.number = 17;
	memset(scene->head.before, 'b', sizeof(scene->head.before));
	scene->head.sealed_time = 0x0807060504030201;
	scene->head.time = 0x1817161514131211;
	memset(scene->head.refs, 'f', sizeof(scene->head.refs));
	memset(scene->tables, 't', LADE_HASH_LEN);
	memset(scene->tables + LADE_HASH_LEN, 'u', LADE_HASH_LEN);
	scene->head.tables = scene->tables;
	scene->head.table_count = 2;
	describe(scene);
	*state = scene;
	return 0;
}

static int put(struct scene *scene, enum lade_suite suite)
{
	sealed_keys_make(&scene->keys, suite);
	lade_writer_reset(&scene->object);
	return lade_snapshot_put(&scene->object, &scene->keys.setup, &scene->head, &scene->description, scene->keys.signer.seed);
}

static int get_head(const struct scene *scene, struct lade_snapshot_head *head)
{
	return lade_snapshot_get_head(scene->object.data, scene->object.len, &scene->keys.format, head);
}

static int read_head(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_snapshot_head head;

	return lade_snapshot_get_head(object, len, &scene->keys.format, &head);
}

static int check(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_snapshot_head head;
	int error = lade_snapshot_get_head(object, len, &scene->keys.format, &head);

	return error ? error : lade_snapshot_verify(&head, scene->keys.signer.public_key);
}

/* As if everybody could sign: what is sealed says enough. */
static int check_sealed(const uint8_t *object, size_t len, void *context)
{
	const struct scene *scene = context;
	struct lade_snapshot_description description;
	struct lade_snapshot_head head;
	int error = lade_snapshot_get_head(object, len, &scene->keys.format, &head);

	if (!error)
		error = lade_snapshot_open(&head, &scene->keys.keys, &description);
	if (!error)
		lade_snapshot_description_fini(&description);
	return error;
}

static void assert_head(const struct scene *scene, const struct lade_snapshot_head *head)
{
	assert_int_equal(head->suite, scene->keys.setup.suite);
	assert_int_equal(head->epoch, 3);
	assert_memory_equal(head->writer, scene->keys.setup.writer, sizeof(head->writer));
	assert_int_equal(head->number, scene->head.number);
	assert_memory_equal(head->before, scene->head.before, sizeof(head->before));
	assert_int_equal(head->sealed_time, scene->head.sealed_time);
	assert_int_equal(head->time, scene->head.time);
	assert_memory_equal(head->refs, scene->head.refs, sizeof(head->refs));
	assert_int_equal(head->table_count, scene->head.table_count);
	assert_memory_equal(head->tables, scene->tables, head->table_count * LADE_HASH_LEN);
}

static void assert_texts(const struct lade_snapshot_texts *a, const struct lade_snapshot_texts *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_true(lade_slice_equal(a->texts[i], b->texts[i]));
}

static void assert_text(struct lade_slice a, struct lade_slice b)
{
	assert_int_equal(a.data == NULL, b.data == NULL);
	assert_true(lade_slice_equal(a, b));
}

static void assert_description(const struct lade_snapshot_description *a, const struct lade_snapshot_description *b)
{
	assert_text(a->root, b->root);
	assert_text(a->host, b->host);
	assert_text(a->user, b->user);
	assert_text(a->program, b->program);
	assert_text(a->job, b->job);
	assert_texts(&a->paths, &b->paths);
	assert_texts(&a->tags, &b->tags);
	assert_texts(&a->excludes, &b->excludes);
	assert_int_equal(a->has_times, b->has_times);
	assert_int_equal(a->has_figures, b->has_figures);
	assert_int_equal(a->has_parent, b->has_parent);
	assert_int_equal(a->has_origin, b->has_origin);
	assert_int_equal(a->begin.seconds, b->begin.seconds);
	assert_int_equal(a->begin.nanoseconds, b->begin.nanoseconds);
	assert_int_equal(a->end.seconds, b->end.seconds);
	assert_int_equal(a->end.nanoseconds, b->end.nanoseconds);
	assert_memory_equal(&a->figures, &b->figures, sizeof(a->figures));
	assert_memory_equal(a->parent, b->parent, sizeof(a->parent));
	assert_memory_equal(&a->origin, &b->origin, sizeof(a->origin));
}

static void assert_opens(const struct scene *scene)
{
	struct lade_snapshot_description description;
	struct lade_snapshot_head head;

	assert_int_equal(get_head(scene, &head), 0);
	assert_head(scene, &head);
	assert_int_equal(lade_snapshot_verify(&head, scene->keys.signer.public_key), 0);
	assert_int_equal(lade_snapshot_open(&head, &scene->keys.keys, &description), 0);
	assert_description(&description, &scene->description);
	lade_snapshot_description_fini(&description);
	assert_null(description.bytes);
}

static void test_there_and_back(void **state)
{
	struct scene *scene = *state;

	for (size_t i = 0; i < SEALED_SUITES; i++) {
		assert_int_equal(put(scene, sealed_suites[i]), 0);
		assert_opens(scene);
	}
}

/* The first one of a writer who says no more than he has to, without tables. */
static void test_the_least(void **state)
{
	struct scene *scene = *state;

	memset(&scene->description, 0, sizeof(scene->description));
	scene->description.root = SEALED_TEXT("");
	scene->head.number = 1;
	memset(scene->head.before, 0, sizeof(scene->head.before));
	scene->head.tables = NULL;
	scene->head.table_count = 0;
	for (size_t i = 0; i < SEALED_SUITES; i++) {
		assert_int_equal(put(scene, sealed_suites[i]), 0);
		assert_opens(scene);
	}
}

/* Descriptions of all lengths about those where padding grows. */
static void test_padding(void **state)
{
	struct scene *scene = *state;
	static const uint8_t recipe[3000];
	struct lade_snapshot_head head;

	memset(&scene->description, 0, sizeof(scene->description));
	for (size_t len = 900; len < 2100; len++) {
		const size_t list_len = 1 + 2 + len;

		scene->description.root = lade_slice(recipe, len);
		assert_int_equal(put(scene, LADE_SUITE_AES_256_GCM), 0);
		assert_opens(scene);
		assert_int_equal(get_head(scene, &head), 0);
		assert_int_equal(head.sealed.len - LADE_SEAL_TAG_LEN, list_len <= 1024 ? 1024 : lade_seal_padme(list_len));
	}
}

/* FORMAT.md, byte by byte. */
static void test_where_everything_is(void **state)
{
	static const char *const hashes[SEALED_SUITES] = { "79ae63ec46b005007481a2aafd652da7bbbdd8b915231a02a86b10efdef4e213", "e82b1ee40a51bbd9cf2dde9a609f4cc935ad12b1c671eb9bbada24917f754d48", "7d5a40954375718ea359dd56c8221e5f15b74f29fd10c84e24165e03bd85c569" };
	struct scene *scene = *state;

	for (size_t i = 0; i < SEALED_SUITES; i++) {
		const uint8_t *bytes;

		assert_int_equal(put(scene, sealed_suites[i]), 0);
		bytes = scene->object.data;
		assert_int_equal(scene->object.len, 252 + 64 + 4 + 1024 + 16 + 64);
		assert_memory_equal(bytes, "LADES\1", 6);
		assert_int_equal(bytes[6], sealed_suites[i]);
		assert_memory_equal(bytes + 7, "\0rrrrrrrrrrrrrrrr\3\0\0\0\0\0\0\0wwwwwwwwwwwwwwww\21\0\0\0\0\0\0\0", 49);
		assert_memory_equal(bytes + 56, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\1\2\3\4\5\6\7\10\21\22\23\24\25\26\27\30", 48);
		assert_memory_equal(bytes + 104, "ffffffffffffffffffffffffffffffff", 32);
		assert_int_equal(sodium_is_zero(bytes + 136, 112), sealed_suites[i] == LADE_SUITE_PLAIN);
		assert_int_equal(lade_get_le32(bytes + 248), 2);
		assert_memory_equal(bytes + 252, scene->tables, 64);
		assert_int_equal(lade_get_le32(bytes + 316), 1024 + 16);
		if (sealed_suites[i] == LADE_SUITE_PLAIN)
			assert_memory_equal(bytes + 320, "\1\6recipe\2\4host\3\4user\4\5/home\4\3/\377\0\5\5daily\6\3*.o\6\0\6\3*.o\7\10lade 1.0", 61);
		assert_object_hash(&scene->object, hashes[i]);
	}
}

static void test_damage(void **state)
{
	static const struct sealed_checks checks = { .read = read_head, .verify = check, .open = check_sealed, .step = 5, .from = 0 };
	struct scene *scene = *state;

	for (size_t i = 0; i < SEALED_SUITES; i++) {
		assert_int_equal(put(scene, sealed_suites[i]), 0);
		assert_sealed_damage_is_seen(&scene->object, &scene->keys, &checks, scene);
	}
}

static void test_keys_of_another_epoch(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(put(scene, LADE_SUITE_XCHACHA20), 0);
	sealed_keys_change(&scene->keys);
	assert_int_equal(check_sealed(scene->object.data, scene->object.len, scene), LADE_E_CHANGED);
}

/* What a writer could sign, and is a snapshot no more. */
static void test_heads_that_are_none(void **state)
{
	struct scene *scene = *state;
	struct lade_snapshot_head head;

	assert_int_equal(put(scene, LADE_SUITE_PLAIN), 0);
	scene->object.data[48] = 1;
	assert_int_equal(get_head(scene, &head), LADE_E_CHANGED);
	scene->object.data[48] = 0;
	assert_int_equal(get_head(scene, &head), LADE_E_CHANGED);
	scene->object.data[48] = 2;
	assert_int_equal(get_head(scene, &head), 0);
	memset(scene->object.data + 56, 0, LADE_HASH_LEN);
	assert_int_equal(get_head(scene, &head), LADE_E_CHANGED);
	scene->object.data[48] = 1;
	assert_int_equal(get_head(scene, &head), 0);
	/* Tables in another order, twice, or too many. */
	memset(scene->object.data + 252, 'u', LADE_HASH_LEN);
	assert_int_equal(get_head(scene, &head), LADE_E_CHANGED);
	memset(scene->object.data + 252, 'v', LADE_HASH_LEN);
	assert_int_equal(get_head(scene, &head), LADE_E_CHANGED);
	memset(scene->object.data + 252, 't', LADE_HASH_LEN);
	assert_int_equal(get_head(scene, &head), 0);
	lade_put_le32(scene->object.data + 248, UINT32_MAX);
	assert_int_equal(get_head(scene, &head), LADE_E_CHANGED);
	lade_put_le32(scene->object.data + 248, 2);
	lade_put_le32(scene->object.data + 316, UINT32_MAX);
	assert_int_equal(get_head(scene, &head), LADE_E_CHANGED);
}

static void test_what_is_not_put(void **state)
{
	struct scene *scene = *state;
	static uint8_t large[LADE_SNAPSHOT_MAX + 1];
	struct lade_snapshot_head head;

	scene->head.number = 1;
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_USAGE);
	memset(scene->head.before, 0, sizeof(scene->head.before));
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), 0);
	scene->head.number = 0;
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_USAGE);
	scene->head.number = 1;
	scene->tables[0] = 'w';
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_USAGE);
	scene->tables[0] = 't';
	scene->description.end.nanoseconds = 1000000000;
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_USAGE);
	scene->description.end.nanoseconds = 0;
	scene->head.table_count = UINT32_MAX;
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_LIMIT);
	scene->head.table_count = 2;
	assert_int_equal(put(scene, (enum lade_suite)3), LADE_E_UNSUPPORTED);
	scene->description.root = lade_slice(large, sizeof(large));
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_LIMIT);
	scene->description.root = lade_slice(large, sizeof(large) - 2000);
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_LIMIT);
	scene->description.root = lade_slice(NULL, 0);
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_USAGE);
	assert_int_equal(lade_snapshot_get_head(large, sizeof(large), &scene->keys.format, &head), LADE_E_CHANGED);
}

/* ---- descriptions ---- */

/* A plain snapshot that holds this list. */
static int open_list(struct scene *scene, struct lade_slice list, size_t least)
{
	uint8_t data[16 + 8 + 252 + 64] = "rrrrrrrrrrrrrrrrsnapshot";
	const struct sealed_content content = { { data, sizeof(data) }, list, least, "lade snapshot" };

	assert_int_equal(put(scene, LADE_SUITE_PLAIN), 0);
	scene->object.len = 252 + 64;
	memcpy(data + 24, scene->object.data, scene->object.len);
	sealed_list_append(&scene->object, &scene->keys, &content);
	assert_int_equal(check(scene->object.data, scene->object.len, scene), 0);
	return object_check_copy(scene->object.data, scene->object.len, check_sealed, scene);
}

#define OPEN(list) open_list(scene, SEALED_TEXT(list), LEAST)
#define HASH "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"

static void test_descriptions(void **state)
{
	struct scene *scene = *state;

	/* In any order; what nobody has to know. */
	assert_int_equal(OPEN("\13\1j\1\1r"), 0);
	assert_int_equal(OPEN("\1\0\200\2xx\377\0\200\0"), 0);
	assert_int_equal(OPEN("\1\1r\15\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\177\1x"), LADE_E_CHANGED);
	/* No root; things twice, and three that may be. */
	assert_int_equal(OPEN(""), LADE_E_CHANGED);
	assert_int_equal(OPEN("\2\1h"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\1\1r"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\2\0\2\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\3\0\3\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\7\0\7\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\13\0\13\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\10\4\0\0\0\0\10\4\0\0\0\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\11\7\0\0\0\0\0\0\0\11\7\0\0\0\0\0\0\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\12\40" HASH "\12\40" HASH), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\4\0\4\0\5\0\5\0\6\0\6\0"), 0);
	/* Parts that are missing, too many or too large. */
	assert_int_equal(OPEN("\1\1r\10\4\0\0\0\0"), 0);
	assert_int_equal(OPEN("\1\1r\10\3\0\0\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\10\5\0\0\0\0\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\10\10\0\377\223\353\334\3\0\0"), 0);
	assert_int_equal(OPEN("\1\1r\10\10\0\200\224\353\334\3\0\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\11\6\0\0\0\0\0\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\11\10\0\0\0\0\0\0\0\0"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\12\41" HASH "h"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\12\37hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\14\110" HASH HASH "12345678"), 0);
	assert_int_equal(OPEN("\1\1r\14\107" HASH HASH "1234567"), LADE_E_CHANGED);
	assert_int_equal(OPEN("\1\1r\14\111" HASH HASH "123456789"), LADE_E_CHANGED);
	/* Padding that is none, or of another length. */
	assert_int_equal(OPEN("\1\1r\0\1"), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT("\1\1r"), 1023), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT("\1\1r"), 1088), LADE_E_CHANGED);
	assert_int_equal(open_list(scene, SEALED_TEXT("\1\1r"), 1), LADE_E_CHANGED);
}

/* A list that ends anywhere, and one with any byte changed, is a description or is none; memory is right in either case. */
static void test_any_list(void **state)
{
	struct scene *scene = *state;
	struct lade_slice sealed;
	uint8_t *list = malloc(LEAST);
	struct lade_snapshot_head head;
	unsigned none = 0;

	assert_non_null(list);
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), 0);
	assert_int_equal(get_head(scene, &head), 0);
	sealed = head.sealed;
	memcpy(list, sealed.data, LEAST);
	for (size_t len = 0; len < 300; len++)
		none += open_list(scene, lade_slice(list, len), LEAST) != 0;
	for (size_t at = 0; at < 300; at++) {
		static const uint8_t changes[] = { 1, 0x40, 0x80, 0xff };

		for (size_t i = 0; i < sizeof(changes); i++) {
			list[at] ^= changes[i];
			none += open_list(scene, lade_slice(list, LEAST), LEAST) != 0;
			list[at] ^= changes[i];
		}
	}
	assert_true(none > 300);
	free(list);
}

/* Texts of no length: so many that where they are takes no more memory than a snapshot may have, and one more. */
static void test_many_texts(void **state)
{
	struct scene *scene = *state;
	const size_t room = 3 + 2 * (LADE_SNAPSHOT_TEXTS_MAX + 1);
	uint8_t *list = malloc(room);
	struct lade_slice *texts = calloc(LADE_SNAPSHOT_TEXTS_MAX, sizeof(*texts));

	assert_true(list && texts);
	memcpy(list, "\1\1r", 3);
	for (uint32_t i = 0; i <= LADE_SNAPSHOT_TEXTS_MAX; i++) {
		list[3 + 2 * i] = (uint8_t)(4 + i % 3);
		list[4 + 2 * i] = 0;
	}
	assert_int_equal(open_list(scene, lade_slice(list, room - 2), LEAST), 0);
	assert_int_equal(open_list(scene, lade_slice(list, room), LEAST), LADE_E_CHANGED);
	for (uint32_t i = 0; i < LADE_SNAPSHOT_TEXTS_MAX; i++)
		texts[i] = lade_slice("", 0);
	scene->description.paths = (struct lade_snapshot_texts){ texts, LADE_SNAPSHOT_TEXTS_MAX - 2 };
	scene->description.excludes = (struct lade_snapshot_texts){ texts, 1 };
	scene->description.tags = (struct lade_snapshot_texts){ texts, 2 };
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), LADE_E_LIMIT);
	assert_int_equal(lade_snapshot_check_texts(&scene->description), LADE_E_LIMIT);
	scene->description.tags.count = 1;
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), 0);
	assert_int_equal(lade_snapshot_check_texts(&scene->description), 0);
	free(texts);
	free(list);
}

/* What is said to fit does, with as much as may come later; the byte at which it no longer does is the first that is too many. */
static void test_texts_that_fit(void **state)
{
	enum { TABLES = 20000 };
	struct scene *scene = *state;
	struct lade_snapshot_description *out = &scene->description;
	const size_t most = LADE_SNAPSHOT_MAX - LADE_SNAPSHOT_LATER_MAX;
	/* Of each text its item and its length, which is of one byte for the short ones, two for the tag, and four for the long one. */
	const size_t beside = (2 + strlen("host")) + (2 + strlen("user")) + (2 + strlen("lade 1.0")) + (2 + strlen("nightly")) + (2 + strlen("/home")) + (2 + 3) +
		(3 + 128) + (2 + strlen("*.o")) + 2 + (1 + 4);
	char *text = calloc(1, most), tag[128];
	uint8_t *tables = calloc(TABLES, LADE_HASH_LEN);

	assert_true(text && tables);
	memset(tag, 't', sizeof(tag));
	scene->tags[0] = lade_slice(tag, sizeof(tag));
	for (size_t i = 0; i < TABLES; i++) {
		tables[i * LADE_HASH_LEN] = (uint8_t)(i >> 8);
		tables[i * LADE_HASH_LEN + 1] = (uint8_t)i;
	}
	scene->head.tables = tables;
	scene->head.table_count = TABLES;
	scene->excludes[2] = lade_slice(text, most - beside);
	assert_int_equal(lade_snapshot_check_texts(out), 0);
	assert_int_equal(put(scene, LADE_SUITE_PLAIN), 0);
	scene->excludes[2] = lade_slice(text, most - beside + 1);
	assert_int_equal(lade_snapshot_check_texts(out), LADE_E_LIMIT);
	scene->excludes[2] = SEALED_TEXT("");
	out->host = lade_slice(text, most);
	assert_int_equal(lade_snapshot_check_texts(out), LADE_E_LIMIT);
	free(tables);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		OBJECT_TEST(test_there_and_back),
		OBJECT_TEST(test_the_least),
		OBJECT_TEST(test_padding),
		OBJECT_TEST(test_where_everything_is),
		OBJECT_TEST(test_damage),
		OBJECT_TEST(test_keys_of_another_epoch),
		OBJECT_TEST(test_heads_that_are_none),
		OBJECT_TEST(test_what_is_not_put),
		OBJECT_TEST(test_descriptions),
		OBJECT_TEST(test_any_list),
		OBJECT_TEST(test_many_texts),
		OBJECT_TEST(test_texts_that_fit),
	};

	sealed_random_start();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
