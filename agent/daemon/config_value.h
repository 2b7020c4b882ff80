/*
 * Values of settings: from text to fields. A row of a table says how one is read, where it goes, and within which bounds.
 */
#ifndef LADE_AGENT_DAEMON_CONFIG_VALUE_H
#define LADE_AGENT_DAEMON_CONFIG_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/daemon/config.h"

struct lade_config_row;

/*
 * Read value, which is not empty and may be changed, into the row's field of base. Returns 0; LADE_E_USAGE with what is wrong in error->text;
 * LADE_E_MEMORY. What was in a field of pointers is freed by whoever frees base, also after a failure.
 */
typedef int lade_config_set(const struct lade_config_row *row, void *base, char *value, struct lade_config_error *error);

/* One setting. */
struct lade_config_row {
	const char *name;     /* as it is written */
	lade_config_set *set; /* what kind of value it has */
	size_t off;           /* of the field in base */
	size_t count_off;     /* of the field with the number of items, for lists */
	uint64_t min, max;    /* bounds of a number; max: of the bytes of a text, 0: any */
};

lade_config_set lade_config_set_yes;      /* bool: yes, no, on, off, true, false, 1, 0 */
lade_config_set lade_config_set_number;   /* unsigned */
lade_config_set lade_config_set_seconds;  /* uint64_t */
lade_config_set lade_config_set_rate;     /* uint64_t: as --bwlimit has it */
lade_config_set lade_config_set_threshold; /* uint64_t: a size, or off: 0 */
lade_config_set lade_config_set_memory;   /* uint64_t: a size within the row's bounds */
lade_config_set lade_config_set_text;     /* char *: any text, of at most the row's bytes */
lade_config_set lade_config_set_format;   /* char *: the line of a session, see agent/daemon/session_line.h */
lade_config_set lade_config_set_path;     /* char *: an absolute path without "..", slashes at its end taken away */
lade_config_set lade_config_set_command;  /* char *: an absolute path, and words behind it */
lade_config_set lade_config_set_place;    /* char *: address:port */
lade_config_set lade_config_set_places;   /* char ** and count: the same; the port may be missing */
lade_config_set lade_config_set_options;  /* char ** and count: names or patterns of options of `lade sync` */
lade_config_set lade_config_set_type;     /* bool: repository, or tree: false */
lade_config_set lade_config_set_parties;  /* char ** and count: rules as in agent/daemon/party_rule.h */
lade_config_set lade_config_set_hosts;    /* struct lade_address_rules */
lade_config_set lade_config_set_auth;     /* struct lade_auth_rule * and count */
lade_config_set lade_config_set_chmod;    /* struct lade_mode_changes * */
lade_config_set lade_config_set_log;      /* bool: journal, or stderr: false */

/*
 * Words of text, parted by any of separators, without blanks around them; empty ones are left out. Calls take for each, which returns 0 to
 * go on. text is changed. Returns what take returned last.
 */
int lade_config_words(char *text, const char *separators, int (*take)(void *context, char *word), void *context);

#endif
