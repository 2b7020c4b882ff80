/*
 * `lade sync`.
 */
#ifndef LADE_AGENT_COMMAND_SYNC_H
#define LADE_AGENT_COMMAND_SYNC_H

/* Run it; argv[0] is the command's name. Prints what is to be said. Returns the exit status. */
int lade_command_sync(int argc, char **argv);

/* The same for `lade list`: all arguments that are no options are sources, which are shown. */
int lade_command_sync_list(int argc, char **argv);

#endif
