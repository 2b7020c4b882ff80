/*
 * Temporary files, with a name and without: what is seen before and after, what stands in
 * the way, and what a killed session leaves.
 */
#include "agent/tree/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/temp_tree.h"

struct place {
	char path[PATH_MAX];
	int fd;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	temp_tree_make(place->path);
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->fd >= 0);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	close(place->fd);
	temp_tree_remove(place->path);
	free(place);
	return 0;
}

static bool there(const struct place *place, const char *name)
{
	struct stat st;

	return fstatat(place->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void put(const struct place *place, const char *name, const char *text)
{
	int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_text(const struct place *place, const char *name, const char *text)
{
	char found[64] = "";
	int fd = openat(place->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, found, sizeof(found) - 1) >= 0);
	close(fd);
	assert_string_equal(found, text);
}

/* The kernel must let this user name such a file, and the file system must have them. */
static void need_unnamed(const struct place *place)
{
	if (!lade_temporary_unnamed_works(place->fd, "file")) {
		print_message("no files without a name here\n");
		skip();
	}
}

static struct lade_temporary open_one(const struct place *place, bool unnamed)
{
	struct lade_temporary temporary;
	struct lade_fault fault;

	assert_int_equal(unnamed ? lade_temporary_open_unnamed(place->fd, "file", 0640, &temporary, &fault) :
				   lade_temporary_open(place->fd, "file", 0, 0640, &temporary, &fault),
			 0);
	assert_int_equal(write(temporary.fd, "new", 3), 3);
	return temporary;
}

static void commit(const struct place *place, bool unnamed)
{
	struct lade_temporary temporary = open_one(place, unnamed);
	struct lade_fault fault;
	struct stat st;

	assert_int_equal(there(place, temporary.name), !unnamed);
	assert_int_equal(lade_temporary_commit(&temporary, place->fd, "file", &fault), 0);
	assert_int_equal(temporary.fd, -1);
	assert_text(place, "file", "new");
	assert_int_equal(fstatat(place->fd, "file", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_false(there(place, temporary.name));
}

static void test_named(void **state)
{
	commit(*state, false);
	commit(*state, false); /* over the first */
}

static void test_unnamed(void **state)
{
	need_unnamed(*state);
	commit(*state, true);
	commit(*state, true); /* something has come to stand there meanwhile */
}

/* A link in the way is replaced, not followed. */
static void test_link_in_the_way(void **state)
{
	struct place *place = *state;

	need_unnamed(place);
	put(place, "victim", "old");
	assert_int_equal(symlinkat("victim", place->fd, "file"), 0);
	commit(place, true);
	assert_text(place, "victim", "old");
}

static void test_directory_in_the_way(void **state)
{
	struct place *place = *state;
	struct lade_temporary temporary;
	struct lade_fault fault;

	need_unnamed(place);
	temporary = open_one(place, true);
	assert_int_equal(mkdirat(place->fd, "file", 0700), 0);
	assert_int_equal(lade_temporary_commit(&temporary, place->fd, "file", &fault), LADE_E_SYSTEM);
	assert_int_equal(temporary.fd, -1);
	assert_false(there(place, temporary.name));
	assert_true(there(place, "file"));
}

static void test_discard(void **state)
{
	struct place *place = *state;

	need_unnamed(place);
	for (int unnamed = 0; unnamed < 2; unnamed++) {
		struct lade_temporary temporary = open_one(place, unnamed);

		lade_temporary_discard(&temporary, place->fd);
		assert_int_equal(temporary.fd, -1);
		assert_false(there(place, temporary.name));
		assert_false(there(place, "file"));
		lade_temporary_discard(&temporary, place->fd);
	}
}

/* A session was killed between the two names of a file: the next one is not in its way. */
static void test_unnamed_over_left(void **state)
{
	struct place *place = *state;
	char name[LADE_TEMPORARY_NAME_SIZE];
	struct lade_temporary temporary;
	int held;

	need_unnamed(place);
	lade_temporary_name("file", 0, name);
	put(place, "file", "old");
	put(place, name, "left behind");
	temporary = open_one(place, true);
	assert_int_equal(lade_temporary_commit(&temporary, place->fd, "file", NULL), 0);
	lade_temporary_leave(&temporary);
	assert_false(there(place, name));
	assert_text(place, "file", "new");
	/* Somebody has it: then nothing happens to either. */
	put(place, name, "in use");
	held = openat(place->fd, name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(held, LOCK_EX), 0);
	temporary = open_one(place, true);
	assert_int_equal(lade_temporary_commit(&temporary, place->fd, "file", NULL), LADE_E_SYSTEM);
	lade_temporary_discard(&temporary, place->fd);
	assert_text(place, name, "in use");
	assert_text(place, "file", "new");
	close(held);
}

/* One that was killed while it found out has left an empty file; that is no reason to believe anything. */
static void test_trying_over_left(void **state)
{
	struct place *place = *state;
	char name[LADE_TEMPORARY_NAME_SIZE];

	need_unnamed(place);
	lade_temporary_name("file", 0, name);
	put(place, name, "");
	assert_true(lade_temporary_unnamed_works(place->fd, "file"));
	assert_false(there(place, name));
}

/* Finding out whether it works leaves nothing; where a file stands, it does not work. */
static void test_trying(void **state)
{
	struct place *place = *state;
	char name[LADE_TEMPORARY_NAME_SIZE];

	need_unnamed(place);
	lade_temporary_name("file", 0, name);
	assert_false(there(place, name));
	put(place, name, "old");
	assert_false(lade_temporary_unnamed_works(place->fd, "file"));
	assert_text(place, name, "old");
}

static void test_stale(void **state)
{
	struct place *place = *state;
	struct lade_temporary temporary;
	struct lade_fault fault;
	char name[LADE_TEMPORARY_NAME_SIZE];
	int held;

	lade_temporary_name("file", 0, name);
	put(place, name, "left behind");
	commit(place, false);

	put(place, name, "in use");
	held = openat(place->fd, name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(held, LOCK_EX), 0);
	assert_false(lade_temporary_remove_stale(place->fd, name));
	assert_int_equal(lade_temporary_open(place->fd, "file", 0, 0600, &temporary, &fault), LADE_E_REFUSED);
	assert_text(place, name, "in use");
	close(held);
	assert_true(lade_temporary_remove_stale(place->fd, name));
	assert_false(there(place, name));
	assert_true(lade_temporary_remove_stale(place->fd, name));
}

static struct lade_temporary open_itself(const struct place *place)
{
	struct lade_temporary temporary;
	struct lade_fault fault;

	assert_int_equal(lade_temporary_open_itself(place->fd, "file", 0640, &temporary, &fault), 0);
	assert_true(temporary.fd >= 0);
	assert_true(temporary.itself);
	assert_int_equal(pwrite(temporary.fd, "new", 3, 0), 3);
	return temporary;
}

static struct stat facts_of(const struct place *place, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(place->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

/* The file itself stays what it is, however it ends; one that is not there is made. */
static void test_itself(void **state)
{
	struct place *place = *state;
	struct lade_temporary temporary = open_itself(place);
	struct lade_fault fault;
	ino_t inode;

	assert_int_equal(facts_of(place, "file").st_mode & 07777, 0640);
	inode = facts_of(place, "file").st_ino;
	lade_temporary_discard(&temporary, place->fd);
	assert_int_equal(temporary.fd, -1);
	assert_text(place, "file", "new");
	assert_int_equal(linkat(place->fd, "file", place->fd, "other", 0), 0);
	for (int mode = 0; mode <= 0777; mode += 0111) {
		assert_int_equal(fchmodat(place->fd, "file", (mode_t)mode, 0), 0);
		temporary = open_itself(place);
		assert_int_equal(lade_temporary_commit(&temporary, place->fd, "file", &fault), 0);
		assert_int_equal(temporary.fd, -1);
		assert_int_equal(facts_of(place, "file").st_mode & 07777, mode);
	}
	assert_int_equal(facts_of(place, "file").st_ino, inode);
	assert_int_equal(facts_of(place, "other").st_ino, inode);
}

/* Nothing but a regular file is opened, and none that is being written to. */
static void test_not_itself(void **state)
{
	struct place *place = *state;
	struct lade_temporary temporary, other;
	struct lade_fault fault;

	put(place, "victim", "old");
	assert_int_equal(symlinkat("victim", place->fd, "file"), 0);
	assert_int_equal(lade_temporary_open_itself(place->fd, "file", 0600, &temporary, &fault), LADE_E_SYSTEM);
	assert_int_equal(temporary.fd, -1);
	assert_int_equal(unlinkat(place->fd, "file", 0), 0);
	assert_int_equal(mkfifoat(place->fd, "file", 0600), 0);
	assert_int_equal(lade_temporary_open_itself(place->fd, "file", 0600, &temporary, &fault), LADE_E_CHANGED);
	assert_int_equal(temporary.fd, -1);
	assert_int_equal(unlinkat(place->fd, "file", 0), 0);
	assert_int_equal(mkdirat(place->fd, "file", 0700), 0);
	assert_int_equal(lade_temporary_open_itself(place->fd, "file", 0600, &temporary, &fault), LADE_E_SYSTEM);
	assert_int_equal(unlinkat(place->fd, "file", AT_REMOVEDIR), 0);
	temporary = open_itself(place);
	assert_int_equal(linkat(place->fd, "file", place->fd, "other", 0), 0);
	assert_int_equal(lade_temporary_open_itself(place->fd, "other", 0600, &other, &fault), LADE_E_REFUSED);
	assert_int_equal(other.fd, -1);
	lade_temporary_discard(&temporary, place->fd);
	assert_int_equal(lade_temporary_open_itself(place->fd, "other", 0600, &other, &fault), 0);
	lade_temporary_discard(&other, place->fd);
	assert_text(place, "victim", "old");
}

static void test_names(void **state)
{
	char name[LADE_TEMPORARY_NAME_SIZE], other[LADE_TEMPORARY_NAME_SIZE];

	(void)state;
	lade_temporary_name("file", 0, name);
	assert_true(lade_temporary_is(name));
	lade_temporary_name("file", 1, other);
	assert_string_not_equal(name, other);
	lade_temporary_name("fil", 0, other);
	assert_string_not_equal(name, other);
	name[LADE_TEMPORARY_NAME_SIZE - 2] = 'g';
	assert_false(lade_temporary_is(name));
	assert_false(lade_temporary_is(".lade."));
	assert_false(lade_temporary_is("lade"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_named),
		TEST(test_unnamed),
		TEST(test_unnamed_over_left),
		TEST(test_trying_over_left),
		TEST(test_link_in_the_way),
		TEST(test_directory_in_the_way),
		TEST(test_discard),
		TEST(test_trying),
		TEST(test_stale),
		TEST(test_itself),
		TEST(test_not_itself),
		TEST(test_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
