/*
 * A hand-made peer: one end of a connection whose other end is a real session in a
 * forked process. Tests say whatever bytes they like and look at what comes back.
 *
 * Nothing here can hang: every read has a timeout, the child and the test have an alarm.
 * What cannot be sent because the child has hung up is dropped (peer->lost). For tests
 * only; a failure of the host aborts.
 */
#ifndef LADE_TESTS_FAULT_PEER_H
#define LADE_TESTS_FAULT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "chunker/digest.h"
#include "protocol/message.h"
#include "transport/connection.h"
#include "transport/mover.h"

/* Seconds after which a test hangs; its child has half of them. A loaded machine is slow. */
#define PEER_ALARM_S 600u

/* Roles in OPEN: what the server does. */
enum { PEER_RECEIVES, PEER_SENDS };

/* Answers of peer_hear(). */
enum { PEER_END, PEER_MESSAGE };

struct peer {
	struct lade_connection connection;
	pid_t child;
	bool lost;                /* the child has hung up on us */
	bool answers;             /* for peer_hello(): the child has dialled, else we have */
	struct lade_run_key key;  /* after peer_hello() */
	struct lade_writer out;   /* control of the next frame: lade_put_*(&peer->out, ...) */
	struct lade_writer in;    /* control of the last frame heard */
	struct lade_reader reader;
	uint32_t payload_len;     /* that still stands behind the last frame heard */
	enum lade_path path;      /* --path= for peer_open() */
	struct lade_slice rules;  /* encoded, for peer_open(); empty: there are none */
	const char *module;       /* of a daemon: peer_hello() says SELECT for it; NULL: there is none */
	const char *root;         /* of that module: what paths of peer_open() begin with, and the daemon does not hear; or NULL */
	unsigned fatal;           /* REPORTs heard that end a session */
	unsigned errors;          /* REPORTs heard of one file */
};

/* Start a server (lade_sync_serve) at the other end of a connection of this kind. */
void peer_start(struct peer *peer, enum lade_connection_kind kind);

/* The same for any session: run has the child's end and returns the exit status. */
void peer_start_with(struct peer *peer, enum lade_connection_kind kind,
		     int (*run)(struct lade_connection *connection, void *context), void *context);

/* Connect two ends in this process. pipe_size: bytes of each pipe (PIPES only), 0: as the kernel has it. */
void peer_connect(enum lade_connection_kind kind, int pipe_size, struct lade_connection ends[2]);

/* Have TLS protect both ends of a TCP connection: by the kernel where it can, with keys that are no secret. */
void peer_protect(struct lade_connection ends[2]);

/* HELLO both ways; to a daemon [select] behind it. */
void peer_hello(struct peer *peer);

/* OPEN for one path; options are LADE_OPTION_ bits. */
void peer_open(struct peer *peer, uint32_t role, uint64_t options, const char *path);

/* The same with --copy-dest=alternative; NULL: none. */
void peer_open_beside(struct peer *peer, uint32_t role, uint64_t options, const char *path, const char *alternative);

/* Say what was put to peer->out as one frame (nothing, if it is empty). */
void peer_say(struct peer *peer);

/* The same with a payload, whose announced length may be another one. */
void peer_say_payload(struct peer *peer, const void *payload, size_t len, uint32_t announced);

/* The same with a descriptor. */
void peer_say_descriptor(struct peer *peer, int fd);

/* Say bytes as they are. */
void peer_say_raw(struct peer *peer, const void *bytes, size_t len);

/* Wait until the other side has hung up, without reading what it says. PIPES only. */
void peer_wait_end(struct peer *peer);

/* Hear the next message; payload is dropped. PEER_END when the child has hung up; a timeout fails the test. */
int peer_hear(struct peer *peer, struct lade_message *message_out);

/* Read len bytes of the payload behind the last message. False if the child has hung up. */
bool peer_take_payload(struct peer *peer, void *buf, uint32_t len);

/* Hear until a message of this type; false if the child has hung up before. */
bool peer_hear_type(struct peer *peer, enum lade_message_type type,
		    struct lade_message *message_out);

/* Hear the WANT of entry index; returns its slot. Fails the test if it does not come. */
uint32_t peer_hear_want(struct peer *peer, uint64_t index);

/* [run] len bytes at off; bad: with a digest that is wrong. */
void peer_say_run(struct peer *peer, uint32_t slot, uint64_t off, const void *data, uint32_t len,
		  bool bad);

/* [bundle] One record. */
void peer_say_record(struct peer *peer, uint32_t slot, const void *data, uint32_t len, bool bad);

/* [file-end] */
void peer_put_file_end(struct peer *peer, uint32_t slot, bool changed, uint64_t size,
		       int64_t mtime_s);

/* Say END when the other side has (or, as a receiver, before it does). False if it has hung up instead. */
bool peer_finish_session(struct peer *peer);

/* Close at once, in the middle of whatever there is; then as peer_stop(). */
int peer_cut(struct peer *peer);

/* Hear to the end, close, wait for the child. Returns its exit status; 128 + signal for one that was killed. */
int peer_stop(struct peer *peer);

/* Resident memory of the child in KiB. */
long peer_memory_kib(const struct peer *peer);

/* The most that it ever had; -1: it has gone. */
long peer_memory_peak_kib(const struct peer *peer);

#endif
