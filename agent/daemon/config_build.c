/*
 * Lines become settings: each is looked up in the table of its section, once.
 */
#include "agent/daemon/config_build.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/config_include.h"
#include "agent/daemon/config_lines.h"
#include "agent/daemon/config_table.h"

/* Most modules. */
#define MODULES_MAX 4096u

/* Bytes of a module's name: a component of a path at the client's. */
#define MODULE_NAME_MAX 255u

struct building {
	struct lade_daemon_config *config;
	struct lade_config_faults *faults;
	unsigned file;   /* that is read, as in a module */
	bool in_section; /* of it */
};

void lade_config_faults_in(struct lade_config_faults *faults, const struct lade_daemon_config *config, unsigned file)
{
	faults->file = file ? config->files[file - 1] : NULL;
	faults->file_number = file;
}

/* True if error stands behind what is found in that line of the file at hand. */
static bool is_behind(const struct lade_config_error *error, const struct lade_config_faults *faults, unsigned line)
{
	return error->file_number == faults->file_number ? error->line > line : error->file_number > faults->file_number;
}

struct lade_config_error *lade_config_fault(struct lade_config_faults *faults, unsigned line, const char *format, ...)
{
	struct lade_config_error *error;
	unsigned place = faults->count;
	va_list arguments;

	if (faults->count == LADE_CONFIG_FAULTS_MAX)
		return NULL;
	while (place && is_behind(&faults->errors[place - 1], faults, line))
		place--;
	error = &faults->errors[place];
	memmove(error + 1, error, (faults->count - place) * sizeof(*error));
	faults->count++;
	error->file = faults->file;
	error->file_number = faults->file_number;
	error->line = line;
	error->passing = false;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return error;
}

/* ---- sections ---- */

/* Returns why a module cannot be called that, or NULL. */
static const char *refuse_name(const char *name)
{
	if (!*name)
		return "a module needs a name";
	if (strlen(name) > MODULE_NAME_MAX)
		return "a module's name has at most 255 bytes";
	if (*name == '-' || *name == '.')
		return "a module's name does not begin with a dash or a dot";
	if (strchr(name, '/'))
		return "a module's name has no slash";
	if (strpbrk(name, "\t[]\\"))
		return "a module's name has no brackets, backslashes or tabs";
	if (strcmp(name, "global") == 0)
		return "global settings stand above all sections, without a heading";
	return NULL;
}

/* A module as it is if nothing is said of it, at the end of the list. */
static int add_module(const struct building *building, const char *name, unsigned line)
{
	struct lade_daemon_config *config = building->config;
	struct lade_module *grown = realloc(config->modules, (config->module_count + 1) * sizeof(*grown)), *module;

	if (!grown)
		return LADE_E_MEMORY;
	config->modules = grown;
	module = &grown[config->module_count++];
	*module = (struct lade_module){ .list = true, .read_only = true, .sendfile = true, .max_memory = UINT64_C(1) << 30 };
	module->file = building->file;
	module->line = line;
	module->name = strdup(name);
	module->lines = calloc(lade_config_module_table.count, sizeof(*module->lines));
	return module->name && module->lines ? lade_filter_new(&module->filter) : LADE_E_MEMORY;
}

static void complain_same(const struct building *building, const struct lade_module *same, unsigned line)
{
	const char *file = same->file ? building->config->files[same->file - 1] : "the main file";

	if (same->file == building->file)
		lade_config_fault(building->faults, line, "[%.100s]: this module is there already, in line %u", same->name, same->line);
	else
		lade_config_fault(building->faults, line, "[%.100s]: this module is there already, in line %u of %.200s", same->name, same->line, file);
}

static int take_section(void *context, const char *name, unsigned line)
{
	struct building *building = context;
	const struct lade_module *same = lade_daemon_config_module(building->config, name);
	const char *why = refuse_name(name);

	building->in_section = true;
	if (why)
		lade_config_fault(building->faults, line, "[%.100s]: %s", name, why);
	else if (same)
		complain_same(building, same, line);
	if (building->config->module_count == MODULES_MAX) {
		lade_config_fault(building->faults, line, "[%.100s]: there are more than %u modules", name, MODULES_MAX);
		return LADE_E_USAGE;
	}
	return add_module(building, name, line);
}

/* ---- settings ---- */

/* name is in no table of where it stands; others is the table of elsewhere. */
static void complain_unknown(const struct building *building, const struct lade_config_table *others, const char *name, unsigned line)
{
	const bool in_module = others == &lade_config_global_table;
	const struct lade_config_row *alike = lade_config_table_alike(in_module ? &lade_config_module_table : &lade_config_global_table, name);
	const char *hint = lade_config_foreign_hint(name);

	if (lade_config_table_find(others, name) < others->count)
		lade_config_fault(building->faults, line, in_module ? "%s: this is a global setting: it belongs above the first section"
								    : "%s: this is a setting of a module: it belongs below its [name]", name);
	else if (alike)
		lade_config_fault(building->faults, line, "%.100s: there is no such setting; it is written \"%s\"", name, alike->name);
	else if (hint)
		lade_config_fault(building->faults, line, "%s: there is no such setting; %s", name, hint);
	else
		lade_config_fault(building->faults, line, "%.100s: there is no such setting; see lade-daemon.conf(5)", name);
}

static int take_setting(void *context, const char *name, char *value, unsigned line)
{
	struct building *building = context;
	struct lade_daemon_config *config = building->config;
	struct lade_module *module = building->in_section ? &config->modules[config->module_count - 1] : NULL;
	const struct lade_config_table *table = module ? &lade_config_module_table : &lade_config_global_table;
	unsigned *lines = module ? module->lines : config->lines;
	const size_t row = lade_config_table_find(table, name);
	struct lade_config_error error;
	int result;

	if (building->file && !module) {
		lade_config_fault(building->faults, line, "%.100s: an included file has modules alone: global settings, include among them, belong into the main one",
				  name);
		return 0;
	}
	if (row == table->count) {
		complain_unknown(building, module ? &lade_config_global_table : &lade_config_module_table, name, line);
		return 0;
	}
	if (lines[row]) {
		lade_config_fault(building->faults, line, "%s: this is set already, in line %u", name, lines[row]);
		return 0;
	}
	lines[row] = line;
	if (!*value) {
		lade_config_fault(building->faults, line, "%s: its value is missing; for the default, leave the line out", name);
		return 0;
	}
	result = table->rows[row].set(&table->rows[row], module ? (void *)module : config, value, &error);
	if (result == LADE_E_USAGE) {
		lade_config_fault(building->faults, line, "%s", error.text);
		return 0;
	}
	return result;
}

static void take_fault(void *context, unsigned line, const char *text)
{
	lade_config_fault(((struct building *)context)->faults, line, "%s", text);
}

/* ---- the whole ---- */

/* A configuration without a line. */
static struct lade_daemon_config *new_config(void)
{
	struct lade_daemon_config *config = malloc(sizeof(*config));

	if (!config)
		return NULL;
	*config = (struct lade_daemon_config){
		.max_connections = 512, .max_connections_per_peer = 64, .max_logins = 128, .max_logins_per_peer = 16,
		.login_timeout = 20, .stop_timeout = 30, .ktls = true,
		.lines = calloc(lade_config_global_table.count, sizeof(*config->lines)),
	};
	if (config->lines)
		return config;
	free(config);
	return NULL;
}

/* What is said of files that are included stands at the include. */
static void complain_include(const struct building *building, const char *value, const char *why)
{
	lade_config_faults_in(building->faults, building->config, 0);
	lade_config_fault(building->faults, lade_daemon_config_line(building->config, NULL, "include"), "include: \"%.300s\": %s", value, why);
}

/* Read one file, numbered as in a module. */
static int read_file(struct building *building, FILE *file, unsigned number)
{
	const struct lade_config_events events = { take_section, take_setting, take_fault, building };
	int result;

	building->file = number;
	building->in_section = false;
	lade_config_faults_in(building->faults, building->config, number);
	result = lade_config_lines_read(file, &events);
	/* That has been told. */
	return result == LADE_E_USAGE ? 0 : result;
}

static int include_file(struct building *building, unsigned number)
{
	const char *name = building->config->files[number - 1];
	struct lade_fault fault;
	FILE *file;
	int error = lade_config_open(name, &file, &fault);

	if (!error) {
		error = read_file(building, file, number);
		if (error)
			lade_fault_set(&fault, error, "read", name);
		fclose(file);
	}
	if (!error || error == LADE_E_MEMORY)
		return error;
	complain_include(building, fault.subject, lade_fault_reason(&fault));
	return 0;
}

/* The files that are included come behind the main one: whether a setting of that is global does not depend on them. */
static int include_files(struct building *building)
{
	struct lade_daemon_config *config = building->config;
	const char *why;
	int error;

	if (!config->include)
		return 0;
	error = lade_config_include_find(config->include, &config->files, &config->file_count, &why);
	if (error)
		complain_include(building, config->include, why);
	for (unsigned i = 1; !error && i <= config->file_count; i++)
		error = include_file(building, i);
	return error == LADE_E_MEMORY ? error : 0;
}

int lade_config_build(FILE *file, struct lade_config_faults *faults, struct lade_daemon_config **config_out)
{
	struct building building = { .config = new_config(), .faults = faults };
	int result;

	faults->count = 0;
	result = building.config ? read_file(&building, file, 0) : LADE_E_MEMORY;
	if (!result)
		result = include_files(&building);
	if (!result)
		result = lade_config_finish(building.config, faults);
	if (result) {
		lade_daemon_config_free(building.config);
		building.config = NULL;
	}
	*config_out = building.config;
	return result;
}
