/*
 * The receiver of a session: compares entries with what is there, asks for what
 * differs, lands it, and makes the destination like the source.
 */
#ifndef LADE_AGENT_SYNC_RECEIVER_H
#define LADE_AGENT_SYNC_RECEIVER_H

#include "agent/sync/events.h"
#include "agent/sync/settings.h"
#include "agent/sync/source_list.h"
#include "chunker/digest.h"
#include "protocol/error.h"
#include "protocol/message.h"
#include "transport/connection.h"

/* What a receiver is made of; all borrowed for the call. */
struct lade_receiver_job {
	struct lade_connection *connection;
	const struct lade_settings *settings;
	const struct lade_events *events; /* NULL: the user is on the other side */
	const struct lade_run_key *key;
	char *const *sources;             /* what a client asked for, source_count; NULL: a server takes what comes */
	unsigned source_count;
	const struct lade_source_list *list; /* names below the one source; NULL: there is no list */
	bool unknown_sources;             /* what the list has is known to the other side alone */
	const char *destination;          /* as the user wrote it */
	mode_t umask;                     /* the process's, before lade_sync_setup() cleared it */
};

/* Receive to the end of the session. Returns the exit status; totals_out gets the sums of both sides. */
int lade_receiver_run(const struct lade_receiver_job *job, struct lade_msg_end *totals_out);

#endif
