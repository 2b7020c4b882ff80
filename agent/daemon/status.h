/*
 * What `lade status` shows: the sessions of a daemon, as a table for people or as JSON for programs. Pure: no descriptor, no clock.
 */
#ifndef LADE_AGENT_DAEMON_STATUS_H
#define LADE_AGENT_DAEMON_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/bytes.h"

/* What the client of the status socket says: which form it wants. */
#define LADE_STATUS_TEXT "text\n"
#define LADE_STATUS_JSON "json\n"
#define LADE_STATUS_REQUEST_LEN 5u

/* A session. Texts are borrowed. */
struct lade_status_session {
	uint64_t number;
	const char *peer, *identity, *module;
	const char *action;            /* "send", "receive", "hook"; "open": not known yet */
	uint64_t files, files_done, bytes, bytes_done;
	uint64_t received, sent, rate; /* bytes of the connection; rate: in a second */
	bool scanned;                  /* files and bytes are final */
	uint64_t seconds;              /* since it was accepted */
	const char *path;              /* how bytes go; may be empty */
};

/* The whole. */
struct lade_status {
	const char *version;
	long pid;
	uint64_t seconds;              /* since the daemon was started */
	unsigned logins;
	bool stopping;
	const struct lade_status_session *sessions; /* session_count */
	unsigned session_count;
};

/* Append a table: a line of the daemon, a headline, a line for each session. Failures are in writer->error, here and below. */
void lade_status_render_text(const struct lade_status *status, struct lade_writer *writer);

/* Append a line of JSON for the daemon and one for each session. */
void lade_status_render_json(const struct lade_status *status, struct lade_writer *writer);

#endif
