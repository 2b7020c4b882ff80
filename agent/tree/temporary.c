/*
 * Temporary files. A lock (flock(2)) marks one that is in use; it goes with the
 * descriptor, so a killed session leaves none. A stale file is unlinked unless it is continued:
 * whoever still has it open keeps an inode without a name. The destination itself is locked in the same way: two writers
 * would make something of it that neither has.
 */
#include "agent/tree/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chunker/digest.h"

#define PREFIX ".lade."
/* How long a session that is ending may take to let go of a file that the next one wants. */
#define LOCK_WAIT_MS 3000
#define LOCK_PAUSE_MS 20
#define PREFIX_LEN (sizeof(PREFIX) - 1)

bool lade_temporary_is(const char *name)
{
	return strncmp(name, PREFIX, PREFIX_LEN) == 0 && strlen(name) == LADE_TEMPORARY_NAME_SIZE - 1 &&
		strspn(name + PREFIX_LEN, "0123456789abcdef") == LADE_TEMPORARY_NAME_SIZE - 1 - PREFIX_LEN;
}

void lade_temporary_name(const char *name, unsigned attempt, char out[LADE_TEMPORARY_NAME_SIZE])
{
	static const struct lade_run_key no_key;
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[LADE_DIGEST_LEN];

	lade_digest(&no_key, name, strlen(name), digest);
	digest[LADE_DIGEST_LEN - 1] = (uint8_t)(digest[LADE_DIGEST_LEN - 1] + attempt);
	memcpy(out, PREFIX, PREFIX_LEN);
	for (size_t i = 0; i < LADE_DIGEST_LEN; i++) {
		out[PREFIX_LEN + 2 * i] = digits[digest[i] >> 4];
		out[PREFIX_LEN + 2 * i + 1] = digits[digest[i] & 15];
	}
	out[LADE_TEMPORARY_NAME_SIZE - 1] = '\0';
}

/*
 * Take the lock of a temporary file that may be another session's; a session that was cut off
 * just now is given wait_ms to end.
 */
static bool take_lock(int fd, int wait_ms)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };

	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK || wait_ms <= 0)
			return false;
		nanosleep(&pause, NULL);
		wait_ms -= LOCK_PAUSE_MS;
	}
	return true;
}

static bool remove_stale(int directory_fd, const char *temporary_name, int wait_ms)
{
	struct stat held, named;
	bool removed = false;
	/* O_NONBLOCK: a planted FIFO must not stop us. */
	int fd = openat(directory_fd, temporary_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT;
	if (fstat(fd, &held) == 0 && S_ISREG(held.st_mode) && held.st_nlink == 1 && held.st_uid == geteuid() &&
	    take_lock(fd, wait_ms)) {
		/* Whoever held the lock may have renamed or removed the file meanwhile: then the name is free, or new. */
		if (fstatat(directory_fd, temporary_name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		    named.st_dev == held.st_dev && named.st_ino == held.st_ino)
			removed = unlinkat(directory_fd, temporary_name, 0) == 0;
		else
			removed = true;
	}
	close(fd);
	return removed;
}

/* True if st is of a file that a session of ours left unfinished: nobody else can ever have had it open for writing. */
static bool is_left(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & 07777) == 0600 && st->st_nlink == 1 &&
		st->st_uid == geteuid() && st->st_size > 0;
}

bool lade_temporary_is_left(int directory_fd, const char *name)
{
	struct stat st;

	return fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_left(&st);
}

bool lade_temporary_left(int directory_fd, const char *name)
{
	char temporary_name[LADE_TEMPORARY_NAME_SIZE];

	lade_temporary_name(name, 0, temporary_name);
	return lade_temporary_is_left(directory_fd, temporary_name);
}

int lade_temporary_reopen(int directory_fd, const char *temporary_name, struct lade_temporary *temporary_out,
			  struct lade_fault *fault)
{
	struct stat st;
	int fd = openat(directory_fd, temporary_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	*temporary_out = (struct lade_temporary){ .fd = -1 };
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open temporary file", temporary_name);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid != geteuid() || !take_lock(fd, LOCK_WAIT_MS)) {
		close(fd);
		return lade_fault_set(fault, LADE_E_REFUSED, "use temporary file (in use by another session, or not ours)", temporary_name);
	}
	temporary_out->fd = fd;
	memcpy(temporary_out->name, temporary_name, LADE_TEMPORARY_NAME_SIZE);
	return 0;
}

int lade_temporary_continue(int directory_fd, const char *name, struct lade_temporary *temporary_out)
{
	struct stat held, named;
	int fd;

	*temporary_out = (struct lade_temporary){ .fd = -1 };
	lade_temporary_name(name, 0, temporary_out->name);
	fd = openat(directory_fd, temporary_out->name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return LADE_E_ABSENT;
	/* Whoever held the lock may have finished the file meanwhile. */
	if (fstat(fd, &held) || !is_left(&held) || !take_lock(fd, LOCK_WAIT_MS) ||
	    fstatat(directory_fd, temporary_out->name, &named, AT_SYMLINK_NOFOLLOW) ||
	    named.st_dev != held.st_dev || named.st_ino != held.st_ino) {
		close(fd);
		return LADE_E_ABSENT;
	}
	temporary_out->fd = fd;
	return 0;
}

void lade_temporary_leave(struct lade_temporary *temporary)
{
	if (temporary->fd >= 0)
		close(temporary->fd);
	temporary->fd = -1;
}

bool lade_temporary_remove_stale(int directory_fd, const char *temporary_name)
{
	return remove_stale(directory_fd, temporary_name, 0);
}

int lade_temporary_open(int directory_fd, const char *name, unsigned attempt, mode_t mode,
			struct lade_temporary *temporary_out, struct lade_fault *fault)
{
	int fd = -1;

	*temporary_out = (struct lade_temporary){ .fd = -1 };
	lade_temporary_name(name, attempt, temporary_out->name);
	for (int tries = 0; tries < 3 && fd < 0; tries++) {
		fd = openat(directory_fd, temporary_out->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd >= 0)
			break;
		if (errno != EEXIST)
			return lade_fault_set(fault, LADE_E_SYSTEM, "create temporary file for", name);
		if (!remove_stale(directory_fd, temporary_out->name, LOCK_WAIT_MS))
			return lade_fault_set(fault, LADE_E_REFUSED,
					      "use temporary file (in use by another session, or not ours) for", name);
	}
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_REFUSED, "use temporary file (another session makes it) for", name);
	/* A file system without locks (ENOLCK, EOPNOTSUPP) loses only the guard against a second session. */
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		close(fd);
		return lade_fault_set(fault, LADE_E_REFUSED, "use temporary file (in use by another session) for", name);
	}
	temporary_out->fd = fd;
	return 0;
}

int lade_temporary_open_unnamed(int directory_fd, const char *name, mode_t mode,
				struct lade_temporary *temporary_out, struct lade_fault *fault)
{
	*temporary_out = (struct lade_temporary){ .unnamed = true };
	lade_temporary_name(name, 0, temporary_out->name);
	temporary_out->fd = openat(directory_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
	if (temporary_out->fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "create temporary file for", name);
	return 0;
}

/*
 * O_NONBLOCK: the name may be a FIFO by now. O_CREAT comes second: for files that are there fs.protected_regular
 * (proc(5)) may refuse it.
 */
#define ITSELF_FLAGS (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* A file of ours that we may not read and write is given that right for as long as it takes to open it. -1 with errno. */
static int open_closed(int directory_fd, const char *name)
{
	struct stat st;
	mode_t mode;
	int fd, error;

	if (fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
		errno = EACCES;
		return -1;
	}
	mode = st.st_mode & 07777;
	if (fchmodat(directory_fd, name, mode | 0600, AT_SYMLINK_NOFOLLOW))
		return -1;
	fd = openat(directory_fd, name, ITSELF_FLAGS);
	error = errno;
	/* A failure shows when the file gets its mode. */
	(void)(fd >= 0 ? fchmod(fd, mode) : fchmodat(directory_fd, name, mode, AT_SYMLINK_NOFOLLOW));
	errno = error;
	return fd;
}

static int open_or_create(int directory_fd, const char *name, mode_t mode)
{
	int fd = openat(directory_fd, name, ITSELF_FLAGS);

	if (fd < 0 && errno == EACCES)
		return open_closed(directory_fd, name);
	if (fd < 0 && errno == ENOENT)
		return openat(directory_fd, name, ITSELF_FLAGS | O_CREAT | O_EXCL, mode);
	return fd;
}

int lade_temporary_open_itself(int directory_fd, const char *name, mode_t mode, struct lade_temporary *temporary_out,
			       struct lade_fault *fault)
{
	int fd = open_or_create(directory_fd, name, mode), error = 0;
	struct stat st;

	*temporary_out = (struct lade_temporary){ .fd = -1, .itself = true };
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open for writing", name);
	if (fstat(fd, &st))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "stat", name);
	else if (!S_ISREG(st.st_mode))
		error = lade_fault_set(fault, LADE_E_CHANGED, "write over", name);
	/* A file system without locks loses only the guard. */
	else if (!take_lock(fd, LOCK_WAIT_MS) && errno == EWOULDBLOCK)
		error = lade_fault_set(fault, LADE_E_REFUSED, "write over (locked by somebody else)",
				       name);
	if (error)
		close(fd);
	else
		temporary_out->fd = fd;
	return error;
}

/* True if size bytes find no room on the device; one without a size takes what it takes. */
static bool too_small(int fd, const struct stat *st, uint64_t size)
{
	off_t end = S_ISBLK(st->st_mode) ? lseek(fd, 0, SEEK_END) : -1;

	errno = ENOSPC;
	return end >= 0 && (uint64_t)end < size;
}

int lade_temporary_open_device(int directory_fd, const char *name, uint64_t size, struct lade_temporary *temporary_out, struct lade_fault *fault)
{
	int fd = openat(directory_fd, name, ITSELF_FLAGS), error = 0;
	struct stat st;

	*temporary_out = (struct lade_temporary){ .fd = -1, .itself = true };
	if (fd < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "open for writing", name);
	if (fstat(fd, &st) || (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode)))
		error = lade_fault_set(fault, LADE_E_CHANGED, "write over", name);
	else if (too_small(fd, &st, size))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write over", name);
	if (error)
		close(fd);
	else
		temporary_out->fd = fd;
	return error;
}

/* AT_EMPTY_PATH: the same user may since Linux 6.10, root always; others would need /proc. */
static int give_name(int fd, int directory_fd, const char *name)
{
	return linkat(fd, "", directory_fd, name, AT_EMPTY_PATH);
}

/* True if it is empty: there is nothing in it to go on with. */
static bool is_empty(int directory_fd, const char *name)
{
	struct stat st;

	return fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 0;
}

bool lade_temporary_unnamed_works(int directory_fd, const char *name)
{
	struct lade_temporary temporary;
	bool works;

	if (lade_temporary_open_unnamed(directory_fd, name, 0600, &temporary, NULL))
		return false;
	/* Who was killed in here has left an empty file. */
	if (is_empty(directory_fd, temporary.name))
		(void)remove_stale(directory_fd, temporary.name, 0);
	works = give_name(temporary.fd, directory_fd, temporary.name) == 0 &&
		unlinkat(directory_fd, temporary.name, 0) == 0;
	close(temporary.fd);
	return works;
}

/* Rename to a name that nobody has; where the file system cannot make sure of that (EINVAL), by a second name. 0, or -1 with errno. */
static int rename_to_free(int directory_fd, const char *from, const char *name)
{
	if (renameat2(directory_fd, from, directory_fd, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(directory_fd, from, directory_fd, name, 0))
		return -1;
	(void)unlinkat(directory_fd, from, 0);
	return 0;
}

/* Give the temporary name, from then on with a lock as who has it from the beginning. A session that was killed may have left a file there. 0, or -1 with errno. */
static int give_temporary_name(const struct lade_temporary *temporary, int directory_fd)
{
	/* A file system without locks loses only the guard. */
	(void)flock(temporary->fd, LOCK_EX | LOCK_NB);
	if (give_name(temporary->fd, directory_fd, temporary->name) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	if (!remove_stale(directory_fd, temporary->name, LOCK_WAIT_MS)) {
		errno = EEXIST;
		return -1;
	}
	return give_name(temporary->fd, directory_fd, temporary->name);
}

/* Where something has come to stand meanwhile, as a link does not replace it, by way of the temporary name. */
static int put_in_place(struct lade_temporary *temporary, int directory_fd, const char *name)
{
	if (temporary->unnamed) {
		if (give_name(temporary->fd, directory_fd, name) == 0)
			return 0;
		if (temporary->yields || errno != EEXIST || give_temporary_name(temporary, directory_fd))
			return -1;
		temporary->unnamed = false;
	}
	return temporary->yields ? rename_to_free(directory_fd, temporary->name, name) :
		renameat(directory_fd, temporary->name, directory_fd, name);
}

int lade_temporary_commit(struct lade_temporary *temporary, int directory_fd, const char *name,
			  struct lade_fault *fault)
{
	if (!temporary->itself && put_in_place(temporary, directory_fd, name)) {
		int error = lade_fault_set(fault, LADE_E_SYSTEM, "put into place", name);

		lade_temporary_discard(temporary, directory_fd);
		return error;
	}
	close(temporary->fd);
	temporary->fd = -1;
	return 0;
}

void lade_temporary_discard(struct lade_temporary *temporary, int directory_fd)
{
	if (temporary->fd < 0)
		return;
	if (!temporary->unnamed && !temporary->itself)
		(void)unlinkat(directory_fd, temporary->name, 0);
	close(temporary->fd);
	temporary->fd = -1;
}
