/*
 * A list of sources in a file (--files-from): it is read on the side where the file is, and travels to the
 * side that has the sources.
 */
#ifndef LADE_AGENT_SYNC_SOURCE_LIST_H
#define LADE_AGENT_SYNC_SOURCE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/tree/charset.h"
#include "agent/tree/place.h"
#include "protocol/error.h"
#include "transport/connection.h"

struct lade_events; /* agent/sync/events.h */

/* The names, each with a NUL behind it. All zeros: there is no list. */
struct lade_source_list {
	char *names; /* owned; not NULL where there is a list */
	size_t len, size;
	int refused; /* the exit status with which the peer said why there is none; 0: it did not */
};

/* Free the names; then there is no list. */
void lade_source_list_fini(struct lade_source_list *list);

/*
 * Read a list from file, which is below base (NULL: anywhere): names end with a line feed or a carriage return, or with a NUL if nul says so. What is empty, or begins with ';' or
 * '#', is none. ours: file is the user's on this side, "-" is standard input, and pipes and terminals will do; a server takes only what it can
 * read without waiting for anybody. Returns 0, LADE_E_SYSTEM, LADE_E_ABSENT, LADE_E_REFUSED (a device, or a server's FIFO), LADE_E_LIMIT
 * (a name above LADE_PATH_MAX, a list above LADE_NAMES_MAX, its remarks included) or LADE_E_MEMORY, and says so in fault, which is not NULL.
 * lade_source_list_fini() is to be called either way.
 */
int lade_source_list_read(const struct lade_base *base, const char *file, bool nul, bool ours, struct lade_source_list *list_out,
			  struct lade_fault *fault);

/*
 * [source-names] Say a list to the peer, before the session's threads start; 0, LADE_E_MEMORY, LADE_E_LIMIT or the connection's fault. charset:
 * what its names are converted from, where they can be; NULL: they are not.
 */
int lade_source_list_say(struct lade_connection *connection, struct lade_charset *charset, const struct lade_source_list *list,
			 struct lade_fault *fault);

/*
 * [source-names] Hear one; charset: what its names are converted to; events: those of our user, who is told why there is none, or NULL: a server hears no such words. Returns 0;
 * LADE_E_REMOTE if the peer said why, with list_out->refused; LADE_E_PROTOCOL, LADE_E_LIMIT, LADE_E_MEMORY or the connection's fault.
 * lade_source_list_fini() is to be called either way.
 */
int lade_source_list_hear(struct lade_connection *connection, struct lade_charset *charset, const struct lade_events *events,
			  struct lade_source_list *list_out, struct lade_fault *fault);

/* The name behind one (NULL: the first); NULL at the end. Borrowed. */
const char *lade_source_list_next(const struct lade_source_list *list, const char *name);

#endif
