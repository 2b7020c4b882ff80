/*
 * The room of a served directory. All sessions of a user that serve the same directory, by whatever path, share an account: a file of the state, outside of what clients reach,
 * that has the name of the directory's device and inode. What it has matters to sessions that run, so it may be deleted when there are none; sessions of other users have
 * accounts of their own, and see what these put when they next sum up.
 */
#include "agent/serve_room.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/state.h"

/* The directory of the state, and what the names of files there begin with. */
#define PLACE "served"
#define NAME_SIZE 64u

static int open_account(int root_fd, int *fd_out, struct lade_fault *fault)
{
	char name[NAME_SIZE];
	struct stat st;
	int place, error;

	if (fstat(root_fd, &st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "look at", "the directory that is served");
	error = lade_state_open(PLACE, &place, fault);
	if (error)
		return error;
	snprintf(name, sizeof(name), "account-%jx-%jx", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	*fd_out = openat(place, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd_out < 0)
		error = lade_fault_set(fault, LADE_E_SYSTEM, "open the account of what is served", name);
	close(place);
	return error;
}

int lade_serve_room_init(struct lade_serve_room *room, int root_fd, const struct lade_serve_limits *limits, struct lade_fault *fault)
{
	struct lade_store_room_setup setup = { .quota = limits->quota, .min_free = limits->min_free, .tree_fd = root_fd, .account_fd = -1 };
	int error = 0;

	*room = (struct lade_serve_room){ .account_fd = -1 };
	if (!limits->quota && !limits->min_free)
		return 0;
	if (limits->quota)
		error = open_account(root_fd, &room->account_fd, fault);
	setup.account_fd = room->account_fd;
	if (!error)
		error = lade_store_room_new(&setup, &room->room, fault);
	if (error)
		lade_serve_room_fini(room);
	return error;
}

void lade_serve_room_fini(struct lade_serve_room *room)
{
	lade_store_room_free(room->room);
	if (room->account_fd >= 0)
		close(room->account_fd);
	*room = (struct lade_serve_room){ .account_fd = -1 };
}
