/*
 * A block device's size is where its end is: stat(2) says 0. See lseek(2).
 */
#include "agent/tree/device_file.h"

#include <unistd.h>

void lade_device_as_file(int fd, struct stat *st)
{
	off_t end;

	if (!S_ISBLK(st->st_mode) && !S_ISCHR(st->st_mode))
		return;
	end = S_ISBLK(st->st_mode) ? lseek(fd, 0, SEEK_END) : 0;
	st->st_mode = S_IFREG | (st->st_mode & 07777);
	st->st_size = end > 0 ? end : 0;
	st->st_blocks = st->st_size / 512 + 1;
}
