/*
 * The monitor: the process of the daemon that lasts. It listens, decides, keeps the host key and starts a process of its own for
 * everything that has to do with a peer; it hears from these through channels, and takes nothing of theirs on trust.
 */
#ifndef LADE_AGENT_DAEMON_MONITOR_H
#define LADE_AGENT_DAEMON_MONITOR_H

#include "agent/complaint.h"

/* Serve by the configuration in file until told to stop by SIGTERM or SIGINT. Returns the exit status; the complaint says what kept it from starting. */
int lade_monitor_run(const char *file, struct lade_complaint *complaint);

#endif
