/*
 * A store served to somebody else: what a client asks for over a connection is done in a folder here. protocol/PROTOCOL.md, section 8.
 *
 * The bytes of objects go from the connection to their file, and back, without being looked at.
 */
#ifndef LADE_AGENT_STORE_STORE_SERVER_H
#define LADE_AGENT_STORE_STORE_SERVER_H

#include "agent/store/store_rights.h"
#include "agent/store/store_room.h"
#include "chunker/digest.h"
#include "transport/connection.h"

/* All is borrowed for the time of the call. */
struct lade_store_serving {
	struct lade_connection *connection;     /* both sides have said HELLO, and SELECT was heard where there is one */
	const struct lade_run_key *key;
	int root_fd;                            /* what the client names is below this directory; -1: it names whatever this process can open */
	struct lade_store_rights rights;        /* of a client who does not own the store sessions are published here */
	uint64_t timeout;                       /* seconds without a byte that end the session; 0: none do */
	uint64_t bwlimit;                       /* bytes of objects a second that are taken, and that are sent; 0: as many as there are */
	struct lade_store_room *room;           /* what is put is counted there; NULL: nothing bounds it */
	void (*note)(void *context, const char *text); /* what whoever runs the server should know: of publishing; may be NULL */
	void *context;
};

/*
 * Serve until the client hangs up; what it has begun and not ended is thrown away. SIGPIPE is ignored, and lade_mapping_setup() was called. Returns 0; LADE_E_PROTOCOL,
 * LADE_E_LIMIT, LADE_E_TRUNCATED: it has said what it must not, which it was told; LADE_E_ABSENT, LADE_E_EXISTS, LADE_E_REFUSED, LADE_E_SYSTEM: it cannot have the
 * repository that it named, likewise; LADE_E_MEMORY; LADE_E_TIMEOUT; or a failure of the connection.
 */
int lade_store_serve(const struct lade_store_serving *serving, struct lade_fault *fault);

#endif
