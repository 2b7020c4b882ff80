/*
 * What `lade paths` says: a line of its table, and what goes wrong.
 */
#ifndef LADE_AGENT_PATHS_PRINT_H
#define LADE_AGENT_PATHS_PRINT_H

#include "agent/paths_probe.h"

/* Print what was found out about path on pair: whether it works, and what it costs or why it does not. */
void lade_paths_print_finding(const struct lade_paths_bench *bench, const struct lade_paths_pair *pair,
			      enum lade_path path, const struct lade_paths_finding *finding);

/* Print a name from outside to stderr. Control bytes of a name could talk to the terminal. */
void lade_paths_print_name(const char *name);

/* Print that operation failed on name, and why (errno). Always returns -1. */
int lade_paths_print_complaint(const char *operation, const char *name);

#endif
