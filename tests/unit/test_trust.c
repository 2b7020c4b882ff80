/*
 * Tests of agent/store/trust: a chain of statements is heard in its order and no other, by its own root and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/trust.h"
#include "protocol/byteorder.h"
#include "protocol/error.h"

/* A repository that was just made. */
struct scene {
	uint8_t seed[LADE_SIGN_SEED_LEN], root[LADE_SIGN_PUBLIC_LEN];
	struct lade_format format;
	struct lade_writer object, said;
	struct lade_trust trust;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	assert_non_null(scene);
	assert_true(sodium_init() >= 0);
	memset(scene->seed, 's', sizeof(scene->seed));
	crypto_sign_seed_keypair(scene->root, secret, scene->seed);
	lade_format_make(&scene->format, true, scene->root);
	lade_writer_init(&scene->object, 4096);
	lade_writer_init(&scene->said, 4096);
	assert_int_equal(lade_format_put(&scene->object, &scene->format, scene->seed), 0);
	assert_int_equal(lade_trust_init(&scene->trust, &scene->format, scene->object.data, scene->object.len), 0);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	lade_trust_fini(&scene->trust);
	lade_writer_fini(&scene->object);
	lade_writer_fini(&scene->said);
	free(scene);
	return 0;
}

static struct lade_statement about(enum lade_statement_kind kind, uint8_t key)
{
	struct lade_statement statement = { .kind = kind, .time = 99, .label = "somebody" };

	memset(statement.public_key, key, sizeof(statement.public_key));
	return statement;
}

static void say(struct scene *scene, const struct lade_statement *statement)
{
	lade_writer_reset(&scene->said);
	assert_int_equal(lade_trust_say(&scene->said, &scene->trust, statement, scene->seed), 0);
}

static int hear(struct scene *scene)
{
	return lade_trust_hear(&scene->trust, scene->said.data, scene->said.len);
}

static int tell(struct scene *scene, const struct lade_statement *statement)
{
	say(scene, statement);
	return hear(scene);
}

static const struct lade_party *find(const struct scene *scene, uint8_t key)
{
	uint8_t public_key[32], id[LADE_PARTY_ID_LEN];

	memset(public_key, key, sizeof(public_key));
	assert_int_equal(lade_party_id(public_key, id), 0);
	return lade_trust_find(&scene->trust, id);
}

static void test_a_chain(void **state)
{
	struct scene *scene = *state;
	struct lade_statement statement = about(LADE_SAYS_EPOCH, 1);

	statement.number_or_flags = 1;
	assert_int_equal(tell(scene, &statement), 0);
	statement = about(LADE_SAYS_WRITER, 2);
	statement.number_or_flags = LADE_WRITER_BELIEVED;
	assert_int_equal(tell(scene, &statement), 0);
	statement = about(LADE_SAYS_MANAGER, 3);
	assert_int_equal(tell(scene, &statement), 0);
	statement = about(LADE_SAYS_EPOCH, 4);
	statement.number_or_flags = 2;
	assert_int_equal(tell(scene, &statement), 0);
	statement = about(LADE_SAYS_REVOKED, 2);
	statement.last_number = 17;
	memset(statement.last_hash, 'h', sizeof(statement.last_hash));
	assert_int_equal(tell(scene, &statement), 0);
	statement = about(LADE_SAYS_FEATURES, 0);
	statement.features = (struct lade_features){ 1, 2, 4 };
	assert_int_equal(tell(scene, &statement), 0);

	assert_int_equal(scene->trust.count, 6);
	assert_int_equal(scene->trust.epoch, 2);
	assert_int_equal(lade_trust_epoch(&scene->trust, 1)[0], 1);
	assert_int_equal(lade_trust_epoch(&scene->trust, 2)[0], 4);
	assert_null(lade_trust_epoch(&scene->trust, 0));
	assert_null(lade_trust_epoch(&scene->trust, 3));
	assert_true(find(scene, 2)->revoked);
	assert_int_equal(find(scene, 2)->last_number, 17);
	assert_int_equal(find(scene, 2)->last_hash[31], 'h');
	assert_int_equal(find(scene, 2)->flags, LADE_WRITER_BELIEVED);
	assert_string_equal(find(scene, 3)->label, "somebody");
	assert_int_equal(find(scene, 3)->kind, LADE_SAYS_MANAGER);
	assert_false(find(scene, 3)->revoked);
	assert_null(find(scene, 4));
	assert_int_equal(scene->trust.features.gc, 4);
}

/* The table of FORMAT.md. */
static void test_where_everything_is(void **state)
{
	struct scene *scene = *state;
	struct lade_statement statement = about(LADE_SAYS_WRITER, 'k');
	uint8_t hash[LADE_HASH_LEN];
	const uint8_t *bytes;

	statement.number_or_flags = 1;
	say(scene, &statement);
	bytes = scene->said.data;
	assert_int_equal(scene->said.len, LADE_STATEMENT_LEN);
	assert_memory_equal(bytes, "LADET\1\0\0", 8);
	assert_int_equal(lade_get_le32(bytes + 24), 1);
	crypto_hash_sha256(hash, scene->object.data, scene->object.len);
	assert_memory_equal(bytes + 28, hash, sizeof(hash));
	assert_memory_equal(bytes + 60, "\2\0\0\0\0\0\0\0kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\1\0\0\0", 44);
	assert_int_equal(lade_get_le64(bytes + 104), 99);
	assert_string_equal((const char *)bytes + 112, "somebody");
	assert_true(sodium_is_zero(bytes + 176, 40));
}

static void test_another_order(void **state)
{
	struct scene *scene = *state;
	struct lade_statement statement = about(LADE_SAYS_WRITER, 2), other = about(LADE_SAYS_MANAGER, 3);

	/* Heard twice. */
	assert_int_equal(tell(scene, &statement), 0);
	assert_int_equal(hear(scene), LADE_E_CHANGED);
	/* One that follows what nobody has heard. */
	say(scene, &other);
	scene->trust.count++;
	assert_int_equal(hear(scene), LADE_E_CHANGED);
	scene->trust.count--;
	scene->trust.last[0] ^= 1;
	assert_int_equal(hear(scene), LADE_E_CHANGED);
	scene->trust.last[0] ^= 1;
	assert_int_equal(hear(scene), 0);
}

static void test_every_bit_counts(void **state)
{
	struct scene *scene = *state;
	struct lade_statement statement = about(LADE_SAYS_WRITER, 2);

	say(scene, &statement);
	for (size_t bit = 0; bit < LADE_STATEMENT_LEN * 8; bit++) {
		scene->said.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(hear(scene), bit / 8 == 5 ? LADE_E_VERSION : LADE_E_CHANGED);
		scene->said.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < LADE_STATEMENT_LEN; len++)
		assert_int_equal(lade_trust_hear(&scene->trust, scene->said.data, len), LADE_E_CHANGED);
	assert_int_equal(scene->trust.count, 0);
	assert_int_equal(hear(scene), 0);
}

/* By somebody else's root, or for another repository. */
static void test_strangers(void **state)
{
	struct scene *scene = *state;
	struct lade_statement statement = about(LADE_SAYS_MANAGER, 2);
	uint8_t seed[LADE_SIGN_SEED_LEN] = { 1 };

	lade_writer_reset(&scene->said);
	assert_int_equal(lade_trust_say(&scene->said, &scene->trust, &statement, seed), 0);
	assert_int_equal(hear(scene), LADE_E_CHANGED);
	say(scene, &statement);
	scene->trust.repository[0] ^= 1;
	assert_int_equal(hear(scene), LADE_E_CHANGED);
}

/* By the root, and yet nonsense: an epoch out of turn, somebody twice, nobody revoked, a label of control characters. */
static void test_nonsense(void **state)
{
	struct scene *scene = *state;
	struct lade_statement statement = about(LADE_SAYS_EPOCH, 1);

	statement.number_or_flags = 2;
	assert_int_equal(tell(scene, &statement), LADE_E_CHANGED);
	statement = about(LADE_SAYS_REVOKED, 2);
	assert_int_equal(tell(scene, &statement), LADE_E_CHANGED);
	statement = about(LADE_SAYS_WRITER, 2);
	assert_int_equal(tell(scene, &statement), 0);
	assert_int_equal(tell(scene, &statement), LADE_E_CHANGED);
	statement.kind = LADE_SAYS_REVOKED;
	assert_int_equal(tell(scene, &statement), 0);
	assert_int_equal(tell(scene, &statement), LADE_E_CHANGED);
	statement = about((enum lade_statement_kind)6, 5);
	assert_int_equal(tell(scene, &statement), LADE_E_CHANGED);
	statement = about(LADE_SAYS_WRITER, 7);
	statement.label[2] = '\033';
	lade_writer_reset(&scene->said);
	assert_int_equal(lade_trust_say(&scene->said, &scene->trust, &statement, scene->seed), LADE_E_USAGE);
	assert_int_equal(scene->trust.count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_chain), TEST(test_where_everything_is), TEST(test_another_order),
		TEST(test_every_bit_counts), TEST(test_strangers), TEST(test_nonsense),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
