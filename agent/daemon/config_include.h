/*
 * The files of a configuration: the main one, and those that it includes.
 */
#ifndef LADE_AGENT_DAEMON_CONFIG_INCLUDE_H
#define LADE_AGENT_DAEMON_CONFIG_INCLUDE_H

#include <stdio.h>

#include "protocol/error.h"

/* Most files that are included. */
#define LADE_CONFIG_INCLUDED_MAX 1024u

/* Open file if it can be believed and has an end. Returns 0 with a stream for fclose(3), LADE_E_REFUSED, LADE_E_SYSTEM or LADE_E_MEMORY. */
int lade_config_open(const char *file, FILE **stream_out, struct lade_fault *fault);

/*
 * Find the files that pattern, an absolute path, names: its last component may have *, ? and [], which no name that begins with a dot fits
 * unless it says so. They are in the order of their bytes, and need not be there without such a character. Returns 0 with *count_out paths,
 * each of which, and their array, the caller frees; LADE_E_USAGE (such characters elsewhere), LADE_E_REFUSED (others may write to the
 * directory), LADE_E_SYSTEM (it is not there, or cannot be read), LADE_E_LIMIT (more than LADE_CONFIG_INCLUDED_MAX), LADE_E_MEMORY; *why_out is then
 * the end of a sentence, static or borrowed until the next call of strerror(3).
 */
int lade_config_include_find(const char *pattern, char ***files_out, unsigned *count_out, const char **why_out);

#endif
