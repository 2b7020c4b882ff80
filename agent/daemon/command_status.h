/*
 * `lade status`: what a daemon of this host does.
 */
#ifndef LADE_AGENT_DAEMON_COMMAND_STATUS_H
#define LADE_AGENT_DAEMON_COMMAND_STATUS_H

/* Run the command; argv[0] is its name. Returns the exit status. */
int lade_command_status(int argc, char **argv);

#endif
