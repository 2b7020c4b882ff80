/*
 * How one directory is opened below a held one: the kernel's side of directory.c.
 *
 * No state and no locks. A path here is made of components that were checked by
 * lade_directory_open_is_name(); no symlink in it is followed, unless that is asked for, and nothing above
 * at_fd is reached, whatever is renamed meanwhile.
 *
 * Limits: a mount point inside the tree is entered; whether to cross file systems
 * is the walker's decision.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#else
#define HAVE_LINUX_OPENAT2_H 1
#endif

#include "agent/tree/directory_open.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if HAVE_LINUX_OPENAT2_H
#include <linux/openat2.h>
#endif

#include "protocol/error.h"
#include "protocol/limits.h"

#define RESOLVE_TRIES 16u

#define OPEN_READ (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define OPEN_SEARCH (O_PATH | O_DIRECTORY | O_CLOEXEC)

#if HAVE_LINUX_OPENAT2_H && defined(SYS_openat2)
/*
 * glibc has no wrapper before 2.43. EAGAIN: something was renamed while the kernel
 * could not be sure to stay beneath; asking again is what openat2(2) advises, and the
 * bound keeps somebody who renames without end from holding us.
 */
static int open_confined(int at_fd, const char *path, int flags, bool links)
{
	struct open_how how;
	long fd;

	memset(&how, 0, sizeof(how));
	how.flags = (unsigned int)flags;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | (links ? 0 : RESOLVE_NO_SYMLINKS);
	for (unsigned tries = 0; tries < RESOLVE_TRIES; tries++) {
		fd = syscall(SYS_openat2, at_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}
#else
static int open_confined(int at_fd, const char *path, int flags, bool links)
{
	(void)at_fd;
	(void)path;
	(void)flags;
	(void)links;
	errno = ENOSYS;
	return -1;
}
#endif

/*
 * ENOSYS: before Linux 5.6. EPERM: a seccomp filter older than the call (container
 * runtimes of 2020); openat2 itself never says EPERM for these flags.
 */
bool lade_directory_open_probe(int root_fd)
{
	int fd = open_confined(root_fd, ".", OPEN_SEARCH, false);

	if (fd >= 0) {
		close(fd);
		return true;
	}
	return errno != ENOSYS && errno != EPERM;
}

/*
 * One component at a time: O_NOFOLLOW covers only the last one of a path, so a path
 * has only one here. path is cut in place and restored.
 */
static int open_plain(int at_fd, char *path, int flags)
{
	int fd = -1, above = at_fd, saved;
	char *part = path, *slash;

	do {
		slash = strchr(part, '/');
		if (slash)
			*slash = '\0';
		fd = openat(above, part, (slash ? OPEN_SEARCH : flags) | O_NOFOLLOW);
		saved = errno;
		if (slash)
			*slash = '/';
		if (above != at_fd)
			close(above);
		errno = saved;
		above = fd;
		if (slash)
			part = slash + 1;
	} while (slash && fd >= 0);
	return fd;
}

static int open_piece(enum lade_directory_way way, int at_fd, char *piece, int flags)
{
	return way == LADE_DIRECTORY_PLAIN ? open_plain(at_fd, piece, flags) :
		open_confined(at_fd, piece, flags, way == LADE_DIRECTORY_LINKS);
}

int lade_directory_open_at(enum lade_directory_way way, int at_fd, const char *path, int flags)
{
	char piece[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(piece)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(piece, path, len + 1);
	return open_piece(way, at_fd, piece, flags);
}

/* Bytes of the longest run of whole components at path that fit a piece; len is not 0. */
static size_t piece_len(const char *path, size_t len)
{
	const char *slash;

	if (len < PATH_MAX)
		return len;
	slash = memrchr(path, '/', PATH_MAX - 1);
	assert(slash); /* no component is longer than LADE_NAME_MAX */
	return (size_t)(slash - path);
}

/*
 * The kernel takes PATH_MAX bytes at once: longer paths go in pieces. A symlink in the second one may then not lead above that, which costs
 * such a path a symlink that a shorter one could have.
 */
int lade_directory_open_below(enum lade_directory_way way, int at_fd, const char *path, size_t len)
{
	char piece[PATH_MAX];
	int fd, above = at_fd, saved;
	size_t part;
	bool last;

	for (;;) {
		part = piece_len(path, len);
		last = part == len;
		memcpy(piece, path, part);
		piece[part] = '\0';
		fd = open_piece(way, above, piece, last ? OPEN_READ : OPEN_SEARCH);
		/* What may be searched but not read is still good for everything but listing. */
		if (last && fd < 0 && errno == EACCES)
			fd = open_piece(way, above, piece, OPEN_SEARCH);
		saved = errno;
		if (above != at_fd)
			close(above);
		errno = saved;
		if (last || fd < 0)
			return fd;
		above = fd;
		path += part + 1;
		len -= part + 1;
	}
}

int lade_directory_open_code(int error)
{
	switch (error) {
	case ENOENT:
		return LADE_E_ABSENT;
	case ELOOP:   /* RESOLVE_NO_SYMLINKS met a symlink */
	case ENOTDIR: /* O_NOFOLLOW | O_DIRECTORY met one, or something else that is no directory */
	case EXDEV:   /* RESOLVE_BENEATH: would leave the root */
		return LADE_E_REFUSED;
	case ENOMEM:
		return LADE_E_MEMORY;
	default:
		return LADE_E_SYSTEM;
	}
}

bool lade_directory_open_is_name(const char *name, size_t len)
{
	if (len == 0 || len > LADE_NAME_MAX)
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	return !memchr(name, '/', len) && !memchr(name, '\0', len);
}

bool lade_directory_open_is_path(const char *path, size_t len)
{
	const char *slash;
	size_t part;

	for (;;) {
		slash = memchr(path, '/', len);
		part = slash ? (size_t)(slash - path) : len;
		if (!lade_directory_open_is_name(path, part))
			return false;
		if (!slash)
			return true;
		path += part + 1;
		len -= part + 1;
	}
}

int lade_directory_open_through(int at_fd, const char *name)
{
	int fd = openat(at_fd, name, OPEN_READ);

	if (fd < 0 && errno == EACCES)
		fd = openat(at_fd, name, OPEN_SEARCH);
	return fd;
}

int lade_directory_open_root(const struct lade_base *base, const char *path)
{
	int fd = lade_place_open(base, path, OPEN_READ);

	if (fd < 0 && errno == EACCES)
		fd = lade_place_open(base, path, OPEN_SEARCH);
	return fd;
}
