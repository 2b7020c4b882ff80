/*
 * Files of secrets: theirs alone, whole or not there, and nothing is left beside them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/private_file.h"
#include "tests/unit/temp_tree.h"

static char root[PATH_MAX];

static const char *path_of(const char *name)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void holds(const char *name, const char *expected)
{
	char got[64];
	FILE *file = fopen(path_of(name), "r");
	size_t len;

	assert_non_null(file);
	len = fread(got, 1, sizeof(got), file);
	fclose(file);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(got, expected, len);
}

/* So many entries are in the directory. */
static void has_entries(size_t expected)
{
	char *paths[] = { root, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL, NULL);
	FTSENT *entry;
	size_t count = 0;

	assert_non_null(walk);
	while ((entry = fts_read(walk)))
		count += entry->fts_level == 1 && entry->fts_info != FTS_DP;
	fts_close(walk);
	assert_int_equal(count, expected);
}

static void makes(void **state)
{
	struct stat st;
	mode_t before = umask(0);

	(void)state;
	assert_int_equal(lade_private_file_put(path_of("one"), "secret", 6, false), 0);
	umask(before);
	holds("one", "secret");
	assert_int_equal(stat(path_of("one"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	has_entries(1);
}

static void replaces_if_told(void **state)
{
	(void)state;
	errno = 0;
	assert_int_equal(lade_private_file_put(path_of("one"), "another", 7, false), -1);
	assert_int_equal(errno, EEXIST);
	holds("one", "secret");
	has_entries(1);
	assert_int_equal(lade_private_file_put(path_of("one"), "another", 7, true), 0);
	holds("one", "another");
	assert_int_equal(lade_private_file_put(path_of("two"), "", 0, true), 0);
	holds("two", "");
	has_entries(2);
}

static void fails(void **state)
{
	char path[2 * PATH_MAX];

	(void)state;
	assert_int_equal(lade_private_file_put(path_of("none/file"), "x", 1, false), -1);
	assert_int_equal(errno, ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(lade_private_file_put(path, "x", 1, false), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	/* rename(2) fails when all is written. */
	assert_int_equal(mkdir(path_of("directory"), 0700), 0);
	assert_int_equal(lade_private_file_put(path_of("directory"), "x", 1, true), -1);
	assert_int_equal(errno, EISDIR);
	has_entries(3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(makes), cmocka_unit_test(replaces_if_told), cmocka_unit_test(fails) };
	int result;

	temp_tree_make(root);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	temp_tree_remove(root);
	return result;
}
