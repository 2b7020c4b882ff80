/*
 * The status socket: a UNIX socket that answers root and the daemon's own user alone. unix(7).
 */
#ifndef LADE_AGENT_DAEMON_STATUS_SOCKET_H
#define LADE_AGENT_DAEMON_STATUS_SOCKET_H

#include <stdbool.h>

#include "protocol/error.h"
#include "transport/listener.h"

/*
 * Listen at path, mode 0600; the directories above it are made if they are not there. What a daemon that died has left is replaced. The listener is closed with
 * lade_status_socket_close(). Returns 0; LADE_E_REFUSED: another daemon listens there, or it is something else than a socket; LADE_E_LIMIT: the path is too long; LADE_E_SYSTEM.
 */
int lade_status_socket_open(const char *path, struct lade_listener *listener, struct lade_fault *fault);

/* Close it and remove its name. Not open: does nothing. */
void lade_status_socket_close(struct lade_listener *listener);

/*
 * Connect to a daemon, and have each call wait patience_s seconds for it at most; 0: none, and the descriptor does not wait, either. Returns 0 with
 * *fd_out, which the caller closes; LADE_E_ABSENT: nobody listens there; LADE_E_TIMEOUT: who does was too busy; LADE_E_LIMIT, LADE_E_SYSTEM.
 */
int lade_status_socket_connect(const char *path, unsigned patience_s, int *fd_out, struct lade_fault *fault);

/* True if the peer of fd is root or our own user. */
bool lade_status_socket_may(int fd);

#endif
