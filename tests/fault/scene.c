/*
 * Scenes. Access times are not compared: reading is looked for in what comes out.
 */
#include "tests/fault/scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/tree/temporary.h"
#include "tests/unit/temp_tree.h"

#define CANARY "do not touch\n"

static void join(char out[PATH_MAX], const char *top, const char *name)
{
	if (snprintf(out, PATH_MAX, "%s/%s", top, name) >= PATH_MAX)
		abort();
}

static void put_file(const char *path, const void *content, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, content, len) != (ssize_t)len || close(fd))
		abort();
}

const char *scene_path(const struct scene *scene, const char *path)
{
	static char buffers[4][PATH_MAX];
	static unsigned next;
	char *buffer = buffers[next++ % 4];

	join(buffer, scene->inside, path);
	return buffer;
}

void scene_write(const struct scene *scene, const char *path, const void *content, size_t len)
{
	put_file(scene_path(scene, path), content, len);
}

static struct timespec change_time(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		abort();
	return st.st_ctim;
}

void scene_wait_tick(const struct scene *scene, const char *path)
{
	const struct timespec before = change_time(scene_path(scene, path));
	struct timespec now;
	char probe[PATH_MAX];

	join(probe, scene->inside, "probe");
	put_file(probe, "", 0);
	do {
		/* Setting times changes the ctime, even to what they are. */
		if (utimensat(AT_FDCWD, probe, NULL, 0))
			abort();
		now = change_time(probe);
	} while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
	if (unlink(probe))
		abort();
}

void scene_make(struct scene *scene)
{
	const struct timespec times[2] = { { .tv_sec = SCENE_OLD_TIME },
		{ .tv_sec = SCENE_OLD_TIME } };
	char canary[PATH_MAX];

	temp_tree_make(scene->top);
	join(scene->inside, scene->top, "inside");
	join(scene->outside, scene->top, "outside");
	join(canary, scene->outside, "canary");
	if (mkdir(scene->inside, 0755) || mkdir(scene->outside, 0755))
		abort();
	put_file(canary, CANARY, sizeof(CANARY) - 1);
	scene_write(scene, "old", SCENE_OLD, sizeof(SCENE_OLD) - 1);
	if (utimensat(AT_FDCWD, scene_path(scene, "old"), times, 0) || stat(canary,
									    &scene->canary) ||
	    stat(scene->outside, &scene->outside_stat) || stat(scene->top, &scene->top_stat))
		abort();
}

void scene_remove(struct scene *scene)
{
	temp_tree_remove(scene->top);
}

/* True if nothing of st has changed but what reading changes. */
static bool same_stat(const struct stat *before, const char *path)
{
	struct stat st;

	return lstat(path,
		     &st) == 0 && st.st_ino == before->st_ino && st.st_mode == before->st_mode &&
		st.st_uid == before->st_uid && st.st_nlink == before->st_nlink && st.st_size == before->st_size &&
		memcmp(&st.st_mtim, &before->st_mtim, sizeof(st.st_mtim)) == 0 &&
		memcmp(&st.st_ctim, &before->st_ctim, sizeof(st.st_ctim)) == 0;
}

/* A session that failed may leave what the next one continues: nobody else could touch it. */
static bool can_be_continued(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & 07777) == 0600 && st->st_nlink == 1;
}

static void check_temporaries(const struct scene *scene)
{
	char *paths[] = { (char *)scene->inside, NULL };
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	while ((entry = fts_read(walk)))
		if (entry->fts_info != FTS_DP && lade_temporary_is(entry->fts_name) &&
		    !can_be_continued(entry->fts_statp))
			fail_msg("a temporary file is left: %s", entry->fts_path);
	fts_close(walk);
}

void scene_check(const struct scene *scene)
{
	char canary[PATH_MAX];

	join(canary, scene->outside, "canary");
	if (!same_stat(&scene->canary, canary))
		fail_msg("the canary was touched");
	if (!same_stat(&scene->outside_stat, scene->outside))
		fail_msg("the directory outside was touched");
	if (!same_stat(&scene->top_stat, scene->top))
		fail_msg("the directory above was touched");
	check_temporaries(scene);
}

void scene_check_file(const struct scene *scene, const char *path, const void *content, size_t len)
{
	char *found = malloc(len + 1);
	int fd = open(scene_path(scene, path), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t have = 0;
	ssize_t got = 1;

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	while (have <= len && (got = read(fd, found + have, len + 1 - have)) > 0)
		have += (size_t)got;
	close(fd);
	if (have != len || memcmp(found, content, len))
		fail_msg("%s: another content than expected (%zu bytes, not %zu)", path, have, len);
	free(found);
}

void scene_check_old(const struct scene *scene)
{
	struct stat st;

	scene_check_file(scene, "old", SCENE_OLD, sizeof(SCENE_OLD) - 1);
	assert_int_equal(lstat(scene_path(scene, "old"), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, SCENE_OLD_TIME);
}

int scene_wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		abort();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
