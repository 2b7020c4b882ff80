/*
 * `lade list`.
 */
#ifndef LADE_AGENT_COMMAND_LIST_H
#define LADE_AGENT_COMMAND_LIST_H

/* Run it; argv[0] is the command's name. Prints what is to be said. Returns the exit status. */
int lade_command_list(int argc, char **argv);

#endif
