/*
 * Who may write to the tree may write these attributes, so they are checked like a peer's words: nothing is a directory that is none, and no
 * directory is something else.
 */
#include "agent/tree/fake_super.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/tree/read_open.h"
#include "protocol/limits.h"

#define ATTRIBUTE "user.rsync.%stat"
#define TEXT_MAX 80u
#define PATH_SIZE (sizeof("/proc/self/fd/") + 12u + LADE_NAME_MAX)

/* The path by which the l*xattr calls reach a component of a held directory. */
static void path_of(const struct lade_attributes_place *place, char path[PATH_SIZE])
{
	(void)snprintf(path, PATH_SIZE, "/proc/self/fd/%d/%s", place->directory_fd, place->name);
}

static ssize_t get(const struct lade_attributes_place *place, char *text, size_t size)
{
	char path[PATH_SIZE];

	if (place->fd >= 0)
		return fgetxattr(place->fd, ATTRIBUTE, text, size);
	path_of(place, path);
	return lgetxattr(path, ATTRIBUTE, text, size);
}

/* NULL removes it. */
static int set(const struct lade_attributes_place *place, const char *text)
{
	char path[PATH_SIZE];

	path_of(place, path);
	if (text)
		return place->fd >= 0 ? fsetxattr(place->fd, ATTRIBUTE, text, strlen(text), 0) :
			lsetxattr(path, ATTRIBUTE, text, strlen(text), 0);
	if ((place->fd >= 0 ? fremovexattr(place->fd, ATTRIBUTE) : lremovexattr(path, ATTRIBUTE)) == 0)
		return 0;
	return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -1;
}

/* A number in base, up to max, with the character behind it. */
static bool take(const char **text, int base, char behind, unsigned long max, unsigned long *number_out)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*number_out = strtoul(*text, &end, base);
	if (errno || *end != behind || *number_out > max)
		return false;
	*text = end + (behind != '\0');
	return true;
}

/* True if something of type real can pass for a thing of this mode. */
static bool can_be(mode_t real, unsigned long mode)
{
	mode_t type = (mode_t)mode & S_IFMT;

	if (S_ISDIR(real) || type == S_IFDIR)
		return S_ISDIR(real) && type == S_IFDIR;
	return type == S_IFREG || type == S_IFLNK || type == S_IFBLK || type == S_IFCHR || type == S_IFIFO || type == S_IFSOCK;
}

static bool parse(const char *text, struct stat *st)
{
	unsigned long mode, major_number, minor_number, uid, gid;

	if (!take(&text, 8, ' ', 0177777, &mode) || !take(&text, 10, ',', UINT32_MAX, &major_number) ||
	    !take(&text, 10, ' ', UINT32_MAX, &minor_number) || !take(&text, 10, ':', UINT32_MAX - 1, &uid) ||
	    !take(&text, 10, '\0', UINT32_MAX - 1, &gid) || !can_be(st->st_mode, mode))
		return false;
	st->st_mode = (mode_t)mode;
	st->st_uid = (uid_t)uid;
	st->st_gid = (gid_t)gid;
	st->st_rdev = makedev((unsigned)major_number, (unsigned)minor_number);
	if (!S_ISREG(mode) && !S_ISDIR(mode))
		st->st_size = 0;
	return true;
}

int lade_fake_super_read(const struct lade_attributes_place *place, struct stat *st, struct lade_fault *fault)
{
	char text[TEXT_MAX + 1];
	ssize_t len;

	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return 0;
	len = get(place, text, TEXT_MAX);
	if (len < 0 && errno != ERANGE)
		return 0;
	text[len < 0 ? 0 : len] = '\0';
	if (parse(text, st))
		return 1;
	errno = EINVAL;
	return lade_fault_set(fault, LADE_E_SYSTEM, "understand the attribute " ATTRIBUTE " of", place->name);
}

static int failed(const struct lade_attributes_place *place, const char *operation, struct lade_fault *fault)
{
	bool unsupported = errno == EOPNOTSUPP || errno == ENOSYS || errno == EPERM;

	return lade_fault_set(fault, unsupported ? LADE_E_UNSUPPORTED : LADE_E_SYSTEM, operation, place->name);
}

static bool is_so(const struct stat *st, const struct stat *wanted)
{
	return st->st_mode == wanted->st_mode && st->st_uid == wanted->st_uid && st->st_gid == wanted->st_gid;
}

int lade_fake_super_write(const struct lade_attributes_place *place, const struct stat *wanted, struct lade_fault *fault)
{
	bool device = S_ISBLK(wanted->st_mode) || S_ISCHR(wanted->st_mode);
	char text[TEXT_MAX + 1];
	mode_t own;
	struct stat st;

	if (place->fd >= 0 ? fstat(place->fd, &st) : fstatat(place->directory_fd, place->name, &st, AT_SYMLINK_NOFOLLOW))
		return failed(place, "stat", fault);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	own = (st.st_mode & S_IFMT) | (wanted->st_mode & 0777) | (S_ISDIR(st.st_mode) ? 0700 : 0600);
	if (st.st_mode != own && (place->fd >= 0 ? fchmod(place->fd, own & 07777) :
				  fchmodat(place->directory_fd, place->name, own & 07777, AT_SYMLINK_NOFOLLOW)))
		return failed(place, "change mode of", fault);
	st.st_mode = own;
	(void)snprintf(text, sizeof(text), "%o %u,%u %u:%u", wanted->st_mode, device ? major(wanted->st_rdev) : 0,
		       device ? minor(wanted->st_rdev) : 0, wanted->st_uid, wanted->st_gid);
	return set(place, is_so(&st, wanted) ? NULL : text) ? failed(place, "set attributes of", fault) : 0;
}

int lade_fake_super_make(int directory_fd, const char *name, const char *target)
{
	size_t len = target ? strlen(target) : 0;
	int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t written;
	int saved;

	if (fd < 0)
		return -1;
	errno = 0;
	written = len ? write(fd, target, len) : 0;
	saved = errno ? errno : EIO;
	close(fd);
	if (written == (ssize_t)len)
		return 0;
	(void)unlinkat(directory_fd, name, 0);
	errno = saved;
	return -1;
}

ssize_t lade_fake_super_readlink(int directory_fd, const char *name, char *target_out, size_t size)
{
	int fd = lade_read_open(directory_fd, name, 0);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, target_out, size);
	close(fd);
	/* What a symlink could not hold is no target. */
	if (len == 0 || (len > 0 && memchr(target_out, '\0', (size_t)len))) {
		errno = EINVAL;
		return -1;
	}
	return len;
}
