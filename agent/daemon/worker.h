/*
 * The worker: the process of one session, with the rights of its module's user, and nothing within its reach but the module.
 */
#ifndef LADE_AGENT_DAEMON_WORKER_H
#define LADE_AGENT_DAEMON_WORKER_H

struct monitor;
struct visit;

/* In the forked process: serve the visit, whose keys come through its channel. Returns the exit status. */
int lade_worker_run(struct monitor *monitor, struct visit *visit);

#endif
