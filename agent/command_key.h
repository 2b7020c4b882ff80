/*
 * `lade key`: keys, the hosts that are known by theirs, and whom a daemon lets in.
 */
#ifndef LADE_AGENT_COMMAND_KEY_H
#define LADE_AGENT_COMMAND_KEY_H

/* Run it; argv[0] is the command's name. Prints what is to be said. Returns the exit status. */
int lade_command_key(int argc, char **argv);

#endif
