/*
 * `lade completion SHELL`: what makes a shell complete lade's commands and options.
 */
#ifndef LADE_AGENT_COMMAND_COMPLETION_H
#define LADE_AGENT_COMMAND_COMPLETION_H

/* Print the script of bash, zsh or fish, made of the table of options. argv[0] is the command's name. Returns the exit status. */
int lade_command_completion(int argc, char **argv);

#endif
