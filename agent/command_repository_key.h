/*
 * `lade key list`, `add` and `remove`: the keys of a repository. The rest of `lade key` is about connections: agent/command_key.h.
 */
#ifndef LADE_AGENT_COMMAND_REPOSITORY_KEY_H
#define LADE_AGENT_COMMAND_REPOSITORY_KEY_H

#include <stdbool.h>

/* True if `lade key NAME` is one of these. */
bool lade_command_repository_key_has(const char *name);

/* Run it; argv[0] is "list", "add" or "remove". Prints what is to be said. Returns the exit status: enum lade_repository_exit. */
int lade_command_repository_key(int argc, char **argv);

#endif
