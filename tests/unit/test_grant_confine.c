/*
 * The walls of a process that serves a grant: what it can still do, of all that its user may. A child of each test confines itself as a
 * worker of the daemon does, by lade_grant_confine(), and tries; how far it comes is in its exit status.
 */
#include "agent/sync/grant.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/temp_tree.h"

/* Bits of what a child could do. */
enum {
	READ_INSIDE = 1,
	CHANGE_INSIDE = 2,  /* make, rename and remove */
	CHANGE_STATE = 4,
	SPOOL = 8,          /* write a file without a name where spools are */
	READ_LIBRARY = 16,  /* what name services need */
	GO_OUT = 32,        /* read, list, make, truncate or remove anything else */
	EXECUTE = 64,
};

/* The exit status of a child that could not be confined. */
#define BROKEN 255

static char top[PATH_MAX];
static int top_fd;
static struct lade_grant grant;

static void put(const char *path)
{
	int fd = openat(top_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0 && write(fd, "content", 7) == 7);
	close(fd);
}

/* top/inside, top/state, top/spool ($TMPDIR), top/outside/dir: each but the spool with a file "file". */
static int set_up(void **state)
{
	char spool[PATH_MAX + 8];

	(void)state;
	temp_tree_make(top);
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top_fd, "inside", 0755) | mkdirat(top_fd, "state", 0755) | mkdirat(top_fd, "spool", 0755) |
			 mkdirat(top_fd, "outside", 0755) | mkdirat(top_fd, "outside/dir", 0755), 0);
	put("inside/file");
	put("state/file");
	put("outside/file");
	snprintf(spool, sizeof(spool), "%s/spool", top);
	assert_int_equal(setenv("TMPDIR", spool, 1), 0);
	grant = (struct lade_grant){
		.root_fd = openat(top_fd, "inside", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.state_fd = openat(top_fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC), .may_read = true,
	};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(unsetenv("TMPDIR"), 0);
	close(grant.root_fd);
	close(grant.state_fd);
	close(top_fd);
	temp_tree_remove(top);
	return 0;
}

/* True if path below the open directory can be opened like that. */
static bool opens(int directory_fd, const char *path, int flags)
{
	int fd = openat(directory_fd, path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* True if something can be changed in the open directory, which has a file. Each of it is tried. */
static bool changes(int directory_fd)
{
	bool made = opens(directory_fd, "new", O_WRONLY | O_CREAT), renamed = renameat(directory_fd, "file", directory_fd, "other") == 0;
	bool truncated = opens(directory_fd, renamed ? "other" : "file", O_WRONLY | O_TRUNC);
	bool removed = unlinkat(directory_fd, renamed ? "other" : "file", 0) == 0;

	return made || renamed || truncated || removed;
}

/* True if what was opened before the walls, a directory that no rule is about, is of use. */
static bool goes_out(int outside_fd)
{
	return opens(outside_fd, "file", O_RDONLY) || opens(outside_fd, "dir", O_RDONLY | O_DIRECTORY) || changes(outside_fd) ||
	       unlinkat(outside_fd, "dir", AT_REMOVEDIR) == 0 || opens(AT_FDCWD, top, O_RDONLY | O_DIRECTORY) ||
	       opens(AT_FDCWD, "/etc/hostname", O_RDONLY) || opens(AT_FDCWD, "/proc/self/environ", O_RDONLY) ||
	       linkat(outside_fd, "file", grant.root_fd, "link", 0) == 0;
}

/* What a process of the grant can do: bits. */
static int confined(void)
{
	int outside_fd = openat(top_fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC), can = 0;

	if (outside_fd < 0 || lade_grant_confine(&grant, NULL) <= 0)
		return BROKEN;
	can |= opens(grant.root_fd, "file", O_RDONLY) ? READ_INSIDE : 0;
	can |= changes(grant.root_fd) ? CHANGE_INSIDE : 0;
	can |= changes(grant.state_fd) ? CHANGE_STATE : 0;
	can |= opens(AT_FDCWD, getenv("TMPDIR"), O_RDWR | O_TMPFILE) || errno == EOPNOTSUPP ? SPOOL : 0;
	can |= opens(AT_FDCWD, "/etc/passwd", O_RDONLY) ? READ_LIBRARY : 0;
	can |= goes_out(outside_fd) ? GO_OUT : 0;
	/* A program that is executed leaves with 0, which no test expects. */
	(void)execl("/bin/true", "true", (char *)NULL);
	return can | (errno == EACCES ? 0 : EXECUTE);
}

static void check_confined(int expected)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(confined());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void test_readers(void **state)
{
	(void)state;
	check_confined(READ_INSIDE | CHANGE_STATE | SPOOL | READ_LIBRARY);
}

static void test_writers(void **state)
{
	(void)state;
	grant.may_write = true;
	check_confined(READ_INSIDE | CHANGE_INSIDE | CHANGE_STATE | SPOOL | READ_LIBRARY);
}

/* Without a state there is none. */
static void test_without_state(void **state)
{
	int state_fd = grant.state_fd;

	(void)state;
	grant.state_fd = -1;
	check_confined(READ_INSIDE | SPOOL | READ_LIBRARY);
	grant.state_fd = state_fd;
}

/* False: the kernel has none, or they are off. */
static bool has_walls(void)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(lade_grant_confine(&(struct lade_grant){ .root_fd = -1, .state_fd = -1, .may_write = true }, NULL) == 0);
	return waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_readers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_writers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_state, set_up, tear_down),
	};

	if (!has_walls()) {
		puts("1..0 # SKIP no Landlock in this kernel");
		return 0;
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("grant_confine", tests, NULL, NULL);
}
