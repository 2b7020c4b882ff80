/*
 * The settings of a configuration, as two tables: global ones and those of a module.
 */
#ifndef LADE_AGENT_DAEMON_CONFIG_TABLE_H
#define LADE_AGENT_DAEMON_CONFIG_TABLE_H

#include "agent/daemon/config_value.h"

/* A table; static storage. Base of its rows is a struct lade_daemon_config, or a struct lade_module. */
struct lade_config_table {
	const struct lade_config_row *rows; /* count */
	size_t count;
};

extern const struct lade_config_table lade_config_global_table, lade_config_module_table;

/* The number of the row of that name; table->count: there is none. */
size_t lade_config_table_find(const struct lade_config_table *table, const char *name);

/* The row whose name differs from that one in blanks, dashes and case alone, or NULL. */
const struct lade_config_row *lade_config_table_alike(const struct lade_config_table *table, const char *name);

/* What to write instead of a setting of rsyncd.conf(5) or nginx that has another name or form here; static text; NULL: it is none. */
const char *lade_config_foreign_hint(const char *name);

#endif
