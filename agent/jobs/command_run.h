/*
 * `lade run`: jobs, by name or because they are due.
 */
#ifndef LADE_AGENT_JOBS_COMMAND_RUN_H
#define LADE_AGENT_JOBS_COMMAND_RUN_H

/* Run it with argc arguments, of which the first is the command's name. Returns the exit status. */
int lade_command_run(int argc, char **argv);

#endif
