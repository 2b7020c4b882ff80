/*
 * Tests of agent/repository_key: texts and files of keys are read as they were written, and nothing else is.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/repository_key.h"
#include "tests/unit/temp_tree.h"

static char scratch[PATH_MAX];
static struct lade_fault fault;

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(scratch);
	return sodium_init() < 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(scratch);
	return 0;
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

static void write_text(const char *name, const char *text, mode_t mode)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

static size_t read_text(const char *name, char *out, size_t size)
{
	FILE *file = fopen(path_of(name), "r");
	size_t len;

	assert_non_null(file);
	len = fread(out, 1, size - 1, file);
	out[len] = '\0';
	fclose(file);
	return len;
}

static struct lade_pins some_pins(void)
{
	struct lade_pins pins = { .encrypted = true };

	memset(pins.repository, 'r', sizeof(pins.repository));
	memset(pins.root, 'f', sizeof(pins.root));
	return pins;
}

/* ---- texts ---- */

static void test_recipients(void **state)
{
	uint8_t key[LADE_X25519_LEN], got[LADE_X25519_LEN];
	char text[LADE_RECIPIENT_TEXT_SIZE], copy[LADE_RECIPIENT_TEXT_SIZE + 1];

	(void)state;
	memset(key, 0xfb, sizeof(key));
	lade_recipient_show(key, text);
	assert_string_equal(text, "lade-recipient-" "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
	assert_int_equal(lade_recipient_parse(text, got), 0);
	assert_memory_equal(got, key, sizeof(key));
	for (size_t len = 0; len < strlen(text); len++) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		assert_int_equal(lade_recipient_parse(copy, got), LADE_E_USAGE);
	}
	snprintf(copy, sizeof(copy), "%sA", text);
	assert_int_equal(lade_recipient_parse(copy, got), LADE_E_USAGE);
	assert_int_equal(lade_recipient_parse("lade-identity--_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s", got), LADE_E_USAGE);
}

/* No byte of a text can be one that libsodium takes for another: from 0x80 on. */
static void test_other_bytes(void **state)
{
	const struct lade_pins pins = some_pins();
	uint8_t key[LADE_X25519_LEN] = { 7 }, bytes[LADE_SEAL_KEY_LEN] = { 1 };
	char recipient[LADE_RECIPIENT_TEXT_SIZE], pin[LADE_PIN_TEXT_SIZE], text[4096];
	struct lade_pins got_pins;
	struct lade_keyring keyring;

	(void)state;
	lade_recipient_show(key, recipient);
	lade_pin_show(&pins, pin);
	lade_keyring_init(&keyring, &pins);
	assert_int_equal(lade_keyring_add(&keyring, LADE_SECRET_IDS, 0, bytes), 0);
	assert_int_equal(lade_key_file_create(path_of("ascii"), &keyring, &fault), 0);
	lade_keyring_fini(&keyring);
	(void)read_text("ascii", text, sizeof(text));
	for (unsigned byte = 0x80; byte <= 0xff; byte++) {
		recipient[20] = pin[20] = text[40] = (char)byte;
		assert_int_equal(lade_recipient_parse(recipient, key), LADE_E_USAGE);
		assert_int_equal(lade_pin_parse(pin, &got_pins), LADE_E_USAGE);
		write_text("bad", text, 0600);
		assert_int_equal(lade_key_file_load(path_of("bad"), &keyring, &fault), LADE_E_REFUSED);
	}
}

static void test_pins(void **state)
{
	const struct lade_pins pins = some_pins();
	struct lade_pins got;
	char text[LADE_PIN_TEXT_SIZE], copy[LADE_PIN_TEXT_SIZE];

	(void)state;
	lade_pin_show(&pins, text);
	assert_int_equal(strlen(text), LADE_PIN_TEXT_SIZE - 1);
	assert_int_equal(lade_pin_parse(text, &got), 0);
	assert_memory_equal(got.repository, pins.repository, sizeof(pins.repository));
	assert_memory_equal(got.root, pins.root, sizeof(pins.root));
	assert_true(got.encrypted);
	for (size_t len = 0; len < strlen(text); len++) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		assert_int_equal(lade_pin_parse(copy, &got), LADE_E_USAGE);
	}
	/* Another mode than there is: the last byte is 2. */
	memcpy(copy, text, sizeof(copy));
	assert_string_equal(copy + sizeof(copy) - 3, "AQ");
	copy[sizeof(copy) - 2] = 'g';
	assert_int_equal(lade_pin_parse(copy, &got), LADE_E_USAGE);
}

/* ---- identities ---- */

static void test_identity(void **state)
{
	const struct lade_pins pins = some_pins();
	uint8_t public_key[LADE_X25519_LEN], other[LADE_X25519_LEN], again[LADE_X25519_LEN];
	char text[1024], pin[LADE_PIN_TEXT_SIZE];
	struct lade_identity identity = { 0 };
	struct stat st;
	size_t len;

	(void)state;
	assert_int_equal(lade_identity_create(path_of("id"), false, public_key, &fault), 0);
	assert_int_equal(stat(path_of("id"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(lade_identity_create(path_of("id"), false, other, &fault), LADE_E_EXISTS);
	assert_int_equal(lade_identity_load(path_of("id"), &identity, &fault), 0);
	crypto_scalarmult_base(again, identity.secret);
	assert_memory_equal(again, public_key, sizeof(again));
	assert_int_equal(identity.pin_count, 0);
	lade_identity_fini(&identity);
	/* With a pin, as people add it. */
	len = read_text("id", text, sizeof(text));
	lade_pin_show(&pins, pin);
	snprintf(text + len, sizeof(text) - len, "\n  %s \n# a remark\n%s\n", pin, pin);
	write_text("id", text, 0600);
	assert_int_equal(lade_identity_load(path_of("id"), &identity, &fault), 0);
	assert_int_equal(identity.pin_count, 2);
	assert_memory_equal(identity.pins[1].root, pins.root, sizeof(pins.root));
	lade_identity_fini(&identity);
	assert_int_equal(chmod(path_of("id"), 0640), 0);
	assert_int_equal(lade_identity_load(path_of("id"), &identity, &fault), LADE_E_REFUSED);
	assert_int_equal(lade_identity_create(path_of("id"), true, other, &fault), 0);
	assert_memory_not_equal(other, public_key, sizeof(other));
}

static void test_no_identity(void **state)
{
	static const char *const texts[] = {
		"", "# nothing\n", "lade-identity-short\n", "lade-recipient-_FiKNtNgxY4HcReKO0NgGhpnUDsbbrqjpVxIu2stEiM\n",
		"lade-identity-yx0Zn0ezCdxs-BnuEq0RsM_cVxubCaElXg0tVc4I4CI\nlade-identity-yx0Zn0ezCdxs-BnuEq0RsM_cVxubCaElXg0tVc4I4CI\n",
		"lade-identity-yx0Zn0ezCdxs-BnuEq0RsM_cVxubCaElXg0tVc4I4CI\nlade-pin-x\n",
	};
	struct lade_identity identity = { 0 };

	(void)state;
	assert_int_equal(lade_identity_load(path_of("none"), &identity, &fault), LADE_E_ABSENT);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_text("wrong", texts[i], 0600);
		assert_int_equal(lade_identity_load(path_of("wrong"), &identity, &fault), LADE_E_REFUSED);
		assert_null(identity.secret);
	}
}

/* ---- key files ---- */

static void test_key_file(void **state)
{
	static const size_t counts[] = { 0, 1, 4, 300 };
	const struct lade_pins pins = some_pins();
	uint8_t bytes[LADE_SEAL_KEY_LEN];
	struct lade_keyring keyring, got;
	char name[32];
	struct stat st;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		snprintf(name, sizeof(name), "key-%zu", counts[i]);
		lade_keyring_init(&keyring, &pins);
		for (size_t k = 0; k < counts[i]; k++) {
			memset(bytes, (int)k, sizeof(bytes));
			assert_int_equal(lade_keyring_add(&keyring, LADE_SECRET_INDEX, (uint32_t)k + 1, bytes), 0);
		}
		assert_int_equal(lade_key_file_create(path_of(name), &keyring, &fault), 0);
		assert_int_equal(stat(path_of(name), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(lade_key_file_create(path_of(name), &keyring, &fault), LADE_E_EXISTS);
		assert_int_equal(lade_key_file_load(path_of(name), &got, &fault), 0);
		assert_int_equal(got.count, counts[i]);
		assert_memory_equal(got.pins.root, pins.root, sizeof(pins.root));
		for (size_t k = 0; k < counts[i]; k++)
			assert_memory_equal(got.secrets[k].bytes, keyring.secrets[k].bytes, sizeof(bytes));
		lade_keyring_fini(&got);
		lade_keyring_fini(&keyring);
		assert_int_equal(chmod(path_of(name), 0604), 0);
		assert_int_equal(lade_key_file_load(path_of(name), &got, &fault), LADE_E_REFUSED);
	}
	assert_int_equal(lade_key_file_load(path_of("none"), &got, &fault), LADE_E_ABSENT);
}

static void test_no_key_file(void **state)
{
	const struct lade_pins pins = some_pins();
	struct lade_keyring keyring, got;
	uint8_t bytes[LADE_SEAL_KEY_LEN] = { 1 };
	char text[4096], copy[4200];
	size_t len;

	(void)state;
	lade_keyring_init(&keyring, &pins);
	assert_int_equal(lade_keyring_add(&keyring, LADE_SECRET_IDS, 0, bytes), 0);
	assert_int_equal(lade_key_file_create(path_of("good"), &keyring, &fault), 0);
	lade_keyring_fini(&keyring);
	len = read_text("good", text, sizeof(text));
	/* Cut anywhere before the end of its last line. */
	for (size_t cut = 0; cut < len - 1; cut++) {
		memcpy(copy, text, cut);
		copy[cut] = '\0';
		write_text("bad", copy, 0600);
		assert_int_equal(lade_key_file_load(path_of("bad"), &got, &fault), LADE_E_REFUSED);
	}
	/* Something before or behind it, or twice. */
	snprintf(copy, sizeof(copy), "x\n%s", text);
	write_text("bad", copy, 0600);
	assert_int_equal(lade_key_file_load(path_of("bad"), &got, &fault), LADE_E_REFUSED);
	snprintf(copy, sizeof(copy), "%sx\n", text);
	write_text("bad", copy, 0600);
	assert_int_equal(lade_key_file_load(path_of("bad"), &got, &fault), LADE_E_REFUSED);
	/* What is no base64, and what is too long. */
	write_text("bad", "-----BEGIN LADE KEY-----\n!!!!\n-----END LADE KEY-----\n", 0600);
	assert_int_equal(lade_key_file_load(path_of("bad"), &got, &fault), LADE_E_REFUSED);
	write_text("bad", "-----BEGIN LADE KEY-----\n-----END LADE KEY-----\n", 0600);
	assert_int_equal(lade_key_file_load(path_of("bad"), &got, &fault), LADE_E_REFUSED);
}

static void test_too_long(void **state)
{
	FILE *file = fopen(path_of("long"), "w");
	struct lade_keyring got;

	(void)state;
	assert_non_null(file);
	fputs("-----BEGIN LADE KEY-----\n", file);
	for (int i = 0; i < 20000; i++)
		fputs("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", file);
	fputs("-----END LADE KEY-----\n", file);
	fclose(file);
	assert_int_equal(chmod(path_of("long"), 0600), 0);
	assert_int_equal(lade_key_file_load(path_of("long"), &got, &fault), LADE_E_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipients), cmocka_unit_test(test_pins), cmocka_unit_test(test_other_bytes),
		       cmocka_unit_test(test_identity), cmocka_unit_test(test_no_identity),
		cmocka_unit_test(test_key_file),   cmocka_unit_test(test_no_key_file), cmocka_unit_test(test_too_long),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
