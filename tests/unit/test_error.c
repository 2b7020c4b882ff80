/*
 * Tests of protocol/error: faults keep what a message needs, and nothing overflows.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/error.h"

static void test_set_returns_the_code(void **state)
{
	struct lade_fault fault;

	(void)state;
	assert_int_equal(lade_fault_set(&fault, LADE_E_AUTH, "authenticate", "host"), LADE_E_AUTH);
	assert_int_equal(fault.code, LADE_E_AUTH);
	assert_string_equal(fault.operation, "authenticate");
	assert_string_equal(fault.subject, "host");
	assert_int_equal(lade_fault_set(NULL, LADE_E_LIMIT, "decode", "entry"), LADE_E_LIMIT);
}

static void test_errno_is_kept_where_it_means_something(void **state)
{
	static const int with_errno[] = { LADE_E_SYSTEM, LADE_E_SOURCE, LADE_E_TARGET };
	struct lade_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(with_errno) / sizeof(with_errno[0]); i++) {
		errno = ENOSPC;
		lade_fault_set(&fault, with_errno[i], "write", "file");
		assert_int_equal(fault.sys_errno, ENOSPC);
		assert_int_equal(errno, ENOSPC);
		assert_string_equal(lade_fault_reason(&fault), strerror(ENOSPC));
	}
	errno = ENOSPC;
	lade_fault_set(&fault, LADE_E_PROTOCOL, "decode", NULL);
	assert_int_equal(fault.sys_errno, 0);
	assert_string_equal(lade_fault_reason(&fault), lade_error_text(LADE_E_PROTOCOL));
}

static void test_subject_may_be_missing(void **state)
{
	struct lade_fault fault;

	(void)state;
	memset(&fault, 'x', sizeof(fault));
	lade_fault_set(&fault, LADE_E_CLOSED, "read", NULL);
	assert_string_equal(fault.subject, "");
	memset(&fault, 'x', sizeof(fault));
	lade_fault_set_bytes(&fault, LADE_E_CLOSED, "read", "abcdef", 3);
	assert_string_equal(fault.subject, "abc");
}

/* Every length around the size of the field: what fits is whole, the rest keeps both ends. */
static void test_long_subjects_are_cut_in_the_middle(void **state)
{
	struct lade_fault fault;
	char *subject;

	(void)state;
	for (size_t len = LADE_FAULT_SUBJECT_SIZE - 3; len < LADE_FAULT_SUBJECT_SIZE + 4; len++) {
		subject = malloc(len + 1);
		assert_non_null(subject);
		memset(subject, 'm', len);
		subject[0] = 'a';
		subject[len - 1] = 'z';
		subject[len] = '\0';
		lade_fault_set(&fault, LADE_E_ABSENT, "open", subject);
		if (len < LADE_FAULT_SUBJECT_SIZE) {
			assert_string_equal(fault.subject, subject);
		} else {
			size_t cut_len = strlen(fault.subject);

			assert_true(cut_len < LADE_FAULT_SUBJECT_SIZE);
			assert_true(cut_len > LADE_FAULT_SUBJECT_SIZE - 4);
			assert_int_equal(fault.subject[0], 'a');
			assert_int_equal(fault.subject[cut_len - 1], 'z');
			assert_non_null(strstr(fault.subject, "..."));
		}
		free(subject);
	}
}

static void test_every_code_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int code = LADE_OK; code >= LADE_E_EXISTS; code--) {
		assert_string_not_equal(lade_error_text(code), "unknown error");
		for (int other = LADE_OK; other > code; other--)
			assert_string_not_equal(lade_error_text(code), lade_error_text(other));
	}
	assert_string_equal(lade_error_text(LADE_E_EXISTS - 1), "unknown error");
	assert_string_equal(lade_error_text(1), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_returns_the_code),
		cmocka_unit_test(test_errno_is_kept_where_it_means_something),
		cmocka_unit_test(test_subject_may_be_missing),
		cmocka_unit_test(test_long_subjects_are_cut_in_the_middle),
		cmocka_unit_test(test_every_code_has_a_text_of_its_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
