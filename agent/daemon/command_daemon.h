/*
 * `lade daemon`: serve modules with TLS.
 */
#ifndef LADE_AGENT_DAEMON_COMMAND_DAEMON_H
#define LADE_AGENT_DAEMON_COMMAND_DAEMON_H

/* Run the command; argv[0] is its name. Returns the exit status. */
int lade_command_daemon(int argc, char **argv);

#endif
