/*
 * Room. Invariant: what is there is never more than base + (account - base_account), but for what was written and not yet counted, a run of each session: bytes are counted when
 * they are in their file, so no walk sees an account that has what the disk does not have yet. The account is read before the walk begins, so what comes while it goes on may
 * count twice, never not at all. What is deleted counts until the next walk.
 *
 * The account is a number of bytes that only sessions change, under flock(2), and that only grows: were it lessened by what is thrown away, somebody could let another session's
 * walk see the account after the one and the disk before the other, again and again. One that is no number (a new file, a disk that lost it) is 0. It may wrap: differences count.
 */
#include "agent/store/store_room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/tree/whole.h"
#include "protocol/byteorder.h"
#include "transport/clock.h"

/* How often what is there is looked at again, at most. */
#define WALK_MS 60000

/* Directories in directories: a repository has three, and may be some way down. */
#define DEPTH_MAX 64u

struct lade_store_room {
	struct lade_store_room_setup setup;
	bool walked;
	int64_t walked_ms;     /* when */
	uint64_t base;         /* bytes that were there then, */
	uint64_t base_account; /* and what the account had */
};

int lade_store_room_new(const struct lade_store_room_setup *setup, struct lade_store_room **room_out, struct lade_fault *fault)
{
	struct lade_store_room *room = calloc(1, sizeof(*room));

	if (!room)
		return lade_fault_set(fault, LADE_E_MEMORY, "serve", NULL);
	room->setup = *setup;
	*room_out = room;
	return 0;
}

void lade_store_room_free(struct lade_store_room *room)
{
	free(room);
}

/* ---- the account ---- */

/* Lock and read it. If that fails it is not locked. */
static int enter_account(const struct lade_store_room *room, uint64_t *account_out, struct lade_fault *fault)
{
	const int fd = room->setup.account_fd;
	uint8_t bytes[8];
	ssize_t got;

	while (flock(fd, LOCK_EX)) {
		if (errno != EINTR)
			return lade_fault_set(fault, LADE_E_SYSTEM, "lock", "the account of the module");
	}
	got = lade_whole_read(fd, bytes, sizeof(bytes), 0);
	*account_out = got == sizeof(bytes) ? lade_get_le64(bytes) : 0;
	if (got >= 0)
		return 0;
	lade_fault_set(fault, LADE_E_SYSTEM, "read", "the account of the module");
	(void)flock(fd, LOCK_UN);
	return LADE_E_SYSTEM;
}

static void leave_account(const struct lade_store_room *room)
{
	(void)flock(room->setup.account_fd, LOCK_UN);
}

/* ---- what is there ---- */

uint64_t lade_store_room_of(uint64_t len)
{
	return len ? (len + LADE_STORE_ROOM_BLOCK - 1) / LADE_STORE_ROOM_BLOCK * LADE_STORE_ROOM_BLOCK : LADE_STORE_ROOM_BLOCK;
}

static int sum_directory(int parent, const char *name, unsigned depth, uint64_t *sum, struct lade_fault *fault);

/* Where objects are before they are elsewhere: summed first, so that one that moves meanwhile counts twice at most, and never not at all. */
static const char *const before[] = { "tmp", "sessions" };

static bool is_before(const char *name)
{
	return !strcmp(name, before[0]) || !strcmp(name, before[1]);
}

static int sum_names(DIR *stream, unsigned depth, uint64_t *sum, struct lade_fault *fault)
{
	const struct dirent *entry;
	struct stat st;
	int error = sum_directory(dirfd(stream), before[0], depth + 1, sum, fault);

	if (!error)
		error = sum_directory(dirfd(stream), before[1], depth + 1, sum, fault);

	while (!error && (errno = 0, entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(stream), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
			/* It may have gone meanwhile. */
			error = errno == ENOENT ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "look at", entry->d_name);
			continue;
		}
		if (S_ISDIR(st.st_mode) && is_before(entry->d_name))
			continue;
		if (S_ISDIR(st.st_mode))
			error = sum_directory(dirfd(stream), entry->d_name, depth + 1, sum, fault);
		else
			*sum += lade_store_room_of(S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
	}
	return !error && errno ? lade_fault_set(fault, LADE_E_SYSTEM, "list", NULL) : error;
}

/* One that only root may look into (lost+found) is not a client's either, and counts nothing. */
static int sum_directory(int parent, const char *name, unsigned depth, uint64_t *sum, struct lade_fault *fault)
{
	DIR *stream;
	int fd, error;

	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return depth && (errno == ENOENT || errno == EACCES || errno == ENOTDIR || errno == ELOOP) ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "open", name);
	stream = depth <= DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!stream) {
		close(fd);
		return lade_fault_set(fault, depth <= DEPTH_MAX ? LADE_E_MEMORY : LADE_E_LIMIT, "look into", name);
	}
	error = sum_names(stream, depth, sum, fault);
	closedir(stream);
	return error;
}

static int walk(struct lade_store_room *room, struct lade_fault *fault)
{
	uint64_t account = 0, sum = 0;
	int error = enter_account(room, &account, fault);

	if (error)
		return error;
	leave_account(room);
	error = sum_directory(room->setup.tree_fd, ".", 0, &sum, fault);
	if (error)
		return error;
	room->base = sum;
	room->base_account = account;
	room->walked = true;
	room->walked_ms = lade_clock_ms();
	return 0;
}

int lade_store_room_look(struct lade_store_room *room, struct lade_fault *fault)
{
	return room->setup.quota && !room->walked ? walk(room, fault) : 0;
}

/* ---- the limits ---- */

/* No room: which setting says so is the subject. */
static int refuse(int reason, const char *setting, uint64_t bytes, struct lade_fault *fault)
{
	char subject[80];

	snprintf(subject, sizeof(subject), "the server's %s = %" PRIu64, setting, bytes);
	errno = reason;
	return lade_fault_set(fault, LADE_E_SYSTEM, "store", subject);
}

/* Would len bytes more leave too little? The disk tells of what is in the page cache, too. */
static int look_at_disk(const struct lade_store_room *room, const struct lade_store_room_claim *claim, uint64_t len, struct lade_fault *fault)
{
	const uint64_t least = claim->reserve ? room->setup.min_free / 2 : room->setup.min_free;
	struct statvfs disk;
	uint64_t left;

	if (fstatvfs(claim->fd, &disk))
		return lade_fault_set(fault, LADE_E_SYSTEM, "look at", "the disk");
	left = (uint64_t)disk.f_bavail * disk.f_frsize;
	return left < len || left - len < least ? refuse(ENOSPC, "min free", room->setup.min_free, fault) : 0;
}

/* Count len bytes, unless that makes more than most. Returns 0; LADE_E_AGAIN: it is too much; or what else went wrong. */
static int count(struct lade_store_room *room, uint64_t most, uint64_t len, struct lade_fault *fault)
{
	uint64_t account, since;
	uint8_t bytes[8];
	int error = lade_store_room_look(room, fault);

	if (!error)
		error = enter_account(room, &account, fault);
	if (error)
		return error;
	since = account - room->base_account;
	lade_put_le64(bytes, account + len);
	if (room->base > most || since > most - room->base || len > most - room->base - since)
		error = LADE_E_AGAIN;
	else if (len && lade_whole_write(room->setup.account_fd, bytes, sizeof(bytes), 0))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "write", "the account of the module");
	leave_account(room);
	return error;
}

int lade_store_room_take(struct lade_store_room *room, const struct lade_store_room_claim *claim, uint64_t len, struct lade_fault *fault)
{
	const uint64_t quota = room->setup.quota;
	/* No size is above INT64_MAX, so this does not wrap. */
	const uint64_t most = quota + (claim->reserve ? quota / 8 : 0);
	int error = room->setup.min_free && claim->fd >= 0 ? look_at_disk(room, claim, len, fault) : 0;

	if (error || !quota)
		return error;
	error = count(room, most, len, fault);
	if (error == LADE_E_AGAIN && lade_clock_ms() - room->walked_ms >= WALK_MS) {
		/* Somebody may have made room. */
		room->walked = false;
		error = count(room, most, len, fault);
	}
	return error == LADE_E_AGAIN ? refuse(EDQUOT, "quota", quota, fault) : error;
}
