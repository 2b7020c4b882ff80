/*
 * Tests of agent/store/store and store_folder: the six operations as FORMAT.md [store] promises them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/store/store_folder.h"
#include "tests/unit/store_scene.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void path_of(const struct store_scene *scene, const char *name, char out[2 * PATH_MAX])
{
	snprintf(out, 2 * PATH_MAX, "%s/%s", scene->path, name);
}

static int put(struct store_scene *scene, const char *name, const char *text)
{
	return lade_store_put(scene->store, name, text, strlen(text), NULL);
}

static void assert_holds(struct store_scene *scene, const char *name, const char *text)
{
	char bytes[100];
	size_t len = strlen(text);

	assert_int_equal(lade_store_get(scene->store, name, 0, len, bytes, NULL), 0);
	assert_memory_equal(bytes, text, len);
	assert_int_equal(lade_store_get(scene->store, name, 0, len + 1, bytes, NULL), LADE_E_TRUNCATED);
}

/* The names of a list, in order, each with its length. */
struct names {
	char text[1000];
	unsigned count, stop_at;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect(void *context, const struct lade_store_object *object)
{
	struct names *names = context;
	size_t len = strlen(names->text);

	snprintf(names->text + len, sizeof(names->text) - len, "%s=%u\n", object->name, (unsigned)object->len);
	return ++names->count == names->stop_at ? 42 : 0;
}

static void assert_lists(struct store_scene *scene, const char *prefix, const char *wanted)
{
	struct names names = { .count = 0 };
	char sorted[1000] = "", *lines[50], *rest = names.text;
	size_t count = 0, len = 0;

	assert_int_equal(lade_store_list(scene->store, prefix, collect, &names, NULL), 0);
	while ((lines[count] = strsep(&rest, "\n")) && *lines[count])
		count++;
	qsort(lines, count, sizeof(lines[0]), compare);
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(sorted + len, sizeof(sorted) - len, "%s%s", i ? " " : "", lines[i]);
	assert_string_equal(sorted, wanted);
}

/* ---- names ---- */

static void test_names(void **state)
{
	static const char *const good[] = { "format", "packs/ab/0123", "sessions/a-b.committed-12", "index/0/x", "a_b" };
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "a/.b", ".a", "A", "a b", "a\n", "a/b/c/d", "\xc3\xa4", "a\\b" };
	struct store_scene *scene = *state;
	char longest[LADE_OBJECT_NAME_MAX + 2];

	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(put(scene, good[i], "x"), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(put(scene, bad[i], "x"), LADE_E_REFUSED);
		assert_int_equal(lade_store_get(scene->store, bad[i], 0, 0, NULL, NULL), LADE_E_REFUSED);
		assert_int_equal(lade_store_rename(scene->store, "format", bad[i], NULL), LADE_E_REFUSED);
		assert_int_equal(lade_store_rename(scene->store, bad[i], "new", NULL), LADE_E_REFUSED);
		assert_int_equal(lade_store_remove(scene->store, bad[i], NULL), LADE_E_REFUSED);
	}
	memset(longest, 'a', sizeof(longest));
	longest[LADE_OBJECT_NAME_MAX] = '\0';
	assert_true(lade_object_name_ok(longest, false));
	longest[LADE_OBJECT_NAME_MAX] = 'a';
	longest[LADE_OBJECT_NAME_MAX + 1] = '\0';
	assert_false(lade_object_name_ok(longest, false));
	assert_true(lade_object_name_ok("", true) && lade_object_name_ok("packs/", true) && lade_object_name_ok("packs/a", true));
	assert_false(lade_object_name_ok("../", true) || lade_object_name_ok("a//", true));
}

/* ---- put and get ---- */

static void test_put_and_get(void **state)
{
	struct store_scene *scene = *state;
	char bytes[10];

	assert_int_equal(put(scene, "packs/ab/one", "content"), 0);
	assert_holds(scene, "packs/ab/one", "content");
	assert_int_equal(lade_store_get(scene->store, "packs/ab/one", 3, 4, bytes, NULL), 0);
	assert_memory_equal(bytes, "tent", 4);
	assert_int_equal(lade_store_get(scene->store, "packs/ab/one", 7, 1, bytes, NULL), LADE_E_TRUNCATED);
	assert_int_equal(lade_store_get(scene->store, "packs/ab/two", 0, 1, bytes, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_store_get(scene->store, "packs/cd/two", 0, 1, bytes, NULL), LADE_E_ABSENT);
	assert_int_equal(put(scene, "empty", ""), 0);
	assert_holds(scene, "empty", "");
}

static void test_nothing_is_replaced(void **state)
{
	struct store_scene *scene = *state;

	assert_int_equal(put(scene, "keys/a", "first"), 0);
	assert_int_equal(put(scene, "keys/a", "second"), LADE_E_EXISTS);
	assert_holds(scene, "keys/a", "first");
	assert_lists(scene, "", "keys/a=5");
}

static void test_an_object_appears_when_it_is_whole(void **state)
{
	struct store_scene *scene = *state;
	struct lade_store_put *first, *second;

	assert_int_equal(lade_store_begin(scene->store, &first, NULL), 0);
	assert_int_equal(lade_store_begin(scene->store, &second, NULL), 0);
	assert_int_equal(lade_store_append(first, "one ", 4, NULL), 0);
	assert_int_equal(lade_store_append(second, "never", 5, NULL), 0);
	assert_int_equal(lade_store_append(first, "two", 3, NULL), 0);
	assert_lists(scene, "", "");
	lade_store_abandon(second);
	assert_int_equal(lade_store_finish(first, "packs/ab/x", NULL), 0);
	assert_lists(scene, "", "packs/ab/x=7");
	assert_holds(scene, "packs/ab/x", "one two");
	lade_store_abandon(NULL);
}

/* What somebody moves to the descriptor counts as appended. */
static void test_put_by_descriptor(void **state)
{
	struct store_scene *scene = *state;
	struct lade_store_put *moved;

	assert_int_equal(lade_store_begin(scene->store, &moved, NULL), 0);
	assert_int_equal(lade_store_append(moved, "ab", 2, NULL), 0);
	assert_int_equal(pwrite(lade_store_folder_put_fd(moved), "cd", 2, 2), 2);
	lade_store_folder_put_grew(moved, 2);
	assert_int_equal(lade_store_append(moved, "ef", 2, NULL), 0);
	assert_int_equal(lade_store_finish(moved, "x", NULL), 0);
	assert_holds(scene, "x", "abcdef");
}

/* ---- lists ---- */

static void test_lists(void **state)
{
	struct store_scene *scene = *state;
	struct names names = { .stop_at = 2 };
	char path[2 * PATH_MAX];

	assert_lists(scene, "", "");
	assert_int_equal(put(scene, "format", "f"), 0);
	assert_int_equal(put(scene, "packs/ab/ab1", "1"), 0);
	assert_int_equal(put(scene, "packs/ac/ac1", "22"), 0);
	assert_int_equal(put(scene, "packsy/x", "3"), 0);
	assert_int_equal(put(scene, "sessions/a.active", "4"), 0);
	assert_int_equal(put(scene, "sessions/b.active", "5"), 0);
	assert_lists(scene, "", "format=1 packs/ab/ab1=1 packs/ac/ac1=2 packsy/x=1 sessions/a.active=1 sessions/b.active=1");
	assert_lists(scene, "packs", "packs/ab/ab1=1 packs/ac/ac1=2 packsy/x=1");
	assert_lists(scene, "packs/", "packs/ab/ab1=1 packs/ac/ac1=2");
	assert_lists(scene, "packs/ab", "packs/ab/ab1=1");
	assert_lists(scene, "packs/ab/ab1", "packs/ab/ab1=1");
	assert_lists(scene, "packs/ab/ab12", "");
	assert_lists(scene, "sessions/b.", "sessions/b.active=1");
	assert_lists(scene, "nothing/", "");
	assert_int_equal(lade_store_list(scene->store, "", collect, &names, NULL), 42);
	assert_int_equal(lade_store_list(scene->store, "../", collect, &names, NULL), LADE_E_REFUSED);
	/* What is none of ours. */
	path_of(scene, ".snapshots", path);
	assert_int_equal(mkdir(path, 0700), 0);
	path_of(scene, "packs/README", path);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	path_of(scene, "link", path);
	assert_int_equal(symlink("format", path), 0);
	assert_lists(scene, "", "format=1 packs/ab/ab1=1 packs/ac/ac1=2 packsy/x=1 sessions/a.active=1 sessions/b.active=1");
}

/* A symlink is no object, wherever it leads. */
static void test_symlinks_are_not_followed(void **state)
{
	struct store_scene *scene = *state;
	char path[2 * PATH_MAX], byte;

	assert_int_equal(put(scene, "keys/a", "key"), 0);
	path_of(scene, "keys/b", path);
	assert_int_equal(symlink("a", path), 0);
	assert_int_equal(lade_store_get(scene->store, "keys/b", 0, 1, &byte, NULL), LADE_E_SYSTEM);
	assert_int_equal(put(scene, "keys/b", "x"), LADE_E_EXISTS);
}

/* Each operation on a folder one of whose directories is a symlink to another place: nothing is read, put, renamed or deleted there. */
static void test_symlinked_directories(void **state)
{
	static const char *const directories[] = { "packs", "index", "snapshots", "notes", "refs", "trust", "keys", "forgotten", "sessions", "tombstones", "gone" };
	struct store_scene *scene = *state;
	char outside[PATH_MAX], path[2 * PATH_MAX], inside[2 * PATH_MAX], name[100], byte;
	struct names names = { .count = 0 };

	assert_int_equal(put(scene, "format", "f"), 0);
	temp_tree_make(outside);
	snprintf(inside, sizeof(inside), "%s/a", outside);
	for (size_t i = 0; i < COUNT(directories); i++) {
		path_of(scene, directories[i], path);
		assert_int_equal(symlink(outside, path), 0);
		assert_int_equal(close(open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
		snprintf(name, sizeof(name), "%s/a", directories[i]);
		assert_int_equal(lade_store_get(scene->store, name, 0, 0, &byte, NULL), LADE_E_SYSTEM);
		assert_int_equal(lade_store_rename(scene->store, name, "b", NULL), LADE_E_SYSTEM);
		assert_int_equal(lade_store_rename(scene->store, "format", name, NULL), LADE_E_SYSTEM);
		assert_int_equal(lade_store_remove(scene->store, name, NULL), LADE_E_SYSTEM);
		assert_int_equal(lade_store_list(scene->store, "", collect, &names, NULL), LADE_E_SYSTEM);
		assert_int_equal(lade_store_list(scene->store, name, collect, &names, NULL), LADE_E_SYSTEM);
		assert_int_equal(access(inside, F_OK), 0);
		name[strlen(name) - 1] = 'b';
		assert_int_equal(put(scene, name, "x"), LADE_E_SYSTEM);
		assert_int_equal(unlink(inside), 0);
		assert_int_equal(rmdir(outside), 0);
		assert_int_equal(mkdir(outside, 0700), 0);
		assert_int_equal(unlink(path), 0);
	}
	assert_holds(scene, "format", "f");
	/* One that is deeper. */
	assert_int_equal(put(scene, "packs/ab/ab1", "1"), 0);
	path_of(scene, "packs/ac", path);
	assert_int_equal(symlink("ab", path), 0);
	assert_int_equal(lade_store_get(scene->store, "packs/ac/ab1", 0, 1, &byte, NULL), LADE_E_SYSTEM);
	assert_int_equal(lade_store_list(scene->store, "packs/", collect, &names, NULL), LADE_E_SYSTEM);
	assert_lists(scene, "packs/ab", "packs/ab/ab1=1");
	assert_int_equal(unlink(path), 0);
	/* What is not finished is put nowhere else either. */
	path_of(scene, "tmp", path);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink(outside, path), 0);
	assert_int_equal(put(scene, "c", "x"), LADE_E_SYSTEM);
	assert_int_equal(rmdir(outside), 0);
}

/* The folder itself may be reached by a symlink. */
static void test_symlink_to_the_folder(void **state)
{
	struct store_scene *scene = *state;
	struct lade_store *store;
	char path[PATH_MAX + 8], byte;

	assert_int_equal(put(scene, "packs/ab/ab1", "1"), 0);
	snprintf(path, sizeof(path), "%s.link", scene->path);
	assert_int_equal(symlink(scene->path, path), 0);
	assert_int_equal(lade_store_folder_open(path, true, &store, NULL), 0);
	assert_int_equal(lade_store_get(store, "packs/ab/ab1", 0, 1, &byte, NULL), 0);
	assert_int_equal(lade_store_put(store, "packs/ab/ab2", "2", 1, NULL), 0);
	assert_lists(scene, "packs/", "packs/ab/ab1=1 packs/ab/ab2=1");
	lade_store_close(store);
	assert_int_equal(unlink(path), 0);
}

/* ---- rename and delete ---- */

static void test_rename(void **state)
{
	struct store_scene *scene = *state;

	assert_int_equal(put(scene, "sessions/a.refs", "refs"), 0);
	assert_int_equal(put(scene, "taken", "x"), 0);
	assert_int_equal(lade_store_rename(scene->store, "sessions/a.refs", "taken", NULL), LADE_E_EXISTS);
	assert_int_equal(lade_store_rename(scene->store, "sessions/a.refs", "refs/a/0", NULL), 0);
	assert_int_equal(lade_store_rename(scene->store, "sessions/a.refs", "refs/a/1", NULL), LADE_E_ABSENT);
	assert_int_equal(lade_store_rename(scene->store, "no/such", "refs/b/1", NULL), LADE_E_ABSENT);
	assert_holds(scene, "refs/a/0", "refs");
	assert_holds(scene, "taken", "x");
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
}

static void test_remove(void **state)
{
	struct store_scene *scene = *state;

	assert_int_equal(put(scene, "packs/ab/x", "x"), 0);
	assert_int_equal(lade_store_remove(scene->store, "packs/ab/x", NULL), 0);
	assert_int_equal(lade_store_remove(scene->store, "packs/ab/x", NULL), 0);
	assert_int_equal(lade_store_remove(scene->store, "no/such", NULL), 0);
	assert_lists(scene, "", "");
	assert_int_equal(put(scene, "packs/ab/x", "again"), 0);
}

/* ---- several at once ---- */

/* One of several that want the same. */
struct racer {
	const char *path;
	const char *to;
	int result;
	pthread_barrier_t *start;
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	struct lade_store *store;

	assert_int_equal(lade_store_folder_open(racer->path, false, &store, NULL), 0);
	pthread_barrier_wait(racer->start);
	racer->result = lade_store_rename(store, "sessions/s.active", racer->to, NULL);
	lade_store_close(store);
	return NULL;
}

static void test_one_rename_wins(void **state)
{
	struct store_scene *scene = *state;

	for (unsigned round = 0; round < 100; round++) {
		struct racer racers[2] = { { scene->path, "sessions/s.committed-1", 0, NULL }, { scene->path, "sessions/s.fenced", 0, NULL } };
		pthread_barrier_t start;
		pthread_t threads[2];

		pthread_barrier_init(&start, NULL, 2);
		assert_int_equal(put(scene, "sessions/s.active", "lease"), 0);
		for (unsigned i = 0; i < 2; i++) {
			racers[i].start = &start;
			assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
		}
		for (unsigned i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&start);
		assert_int_equal((racers[0].result == 0) + (racers[1].result == 0), 1);
		assert_int_equal(racers[0].result ? racers[0].result : racers[1].result, LADE_E_ABSENT);
		assert_int_equal(lade_store_remove(scene->store, racers[0].result ? racers[1].to : racers[0].to, NULL), 0);
	}
}

/* More than a barrier holds open at once. */
static void test_many_objects_before_a_barrier(void **state)
{
	struct store_scene *scene = *state;
	struct names names = { .count = 0 };
	char name[40];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "packs/%02x/%u", i % 7, i);
		assert_int_equal(put(scene, name, "some bytes"), 0);
	}
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	assert_int_equal(lade_store_barrier(scene->store, NULL), 0);
	names.text[0] = '\0';
	assert_int_equal(lade_store_list(scene->store, "packs/", collect, &names, NULL), 0);
	assert_int_equal(names.count, 100);
}

/* ---- what others left ---- */

static void test_left_overs_go_and_what_is_written_stays(void **state)
{
	struct store_scene *scene = *state;
	struct lade_store *other;
	struct lade_store_put *busy;
	char path[2 * PATH_MAX];

	path_of(scene, "tmp/0123456789abcdef", path);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	assert_int_equal(lade_store_begin(scene->store, &busy, NULL), 0);
	assert_int_equal(lade_store_append(busy, "busy", 4, NULL), 0);
	assert_int_equal(lade_store_folder_open(scene->path, false, &other, NULL), 0);
	lade_store_close(other);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(lade_store_finish(busy, "busy", NULL), 0);
	assert_holds(scene, "busy", "busy");
}

static void test_no_folder(void **state)
{
	struct store_scene *scene = *state;
	char path[2 * PATH_MAX];
	struct lade_store *store;

	path_of(scene, "no/such/folder", path);
	assert_int_equal(lade_store_folder_open(path, false, &store, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_store_folder_open(path, true, &store, NULL), LADE_E_SYSTEM);
	path_of(scene, "new", path);
	assert_int_equal(lade_store_folder_open(path, true, &store, NULL), 0);
	lade_store_close(store);
	lade_store_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_names),
		STORE_TEST(test_put_and_get),
		STORE_TEST(test_nothing_is_replaced),
		STORE_TEST(test_an_object_appears_when_it_is_whole),
		STORE_TEST(test_put_by_descriptor),
		STORE_TEST(test_lists),
		STORE_TEST(test_symlinks_are_not_followed),
		STORE_TEST(test_symlinked_directories),
		STORE_TEST(test_symlink_to_the_folder),
		STORE_TEST(test_rename),
		STORE_TEST(test_remove),
		STORE_TEST(test_one_rename_wins),
		STORE_TEST(test_many_objects_before_a_barrier),
		STORE_TEST(test_left_overs_go_and_what_is_written_stays),
		STORE_TEST(test_no_folder),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
