/*
 * Files, until all is done.
 */
#include "agent/tree/whole.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

/* Read len bytes, at off if that counts. */
static ssize_t read_whole(int fd, void *out, size_t len, bool there, uint64_t off)
{
	uint8_t *bytes = out;
	size_t done = 0;

	while (done < len) {
		ssize_t got = there ? pread(fd, bytes + done, len - done, (off_t)(off + done)) : read(fd, bytes + done, len - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t lade_whole_read(int fd, void *out, size_t len, uint64_t off)
{
	return read_whole(fd, out, len, true, off);
}

ssize_t lade_whole_take(int fd, void *out, size_t len)
{
	return read_whole(fd, out, len, false, 0);
}

int lade_whole_write(int fd, const void *data, size_t len, uint64_t off)
{
	const uint8_t *bytes = data;
	size_t done = 0;

	while (done < len) {
		ssize_t put = pwrite(fd, bytes + done, len - done, (off_t)(off + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put == 0)
			errno = ENOSPC; /* says no manual, but an endless loop would be worse */
		if (put <= 0)
			return -1;
		done += (size_t)put;
	}
	return 0;
}
