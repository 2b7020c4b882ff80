/*
 * Where the lines of the daemon go. In the journal they have their priority; on standard error they have it in front of them as
 * sd-daemon(3) reads it, if systemd reads it ($JOURNAL_STREAM).
 */
#include "agent/daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/complaint.h"
#include "agent/escape.h"
#include "agent/log_file.h"
#include "config.h"
#include "protocol/bytes.h"
#ifdef HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

#define LINE_MAX_LEN 4096

struct lade_daemon_log {
	bool journal;
	bool prefixed;              /* standard error is the journal's */
	struct lade_log_file *file; /* or NULL */
	struct lade_writer line;
};

int lade_daemon_log_open(bool journal, const char *file, struct lade_daemon_log **log_out, struct lade_fault *fault)
{
	struct lade_daemon_log *log;
	int error = 0;

#ifndef HAVE_SYSTEMD
	if (journal)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "log to the journal", NULL);
#endif
	log = calloc(1, sizeof(*log));
	if (!log)
		return lade_fault_set(fault, LADE_E_MEMORY, "open the log", NULL);
	log->journal = journal;
	log->prefixed = getenv("JOURNAL_STREAM");
	lade_writer_init(&log->line, SIZE_MAX);
	if (!journal && file)
		error = lade_log_file_open(file, &log->file, fault);
	if (error)
		lade_daemon_log_close(log);
	else
		*log_out = log;
	return error;
}

void lade_daemon_log_close(struct lade_daemon_log *log)
{
	if (!log)
		return;
	lade_log_file_close(log->file);
	lade_writer_fini(&log->line);
	free(log);
}

static void put_line(struct lade_daemon_log *log, int priority, const char *text)
{
	lade_writer_reset(&log->line);
	lade_escape_put_text(&log->line, text);
	if (log->line.error)
		return;
	if (log->file)
		lade_log_file_line(log->file, lade_slice(log->line.data, log->line.len));
#ifdef HAVE_SYSTEMD
	else if (log->journal)
		(void)sd_journal_send("MESSAGE=%.*s", (int)log->line.len, (const char *)log->line.data, "PRIORITY=%d", priority,
				      "SYSLOG_IDENTIFIER=lade", NULL);
#endif
	else if (log->prefixed)
		(void)fprintf(stderr, "<%d>%.*s\n", priority, (int)log->line.len, (const char *)log->line.data);
	else
		(void)fprintf(stderr, "lade: %.*s\n", (int)log->line.len, (const char *)log->line.data);
}

void lade_daemon_log_line(struct lade_daemon_log *log, int priority, const char *format, ...)
{
	char text[LINE_MAX_LEN];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_line(log, priority, text);
}

void lade_daemon_log_fault(struct lade_daemon_log *log, int priority, const struct lade_fault *fault)
{
	struct lade_complaint complaint;

	lade_complain_fault(&complaint, 0, fault);
	put_line(log, priority, complaint.text);
}
