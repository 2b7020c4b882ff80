/*
 * A hostile client of a daemon: a real `lade daemon`, in a process of its own, and connections to it whose TLS handshake is honest and whose
 * other words are the test's. What is said goes through struct peer, or record by record through struct tls_talk.
 *
 * The program is $LADE; its log is a file, in which a test finds what became of its connections.
 */
#ifndef LADE_TESTS_FAULT_TLS_CLIENT_H
#define LADE_TESTS_FAULT_TLS_CLIENT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "tests/fault/peer.h"
#include "tests/unit/tls_ends.h"
#include "transport/tls_record.h"

/* A line of a module's: its files are touched by the user of the test. */
#define DAEMON_AS_WE_ARE (geteuid() ? "" : "uid = root\n")

/* A running daemon. */
struct test_daemon {
	char top[PATH_MAX]; /* its configuration, its state, its log */
	char port[8];
	pid_t pid;
};

/* Start one with these lines of configuration, behind those that say where it listens and what is its own. Fails the test if it does not start. */
void daemon_start(struct test_daemon *daemon, const char *lines);

/* End it. Returns its exit status; fails the test if a process of it was ended by a sanitizer. */
int daemon_stop(struct test_daemon *daemon);

/* Wait until its log has text. False: it never came. */
bool daemon_says(const struct test_daemon *daemon, const char *text);

/* True if its log has text now. */
bool daemon_has_said(const struct test_daemon *daemon, const char *text);

/* The process of the daemon's only session, which has begun; fails the test if there is none. */
pid_t daemon_worker(const struct test_daemon *daemon);

/* How a connection is made. Zeros: from 127.0.0.1, without a key. */
struct tls_call {
	const char *from;                     /* our own address, or NULL */
	const struct lade_tls_signer *signer; /* our key, or NULL */
};

/* One connection after its handshake, for what is said record by record. */
struct tls_talk {
	int fd;
	char name[64];                 /* our end, as the daemon's log has it */
	struct lade_tls_state state;
	struct lade_tls_peer peer;
	struct lade_tls_protection *out;
};

/* A TCP connection to the daemon. Returns the descriptor; name_out: our end, as the daemon's log has it. */
int tls_dial(const struct test_daemon *daemon, const char *from, char name_out[64]);

/* Make a connection with its handshake. */
void tls_talk_start(struct tls_talk *talk, const struct test_daemon *daemon, const struct tls_call *call);

/* Say one record of a type. False: the daemon has hung up. */
bool tls_talk_say(struct tls_talk *talk, uint8_t type, const void *bytes, size_t len);

/* Say bytes as they are. False: the daemon has hung up. */
bool tls_talk_say_raw(struct tls_talk *talk, const void *bytes, size_t len);

/* Drop what is said until the daemon hangs up. False: it does not within so many milliseconds. */
bool tls_talk_hear_out(struct tls_talk *talk, int timeout_ms);

/* Close it. */
void tls_talk_stop(struct tls_talk *talk);

/* HELLO and SELECT, as bytes. Returns how many were put to out, which has room for 8192. */
size_t tls_opening(const char *module, uint8_t *out);

/* Make a connection for struct peer: peer_hello() says SELECT for module, too. name_out: as in struct tls_talk. */
void tls_peer_start(struct peer *peer, const struct test_daemon *daemon, const struct tls_call *call, const char *module, char name_out[64]);

/* Hear to the end and close. Returns the exit status that the daemon's log gives the session; -1: it never began. */
int tls_peer_stop(struct peer *peer, const struct test_daemon *daemon, const char *name);

#endif
