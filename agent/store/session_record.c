/*
 * A lock says that a process is alive, whatever became of its number; it ends with the process. A record without a lock is of one that died.
 *
 * Whoever locks a record looks whether it still has a name: another one may have removed it in between.
 */
#include "agent/store/session_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "session-"
#define NAME_SIZE (sizeof(PREFIX) + 2 * LADE_SESSION_RANDOM_LEN)

static void make_name(const uint8_t random[LADE_SESSION_RANDOM_LEN], char out[NAME_SIZE])
{
	memcpy(out, PREFIX, sizeof(PREFIX));
	sodium_bin2hex(out + sizeof(PREFIX) - 1, NAME_SIZE - sizeof(PREFIX) + 1, random, LADE_SESSION_RANDOM_LEN);
}

/* Lock a file that is open. Returns 0, or -1: somebody else has, or it has no name any more. */
static int lock(int fd)
{
	struct stat st;

	return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1 ? 0 : -1;
}

int lade_session_record_make(int directory, const struct lade_session_id *id, int *fd_out, struct lade_fault *fault)
{
	char name[NAME_SIZE];
	int fd;

	*fd_out = -1;
	if (directory < 0)
		return 0;
	make_name(id->random, name);
	/* Who sweeps may have taken it for a dead one's before it was locked. */
	do {
		fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return lade_fault_set(fault, LADE_E_SYSTEM, "create", name);
		if (lock(fd) == 0)
			break;
		(void)unlinkat(directory, name, 0);
		close(fd);
	} while (true);
	*fd_out = fd;
	return 0;
}

enum lade_session_life lade_session_record_look(int directory, const struct lade_session_id *id, int *fd_out)
{
	char name[NAME_SIZE];
	int fd;

	*fd_out = -1;
	if (directory < 0)
		return LADE_SESSION_UNKNOWN;
	make_name(id->random, name);
	fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return LADE_SESSION_UNKNOWN;
	if (lock(fd)) {
		close(fd);
		return LADE_SESSION_ALIVE;
	}
	*fd_out = fd;
	return LADE_SESSION_DEAD;
}

void lade_session_record_release(int fd)
{
	if (fd >= 0)
		close(fd);
}

void lade_session_record_forget(int directory, const struct lade_session_id *id, int fd)
{
	char name[NAME_SIZE];

	if (fd < 0)
		return;
	make_name(id->random, name);
	(void)unlinkat(directory, name, 0);
	close(fd);
}

/* True if the list has a session of that record. */
static bool is_listed(const struct lade_session_list *list, const char *record)
{
	char name[NAME_SIZE];

	for (size_t i = 0; i < list->count; i++) {
		make_name(list->sessions[i].id.random, name);
		if (!strcmp(name, record))
			return true;
	}
	return false;
}

static void sweep_one(int directory, const char *name)
{
	const int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (lock(fd) == 0)
		(void)unlinkat(directory, name, 0);
	close(fd);
}

void lade_session_record_sweep(int directory, const struct lade_session_list *list)
{
	const int fd = directory < 0 ? -1 : openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(stream))) {
		if (!strncmp(entry->d_name, PREFIX, sizeof(PREFIX) - 1) && strlen(entry->d_name) == NAME_SIZE - 1 && !is_listed(list, entry->d_name))
			sweep_one(directory, entry->d_name);
	}
	closedir(stream);
}
