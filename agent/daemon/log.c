/*
 * Where the lines of the daemon go. In the journal they have their priority; on standard error they have it in front of them as
 * sd-daemon(3) reads it, if systemd reads it ($JOURNAL_STREAM).
 */
#include "agent/daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/complaint.h"
#include "agent/escape.h"
#include "agent/log_file.h"
#include <config.h> /* not agent/daemon/config.h */
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

/* True if standard error is what systemd connected to the journal: systemd.exec(5), $JOURNAL_STREAM. The variable alone may be inherited from far above. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char ours[64];

	if (!stream || fstat(STDERR_FILENO, &status))
		return false;
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
	return strcmp(stream, ours) == 0;
}

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
	log->prefixed = stderr_is_journal();
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

#ifdef HAVE_SYSTEMD
/* NAME=VALUE; the value may hold anything. */
static void make_field(struct lade_writer *field, const char *name, const void *value, size_t len)
{
	lade_writer_init(field, SIZE_MAX);
	lade_writer_put_bytes(field, name, strlen(name));
	lade_writer_put_u8(field, '=');
	lade_writer_put_bytes(field, value, len);
}

static void put_journal(const struct lade_writer *line, int priority, const struct lade_log_field *fields, unsigned count)
{
	struct lade_writer made[3 + LADE_LOG_FIELDS_MAX];
	struct iovec all[3 + LADE_LOG_FIELDS_MAX];
	const char digit = (char)('0' + priority);
	int used = 0, sent = 0;

	make_field(&made[used++], "MESSAGE", line->data, line->len);
	make_field(&made[used++], "PRIORITY", &digit, 1);
	make_field(&made[used++], "SYSLOG_IDENTIFIER", "lade", 4);
	for (unsigned i = 0; i < count && i < LADE_LOG_FIELDS_MAX; i++)
		make_field(&made[used++], fields[i].name, fields[i].value, strlen(fields[i].value));
	/* What there was no memory for is left out. */
	for (int i = 0; i < used; i++)
		if (!made[i].error)
			all[sent++] = (struct iovec){ made[i].data, made[i].len };
	(void)sd_journal_sendv(all, sent);
	for (int i = 0; i < used; i++)
		lade_writer_fini(&made[i]);
}
#endif

void lade_daemon_log_fields(struct lade_daemon_log *log, int priority, const char *text, const struct lade_log_field *fields, unsigned count)
{
	lade_writer_reset(&log->line);
	lade_escape_put_text(&log->line, text);
	if (log->line.error)
		return;
	if (log->file)
		lade_log_file_line(log->file, lade_slice(log->line.data, log->line.len));
#ifdef HAVE_SYSTEMD
	else if (log->journal)
		put_journal(&log->line, priority, fields, count);
#endif
	else if (log->prefixed)
		(void)fprintf(stderr, "<%d>%.*s\n", priority, (int)log->line.len, (const char *)log->line.data);
	else
		(void)fprintf(stderr, "lade: %.*s\n", (int)log->line.len, (const char *)log->line.data);
	(void)fields;
	(void)count;
}

static void put_line(struct lade_daemon_log *log, int priority, const char *text)
{
	lade_daemon_log_fields(log, priority, text, NULL, 0);
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
