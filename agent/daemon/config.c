/*
 * A configuration, from the file to the structure and back to the heap. What its lines mean is in config_build.c, config_table.c and config_value.c.
 */
#include "agent/daemon/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/config_build.h"
#include "agent/daemon/config_include.h"
#include "agent/daemon/config_table.h"

void lade_config_error_show(const struct lade_config_error *error, const char *main, char *text)
{
	const char *file = error->file ? error->file : main;

	if (error->line)
		snprintf(text, LADE_CONFIG_ERROR_TEXT_MAX, "%.4096s:%u: %s", file, error->line, error->text);
	else
		snprintf(text, LADE_CONFIG_ERROR_TEXT_MAX, "%.4096s: %s", file, error->text);
}

int lade_daemon_config_read(const char *file, lade_config_report *report, void *context, struct lade_daemon_config **config_out,
			    struct lade_fault *fault)
{
	struct lade_config_faults *faults;
	FILE *stream;
	int error = lade_config_open(file, &stream, fault);

	*config_out = NULL;
	if (error)
		return error;
	faults = malloc(sizeof(*faults));
	error = faults ? lade_config_build(stream, faults, config_out) : LADE_E_MEMORY;
	if (!error && !((*config_out)->file = strdup(file)))
		error = LADE_E_MEMORY;
	if (error)
		lade_fault_set(fault, error, "read", file);
	fclose(stream);
	for (unsigned i = 0; !error && i < faults->count; i++)
		report(context, &faults->errors[i]);
	if (!error && faults->count)
		error = lade_fault_set(fault, LADE_E_USAGE, "read", file);
	if (error) {
		lade_daemon_config_free(*config_out);
		*config_out = NULL;
	}
	free(faults);
	return error;
}

static void free_texts(char **texts, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static void free_chmod(struct lade_mode_changes *changes)
{
	if (changes)
		lade_mode_changes_fini(changes);
	free(changes);
}

static void free_module(struct lade_module *module)
{
	char *const texts[] = {
		module->name, module->comment, module->path, module->uid, module->gid, module->rules, module->include_from,
		module->include, module->exclude_from, module->exclude, module->before, module->after,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	for (unsigned i = 0; i < module->auth_count; i++)
		lade_auth_rule_fini(&module->auth[i]);
	free(module->auth);
	lade_address_rules_fini(&module->hosts_allow);
	lade_address_rules_fini(&module->hosts_deny);
	lade_filter_free(module->filter);
	free_chmod(module->incoming_chmod);
	free_chmod(module->outgoing_chmod);
	free_texts(module->refuse_options, module->refuse_count);
	free_texts(module->writers, module->writers_count);
	free_texts(module->managers, module->managers_count);
	free(module->lines);
}

void lade_daemon_config_free(struct lade_daemon_config *config)
{
	if (!config)
		return;
	for (unsigned i = 0; i < config->module_count; i++)
		free_module(&config->modules[i]);
	free(config->modules);
	free(config->file);
	free(config->include);
	free_texts(config->files, config->file_count);
	free_texts(config->listen, config->listen_count);
	free(config->state);
	free(config->host_key);
	free(config->certificate);
	free(config->ca);
	free(config->authorized_keys);
	free(config->tokens);
	free(config->user);
	free(config->log_file);
	free(config->log_format);
	free(config->metrics);
	free(config->status);
	free(config->lines);
	free(config);
}

const struct lade_module *lade_daemon_config_module(const struct lade_daemon_config *config, const char *name)
{
	for (unsigned i = 0; i < config->module_count; i++)
		if (strcmp(config->modules[i].name, name) == 0)
			return &config->modules[i];
	return NULL;
}

unsigned lade_daemon_config_line(const struct lade_daemon_config *config, const struct lade_module *module, const char *setting)
{
	const struct lade_config_table *table = module ? &lade_config_module_table : &lade_config_global_table;
	const unsigned *lines = module ? module->lines : config->lines;
	const size_t row = lade_config_table_find(table, setting);

	return row < table->count ? lines[row] : 0;
}
