/*
 * A configuration as its lines say it, and what is wrong with them.
 */
#ifndef LADE_AGENT_DAEMON_CONFIG_BUILD_H
#define LADE_AGENT_DAEMON_CONFIG_BUILD_H

#include <stdio.h>

#include "agent/daemon/config.h"

/* Most faults that are told. */
#define LADE_CONFIG_FAULTS_MAX 100u

/* Faults by their files and lines. All zeros: none, of the main file. */
struct lade_config_faults {
	const char *file; /* what is wrong from now on is in this one, as in struct lade_config_error */
	unsigned file_number;
	struct lade_config_error errors[LADE_CONFIG_FAULTS_MAX];
	unsigned count;
};

/* What is wrong from now on is in that file of config, numbered as in a module. */
void lade_config_faults_in(struct lade_config_faults *faults, const struct lade_daemon_config *config, unsigned file);

/* Add a fault behind those of the same line or earlier ones, printf-like. Returns it, or NULL if there are too many. */
struct lade_config_error *lade_config_fault(struct lade_config_faults *faults, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Make a configuration of what is in file. Returns 0 (then it is good if faults->count is 0) with one for lade_daemon_config_free(); LADE_E_MEMORY,
 * LADE_E_SYSTEM (errno: reading), LADE_E_LIMIT.
 */
int lade_config_build(FILE *file, struct lade_config_faults *faults, struct lade_daemon_config **config_out);

/* What only the whole of it shows: settings that are missing or contradict each other, defaults that depend on others. Returns 0 or LADE_E_MEMORY. */
int lade_config_finish(struct lade_daemon_config *config, struct lade_config_faults *faults);

#endif
