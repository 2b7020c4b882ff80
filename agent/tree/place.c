/*
 * Named paths: the user's own by the ordinary calls, those of a client below its base.
 *
 * What a base hides is judged by where a file really is, not by how it was named: a symlink that stays below the base is no way
 * around the rules. /proc says where that is; without it no symlink is followed while there is something to hide.
 */
#include "agent/tree/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/directory_open.h"

/* ---- words ---- */

char *lade_place_clean(const char *path)
{
	char *clean = malloc(strlen(path) + 1), *end = clean;

	while (clean && *path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.') {
			while (end > clean && *--end != '/')
				;
		} else if (len && !(len == 1 && path[0] == '.')) {
			if (end > clean)
				*end++ = '/';
			memcpy(end, path, len);
			end += len;
		}
		path += len + (path[len] == '/');
	}
	if (clean)
		*end = '\0';
	return clean;
}

/* True if ".." of path would lead above where it begins. */
static bool climbs(const char *path)
{
	size_t depth = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && path[0] == '.' && path[1] == '.') {
			if (!depth--)
				return true;
		} else if (len && !(len == 1 && path[0] == '.')) {
			depth++;
		}
		path += len + (path[len] == '/');
	}
	return false;
}

/* Bytes of path up to its last component, and without the slashes behind that: *name_out, *len_out. */
static size_t split(const char *path, const char **name_out, size_t *len_out)
{
	size_t end = strlen(path), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/'; start--)
		;
	*name_out = path + start;
	*len_out = end - start;
	return start;
}

/* ---- below a base ---- */

static int open_plain(const struct lade_base *base, const char *path, int flags)
{
	size_t len = strlen(path);
	char *clean;
	int fd;

	if (climbs(path)) {
		errno = EXDEV;
		return -1;
	}
	clean = lade_place_clean(path);
	if (!clean)
		return -1;
	fd = lade_directory_open_at(LADE_DIRECTORY_PLAIN, base->fd, *clean ? clean : ".",
				    flags | (len && path[len - 1] == '/' ? O_DIRECTORY : 0));
	free(clean);
	return fd;
}

/* links: symlinks may be followed. */
static int open_beneath(const struct lade_base *base, const char *path, int flags, bool links)
{
	const char *at = path + strspn(path, "/");
	int fd = -1;

	errno = ENOSYS;
	if (!base->plain)
		fd = lade_directory_open_at(links ? LADE_DIRECTORY_LINKS : LADE_DIRECTORY_CONFINED, base->fd, *at ? at : ".", flags);
	/* As in lade_directory_open_probe(). */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_plain(base, path, flags);
	if (fd < 0 && errno == EXDEV)
		errno = EACCES; /* to whom it is the root, there is nothing above it */
	return fd;
}

/* Where fd is as the kernel says; size bytes of room. False: it does not. */
static bool kernel_path(int fd, char *path, size_t size)
{
	char link[32];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, size);
	if (len <= 0 || (size_t)len >= size || path[0] != '/')
		return false;
	path[len] = '\0';
	return true;
}

char *lade_place_of(const struct lade_base *base, int fd)
{
	char top[PATH_MAX], path[PATH_MAX];
	size_t len;

	if (!kernel_path(base->fd, top, sizeof(top)) || !kernel_path(fd, path, sizeof(path)))
		return NULL;
	len = strcmp(top, "/") == 0 ? 0 : strlen(top);
	if (strncmp(path, top, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return strdup(path[len] ? path + len + 1 : "");
}

bool lade_place_hidden(const struct lade_base *base, const char *path, bool is_directory)
{
	char *part, *slash;
	bool hidden = false;

	if (!base || !base->hides || !*path)
		return false;
	part = strdup(path);
	if (!part)
		return true;
	for (slash = strchr(part, '/'); slash && !hidden; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		hidden = base->hides(base->context, part, true);
		*slash = '/';
	}
	hidden = hidden || base->hides(base->context, part, is_directory);
	free(part);
	return hidden;
}

bool lade_place_hidden_fd(const struct lade_base *base, int fd)
{
	struct stat st;
	char *path;
	bool hidden;

	if (!base->hides)
		return false;
	path = lade_place_of(base, fd);
	/* What was removed meanwhile has no path that a rule could know. */
	hidden = !path || fstat(fd, &st) || !st.st_nlink || lade_place_hidden(base, path, S_ISDIR(st.st_mode));
	free(path);
	return hidden;
}

bool lade_place_hides_in(const struct lade_base *base, int fd, const char *name, bool is_directory)
{
	char *above, *path = NULL;
	bool hidden;

	if (!base || !base->hides)
		return false;
	above = lade_place_of(base, fd);
	if (above && asprintf(&path, "%s%s%s", above, *above && *name ? "/" : "", name) < 0)
		path = NULL;
	hidden = !path || lade_place_hidden(base, path, is_directory);
	free(above);
	free(path);
	return hidden;
}

/* The same where the kernel does not say where fd is, which was opened through no symlink: its words say so. */
static bool hidden_by_words(const struct lade_base *base, const char *path, int fd)
{
	char *clean = lade_place_clean(path);
	struct stat st;
	bool hidden = !clean || fstat(fd, &st) || lade_place_hidden(base, clean, S_ISDIR(st.st_mode));

	free(clean);
	return hidden;
}

/* As open_beneath(), but for what is hidden. */
static int open_seen(const struct lade_base *base, const char *path, int flags)
{
	char where[PATH_MAX];
	bool told = kernel_path(base->fd, where, sizeof(where)), hidden;
	int fd = open_beneath(base, path, flags, told);

	if (fd < 0)
		return -1;
	hidden = told ? lade_place_hidden_fd(base, fd) : hidden_by_words(base, path, fd);
	if (!hidden)
		return fd;
	close(fd);
	errno = ENOENT;
	return -1;
}

/* ---- what is offered ---- */

int lade_place_open(const struct lade_base *base, const char *path, int flags)
{
	if (!base)
		return open(path, flags | O_CLOEXEC);
	return base->hides ? open_seen(base, path, flags | O_CLOEXEC) : open_beneath(base, path, flags | O_CLOEXEC, true);
}

int lade_place_stat(const struct lade_base *base, const char *path, bool follow, struct stat *st)
{
	int fd, result;

	if (!base)
		return follow ? stat(path, st) : lstat(path, st);
	fd = lade_place_open(base, path, O_PATH | (follow ? 0 : O_NOFOLLOW));
	if (fd < 0)
		return -1;
	result = fstat(fd, st);
	close(fd);
	return result;
}

/* Open the directory that holds path's last component, which is copied to name. -1 with errno; fallback: for a path that ends in none. */
static int open_parent(const struct lade_base *base, const char *path, char name[NAME_MAX + 1], int fallback)
{
	const char *last;
	size_t len, start = split(path, &last, &len);
	char *above;
	int fd;

	if (!lade_directory_open_is_name(last, len)) {
		errno = len > NAME_MAX ? ENAMETOOLONG : fallback;
		return -1;
	}
	memcpy(name, last, len);
	name[len] = '\0';
	above = strndup(path, start);
	fd = above ? lade_place_open(base, above, O_PATH | O_DIRECTORY) : -1;
	free(above);
	return fd;
}

/* True if the base hides the directory name, to be made in the directory fd, which was opened by path but for its last component. */
static bool hides_new(const struct lade_base *base, int fd, const char *path, const char *name)
{
	char *clean, where[PATH_MAX];
	bool hidden;

	if (!base->hides || kernel_path(base->fd, where, sizeof(where)))
		return lade_place_hides_in(base, fd, name, true);
	clean = lade_place_clean(path);
	hidden = !clean || lade_place_hidden(base, clean, true);
	free(clean);
	return hidden;
}

int lade_place_make_directory(const struct lade_base *base, const char *path, mode_t mode)
{
	char name[NAME_MAX + 1];
	int fd, result = -1, saved;

	if (!base)
		return mkdir(path, mode);
	fd = open_parent(base, path, name, EEXIST);
	if (fd < 0)
		return -1;
	if (hides_new(base, fd, path, name))
		errno = EACCES;
	else
		result = mkdirat(fd, name, mode);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

int lade_place_remove_directory(const struct lade_base *base, const char *path)
{
	char name[NAME_MAX + 1];
	int fd, result, saved;

	if (!base)
		return rmdir(path);
	fd = open_parent(base, path, name, EINVAL);
	if (fd < 0)
		return -1;
	result = unlinkat(fd, name, AT_REMOVEDIR);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}
