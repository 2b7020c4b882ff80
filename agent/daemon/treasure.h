/*
 * What a daemon keeps secret, believes or runs, and whether clients could get at it in a module.
 */
#ifndef LADE_AGENT_DAEMON_TREASURE_H
#define LADE_AGENT_DAEMON_TREASURE_H

#include "agent/daemon/config_build.h"

/* Add a fault for each module of config that serves some of it. Nothing is changed. */
void lade_treasures_check(const struct lade_daemon_config *config, struct lade_config_faults *faults);

#endif
