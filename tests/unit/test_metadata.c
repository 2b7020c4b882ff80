/*
 * agent/tree/metadata.h: what a new thing may be while it has neither its group nor its ACL.
 */
#include "agent/tree/metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/entry.h"

#define GROUP_OF_OURS 7u

static mode_t first_mode(uint64_t options, mode_t mode, gid_t gid, bool acl)
{
	static const uint8_t encoded[1];
	gid_t groups[] = { GROUP_OF_OURS };
	const struct lade_keep keep = {
		.options = options | LADE_OPTION_PERMS, .umask = 022, .euid = 1, .egid = 2, .groups = groups, .group_count = 1,
		.wish = { .acls = acl },
	};
	const struct lade_metadata wanted = {
		.mode = S_IFREG | mode, .uid = 1, .gid = gid, .xattrs = acl ? lade_slice(encoded, sizeof(encoded)) : lade_slice(NULL, 0),
	};

	return lade_metadata_first_mode(&keep, &wanted, NULL);
}

static void test_a_group_that_comes(void **state)
{
	(void)state;
	assert_int_equal(first_mode(LADE_OPTION_GROUP, 0640, GROUP_OF_OURS, false), 0600);
	assert_int_equal(first_mode(LADE_OPTION_GROUP, 0775, GROUP_OF_OURS, false), 0755);
	assert_int_equal(first_mode(LADE_OPTION_GROUP, 0604, GROUP_OF_OURS, false), 0600);
	assert_int_equal(first_mode(LADE_OPTION_GROUP, 0644, GROUP_OF_OURS, false), 0644);
	/* The directory may have its own idea of the group of what is made in it. */
	assert_int_equal(first_mode(LADE_OPTION_GROUP, 0660, 2, false), 0600);
}

static void test_a_group_that_does_not_come(void **state)
{
	(void)state;
	assert_int_equal(first_mode(0, 0640, GROUP_OF_OURS, false), 0640);
	assert_int_equal(first_mode(LADE_OPTION_GROUP, 0640, GROUP_OF_OURS + 1, false), 0640);
}

static void test_an_acl(void **state)
{
	(void)state;
	assert_int_equal(first_mode(0, 0644, 2, true), 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_group_that_comes),
		cmocka_unit_test(test_a_group_that_does_not_come),
		cmocka_unit_test(test_an_acl),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("metadata", tests, NULL, NULL);
}
