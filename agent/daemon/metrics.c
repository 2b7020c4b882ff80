/*
 * The text: each metric once, with its help and its type before its samples, as the format demands. Names follow the usage of Prometheus:
 * base units, _total for counters.
 */
#include "agent/daemon/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/json.h"
#include <config.h> /* not agent/daemon/config.h */
#include "protocol/exit_status.h"
#include "protocol/hello.h"

static const char *const outcomes[LADE_OUTCOME_COUNT] = {
	[LADE_OUTCOME_OK] = "ok",
	[LADE_OUTCOME_PARTIAL] = "partial",
	[LADE_OUTCOME_FAILED] = "failed",
	[LADE_OUTCOME_REFUSED] = "refused",
	[LADE_OUTCOME_KILLED] = "killed",
};

static const char *const refusals[LADE_REFUSAL_COUNT] = {
	[LADE_REFUSAL_HANDSHAKE] = "handshake",
	[LADE_REFUSAL_TIMEOUT] = "timeout",
	[LADE_REFUSAL_FLOOD] = "flood",
	[LADE_REFUSAL_MODULE] = "module",
	[LADE_REFUSAL_SECRET] = "secret",
	[LADE_REFUSAL_LIMIT] = "limit",
	[LADE_REFUSAL_STOPPING] = "stopping",
	[LADE_REFUSAL_SYSTEM] = "system",
};

/* ---- counting ---- */

struct lade_module_metrics *lade_metrics_module(struct lade_metrics *metrics, const char *name)
{
	for (unsigned i = 0; i < metrics->module_count; i++)
		if (strcmp(metrics->modules[i].name, name) == 0)
			return &metrics->modules[i];
	return NULL;
}

int lade_metrics_modules(struct lade_metrics *metrics, const struct lade_daemon_config *config, struct lade_fault *fault)
{
	struct lade_module_metrics *modules = realloc(metrics->modules, (metrics->module_count + config->module_count + 1) * sizeof(*modules));

	if (!modules)
		return lade_fault_set(fault, LADE_E_MEMORY, "count sessions", NULL);
	metrics->modules = modules;
	for (unsigned i = 0; i < config->module_count; i++) {
		struct lade_module_metrics *row = &modules[metrics->module_count];

		if (lade_metrics_module(metrics, config->modules[i].name))
			continue;
		memset(row, 0, sizeof(*row));
		row->name = strdup(config->modules[i].name);
		if (!row->name)
			return lade_fault_set(fault, LADE_E_MEMORY, "count sessions", NULL);
		metrics->module_count++;
	}
	return 0;
}

enum lade_outcome lade_metrics_outcome(int status, bool refused)
{
	if (refused)
		return LADE_OUTCOME_REFUSED;
	if (status > 128)
		return LADE_OUTCOME_KILLED;
	switch (status) {
	case LADE_EXIT_OK:
		return LADE_OUTCOME_OK;
	case LADE_EXIT_PARTIAL:
	case LADE_EXIT_VANISHED:
	case LADE_EXIT_DELETE_LIMIT:
		return LADE_OUTCOME_PARTIAL;
	default:
		return LADE_OUTCOME_FAILED;
	}
}

void lade_metrics_fini(struct lade_metrics *metrics)
{
	for (unsigned i = 0; i < metrics->module_count; i++)
		free(metrics->modules[i].name);
	free(metrics->modules);
	metrics->modules = NULL;
	metrics->module_count = 0;
}

/* ---- the text ---- */

static void put(struct lade_writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct lade_writer *writer, const char *format, ...)
{
	char text[256];
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (len < 0 || (size_t)len >= sizeof(text))
		writer->error = writer->error ? writer->error : LADE_E_LIMIT;
	else
		lade_writer_put_bytes(writer, text, (size_t)len);
}

/* The lines before the samples of a metric. */
static void put_head(struct lade_writer *writer, const char *name, const char *type, const char *help)
{
	put(writer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A metric with one sample, a whole number. */
static void put_number(struct lade_writer *writer, const char *name, const char *type, const char *help, uint64_t value)
{
	put_head(writer, name, type, help);
	put(writer, "%s %" PRIu64 "\n", name, value);
}

/*
 * A label's value: backslash, quote and newline are escaped, every other byte is as it is. Of what is no UTF-8, which a scraper would refuse with
 * all that is on the page, bytes beyond ASCII look as they do on screens: \#351.
 */
static void put_label(struct lade_writer *writer, const char *label, const char *value)
{
	const bool is_utf8 = lade_json_is_utf8(lade_slice(value, strlen(value)));

	put(writer, "%s=\"", label);
	for (const char *at = value; *at; at++) {
		if (*at == '\n')
			put(writer, "\\n");
		else if (*at == '\\' || *at == '"')
			put(writer, "\\%c", *at);
		else if (!is_utf8 && (*at & 0x80))
			put(writer, "\\\\#%03o", (uint8_t)*at);
		else
			lade_writer_put_u8(writer, (uint8_t)*at);
	}
	put(writer, "\"");
}

/* NAME{module="..." : what comes behind it is the caller's. */
static void put_module(struct lade_writer *writer, const char *name, const struct lade_module_metrics *module)
{
	put(writer, "%s{", name);
	put_label(writer, "module", module->name);
}

static void put_outcomes(const struct lade_metrics *metrics, struct lade_writer *writer)
{
	const char *name = "lade_sessions_ended_total";

	put_head(writer, name, "counter", "Sessions that have ended, by what became of them.");
	for (unsigned i = 0; i < metrics->module_count; i++) {
		for (unsigned outcome = 0; outcome < LADE_OUTCOME_COUNT; outcome++) {
			put_module(writer, name, &metrics->modules[i]);
			put(writer, ",outcome=\"%s\"} %" PRIu64 "\n", outcomes[outcome], metrics->modules[i].ended[outcome]);
		}
	}
}

static void put_refusals(const struct lade_metrics *metrics, struct lade_writer *writer)
{
	put_head(writer, "lade_logins_refused_total", "counter", "Connections that did not become sessions, by reason.");
	for (unsigned i = 0; i < LADE_REFUSAL_COUNT; i++)
		put(writer, "lade_logins_refused_total{reason=\"%s\"} %" PRIu64 "\n", refusals[i], metrics->refused[i]);
}

/* The metrics of modules that are one whole number each. */
static const struct {
	const char *name, *help;
	size_t off;
} numbers[] = {
	{ "lade_sessions_started_total", "Sessions that have begun.", offsetof(struct lade_module_metrics, started) },
	{ "lade_received_bytes_total", "Bytes received from clients in sessions.", offsetof(struct lade_module_metrics, bytes_in) },
	{ "lade_sent_bytes_total", "Bytes sent to clients in sessions.", offsetof(struct lade_module_metrics, bytes_out) },
	{ "lade_files_total", "Files whose content was transferred.", offsetof(struct lade_module_metrics, files) },
};

static void put_modules(const struct lade_metrics *metrics, struct lade_writer *writer)
{
	for (size_t row = 0; row < sizeof(numbers) / sizeof(numbers[0]); row++) {
		put_head(writer, numbers[row].name, "counter", numbers[row].help);
		for (unsigned i = 0; i < metrics->module_count; i++) {
			put_module(writer, numbers[row].name, &metrics->modules[i]);
			put(writer, "} %" PRIu64 "\n", *(const uint64_t *)(const void *)((const char *)&metrics->modules[i] + numbers[row].off));
		}
	}
	put_head(writer, "lade_session_seconds_total", "counter", "Time that sessions have taken, when they have ended.");
	for (unsigned i = 0; i < metrics->module_count; i++) {
		put_module(writer, "lade_session_seconds_total", &metrics->modules[i]);
		put(writer, "} %.3f\n", metrics->modules[i].seconds);
	}
}

void lade_metrics_render(const struct lade_metrics *metrics, const struct lade_metrics_now *now, struct lade_writer *writer)
{
	put_head(writer, "lade_build_info", "gauge", "The version that runs; always 1.");
	put(writer, "lade_build_info{version=\"%s\",protocol=\"%u\"} 1\n", PACKAGE_VERSION, (unsigned)LADE_VERSION_MAX);
	put_head(writer, "lade_start_time_seconds", "gauge", "When the daemon was started, in seconds since 1970.");
	put(writer, "lade_start_time_seconds %.3f\n", metrics->start_time);
	put_number(writer, "lade_sessions", "gauge", "Sessions that are open.", now->sessions);
	put_number(writer, "lade_logins", "gauge", "Connections that have not become sessions yet.", now->logins);
	put_number(writer, "lade_logins_total", "counter", "Connections that were accepted.", metrics->logins);
	put_refusals(metrics, writer);
	put_number(writer, "lade_handshake_failures_total", "counter", "Connections that ended before they had asked for a module.",
		   metrics->refused[LADE_REFUSAL_HANDSHAKE]);
	put_number(writer, "lade_reloads_total", "counter", "New configurations that were taken.", metrics->reloads);
	put_number(writer, "lade_reload_failures_total", "counter", "New configurations that were wrong.", metrics->reload_failures);
	put_modules(metrics, writer);
	put_outcomes(metrics, writer);
}
