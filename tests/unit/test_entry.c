/*
 * Tests of protocol/entry: the names that may be used, and the fields that each type
 * of entry may have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "protocol/entry.h"
#include "protocol/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAME(text) \
	{ \
		text, sizeof(text) - 1 \
	}

static char long_name[LADE_TARGET_MAX + 1]; /* filled by main */

struct name {
	const char *text;
	size_t len;
};

static struct lade_slice slice_of(struct name name)
{
	return lade_slice(name.text, name.len);
}

static void test_names(void **state)
{
	static const struct name good[] = {
		NAME("a"),  NAME("..."),      NAME(".a"), NAME("..a"),
		NAME("a."), NAME(" "),        NAME("\n"), NAME("-rf"),
		NAME("\\"), NAME("\xff\xfe"), NAME("~"),  { long_name, 255 },
	};
	static const struct name bad[] = {
		NAME(""),    NAME("."),   NAME(".."),         NAME("/"),    NAME("a/b"),
		NAME("a/"),  NAME("/a"),  NAME("../a"),       NAME("a\0b"), NAME("\0"),
		NAME(".\0"), NAME("a\0"), { long_name, 256 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(lade_entry_name_valid(slice_of(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(lade_entry_name_valid(slice_of(bad[i])));
	assert_false(lade_entry_name_valid(lade_slice(NULL, 0)));
}

static struct lade_msg_entry plain(uint32_t mode)
{
	struct lade_msg_entry entry = { .name = lade_slice("name", 4), .mode = mode };

	if (S_ISLNK(mode))
		entry.target = lade_slice("target", 6);
	return entry;
}

static void assert_good(struct lade_msg_entry entry)
{
	assert_int_equal(lade_entry_check(&entry, false), 0);
	assert_int_equal(lade_entry_check(&entry, true), 0);
}

static void assert_bad(struct lade_msg_entry entry)
{
	assert_int_equal(lade_entry_check(&entry, false), LADE_E_PROTOCOL);
}

static const uint32_t types[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK };

static void test_paths(void **state)
{
	(void)state;
	assert_true(lade_entry_path_valid("a"));
	assert_true(lade_entry_path_valid("/a/b//c/"));
	assert_false(lade_entry_path_valid(""));
	assert_false(lade_entry_path_valid("/"));
	assert_false(lade_entry_path_valid("//a"));
	assert_false(lade_entry_path_valid("a/../b"));
	assert_false(lade_entry_path_valid("./a"));
}

static void test_types(void **state)
{
	(void)state;
	for (uint32_t type = 0; type <= 15; type++) {
		uint32_t mode = type << 12 | 07777;
		bool known = false;

		for (size_t i = 0; i < COUNT(types); i++)
			known |= types[i] == (mode & S_IFMT);
		if (known)
			assert_good(plain(mode));
		else
			assert_bad(plain(mode));
	}
}

static void test_root_is_a_directory(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct lade_msg_entry entry = plain(types[i] | 0755);
		int expected = S_ISDIR(entry.mode) ? 0 : LADE_E_PROTOCOL;

		entry.name = lade_slice(".", 1);
		assert_int_equal(lade_entry_check(&entry, true), expected);
		assert_int_equal(lade_entry_check(&entry, false), LADE_E_PROTOCOL);
		entry.name = lade_slice("..", 2);
		assert_int_equal(lade_entry_check(&entry, true), LADE_E_PROTOCOL);
		entry.name = lade_slice("", 0);
		assert_int_equal(lade_entry_check(&entry, true), LADE_E_PROTOCOL);
	}
}

/* Each field belongs to some types: with the others it is a contradiction. */
static void test_fields_belong_to_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		uint32_t mode = types[i] | 0600;
		struct lade_msg_entry size = plain(mode), digest = size, major = size, minor = size,
				      target = size;
		struct lade_msg_entry leader = size, follower = size;

		size.size = 1;
		digest.digest = lade_slice("0123456789abcdef", LADE_DIGEST_LEN);
		major.rdev_major = 1;
		minor.rdev_minor = UINT32_MAX;
		target.target = lade_slice(S_ISLNK(mode) ? "" : "x", S_ISLNK(mode) ? 0 : 1);
		leader.link = LADE_LINK_LEADER;
		follower.link = LADE_LINK_FOLLOWS + 7;
		(S_ISREG(mode) || S_ISDIR(mode) ? assert_good : assert_bad)(size);
		(S_ISREG(mode) ? assert_good : assert_bad)(digest);
		(S_ISBLK(mode) || S_ISCHR(mode) ? assert_good : assert_bad)(major);
		(S_ISBLK(mode) || S_ISCHR(mode) ? assert_good : assert_bad)(minor);
		(S_ISDIR(mode) ? assert_bad : assert_good)(leader);
		(S_ISDIR(mode) ? assert_bad : assert_good)(follower);
		assert_bad(target);
	}
}

static void test_digest_lengths(void **state)
{
	struct lade_msg_entry entry = plain(S_IFREG | 0644);

	(void)state;
	for (size_t len = 0; len <= LADE_DIGEST_LEN + 1; len++) {
		entry.digest = lade_slice(long_name, len);
		(len == 0 || len == LADE_DIGEST_LEN ? assert_good : assert_bad)(entry);
	}
}

static void test_targets(void **state)
{
	static const struct name good[] = {
		NAME("x"),
		NAME("/etc/passwd"),
		NAME("../../.."),
		NAME("a b\n"),
		{ long_name, LADE_TARGET_MAX - 1 },
	};
	static const struct name bad[] = {
		NAME(""),
		NAME("a\0"),
		NAME("\0a"),
		{ long_name, LADE_TARGET_MAX },
	};
	struct lade_msg_entry entry = plain(S_IFLNK | 0777);

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		entry.target = slice_of(good[i]);
		assert_good(entry);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		entry.target = slice_of(bad[i]);
		assert_bad(entry);
	}
}

/* The bits of options, items and severities are on the wire. */
static void test_bits_are_fixed(void **state)
{
	(void)state;
	assert_int_equal(LADE_OPTION_RECURSIVE, 0x1);
	assert_int_equal(LADE_OPTION_HARD_LINKS, 0x100);
	assert_int_equal(LADE_OPTION_DRY_RUN, 0x2000);
	assert_int_equal(LADE_OPTION_FAIL_CHANGED, 0x40000);
	assert_int_equal(LADE_OPTION_WHOLE_FILE, 0x80000);
	assert_int_equal(LADE_OPTION_FUZZY, 0x100000);
	assert_int_equal(LADE_OPTION_INPLACE, 0x200000);
	assert_int_equal(LADE_OPTION_SPARSE, 0x400000);
	assert_int_equal(LADE_OPTION_INDEX, 0x800000);
	assert_int_equal(LADE_OPTION_IGNORE_ERRORS, 0x400000000000000);
	assert_int_equal(LADE_OPTION_FORCE, 0x800000000000000);
	assert_int_equal(LADE_OPTION_BACKUP, 0x1000000000000000);
	assert_int_equal(LADE_OPTION_REMOVE_SOURCE_FILES, 0x4000000000000000);
	assert_int_equal(LADE_OPTION_DELAY_UPDATES, 0x2000000000000000);
	assert_int_equal(LADE_OPTION_DIRS, 0x2000000);
	assert_int_equal(LADE_OPTION_RELATIVE, 0x4000000);
	assert_int_equal(LADE_OPTION_NO_IMPLIED_DIRS, 0x8000000);
	assert_int_equal(LADE_OPTION_ONE_FILE_SYSTEM, 0x10000000);
	assert_int_equal(LADE_OPTION_NO_MOUNT_POINTS, 0x20000000);
	assert_int_equal(LADE_OPTION_COPY_LINKS, 0x40000000);
	assert_int_equal(LADE_OPTION_COPY_DIRLINKS, 0x80000000);
	assert_int_equal(LADE_OPTION_SAFE_LINKS, 0x100000000);
	assert_int_equal(LADE_OPTION_COPY_UNSAFE_LINKS, 0x200000000);
	assert_int_equal(LADE_OPTION_MUNGE_LINKS, 0x400000000);
	assert_int_equal(LADE_OPTION_IGNORE_MISSING_ARGS, 0x800000000);
	assert_int_equal(LADE_OPTION_DELETE_MISSING_ARGS, 0x1000000000);
	assert_int_equal(LADE_OPTION_EXISTING, 0x2000000000);
	assert_int_equal(LADE_OPTION_IGNORE_EXISTING, 0x4000000000);
	assert_int_equal(LADE_OPTION_UPDATE, 0x8000000000);
	assert_int_equal(LADE_OPTION_IGNORE_TIMES, 0x10000000000);
	assert_int_equal(LADE_OPTION_SIZE_ONLY, 0x20000000000);
	assert_int_equal(LADE_OPTION_PRUNE_EMPTY_DIRS, 0x40000000000);
	assert_int_equal(LADE_OPTION_KEEP_DIRLINKS, 0x80000000000);
	assert_int_equal(LADE_OPTION_MKPATH, 0x100000000000);
	assert_int_equal(LADE_OPTION_PREALLOCATE, 0x200000000000);
	assert_int_equal(LADE_OPTION_APPEND, 0x400000000000);
	assert_int_equal(LADE_OPTION_APPEND_VERIFY, 0x800000000000);
	assert_int_equal(LADE_OPTION_DELETE_EXCLUDED, 0x1000000);
	assert_int_equal(LADE_OPTION_EXECUTABILITY, 0x1000000000000);
	assert_int_equal(LADE_OPTION_OMIT_DIR_TIMES, 0x2000000000000);
	assert_int_equal(LADE_OPTION_OMIT_LINK_TIMES, 0x4000000000000);
	assert_int_equal(LADE_OPTION_ATIMES, 0x8000000000000);
	assert_int_equal(LADE_OPTION_OPEN_NOATIME, 0x10000000000000);
	assert_int_equal(LADE_OPTION_SUPER, 0x40000000000000);
	assert_int_equal(LADE_OPTION_NO_SUPER, 0x80000000000000);
	assert_int_equal(LADE_OPTION_FAKE_SUPER, 0x20000000000000);
	assert_int_equal(LADE_OPTION_COPY_DEVICES, 0x100000000000000);
	assert_int_equal(LADE_OPTION_WRITE_DEVICES, 0x200000000000000);
	assert_int_equal(LADE_OPTIONS_KNOWN, 0x7fffffffffffffff);
	assert_int_equal(LADE_ITEM_NEW, 0x1);
	assert_int_equal(LADE_ITEM_CHECKSUM, 0x20);
	assert_int_equal(LADE_ITEM_XATTR, 0x2000);
	assert_int_equal(LADE_ITEM_ATIME, 0x4000);
	assert_int_equal(LADE_REPORT_FATAL, 3);
}

static void test_types_left_out(void **state)
{
	const struct {
		uint64_t option;
		uint32_t types[2];
	} rows[] = {
		{ LADE_OPTION_LINKS, { S_IFLNK, S_IFLNK } },
		{ LADE_OPTION_DEVICES, { S_IFBLK, S_IFCHR } },
		{ LADE_OPTION_SPECIALS, { S_IFIFO, S_IFSOCK } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t j = 0; j < 2; j++) {
			assert_false(lade_entry_left_out(rows[i].option, rows[i].types[j] | 0600));
			assert_true(lade_entry_left_out(LADE_OPTIONS_KNOWN & ~rows[i].option, rows[i].types[j] | 0600));
		}
	assert_false(lade_entry_left_out(0, S_IFREG | 0600));
	assert_false(lade_entry_left_out(0, S_IFDIR | 0700));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_root_is_a_directory),
		cmocka_unit_test(test_fields_belong_to_types),
		cmocka_unit_test(test_digest_lengths),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_types_left_out),
		cmocka_unit_test(test_bits_are_fixed),
	};

	memset(long_name, 'x', sizeof(long_name));
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
