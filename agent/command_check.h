/*
 * `lade check`: whether a repository is whole.
 */
#ifndef LADE_AGENT_COMMAND_CHECK_H
#define LADE_AGENT_COMMAND_CHECK_H

/* Run the command. argv[0] is its name. Returns the exit status: 0; 1 if something is wrong, or it could not be checked; 10, 12, 130 as enum lade_repository_exit. */
int lade_command_check(int argc, char **argv);

#endif
