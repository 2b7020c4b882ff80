/*
 * Fuzz target of the daemon's configuration: any text is a configuration in which all that must hold does, or has a fault.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/config_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at_module(const struct lade_daemon_config *config, const struct lade_module *module)
{
	char text[LADE_AUTH_TEXT_SIZE];

	if (!module->name[0] || strchr(module->name, '/') || module->name[0] == '.' || module->path[0] != '/' || !module->auth_count || !module->filter)
		abort();
	if (lade_daemon_config_module(config, module->name) != module || !lade_daemon_config_line(config, module, "path"))
		abort();
	if ((module->read_only && (module->write_only || module->append_only)) || (module->aio && !module->directio) || lade_filter_reads_tree(module->filter))
		abort();
	for (unsigned i = 0; i < module->auth_count; i++)
		if (!lade_auth_rule_print(&module->auth[i], text)[0] || (module->auth[i].kind == LADE_AUTH_ANY && module->auth_count > 1))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lade_config_faults faults;
	struct lade_daemon_config *config;
	FILE *file;

	if (!size)
		return 0;
	file = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!file)
		abort();
	if (lade_config_build(file, &faults, &config) == 0) {
		for (unsigned i = 1; i < faults.count; i++)
			if (faults.errors[i].file_number == faults.errors[i - 1].file_number ? faults.errors[i].line < faults.errors[i - 1].line
											      : faults.errors[i].file_number < faults.errors[i - 1].file_number)
				abort();
		if (!faults.count && (!(config->module_count || config->include) || !config->listen_count))
			abort();
		for (unsigned i = 0; !faults.count && i < config->module_count; i++)
			look_at_module(config, &config->modules[i]);
		lade_daemon_config_free(config);
	} else if (config) {
		abort();
	}
	fclose(file);
	return 0;
}
