/*
 * --fake-super: what is written beside a file, what is read of it, and what is not believed.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/tree/fake_super.h"
#include "tests/unit/temp_tree.h"

#define NOTE "user.rsync.%stat"

struct fixture {
	char base[PATH_MAX];
	int fd;   /* of the tree */
	int file; /* "file" in it */
	struct lade_attributes_place place;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	temp_tree_make(fixture->base);
	fixture->fd = open(fixture->base, O_RDONLY | O_DIRECTORY);
	fixture->file = openat(fixture->fd, "file", O_CREAT | O_RDWR, 0640);
	assert_true(fixture->fd >= 0 && fixture->file >= 0);
	fixture->place = (struct lade_attributes_place){ -1, fixture->fd, "file" };
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	close(fixture->file);
	close(fixture->fd);
	temp_tree_remove(fixture->base);
	free(fixture);
	return 0;
}

static void need_attributes(const struct fixture *fixture)
{
	if (fsetxattr(fixture->file, "user.probe", "", 0, 0))
		skip();
}

static struct stat stat_of(const struct fixture *fixture)
{
	struct stat st;

	assert_int_equal(fstat(fixture->file, &st), 0);
	return st;
}

static void assert_note(const struct fixture *fixture, const char *expected)
{
	char text[128];
	ssize_t len = fgetxattr(fixture->file, NOTE, text, sizeof(text) - 1);

	text[len < 0 ? 0 : len] = '\0';
	assert_string_equal(text, expected);
}

static void test_write(void **state)
{
	struct fixture *fixture = *state;
	struct stat st = stat_of(fixture), wanted = st;

	need_attributes(fixture);
	wanted.st_mode = S_IFBLK | 0604;
	wanted.st_rdev = makedev(7, 300);
	wanted.st_uid = 12345;
	wanted.st_gid = 54321;
	assert_int_equal(lade_fake_super_write(&fixture->place, &wanted, NULL), 0);
	assert_note(fixture, "60604 7,300 12345:54321");
	assert_int_equal(stat_of(fixture).st_mode, S_IFREG | 0604);
	/* The owner can read and write it whatever it passes for. */
	wanted.st_mode = S_IFREG | 04051;
	assert_int_equal(lade_fake_super_write(&fixture->place, &wanted, NULL), 0);
	assert_note(fixture, "104051 0,0 12345:54321");
	assert_int_equal(stat_of(fixture).st_mode, S_IFREG | 0651);
	/* What it is need not be noted. */
	st.st_mode = S_IFREG | 0600;
	assert_int_equal(lade_fake_super_write(&(struct lade_attributes_place){ fixture->file, -1, "file" }, &st, NULL), 0);
	assert_note(fixture, "");
}

static void test_read(void **state)
{
	struct fixture *fixture = *state;
	struct stat st = stat_of(fixture);

	need_attributes(fixture);
	assert_int_equal(lade_fake_super_read(&fixture->place, &st, NULL), 0);
	assert_int_equal(write(fixture->file, "target", 6), 6);
	assert_int_equal(fsetxattr(fixture->file, NOTE, "120777 0,0 5:6", 14, 0), 0);
	st = stat_of(fixture);
	assert_int_equal(lade_fake_super_read(&fixture->place, &st, NULL), 1);
	assert_int_equal(st.st_mode, S_IFLNK | 0777);
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_gid, 6);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(fsetxattr(fixture->file, NOTE, "20666 1,3 0:0", 13, 0), 0);
	st = stat_of(fixture);
	assert_int_equal(lade_fake_super_read(&(struct lade_attributes_place){ fixture->file, -1, "file" }, &st, NULL), 1);
	assert_int_equal(st.st_mode, S_IFCHR | 0666);
	assert_int_equal(st.st_rdev, makedev(1, 3));
}

/* Whoever may write to the tree may write anything. */
static void test_nonsense(void **state)
{
	static const char *const notes[] = {
		"", "x", "100644", "100644 0,0", "100644 0,0 1:", "100644 0,0 1:2 ", " 100644 0,0 1:2", "100644 0,0 -1:2", "100644 0,0 +1:2",
		"100644 0,0 4294967295:2", "100644 0,0 99999999999999999999:2", "777777 0,0 1:2", "0644 0,0 1:2", "40755 0,0 1:2",
		"100648 0,0 1:2", "170644 0,0 1:2",
	};
	struct fixture *fixture = *state;
	const struct stat before = stat_of(fixture);
	char long_note[200];
	struct stat st;

	need_attributes(fixture);
	memset(long_note, '1', sizeof(long_note));
	for (size_t i = 0; i <= sizeof(notes) / sizeof(notes[0]); i++) {
		const char *note = i < sizeof(notes) / sizeof(notes[0]) ? notes[i] : long_note;
		size_t len = note == long_note ? sizeof(long_note) : strlen(note);

		st = before;
		assert_int_equal(fsetxattr(fixture->file, NOTE, note, len, 0), 0);
		if (lade_fake_super_read(&fixture->place, &st, NULL) != LADE_E_SYSTEM)
			fail_msg("'%.*s' was understood", (int)len, note);
		assert_memory_equal(&st, &before, sizeof(st));
	}
	/* A directory is one, and nothing else is. */
	assert_int_equal(fstat(fixture->fd, &st), 0);
	if (fsetxattr(fixture->fd, NOTE, "100644 0,0 1:2", 14, 0) == 0)
		assert_int_equal(lade_fake_super_read(&(struct lade_attributes_place){ fixture->fd, -1, "." }, &st, NULL), LADE_E_SYSTEM);
}

static void test_make(void **state)
{
	struct fixture *fixture = *state;
	char target[8];

	assert_int_equal(lade_fake_super_make(fixture->fd, "fifo", NULL), 0);
	assert_int_equal(lade_fake_super_make(fixture->fd, "link", "where"), 0);
	assert_int_equal(lade_fake_super_make(fixture->fd, "link", "where"), -1);
	assert_int_equal(lade_fake_super_readlink(fixture->fd, "link", target, sizeof(target)), 5);
	assert_memory_equal(target, "where", 5);
	assert_int_equal(lade_fake_super_readlink(fixture->fd, "fifo", target, sizeof(target)), -1);
	assert_int_equal(write(fixture->file, "a\0b", 3), 3);
	assert_int_equal(lade_fake_super_readlink(fixture->fd, "file", target, sizeof(target)), -1);
	/* A symlink is not followed. */
	assert_int_equal(symlinkat("link", fixture->fd, "real"), 0);
	assert_int_equal(lade_fake_super_readlink(fixture->fd, "real", target, sizeof(target)), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_make, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
