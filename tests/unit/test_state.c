/*
 * The state directory: where it is, who may look into it, and that a file of it is the old one or the new one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/state.h"
#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char tree[PATH_MAX];

static int setup(void **state)
{
	(void)state;
	temp_tree_make(tree);
	umask(0); /* modes are to be right whatever it is */
	return chdir(tree);
}

static int teardown(void **state)
{
	(void)state;
	if (chdir("/"))
		return -1;
	temp_tree_remove(tree);
	return 0;
}

/* A path in the tree; one of four at a time. */
static const char *in_tree(const char *name)
{
	static char paths[4][PATH_MAX + 256];
	static unsigned turn;
	char *path = paths[turn++ % COUNT(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", tree, name);
	return path;
}

static void set(const char *name, const char *value)
{
	assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static int must_open(const char *name)
{
	struct lade_fault fault;
	int fd = -1;

	assert_int_equal(lade_state_open(name, &fd, &fault), 0);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	return fd;
}

static void must_be_at(int fd, const char *path)
{
	struct stat st, expected;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(lstat(path, &expected), 0);
	assert_true(S_ISDIR(expected.st_mode));
	assert_int_equal(st.st_ino, expected.st_ino);
	assert_int_equal(st.st_dev, expected.st_dev);
}

static void must_have_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

/* ---- where it is ---- */

static void test_below_xdg_state_home(void **state)
{
	int fd;

	(void)state;
	set("XDG_STATE_HOME", in_tree("xdg/deep"));
	set("HOME", in_tree("home"));
	fd = must_open("thing");
	must_be_at(fd, in_tree("xdg/deep/lade/thing"));
	close(fd);
	fd = must_open("thing"); /* it is there */
	must_be_at(fd, in_tree("xdg/deep/lade/thing"));
	close(fd);
	must_have_mode(in_tree("xdg"), 0700);
	must_have_mode(in_tree("xdg/deep"), 0700);
	must_have_mode(in_tree("xdg/deep/lade"), 0700);
	must_have_mode(in_tree("xdg/deep/lade/thing"), 0700);
	assert_int_not_equal(access(in_tree("home"), F_OK), 0);
}

/* The specification has what is empty or relative ignored. */
static void test_below_home(void **state)
{
	static const char *const ignored[] = { NULL, "", "relative", "./relative", "../relative", "~/state" };

	(void)state;
	for (size_t i = 0; i < COUNT(ignored); i++) {
		char home[16], path[64];
		int fd;

		snprintf(home, sizeof(home), "home-%zu", i);
		snprintf(path, sizeof(path), "%s/.local/state/lade/thing", home);
		set("XDG_STATE_HOME", ignored[i]);
		set("HOME", in_tree(home));
		fd = must_open("thing");
		must_be_at(fd, in_tree(path));
		must_have_mode(in_tree(path), 0700);
		close(fd);
		assert_int_not_equal(access(in_tree("relative"), F_OK), 0);
	}
}

static void test_trailing_slashes(void **state)
{
	int fd;

	(void)state;
	set("XDG_STATE_HOME", in_tree("slashes//"));
	fd = must_open("thing");
	must_be_at(fd, in_tree("slashes/lade/thing"));
	close(fd);
}

/* What stands there keeps its modes, and may be a link of the user's own. */
static void test_what_is_there_already(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mkdir(in_tree("elsewhere"), 0755), 0);
	assert_int_equal(symlink("elsewhere", in_tree("linked")), 0);
	set("XDG_STATE_HOME", in_tree("linked"));
	fd = must_open("thing");
	must_be_at(fd, in_tree("elsewhere/lade/thing"));
	close(fd);
	must_have_mode(in_tree("elsewhere"), 0755);
}

static void must_fail(int expected_errno, const char *named)
{
	struct lade_fault fault = { 0 };
	int fd = -1;

	assert_int_equal(lade_state_open("thing", &fd, &fault), LADE_E_SYSTEM);
	assert_int_equal(fd, -1);
	assert_int_equal(fault.code, LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, expected_errno);
	if (!strstr(fault.subject, named))
		fail_msg("\"%s\" does not name %s", fault.subject, named);
}

static void test_nowhere(void **state)
{
	static const char *const homes[] = { NULL, "", "relative" };

	(void)state;
	set("XDG_STATE_HOME", "relative");
	for (size_t i = 0; i < COUNT(homes); i++) {
		set("HOME", homes[i]);
		must_fail(ENOENT, "thing");
	}
	assert_int_not_equal(access(in_tree("relative"), F_OK), 0);
}

static void test_what_cannot_be_made(void **state)
{
	char path[PATH_MAX + 16];
	int fd = open(in_tree("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	set("XDG_STATE_HOME", in_tree("file"));
	must_fail(ENOTDIR, "file/lade");
	set("XDG_STATE_HOME", "/dev/null/x");
	must_fail(ENOTDIR, "/dev/null/x");
	/* Something else has the name of the directory. */
	assert_int_equal(mkdir(in_tree("taken"), 0700), 0);
	assert_int_equal(mkdir(in_tree("taken/lade"), 0700), 0);
	assert_int_equal(symlink("/dev/null", in_tree("taken/lade/thing")), 0);
	set("XDG_STATE_HOME", in_tree("taken"));
	must_fail(ENOTDIR, "taken/lade/thing");
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[PATH_MAX + 10] = '\0';
	set("XDG_STATE_HOME", path);
	must_fail(ENAMETOOLONG, "");
}

/* What is only looked for is not made. */
static void test_finding(void **state)
{
	struct lade_fault fault;
	int fd = -1;

	(void)state;
	set("XDG_STATE_HOME", "relative");
	set("HOME", NULL);
	assert_int_equal(lade_state_find("thing", &fd, &fault), LADE_E_SYSTEM);
	set("XDG_STATE_HOME", in_tree("found"));
	assert_int_equal(lade_state_find("thing", &fd, &fault), LADE_E_ABSENT);
	assert_int_not_equal(access(in_tree("found"), F_OK), 0);
	assert_int_equal(lade_state_open("thing", &fd, &fault), 0);
	close(fd);
	assert_int_equal(lade_state_find("thing", &fd, &fault), 0);
	close(fd);
}

/* ---- files ---- */

static int new_file(int directory_fd)
{
	struct lade_fault fault;
	int fd = -1;

	assert_int_equal(lade_state_new_file(directory_fd, &fd, &fault), 0);
	assert_true(fd >= 0);
	return fd;
}

static void put(int directory_fd, const char *name, const char *text)
{
	struct lade_fault fault;
	int fd = new_file(directory_fd);

	assert_int_equal(lade_state_write(fd, text, strlen(text), &fault), 0);
	assert_int_equal(lade_state_replace(directory_fd, fd, name, &fault), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* consumed */
}

static void must_have(int directory_fd, const char *name, const char *text)
{
	char buffer[256];
	int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	assert_true(fd >= 0);
	len = read(fd, buffer, sizeof(buffer));
	close(fd);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(buffer, text, strlen(text));
}

/* How many names there are. */
static unsigned names_in(int directory_fd)
{
	DIR *directory = fdopendir(openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)))
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static int a_directory(const char *name)
{
	set("XDG_STATE_HOME", in_tree(name));
	return must_open("files");
}

static void test_replacing(void **state)
{
	int fd = a_directory("replacing"), unfinished;
	struct stat st;

	(void)state;
	put(fd, "name", "one");
	must_have(fd, "name", "one");
	assert_int_equal(fstatat(fd, "name", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* What is not finished has no name: a crash leaves the old one alone. */
	unfinished = new_file(fd);
	assert_int_equal(write(unfinished, "tw", 2), 2);
	assert_int_equal(names_in(fd), 1);
	must_have(fd, "name", "one");
	close(unfinished);
	put(fd, "name", "two, which is longer");
	must_have(fd, "name", "two, which is longer");
	put(fd, "name", "");
	must_have(fd, "name", "");
	put(fd, "other", "another");
	must_have(fd, "other", "another");
	assert_int_equal(names_in(fd), 2);
	close(fd);
}

/* Whoever has the old one open goes on reading that. */
static void test_the_old_one_stays_as_it_was(void **state)
{
	int fd = a_directory("old"), old;
	char buffer[8];

	(void)state;
	put(fd, "name", "one");
	old = openat(fd, "name", O_RDONLY | O_CLOEXEC);
	put(fd, "name", "two");
	assert_int_equal(read(old, buffer, sizeof(buffer)), 3);
	assert_memory_equal(buffer, "one", 3);
	close(old);
	close(fd);
}

/* A link that somebody put there is replaced, not followed. */
static void test_a_link_is_replaced(void **state)
{
	int fd = a_directory("link");

	(void)state;
	put(fd, "target", "mine");
	assert_int_equal(symlinkat("target", fd, "name"), 0);
	put(fd, "name", "new");
	must_have(fd, "target", "mine");
	must_have(fd, "name", "new");
	assert_int_equal(names_in(fd), 2);
	close(fd);
}

static void test_what_cannot_be_replaced(void **state)
{
	struct lade_fault fault = { 0 };
	int fd = a_directory("fails"), file;

	(void)state;
	assert_int_equal(mkdirat(fd, "directory", 0700), 0);
	file = new_file(fd);
	assert_int_equal(lade_state_replace(fd, file, "directory", &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EISDIR);
	assert_non_null(strstr(fault.subject, "directory"));
	assert_int_equal(names_in(fd), 1);
	assert_int_equal(fcntl(file, F_GETFD), -1); /* consumed all the same */
	/* No directory any more. */
	assert_int_equal(unlinkat(fd, "directory", AT_REMOVEDIR), 0);
	file = new_file(fd);
	assert_int_equal(rmdir(in_tree("fails/lade/files")), 0);
	assert_int_equal(lade_state_replace(fd, file, "name", &fault), LADE_E_SYSTEM);
	assert_int_equal(lade_state_new_file(fd, &file, &fault), LADE_E_SYSTEM);
	close(fd);
}

/* On file systems without O_TMPFILE a new file has a name from the beginning. */
static void test_one_that_has_a_name(void **state)
{
	struct lade_fault fault;
	int fd = a_directory("named"), file;
	char name[64];

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		file = new_file(fd);
		close(file);
		/* The descriptor is free again, and what comes next gets it. */
		snprintf(name, sizeof(name), "new.%ld.%d", (long)getpid(), file);
		assert_int_equal(openat(fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), file);
		if (turn == 0)
			lade_state_discard(fd, file);
		else
			assert_int_equal(lade_state_replace(fd, file, "name", &fault), 0);
		assert_int_equal(fcntl(file, F_GETFD), -1);
		assert_int_equal(names_in(fd), turn);
	}
	close(fd);
}

static void test_discarding(void **state)
{
	int fd = a_directory("discarded"), file = new_file(fd);

	(void)state;
	lade_state_discard(fd, file);
	assert_int_equal(fcntl(file, F_GETFD), -1);
	assert_int_equal(names_in(fd), 0);
	close(fd);
}

/* What a killed run left is removed when that is sure, and nothing else is. */
static void test_what_was_left(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	static const char *const names[] = { "new.1.2", "new.3.4", "newer", "other" };
	int fd = a_directory("left");

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		put(fd, names[i], "content");
		if (i != 1)
			assert_int_equal(utimensat(fd, names[i], long_ago, 0), 0);
	}
	close(fd);
	fd = must_open("files");
	assert_int_equal(names_in(fd), COUNT(names) - 1);
	assert_int_equal(faccessat(fd, "new.1.2", F_OK, 0), -1);
	close(fd);
}

static void test_a_disk_that_is_full(void **state)
{
	struct rlimit before, limit;
	struct lade_fault fault = { 0 };
	int fd = a_directory("full"), file, error;

	(void)state;
	put(fd, "name", "old");
	file = new_file(fd);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 5;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	/* Five of them fit: a part is no success. */
	error = lade_state_write(file, "new content", 11, &fault);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(error, LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EFBIG);
	close(file);
	must_have(fd, "name", "old");
	assert_int_equal(names_in(fd), 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_below_xdg_state_home),
		cmocka_unit_test(test_below_home),
		cmocka_unit_test(test_trailing_slashes),
		cmocka_unit_test(test_what_is_there_already),
		cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_what_cannot_be_made),
		cmocka_unit_test(test_finding),
		cmocka_unit_test(test_replacing),
		cmocka_unit_test(test_the_old_one_stays_as_it_was),
		cmocka_unit_test(test_a_link_is_replaced),
		cmocka_unit_test(test_what_cannot_be_replaced),
		cmocka_unit_test(test_one_that_has_a_name),
		cmocka_unit_test(test_discarding),
		cmocka_unit_test(test_what_was_left),
		cmocka_unit_test(test_a_disk_that_is_full),
	};

	(void)signal(SIGXFSZ, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
