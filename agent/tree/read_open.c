/*
 * O_NOATIME is for the owner and for root: others are told so by EPERM, and read as everybody does.
 */
#include "agent/tree/read_open.h"

#include <errno.h>
#include <fcntl.h>

#define FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

int lade_read_open(int directory_fd, const char *name, bool noatime)
{
	int fd = openat(directory_fd, name, FLAGS | (noatime ? O_NOATIME : 0));

	if (fd < 0 && noatime && errno == EPERM)
		fd = openat(directory_fd, name, FLAGS);
	return fd;
}
