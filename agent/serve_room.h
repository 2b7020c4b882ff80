/*
 * How much clients may put into the one directory that `lade serve --restrict` serves: agent/store/store_room.h without a daemon, whose account is in the state of the user.
 */
#ifndef LADE_AGENT_SERVE_ROOM_H
#define LADE_AGENT_SERVE_ROOM_H

#include <stdint.h>

#include "agent/store/store_room.h"

/* What bounds it. */
struct lade_serve_limits {
	uint64_t quota;    /* bytes of files below the directory; 0: no limit */
	uint64_t min_free; /* bytes that stay free on its disk; 0: none */
};

/* The caller's storage. */
struct lade_serve_room {
	struct lade_store_room *room; /* NULL: nothing bounds what is put */
	int account_fd;               /* -1: there is no account */
};

/*
 * Make room, if limits ask for any, before the process is shut out of the state. root_fd: the directory, O_PATH will do; borrowed for the room's life. Returns 0 with what
 * lade_serve_room_fini() frees, LADE_E_SYSTEM (there is no place for the account, or it cannot be opened) or LADE_E_MEMORY.
 */
int lade_serve_room_init(struct lade_serve_room *room, int root_fd, const struct lade_serve_limits *limits, struct lade_fault *fault);

/* Free what it has, after lade_serve_room_init(), failure or not. */
void lade_serve_room_fini(struct lade_serve_room *room);

#endif
