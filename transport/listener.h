/*
 * Listening TCP sockets.
 */
#ifndef LADE_TRANSPORT_LISTENER_H
#define LADE_TRANSPORT_LISTENER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "protocol/error.h"

/* Room for "ADDRESS:PORT" with brackets, its NUL included. */
#define LADE_LISTENER_NAME_SIZE 256

/* A listener; the caller's storage. */
struct lade_listener {
	int fd;
	char name[LADE_LISTENER_NAME_SIZE]; /* where it listens: "127.0.0.1:40123", "[::1]:873" */
};

/* Where to listen, in parts. */
struct lade_listener_address {
	char host[LADE_LISTENER_NAME_SIZE]; /* without brackets; empty: every address */
	char port[16];
};

/* Split "HOST:PORT" or "[ADDRESS]:PORT"; the port is a number. Returns 0 or LADE_E_USAGE. */
int lade_listener_parse(const char *text, struct lade_listener_address *address_out);

/*
 * Bind and listen. Port 0 takes a free one; listener->name has the real one. With loopback_only,
 * addresses that other hosts can reach are not used. The listener is closed with
 * lade_listener_close(). Returns 0, LADE_E_ABSENT (no such host), LADE_E_REFUSED
 * (loopback_only, and the host has no loopback address) or LADE_E_SYSTEM.
 */
int lade_listener_open(struct lade_listener *listener, const struct lade_listener_address *address,
		       bool loopback_only, struct lade_fault *fault);

/* Have listener be fd, a listening socket that does not wait (O_NONBLOCK); its name is found out. fd is closed with it. */
void lade_listener_take(struct lade_listener *listener, int fd);

/*
 * Wait at most timeout_ms (-1: without end) for a connection and take it. Meanwhile the
 * signal mask is wait_mask, as in ppoll(2): a caller that has blocked the signals it waits
 * for misses none. Returns 0 with *fd_out (blocking, close-on-exec; the caller's), LADE_E_AGAIN (a
 * signal came, the time is up, or the peer went before it was taken), or LADE_E_SYSTEM (EMFILE,
 * ...: the connection still waits, so the caller must not come back at once).
 */
int lade_listener_accept(struct lade_listener *listener, int timeout_ms, const sigset_t *wait_mask,
			 int *fd_out, struct lade_fault *fault);

/* Close it; a second time does nothing. */
void lade_listener_close(struct lade_listener *listener);

#endif
