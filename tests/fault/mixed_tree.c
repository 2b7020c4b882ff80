/*
 * The trees. Each file holds a stretch of one pattern, from its own number on, so that no two are
 * alike. Times are set by hand: a change shows whatever the clock does meanwhile.
 */
#include "tests/fault/mixed_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FILES 50u
#define SMALL 200u
#define MIDDLE 100000u
/* More than one run. */
#define LARGE (1300u << 10)
/* Every so many directories files are large. */
#define LARGE_EVERY 8u

/* The numbers of files, and what is added to them where content is another one. */
#define NUMBERS 65536u
#define CHANGED (NUMBERS / 2)

#define MADE_AT 1000000000
#define CHANGED_AT 1100000000

static uint8_t pattern[NUMBERS + LARGE];

static void fill_pattern(void)
{
	uint32_t state = 1;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		state = state * 1664525u + 1013904223u;
		pattern[i] = (uint8_t)(state >> 24);
	}
}

/* Set the time, and nothing else, of what was written. */
static void finish(int fd, time_t time)
{
	const struct timespec times[2] = { { .tv_sec = time }, { .tv_sec = time } };

	if (fd < 0 || futimens(fd, times) || close(fd))
		abort();
}

static void write_file(const char *path, const uint8_t *content, size_t len, mode_t mode, time_t time)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, content, len) != (ssize_t)len || fchmod(fd, mode))
		abort();
	finish(fd, time);
}

/* Make the file of this number. */
static void put(const char *path, unsigned number, size_t len, mode_t mode, time_t time)
{
	write_file(path, pattern + number, len, mode, time);
}

static const char *path_of(const struct scene *scene, const char *tree, unsigned directory, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/directory-%03u/%s", tree, directory, name);
	return scene_path(scene, path);
}

/* Of each seven names: two new, two with other content, two with another mode, one that is to be deleted. */
static void make_file(const struct scene *scene, unsigned directory, unsigned number)
{
	unsigned pattern_at = directory * FILES + number;
	size_t len = number % 10 == 9 ? MIDDLE : number % 10 == 4 ? 0 : SMALL;
	char name[64];

	snprintf(name, sizeof(name), "%04u-with-a-name-of-some-length", number);
	if (number % 7 != 6)
		put(path_of(scene, "source", directory, name), pattern_at, len, 0644, MADE_AT);
	if (number % 7 > 3)
		put(path_of(scene, "destination", directory, name), pattern_at, len, 0600, MADE_AT);
	else if (number % 7 > 1)
		put(path_of(scene, "destination", directory, name), pattern_at + CHANGED, len + 1, 0600, MADE_AT);
}

/* A file with another name in its directory, and one with a name in the directory before. */
static void make_links(const struct scene *scene, unsigned directory)
{
	const char *first = path_of(scene, "source", directory, "linked");

	put(first, directory, SMALL, 0644, MADE_AT);
	if (link(first, path_of(scene, "source", directory, "linked-again")))
		abort();
	put(path_of(scene, "source", directory, "linked-far"), directory, MIDDLE, 0644, MADE_AT);
	if (directory && link(path_of(scene, "source", directory, "linked-far"),
			      path_of(scene, "source", directory - 1, "linked-near")))
		abort();
}

/* Of each directory, files that are at the destination already, but for some bytes: small ones, and every so often a large one. */
#define UPDATED 6u

/* Content as put() has it, but for some bytes in every so many, and for something that is missing in the middle. */
static void put_updated(const char *path, unsigned number, size_t len)
{
	static uint8_t content[LARGE];
	size_t middle = len / 2, less = len / 50, step = len > MIDDLE ? MIDDLE / 4 : len / 7 + 1;

	memcpy(content, pattern + number, len);
	for (size_t i = step; i < len; i += step)
		memset(content + i, 0x55, step / 20 + 1);
	memmove(content + middle, content + middle + less, len - middle - less);
	write_file(path, content, len - less, 0600, MADE_AT - 1);
}

static void make_updated(const struct scene *scene, unsigned directory)
{
	char name[32];

	for (unsigned i = 0; i < UPDATED; i++) {
		size_t len = i ? 1000 * i * i : directory % LARGE_EVERY ? MIDDLE : LARGE;

		snprintf(name, sizeof(name), "updated-%u", i);
		put(path_of(scene, "source", directory, name), directory * UPDATED + i, len, 0644, MADE_AT);
		put_updated(path_of(scene, "destination", directory, name), directory * UPDATED + i, len);
	}
}

/* Changed while the session runs; in half of the directories there is old content of them. */
static const char *const changing[] = { "changing-replaced", "changing-rewritten", "changing-grown",
					"changing-cut" };
enum { REPLACED, REWRITTEN, GROWN, CUT, CHANGES };

static size_t changing_len(unsigned directory)
{
	return directory % LARGE_EVERY == 0 ? LARGE : directory % LARGE_EVERY < 3 ? MIDDLE : SMALL;
}

void mixed_tree_make(const struct scene *scene, unsigned directories)
{
	fill_pattern();
	if (mkdir(scene_path(scene, "source"), 0755) || mkdir(scene_path(scene, "destination"), 0755))
		abort();
	for (unsigned directory = 0; directory < directories; directory++) {
		if (mkdir(path_of(scene, "source", directory, ""), 0755) ||
		    mkdir(path_of(scene, "destination", directory, ""), 0700))
			abort();
		for (unsigned number = 0; number < FILES; number++)
			make_file(scene, directory, number);
		make_links(scene, directory);
		make_updated(scene, directory);
		for (unsigned i = 0; i < CHANGES; i++) {
			put(path_of(scene, "source", directory, changing[i]), directory, changing_len(directory), 0644,
			    MADE_AT);
			if (directory % 4 < 2)
				put_updated(path_of(scene, "destination", directory, changing[i]), directory,
					    changing_len(directory));
		}
	}
}

void mixed_tree_change(const struct scene *scene, unsigned directory)
{
	const char *spare = scene_path(scene, "spare");
	size_t len = changing_len(directory);
	int fd;

	put(spare, directory + CHANGED, len, 0644, CHANGED_AT);
	if (rename(spare, path_of(scene, "source", directory, changing[REPLACED])))
		abort();
	/* One byte: there is no moment at which half of it is written. */
	fd = open(path_of(scene, "source", directory, changing[REWRITTEN]), O_WRONLY | O_CLOEXEC);
	if (fd < 0 || pwrite(fd, &(uint8_t){ (uint8_t)~pattern[directory + len / 2] }, 1, (off_t)len / 2) != 1)
		abort();
	finish(fd, CHANGED_AT);
	fd = open(path_of(scene, "source", directory, changing[GROWN]), O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, pattern, SMALL) != SMALL)
		abort();
	finish(fd, CHANGED_AT);
	fd = open(path_of(scene, "source", directory, changing[CUT]), O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)len / 2))
		abort();
	finish(fd, CHANGED_AT);
}

/* ---- comparing ---- */

static bool same_content(const char *one, const char *other)
{
	static char buffers[2][65536];
	int fds[2] = { open(one, O_RDONLY | O_CLOEXEC), open(other, O_RDONLY | O_CLOEXEC) };
	ssize_t got = fds[0] < 0 || fds[1] < 0 ? -1 : 1;

	while (got > 0) {
		got = read(fds[0], buffers[0], sizeof(buffers[0]));
		if (got < 0 || read(fds[1], buffers[1], sizeof(buffers[1])) != got ||
		    memcmp(buffers[0], buffers[1], (size_t)got))
			got = -1;
	}
	close(fds[0]);
	close(fds[1]);
	return got == 0;
}

/* What a quick check looks at. */
static bool looks_same(const struct stat *one, const struct stat *other)
{
	return one->st_size == other->st_size && memcmp(&one->st_mtim, &other->st_mtim, sizeof(one->st_mtim)) == 0;
}

/* may_be_old: it may be what was there before, or nothing, unless it looks like its source. */
static void compare_entry(const FTSENT *source, const char *copy, bool may_be_old)
{
	const struct stat *said = source->fts_statp;
	struct stat st;

	if (lstat(copy, &st)) {
		if (may_be_old && errno == ENOENT)
			return;
		fail_msg("%s: %s", copy, strerror(errno));
	}
	if (may_be_old && !looks_same(&st, said))
		return;
	if (st.st_mode != said->st_mode)
		fail_msg("%s: mode %o, not %o", copy, st.st_mode, said->st_mode);
	if (!S_ISREG(st.st_mode))
		return;
	if (st.st_nlink != said->st_nlink)
		fail_msg("%s: %u links, not %u", copy, (unsigned)st.st_nlink, (unsigned)said->st_nlink);
	if (!looks_same(&st, said))
		fail_msg("%s: another size or time", copy);
	if (!same_content(source->fts_accpath, copy))
		fail_msg("%s: another content", copy);
}

/* The tree below inside/name, in no order. */
static FTS *walk(const struct scene *scene, const char *name)
{
	char *paths[] = { (char *)scene_path(scene, name), NULL };
	FTS *stream = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

	if (!stream)
		abort();
	return stream;
}

static unsigned count_entries(const struct scene *scene, const char *name)
{
	FTS *stream = walk(scene, name);
	unsigned count = 0;
	FTSENT *entry;

	while ((entry = fts_read(stream)))
		count += entry->fts_info != FTS_DP;
	fts_close(stream);
	return count;
}

void mixed_tree_compare(const struct scene *scene, bool changing_too)
{
	size_t top_len = strlen(scene_path(scene, "source"));
	FTS *stream = walk(scene, "source");
	char copy[PATH_MAX + 16];
	FTSENT *entry;

	while ((entry = fts_read(stream))) {
		snprintf(copy, sizeof(copy), "%s/destination%s", scene->inside, entry->fts_path + top_len);
		if (entry->fts_info != FTS_DP)
			compare_entry(entry, copy, changing_too && strncmp(entry->fts_name, "changing-", 9) == 0);
	}
	fts_close(stream);
	if (changing_too)
		assert_in_range(count_entries(scene, "destination"), 1, count_entries(scene, "source"));
	else
		assert_int_equal(count_entries(scene, "destination"), count_entries(scene, "source"));
}
