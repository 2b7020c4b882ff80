/*
 * The list of a daemon's modules.
 */
#ifndef LADE_AGENT_MODULE_LIST_H
#define LADE_AGENT_MODULE_LIST_H

#include <stdbool.h>

#include "agent/sync/handshake.h"

/*
 * Ask for it on connection, which is fresh, and print a line for each module on standard output, or an object if json. Faults are printed. Returns the exit
 * status. The connection stays the caller's.
 */
int lade_module_list_print(struct lade_connection *connection, const struct lade_selection *selection, bool json);

#endif
