/*
 * Tokens and passwords: who is let in, by what, from which files, and what it costs to find that out: the functions that hash passwords are
 * counted on their way (ld --wrap).
 */
#include "agent/credentials.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* BLAKE2b-256 of "lade-token-" and 43 times A. */
#define ZERO_TOKEN "lade-token-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static char base[PATH_MAX];
static char file[PATH_MAX + 16];
static struct lade_fault fault;

/* ---- what is spent ---- */

/* Hashes of passwords that were computed, and the last one's costs as libsodium's text has them. */
static unsigned hash_count;
static char hash_cost[64];

static void note_cost(unsigned long long operations, size_t kib)
{
	hash_count++;
	snprintf(hash_cost, sizeof(hash_cost), "$m=%zu,t=%llu,p=1$", kib, operations);
}

int __real_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *secret, unsigned long long secret_len,
			 const unsigned char *salt, unsigned long long operations, size_t memory, int algorithm);
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *secret, unsigned long long secret_len,
			 const unsigned char *salt, unsigned long long operations, size_t memory, int algorithm);
int __real_crypto_pwhash_str_verify(const char *hash, const char *secret, unsigned long long secret_len);
int __wrap_crypto_pwhash_str_verify(const char *hash, const char *secret, unsigned long long secret_len);

int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len, const char *secret, unsigned long long secret_len,
			 const unsigned char *salt, unsigned long long operations, size_t memory, int algorithm)
{
	assert_int_equal(algorithm, crypto_pwhash_ALG_ARGON2ID13);
	note_cost(operations, memory >> 10);
	return __real_crypto_pwhash(out, out_len, secret, secret_len, salt, operations, memory, algorithm);
}

int __wrap_crypto_pwhash_str_verify(const char *hash, const char *secret, unsigned long long secret_len)
{
	unsigned long long operations;
	size_t kib;

	assert_int_equal(sscanf(hash, "$argon2id$v=19$m=%zu,t=%llu,p=1$", &kib, &operations), 2);
	note_cost(operations, kib);
	return __real_crypto_pwhash_str_verify(hash, secret, secret_len);
}

/* ---- the place ---- */

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(base);
	snprintf(file, sizeof(file), "%s/tokens", base);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(base);
	return 0;
}

static int verify(const char *user, const char *secret)
{
	return lade_credentials_verify(file, user, (const uint8_t *)secret, strlen(secret), &fault);
}

static int set_password(const char *user, const char *secret)
{
	return lade_credentials_set_password(file, user, (const uint8_t *)secret, strlen(secret), &fault);
}

static void test_tokens(void **state)
{
	char token[LADE_CREDENTIALS_TOKEN_SIZE], second[LADE_CREDENTIALS_TOKEN_SIZE];
	struct stat st;
	unsigned count;

	(void)state;
	assert_int_equal(verify("alice", ZERO_TOKEN), LADE_E_AUTH); /* no file */
	assert_int_equal(lade_credentials_new_token(file, "alice", false, token, &fault), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(strlen(token), LADE_CREDENTIALS_TOKEN_SIZE - 1);
	assert_true(lade_credentials_is_token(token, strlen(token)));
	assert_int_equal(verify("alice", token), 0);
	assert_int_equal(verify("bob", token), LADE_E_AUTH);
	assert_int_equal(verify("alice", ZERO_TOKEN), LADE_E_AUTH);
	assert_int_equal(lade_credentials_new_token(file, "alice", false, second, &fault), LADE_E_CHANGED);
	assert_int_equal(lade_credentials_new_token(file, "alice", true, second, &fault), 0);
	assert_string_not_equal(token, second);
	assert_int_equal(verify("alice", token), LADE_E_AUTH);
	assert_int_equal(verify("alice", second), 0);
	assert_int_equal(lade_credentials_new_token(file, "bob", false, token, &fault), 0);
	assert_int_equal(verify("alice", token), LADE_E_AUTH);
	assert_int_equal(lade_credentials_remove(file, "alice", &count, &fault), 0);
	assert_int_equal(count, 1);
	assert_int_equal(verify("alice", second), LADE_E_AUTH);
	assert_int_equal(verify("bob", token), 0);
}

static void test_passwords(void **state)
{
	char token[LADE_CREDENTIALS_TOKEN_SIZE], longer[LADE_CREDENTIALS_PASSWORD_MAX + 2];
	unsigned count;

	(void)state;
	assert_int_equal(set_password("alice", "correct horse"), 0);
	assert_int_equal(verify("alice", "correct horse"), 0);
	assert_int_equal(verify("alice", "correct horse "), LADE_E_AUTH);
	assert_int_equal(verify("alice", ""), LADE_E_AUTH);
	assert_int_equal(verify("bob", "correct horse"), LADE_E_AUTH);
	assert_int_equal(set_password("alice", "battery staple"), 0);
	assert_int_equal(verify("alice", "correct horse"), LADE_E_AUTH);
	assert_int_equal(verify("alice", "battery staple"), 0);
	/* Both kinds stand beside each other. */
	assert_int_equal(lade_credentials_new_token(file, "alice", false, token, &fault), 0);
	assert_int_equal(verify("alice", "battery staple"), 0);
	assert_int_equal(verify("alice", token), 0);
	assert_int_equal(set_password("alice", "1234567"), LADE_E_LIMIT);
	memset(longer, 'p', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(set_password("alice", longer), LADE_E_LIMIT);
	assert_int_equal(set_password("alice", ZERO_TOKEN), LADE_E_REFUSED);
	assert_int_equal(lade_credentials_remove(file, "alice", &count, &fault), 0);
	assert_int_equal(count, 2);
	assert_int_equal(verify("alice", token), LADE_E_AUTH);
	assert_int_equal(verify("alice", "battery staple"), LADE_E_AUTH);
}

/* Refused, with the words for everybody who is, after so many hashes. */
static void is_refused_after(const char *user, const char *secret, unsigned hashes)
{
	hash_count = 0;
	assert_int_equal(verify(user, secret), LADE_E_AUTH);
	assert_string_equal(fault.operation, "let in user");
	assert_string_equal(fault.subject, user);
	assert_int_equal(hash_count, hashes);
}

/* Nobody learns from what an answer costs, nor from its words, which users there are. */
static void test_users_are_not_told_apart(void **state)
{
	char token[LADE_CREDENTIALS_TOKEN_SIZE], expected[sizeof(hash_cost)];

	(void)state;
	assert_int_equal(set_password("alice", "correct horse"), 0);
	assert_int_equal(lade_credentials_new_token(file, "token-only", false, token, &fault), 0);
	is_refused_after("alice", "wrong horse", 1);
	memcpy(expected, hash_cost, sizeof(expected));
	is_refused_after("nobody", "wrong horse", 1);
	assert_string_equal(hash_cost, expected);
	is_refused_after("token-only", "wrong horse", 1);
	assert_string_equal(hash_cost, expected);
	is_refused_after("nobody", "correct horse", 1);
	is_refused_after("nobody", "", 1);
	/* 256 random bits are not guessed: no hash that takes its time. */
	is_refused_after("alice", ZERO_TOKEN, 0);
	is_refused_after("nobody", ZERO_TOKEN, 0);
	assert_int_equal(unlink(file), 0);
	is_refused_after("nobody", "wrong horse", 1);
	assert_string_equal(hash_cost, expected);
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "alice", "backup.host-1", "~", "A_b" };
	static const char *const bad[] = { "", "a b", "a:b", "a@b", "a/b", "#a", "a\nb", "\xc3\xa4" };
	char token[LADE_CREDENTIALS_TOKEN_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(lade_credentials_user(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(lade_credentials_user(bad[i]));
		assert_int_equal(lade_credentials_new_token(file, bad[i], false, token, &fault), LADE_E_USAGE);
		assert_int_equal(set_password(bad[i], "long enough"), LADE_E_USAGE);
	}
	assert_int_equal(access(file, F_OK), -1);
	assert_false(lade_credentials_is_token("lade-token-", 11));
	assert_false(lade_credentials_is_token("lade-token-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0", 54));
	assert_false(lade_credentials_is_token("lade-token-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 54));
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

struct users {
	char text[256];
};

static void list(void *context, const char *user, enum lade_credentials_kind kind)
{
	struct users *users = context;
	size_t len = strlen(users->text);

	snprintf(users->text + len, sizeof(users->text) - len, "%s%s ", user, kind == LADE_CREDENTIALS_TOKEN ? "+" : "");
}

static void test_files(void **state)
{
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	static const char *const bad[] = {
		"alice\n", "alice:token\n", "alice:token:\n", "alice:token:00\n", "alice:token:" HASH "00\n", "alice:token:" HASH " x\n",
		"alice:password:secret\n", "alice:other:" HASH "\n", ":token:" HASH "\n", "a b:token:" HASH "\n",
	};
	struct users users = { "" };

	(void)state;
	assert_int_equal(lade_credentials_each(file, list, &users, &fault), LADE_E_ABSENT);
	for (size_t i = 0; i < COUNT(bad); i++) {
		char text[512];

		snprintf(text, sizeof(text), "bob:token:" HASH "\n%s", bad[i]);
		put(text, 0600);
		assert_int_equal(verify("bob", ZERO_TOKEN), LADE_E_REFUSED);
		/* Nor is anybody told that he has got a password, with which he would not be let in. */
		assert_int_equal(set_password("alice", "long enough"), LADE_E_REFUSED);
	}
	put("# remark\n bob:token:" HASH "\ncarol:password:$argon2id$v=19$m=65536,t=2,p=1$x$y\n", 0600);
	assert_int_equal(lade_credentials_each(file, list, &users, &fault), 0);
	assert_string_equal(users.text, "bob+ carol ");
	assert_int_equal(verify("carol", "something"), LADE_E_AUTH);
	assert_int_equal(chmod(file, 0640), 0);
	assert_int_equal(verify("bob", ZERO_TOKEN), LADE_E_REFUSED);
	assert_non_null(strstr(fault.operation, "chmod 600"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tokens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_passwords, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_users_are_not_told_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
