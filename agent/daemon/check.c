/*
 * `lade daemon --check`: faults, or what would be served.
 */
#include "agent/daemon/check.h"

#include <stdlib.h>
#include <string.h>

#include "agent/complaint.h"
#include "agent/escape.h"
#include "protocol/exit_status.h"

/* Longest line of output. */
#define LINE_MAX_BYTES (1u << 20)

/* What is printed, and of which file. */
struct output {
	const char *file;
	FILE *out;
	unsigned faults;
};

/* A line of text, which may hold what a configuration does. */
static void print_line(FILE *out, const char *text)
{
	struct lade_writer writer;

	lade_writer_init(&writer, LINE_MAX_BYTES);
	lade_escape_put_text(&writer, text);
	if (!writer.error)
		fwrite(writer.data, 1, writer.len, out);
	fputc('\n', out);
	lade_writer_fini(&writer);
}

static void print_fault(void *context, const struct lade_config_error *error)
{
	struct output *output = context;
	char text[LADE_CONFIG_ERROR_TEXT_MAX];

	output->faults++;
	lade_config_error_show(error, output->file, text);
	print_line(output->out, text);
}

/* ---- what would be served ---- */

static const char *describe_rights(const struct lade_module *module)
{
	if (module->read_only)
		return "read only";
	if (module->append_only)
		return module->write_only ? "append only, write only" : "append only";
	return module->write_only ? "write only" : "read and write";
}

/* Whom the module lets in. */
static void describe_auth(const struct lade_module *module, struct lade_writer *writer)
{
	for (unsigned i = 0; i < module->auth_count; i++) {
		char rule[LADE_AUTH_TEXT_SIZE];

		lade_auth_rule_print(&module->auth[i], rule);
		lade_writer_put_bytes(writer, ", ", i ? 2 : 0);
		lade_writer_put_bytes(writer, rule, strlen(rule));
	}
}

static void print_module(const struct lade_daemon_config *config, const struct lade_module *module, FILE *out)
{
	const char *user = module->uid ? module->uid : config->user;
	struct lade_writer who;
	char *text;

	lade_writer_init(&who, LINE_MAX_BYTES);
	describe_auth(module, &who);
	lade_writer_put_u8(&who, 0);
	if (!who.error && asprintf(&text, "%s: %s, %s, for %s%s%s%s%s", module->name, module->path, describe_rights(module), (const char *)who.data,
				   module->hosts_allow.count || module->hosts_deny.count ? " at allowed hosts" : "", user ? ", as " : "", user ? user : "",
				   module->list ? "" : ", not listed") >= 0) {
		print_line(out, text);
		free(text);
	}
	lade_writer_fini(&who);
}

static void print_served(const struct lade_daemon_config *config, FILE *out)
{
	for (unsigned i = 0; i < config->listen_count; i++) {
		fputs(i ? " " : "listen: ", out);
		fputs(config->listen[i], out);
	}
	fputc('\n', out);
	for (unsigned i = 0; i < config->module_count; i++)
		print_module(config, &config->modules[i], out);
}

/* ---- the whole ---- */

int lade_daemon_check(const char *file, FILE *out)
{
	struct output output = { .file = file, .out = out };
	struct lade_daemon_config *config;
	struct lade_fault fault;
	int error = lade_daemon_config_read(file, print_fault, &output, &config, &fault);

	if (error && error != LADE_E_USAGE) {
		struct lade_complaint complaint;

		lade_complain_fault(&complaint, LADE_EXIT_USAGE, &fault);
		print_line(out, complaint.text);
		return complaint.exit_status;
	}
	if (!error)
		(void)lade_daemon_check_host(config, print_fault, &output);
	if (!output.faults)
		print_served(config, out);
	lade_daemon_config_free(config);
	if (fflush(out) || ferror(out))
		return LADE_EXIT_FILE;
	return output.faults ? LADE_EXIT_USAGE : LADE_EXIT_OK;
}
