/*
 * What connection.c and the files beside it share: TCP sockets, and a connection's protection by TLS. The reader's part and the writer's part belong to one
 * thread each; what both touch is atomic, or under the writer's lock.
 */
#ifndef LADE_TRANSPORT_CONNECTION_INTERNAL_H
#define LADE_TRANSPORT_CONNECTION_INTERNAL_H

#include <pthread.h>

#include "transport/connection.h"
#include "transport/tls_control.h"
#include "transport/tls_keys.h"
#include "transport/tls_record.h"

/* Plain bytes that are protected, and sent, with one call. */
#define LADE_TLS_BATCH_RECORDS 16u
#define LADE_TLS_BATCH_LEN (LADE_TLS_BATCH_RECORDS * LADE_TLS_PLAIN_MAX)

struct tls_reader {
	uint16_t suite;
	bool kernel;                 /* the kernel opens the records; protection and buffer's records are not used */
	struct lade_tls_protection *protection;
	struct lade_tls_direction direction; /* the kernel's secret; its count of records is not known */
	uint8_t *buffer;             /* capacity bytes: records not yet opened are from begin to end */
	size_t capacity, begin, end;
	const uint8_t *plain;        /* opened and not yet read: plain_len bytes, in the buffer before begin */
	size_t plain_len;
	uint64_t rekeyed;            /* KeyUpdates that came */
	unsigned empty;              /* records without content in a row */
	bool ended;                  /* by close_notify or FIN */
	int lowat;                   /* SO_RCVLOWAT as it is set */
	int failed;                  /* once it has failed it stays so: the code */
	const char *failure;         /* and the operation */
	atomic_bool ready;           /* something can be read without the descriptor */
};

struct tls_writer {
	uint16_t suite;
	bool kernel;                 /* the kernel protects what is written */
	struct lade_tls_protection *protection;
	struct lade_tls_direction direction; /* the kernel's secret; its count of records is not known */
	uint8_t *buffer;             /* a batch of records */
	uint8_t *held;               /* held_len bytes that wait for more, LADE_TLS_PLAIN_MAX at most */
	size_t held_len;
	uint64_t begun, calls;       /* of the kernel's secret: the connection's sent_len when it came, and writes since */
	atomic_bool answer_due;      /* the peer has asked for a KeyUpdate */
	bool closed;                 /* nothing can be written any more: an alert was, or a record was not written completely */
};

/*
 * Each direction may go on elsewhere (connection_take.c): ends is held for that, and by whoever looks at a direction, or at its descriptor, that is another
 * thread's. Who takes both takes sending first.
 */
struct lade_connection_tls {
	bool client, exact;
	pthread_mutex_t sending;     /* held while records are made and written */
	pthread_mutex_t ends;
	bool cancelled, no_more;     /* lade_connection_cancel() was called, lade_connection_end_writing() was */
	struct tls_reader in;
	struct tls_writer out;
};

/*
 * Read at most len bytes, at least one; *got_out is 0 at the end of the stream. need: so many will be read before anything is said
 * to the peer; 1: not known. Returns 0, LADE_E_CLOSED, LADE_E_SYSTEM, LADE_E_PROTOCOL, LADE_E_MEMORY.
 */
int lade_connection_tls_receive(struct lade_connection *connection, void *buf, size_t len, size_t need, size_t *got_out,
				struct lade_fault *fault);

/* As lade_connection_wait(): bytes of a record that is not complete are nothing to read. */
int lade_connection_tls_wait(struct lade_connection *connection, int timeout_ms, struct lade_fault *fault);

/* As lade_connection_waiting(). */
bool lade_connection_tls_waiting(const struct lade_connection *connection);

/* As lade_connection_write(), where the kernel does not protect what is written. Vectors stay as they are. */
int lade_connection_tls_write(struct lade_connection *connection, const struct iovec *vectors, int count, bool more,
			      struct lade_fault *fault);

/* Where the kernel does: to be called before each write. Another secret is taken if it is time. Returns 0 or a failure of the connection. */
int lade_connection_tls_renew(struct lade_connection *connection, struct lade_fault *fault);

/* Say an alert, if nobody is writing and it can go out at once; it is the last that is written. */
void lade_connection_tls_alert(struct lade_connection *connection, enum lade_tls_alert alert);

/* As lade_connection_cancel(), of a protected connection. */
void lade_connection_tls_cancel(struct lade_connection *connection);

/* As lade_connection_end_writing(), but for the alert. */
void lade_connection_tls_end_writing(struct lade_connection *connection);

/* Free what lade_connection_secure() made. */
void lade_connection_tls_free(struct lade_connection_tls *tls);

/* Set what every TCP socket has: TCP_NODELAY, SO_KEEPALIVE with three minutes. A user's options come behind it. */
void lade_connection_tune(int fd);

/* Have connection be a TCP one to peer. fd is consumed. */
void lade_connection_of_socket(struct lade_connection *connection, int fd, const char *peer);

/* Describe a failed read, whose errno is given. Returns LADE_E_CLOSED if the peer has cut it off, else LADE_E_SYSTEM. */
int lade_connection_read_failed(const struct lade_connection *connection, struct lade_fault *fault);

/* Describe a failed write, whose errno is given. Returns LADE_E_CLOSED if the peer is gone, else LADE_E_SYSTEM. */
int lade_connection_write_failed(const struct lade_connection *connection, struct lade_fault *fault);

#endif
