/*
 * It is written under another name beside the one that it gets when it is on disk: see mkostemp(3), link(2), rename(2).
 */
#include "agent/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/whole.h"

/* Have the directory that file is in on disk; a file system that cannot is none of our business. */
static void sync_directory(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *directory = slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file)) : strdup(".");
	int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(directory);
}

int lade_private_file_put(const char *file, const void *data, size_t len, bool replace)
{
	char temporary[PATH_MAX + 16];
	int fd, result = -1, saved;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", file) >= (int)sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(temporary, O_CLOEXEC); /* with O_EXCL, mode 0600 */
	if (fd < 0)
		return -1;
	if (lade_whole_write(fd, data, len, 0) == 0 && fsync(fd) == 0)
		result = replace ? rename(temporary, file) : link(temporary, file);
	saved = errno;
	/* With link(2) the file has both names. */
	if (result || !replace)
		(void)unlink(temporary);
	close(fd);
	if (!result)
		sync_directory(file);
	errno = saved;
	return result;
}
