/*
 * A store that somebody else serves: lade_store_serve() at the other end of a connection. protocol/PROTOCOL.md, section 8.
 *
 * Any thread may begin, append to and end puts, get, and do all else; requests of several threads are under way at the same time. A connection that is lost ends the store:
 * whatever is asked for afterwards says so, and nothing is tried again.
 */
#ifndef LADE_AGENT_STORE_STORE_REMOTE_H
#define LADE_AGENT_STORE_STORE_REMOTE_H

#include "agent/store/store.h"
#include "chunker/digest.h"
#include "transport/connection.h"

/*
 * Open, or make, the repository at path over a connection on which both sides have said HELLO (and SELECT was said where there is one). The connection is consumed, failure
 * or not: it is closed, and the process that was spawned for it reaped, with the store. key is copied. SIGPIPE is ignored.
 *
 * Returns 0 with what lade_store_close() closes; LADE_E_ABSENT: there is no repository; create: LADE_E_EXISTS: there is one, LADE_E_REFUSED: it may not be made there;
 * LADE_E_TIMEOUT: connection->timeout_ms is not 0, and no answer came so long; LADE_E_REMOTE: the other side refuses, and the fault has its words; LADE_E_SYSTEM,
 * LADE_E_MEMORY, LADE_E_PROTOCOL, or a failure of the connection.
 */
int lade_store_remote_open(const struct lade_connection *connection, const struct lade_run_key *key, const char *path, bool create,
			   struct lade_store **store_out, struct lade_fault *fault);

/* Over TCP it is seen to so often, in seconds, that something was said meanwhile, whatever the caller does: a server's time-out is for those who are gone. */
#define LADE_STORE_SIGN_S 10u

/*
 * True if a key that protects the connection has done so much that it is time for another one: ours, or the server's, as far as can be seen from here. Nothing has to be wrong.
 * What is not protected, or is lost, is never worn. Any thread.
 */
bool lade_store_remote_is_worn(struct lade_store *store);

/* True once the connection is lost. Any thread. */
bool lade_store_remote_is_lost(struct lade_store *store);

#endif
