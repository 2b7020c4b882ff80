/*
 * The greeter: the process that speaks to a stranger, until it is known who he is. It has no rights: another user (if the daemon was
 * started by root), no files, no key.
 */
#ifndef LADE_AGENT_DAEMON_GREETER_H
#define LADE_AGENT_DAEMON_GREETER_H

struct monitor;
struct visit;

/* In the forked process: make the handshake, hear what the peer wants, ask the monitor, hand over. Returns the exit status. */
int lade_greeter_run(struct monitor *monitor, struct visit *visit);

#endif
