/*
 * How a session gets another connection when the keys of the one that it has are worn out: the client dials, the server is given what
 * came in. What is done with it then is agent/sync/succession.h.
 */
#ifndef LADE_AGENT_SYNC_SUCCESSOR_H
#define LADE_AGENT_SYNC_SUCCESSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/handshake.h"
#include "protocol/error.h"
#include "transport/connection.h"

/* How long a direction whose key is spent waits for another connection. */
#define LADE_MOVE_PATIENCE_MS 60000u

/* A connection that somebody says to be of the session. */
struct lade_successor {
	struct lade_connection connection;
	uint8_t exporter[LADE_EXPORTER_LEN];
	uint8_t proof[LADE_PROOF_LEN];
};

/* The ways of one side. All is borrowed for the session. */
struct lade_successors {
	uint64_t session; /* a server: the number of the session, not 0; 0: we are the client, and dial */

	/* A server: readable when a connection has come. */
	int fd;
	/* Take it over. Returns 0; LADE_E_CLOSED or LADE_E_SYSTEM (no more will come); or another failure, of this connection alone. The session's thread, as the next. */
	int (*take)(void *context, struct lade_successor *successor_out, struct lade_fault *fault);
	/* Tell whether the last one that was taken was of the session. */
	void (*judged)(void *context, bool good);

	/* A client: connect to the same server again. cancel_fd: readable: give up. A thread of its own, as the next. */
	int (*dial)(void *context, const int *cancel_fd, struct lade_connection *fresh_out, struct lade_fault *fault);
	/* Make it a protected one with the same host, LADE_E_AUTH if it is another. The connection stays the caller's. */
	int (*shake)(void *context, struct lade_connection *fresh, uint8_t exporter_out[LADE_EXPORTER_LEN], struct lade_fault *fault);

	void *context;

	/* For tests; 0: the program's own. */
	uint32_t move_bytes;  /* a direction is spent after so many, worn after half of them; else when its key is */
	uint32_t patience_ms; /* how long a writer whose key is spent waits: LADE_MOVE_PATIENCE_MS */
};

#endif
