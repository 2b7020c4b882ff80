/*
 * Sync sessions from end to end: what the commands call.
 */
#ifndef LADE_AGENT_SYNC_SYNC_H
#define LADE_AGENT_SYNC_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/events.h"
#include "agent/sync/handshake.h"
#include "agent/sync/grant.h"
#include "agent/sync/settings.h"
#include "agent/sync/source_list.h"
#include "agent/token.h"
#include "chunker/digest.h"
#include "protocol/exit_status.h"
#include "protocol/message.h"
#include "transport/connection.h"

struct lade_grant; /* agent/sync/grant.h */

/* A client's session. All is borrowed until lade_sync_client() returns. */
struct lade_sync_job {
	const struct lade_settings *settings;
	const struct lade_events *events;
	struct lade_connection *connection; /* to the other side, fresh */
	const struct lade_token *token;     /* NULL: the connection needs none (local, ssh, TLS) */
	const struct lade_selection *selection; /* of a daemon's module; NULL: the other side is no daemon */
	bool push;                          /* the sources are here */
	char *const *sources;               /* paths as the user wrote them (trailing slash and all), source_count */
	unsigned source_count;
	const struct lade_source_list *list; /* names below the one source; NULL: there is none, or the other side reads it */
	const char *destination;            /* as the user wrote it, on the side that receives; NULL for a listing */
};

/*
 * Run a session to its end: handshake, walk, transfer, commit. Faults are reported through events.
 * totals_out gets the sums of both sides. Returns the exit status (enum lade_exit). The connection stays the caller's.
 * SIGINT, SIGTERM and SIGHUP end it in order (see lade_sync_setup()).
 */
int lade_sync_client(const struct lade_sync_job *job, struct lade_msg_end *totals_out);

/*
 * Have the process get no more than settings->max_alloc bytes of memory, if that is set. Returns 0, LADE_E_PROTOCOL for less than
 * LADE_MEMORY_MIN, LADE_E_SYSTEM.
 */
int lade_sync_limit_memory(const struct lade_settings *settings, struct lade_fault *fault);

/* So many seconds of silence on the connection are too many, in its opening and in a session; 0: as many as are usual for its kind. */
void lade_sync_watch_silence(struct lade_connection *connection, uint64_t timeout);

/*
 * Have what is written to the connection wait for settings->bwlimit, if there is one and nothing waits yet. Both ends of a local
 * session share one limit: it is set before the fork. Whoever made connection frees its throttle. Returns 0, or LADE_E_MEMORY with the fault.
 */
int lade_sync_limit(struct lade_connection *connection, const struct lade_settings *settings, struct lade_fault *fault);

/*
 * The other end: answer one client on connection as it asks, as far as grant lets it; NULL: it may do what the process may. token NULL: none is asked for;
 * limits NULL: the program's own. Returns the exit status.
 */
int lade_sync_serve(struct lade_connection *connection, const struct lade_token *token, const struct lade_session_limits *limits,
		    const struct lade_grant *grant);

/* What became of a session that was served. */
struct lade_served {
	bool sends;                 /* we did */
	struct lade_msg_end totals; /* of both sides; zeros if there was no session */
};

/*
 * The same for a client that was greeted already, maybe by another process, with the run key that came of it: its OPEN is the next that it says.
 * served_out may be NULL; its direction is there before the grant's progress is called.
 */
int lade_sync_serve_greeted(struct lade_connection *connection, const struct lade_run_key *key, const struct lade_session_limits *limits,
			    const struct lade_grant *grant, struct lade_served *served_out);

/* Once per process, before threads: SIGPIPE ignored, SIGBUS handled, termination signals noted, umask taken, as many descriptors as may be. 0 or LADE_E_SYSTEM. */
int lade_sync_setup(struct lade_fault *fault);

#endif
