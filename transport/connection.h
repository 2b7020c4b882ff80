/*
 * Connections: the byte stream between the two sides of a session, over a socket or
 * over two pipes. One thread may read and another write at the same time.
 */
#ifndef LADE_TRANSPORT_CONNECTION_H
#define LADE_TRANSPORT_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "protocol/error.h"
#include "protocol/limits.h"
#include "transport/throttle.h"
#include "transport/tls.h"

enum lade_connection_kind {
	LADE_CONNECTION_PAIR,  /* AF_UNIX socket pair: the other process of one local command */
	LADE_CONNECTION_TCP,
	LADE_CONNECTION_PIPES, /* a child's standard input and output, or our own */
};

/* Most bytes that are read ahead: a frame's header and the control of one run. */
#define LADE_CONNECTION_AHEAD_MAX 64u

struct lade_connection_tls;

/* How a connection is protected by TLS. */
enum lade_secure_mode {
	LADE_SECURE_USER,   /* in user space */
	LADE_SECURE_KERNEL, /* each direction by the kernel if it can, else in user space */
	LADE_SECURE_EXACT,  /* in user space, and nothing is read beyond the record at hand: the connection will be handed on */
};

/* What protects a connection. */
struct lade_connection_protection {
	uint16_t suite; /* enum lade_tls_suite */
	bool in_kernel, out_kernel; /* what is read, what is written: by the kernel, else in user space */
};

/* A connection; the caller's storage. */
struct lade_connection {
	enum lade_connection_kind kind;
	int in_fd;   /* the same as out_fd for sockets, unless one of both was taken from another connection */
	int out_fd;
	_Atomic uint64_t received, sent; /* bytes, but those that were moved from in_fd or to out_fd; any thread may look */
	struct lade_throttle *throttle; /* what is written waits for it: borrowed; NULL: nothing does. Who moves to out_fd asks it too */
	pid_t child; /* the process that was spawned for it, or -1 */
	/* Descriptors that came with the bytes read so far and were not yet taken (PAIR only). */
	int descriptors[LADE_DESCRIPTORS_MAX];
	unsigned descriptor_count;
	uint8_t ahead[LADE_CONNECTION_AHEAD_MAX]; /* bytes that were read ahead: ahead_len from ahead_off are left */
	unsigned ahead_off, ahead_len;
	uint64_t sent_len, received_len; /* bytes of frames, payload included; the writer's, the reader's */
	unsigned frame_ahead; /* frame.c's: the length of control that is expected of the next frame, or 0 */
	struct lade_connection_tls *tls; /* what protects it since lade_connection_secure(); NULL: nothing */
	bool torn; /* the last read that failed had something of what was to be read, or of a frame: the reader's */
	bool lost; /* what failed was that it ended, and nothing that was said: who had the session says so */
	bool peer_rekeys; /* its reader can follow a KeyUpdate, as it has said [hello] */
	int timeout_ms; /* how long the opening may wait for each of the peer's words; 0: as long as its kind allows */
	char peer[256]; /* for messages: "127.0.0.1:873", "ssh host", "local" */
};

/* Both ends of an AF_UNIX stream socket pair. Returns 0 or LADE_E_SYSTEM. Each is closed with lade_connection_close(). */
int lade_connection_pair(struct lade_connection *a, struct lade_connection *b, struct lade_fault *fault);

/* Take over a connected TCP socket, which is set to delay nothing and to find out that the peer's host is gone. fd is consumed. */
int lade_connection_accept(struct lade_connection *connection, int fd, struct lade_fault *fault);

/*
 * From here on the connection, a TCP one, is protected with the keys in state, which is copied (wipe it). client: the side that we are.
 * Returns 0; LADE_E_UNSUPPORTED for a suite that is none, or a connection that has bytes read ahead; LADE_E_MEMORY. That the kernel cannot is no failure. Who
 * moves bytes from in_fd or to out_fd asks lade_connection_movable_in(), or _out(), first.
 *
 * Reads end at the peer's close_notify as they do at the end of the stream. A peer's fatal alert is LADE_E_CLOSED, and the fault's operation
 * names it; what was changed on its way, or is no record that may come, is LADE_E_PROTOCOL.
 */
int lade_connection_secure(struct lade_connection *connection, const struct lade_tls_state *state, bool client,
			   enum lade_secure_mode mode, struct lade_fault *fault);

/*
 * The state of a connection that is LADE_SECURE_EXACT, with the bytes that were received and not read, for who goes on with its descriptor. It is not to
 * be written or read here any more. Returns 0, LADE_E_UNSUPPORTED (it is not such a connection) or LADE_E_LIMIT (too many bytes are unread).
 */
int lade_connection_tls_state(const struct lade_connection *connection, struct lade_tls_state *state_out,
			      struct lade_fault *fault);

/* What protects it. False: nothing. */
bool lade_connection_protection(const struct lade_connection *connection, struct lade_connection_protection *protection_out);

/* May bytes be moved by the kernel from in_fd: nothing was read ahead of them, nor has to be opened here? The reader's thread. */
bool lade_connection_movable_in(const struct lade_connection *connection);

/* May bytes be moved by the kernel to out_fd? The writer's thread. */
bool lade_connection_movable_out(const struct lade_connection *connection);

/* How far the key is used up that protects what we write. Where another one can be had in its place it never is. */
enum lade_wear {
	LADE_WEAR_NONE,
	LADE_WEAR_WORN,  /* it is time to look for another connection */
	LADE_WEAR_SPENT, /* no more than some megabytes are to follow */
};

/* Tell it. The writer's thread. */
enum lade_wear lade_connection_wear(const struct lade_connection *connection);

/*
 * Go on writing where fresh does; both are protected connections that we are on the same side of. The end is gone from fresh, which is to be closed all
 * the same once its other end was taken, or is not wanted. What both ends have left is closed. Bytes, counters, throttle and patience go on. Returns 0, or
 * LADE_E_UNSUPPORTED: they are not such connections. The writer's thread, between two frames.
 */
int lade_connection_take_out(struct lade_connection *connection, struct lade_connection *fresh);

/* The same for reading: what is left unread of the connection is lost. The reader's thread. */
int lade_connection_take_in(struct lade_connection *connection, struct lade_connection *fresh);

/* Our own standard input and output. They stay as they are (never O_NONBLOCK: they are shared with others). */
void lade_connection_stdio(struct lade_connection *connection);

/*
 * Start argv (argv[0] found on PATH; no shell) with its standard input and output
 * as the other end; its standard error is ours. name is used for messages.
 * Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM (exec's errno too).
 */
int lade_connection_spawn(struct lade_connection *connection, char *const argv[], const char *name,
			  struct lade_fault *fault);

/*
 * Wake both threads for good: reads end, writes fail. Safe from any thread. Pipes cannot
 * be woken: there the spawned child is told to end (SIGTERM).
 */
void lade_connection_cancel(struct lade_connection *connection);

/* Say that nothing more is to come: the peer reads an end after what was written (by TLS close_notify, if nobody is writing). Reading goes on. */
void lade_connection_end_writing(struct lade_connection *connection);

/* Close the descriptors and those that were not taken. Does not wait for a child. */
void lade_connection_close(struct lade_connection *connection);

/* Wait for the spawned child, if any: its exit status (128 + signal), or 0. Closes first. */
int lade_connection_reap(struct lade_connection *connection);

/*
 * Read exactly len bytes. Returns 0, LADE_E_CLOSED (the peer ended before, errno 0 or
 * ECONNRESET) or LADE_E_SYSTEM; of a protected connection LADE_E_PROTOCOL and LADE_E_MEMORY, too. Descriptors that come along are kept for lade_connection_take_descriptor().
 */
int lade_connection_read(struct lade_connection *connection, void *buf, size_t len, struct lade_fault *fault);

/*
 * The same, and at most ahead_max bytes more if they are there: later reads begin with them,
 * who moves from in_fd looks at ahead_len first. On TCP a read of some bytes between two large
 * ones costs the receiver a fifth of its throughput (it is then who sends on what the
 * sender has queued), so frames are read with what comes before them.
 */
int lade_connection_read_ahead(struct lade_connection *connection, void *buf, size_t len, size_t ahead_max,
			       struct lade_fault *fault);

/* Read at most len bytes, at least one; *got_out is 0 at the end of the stream. */
int lade_connection_read_some(struct lade_connection *connection, void *buf, size_t len, size_t *got_out,
			      struct lade_fault *fault);

/* Wait at most timeout_ms for something to read. 0, LADE_E_AGAIN when the time is up, LADE_E_SYSTEM. */
int lade_connection_wait(struct lade_connection *connection, int timeout_ms, struct lade_fault *fault);

/* True if there are bytes to be read at once. Any thread. */
bool lade_connection_waiting(const struct lade_connection *connection);

/*
 * Write count vectors completely (they are used up). more: payload follows at once; where TLS protects it here, bytes wait for
 * it. 0, LADE_E_CLOSED, LADE_E_SYSTEM, LADE_E_MEMORY. Bytes that cannot be read are LADE_E_SYSTEM with EFAULT; but where TLS protects them here they raise SIGBUS.
 */
int lade_connection_write(struct lade_connection *connection, struct iovec *vectors, int count, bool more,
			  struct lade_fault *fault);

/* The same with descriptor passed along with the first byte (PAIR only). The descriptor stays the caller's. */
int lade_connection_write_with(struct lade_connection *connection, struct iovec *vectors, int count, int descriptor,
			       struct lade_fault *fault);

/* The oldest descriptor that came and was not taken: the caller closes it. -1 if there is none. */
int lade_connection_take_descriptor(struct lade_connection *connection);

#endif
