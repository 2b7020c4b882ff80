/*
 * `lade dump`: a file of a snapshot, or a tree as an archive, goes to standard output.
 */
#ifndef LADE_AGENT_COMMAND_DUMP_H
#define LADE_AGENT_COMMAND_DUMP_H

/* Run it with argc arguments, of which the first is the command's name. Returns the exit status. */
int lade_command_dump(int argc, char **argv);

#endif
