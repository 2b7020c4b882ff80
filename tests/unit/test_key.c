/*
 * Keys of our own: which files are taken, that those which are made are what other programs make, and where the secret is.
 */
#include "agent/key.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/temp_tree.h"

/* RFC 8410, 10.3: a key and, in 10.1, its public part. */
#define EXAMPLE "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"
static const uint8_t example_public[] = {
	0x19, 0xbf, 0x44, 0x09, 0x69, 0x84, 0xcd, 0xfe, 0x85, 0x41, 0xba, 0xc1, 0x67, 0xdc, 0x3b, 0x96,
	0xc8, 0x50, 0x86, 0xaa, 0x30, 0xb6, 0xb6, 0xcb, 0x0c, 0x5c, 0x38, 0xad, 0x70, 0x31, 0x66, 0xe1,
};

static char base[PATH_MAX];
static char file[PATH_MAX + 16];

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(base);
	snprintf(file, sizeof(file), "%s/key", base);
	return sodium_init() < 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(base);
	return 0;
}

static void put(const char *text, mode_t mode)
{
	FILE *stream;

	unlink(file);
	stream = fopen(file, "w");
	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(chmod(file, mode), 0);
}

/* A file of the key that follows the head of PEM. */
static void put_pem(const char *base64, mode_t mode)
{
	char text[8192];

	snprintf(text, sizeof(text), "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", base64);
	put(text, mode);
}

static void test_the_example_of_the_rfc(void **state)
{
	static const uint8_t data[] = "some words";
	struct lade_tls_signer signer;
	struct lade_key *key;
	uint8_t signature[LADE_TLS_SIGNATURE_LEN];

	(void)state;
	put_pem(EXAMPLE, 0600);
	assert_int_equal(lade_key_load(file, &key, NULL), 0);
	assert_memory_equal(lade_key_public(key), example_public, 32);
	lade_key_signer(key, &signer);
	assert_memory_equal(signer.public_key, example_public, 32);
	assert_int_equal(signer.sign(signer.context, data, sizeof(data), signature), 0);
	assert_int_equal(crypto_sign_ed25519_verify_detached(signature, data, sizeof(data), example_public), 0);
	lade_key_free(key);
	lade_key_free(NULL);
}

static void expect_refusal(const char *operation)
{
	struct lade_key *key = NULL;
	struct lade_fault fault;

	assert_int_equal(lade_key_load(file, &key, &fault), LADE_E_REFUSED);
	if (!strstr(fault.operation, operation))
		fail_msg("'%s' does not say '%s'", fault.operation, operation);
	assert_string_equal(fault.subject, file);
	assert_null(key);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "no private key in PEM" },
		{ "-----BEGIN PRIVATE KEY-----\n" EXAMPLE "\n", "no private key in PEM" },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4=\n-----END ENCRYPTED PRIVATE KEY-----\n", "passphrase" },
		{ "-----BEGIN PRIVATE KEY-----\n!" EXAMPLE "\n-----END PRIVATE KEY-----\n", "another kind" },
		{ "-----BEGIN PRIVATE KEY-----\n" EXAMPLE "AAAA\n-----END PRIVATE KEY-----\n", "another kind" },
		{ "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
		  "-----END PRIVATE KEY-----\n", "another kind" }, /* X25519 */
		{ "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n", "another kind" },
	};
	char longer[6000];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(bad[i].text, 0600);
		expect_refusal(bad[i].says);
	}
	memset(longer, 'A', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	put_pem(longer, 0600);
	expect_refusal("too long");
	for (int bit = 0; bit < 6; bit++) {
		put_pem(EXAMPLE, 0600 | (mode_t)(1 << bit));
		expect_refusal("chmod 600");
	}
	unlink(file);
	assert_int_equal(mkfifo(file, 0600), 0);
	expect_refusal("no regular file");
}

static void test_a_key_is_made_once(void **state)
{
	struct lade_key *first, *second;
	struct stat st;
	char deep[PATH_MAX + 64];
	bool made;

	(void)state;
	snprintf(deep, sizeof(deep), "%s/a/b/key", base);
	assert_int_equal(lade_key_load(deep, &first, NULL), LADE_E_ABSENT);
	umask(0);
	assert_int_equal(lade_key_obtain(deep, &first, &made, NULL), 0);
	assert_true(made);
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_size, 119); /* as openssl(1) writes it */
	assert_int_equal(lade_key_obtain(deep, &second, &made, NULL), 0);
	assert_false(made);
	assert_memory_equal(lade_key_public(first), lade_key_public(second), 32);
	lade_key_free(second);
	assert_int_equal(lade_key_create(deep, false, &second, NULL), LADE_E_CHANGED);
	assert_int_equal(lade_key_create(deep, true, &second, NULL), 0);
	assert_memory_not_equal(lade_key_public(first), lade_key_public(second), 32);
	lade_key_free(first);
	assert_int_equal(lade_key_load(deep, &first, NULL), 0);
	assert_memory_equal(lade_key_public(first), lade_key_public(second), 32);
	lade_key_free(first);
	lade_key_free(second);
}

static void test_a_failure_leaves_nothing(void **state)
{
	char nowhere[PATH_MAX + 64];
	struct lade_key *key;
	struct stat st;

	(void)state;
	snprintf(nowhere, sizeof(nowhere), "%s/directory", base);
	assert_int_equal(mkdir(nowhere, 0700), 0);
	assert_int_equal(lade_key_create(nowhere, true, &key, NULL), LADE_E_SYSTEM);
	assert_int_equal(lade_key_create(nowhere, false, &key, NULL), LADE_E_CHANGED);
	assert_int_equal(rmdir(nowhere), 0);
	assert_int_equal(stat(base, &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(rmdir(base), 0); /* nothing else was left, either */
	assert_int_equal(mkdir(base, 0700), 0);
}

/* Whether the process still has the secret of key, by what is mapped. */
static void test_a_forked_process_cannot_sign(void **state)
{
	struct lade_tls_signer signer;
	struct lade_key *key;
	uint8_t signature[LADE_TLS_SIGNATURE_LEN] = { 0 };
	int status;
	pid_t child;

	(void)state;
	put_pem(EXAMPLE, 0600);
	assert_int_equal(lade_key_load(file, &key, NULL), 0);
	lade_key_signer(key, &signer);
	child = fork();
	if (child == 0) {
		int result = signer.sign(signer.context, signature, 1, signature);

		lade_key_free(key);
		_exit(result == LADE_E_REFUSED ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(signer.sign(signer.context, signature, 1, signature), 0);
	lade_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_example_of_the_rfc, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_key_is_made_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_failure_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_forked_process_cannot_sign, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
