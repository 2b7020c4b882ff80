/*
 * The state directory and how its files are replaced.
 */
#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/user_directory.h"
#include "protocol/grow.h"

/* Where the directory is. */
#define VARIABLE "XDG_STATE_HOME"
#define OTHERWISE ".local/state"

#define NO_PLACE "find a place for state (set HOME or XDG_STATE_HOME) for"
/* By way of this a file gets its first name. */
#define OWN_FDS "/proc/self/fd"
/* OWN_FDS, a slash and a number. */
#define FD_PATH_SIZE 32u
/* A new file that is older was left by a run that is no more, in seconds. */
#define STALE_S (24 * 60 * 60)

/* Remove what runs that were killed left behind, when nobody can be at work on it any more. */
static void remove_stale(int directory_fd)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!directory && fd >= 0)
		close(fd);
	while (directory && (entry = readdir(directory)))
		if (strncmp(entry->d_name, "new.", 4) == 0 &&
		    fstatat(directory_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    st.st_mtime < time(NULL) - STALE_S)
			(void)unlinkat(directory_fd, entry->d_name, 0);
	if (directory)
		closedir(directory);
}

int lade_state_open(const char *name, int *fd_out, struct lade_fault *fault)
{
	char path[PATH_MAX];
	int fd;

	if (lade_user_directory_path(VARIABLE, OTHERWISE, name, path))
		return lade_fault_set(fault, LADE_E_SYSTEM, NO_PLACE, name);
	fd = lade_user_directory_make(path) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open state directory", path);
	remove_stale(fd);
	*fd_out = fd;
	return 0;
}

int lade_state_find(const char *name, int *fd_out, struct lade_fault *fault)
{
	char path[PATH_MAX];
	int fd;

	if (lade_user_directory_path(VARIABLE, OTHERWISE, name, path))
		return lade_fault_set(fault, LADE_E_SYSTEM, NO_PLACE, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return lade_fault_set(fault, errno == ENOENT ? LADE_E_ABSENT : LADE_E_SYSTEM, "open state directory", path);
	*fd_out = fd;
	return 0;
}

/* The name under which a new file waits for its own; one process may have several. */
static void waiting_name(int fd, char out[FD_PATH_SIZE])
{
	snprintf(out, FD_PATH_SIZE, "new.%ld.%d", (long)getpid(), fd);
}

/* Without O_TMPFILE, which file systems may not have (NFS), or what gives such a file a name (a chroot has no /proc): a file that has the name of one that waits. */
static int new_named_file(int directory_fd)
{
	char first[FD_PATH_SIZE], waiting[FD_PATH_SIZE];
	int fd;

	snprintf(first, sizeof(first), "new.%ld", (long)getpid());
	(void)unlinkat(directory_fd, first, 0);
	fd = openat(directory_fd, first, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	waiting_name(fd, waiting);
	if (renameat(directory_fd, first, directory_fd, waiting) == 0)
		return fd;
	(void)unlinkat(directory_fd, first, 0);
	close(fd);
	return -1;
}

int lade_state_new_file(int directory_fd, int *fd_out, struct lade_fault *fault)
{
	bool names = access(OWN_FDS, X_OK) == 0;
	int fd = names ? openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

	if (fd < 0 && (!names || errno == EOPNOTSUPP))
		fd = new_named_file(directory_fd);
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create a file of the state", NULL);
	*fd_out = fd;
	return 0;
}

static bool has_name(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink;
}

void lade_state_discard(int directory_fd, int fd)
{
	char waiting[FD_PATH_SIZE];

	waiting_name(fd, waiting);
	if (has_name(fd))
		(void)unlinkat(directory_fd, waiting, 0);
	close(fd);
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

/* Give the file the name under which it waits, unless it has it. */
static int give_name(int directory_fd, int fd, const char *waiting)
{
	char from[FD_PATH_SIZE];

	if (has_name(fd))
		return 0;
	snprintf(from, sizeof(from), OWN_FDS "/%d", fd);
	(void)unlinkat(directory_fd, waiting, 0);
	return linkat(AT_FDCWD, from, directory_fd, waiting, AT_SYMLINK_FOLLOW);
}

int lade_state_replace(int directory_fd, int fd, const char *name, struct lade_fault *fault)
{
	char waiting[FD_PATH_SIZE];
	int error = 0;

	waiting_name(fd, waiting);
	/* On disk before it has its name: after a crash there is the old file or the new one. */
	if (fdatasync(fd) || give_name(directory_fd, fd, waiting) ||
	    renameat(directory_fd, waiting, directory_fd, name)) {
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write the state to", name);
		lade_state_discard(directory_fd, fd);
	} else {
		close(fd);
	}
	return error;
}

int lade_state_put(int directory_fd, const char *name, const void *data, size_t len, struct lade_fault *fault)
{
	int fd, error = lade_state_new_file(directory_fd, &fd, fault);

	if (error)
		return error;
	error = lade_state_write(fd, data, len, fault);
	if (!error)
		return lade_state_replace(directory_fd, fd, name, fault);
	lade_state_discard(directory_fd, fd);
	return error;
}

/* ---- room ---- */

struct kept {
	char name[NAME_MAX + 1];
	struct timespec used;
	off_t size;
};

static int by_use(const void *a, const void *b)
{
	const struct kept *left = a, *right = b;

	if (left->used.tv_sec != right->used.tv_sec)
		return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
	return left->used.tv_nsec < right->used.tv_nsec ? -1 : left->used.tv_nsec > right->used.tv_nsec;
}

/* All that is kept, the oldest first. The caller frees it; NULL: nothing, or no memory. */
static struct kept *list(DIR *directory, size_t name_len, size_t *count_out, off_t *sum_out)
{
	struct kept *all = NULL, *larger;
	size_t count = 0, capacity = 0;
	struct dirent *entry;
	struct stat st;

	*sum_out = 0;
	while ((entry = readdir(directory))) {
		if (strlen(entry->d_name) != name_len ||
		    fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		larger = lade_grown(all, count, &capacity, sizeof(*all));
		if (!larger)
			break;
		all = larger;
		all[count] = (struct kept){ .used = st.st_mtim, .size = st.st_size };
		memcpy(all[count++].name, entry->d_name, name_len + 1);
		*sum_out += st.st_size;
	}
	if (count)
		qsort(all, count, sizeof(*all), by_use);
	*count_out = count;
	return all;
}

void lade_state_trim(int directory_fd, size_t name_len, off_t max)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct kept *all;
	size_t count;
	off_t sum;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return;
	}
	all = list(directory, name_len, &count, &sum);
	for (size_t i = 0; i < count && sum > max; i++)
		if (unlinkat(directory_fd, all[i].name, 0) == 0)
			sum -= all[i].size;
	free(all);
	closedir(directory);
}
