/*
 * Reading a directory's names into a list, from a descriptor that is held already.
 */
#ifndef LADE_AGENT_TREE_LISTING_H
#define LADE_AGENT_TREE_LISTING_H

#include <stdint.h>

#include "agent/tree/name_list.h"
#include "protocol/error.h"

/*
 * The key under which a name is sorted. of: type is its d_type, DT_UNKNOWN possible; returns a negative number to leave
 * the name out. It may set *name to another one that is listed instead, borrowed until the next call. context is the caller's.
 */
struct lade_listing_key {
	int (*of)(void *context, int directory_fd, const char **name, uint8_t type);
	void *context;
};

/*
 * Add every name of the directory but "." and ".." to list. directory_fd is read from its beginning and left
 * at its end; one thread may read it at a time. Returns 0; LADE_E_SOURCE if it cannot be read (what was read
 * before is in the list); LADE_E_MEMORY or LADE_E_SYSTEM from the list. See getdents64(2).
 */
int lade_listing_read(int directory_fd, struct lade_name_list *list, const struct lade_listing_key *key,
		      struct lade_fault *fault);

/*
 * 1 if nothing is in the directory fd (consumed; -1: it could not be opened), or nothing but what is called besides (may be NULL); 0 if
 * something is; LADE_E_SYSTEM with errno. See readdir(3).
 */
int lade_listing_empty(int fd, const char *besides);

#endif
