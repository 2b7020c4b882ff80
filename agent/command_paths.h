/*
 * `lade paths`: which ways of moving bytes work here.
 */
#ifndef LADE_AGENT_COMMAND_PATHS_H
#define LADE_AGENT_COMMAND_PATHS_H

/*
 * Run the command; argv[0] is "paths". Makes two unlinked temporary files in the
 * directory asked about and sockets on the loopback, moves bytes by every way between
 * every pair, and prints a table. The program ignores SIGPIPE. Installs the handler of
 * transport/mapping.h. Returns the exit code: 0, or 1 for a usage error or where
 * nothing could be tried.
 */
int lade_command_paths(int argc, char **argv);

#endif
