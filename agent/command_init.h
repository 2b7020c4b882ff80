/*
 * `lade init`: make a repository.
 */
#ifndef LADE_AGENT_COMMAND_INIT_H
#define LADE_AGENT_COMMAND_INIT_H

/* Run it; argv[0] is the command's name. Prints what is to be said. Returns the exit status: enum lade_repository_exit. */
int lade_command_init(int argc, char **argv);

#endif
