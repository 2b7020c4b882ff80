/*
 * Named paths below a base, by openat2(2) and without it: what they lead to, what they do not, and what is hidden.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/tree/landlock.h"
#include "agent/tree/place.h"
#include "tests/unit/temp_tree.h"

static char top[PATH_MAX];
static struct lade_base base;

/*
 * top/outside/secret, top/base/sub/deep/, top/base/file, and symlinks in top/base: inner -> sub, climbing -> ../outside, absolute -> top/outside,
 * round -> sub/../../base/sub
 */
static int set_up(void **state)
{
	char path[PATH_MAX + 16];
	int fd;

	temp_tree_make(top);
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(fd, "outside", 0755) | mkdirat(fd, "base", 0755) | mkdirat(fd, "base/sub", 0755) |
			 mkdirat(fd, "base/sub/deep", 0755), 0);
	close(openat(fd, "outside/secret", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(openat(fd, "base/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	snprintf(path, sizeof(path), "%s/outside", top);
	assert_int_equal(symlinkat("sub", fd, "base/inner") | symlinkat("../outside", fd, "base/climbing") |
			 symlinkat(path, fd, "base/absolute") | symlinkat("sub/../../base/sub", fd, "base/round"), 0);
	base = (struct lade_base){ .fd = openat(fd, "base", O_PATH | O_DIRECTORY | O_CLOEXEC), .plain = *state != NULL };
	assert_true(base.fd >= 0);
	close(fd);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(base.fd);
	temp_tree_remove(top);
	return 0;
}

/* Where path leads: the path below the base, or "errno N" in words. The caller frees it. */
static char *leads_to(const char *path, int flags)
{
	int fd = lade_place_open(&base, path, O_PATH | flags);
	char *where;

	if (fd < 0)
		return strdup(strerror(errno));
	where = lade_place_of(&base, fd);
	close(fd);
	return where;
}

static void check_leads(const char *path, const char *expected)
{
	char *where = leads_to(path, 0);

	assert_non_null(where);
	assert_string_equal(where, expected);
	free(where);
}

static void test_names_of_the_base(void **state)
{
	static const char *const names[] = { "", ".", "/", "//", "./", "/.", "/./", "sub/..", "/sub/deep/../../" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_leads(names[i], "");
}

static void test_what_is_inside(void **state)
{
	(void)state;
	check_leads("sub", "sub");
	check_leads("/sub/", "sub");
	check_leads("/sub//deep/./", "sub/deep");
	check_leads("sub/../file", "file");
	check_leads("nothing", strerror(ENOENT));
	check_leads("file/", strerror(ENOTDIR));
}

static void test_what_leads_out(void **state)
{
	static const char *const ways[] = { "..", "/..", "../outside", "sub/../../outside", "../base", "/../base/sub" };

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		check_leads(ways[i], strerror(EACCES));
}

static void test_symlinks(void **state)
{
	/* Without openat2(2) none is followed. */
	char *climbing = leads_to("climbing/secret", 0), *absolute = leads_to("absolute/secret", 0), *round = leads_to("round/", O_DIRECTORY);

	(void)state;
	check_leads("inner/deep", base.plain ? strerror(ENOTDIR) : "sub/deep");
	assert_string_equal(climbing, strerror(base.plain ? ENOTDIR : EACCES));
	assert_string_equal(absolute, strerror(base.plain ? ENOTDIR : EACCES));
	assert_string_equal(round, strerror(base.plain ? ENOTDIR : EACCES));
	free(climbing);
	free(absolute);
	free(round);
}

static void test_stat(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(lade_place_stat(&base, "climbing", false, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lade_place_stat(&base, "/climbing", true, &st), base.plain ? 0 : -1);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lade_place_stat(&base, "/", true, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(lade_place_stat(NULL, top, true, &st), 0);
}

static void test_directories(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(lade_place_make_directory(&base, "/sub/new/", 0700), 0);
	assert_int_equal(lade_place_stat(&base, "sub/new", false, &st), 0);
	assert_int_equal(lade_place_make_directory(&base, "sub/new", 0700), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(lade_place_make_directory(&base, "/", 0700), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(lade_place_make_directory(&base, "climbing/new", 0700), -1);
	assert_int_equal(lade_place_make_directory(&base, "../new", 0700), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(lade_place_remove_directory(&base, "../outside"), -1);
	assert_int_equal(lade_place_remove_directory(&base, "/sub/new"), 0);
	assert_int_equal(lade_place_stat(&base, "sub/new", false, &st), -1);
}

/* "hide" anywhere, and sub/deep */
static bool hides(void *context, const char *path, bool is_directory)
{
	const char *slash = strrchr(path, '/');

	(void)context;
	return strcmp(slash ? slash + 1 : path, "hide") == 0 || (is_directory && strcmp(path, "sub/deep") == 0);
}

static void test_hiding(void **state)
{
	(void)state;
	base.hides = hides;
	check_leads("sub", "sub");
	check_leads("sub/deep", strerror(ENOENT));
	check_leads("inner/deep", strerror(base.plain ? ENOTDIR : ENOENT));
	check_leads("sub/../sub/deep/", strerror(ENOENT));
	assert_int_equal(lade_place_make_directory(&base, "sub/hide", 0700), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(lade_place_make_directory(&base, "sub/shown", 0700), 0);
	assert_true(lade_place_hidden(&base, "a/hide/b", false));
	assert_true(lade_place_hidden(&base, "sub/deep/x/y", false));
	assert_false(lade_place_hidden(&base, "sub/deeper", true));
	assert_false(lade_place_hidden(&base, "", true));
	assert_true(lade_place_hides_in(&base, base.fd, "hide", false));
	assert_false(lade_place_hides_in(&base, base.fd, "seek", false));
}

static void test_cleaning(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" }, { "/", "" }, { "a", "a" }, { "/a//b/", "a/b" }, { "./a/./b", "a/b" }, { "a/../b", "b" }, { "../a", "a" }, { "a/..", "" },
		{ "a/b/../../..", "" }, { "...", "..." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *clean = lade_place_clean(pairs[i][0]);

		assert_string_equal(clean, pairs[i][1]);
		free(clean);
	}
}

/* What a confined process can do: bits of its exit status. */
static int confined(enum lade_landlock_right right)
{
	const struct lade_landlock_place place = { base.fd, right };
	char path[PATH_MAX + 32];
	int version = lade_landlock_confine(&place, 1, NULL), done = 0, fd;

	if (version <= 0)
		return 100;
	snprintf(path, sizeof(path), "%s/outside/secret", top);
	done |= open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 1 : 0;
	snprintf(path, sizeof(path), "%s/outside/new", top);
	done |= open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ? 2 : 0;
	done |= openat(base.fd, "file", O_RDONLY | O_CLOEXEC) >= 0 ? 4 : 0;
	fd = openat(base.fd, "sub/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	done |= fd >= 0 ? 8 : 0;
	done |= renameat(base.fd, "sub/new", base.fd, "moved") == 0 ? 16 : 0;
	return done;
}

static void check_confined(enum lade_landlock_right right, int expected)
{
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(confined(right));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 100) {
		print_message("no Landlock in this kernel\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void test_landlock_read(void **state)
{
	(void)state;
	check_confined(LADE_LANDLOCK_READ, 4);
}

static void test_landlock_write(void **state)
{
	(void)state;
	check_confined(LADE_LANDLOCK_WRITE, 4 | 8 | 16);
}

static void test_landlock_spool(void **state)
{
	(void)state;
	check_confined(LADE_LANDLOCK_SPOOL, 4);
}

#define BOTH(test) \
	{ #test, test, set_up, tear_down, NULL }, { #test " without openat2", test, set_up, tear_down, &base }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_names_of_the_base),
		BOTH(test_what_is_inside),
		BOTH(test_what_leads_out),
		BOTH(test_symlinks),
		BOTH(test_stat),
		BOTH(test_directories),
		BOTH(test_hiding),
		cmocka_unit_test(test_cleaning),
		cmocka_unit_test_setup_teardown(test_landlock_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_landlock_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_landlock_spool, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
