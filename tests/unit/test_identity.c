/*
 * Names of owners: announced once, mapped by name, root left alone. The names come
 * from the databases of the machine that runs the test.
 */
#include "agent/tree/identity.h"

#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define NOBODY_HAS 3999999999u /* a number that no database knows */

static int setup(void **state)
{
	struct lade_identities *identities;

	assert_int_equal(lade_identities_new(&identities), 0);
	*state = identities;
	return 0;
}

static int teardown(void **state)
{
	lade_identities_free(*state);
	return 0;
}

/* Some user and group of this machine that are not root's: false where there is none. */
static bool some_identity(enum lade_identity_kind kind, uint32_t *id_out, char name_out[256])
{
	const struct passwd *user = NULL;
	const struct group *group = NULL;

	if (kind == LADE_IDENTITY_USER) {
		setpwent();
		while ((user = getpwent()) && user->pw_uid == 0)
			continue;
		if (user) {
			*id_out = user->pw_uid;
			snprintf(name_out, 256, "%s", user->pw_name);
		}
		endpwent();
	} else {
		setgrent();
		while ((group = getgrent()) && group->gr_gid == 0)
			continue;
		if (group) {
			*id_out = group->gr_gid;
			snprintf(name_out, 256, "%s", group->gr_name);
		}
		endgrent();
	}
	if (!user && !group)
		print_message("# skipped: no user or group but root's here\n");
	return user || group;
}

static void test_announce(void **state)
{
	struct lade_identities *identities = *state;
	const char *name = NULL;
	char expected[256];
	uint32_t id;

	for (enum lade_identity_kind kind = LADE_IDENTITY_USER; kind <= LADE_IDENTITY_GROUP;
	     kind++) {
		assert_int_equal(lade_identities_announce(identities, kind, 0, &name), 0);
		assert_int_equal(lade_identities_announce(identities, kind, NOBODY_HAS, &name), 0);
		assert_int_equal(lade_identities_announce(identities, kind, NOBODY_HAS, &name), 0);
		assert_null(name);
		if (!some_identity(kind, &id, expected))
			continue;
		assert_int_equal(lade_identities_announce(identities, kind, id, &name), 1);
		assert_string_equal(name, expected);
		assert_int_equal(lade_identities_announce(identities, kind, id, &name), 0);
		assert_string_equal(name, expected);
		name = NULL;
	}
}

static void test_map(void **state)
{
	struct lade_identities *identities = *state;
	char name[256];
	uint32_t id;

	for (enum lade_identity_kind kind = LADE_IDENTITY_USER; kind <= LADE_IDENTITY_GROUP;
	     kind++) {
		assert_int_equal(lade_identities_map(identities, kind, 1234), 1234);
		assert_int_equal(lade_identities_learn(identities, kind, 1234, "no such name here!",
						       18),
				 0);
		assert_int_equal(lade_identities_map(identities, kind, 1234), 1234);
		if (!some_identity(kind, &id, name))
			continue;
		assert_int_equal(lade_identities_learn(identities, kind, NOBODY_HAS, name,
						       strlen(name)),
				 0);
		assert_int_equal(lade_identities_map(identities, kind, NOBODY_HAS), id);
		assert_int_equal(lade_identities_map(identities, 1 - kind, NOBODY_HAS),
				 kind == LADE_IDENTITY_USER
					 ? NOBODY_HAS
					 : lade_identities_map(identities, 0, NOBODY_HAS));
		/* The last word counts. */
		assert_int_equal(lade_identities_learn(identities, kind, NOBODY_HAS,
						       "no such name here!", 18),
				 0);
		assert_int_equal(lade_identities_map(identities, kind, NOBODY_HAS), NOBODY_HAS);
	}
}

/* Numbers without end are no failure: names are only said again. */
static void test_announce_many(void **state)
{
	struct lade_identities *identities = *state;
	const enum lade_identity_kind kind = LADE_IDENTITY_USER;
	const char *name;
	char expected[256];
	uint32_t id;

	if (!some_identity(kind, &id, expected))
		return;
	assert_int_equal(lade_identities_announce(identities, kind, id, &name), 1);
	for (uint32_t i = 1; i < LADE_IDENTITIES_ANNOUNCED_MAX; i++)
		assert_int_equal(lade_identities_announce(identities, kind, NOBODY_HAS - i, &name),
				 0);
	assert_int_equal(lade_identities_announce(identities, kind, id, &name), 0);
	assert_int_equal(lade_identities_announce(identities, kind, NOBODY_HAS, &name), 0);
	assert_int_equal(lade_identities_announce(identities, kind, id, &name), 1);
	assert_string_equal(name, expected);
}

/* Nobody becomes root, and root becomes nobody else. */
static void test_root(void **state)
{
	struct lade_identities *identities = *state;
	const struct passwd *root = getpwuid(0);
	char name[256];
	uint32_t id;

	if (root) {
		snprintf(name, sizeof(name), "%s", root->pw_name);
		assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 1000, name,
						       strlen(name)),
				 0);
		assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 1000), 1000);
	}
	if (some_identity(LADE_IDENTITY_USER, &id, name))
		assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 0, name,
						       strlen(name)),
				 0);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 0), 0);
}

static bool resolve_nobody(void *context, const char *name, uint32_t *id_out)
{
	(void)context;
	(void)name;
	(void)id_out;
	return false;
}

/* A map is asked before names are, and may have root in it. */
static void test_user_map(void **state)
{
	struct lade_identities *identities = *state;
	struct lade_id_map *map;

	assert_int_equal(lade_id_map_new("root:7,tim:0,:8,20-29:9", resolve_nobody, NULL, &map), 0);
	lade_identities_use_map(identities, LADE_IDENTITY_USER, map);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 20), 8);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 0, "root", 4), 0);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 20, "no such name", 12), 0);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 30, "tim", 3), 0);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 40, "no such name", 12), 0);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 0), 7);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 20), 9);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 30), 0);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 40), 40);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER, 50), 8);
	assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_GROUP, 50), 50);
	lade_id_map_free(map);
}

/* Root is announced to a receiver that has a map, and to no other. */
static void test_announce_zero(void **state)
{
	struct lade_identities *identities = *state;
	const char *name;

	assert_int_equal(lade_identities_announce(identities, LADE_IDENTITY_USER, 0, &name), 0);
	lade_identities_announce_zero(identities, LADE_IDENTITY_USER);
	assert_int_equal(lade_identities_announce(identities, LADE_IDENTITY_USER, 0, &name), getpwuid(0) ? 1 : 0);
	assert_int_equal(lade_identities_announce(identities, LADE_IDENTITY_USER, 0, &name), 0);
	assert_int_equal(lade_identities_announce(identities, LADE_IDENTITY_GROUP, 0, &name), 0);
}

static void test_bad_names(void **state)
{
	struct lade_identities *identities = *state;
	char name[256];

	memset(name, 'n', sizeof(name));
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 7, "", 0),
			 LADE_E_PROTOCOL);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 7, "a\0b", 3),
			 LADE_E_PROTOCOL);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 7, name, 256),
			 LADE_E_PROTOCOL);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 7, name, 255), 0);
	assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, 0, "", 0),
			 LADE_E_PROTOCOL);
}

/* Many numbers for one name, so that the table grows. */
static void test_many(void **state)
{
	struct lade_identities *identities = *state;
	char name[256];
	uint32_t id;

	if (!some_identity(LADE_IDENTITY_USER, &id, name))
		return;
	for (uint32_t i = 1; i < 1000; i++)
		assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER,
						       NOBODY_HAS - i * 4096, name, strlen(name)),
				 0);
	for (uint32_t i = 1; i < 1000; i++) {
		assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER,
						     NOBODY_HAS - i * 4096),
				 id);
		assert_int_equal(lade_identities_map(identities, LADE_IDENTITY_USER,
						     NOBODY_HAS - i * 4096 + 1),
				 NOBODY_HAS - i * 4096 + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_announce, setup, teardown),
		cmocka_unit_test_setup_teardown(test_announce_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_root, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_map, setup, teardown),
		cmocka_unit_test_setup_teardown(test_announce_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
