/*
 * Making a TCP connection.
 */
#ifndef LADE_TRANSPORT_DIAL_H
#define LADE_TRANSPORT_DIAL_H

#include "transport/connection.h"

/* One setsockopt(2) with a number. */
struct lade_socket_option {
	const char *name; /* as the user wrote it; static text */
	int level, option;
	int value;
};

/* More are not needed by anybody. */
#define LADE_SOCKET_OPTIONS_MAX 16u

/* Where to, and how. All is borrowed. */
struct lade_dial {
	const char *host;    /* name or address; IPv6 without brackets */
	const char *port;
	const char *address; /* our own end: name or address; NULL: the kernel's choice */
	int family;          /* AF_INET, AF_INET6 or AF_UNSPEC */
	int timeout_ms;      /* for all tries together; 0: the kernel's patience */
	const int *cancel_fd; /* when it is readable no more is waited for, if there is a timeout; NULL: there is none */
	const struct lade_socket_option *options; /* option_count; they come behind what a connection sets by itself */
	unsigned option_count;
};

/*
 * Connect to the first of the host's addresses that answers. Returns 0; LADE_E_ABSENT for a name that is not known; LADE_E_TIMEOUT; LADE_E_CANCELLED;
 * LADE_E_SYSTEM with the errno of the last address tried, or of an option or an own address that cannot be. The
 * caller closes the connection.
 */
int lade_connection_dial(struct lade_connection *connection, const struct lade_dial *dial, struct lade_fault *fault);

#endif
