/*
 * How much may be put into what is served, and how much has to stay free on its disk, for all sessions of a module together.
 *
 * What is there is summed up by walking it once in a session, when the first object comes, and again before something is refused, but no more than once a minute: what others
 * have deleted meanwhile is known then. Between walks it is known from an account, a small file that all sessions of the module share: each adds there what it puts. So
 * an object costs a few system calls, however many there are.
 *
 * Several sessions together may come to more than the limits by what is on its way when they are reached: a run of each.
 */
#ifndef LADE_AGENT_STORE_STORE_ROOM_H
#define LADE_AGENT_STORE_STORE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

/* An object counts with whole blocks of this many bytes, an empty one with one: names take room, too. */
#define LADE_STORE_ROOM_BLOCK UINT64_C(4096)

/* What bounds it. */
struct lade_store_room_setup {
	uint64_t quota;    /* bytes of files below tree_fd; 0: as many as there is room for */
	uint64_t min_free; /* bytes that stay free on the disk that an object goes to; 0: none */
	int tree_fd;       /* a directory, O_PATH will do; borrowed for the room's life; of no meaning without a quota */
	int account_fd;    /* a file that all sessions of the module share, and nobody else, opened by this process; borrowed likewise */
};

struct lade_store_room;

/* Returns 0 with what lade_store_room_free() frees, or LADE_E_MEMORY. One thread uses it. */
int lade_store_room_new(const struct lade_store_room_setup *setup, struct lade_store_room **room_out, struct lade_fault *fault);

/* NULL does nothing. */
void lade_store_room_free(struct lade_store_room *room);

/*
 * Look how much is there, unless that is known: best before anything is written, which would count twice for a while. Returns 0, or LADE_E_SYSTEM, LADE_E_LIMIT, LADE_E_MEMORY:
 * it cannot be found out.
 */
int lade_store_room_look(struct lade_store_room *room, struct lade_fault *fault);

/* What an object of len bytes counts. Any thread. */
uint64_t lade_store_room_of(uint64_t len);

/* What is to be put. */
struct lade_store_room_claim {
	int fd;       /* the file that the bytes go to, for its disk; -1: this is not known, and the disk not looked at */
	bool reserve; /* it makes room, by what comes behind it: half of min_free and an eighth beyond the quota are for that */
};

/*
 * Count len more bytes, which are in their file, as put; what is thrown away or deleted is found by the next walk. Returns 0; LADE_E_SYSTEM with ENOSPC or EDQUOT: there is no
 * room, the fault's subject says by which setting, and nothing was counted; LADE_E_SYSTEM, LADE_E_LIMIT, LADE_E_MEMORY: it cannot be found out how much is there, likewise.
 */
int lade_store_room_take(struct lade_store_room *room, const struct lade_store_room_claim *claim, uint64_t len, struct lade_fault *fault);

#endif
