/*
 * What the daemon and systemd say to each other: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3). Without systemd (not started by it, or
 * built --without-systemd) telling it something does nothing. The monitor's process alone.
 */
#ifndef LADE_AGENT_DAEMON_NOTIFY_H
#define LADE_AGENT_DAEMON_NOTIFY_H

#include <stdint.h>

#include "protocol/error.h"
#include "transport/listener.h"

/* What was told. */
struct lade_notify {
	int64_t period_ms; /* how often systemd is told that we live; 0: it does not ask */
	int64_t next_ms;   /* when the next time is; INT64_MAX: never */
	int64_t status_ms; /* when STATUS= may be told next */
	char status[96];   /* the last of them */
};

/* Begin: find out whether systemd watches over us. now_ms: CLOCK_MONOTONIC, as below. */
void lade_notify_init(struct lade_notify *notify, int64_t now_ms);

/* Tell that we serve; also at the end of a reload. */
void lade_notify_ready(void);

/* Tell that the configuration is being read anew. */
void lade_notify_reloading(void);

/* Tell that we end. */
void lade_notify_stopping(void);

/*
 * Tell that we live, if it is time to, and how many sessions and logins there are, if that has changed and was not told in the last second. The loop calls
 * this at each turn, and nobody else does: a loop that hangs falls silent. Returns when to call it again, INT64_MAX if there is no need to.
 */
int64_t lade_notify_turn(struct lade_notify *notify, int64_t now_ms, unsigned sessions, unsigned logins);

/*
 * Take the sockets that systemd has opened for us (socket activation), and forget $LISTEN_FDS. Returns 0 with *count_out listeners (0: none
 * were given; then *listeners_out is NULL), which the caller closes and frees; LADE_E_REFUSED if one of them is no listening TCP socket,
 * LADE_E_UNSUPPORTED if sockets are given and we are built without systemd, LADE_E_SYSTEM, LADE_E_MEMORY.
 */
int lade_notify_take_sockets(struct lade_listener **listeners_out, unsigned *count_out, struct lade_fault *fault);

#endif
