/*
 * The line of a session in the daemon's log, in a form that the configuration may choose (`log format`).
 */
#ifndef LADE_AGENT_DAEMON_SESSION_LINE_H
#define LADE_AGENT_DAEMON_SESSION_LINE_H

#include <stdint.h>

#include "agent/daemon/log.h"
#include "protocol/bytes.h"

struct visit;

/* What is known of a session when it has ended. The texts are borrowed from the visit. */
struct lade_session_facts {
	uint64_t number;
	const char *peer, *address, *identity, *module;
	const char *action;  /* "send", "receive", or "none": refused, or ended before that was known */
	const char *path;    /* how bytes went; may be empty */
	uint64_t files, bytes_in, bytes_out;
	double seconds;
	int status;
};

/* Collect them. */
void lade_session_facts_of(const struct visit *visit, struct lade_session_facts *facts_out);

/* Check a format: returns 0, or LADE_E_USAGE with the word that is none in *wrong_out (borrowed from format). */
int lade_session_format_check(const char *format, const char **wrong_out);

/* Append the line and a NUL, not escaped. format as below; variables that there are not are left out. */
void lade_session_format_fill(const char *format, const struct lade_session_facts *facts, struct lade_writer *line);

/* Log the line; the journal gets each variable as a field LADE_NAME, too. format NULL: the usual one. Variables are written $name, as in nginx: lade-daemon.conf(5). */
void lade_session_line(struct lade_daemon_log *log, const char *format, const struct lade_session_facts *facts);

#endif
