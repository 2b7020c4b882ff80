/*
 * `lade stats`: how much snapshots hold, and take.
 */
#ifndef LADE_AGENT_COMMAND_STATS_H
#define LADE_AGENT_COMMAND_STATS_H

/* Run it with argc arguments, of which the first is the command's name. Returns the exit status. */
int lade_command_stats(int argc, char **argv);

#endif
