/*
 * The place of a test of a hostile peer: a directory that it may change, beside
 * things that nobody may touch.
 *
 *   top/inside/old       a file of the destination
 *   top/outside/canary   what a peer would like to reach
 */
#ifndef LADE_TESTS_FAULT_SCENE_H
#define LADE_TESTS_FAULT_SCENE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#define SCENE_OLD "what was there before\n"
#define SCENE_OLD_TIME 1000000000

struct scene {
	char top[PATH_MAX], inside[PATH_MAX], outside[PATH_MAX];
	struct stat canary, outside_stat, top_stat; /* as they were made */
};

/* Make it. Aborts on failure. */
void scene_make(struct scene *scene);

/* Remove it. */
void scene_remove(struct scene *scene);

/* Fail the test if anything outside has changed, or a temporary file is left inside that no session can continue. */
void scene_check(const struct scene *scene);

/* Fail the test unless the old file is as it was. */
void scene_check_old(const struct scene *scene);

/* Fail the test unless the file at the relative path inside holds exactly this. */
void scene_check_file(const struct scene *scene, const char *path, const void *content, size_t len);

/* Write a file inside. */
void scene_write(const struct scene *scene, const char *path, const void *content, size_t len);

/*
 * Wait until a change of the file would show in its times: most file systems count time in ticks of some
 * milliseconds (before Linux 6.13 all of them), and two changes within one look like one.
 */
void scene_wait_tick(const struct scene *scene, const char *path);

/* path inside, formatted into a static buffer that the next four calls leave alone. */
const char *scene_path(const struct scene *scene, const char *path);

/* Wait for a child: its exit status, or 128 + the signal that ended it. */
int scene_wait_for(pid_t child);

#endif
