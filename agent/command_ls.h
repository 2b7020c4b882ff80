/*
 * `lade ls`: what is in a snapshot.
 */
#ifndef LADE_AGENT_COMMAND_LS_H
#define LADE_AGENT_COMMAND_LS_H

/* Run it with argc arguments, of which the first is the command's name. Returns the exit status. */
int lade_command_ls(int argc, char **argv);

#endif
