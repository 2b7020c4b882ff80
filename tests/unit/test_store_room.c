/*
 * Tests of agent/store/store_room: what counts, that sessions see what others put, that what moves meanwhile is not missed, and what is kept for who makes room.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/store/store_room.h"
#include "tests/unit/temp_tree.h"
#include "transport/clock.h"

#define KIB UINT64_C(1024)

/* The clock is the test's. */
static int64_t now_ms = 1000;

int64_t __wrap_lade_clock_ms(void);
int64_t __wrap_lade_clock_ms(void)
{
	return now_ms;
}

/* Where a walk moves an object from and to, under its feet: when it has begun and ended directories so many times. */
static struct {
	int tree_fd;
	const char *from, *to;
	int left; /* below 0: nothing moves */
} moving = { .left = -1 };

static void step(void)
{
	if (moving.left >= 0 && moving.left-- == 0)
		assert_int_equal(renameat(moving.tree_fd, moving.from, moving.tree_fd, moving.to), 0);
}

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
	step();
	return __real_fdopendir(fd);
}

int __real_closedir(DIR *stream);
int __wrap_closedir(DIR *stream);
int __wrap_closedir(DIR *stream)
{
	const int result = __real_closedir(stream);

	step();
	return result;
}

struct scene {
	char path[PATH_MAX], account[PATH_MAX + 8], tree[PATH_MAX + 8];
	int tree_fd;
	int account_fd[2];
	struct lade_store_room *room[2];
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	temp_tree_make(scene->path);
	snprintf(scene->account, sizeof(scene->account), "%s/acct", scene->path);
	snprintf(scene->tree, sizeof(scene->tree), "%s/tree", scene->path);
	assert_int_equal(mkdir(scene->tree, 0700), 0);
	scene->tree_fd = open(scene->tree, O_PATH | O_DIRECTORY);
	for (int i = 0; i < 2; i++)
		scene->account_fd[i] = open(scene->account, O_RDWR | O_CREAT, 0600);
	assert_true(scene->tree_fd >= 0 && scene->account_fd[0] >= 0 && scene->account_fd[1] >= 0);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 2; i++) {
		lade_store_room_free(scene->room[i]);
		close(scene->account_fd[i]);
	}
	close(scene->tree_fd);
	temp_tree_remove(scene->path);
	free(scene);
	return 0;
}

/* Two sessions with the same limits. */
static void begin(struct scene *scene, uint64_t quota, uint64_t min_free)
{
	for (int i = 0; i < 2; i++) {
		const struct lade_store_room_setup limits = {
			.quota = quota, .min_free = min_free, .tree_fd = scene->tree_fd, .account_fd = scene->account_fd[i],
		};

		lade_store_room_free(scene->room[i]);
		assert_int_equal(lade_store_room_new(&limits, &scene->room[i], NULL), 0);
	}
}

static void put_file(const struct scene *scene, const char *name, off_t len)
{
	char path[PATH_MAX + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", scene->tree, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, len), 0);
	close(fd);
}

static void remove_file(const struct scene *scene, const char *name)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", scene->tree, name);
	assert_int_equal(unlink(path), 0);
}

static int take(struct lade_store_room *room, bool reserve, uint64_t len)
{
	const struct lade_store_room_claim claim = { .fd = -1, .reserve = reserve };

	return lade_store_room_take(room, &claim, len, NULL);
}

static void assert_refused(struct lade_store_room *room, bool reserve, uint64_t len)
{
	const struct lade_store_room_claim claim = { .fd = -1, .reserve = reserve };
	struct lade_fault fault;

	assert_int_equal(lade_store_room_take(room, &claim, len, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EDQUOT);
	assert_non_null(strstr(fault.subject, "quota = "));
}

static void test_of(void **state)
{
	(void)state;
	assert_int_equal(lade_store_room_of(0), 4096);
	assert_int_equal(lade_store_room_of(1), 4096);
	assert_int_equal(lade_store_room_of(4096), 4096);
	assert_int_equal(lade_store_room_of(4097), 8192);
}

/* What was there before counts, in whole blocks, wherever it is, and the last byte of the quota may be used. */
static void test_there_before(void **state)
{
	struct scene *scene = *state;
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/packs", scene->tree);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/link", scene->tree);
	assert_int_equal(symlink("/", path), 0);
	put_file(scene, "one", 10 * 1024);
	put_file(scene, "packs/empty", 0);
	/* 12 + 4 + 4. */
	begin(scene, 40 * KIB, 0);
	assert_refused(scene->room[0], false, 20 * KIB + 1);
	assert_int_equal(take(scene->room[0], false, 20 * KIB), 0);
	assert_refused(scene->room[0], false, 1);
}

/* Each session knows what the others put, at once. */
static void test_shared(void **state)
{
	struct scene *scene = *state;

	begin(scene, 100 * KIB, 0);
	put_file(scene, "one", 4096);
	assert_int_equal(take(scene->room[0], false, 4 * KIB), 0);
	assert_int_equal(take(scene->room[1], false, 4 * KIB), 0);
	assert_refused(scene->room[0], false, 90 * KIB);
	assert_int_equal(take(scene->room[0], false, 80 * KIB), 0);
	assert_refused(scene->room[1], false, 13 * KIB);
	assert_refused(scene->room[1], false, 13 * KIB);
	assert_int_equal(take(scene->room[1], false, 8 * KIB), 0);
	assert_refused(scene->room[0], false, 1);
}

/* What is deleted is found, but not at once. */
static void test_walk_again(void **state)
{
	struct scene *scene = *state;

	put_file(scene, "one", 90 * 1024);
	begin(scene, 100 * KIB, 0);
	assert_refused(scene->room[0], false, 40 * KIB);
	remove_file(scene, "one");
	assert_refused(scene->room[0], false, 40 * KIB);
	now_ms += 59999;
	assert_refused(scene->room[0], false, 40 * KIB);
	now_ms += 1;
	assert_int_equal(take(scene->room[0], false, 40 * KIB), 0);
	/* What it took there is no file here, so after another walk nothing of it is left. */
	now_ms += 60000;
	assert_int_equal(take(scene->room[0], false, 100 * KIB), 0);
	/* What somebody else puts there is found as well. */
	put_file(scene, "two", 200 * 1024);
	now_ms += 60000;
	assert_refused(scene->room[0], false, 1);
}

/* Whoever makes room has an eighth more. */
static void test_reserve(void **state)
{
	struct scene *scene = *state;

	begin(scene, 80 * KIB, 0);
	assert_int_equal(take(scene->room[1], false, 0), 0);
	assert_int_equal(take(scene->room[0], false, 80 * KIB), 0);
	assert_refused(scene->room[0], false, 1);
	assert_int_equal(take(scene->room[0], true, 10 * KIB), 0);
	assert_refused(scene->room[0], true, 1);
	assert_refused(scene->room[1], false, 1);
}

/* An account that holds nonsense: differences count, not what it is. */
static void test_account(void **state)
{
	struct scene *scene = *state;
	static const uint8_t nearly[8] = { 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	assert_int_equal(pwrite(scene->account_fd[0], nearly, 8, 0), 8);
	begin(scene, 100 * KIB, 0);
	assert_int_equal(take(scene->room[0], false, 100 * KIB), 0);
	assert_refused(scene->room[0], false, 1);
	assert_int_equal(ftruncate(scene->account_fd[0], 3), 0);
	begin(scene, 100 * KIB, 0);
	assert_int_equal(take(scene->room[0], false, 50 * KIB), 0);
	assert_int_equal(take(scene->room[1], false, 50 * KIB), 0);
	assert_refused(scene->room[0], false, 51 * KIB);
}

static void make_directory(const struct scene *scene, const char *name)
{
	assert_int_equal(mkdirat(scene->tree_fd, name, 0700), 0);
}

/* An object that is moved at any moment of the walk counts: once, or twice. Returns how many steps the walk has. */
static int walk_and_move(struct scene *scene, const char *from, const char *to)
{
	int steps = 0;
	bool moved;

	moving.tree_fd = scene->tree_fd;
	moving.from = from;
	moving.to = to;
	do {
		begin(scene, 100 * KIB, 0);
		moving.left = steps++;
		assert_refused(scene->room[0], false, 41 * KIB);
		moved = moving.left < 0;
		moving.left = -1;
		if (moved)
			assert_int_equal(renameat(scene->tree_fd, to, scene->tree_fd, from), 0);
	} while (moved);
	return steps;
}

/* Objects come from tmp/, some by way of sessions/, and are never between what was summed and what will be. */
static void test_moved_meanwhile(void **state)
{
	struct scene *scene = *state;
	char to[64];

	/* In whatever order the disk has them, some are before tmp/ and sessions/. */
	make_directory(scene, "repo");
	for (int i = 0; i < 24; i++) {
		snprintf(to, sizeof(to), "repo/%d", i);
		make_directory(scene, to);
		if (i == 8)
			make_directory(scene, "repo/sessions");
		if (i == 16)
			make_directory(scene, "repo/tmp");
	}
	put_file(scene, "repo/tmp/object", 60 * 1024);
	for (int i = 0; i < 24; i++) {
		snprintf(to, sizeof(to), "repo/%d/object", i);
		assert_true(walk_and_move(scene, "repo/tmp/object", to) > 2 * 24);
	}
	walk_and_move(scene, "repo/tmp/object", "repo/sessions/object");
	walk_and_move(scene, "repo/tmp/object", "repo/object");
	assert_int_equal(renameat(scene->tree_fd, "repo/tmp/object", scene->tree_fd, "repo/sessions/object"), 0);
	for (int i = 0; i < 24; i++) {
		snprintf(to, sizeof(to), "repo/%d/object", i);
		walk_and_move(scene, "repo/sessions/object", to);
	}
	/* What does not move counts once. */
	begin(scene, 100 * KIB, 0);
	assert_int_equal(take(scene->room[0], false, 40 * KIB), 0);
}

/* What cannot be accounted for is not put. */
static void test_broken(void **state)
{
	struct scene *scene = *state;
	const struct lade_store_room_setup no_account = { .quota = 1 << 20, .tree_fd = scene->tree_fd, .account_fd = -1 };
	const struct lade_store_room_setup no_tree = { .quota = 1 << 20, .tree_fd = scene->account_fd[0], .account_fd = scene->account_fd[0] };
	char path[PATH_MAX + 8];
	size_t len;

	assert_int_equal(lade_store_room_new(&no_account, &scene->room[0], NULL), 0);
	assert_int_equal(take(scene->room[0], false, 1), LADE_E_SYSTEM);
	lade_store_room_free(scene->room[0]);
	assert_int_equal(lade_store_room_new(&no_tree, &scene->room[0], NULL), 0);
	assert_int_equal(take(scene->room[0], false, 1), LADE_E_SYSTEM);
	/* Directories without end. */
	len = (size_t)snprintf(path, sizeof(path), "%s", scene->tree);
	for (int i = 0; i < 65; i++) {
		memcpy(path + len, "/d", 3);
		len += 2;
		assert_int_equal(mkdir(path, 0700), 0);
	}
	begin(scene, 100 * KIB, 0);
	assert_int_equal(take(scene->room[0], false, 1), LADE_E_LIMIT);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(take(scene->room[0], false, 1), 0);
}

static void test_min_free(void **state)
{
	struct scene *scene = *state;
	struct lade_store_room_claim claim = { .fd = scene->account_fd[0] };
	struct statvfs disk;
	struct lade_fault fault;
	uint64_t left;

	assert_int_equal(fstatvfs(claim.fd, &disk), 0);
	left = (uint64_t)disk.f_bavail * disk.f_frsize;
	/* Others use the disk as well: the steps are large. */
	begin(scene, 0, left / 2);
	assert_int_equal(lade_store_room_take(scene->room[0], &claim, left / 4, NULL), 0);
	assert_int_equal(lade_store_room_take(scene->room[0], &claim, left / 4, NULL), 0);
	assert_int_equal(lade_store_room_take(scene->room[0], &claim, left / 8 * 5, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ENOSPC);
	assert_non_null(strstr(fault.subject, "min free = "));
	assert_int_equal(lade_store_room_take(scene->room[0], &claim, left * 2, NULL), LADE_E_SYSTEM);
	claim.reserve = true;
	assert_int_equal(lade_store_room_take(scene->room[0], &claim, left / 8 * 5, NULL), 0);
	assert_int_equal(lade_store_room_take(scene->room[0], &claim, left / 8 * 7, NULL), LADE_E_SYSTEM);
	claim.fd = -1;
	assert_int_equal(lade_store_room_take(scene->room[0], &claim, left * 2, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test_setup_teardown(test_there_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_account, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_min_free, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
