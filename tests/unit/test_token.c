/*
 * Tokens: which files are taken, and that proofs tell sides, sessions and tokens apart.
 */
#include "agent/token.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/unit/temp_tree.h"

static char base[PATH_MAX];
static char file[PATH_MAX + 16];

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(base);
	snprintf(file, sizeof(file), "%s/token", base);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(base);
	return 0;
}

static void write_file(const void *bytes, size_t len, mode_t mode)
{
	FILE *stream;

	unlink(file);
	stream = fopen(file, "w");
	assert_non_null(stream);
	assert_int_equal(fwrite(bytes, 1, len, stream), len);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(chmod(file, mode), 0);
}

static int load(struct lade_token *token, const char *text)
{
	write_file(text, strlen(text), 0600);
	return lade_token_load(token, file, NULL);
}

static void test_white_space_around_it_is_no_part(void **state)
{
	static const char *const forms[] = {
		"0123456789abcdef\n", "  0123456789abcdef", "\n\t0123456789abcdef \r\n\n",
	};
	struct lade_token token, other;

	(void)state;
	assert_int_equal(load(&token, "0123456789abcdef"), 0);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_int_equal(load(&other, forms[i]), 0);
		assert_memory_equal(token.key, other.key, sizeof(token.key));
	}
	assert_int_equal(load(&other, "0123456789 abcdef"), 0);
	assert_memory_not_equal(token.key, other.key, sizeof(token.key));
	lade_token_wipe(&other);
	for (size_t i = 0; i < sizeof(other.key); i++)
		assert_int_equal(other.key[i], 0);
}

static void test_sizes(void **state)
{
	struct lade_token token;
	char text[4200];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(load(&token, ""), LADE_E_REFUSED);
	assert_int_equal(load(&token, "   \n \n                    "), LADE_E_REFUSED);
	assert_int_equal(load(&token, "0123456789abcde\n"), LADE_E_REFUSED);
	assert_int_equal(load(&token, "0123456789abcdef\n0123456789abcdef\n"), LADE_E_REFUSED);
	write_file(text, 4096, 0600);
	assert_int_equal(lade_token_load(&token, file, NULL), 0);
	write_file(text, 4097, 0600);
	assert_int_equal(lade_token_load(&token, file, NULL), LADE_E_REFUSED);
	/* Any bytes will do. */
	write_file("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, 0400);
	assert_int_equal(lade_token_load(&token, file, NULL), 0);
}

static void test_modes(void **state)
{
	static const mode_t loose[] = { 0640, 0620, 0610, 0604, 0602, 0601, 0666 };
	struct lade_token token;
	struct lade_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
		write_file("0123456789abcdef", 16, loose[i]);
		assert_int_equal(lade_token_load(&token, file, &fault), LADE_E_REFUSED);
		assert_string_equal(fault.subject, file);
		assert_non_null(strstr(fault.operation, "chmod 600"));
	}
	unlink(file);
	assert_int_equal(lade_token_load(&token, file, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ENOENT);
	assert_int_equal(lade_token_load(&token, base, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EISDIR);
}

static void test_proofs(void **state)
{
	struct lade_token token, other;
	uint8_t dialler[LADE_HELLO_LEN], answerer[LADE_HELLO_LEN];
	uint8_t proof[LADE_PROOF_LEN], again[LADE_PROOF_LEN];

	(void)state;
	memset(dialler, 'd', sizeof(dialler));
	memset(answerer, 'a', sizeof(answerer));
	assert_int_equal(load(&token, "0123456789abcdef"), 0);
	assert_int_equal(load(&other, "0123456789abcdeF"), 0);
	lade_token_prove(&token, true, dialler, answerer, proof);
	lade_token_prove(&token, true, dialler, answerer, again);
	assert_true(lade_token_proof_equal(proof, again));
	/* The other side, the HELLOs in the other order, another token. */
	lade_token_prove(&token, false, dialler, answerer, again);
	assert_false(lade_token_proof_equal(proof, again));
	lade_token_prove(&token, true, answerer, dialler, again);
	assert_false(lade_token_proof_equal(proof, again));
	lade_token_prove(&other, true, dialler, answerer, again);
	assert_false(lade_token_proof_equal(proof, again));
	/* Any bit of either HELLO. */
	for (size_t i = 0; i < LADE_HELLO_LEN; i++) {
		dialler[i] ^= 1;
		lade_token_prove(&token, true, dialler, answerer, again);
		assert_false(lade_token_proof_equal(proof, again));
		dialler[i] ^= 1;
		answerer[i] ^= 0x80;
		lade_token_prove(&token, true, dialler, answerer, again);
		assert_false(lade_token_proof_equal(proof, again));
		answerer[i] ^= 0x80;
	}
	for (size_t i = 0; i < LADE_PROOF_LEN; i++) {
		memcpy(again, proof, sizeof(again));
		again[i] ^= 1;
		assert_false(lade_token_proof_equal(proof, again));
	}
}

/*
 * BLAKE2b-256, computed with another implementation. Both ends of a session may be of different
 * versions: the proof is part of the protocol.
 */
static void test_the_proof_stays_what_it_is(void **state)
{
	static const uint8_t expected[LADE_PROOF_LEN] = {
		0x17, 0x74, 0x5e, 0xda, 0xa2, 0xed, 0x18, 0x1c,
		0xc1, 0x77, 0x8c, 0x35, 0xd7, 0x71, 0xf1, 0xfa,
		0x0c, 0x28, 0x73, 0x68, 0x7a, 0x16, 0x66, 0x56,
		0x0e, 0xc0, 0x0a, 0x42, 0x91, 0x1f, 0x89, 0x4c,
	};
	struct lade_token token;
	uint8_t dialler[LADE_HELLO_LEN], answerer[LADE_HELLO_LEN], proof[LADE_PROOF_LEN];

	(void)state;
	memset(dialler, 'd', sizeof(dialler));
	memset(answerer, 'a', sizeof(answerer));
	assert_int_equal(load(&token, "0123456789abcdef\n"), 0);
	lade_token_prove(&token, true, dialler, answerer, proof);
	assert_memory_equal(proof, expected, sizeof(proof));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_white_space_around_it_is_no_part),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_proofs),
		cmocka_unit_test(test_the_proof_stays_what_it_is),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
