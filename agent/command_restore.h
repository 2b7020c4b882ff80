/*
 * `lade restore`: a snapshot, or a part of it, comes into a directory.
 */
#ifndef LADE_AGENT_COMMAND_RESTORE_H
#define LADE_AGENT_COMMAND_RESTORE_H

/* Run it with argc arguments, of which the first is the command's name. Returns the exit status. */
int lade_command_restore(int argc, char **argv);

#endif
