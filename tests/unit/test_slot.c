/*
 * Tests of agent/store/keyring and slot: bundles are what FORMAT.md says, slots open to their passphrase or recipient alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/store/slot.h"
#include "protocol/byteorder.h"
#include "protocol/error.h"

static const struct lade_slice passphrase = { (const uint8_t *)"correct horse", 13 };

/* A keyring of some secrets. */
static void make(struct lade_keyring *keyring, size_t count)
{
	struct lade_pins pins = { .encrypted = true };
	uint8_t bytes[LADE_SEAL_KEY_LEN];

	memset(pins.repository, 'r', sizeof(pins.repository));
	memset(pins.root, 'f', sizeof(pins.root));
	lade_keyring_init(keyring, &pins);
	for (size_t i = 0; i < count; i++) {
		const bool of_epoch = i % 7 == 3 || i % 7 == 4;

		memset(bytes, (int)i, sizeof(bytes));
		assert_int_equal(lade_keyring_add(keyring, (enum lade_secret_kind)(i % 7 + 1), of_epoch ? (uint32_t)i : 0, bytes), 0);
	}
}

static void assert_same(const struct lade_keyring *a, const struct lade_keyring *b)
{
	assert_memory_equal(a->pins.repository, b->pins.repository, sizeof(a->pins.repository));
	assert_memory_equal(a->pins.root, b->pins.root, sizeof(a->pins.root));
	assert_int_equal(a->pins.encrypted, b->pins.encrypted);
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->secrets[i].kind, b->secrets[i].kind);
		assert_int_equal(a->secrets[i].epoch, b->secrets[i].epoch);
		assert_memory_equal(a->secrets[i].bytes, b->secrets[i].bytes, LADE_SEAL_KEY_LEN);
	}
}

/* ---- keyrings ---- */

static void test_bundles(void **state)
{
	static const size_t counts[] = { 0, 1, 7, 127, 128, 300, LADE_KEYRING_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct lade_keyring keyring, got;
		uint8_t *bundle;
		size_t len;

		make(&keyring, counts[i]);
		len = lade_keyring_len(&keyring);
		bundle = malloc(len + 1);
		assert_non_null(bundle);
		lade_keyring_put(&keyring, bundle);
		assert_int_equal(lade_keyring_get(bundle, len, &got), 0);
		assert_same(&keyring, &got);
		lade_keyring_fini(&got);
		assert_int_equal(lade_keyring_get(bundle, len - 1, &got), LADE_E_CHANGED);
		bundle[len] = 0;
		assert_int_equal(lade_keyring_get(bundle, len + 1, &got), LADE_E_CHANGED);
		free(bundle);
		lade_keyring_fini(&keyring);
	}
}

static void test_where_everything_is(void **state)
{
	struct lade_keyring keyring;
	uint8_t bundle[200];

	(void)state;
	make(&keyring, 4);
	assert_int_equal(lade_keyring_len(&keyring), 16 + 32 + 1 + 1 + 4 * 37);
	lade_keyring_put(&keyring, bundle);
	assert_memory_equal(bundle, "rrrrrrrrrrrrrrrrffffffffffffffffffffffffffffffff\1\4\1\0\0\0\0\0\0", 57);
	assert_memory_equal(bundle + 50 + 3 * 37, "\4\3\0\0\0\3\3", 7);
	lade_keyring_fini(&keyring);
}

static void test_what_is_no_bundle(void **state)
{
	static const struct {
		size_t off;
		uint8_t byte;
	} wrong[] = { { 48, 2 }, { 50, 0 }, { 50, 8 }, { 51, 1 }, { 50 + 3 * 37 + 1, 0 }, { 49, 5 }, { 49, 3 } };
	struct lade_keyring keyring, got;
	uint8_t bundle[200], copy[200];

	(void)state;
	make(&keyring, 4);
	lade_keyring_put(&keyring, bundle);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memcpy(copy, bundle, sizeof(copy));
		copy[wrong[i].off] = wrong[i].byte;
		assert_int_equal(lade_keyring_get(copy, lade_keyring_len(&keyring), &got), LADE_E_CHANGED);
		assert_null(got.secrets);
	}
	for (size_t len = 0; len < lade_keyring_len(&keyring); len++)
		assert_int_equal(lade_keyring_get(bundle, len, &got), LADE_E_CHANGED);
	lade_keyring_fini(&keyring);
}

static void test_finding(void **state)
{
	struct lade_keyring keyring;

	(void)state;
	make(&keyring, 14);
	assert_int_equal(*lade_keyring_find(&keyring, LADE_SECRET_ROOT, 0), 0);
	assert_int_equal(*lade_keyring_find(&keyring, LADE_SECRET_INDEX, 10), 10);
	assert_null(lade_keyring_find(&keyring, LADE_SECRET_INDEX, 4));
	assert_null(lade_keyring_find(&keyring, LADE_SECRET_READ, 0));
	lade_keyring_fini(&keyring);
	assert_null(lade_keyring_find(&keyring, LADE_SECRET_ROOT, 0));
}

/* ---- slots ---- */

struct scene {
	uint8_t seed[LADE_SIGN_SEED_LEN], root[LADE_SIGN_PUBLIC_LEN];
	uint8_t public_key[32], secret_key[32];
	struct lade_keyring keyring;
	struct lade_slot slot;
	struct lade_writer writer;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	uint8_t secret[crypto_sign_SECRETKEYBYTES];

	assert_non_null(scene);
	assert_true(sodium_init() >= 0);
	memset(scene->seed, 's', sizeof(scene->seed));
	crypto_sign_seed_keypair(scene->root, secret, scene->seed);
	crypto_box_keypair(scene->public_key, scene->secret_key);
	make(&scene->keyring, 7);
	scene->slot = (struct lade_slot){ .kind = LADE_SLOT_PASSPHRASE, .capabilities = LADE_MAY_READ | LADE_IS_ROOT, .time = 77, .label = "me, at home" };
	/* The cheapest that is accepted. */
	scene->slot.passes = 3;
	scene->slot.memory = 64 << 20;
	lade_writer_init(&scene->writer, LADE_SLOT_MAX);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	lade_keyring_fini(&scene->keyring);
	lade_writer_fini(&scene->writer);
	free(scene);
	return 0;
}

static int put(struct scene *scene)
{
	lade_writer_reset(&scene->writer);
	return lade_slot_put(&scene->writer, &scene->slot, &scene->keyring, passphrase, scene->seed);
}

static int open_with(const struct scene *scene, const char *words, struct lade_keyring *got)
{
	return lade_slot_open_passphrase(scene->writer.data, scene->writer.len, lade_slice(words, strlen(words)), got);
}

static void test_a_passphrase(void **state)
{
	struct scene *scene = *state;
	struct lade_keyring got;
	struct lade_slot slot;

	assert_int_equal(put(scene), 0);
	assert_int_equal(open_with(scene, "correct horse", &got), 0);
	assert_same(&scene->keyring, &got);
	lade_keyring_fini(&got);
	assert_int_equal(open_with(scene, "correct horsf", &got), LADE_E_AUTH);
	assert_int_equal(open_with(scene, "", &got), LADE_E_AUTH);
	assert_int_equal(lade_slot_open_recipient(scene->writer.data, scene->writer.len, scene->secret_key, &got), LADE_E_AUTH);
	assert_int_equal(lade_slot_get(scene->writer.data, scene->writer.len, &slot), 0);
	assert_int_equal(slot.kind, LADE_SLOT_PASSPHRASE);
	assert_int_equal(slot.capabilities, LADE_MAY_READ | LADE_IS_ROOT);
	assert_int_equal(slot.time, 77);
	assert_string_equal(slot.label, "me, at home");
	assert_int_equal(slot.passes, 3);
	assert_int_equal(slot.memory, 64 << 20);
}

static void test_a_recipient(void **state)
{
	struct scene *scene = *state;
	uint8_t other_public[32], other_secret[32];
	struct lade_keyring got;

	scene->slot.kind = LADE_SLOT_RECIPIENT;
	memcpy(scene->slot.recipient, scene->public_key, 32);
	assert_int_equal(put(scene), 0);
	assert_int_equal(lade_slot_open_recipient(scene->writer.data, scene->writer.len, scene->secret_key, &got), 0);
	assert_same(&scene->keyring, &got);
	lade_keyring_fini(&got);
	crypto_box_keypair(other_public, other_secret);
	assert_int_equal(lade_slot_open_recipient(scene->writer.data, scene->writer.len, other_secret, &got), LADE_E_AUTH);
	assert_int_equal(open_with(scene, "correct horse", &got), LADE_E_AUTH);
	scene->writer.data[200] ^= 1;
	assert_int_equal(lade_slot_open_recipient(scene->writer.data, scene->writer.len, scene->secret_key, &got), LADE_E_CHANGED);
}

/* A salt or a commitment that was changed makes it another passphrase; anything else is damage. */
static void test_changes(void **state)
{
	static const struct {
		size_t off;
		int wanted;
	} changes[] = { { 41, LADE_E_AUTH }, { 57, LADE_E_AUTH }, { 25, LADE_E_CHANGED }, { 90, LADE_E_CHANGED }, { 97, LADE_E_CHANGED },
			{ 164, LADE_E_CHANGED }, { 188, LADE_E_CHANGED }, { 10, LADE_E_AUTH }, { 4, LADE_E_CHANGED }, { 5, LADE_E_VERSION },
			{ 24, LADE_E_CHANGED }, { 26, LADE_E_CHANGED }, { 160, LADE_E_CHANGED }, { 159, LADE_E_CHANGED } };
	struct scene *scene = *state;
	struct lade_keyring got;

	assert_int_equal(put(scene), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		scene->writer.data[changes[i].off] ^= 3;
		if (open_with(scene, "correct horse", &got) != changes[i].wanted)
			fail_msg("byte %zu", changes[i].off);
		scene->writer.data[changes[i].off] ^= 3;
	}
}

/* Whatever it is that was changed: the root has not signed it. */
static void test_signatures(void **state)
{
	struct scene *scene = *state;
	struct lade_slot slot;

	assert_int_equal(put(scene), 0);
	assert_int_equal(lade_slot_verify(scene->writer.data, scene->writer.len, scene->root), 0);
	for (size_t i = 0; i < scene->writer.len; i++) {
		scene->writer.data[i] ^= 1;
		assert_int_equal(lade_slot_verify(scene->writer.data, scene->writer.len, scene->root), LADE_E_CHANGED);
		scene->writer.data[i] ^= 1;
	}
	for (size_t len = 0; len < scene->writer.len; len++)
		assert_int_equal(lade_slot_get(scene->writer.data, len, &slot), LADE_E_CHANGED);
}

/* A store may neither have a slot be guessed faster, nor a client be exhausted. */
static void test_costs(void **state)
{
	static const struct {
		uint32_t passes;
		uint64_t memory;
	} wrong[] = { { 2, 64 << 20 }, { 17, 64 << 20 }, { 3, (64 << 20) - 1 }, { 3, (UINT64_C(1) << 30) + 1 }, { 0, 0 } };
	struct scene *scene = *state;
	struct lade_keyring got;
	uint32_t passes;
	uint64_t memory;

	assert_int_equal(put(scene), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		lade_put_le32(scene->writer.data + 28, wrong[i].passes);
		lade_put_le64(scene->writer.data + 32, wrong[i].memory);
		assert_int_equal(open_with(scene, "correct horse", &got), LADE_E_LIMIT);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		scene->slot.passes = wrong[i].passes;
		scene->slot.memory = wrong[i].memory;
		assert_int_equal(put(scene), LADE_E_LIMIT);
	}
	lade_slot_cost(false, &passes, &memory);
	assert_true(passes == 3 && memory == 256 << 20);
	lade_slot_cost(true, &passes, &memory);
	assert_true(passes == 4 && memory == 64 << 20);
}

static void test_labels(void **state)
{
	struct scene *scene = *state;
	struct lade_slot slot;

	scene->slot.kind = LADE_SLOT_RECIPIENT;
	memcpy(scene->slot.recipient, scene->public_key, 32);
	memset(scene->slot.label, 'x', 64);
	scene->slot.label[64] = '\0';
	assert_int_equal(put(scene), 0);
	assert_int_equal(lade_slot_get(scene->writer.data, scene->writer.len, &slot), 0);
	assert_string_equal(slot.label, scene->slot.label);
	scene->slot.label[3] = '\n';
	assert_int_equal(put(scene), LADE_E_USAGE);
	strncpy(scene->slot.label, "", sizeof(scene->slot.label));
	assert_int_equal(put(scene), 0);
	scene->writer.data[100] = 'y';
	assert_int_equal(lade_slot_get(scene->writer.data, scene->writer.len, &slot), LADE_E_CHANGED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_where_everything_is),
		cmocka_unit_test(test_what_is_no_bundle),
		cmocka_unit_test(test_finding),
		TEST(test_a_passphrase),
		TEST(test_a_recipient),
		TEST(test_changes),
		TEST(test_signatures),
		TEST(test_costs),
		TEST(test_labels),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
