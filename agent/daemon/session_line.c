/*
 * Session lines.
 */
#include "agent/daemon/session_line.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/daemon/monitor_internal.h"
#include "protocol/bytes.h"
#include "transport/clock.h"

#define USUAL "session $session of $peer as '$identity': $module $action files=$files in=$bytes_in out=$bytes_out seconds=$seconds path=$path status=$status"
#define LINE_MAX_LEN 4096u
#define NUMBER_SIZE 64u

enum kind { TEXT, NUMBER, SECONDS, STATUS };

static const struct variable {
	const char *name, *journal;
	enum kind kind;
	size_t off;
} variables[] = {
	{ "session", "LADE_SESSION", NUMBER, offsetof(struct lade_session_facts, number) },
	{ "peer", "LADE_PEER", TEXT, offsetof(struct lade_session_facts, peer) },
	{ "address", "LADE_ADDRESS", TEXT, offsetof(struct lade_session_facts, address) },
	{ "identity", "LADE_IDENTITY", TEXT, offsetof(struct lade_session_facts, identity) },
	{ "module", "LADE_MODULE", TEXT, offsetof(struct lade_session_facts, module) },
	{ "action", "LADE_ACTION", TEXT, offsetof(struct lade_session_facts, action) },
	{ "path", "LADE_PATH", TEXT, offsetof(struct lade_session_facts, path) },
	{ "files", "LADE_FILES", NUMBER, offsetof(struct lade_session_facts, files) },
	{ "bytes_in", "LADE_BYTES_IN", NUMBER, offsetof(struct lade_session_facts, bytes_in) },
	{ "bytes_out", "LADE_BYTES_OUT", NUMBER, offsetof(struct lade_session_facts, bytes_out) },
	{ "seconds", "LADE_SECONDS", SECONDS, offsetof(struct lade_session_facts, seconds) },
	{ "status", "LADE_STATUS", STATUS, offsetof(struct lade_session_facts, status) },
};

#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))
static_assert(VARIABLE_COUNT <= LADE_LOG_FIELDS_MAX, "each is a field in the journal");

void lade_session_facts_of(const struct visit *visit, struct lade_session_facts *facts_out)
{
	*facts_out = (struct lade_session_facts){
		.number = visit->number,
		.peer = visit->peer,
		.address = visit->host,
		.identity = visit->identity,
		.module = visit->module ? visit->module->name : "",
		.action = !visit->has_result || visit->refused ? "none" : visit->result.sends ? "send" : "receive",
		.path = visit->progress.path[0] ? visit->progress.path : "-",
		.files = visit->has_result ? visit->result.totals.transferred : visit->progress.files_done,
		.bytes_in = visit->progress.received,
		.bytes_out = visit->progress.sent,
		.seconds = (double)(lade_clock_ms() - visit->started_ms) / 1000,
		.status = WIFSIGNALED(visit->how) ? 128 + WTERMSIG(visit->how) : WEXITSTATUS(visit->how),
	};
}

/* The variable whose name the text begins with, with *len_out bytes of it; NULL: there is none. */
static const struct variable *find(const char *text, size_t *len_out)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || text[len] == '_')
		len++;
	*len_out = len;
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		if (strlen(variables[i].name) == len && memcmp(variables[i].name, text, len) == 0)
			return &variables[i];
	return NULL;
}

int lade_session_format_check(const char *format, const char **wrong_out)
{
	for (const char *at = strchr(format, '$'); at; at = strchr(at + 1, '$')) {
		size_t len;

		if (!find(at + 1, &len)) {
			*wrong_out = at;
			return LADE_E_USAGE;
		}
	}
	return 0;
}

/* The value of a variable: a text of facts, or one that is put into number. */
static const char *value_of(const struct variable *variable, const struct lade_session_facts *facts, char number[NUMBER_SIZE])
{
	const void *field = (const char *)facts + variable->off;

	switch (variable->kind) {
	case TEXT:
		return *(const char *const *)field;
	case NUMBER:
		snprintf(number, NUMBER_SIZE, "%llu", (unsigned long long)*(const uint64_t *)field);
		break;
	case SECONDS:
		snprintf(number, NUMBER_SIZE, "%.3f", *(const double *)field);
		break;
	case STATUS:
		snprintf(number, NUMBER_SIZE, "%d", *(const int *)field);
		break;
	}
	return number;
}

void lade_session_format_fill(const char *format, const struct lade_session_facts *facts, struct lade_writer *line)
{
	for (const char *at = format ? format : USUAL; *at;) {
		size_t len = strcspn(at, "$");
		char number[NUMBER_SIZE];

		lade_writer_put_bytes(line, at, len);
		at += len;
		if (*at == '$') {
			const struct variable *variable = find(at + 1, &len);
			const char *value = variable ? value_of(variable, facts, number) : "";

			lade_writer_put_bytes(line, value, strlen(value));
			at += 1 + len;
		}
	}
	lade_writer_put_u8(line, 0);
}

void lade_session_line(struct lade_daemon_log *log, const char *format, const struct lade_session_facts *facts)
{
	struct lade_log_field fields[VARIABLE_COUNT];
	char numbers[VARIABLE_COUNT][NUMBER_SIZE];
	struct lade_writer line;

	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		fields[i] = (struct lade_log_field){ variables[i].journal, value_of(&variables[i], facts, numbers[i]) };
	lade_writer_init(&line, LINE_MAX_LEN);
	lade_session_format_fill(format, facts, &line);
	if (line.error)
		lade_daemon_log_line(log, LOG_ERR, "session %llu: its line is too long for the log", (unsigned long long)facts->number);
	else
		lade_daemon_log_fields(log, LOG_INFO, (const char *)line.data, fields, VARIABLE_COUNT);
	lade_writer_fini(&line);
}
