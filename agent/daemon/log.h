/*
 * The daemon's log: standard error, a file, or the journal of systemd. The monitor writes it, nobody else.
 */
#ifndef LADE_AGENT_DAEMON_LOG_H
#define LADE_AGENT_DAEMON_LOG_H

#include <stdbool.h>
#include <syslog.h>

#include "protocol/error.h"

struct lade_daemon_log;

/*
 * Open a log: the journal, if that is wanted, else file (NULL: standard error). Returns 0 with a log for lade_daemon_log_close(), LADE_E_SYSTEM,
 * LADE_E_MEMORY, or LADE_E_UNSUPPORTED: built without the journal.
 */
int lade_daemon_log_open(bool journal, const char *file, struct lade_daemon_log **log_out, struct lade_fault *fault);

/* Close it. NULL does nothing. */
void lade_daemon_log_close(struct lade_daemon_log *log);

/* A fact of a line that the journal keeps apart: its name there ("LADE_MODULE") and its value, which may hold anything. Borrowed. */
struct lade_log_field {
	const char *name, *value;
};

/* Most fields of a line. */
#define LADE_LOG_FIELDS_MAX 16u

/* The text as a line, with fields (at most LADE_LOG_FIELDS_MAX; the others are left out), which only the journal has use for. Escaped as the next one's. */
void lade_daemon_log_fields(struct lade_daemon_log *log, int priority, const char *text, const struct lade_log_field *fields, unsigned count);

/* A line of syslog(3)'s priority, printf-like, without newline. What is not printable is escaped: peers choose some of the words. */
void lade_daemon_log_line(struct lade_daemon_log *log, int priority, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A line about a fault. */
void lade_daemon_log_fault(struct lade_daemon_log *log, int priority, const struct lade_fault *fault);

#endif
