/*
 * The sender of a session: walks sources and serves what the receiver wants.
 */
#ifndef LADE_AGENT_SYNC_SENDER_H
#define LADE_AGENT_SYNC_SENDER_H

#include "agent/sync/events.h"
#include "agent/sync/settings.h"
#include "agent/sync/source_list.h"
#include "chunker/digest.h"
#include "protocol/error.h"
#include "protocol/message.h"
#include "transport/connection.h"

/* What a sender is made of; all borrowed for the call. */
struct lade_sender_job {
	struct lade_connection *connection;
	const struct lade_settings *settings;
	const struct lade_events *events; /* NULL: the user is on the other side */
	const struct lade_run_key *key;
	char *const *sources;             /* as the user wrote them */
	unsigned source_count;
	const struct lade_source_list *list; /* names below the one source; NULL: there is no list */
	const char *avoid;                /* local destination: left out if a source contains it; may be NULL */
};

/*
 * Send to the end of the session. Returns the exit status; totals_out gets the sums of both
 * sides, as far as they are known.
 */
int lade_sender_run(const struct lade_sender_job *job, struct lade_msg_end *totals_out);

#endif
