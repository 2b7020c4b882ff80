/*
 * Exit statuses of the commands that sync, rsync(1)'s: REPORT and END carry them (PROTOCOL.md).
 */
#ifndef LADE_PROTOCOL_EXIT_STATUS_H
#define LADE_PROTOCOL_EXIT_STATUS_H

enum lade_exit {
	LADE_EXIT_OK = 0,
	LADE_EXIT_USAGE = 1,
	LADE_EXIT_VERSION = 2,   /* no common protocol version, or a stranger */
	LADE_EXIT_SELECT = 3,    /* sources and destination do not fit */
	LADE_EXIT_UNSUPPORTED = 4, /* a character set that is not known */
	LADE_EXIT_AUTH = 5,
	LADE_EXIT_SOCKET = 10,
	LADE_EXIT_FILE = 11,     /* file input or output that ends the session */
	LADE_EXIT_STREAM = 12,   /* the protocol's stream is broken */
	LADE_EXIT_IPC = 14,
	LADE_EXIT_SIGNAL = 20,
	LADE_EXIT_MEMORY = 22,
	LADE_EXIT_PARTIAL = 23,
	LADE_EXIT_VANISHED = 24,
	LADE_EXIT_DELETE_LIMIT = 25, /* --max-delete left something */
	LADE_EXIT_TIMEOUT = 30,  /* nothing was heard, or the time is over */
	LADE_EXIT_CONTIMEOUT = 35, /* nobody answered when a connection was to be made */
};

#endif
