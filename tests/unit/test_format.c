/*
 * Tests of agent/store/format and object: what is written is read again, byte by byte as FORMAT.md has it, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/format.h"
#include "protocol/byteorder.h"
#include "protocol/error.h"

/* A root key, and an object that it has signed. */
struct scene {
	uint8_t seed[LADE_SIGN_SEED_LEN], public_key[LADE_SIGN_PUBLIC_LEN];
	struct lade_format format;
	struct lade_writer writer;
};

static void make(struct scene *scene, bool encrypted)
{
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	memset(scene, 0, sizeof(*scene));
	memset(scene->seed, 's', sizeof(scene->seed));
	assert_int_equal(crypto_sign_seed_keypair(scene->public_key, secret, scene->seed), 0);
	lade_format_make(&scene->format, encrypted, scene->public_key);
	lade_writer_init(&scene->writer, 4096);
}

static void put(struct scene *scene)
{
	lade_writer_reset(&scene->writer);
	assert_int_equal(lade_format_put(&scene->writer, &scene->format, scene->seed), 0);
	assert_int_equal(scene->writer.error, 0);
}

static int get(const struct scene *scene, struct lade_format *out)
{
	return lade_format_get(scene->writer.data, scene->writer.len, out);
}

static void test_round_trip(void **state)
{
	struct lade_format got;
	struct scene scene;

	(void)state;
	for (int encrypted = 0; encrypted <= 1; encrypted++) {
		make(&scene, encrypted);
		scene.format.features = (struct lade_features){ 1, UINT64_C(1) << 63, 3 };
		put(&scene);
		assert_int_equal(scene.writer.len, LADE_FORMAT_LEN);
		assert_int_equal(get(&scene, &got), 0);
		assert_memory_equal(&got, &scene.format, sizeof(got));
		lade_writer_fini(&scene.writer);
	}
}

static void test_two_repositories_differ(void **state)
{
	struct scene one, other;

	(void)state;
	make(&one, false);
	make(&other, false);
	assert_memory_not_equal(one.format.repository, other.format.repository, sizeof(one.format.repository));
	assert_memory_not_equal(one.format.plain_key, other.format.plain_key, sizeof(one.format.plain_key));
	make(&other, true);
	assert_true(sodium_is_zero(other.format.plain_key, sizeof(other.format.plain_key)));
}

/* The table of FORMAT.md. */
static void test_where_everything_is(void **state)
{
	struct scene scene;
	const uint8_t *bytes;

	(void)state;
	make(&scene, true);
	memset(scene.format.repository, 'r', sizeof(scene.format.repository));
	scene.format.features = (struct lade_features){ 0x11, 0x22, 0x33 };
	scene.format.id_hash = LADE_ID_BLAKE2B;
	put(&scene);
	bytes = scene.writer.data;
	assert_memory_equal(bytes, "LADEF\1\0\0rrrrrrrrrrrrrrrr", 24);
	assert_int_equal(lade_get_le64(bytes + 24), 0x11);
	assert_int_equal(lade_get_le64(bytes + 32), 0x22);
	assert_int_equal(lade_get_le64(bytes + 40), 0x33);
	assert_memory_equal(bytes + 48, "\1\2\1\0\0\0\0\0", 8);
	assert_int_equal(lade_get_le32(bytes + 56), 262144);
	assert_int_equal(lade_get_le32(bytes + 60), 430085);
	assert_int_equal(lade_get_le32(bytes + 64), 2097152);
	assert_int_equal(lade_get_le32(bytes + 68), 32768);
	assert_int_equal(lade_get_le32(bytes + 72), 53253);
	assert_int_equal(lade_get_le32(bytes + 76), 262144);
	assert_memory_equal(bytes + 80, scene.public_key, 32);
	assert_true(sodium_is_zero(bytes + 112, 32));
	lade_writer_fini(&scene.writer);
}

/* The signature: of the words, a zero, the repository and the SHA-256 of what stands before it. */
static void test_what_is_signed(void **state)
{
	uint8_t text[12 + 16 + 32];
	struct scene scene;

	(void)state;
	make(&scene, true);
	put(&scene);
	memcpy(text, "lade format", 12);
	memcpy(text + 12, scene.format.repository, 16);
	crypto_hash_sha256(text + 28, scene.writer.data, 144);
	assert_int_equal(crypto_sign_verify_detached(scene.writer.data + 144, text, sizeof(text), scene.public_key), 0);
	assert_int_equal(lade_object_verify(scene.writer.data, scene.writer.len, scene.public_key, "lade trust"), LADE_E_CHANGED);
	assert_int_equal(lade_object_verify(scene.writer.data, 87, scene.public_key, "lade format"), LADE_E_CHANGED);
	lade_writer_fini(&scene.writer);
}

static void test_every_bit_counts(void **state)
{
	struct lade_format got;
	struct scene scene;

	(void)state;
	make(&scene, true);
	put(&scene);
	for (size_t bit = 0; bit < LADE_FORMAT_LEN * 8; bit++) {
		scene.writer.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(get(&scene, &got), bit / 8 == 5 ? LADE_E_VERSION : LADE_E_CHANGED);
		scene.writer.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < LADE_FORMAT_LEN; len++)
		assert_int_equal(lade_format_get(scene.writer.data, len, &got), LADE_E_CHANGED);
	lade_writer_put_u8(&scene.writer, 0);
	assert_int_equal(get(&scene, &got), LADE_E_CHANGED);
	lade_writer_fini(&scene.writer);
}

/* Have it written and read again, and freed. */
static int tell(struct scene *scene)
{
	struct lade_format got;
	int result;

	put(scene);
	result = get(scene, &got);
	lade_writer_fini(&scene->writer);
	return result;
}

/* Signed by the root, and yet not to be believed. */
static void test_what_makes_no_sense(void **state)
{
	struct scene scene;

	(void)state;
	make(&scene, true);
	scene.format.plain_key[3] = 1;
	assert_int_equal(tell(&scene), LADE_E_CHANGED);
	make(&scene, true);
	scene.format.content.least = 4095;
	assert_int_equal(tell(&scene), LADE_E_CHANGED);
	make(&scene, true);
	scene.format.entries.greatest = scene.format.entries.normal;
	assert_int_equal(tell(&scene), LADE_E_CHANGED);
	make(&scene, true);
	scene.format.id_hash = (enum lade_id_hash)3;
	assert_int_equal(tell(&scene), LADE_E_CHANGED);
}

static void test_headers(void **state)
{
	static const struct {
		enum lade_object_kind kind;
		enum lade_suite suite;
		int wanted;
	} cases[] = {
		{ LADE_OBJECT_PACK, LADE_SUITE_PLAIN, 0 },	 { LADE_OBJECT_PACK, LADE_SUITE_XCHACHA20, 0 },
		{ LADE_OBJECT_PACK, 3, LADE_E_CHANGED },	 { LADE_OBJECT_KEY, LADE_SUITE_XCHACHA20, 0 },
		{ LADE_OBJECT_KEY, LADE_SUITE_PLAIN, LADE_E_CHANGED }, { LADE_OBJECT_REFS, LADE_SUITE_PLAIN, 0 },
		{ LADE_OBJECT_REFS, LADE_SUITE_AES_256_GCM, LADE_E_CHANGED }, { LADE_OBJECT_TABLE, LADE_SUITE_AES_256_GCM, 0 },
	};
	struct lade_object_header header, got;
	struct lade_reader reader;
	struct lade_writer writer;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&header, 'i', sizeof(header));
		header.kind = cases[i].kind;
		header.suite = cases[i].suite;
		lade_writer_init(&writer, 100);
		lade_object_put_header(&writer, &header);
		assert_int_equal(writer.len, LADE_OBJECT_HEADER_LEN);
		lade_reader_init(&reader, writer.data, writer.len);
		assert_int_equal(lade_object_get_header(&reader, cases[i].kind, &got), cases[i].wanted);
		lade_reader_init(&reader, writer.data, writer.len);
		assert_int_equal(lade_object_get_header(&reader, LADE_OBJECT_SNAPSHOT, &got), LADE_E_CHANGED);
		lade_writer_fini(&writer);
	}
}

static int set_up(void **state)
{
	(void)state;
	return sodium_init() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_two_repositories_differ),
		cmocka_unit_test(test_where_everything_is),
		cmocka_unit_test(test_what_is_signed),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_what_makes_no_sense),
		cmocka_unit_test(test_headers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, NULL);
}
