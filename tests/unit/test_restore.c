/*
 * Tests of agent/backup/restore: what a snapshot has comes into a directory, as it was, over whatever is there; what is there already is not fetched again; what is hostile or damaged
 * costs itself and nothing else.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/tree/temporary.h"
#include "protocol/bytes.h"
#include "tests/unit/restore_toy.h"
#include "tests/unit/temp_tree.h"
#include "transport/mover.h"

#define LARGE_LEN 400000u
#define MIDDLE_LEN 3000u

struct scene {
	char base[PATH_MAX];         /* a scratch directory, in which are target/ and outside/ */
	char target[PATH_MAX + 8];
	struct restore_toy toy;
	struct lade_writer root;
	struct lade_restore_setup setup;
	struct lade_restore_events events;
	struct lade_restore_figures figures;
	struct lade_restore *restore;
	unsigned problems, incomplete, made, updated, unchanged, kept, deleted;
	char problem[256], last_deleted[256];
	const char *spoil;           /* a file that is written over as soon as it is there */
	uint8_t large[LARGE_LEN], middle[MIDDLE_LEN];
};

static struct lade_fault fault;

/* ---- what is told ---- */

static void entry(void *context, const char *path, uint32_t mode, uint64_t len, enum lade_restore_action action)
{
	struct scene *scene = context;

	(void)mode;
	(void)len;
	scene->made += action == LADE_RESTORE_MADE;
	scene->updated += action == LADE_RESTORE_UPDATED;
	scene->unchanged += action == LADE_RESTORE_UNCHANGED;
	scene->kept += action == LADE_RESTORE_KEPT;
	scene->deleted += action == LADE_RESTORE_DELETED;
	if (action == LADE_RESTORE_DELETED)
		snprintf(scene->last_deleted, sizeof(scene->last_deleted), "%s", path);
	if (scene->spoil && strcmp(path, scene->spoil) == 0) {
		char name[2 * PATH_MAX];
		int fd;

		snprintf(name, sizeof(name), "%s/%s", scene->target, path);
		fd = open(name, O_WRONLY);
		assert_true(fd >= 0);
		assert_int_equal(pwrite(fd, "?", 1, 777), 1);
		close(fd);
	}
}

static void problem(void *context, const struct lade_fault *told)
{
	struct scene *scene = context;

	scene->problems++;
	snprintf(scene->problem, sizeof(scene->problem), "%.200s", told->subject);
}

static void incomplete(void *context, const char *path)
{
	struct scene *scene = context;

	(void)path;
	scene->incomplete++;
}

/* ---- scenes ---- */

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	static const struct lade_slice all = { (const uint8_t *)"/", 1 };
	char path[PATH_MAX + 16];

	assert_non_null(scene);
	temp_tree_make(scene->base);
	snprintf(scene->target, sizeof(scene->target), "%s/target", scene->base);
	snprintf(path, sizeof(path), "%s/outside", scene->base);
	assert_int_equal(mkdir(path, 0755), 0);
	restore_toy_init(&scene->toy);
	restore_toy_noise(10, scene->large, LARGE_LEN);
	restore_toy_noise(11, scene->middle, MIDDLE_LEN);
	scene->events = (struct lade_restore_events){ entry, problem, incomplete, scene };
	scene->setup = (struct lade_restore_setup){
		.source = restore_toy_source(&scene->toy), .paths = &all, .path_count = 1, .target = scene->target, .threads = 3, .events = &scene->events,
	};
	*state = scene;
	return 0;
}

static int run(struct scene *scene)
{
	int error;

	scene->problems = scene->incomplete = scene->made = scene->updated = scene->unchanged = scene->kept = scene->deleted = 0;
	scene->problem[0] = scene->last_deleted[0] = '\0';
	scene->toy.fetched = 0;
	scene->setup.root = lade_slice(scene->root.data, scene->root.len);
	assert_int_equal(lade_restore_new(&scene->setup, &scene->restore), 0);
	scene->toy.stops = scene->restore;
	error = lade_restore_run(scene->restore, &fault);
	scene->figures = lade_restore_figures(scene->restore);
	assert_int_equal(scene->figures.errors, scene->problems);
	lade_restore_free(scene->restore);
	return error;
}

static void end_root(struct scene *scene, struct restore_toy_directory *root)
{
	lade_writer_fini(&scene->root);
	restore_toy_root(root, &scene->root);
}

static char *at(const struct scene *scene, const char *path)
{
	static char whole[4][2 * PATH_MAX];
	static unsigned next;

	next = (next + 1) % 4;
	snprintf(whole[next], sizeof(whole[next]), "%s/%s", scene->base, path);
	return whole[next];
}

static struct stat stat_of(const struct scene *scene, const char *path)
{
	struct stat st;

	if (lstat(at(scene, path), &st))
		fail_msg("%s is not there", path);
	return st;
}

static bool is_there(const struct scene *scene, const char *path)
{
	struct stat st;

	return lstat(at(scene, path), &st) == 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	/* Who is not root cannot empty it else. */
	if (is_there(scene, "target/dir") && S_ISDIR(stat_of(scene, "target/dir").st_mode))
		assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	temp_tree_remove(scene->base);
	lade_writer_fini(&scene->root);
	restore_toy_fini(&scene->toy);
	free(scene);
	return 0;
}

static void write_file(const struct scene *scene, const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(at(scene, path), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* A hole, where there are any. */
static void punch(const struct scene *scene, const char *path, off_t off, off_t len)
{
	const int fd = open(at(scene, path), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	(void)!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
	close(fd);
}

static void assert_content(const struct scene *scene, const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(at(scene, path), "r");
	uint8_t *have = malloc(len + 1);

	assert_non_null(file);
	assert_non_null(have);
	assert_int_equal(fread(have, 1, len + 1, file), len);
	if (len)
		assert_memory_equal(have, bytes, len);
	fclose(file);
	free(have);
}

/* No temporary file is left in a directory. */
static void assert_clean(const struct scene *scene, const char *path)
{
	DIR *directory = opendir(at(scene, path));
	const struct dirent *found;

	assert_non_null(directory);
	while ((found = readdir(directory)))
		assert_true(strncmp(found->d_name, ".lade.", 6) != 0);
	closedir(directory);
}

/* dir/{empty,inline,large,middle} fifo link -> dir/middle, one and two: one file. */
static void make_tree(struct scene *scene)
{
	static const uint8_t attributes[] = "\x01\x06user.a\x02xy";
	const struct lade_stream_entry with_xattr = {
		.mode = S_IFREG | 0640, .fields = LADE_ENTRY_XATTRS, .xattrs = { attributes, sizeof(attributes) - 1 },
	};
	const struct lade_stream_entry linked = { .mode = S_IFREG | 0600, .fields = LADE_ENTRY_INODE, .inode = 7, .device = 3, .links = 2 };
	const struct lade_stream_entry link = { .fields = LADE_ENTRY_TARGET, .target = { (const uint8_t *)"dir/middle", 10 } };
	struct restore_toy_directory root, dir;

	restore_toy_begin(&scene->toy, &dir);
	restore_toy_file(&dir, "empty", "", 0, NULL);
	restore_toy_file(&dir, "inline", "hello", 5, &with_xattr);
	restore_toy_file(&dir, "large", scene->large, LARGE_LEN, NULL);
	restore_toy_file(&dir, "middle", scene->middle, MIDDLE_LEN, NULL);
	restore_toy_begin(&scene->toy, &root);
	restore_toy_subdirectory(&root, "dir", S_IFDIR | 0551, &dir);
	restore_toy_add(&root, "fifo", S_IFIFO | 0622, NULL);
	restore_toy_add(&root, "link", S_IFLNK | 0777, &link);
	restore_toy_file(&root, "one", scene->middle, MIDDLE_LEN, &linked);
	restore_toy_file(&root, "two", scene->middle, MIDDLE_LEN, &linked);
	end_root(scene, &root);
}

static void assert_tree(const struct scene *scene)
{
	static const char *const paths[] = { "target/dir", "target/dir/empty", "target/dir/inline", "target/dir/large", "target/fifo", "target/link", "target/one" };
	char target[32];
	struct stat st;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		st = stat_of(scene, paths[i]);
		assert_int_equal(st.st_mtim.tv_sec, RESTORE_TOY_TIME);
		assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	}
	assert_content(scene, "target/dir/empty", "", 0);
	assert_content(scene, "target/dir/inline", "hello", 5);
	assert_content(scene, "target/dir/large", scene->large, LARGE_LEN);
	assert_content(scene, "target/dir/middle", scene->middle, MIDDLE_LEN);
	assert_content(scene, "target/two", scene->middle, MIDDLE_LEN);
	assert_int_equal(stat_of(scene, "target/dir").st_mode, S_IFDIR | 0551);
	assert_int_equal(stat_of(scene, "target/dir/inline").st_mode, S_IFREG | 0640);
	assert_int_equal(stat_of(scene, "target/dir/large").st_mode, S_IFREG | 0644);
	assert_int_equal(stat_of(scene, "target/fifo").st_mode, S_IFIFO | 0622);
	assert_int_equal(stat_of(scene, "target/one").st_ino, stat_of(scene, "target/two").st_ino);
	assert_int_equal(readlink(at(scene, "target/link"), target, sizeof(target)), 10);
	assert_memory_equal(target, "dir/middle", 10);
	assert_clean(scene, "target");
	assert_clean(scene, "target/dir");
}

/* ---- whole trees ---- */

static void test_all_types(void **state)
{
	struct scene *scene = *state;
	char value[8];

	make_tree(scene);
	scene->setup.verify = true;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_tree(scene);
	assert_int_equal(scene->made, 9);
	assert_int_equal(scene->figures.files, 6);
	assert_int_equal(scene->figures.directories, 1);
	assert_int_equal(scene->figures.others, 2);
	assert_int_equal(scene->figures.verified, 6);
	assert_int_equal(scene->figures.bytes_fetched, LARGE_LEN + 2 * MIDDLE_LEN);
	if (getxattr(at(scene, "target/dir/inline"), "user.a", value, sizeof(value)) == 2)
		assert_memory_equal(value, "xy", 2);
}

/* Once more: nothing is fetched, and nothing changes but what somebody has changed. */
static void test_again(void **state)
{
	struct scene *scene = *state;
	struct stat before;

	make_tree(scene);
	assert_int_equal(run(scene), 0);
	before = stat_of(scene, "target/dir/large");
	assert_int_equal(chmod(at(scene, "target/dir/inline"), 0600), 0);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_int_equal(scene->toy.fetched, 0);
	assert_int_equal(scene->unchanged, 9);
	assert_int_equal(scene->made + scene->updated, 0);
	assert_int_equal(stat_of(scene, "target/dir/large").st_ino, before.st_ino);
	assert_tree(scene);
}

/* Of a file that is another one only what it lacks is fetched: bytes changed in its midst, and some were put in. */
static void test_over_older(void **state)
{
	struct scene *scene = *state;
	uint8_t *old = malloc(LARGE_LEN + 100);

	assert_non_null(old);
	make_tree(scene);
	assert_int_equal(run(scene), 0);
	memcpy(old, scene->large, 200000);
	memset(old + 200000, 'x', 100);
	memcpy(old + 200100, scene->large + 200000, LARGE_LEN - 200000);
	assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	write_file(scene, "target/dir/large", old, LARGE_LEN + 100);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_tree(scene);
	assert_int_equal(scene->updated, 1);
	assert_true(scene->figures.bytes_fetched > 0 && scene->figures.bytes_fetched <= 2 * 32768);
	assert_int_equal(scene->figures.bytes_fetched + scene->figures.bytes_local, LARGE_LEN);
	/* In place: the first byte. */
	memcpy(old, scene->large, LARGE_LEN);
	old[0] ^= 1;
	write_file(scene, "target/dir/large", old, LARGE_LEN);
	assert_int_equal(run(scene), 0);
	assert_tree(scene);
	assert_int_equal(scene->toy.fetched, 1);
	free(old);
}

/* Bytes that were read again, to be copied. */
static _Atomic uint64_t moved;

int __real_lade_move(struct lade_movers *movers, struct lade_move *move, struct lade_fault *told);
int __wrap_lade_move(struct lade_movers *movers, struct lade_move *move, struct lade_fault *told);
int __wrap_lade_move(struct lade_movers *movers, struct lade_move *move, struct lade_fault *told)
{
	moved += move->len;
	return __real_lade_move(movers, move, told);
}

/* Over a long file, of which several batches of chunks are compared: what is in its place is written while it is at hand, from where it is clear that the file is another one. */
static void test_over_long(void **state)
{
	static const struct {
		size_t changed;  /* a byte there is another one; at the end: none is */
		size_t len, most; /* of the old file; what is read twice */
	} olds[] = { { 100, 8u << 20, 4u << 20 }, { 5u << 20, 8u << 20, 7u << 20 }, { 8u << 20, 6u << 20, 3u << 20 }, { 8u << 20, (8u << 20) + 1000, 4u << 20 }, { 8u << 20, 8u << 20, 0 } };
	const size_t len = 8u << 20;
	uint8_t *bytes = malloc(len), *old = malloc(len + 1000);
	struct restore_toy_directory root;
	struct scene *scene = *state;

	assert_true(bytes && old);
	restore_toy_noise(31, bytes, len);
	/* Chunks of zeros, in which the old one has holes. */
	memset(bytes + (3u << 20), 0, 1u << 20);
	restore_toy_begin(&scene->toy, &root);
	restore_toy_file(&root, "long", bytes, len, NULL);
	end_root(scene, &root);
	assert_int_equal(mkdir(at(scene, "target"), 0755), 0);
	for (size_t i = 0; i < sizeof(olds) / sizeof(olds[0]); i++) {
		memset(old, 'x', len + 1000);
		memcpy(old, bytes, len);
		if (olds[i].changed < len)
			old[olds[i].changed] ^= 1;
		write_file(scene, "target/long", old, olds[i].len);
		if (i % 2)
			punch(scene, "target/long", 3u << 20, 1u << 20);
		moved = 0;
		assert_int_equal(run(scene), 0);
		assert_int_equal(scene->problems, 0);
		assert_content(scene, "target/long", bytes, len);
		assert_clean(scene, "target");
		assert_int_equal(scene->figures.bytes_fetched + scene->figures.bytes_local, len);
		assert_true(scene->figures.bytes_fetched < 2 * 32768 + (olds[i].len < len ? len - olds[i].len : 0));
		assert_true(moved <= olds[i].most);
	}
	free(bytes);
	free(old);
}

/* Equal content with another time is not written again; with equal time and size a change is found by `always` alone. */
static void test_overwrite(void **state)
{
	const struct timespec times[2] = { { 5, 0 }, { 5, 0 } }, same[2] = { { 5, 0 }, { RESTORE_TOY_TIME, 123456789 } },
			      later[2] = { { 5, 0 }, { RESTORE_TOY_TIME + 5, 0 } };
	struct scene *scene = *state;
	ino_t inode;

	make_tree(scene);
	assert_int_equal(run(scene), 0);
	inode = stat_of(scene, "target/dir/large").st_ino;
	assert_int_equal(utimensat(AT_FDCWD, at(scene, "target/dir/large"), times, 0), 0);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->toy.fetched, 0);
	assert_int_equal(stat_of(scene, "target/dir/large").st_ino, inode);
	assert_tree(scene);

	write_file(scene, "target/dir/inline", "hullo", 5);
	assert_int_equal(utimensat(AT_FDCWD, at(scene, "target/dir/inline"), same, 0), 0);
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/dir/inline", "hullo", 5);
	scene->setup.overwrite = LADE_OVERWRITE_ALWAYS;
	assert_int_equal(run(scene), 0);
	assert_tree(scene);

	write_file(scene, "target/dir/inline", "newer", 5);
	assert_int_equal(utimensat(AT_FDCWD, at(scene, "target/dir/inline"), later, 0), 0);
	scene->setup.overwrite = LADE_OVERWRITE_IF_NEWER;
	scene->setup.verify = true;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_int_equal(scene->kept, 1);
	assert_content(scene, "target/dir/inline", "newer", 5);
	scene->setup.overwrite = LADE_OVERWRITE_NEVER;
	assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	assert_int_equal(unlink(at(scene, "target/dir/middle")), 0);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_content(scene, "target/dir/inline", "newer", 5);
	assert_content(scene, "target/dir/middle", scene->middle, MIDDLE_LEN);
}

/* What was ended in the midst is gone on with. */
static void test_stopped(void **state)
{
	struct scene *scene = *state;

	make_tree(scene);
	scene->toy.stop_after = 30;
	assert_int_equal(run(scene), LADE_E_CANCELLED);
	scene->toy.stop_after = UINT64_MAX;
	assert_false(is_there(scene, "target/dir/large"));
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_tree(scene);
	assert_true(scene->figures.bytes_local > 20 * 4096);
	assert_true(scene->figures.bytes_fetched < LARGE_LEN);
}

static void test_dry_run(void **state)
{
	struct scene *scene = *state;

	make_tree(scene);
	scene->setup.dry_run = true;
	scene->setup.remove = true;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_int_equal(scene->made, 9);
	assert_false(is_there(scene, "target"));
	assert_int_equal(mkdir(scene->target, 0755), 0);
	write_file(scene, "target/extra", "x", 1);
	write_file(scene, "target/one", "x", 1);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->made, 8);
	assert_int_equal(scene->updated, 1);
	assert_int_equal(scene->deleted, 1);
	assert_int_equal(scene->toy.fetched, 0);
	assert_content(scene, "target/extra", "x", 1);
	assert_content(scene, "target/one", "x", 1);
	assert_false(is_there(scene, "target/dir"));
}

static void test_subpath(void **state)
{
	struct scene *scene = *state;

	make_tree(scene);
	scene->setup.subpath = "/dir/";
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/large", scene->large, LARGE_LEN);
	assert_false(is_there(scene, "target/dir"));
	scene->setup.subpath = "dir/inline";
	assert_int_equal(unlink(at(scene, "target/inline")), 0);
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/inline", "hello", 5);
	scene->setup.subpath = "dir/none";
	assert_int_equal(run(scene), LADE_E_ABSENT);
	scene->setup.subpath = "one/x";
	assert_int_equal(run(scene), LADE_E_REFUSED);
}

/* ---- deleting and choosing ---- */

static void test_delete(void **state)
{
	static const struct lade_slice dir = { (const uint8_t *)"/dir", 4 };
	struct scene *scene = *state;
	struct lade_filter *filter;

	make_tree(scene);
	assert_int_equal(run(scene), 0);
	assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	assert_int_equal(mkdir(at(scene, "target/dir/more"), 0755), 0);
	write_file(scene, "target/dir/more/file", "x", 1);
	write_file(scene, "target/dir/a", "x", 1);
	write_file(scene, "target/dir/z.keep", "x", 1);
	write_file(scene, "target/zz", "x", 1);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->deleted, 0);
	assert_int_equal(lade_filter_new(&filter), 0);
	assert_int_equal(lade_filter_add(filter, false, "*.keep", &fault), 0);
	scene->setup.filter = filter;
	scene->setup.remove = true;
	scene->setup.paths = &dir;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_int_equal(scene->deleted, 3);
	assert_false(is_there(scene, "target/dir/a") || is_there(scene, "target/dir/more"));
	assert_true(is_there(scene, "target/dir/z.keep"));
	/* Above what was backed up: the snapshot does not know what else there was. */
	assert_true(is_there(scene, "target/zz"));
	assert_tree(scene);
	scene->setup.path_count = 0;
	assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	write_file(scene, "target/dir/a", "x", 1);
	assert_int_equal(run(scene), 0);
	assert_true(is_there(scene, "target/dir/a"));
	lade_filter_free(filter);
}

static void test_only_included(void **state)
{
	struct scene *scene = *state;
	struct lade_filter *filter;

	make_tree(scene);
	assert_int_equal(lade_filter_new(&filter), 0);
	assert_int_equal(lade_filter_add(filter, true, "inline", &fault), 0);
	scene->setup.filter = filter;
	scene->setup.only_included = true;
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/dir/inline", "hello", 5);
	assert_false(is_there(scene, "target/dir/large") || is_there(scene, "target/one"));
	lade_filter_free(filter);
	assert_int_equal(lade_filter_new(&filter), 0);
	assert_int_equal(lade_filter_add(filter, true, "/dir", &fault), 0);
	scene->setup.filter = filter;
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/dir/large", scene->large, LARGE_LEN);
	assert_false(is_there(scene, "target/one"));
	lade_filter_free(filter);
	/* Nothing is made for nothing. */
	assert_int_equal(lade_filter_new(&filter), 0);
	assert_int_equal(lade_filter_add(filter, true, "one", &fault), 0);
	scene->setup.filter = filter;
	assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	temp_tree_remove(scene->target);
	assert_int_equal(run(scene), 0);
	assert_true(is_there(scene, "target/one"));
	assert_false(is_there(scene, "target/dir"));
	lade_filter_free(filter);
}

/* ---- what is damaged ---- */

static void test_lost_chunks(void **state)
{
	struct scene *scene = *state;

	make_tree(scene);
	assert_int_equal(run(scene), 0);
	assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	write_file(scene, "target/dir/middle", "old", 3);
	assert_int_equal(unlink(at(scene, "target/one")), 0);
	assert_int_equal(unlink(at(scene, "target/two")), 0);
	restore_toy_lose(&scene->toy, true);
	assert_int_equal(run(scene), 0);
	/* And the other name of one of them. */
	assert_int_equal(scene->problems, 3);
	assert_content(scene, "target/dir/middle", "old", 3);
	assert_false(is_there(scene, "target/one") || is_there(scene, "target/two"));
	assert_clean(scene, "target");
	assert_clean(scene, "target/dir");
	restore_toy_lose(&scene->toy, false);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_tree(scene);
}

static void test_verify(void **state)
{
	struct scene *scene = *state;

	make_tree(scene);
	scene->setup.verify = true;
	scene->spoil = "dir/large";
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 1);
	assert_string_equal(scene->problem, "dir/large");
	assert_int_equal(scene->figures.verified, 5);
}

/* Where a directory cannot be read on, nothing behind is deleted. */
static void test_broken_directory(void **state)
{
	struct restore_toy_directory root, dir;
	struct scene *scene = *state;

	make_tree(scene);
	assert_int_equal(run(scene), 0);
	assert_int_equal(chmod(at(scene, "target/dir"), 0755), 0);
	write_file(scene, "target/dir/a", "x", 1);
	write_file(scene, "target/dir/z", "x", 1);
	restore_toy_begin(&scene->toy, &dir);
	restore_toy_file(&dir, "inline", "hello", 5, NULL);
	lade_writer_put_bytes(&dir.entries, "\x05garbage", 8);
	restore_toy_begin(&scene->toy, &root);
	restore_toy_subdirectory(&root, "dir", S_IFDIR | 0755, &dir);
	end_root(scene, &root);
	scene->setup.remove = true;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 1);
	assert_false(is_there(scene, "target/dir/a"));
	assert_true(is_there(scene, "target/dir/z") && is_there(scene, "target/dir/middle"));
	assert_false(is_there(scene, "target/one"));
}

/* ---- what is hostile ---- */

/* Put an entry whose name is what no writer puts: of as many bytes. */
static void add_renamed(struct restore_toy_directory *directory, const char *name)
{
	char plain[32];
	uint8_t *found;

	memset(plain, 'a', sizeof(plain));
	plain[strlen(name)] = '\0';
	restore_toy_file(directory, plain, "evil", 4, NULL);
	found = memmem(directory->entries.data, directory->entries.len, plain, strlen(name));
	assert_non_null(found);
	memcpy(found, name, strlen(name));
}

static void test_hostile_names(void **state)
{
	static const char *const names[] = { "..", ".", "../outside/x", "/x", "a/b", "../x" };
	struct scene *scene = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct restore_toy_directory root;

		restore_toy_begin(&scene->toy, &root);
		add_renamed(&root, names[i]);
		end_root(scene, &root);
		assert_int_equal(run(scene), 0);
		assert_int_equal(scene->problems, 1);
		assert_int_equal(scene->made, 0);
		assert_false(is_there(scene, "x") || is_there(scene, "outside/x") || is_there(scene, "target/a"));
	}
}

/* No symlink in the target is followed: neither one to a directory, nor one to a file, nor one of the same snapshot. */
static void test_planted_symlinks(void **state)
{
	const struct lade_stream_entry link = { .fields = LADE_ENTRY_TARGET, .target = { (const uint8_t *)"../outside", 10 } };
	struct restore_toy_directory root, sub;
	struct scene *scene = *state;

	assert_int_equal(mkdir(scene->target, 0755), 0);
	write_file(scene, "outside/file", "mine", 4);
	assert_int_equal(symlink("../outside", at(scene, "target/dir")), 0);
	assert_int_equal(symlink("../outside/file", at(scene, "target/file")), 0);
	restore_toy_begin(&scene->toy, &sub);
	restore_toy_file(&sub, "file", scene->middle, MIDDLE_LEN, NULL);
	restore_toy_begin(&scene->toy, &root);
	restore_toy_subdirectory(&root, "dir", S_IFDIR | 0755, &sub);
	restore_toy_file(&root, "file", "hello", 5, NULL);
	end_root(scene, &root);
	scene->setup.remove = true;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_content(scene, "outside/file", "mine", 4);
	assert_true(S_ISDIR(stat_of(scene, "target/dir").st_mode));
	assert_content(scene, "target/dir/file", scene->middle, MIDDLE_LEN);
	assert_true(S_ISREG(stat_of(scene, "target/file").st_mode));
	assert_content(scene, "target/file", "hello", 5);

	/* A snapshot with a symlink where another one had a directory. */
	restore_toy_begin(&scene->toy, &root);
	restore_toy_add(&root, "dir", S_IFLNK | 0777, &link);
	restore_toy_file(&root, "file", "hello", 5, NULL);
	end_root(scene, &root);
	scene->setup.remove = false;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 1);
	assert_true(S_ISDIR(stat_of(scene, "target/dir").st_mode));
	scene->setup.remove = true;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_true(S_ISLNK(stat_of(scene, "target/dir").st_mode));
	assert_content(scene, "outside/file", "mine", 4);
}

/* Pairs of inode and device that cannot be: of two types, and of names in a directory that is a file as well. */
static void test_hostile_links(void **state)
{
	const struct lade_stream_entry file = { .mode = S_IFREG | 0600, .fields = LADE_ENTRY_INODE, .inode = 1, .device = 1, .links = 9 };
	const struct lade_stream_entry fifo = { .fields = LADE_ENTRY_INODE, .inode = 1, .device = 1, .links = 9 };
	struct restore_toy_directory root;
	struct scene *scene = *state;

	restore_toy_begin(&scene->toy, &root);
	restore_toy_add(&root, "a", S_IFIFO | 0600, &fifo);
	restore_toy_file(&root, "b", "hello", 5, &file);
	restore_toy_add(&root, "c", S_IFIFO | 0600, &fifo);
	end_root(scene, &root);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_true(S_ISREG(stat_of(scene, "target/b").st_mode));
	assert_content(scene, "target/b", "hello", 5);
	assert_int_equal(stat_of(scene, "target/a").st_ino, stat_of(scene, "target/c").st_ino);
}

/* ---- holes ---- */

/* Add a file with one hole. */
static void add_holey(struct restore_toy_directory *directory, const char *name, const uint8_t *bytes, size_t len, uint64_t off, uint64_t hole_len)
{
	struct lade_stream_entry holey = { .mode = S_IFREG | 0644, .fields = LADE_ENTRY_HOLES };
	struct lade_writer holes;
	uint8_t encoded[16];

	for (unsigned i = 0; i < 8; i++) {
		encoded[i] = (uint8_t)(off >> 8 * i);
		encoded[8 + i] = (uint8_t)(hole_len >> 8 * i);
	}
	restore_toy_put(directory->toy, LADE_CHUNK_CONTENT, encoded, sizeof(encoded), &holes);
	holey.holes_recipe = lade_slice(holes.data, holes.len);
	restore_toy_file(directory, name, bytes, len, &holey);
	lade_writer_fini(&holes);
}

static void test_holes(void **state)
{
	const size_t len = 600000;
	uint8_t *bytes = calloc(1, len), *full = calloc(1, len);
	char name[LADE_TEMPORARY_NAME_SIZE], left[LADE_TEMPORARY_NAME_SIZE + 8];
	struct restore_toy_directory root;
	struct scene *scene = *state;

	assert_true(bytes && full);
	restore_toy_noise(20, bytes, 50000);
	restore_toy_noise(21, bytes + 550000, 50000);
	restore_toy_noise(22, full, len);
	restore_toy_begin(&scene->toy, &root);
	add_holey(&root, "holey", bytes, len, 53248, 495616);
	/* What is said to be a hole and is none, but in part of a chunk. */
	add_holey(&root, "liar", full, len, 4096, 100);
	end_root(scene, &root);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_content(scene, "target/holey", bytes, len);
	assert_content(scene, "target/liar", full, len);
	/* Some file systems have no holes. */
	if (stat_of(scene, "target/liar").st_blocks * 512 >= (off_t)len)
		assert_true(stat_of(scene, "target/holey").st_blocks * 512 < 250000);
	assert_true(scene->figures.bytes_fetched < len + 200000);
	/* Over something that has bytes there. */
	write_file(scene, "target/holey", full, len);
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/holey", bytes, len);
	memcpy(full, bytes, len);
	full[300000] = 1;
	write_file(scene, "target/holey", full, len);
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/holey", bytes, len);
	/* What a restore left behind that was killed has anything there. */
	assert_int_equal(unlink(at(scene, "target/holey")), 0);
	lade_temporary_name("holey", 0, name);
	snprintf(left, sizeof(left), "target/%s", name);
	restore_toy_noise(22, full, len);
	memcpy(full, bytes, 50000);
	write_file(scene, left, full, len);
	assert_int_equal(chmod(at(scene, left), 0600), 0);
	assert_int_equal(run(scene), 0);
	assert_true(scene->figures.bytes_local > 0);
	assert_content(scene, "target/holey", bytes, len);
	assert_clean(scene, "target");
	/* Holes that lead out of the file. */
	restore_toy_begin(&scene->toy, &root);
	add_holey(&root, "holey", full, len, 4096, len);
	end_root(scene, &root);
	assert_int_equal(unlink(at(scene, "target/holey")), 0);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 1);
	free(bytes);
	free(full);
}

static void test_sparse(void **state)
{
	const size_t len = 600000;
	uint8_t *bytes = calloc(1, len);
	struct restore_toy_directory root;
	struct scene *scene = *state;

	assert_non_null(bytes);
	restore_toy_noise(20, bytes, 50000);
	restore_toy_begin(&scene->toy, &root);
	restore_toy_file(&root, "file", bytes, len, NULL);
	end_root(scene, &root);
	assert_int_equal(run(scene), 0);
	assert_true(stat_of(scene, "target/file").st_blocks * 512 >= (off_t)len || stat_of(scene, "target/file").st_blocks == 0);
	assert_int_equal(unlink(at(scene, "target/file")), 0);
	scene->setup.sparse = true;
	assert_int_equal(run(scene), 0);
	assert_content(scene, "target/file", bytes, len);
	assert_true(stat_of(scene, "target/file").st_blocks * 512 < 100000);
	free(bytes);
}

/* A file of many batches of chunks' lists, many files, and directories in directories. */
static void append_byte(const struct scene *scene, const char *path)
{
	const int fd = open(at(scene, path), O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static void test_many(void **state)
{
	struct rlimit limit, fewer;
	const size_t len = 8u << 20;
	uint8_t *bytes = malloc(len);
	struct restore_toy_directory root, level, above;
	struct scene *scene = *state;
	char name[32];

	assert_non_null(bytes);
	restore_toy_noise(30, bytes, len);
	restore_toy_begin(&scene->toy, &level);
	restore_toy_file(&level, "deep", bytes, 5000, NULL);
	for (unsigned i = 0; i < 60; i++) {
		restore_toy_begin(&scene->toy, &above);
		restore_toy_subdirectory(&above, "d", S_IFDIR | 0700, &level);
		level = above;
	}
	restore_toy_begin(&scene->toy, &root);
	restore_toy_subdirectory(&root, "d", S_IFDIR | 0700, &level);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "f%05u", i);
		restore_toy_file(&root, name, bytes + i, 100 + i, NULL);
	}
	restore_toy_file(&root, "g", bytes, len, NULL);
	end_root(scene, &root);
	scene->setup.verify = true;
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->problems, 0);
	assert_int_equal(scene->figures.verified, 2002);
	assert_content(scene, "target/g", bytes, len);
	assert_content(scene, "target/f01999", bytes + 1999, 2099);
	/* All have grown since: what is wanted is there, of more files than can be open at once. */
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "target/f%05u", i);
		append_byte(scene, name);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	fewer = limit;
	fewer.rlim_cur = limit.rlim_cur < 1536 ? limit.rlim_cur : 1536;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &fewer), 0);
	assert_int_equal(run(scene), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(scene->problems, 0);
	assert_content(scene, "target/f01999", bytes + 1999, 2099);
	free(bytes);
}

static void test_incomplete(void **state)
{
	const struct lade_stream_entry torn = { .mode = S_IFREG | 0644, .fields = LADE_ENTRY_INCOMPLETE, .incomplete = LADE_INCOMPLETE_CHANGED };
	struct restore_toy_directory root;
	struct scene *scene = *state;

	restore_toy_begin(&scene->toy, &root);
	restore_toy_file(&root, "torn", "hello", 5, &torn);
	end_root(scene, &root);
	assert_int_equal(run(scene), 0);
	assert_int_equal(scene->incomplete, 1);
	assert_int_equal(scene->problems, 0);
	assert_content(scene, "target/torn", "hello", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_types, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_over_older, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_over_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_overwrite, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dry_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_subpath, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_included, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lost_chunks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_verify, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_planted_symlinks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_links, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_holes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sparse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_incomplete, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
