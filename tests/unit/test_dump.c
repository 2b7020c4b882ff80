/*
 * Tests of agent/backup/dump and tree_cursor: archives byte by byte where a field is full, and what of a damaged tree is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/backup/dump.h"
#include "agent/backup/tree_cursor.h"
#include "tests/unit/restore_toy.h"

#define LARGE_LEN 200000u

struct scene {
	struct restore_toy toy;
	struct lade_writer root, out;
	struct lade_dump_setup setup;
	unsigned left_out;
	size_t room; /* more than so many bytes cannot be written */
	uint8_t large[LARGE_LEN];
};

static struct lade_fault fault;

static int take(void *context, struct lade_slice bytes, struct lade_fault *why)
{
	struct scene *scene = context;

	if (scene->out.len + bytes.len > scene->room)
		return lade_fault_set(why, LADE_E_TARGET, "write to", "nowhere");
	lade_writer_put_bytes(&scene->out, bytes.data, bytes.len);
	assert_int_equal(scene->out.error, 0);
	return 0;
}

static void leave_out(void *context, const char *path)
{
	struct scene *scene = context;

	assert_string_equal(path, "socket");
	scene->left_out++;
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct lade_restore_source source;

	assert_non_null(scene);
	restore_toy_init(&scene->toy);
	restore_toy_noise(6, scene->large, LARGE_LEN);
	lade_writer_init(&scene->out, 64u << 20);
	source = restore_toy_source(&scene->toy);
	scene->room = SIZE_MAX;
	scene->setup = (struct lade_dump_setup){
		.source = source.stream, .run = source.run, .run_context = source.context, .write = take, .write_context = scene, .left_out = leave_out,
		.left_out_context = scene,
	};
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	lade_writer_fini(&scene->root);
	lade_writer_fini(&scene->out);
	restore_toy_fini(&scene->toy);
	free(scene);
	return 0;
}

static struct lade_slice root_of(const struct scene *scene)
{
	return lade_slice(scene->root.data, scene->root.len);
}

static int dump_root(struct scene *scene)
{
	lade_writer_reset(&scene->out);
	return lade_dump_root(&scene->setup, root_of(scene), &fault);
}

/* A header whose sum is right; its type. */
static char header_at(const struct scene *scene, size_t off)
{
	const uint8_t *block = scene->out.data + off;
	unsigned sum = 0;

	assert_true(off + 512 <= scene->out.len);
	for (unsigned i = 0; i < 512; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	assert_int_equal(strtoul((const char *)block + 148, NULL, 8), sum);
	assert_memory_equal(block + 257, "ustar\00000", 8);
	return (char)block[156];
}

static size_t size_at(const struct scene *scene, size_t off)
{
	return strtoul((const char *)scene->out.data + off + 124, NULL, 8);
}

/* The value of a record of the extended header at off; its length must be what it says. NULL: there is none. */
static const uint8_t *record_of(const struct scene *scene, size_t off, const char *key, size_t *len_out)
{
	const uint8_t *at = scene->out.data + off + 512, *end = at + size_at(scene, off), *found = NULL;

	assert_int_equal(header_at(scene, off), 'x');
	while (at < end) {
		const size_t len = strtoul((const char *)at, NULL, 10);
		const uint8_t *name = (const uint8_t *)memchr(at, ' ', 20) + 1, *value = name + strlen(key) + 1;

		assert_true(len > 0 && len <= (size_t)(end - at));
		assert_int_equal(at[len - 1], '\n');
		if (memcmp(name, key, strlen(key)) == 0 && value[-1] == '=') {
			found = value;
			*len_out = (size_t)(at + len - 1 - value);
		}
		at += len;
	}
	return found;
}

static void assert_record(const struct scene *scene, size_t off, const char *key, const char *value)
{
	size_t len = 0;
	const uint8_t *found = record_of(scene, off, key, &len);

	assert_non_null(found);
	assert_int_equal(len, strlen(value));
	assert_memory_equal(found, value, len);
}

static size_t rounded(size_t len)
{
	return (len + 511) / 512 * 512;
}

/* Whole seconds and short names: one block for each, and the content. */
static void test_plain(void **state)
{
	const struct lade_stream_entry whole = { .mode = S_IFREG | 04755, .fields = LADE_ENTRY_MTIME, .mtime = { 1000000000, 0 } };
	const struct lade_stream_entry device = {
		.fields = LADE_ENTRY_RDEV | LADE_ENTRY_MTIME, .rdev_major = 8, .rdev_minor = 17, .mtime = { 1000000000, 0 },
	};
	struct restore_toy_directory root;
	struct scene *scene = *state;

	restore_toy_begin(&scene->toy, &root);
	restore_toy_add(&root, "device", S_IFBLK | 0600, &device);
	restore_toy_file(&root, "file", "hello", 5, &whole);
	restore_toy_add(&root, "socket", S_IFSOCK | 0600, NULL);
	restore_toy_root(&root, &scene->root);
	assert_int_equal(dump_root(scene), 0);
	assert_int_equal(scene->out.len, 10240);
	assert_int_equal(scene->left_out, 1);
	assert_int_equal(header_at(scene, 0), '4');
	assert_int_equal(strtoul((const char *)scene->out.data + 329, NULL, 8), 8);
	assert_int_equal(strtoul((const char *)scene->out.data + 337, NULL, 8), 17);
	assert_int_equal(header_at(scene, 512), '0');
	assert_string_equal((const char *)scene->out.data + 512, "file");
	assert_string_equal((const char *)scene->out.data + 512 + 100, "0004755");
	assert_string_equal((const char *)scene->out.data + 512 + 136, "07346545000");
	assert_int_equal(size_at(scene, 512), 5);
	assert_memory_equal(scene->out.data + 1024, "hello", 6);
	for (size_t i = 1536; i < scene->out.len; i++)
		assert_int_equal(scene->out.data[i], 0);
}

/* Names of each length about a field's, and all else that has no room there. */
static void test_extended(void **state)
{
	static const uint8_t attributes[] = "\x02\x08user.a=b\x02xy\x07user.ab\x01\n";
	struct restore_toy_directory root, directory;
	struct scene *scene = *state;
	char name[300];

	for (size_t len = 95; len <= 255; len += len < 105 ? 1 : 75) {
		restore_toy_begin(&scene->toy, &directory);
		memset(name, 'n', len);
		name[len] = '\0';
		restore_toy_add(&directory, name, S_IFIFO | 0600, &(struct lade_stream_entry){ .fields = LADE_ENTRY_MTIME, .mtime = { 5, 0 } });
		restore_toy_begin(&scene->toy, &root);
		restore_toy_subdirectory(&root, "d", S_IFDIR | 0755, &directory);
		lade_writer_fini(&scene->root);
		restore_toy_root(&root, &scene->root);
		assert_int_equal(dump_root(scene), 0);
		/* The directory's time has a fraction: two blocks more. */
		assert_record(scene, 0, "mtime", "1000000000.123456789");
		assert_int_equal(header_at(scene, 1024), '5');
		memmove(name + 2, name, len + 1);
		memcpy(name, "d/", 2);
		if (len + 2 <= 100)
			assert_int_equal(header_at(scene, 1536), '6');
		else
			assert_record(scene, 1536, "path", name);
	}
	restore_toy_begin(&scene->toy, &root);
	restore_toy_file(&root, "a", "", 0, &(struct lade_stream_entry){
		.mode = S_IFREG | 0600, .fields = LADE_ENTRY_MTIME | LADE_ENTRY_OWNER | LADE_ENTRY_XATTRS, .mtime = { -2, 500000000 }, .uid = 3000000, .gid = 1,
		.xattrs = { attributes, sizeof(attributes) - 1 },
	});
	lade_writer_fini(&scene->root);
	restore_toy_root(&root, &scene->root);
	assert_int_equal(dump_root(scene), 0);
	assert_record(scene, 0, "mtime", "-1.500000000");
	assert_record(scene, 0, "uid", "3000000");
	assert_record(scene, 0, "SCHILY.xattr.user.a%3Db", "xy");
	assert_record(scene, 0, "SCHILY.xattr.user.ab", "\n");
	assert_null(record_of(scene, 0, "gid", &(size_t){ 0 }));
}

static void test_links(void **state)
{
	const struct lade_stream_entry linked = {
		.mode = S_IFREG | 0600, .fields = LADE_ENTRY_INODE | LADE_ENTRY_MTIME, .inode = 7, .device = 3, .links = 2, .mtime = { 5, 0 },
	};
	struct restore_toy_directory root;
	struct scene *scene = *state;
	size_t second;

	restore_toy_begin(&scene->toy, &root);
	restore_toy_file(&root, "one", scene->large, LARGE_LEN, &linked);
	restore_toy_file(&root, "two", scene->large, LARGE_LEN, &linked);
	restore_toy_root(&root, &scene->root);
	assert_int_equal(dump_root(scene), 0);
	assert_int_equal(size_at(scene, 0), LARGE_LEN);
	assert_memory_equal(scene->out.data + 512, scene->large, LARGE_LEN);
	second = 512 + rounded(LARGE_LEN);
	assert_int_equal(header_at(scene, second), '1');
	assert_int_equal(size_at(scene, second), 0);
	assert_string_equal((const char *)scene->out.data + second + 157, "one");
	assert_int_equal(scene->out.len % 10240, 0);
}

static void test_failures(void **state)
{
	struct restore_toy_directory root;
	struct lade_stream_entry entry;
	struct lade_writer kept;
	struct scene *scene = *state;

	restore_toy_begin(&scene->toy, &root);
	restore_toy_file(&root, "file", scene->large, LARGE_LEN, NULL);
	restore_toy_root(&root, &scene->root);
	assert_int_equal(lade_tree_find(&scene->setup.source, root_of(scene), "//file/", &entry, &kept, &fault), 0);
	assert_int_equal(lade_dump_file(&scene->setup, &entry, &fault), 0);
	assert_int_equal(scene->out.len, LARGE_LEN);
	assert_memory_equal(scene->out.data, scene->large, LARGE_LEN);
	scene->room = 1000;
	lade_writer_reset(&scene->out);
	assert_int_equal(lade_dump_file(&scene->setup, &entry, &fault), LADE_E_TARGET);
	scene->room = SIZE_MAX;
	restore_toy_lose(&scene->toy, true);
	assert_int_equal(lade_dump_file(&scene->setup, &entry, &fault), LADE_E_ABSENT);
	assert_int_equal(dump_root(scene), LADE_E_ABSENT);
	lade_writer_fini(&kept);
	assert_int_equal(lade_tree_find(&scene->setup.source, root_of(scene), "fil", &entry, &kept, &fault), LADE_E_ABSENT);
	lade_writer_fini(&kept);
	assert_int_equal(lade_tree_find(&scene->setup.source, root_of(scene), "/", &entry, &kept, &fault), LADE_E_USAGE);
	lade_writer_fini(&kept);
	assert_int_equal(lade_tree_find(&scene->setup.source, root_of(scene), "file/x", &entry, &kept, &fault), LADE_E_REFUSED);
	lade_writer_fini(&kept);
}

/* Every bit of a directory and every end of it: nothing is read that is not there, each directory that is entered is left, and an archive of it ends with an error or is one. */
static void test_damaged_directories(void **state)
{
	struct restore_toy_directory good;
	struct scene *scene = *state;
	size_t len;

	restore_toy_begin(&scene->toy, &good);
	restore_toy_file(&good, "a", "x", 1, NULL);
	restore_toy_file(&good, "b", scene->large, 300, NULL);
	len = good.entries.len;
	for (size_t i = 0; i < len * 9; i++) {
		struct lade_tree_step step = { .kind = LADE_TREE_ENTRY };
		struct lade_tree_cursor *cursor;
		unsigned left = 0;

		lade_writer_fini(&scene->root);
		if (i < len * 8)
			good.entries.data[i / 8] ^= (uint8_t)(1u << i % 8);
		restore_toy_put(&scene->toy, LADE_CHUNK_ENTRIES, good.entries.data, i < len * 8 ? len : i - len * 8, &scene->root);
		if (i < len * 8)
			good.entries.data[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(lade_tree_cursor_new(&scene->setup.source, root_of(scene), &cursor, &fault), 0);
		while (step.kind != LADE_TREE_END) {
			assert_int_equal(lade_tree_cursor_next(cursor, &step, &fault), 0);
			left += step.kind == LADE_TREE_LEAVE || step.kind == LADE_TREE_BROKEN;
		}
		assert_int_equal(left, 1);
		lade_tree_cursor_free(cursor);
		if (dump_root(scene) == 0)
			assert_int_equal(scene->out.len % 10240, 0);
	}
	lade_writer_fini(&good.entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_extended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_directories, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
