/*
 * `lade snapshots`: what there is in a repository.
 */
#ifndef LADE_AGENT_COMMAND_SNAPSHOTS_H
#define LADE_AGENT_COMMAND_SNAPSHOTS_H

/* Run it with argc arguments, of which the first is the command's name. Returns the exit status. */
int lade_command_snapshots(int argc, char **argv);

#endif
