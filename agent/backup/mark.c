/*
 * A few system calls for each directory, and only where somebody asks for it. The colon parts a name from its header, as no name of a mark has one.
 */
#include "agent/backup/mark.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tree/read_open.h"

/* Of the header that a user may ask for, so much counts. */
#define HEADER_MAX 4096u

/* True if the file name in the directory fd begins with header; "": if it is there. */
static bool has_file(int fd, const char *name, const char *header)
{
	const size_t len = strnlen(header, HEADER_MAX);
	char begin[HEADER_MAX];
	struct stat st;
	bool same;
	int file;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	if (!len)
		return true;
	if (!S_ISREG(st.st_mode))
		return false;
	file = lade_read_open(fd, name, LADE_READ_NOATIME);
	if (file < 0)
		return false;
	same = pread(file, begin, len, 0) == (ssize_t)len && memcmp(begin, header, len) == 0;
	close(file);
	return same;
}

static bool has_named(int fd, const char *written)
{
	const char *colon = strchr(written, ':');
	char name[NAME_MAX + 1];

	if (!colon)
		return has_file(fd, written, "");
	if ((size_t)(colon - written) >= sizeof(name))
		return false;
	memcpy(name, written, (size_t)(colon - written));
	name[colon - written] = '\0';
	return has_file(fd, name, colon + 1);
}

bool lade_mark_found(const struct lade_mark_wish *wish, int directory_fd, const char *name)
{
	bool found = false;
	int fd;

	if (!wish->caches && !wish->count)
		return false;
	fd = openat(directory_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (wish->caches)
		found = has_file(fd, "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
	for (unsigned i = 0; i < wish->count && !found; i++)
		found = has_named(fd, wish->names[i]);
	close(fd);
	return found;
}
