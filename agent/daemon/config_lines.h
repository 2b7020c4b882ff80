/*
 * The lines of a configuration: which section begins, which setting has which value. What they mean is agent/daemon/config.h's business.
 *
 * inih takes the lines apart; what it would pass over in silence is a fault here: what is behind a section's "]", lines that are longer
 * than its buffer, control characters. White space before a line means nothing. A line that ends in a backslash goes on in the next one.
 */
#ifndef LADE_AGENT_DAEMON_CONFIG_LINES_H
#define LADE_AGENT_DAEMON_CONFIG_LINES_H

#include <stdio.h>

#include "protocol/error.h"

/* Longest value, all its lines together. */
#define LADE_CONFIG_VALUE_MAX 65536u

/* Longest file: there is no end to what, for example, a device says. */
#define LADE_CONFIG_FILE_MAX (4u << 20)

/* Who is told. Texts are NUL-terminated and borrowed for the call. */
struct lade_config_events {
	/* A section begins. Returns 0 or LADE_E_MEMORY, as the next one. */
	int (*section)(void *context, const char *name, unsigned line);
	/* A setting, of the section that began last, or of none; line is its first one. The value may be empty, and be changed. */
	int (*setting)(void *context, const char *name, char *value, unsigned line);
	/* A line is wrong. */
	void (*fault)(void *context, unsigned line, const char *text);
	void *context;
};

/*
 * Read file to its end, however wrong it is. Returns 0 (though there were faults), LADE_E_SYSTEM (errno), LADE_E_LIMIT (longer than
 * LADE_CONFIG_FILE_MAX), LADE_E_MEMORY or what an event returned.
 */
int lade_config_lines_read(FILE *file, const struct lade_config_events *events);

#endif
