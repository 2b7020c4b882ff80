/*
 * Where the daemon listens: for peers, and for who reads its metrics. A new configuration may change that: what it names as before keeps its
 * socket, with the connections that wait there.
 */
#ifndef LADE_AGENT_DAEMON_LISTENING_H
#define LADE_AGENT_DAEMON_LISTENING_H

#include <stdbool.h>

#include "agent/daemon/config.h"
#include "protocol/error.h"
#include "transport/listener.h"

/* One place. */
struct lade_listening_place {
	struct lade_listener listener;
	char *asked;  /* as the configuration has it; NULL: a socket of systemd's */
	bool metrics; /* else: for peers */
	bool kept;    /* was open before; only meant within this module */
};

/* All of them; starts with zeros. */
struct lade_listening {
	struct lade_listening_place *places; /* count */
	unsigned count;
	bool given;                          /* those for peers are systemd's: `listen` is not looked at */
};

/*
 * Open what config names and was not open, close what it does not name. Sockets that systemd gives at the start (take_given) are instead of `listen`. Returns 0; or
 * what lade_listener_open() and lade_notify_take_sockets() do, LADE_E_MEMORY: then all is as it was.
 */
int lade_listening_change(struct lade_listening *listening, const struct lade_daemon_config *config, bool take_given, struct lade_fault *fault);

/* Close all. A second time does nothing. */
void lade_listening_close(struct lade_listening *listening);

#endif
