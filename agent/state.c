/*
 * The state directory and how its files are replaced.
 */
#include "agent/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "/proc/self/fd/" and a number. */
#define FD_PATH_SIZE 32u

/* The path of the directory. The specification has relative paths ignored. */
static int state_path(const char *name, char out[PATH_MAX])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int len;

	if (state && *state == '/')
		len = snprintf(out, PATH_MAX, "%s/lade/%s", state, name);
	else if (home && *home == '/')
		len = snprintf(out, PATH_MAX, "%s/.local/state/lade/%s", home, name);
	else
		len = -1;
	errno = len < 0 ? ENOENT : ENAMETOOLONG;
	return len > 0 && len < PATH_MAX ? 0 : LADE_E_SYSTEM;
}

/* Make path and all that is above it. */
static int make_all(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int result;

		*slash = '\0';
		result = mkdir(path, 0700);
		*slash = '/';
		if (result && errno != EEXIST && errno != EACCES && errno != EROFS)
			return LADE_E_SYSTEM;
	}
	return mkdir(path, 0700) && errno != EEXIST ? LADE_E_SYSTEM : 0;
}

int lade_state_open(const char *name, int *fd_out, struct lade_fault *fault)
{
	char path[PATH_MAX];
	int fd;

	if (state_path(name, path))
		return lade_fault_set(fault, LADE_E_SYSTEM, "find a place for state (set HOME or XDG_STATE_HOME) for", name);
	fd = make_all(path) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open state directory", path);
	*fd_out = fd;
	return 0;
}

/* The name under which a new file waits for its own; one process may have several. */
static void waiting_name(int fd, char out[FD_PATH_SIZE])
{
	snprintf(out, FD_PATH_SIZE, "new.%ld.%d", (long)getpid(), fd);
}

int lade_state_new_file(int directory_fd, int *fd_out, struct lade_fault *fault)
{
	int fd = openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create a file of the state", NULL);
	*fd_out = fd;
	return 0;
}

int lade_state_write(int fd, const void *data, size_t len, struct lade_fault *fault)
{
	const char *next = data;

	while (len) {
		ssize_t put = write(fd, next, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return lade_fault_set(fault, LADE_E_SYSTEM, "write the state", NULL);
		next += put;
		len -= (size_t)put;
	}
	return 0;
}

int lade_state_replace(int directory_fd, int fd, const char *name, struct lade_fault *fault)
{
	char from[FD_PATH_SIZE], waiting[FD_PATH_SIZE];
	int error = 0;

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	waiting_name(fd, waiting);
	/* On disk before it has its name: after a crash there is the old file or the new one. */
	(void)unlinkat(directory_fd, waiting, 0);
	if (fdatasync(fd) || linkat(AT_FDCWD, from, directory_fd, waiting, AT_SYMLINK_FOLLOW))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write the state to", name);
	else if (renameat(directory_fd, waiting, directory_fd, name)) {
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write the state to", name);
		(void)unlinkat(directory_fd, waiting, 0);
	}
	close(fd);
	return error;
}
