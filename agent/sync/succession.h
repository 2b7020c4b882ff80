/*
 * A session that goes on over another connection (PROTOCOL.md [move]).
 *
 * Connections are counted; the opening was on number 0. Each direction is on one of them, and both are on the same before the next is looked
 * for. The client dials and proves that it is of the session, the server says JOINED; then the client's direction moves at the next
 * frame, and when the server has heard so, the server's. Nobody waits for what may not be there yet; only a writer whose key is
 * spent waits, for the other side or for its own reader, who never waits for it.
 */
#ifndef LADE_AGENT_SYNC_SUCCESSION_H
#define LADE_AGENT_SYNC_SUCCESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/handshake.h"
#include "agent/sync/successor.h"
#include "protocol/message.h"
#include "transport/connection.h"

struct lade_session;

/* Of a session; under its lock, but for what is said to be one thread's. */
struct lade_succession {
	const struct lade_successors *ways; /* borrowed; NULL: there is no other connection */
	struct lade_join join;       /* number (a client: 0 until it is told) and key */
	uint32_t in, out;            /* the connection that each direction is on */
	uint32_t have;               /* the last one that there is: fresh, what is left of it */
	struct lade_connection fresh;
	bool leaving;                /* our writer says MOVE */
	bool asked;                  /* our writer has asked for the next one */
	uint32_t asked_count;        /* a server: how often it has */
	uint32_t heard_count;        /* the reader's: MOVE_WANTED of the server, MOVE of the client */
	uint64_t begun;              /* the writer's: the connection's sent_len when it moved */
	int64_t spent_ms;            /* since when the writer waits; 0: it does not */
	bool deaf;                   /* the session's thread's: no more connections will come in */

	/* A client's dialling. */
	bool wanted;
	bool dialling, dialled;      /* the thread exists; it is done */
	bool cancelled;
	pthread_t dialler;
	int dial_fd;                 /* its socket; -1: none yet */
	int cancel_fd;               /* eventfd; -1: none */
	int dial_error;
	struct lade_fault dial_fault;
	struct lade_connection dial_connection;
	unsigned tries;
	int64_t again_ms;            /* not before */
};

/* Begin: of session the settings, the run key and the queue are used, where a server says SESSION. */
void lade_succession_init(struct lade_session *session);

/* End the dialling, and close what is left. All other threads of the session have returned. */
void lade_succession_fini(struct lade_session *session);

/*
 * Between two frames, or pieces of work: move, ask for another connection, or wait for it, if that is due. At once if it is not. Returns 0, or a failure to
 * write. The writer's thread.
 */
int lade_succession_step(struct lade_session *session, struct lade_fault *fault);

/* True if our direction is to move, though there may be nothing to write. The lock is held. */
bool lade_succession_due(const struct lade_session *session);

/* [session] [move-wanted] Hear them. Returns 0 or LADE_E_PROTOCOL. The reader's thread; the lock is not held, as in the next ones. */
int lade_succession_hear(struct lade_session *session, const struct lade_message *message);

/* [move] Go on reading from the other connection. Returns 0 or LADE_E_PROTOCOL. The reader's thread. */
int lade_succession_follow(struct lade_session *session, const struct lade_msg_move *move);

/* The session has failed and the connection that is read has ended: is there another one to be read? The reader's thread. */
bool lade_succession_drain(struct lade_session *session);

/* A descriptor whose readability lade_succession_look() is to be told of; -1: none. The session's thread, as the next. */
int lade_succession_fd(struct lade_session *session);

/* Take what has come in (readable), start the dialling or see what became of it, end a wait that takes too long. Several times a second. */
void lade_succession_look(struct lade_session *session, bool readable);

#endif
