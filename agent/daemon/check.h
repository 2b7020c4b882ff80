/*
 * Whether a configuration can be served on this host: what its lines alone do not show.
 */
#ifndef LADE_AGENT_DAEMON_CHECK_H
#define LADE_AGENT_DAEMON_CHECK_H

#include <stdio.h>

#include "agent/daemon/config.h"

/*
 * Look at the files, directories, users and certificates that config names, and whether it needs root. Nothing is changed or made.
 * Every fault is told by report, in the order of the lines. Returns how many there were but those that are passing: a directory that is
 * not mounted yet keeps no daemon from serving others. For the monitor, too, before it starts and when it reads its configuration again: name
 * services may be asked, which takes time.
 */
unsigned lade_daemon_check_host(const struct lade_daemon_config *config, lade_config_report *report, void *context);

/*
 * `lade daemon --check`: read file and print every fault to out as "FILE:LINE: text"; or, if there is none, what would be served.
 * Returns the exit status of the program.
 */
int lade_daemon_check(const char *file, FILE *out);

#endif
