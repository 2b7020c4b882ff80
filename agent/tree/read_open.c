/*
 * O_NOATIME is for the owner and for root: others are told so by EPERM, and read as everybody does.
 */
#include "agent/tree/read_open.h"

#include <errno.h>
#include <fcntl.h>

int lade_read_open(int directory_fd, const char *name, unsigned how)
{
	int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | (how & LADE_READ_FOLLOW ? 0 : O_NOFOLLOW);
	int fd = openat(directory_fd, name, flags | (how & LADE_READ_NOATIME ? O_NOATIME : 0));

	if (fd < 0 && (how & LADE_READ_NOATIME) && errno == EPERM)
		fd = openat(directory_fd, name, flags);
	return fd;
}

int lade_read_open_in(const struct lade_directory *directory, int fd, const char *name, unsigned how)
{
	int flags = O_RDONLY | O_NONBLOCK, opened;

	if (!(how & LADE_READ_FOLLOW))
		return lade_read_open(fd, name, how);
	opened = lade_directory_open_followed(directory, fd, name, flags | (how & LADE_READ_NOATIME ? O_NOATIME : 0));
	if (opened < 0 && (how & LADE_READ_NOATIME) && errno == EPERM)
		opened = lade_directory_open_followed(directory, fd, name, flags);
	return opened;
}
