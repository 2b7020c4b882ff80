/*
 * Session lines.
 */
#include "agent/daemon/session_line.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/daemon/monitor_internal.h"
#include "agent/sync/sync.h"
#include "protocol/bytes.h"

#define USUAL "session $session of $peer as '$identity': $module $action files=$files in=$bytes_in out=$bytes_out seconds=$seconds path=$path status=$status"
#define LINE_MAX_LEN 4096u

enum kind { TEXT, NUMBER, SECONDS, STATUS };

static const struct variable {
	const char *name;
	enum kind kind;
	size_t off;
} variables[] = {
	{ "session", NUMBER, offsetof(struct lade_session_facts, number) },
	{ "peer", TEXT, offsetof(struct lade_session_facts, peer) },
	{ "address", TEXT, offsetof(struct lade_session_facts, address) },
	{ "identity", TEXT, offsetof(struct lade_session_facts, identity) },
	{ "module", TEXT, offsetof(struct lade_session_facts, module) },
	{ "action", TEXT, offsetof(struct lade_session_facts, action) },
	{ "path", TEXT, offsetof(struct lade_session_facts, path) },
	{ "files", NUMBER, offsetof(struct lade_session_facts, files) },
	{ "bytes_in", NUMBER, offsetof(struct lade_session_facts, bytes_in) },
	{ "bytes_out", NUMBER, offsetof(struct lade_session_facts, bytes_out) },
	{ "seconds", SECONDS, offsetof(struct lade_session_facts, seconds) },
	{ "status", STATUS, offsetof(struct lade_session_facts, status) },
};

#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))

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
		.seconds = (double)(lade_monitor_now_ms() - visit->started_ms) / 1000,
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

static void put_variable(struct lade_writer *line, const struct variable *variable, const struct lade_session_facts *facts)
{
	const void *field = (const char *)facts + variable->off;
	char number[64];
	const char *text = number;

	switch (variable->kind) {
	case TEXT:
		text = *(const char *const *)field;
		break;
	case NUMBER:
		snprintf(number, sizeof(number), "%llu", (unsigned long long)*(const uint64_t *)field);
		break;
	case SECONDS:
		snprintf(number, sizeof(number), "%.3f", *(const double *)field);
		break;
	case STATUS:
		snprintf(number, sizeof(number), "%d", *(const int *)field);
		break;
	}
	lade_writer_put_bytes(line, text, strlen(text));
}

void lade_session_line(struct lade_daemon_log *log, const char *format, const struct lade_session_facts *facts)
{
	struct lade_writer line;

	lade_writer_init(&line, LINE_MAX_LEN);
	for (const char *at = format ? format : USUAL; *at;) {
		size_t len = strcspn(at, "$");

		lade_writer_put_bytes(&line, at, len);
		at += len;
		if (*at == '$') {
			const struct variable *variable = find(at + 1, &len);

			if (variable)
				put_variable(&line, variable, facts);
			at += 1 + len;
		}
	}
	lade_daemon_log_line(log, LOG_INFO, "%.*s", (int)line.len, (const char *)line.data);
	lade_writer_fini(&line);
}
