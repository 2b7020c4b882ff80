/*
 * What a sender says about names, heard by a hand-made receiver: each user and group
 * that an ACL names, once, before the entry that needs it; nothing where numbers were
 * asked for. The names are those of the machine that runs the test.
 *
 *   inside/old, inside/zz   an access ACL of a user and a group
 *   inside/sub/             a default ACL of that user and another one
 */
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "agent/tree/attributes.h"
#include "protocol/byteorder.h"
#include "protocol/entry.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

#define OPTIONS ((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_PERMS)
#define WITH_ACLS (OPTIONS | LADE_OPTION_ACLS)
#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define NAMES 3u

struct name {
	uint32_t kind, id;
	char text[LADE_NAME_MAX + 1];
	unsigned heard; /* IDENTITYs that said so */
};

struct fixture {
	struct scene scene;
	struct name names[NAMES]; /* two users and a group, none of them root's */
	bool usable;              /* there are such, and the file system has ACLs */
	unsigned times;           /* how often each name is to be heard */
	unsigned others;          /* IDENTITYs of none of them */
	unsigned uses;            /* times that an ACL of an ENTRY named one of them */
};

/* ---- the source ---- */

static void take_name(struct name *name, uint32_t kind, uint32_t id, const char *text)
{
	*name = (struct name){ .kind = kind, .id = id };
	snprintf(name->text, sizeof(name->text), "%s", text);
}

static bool find_names(struct name names_out[NAMES])
{
	const struct passwd *user;
	const struct group *group;
	unsigned found = 0;

	setpwent();
	while (found < 2 && (user = getpwent()))
		if (user->pw_uid != 0 && (found == 0 || user->pw_uid != names_out[0].id))
			take_name(&names_out[found++], LADE_IDENTITY_USER, user->pw_uid, user->pw_name);
	endpwent();
	setgrent();
	while (found == 2 && (group = getgrent()))
		if (group->gr_gid != 0)
			take_name(&names_out[found++], LADE_IDENTITY_GROUP, group->gr_gid, group->gr_name);
	endgrent();
	return found == NAMES;
}

/* Give path an ACL that lets a user, and another user or a group, read. */
static bool set_acl(const char *path, const char *attribute, uint32_t user, uint32_t kind, uint32_t other)
{
	const uint32_t none = UINT32_MAX;
	const uint32_t entries[2][6][2] = { /* tag, id */
		{ { 1, none }, { 2, user }, { 2, other }, { 4, none }, { 16, none }, { 32, none } },
		{ { 1, none }, { 2, user }, { 4, none }, { 8, other }, { 16, none }, { 32, none } },
	};
	uint8_t acl[4 + 8 * 6];

	lade_put_le32(acl, 2);
	for (unsigned i = 0; i < 6; i++) {
		lade_put_le32(acl + 4 + 8 * i, entries[kind][i][0] | 4u << 16);
		lade_put_le32(acl + 8 + 8 * i, entries[kind][i][1]);
	}
	return setxattr(path, attribute, acl, sizeof(acl), 0) == 0;
}

/* False where it cannot be made here. */
static bool make_source(const struct scene *scene, struct name names[NAMES])
{
	const char *old = scene_path(scene, "old"), *zz = scene_path(scene, "zz"), *sub = scene_path(scene, "sub");

	scene_write(scene, "zz", "", 0);
	assert_int_equal(mkdir(sub, 0755), 0);
	return find_names(names) &&
	       set_acl(old, ACCESS, names[0].id, LADE_IDENTITY_GROUP, names[2].id) &&
	       set_acl(zz, ACCESS, names[0].id, LADE_IDENTITY_GROUP, names[2].id) &&
	       set_acl(sub, DEFAULT, names[0].id, LADE_IDENTITY_USER, names[1].id);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	*state = fixture;
	scene_make(&fixture->scene);
	fixture->usable = make_source(&fixture->scene, fixture->names);
	if (!fixture->usable)
		print_message("# skipped: no ACLs on this file system, or no names here\n");
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	scene_remove(&fixture->scene);
	free(fixture);
	return 0;
}

/* ---- what is heard ---- */

static struct name *name_of(struct fixture *fixture, uint32_t kind, uint32_t id)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (fixture->names[i].kind == kind && fixture->names[i].id == id)
			return &fixture->names[i];
	return NULL;
}

static void hear_identity(struct fixture *fixture, const struct lade_msg_identity *identity)
{
	struct name *name = name_of(fixture, identity->kind, identity->id);

	if (!name) {
		fixture->others++;
		return;
	}
	assert_true(lade_slice_equal(identity->name, lade_slice(name->text, strlen(name->text))));
	name->heard++;
}

/* An ACL of an entry names somebody: the name must have come before. */
static int hear_use(void *context, enum lade_identity_kind kind, uint32_t id)
{
	struct fixture *fixture = context;
	const struct name *name = name_of(fixture, kind, id);

	assert_non_null(name);
	assert_int_equal(name->heard, fixture->times);
	fixture->uses++;
	return 0;
}

/* Pull the source with these options; each name is to be heard so many times, and its id used so often. */
static void check_pull(struct fixture *fixture, uint64_t options, unsigned times, unsigned uses)
{
	const struct lade_msg_end end = { .exit = 0 };
	struct lade_message message;
	struct peer peer;
	char path[PATH_MAX + 2];

	fixture->times = times;
	snprintf(path, sizeof(path), "%s/", fixture->scene.inside);
	peer_start(&peer, LADE_CONNECTION_PIPES);
	peer_hello(&peer);
	peer_open(&peer, PEER_SENDS, options, path);
	do {
		assert_int_equal(peer_hear(&peer, &message), PEER_MESSAGE);
		if (message.type == LADE_MSG_IDENTITY)
			hear_identity(fixture, &message.identity);
		if (message.type != LADE_MSG_ENTRY)
			continue;
		assert_int_equal(lade_attributes_check(message.entry.xattrs), 0);
		assert_int_equal(lade_attributes_visit_ids(message.entry.xattrs, hear_use, fixture), 0);
	} while (message.type != LADE_MSG_ENTRIES_END);
	lade_put_end(&peer.out, &end);
	peer_say(&peer);
	assert_int_equal(peer_stop(&peer), LADE_EXIT_OK);
	for (unsigned i = 0; i < NAMES; i++)
		assert_int_equal(fixture->names[i].heard, times);
	assert_int_equal(fixture->others, 0);
	assert_int_equal(fixture->uses, uses);
}

/* Without -o and -g: whom an ACL names has nothing to do with who owns what. */
static void test_acls(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->usable)
		check_pull(fixture, WITH_ACLS, 1, 6);
}

static void test_numeric(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->usable)
		check_pull(fixture, WITH_ACLS | LADE_OPTION_NUMERIC_IDS | LADE_OPTION_OWNER | LADE_OPTION_GROUP, 0, 6);
}

static void test_without(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->usable)
		check_pull(fixture, OPTIONS, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_acls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numeric, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
