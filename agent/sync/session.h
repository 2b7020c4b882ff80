/*
 * What both roles of a session share: the lock, the queue of control messages to be
 * written, reports, failure, and the wait for the end.
 *
 * Threads: the caller's (lade_session_run), one reader, one writer, and the role's
 * own. One lock guards everything of a session that several threads touch; it is
 * never held over a call that may block on the peer or the disk. The reader never
 * waits for the writer of its own side: what it produces is bounded by what it heard.
 */
#ifndef LADE_AGENT_SYNC_SESSION_H
#define LADE_AGENT_SYNC_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/sync/events.h"
#include "agent/sync/settings.h"
#include "agent/sync/succession.h"
#include "agent/sync/sync.h"
#include "chunker/digest.h"
#include "protocol/bytes.h"
#include "protocol/entry.h"
#include "protocol/error.h"
#include "transport/connection.h"
#include "transport/mover.h"

/* Control bytes that are worth waking the writer for, when nothing is urgent. */
#define LADE_SESSION_FLUSH (16u << 10)

/* Conditions that a role may have beside those of the session. */
#define LADE_SESSION_WAITS 4

struct lade_chunk;

struct lade_session {
	struct lade_connection *connection;     /* borrowed */
	const struct lade_settings *settings;   /* borrowed */
	const struct lade_events *events;       /* borrowed; NULL: the user is on the other side */
	struct lade_session_limits limits;
	struct lade_movers *movers;
	struct lade_run_key key;
	struct lade_run_key files;         /* of whole files (-c) */
	struct lade_run_key names, pieces; /* of recipes: of cut points and chunks, and of pieces; key, unless there is a recipe key */

	struct lade_succession succession;

	pthread_mutex_t lock;
	pthread_cond_t to_writer; /* control is queued, or the role has data to send */
	pthread_cond_t room;      /* the queue has drained, credit or slots came: the role's thread may go on */
	struct lade_chunk *first, *last; /* control to be written, oldest first */
	struct lade_chunk *spare; /* memory for the last words, which may be that there is none; NULL: it is in use */
	size_t queued;            /* bytes in them */
	bool urgent;              /* write even if it is little */
	bool failed;              /* no new work; fault says why */
	bool said_end;            /* our END is queued: nothing may follow it */
	uint32_t keepalives;      /* how many were queued */
	_Atomic uint64_t copied;  /* bytes of lent files that were copied here, see [copied] */
	uint64_t copied_said;     /* of these, what the other side was told of */
	bool finished;            /* the last message was written or heard */
	bool lost;                /* the peer takes no more; the reader finds out why */
	pthread_cond_t *role_waits[LADE_SESSION_WAITS]; /* the role's own conditions, woken at the end; NULL: unused */
	unsigned reading, writing; /* threads of each kind that have not returned */
	pthread_cond_t returned;  /* one of them has */
	struct lade_fault fault;
	int exit;                 /* the worst that was reported so far, by rank */
	struct lade_progress progress;
	struct lade_msg_end totals;      /* ours */
	struct lade_msg_end peer_totals; /* from END */

	pthread_mutex_t event_lock;
	int wake_fd; /* eventfd: tells lade_session_run() to look */
};

/* Init; connection, settings and events are borrowed until fini. Returns 0, LADE_E_MEMORY or LADE_E_SYSTEM. */
int lade_session_init(struct lade_session *session, struct lade_connection *connection,
		      const struct lade_settings *settings, const struct lade_events *events,
		      const struct lade_run_key *key, struct lade_fault *fault);

/* Free what a session keeps, when all of its threads have returned. */
void lade_session_fini(struct lade_session *session);

/* Have lade_session_run() look at once. Any thread. */
void lade_session_wake(struct lade_session *session);

/* Take the lock of the session. Any thread that does not hold it. */
void lade_session_lock(struct lade_session *session);

/* Give it back. */
void lade_session_unlock(struct lade_session *session);

/*
 * The writer that the next control message goes to; the lock is held. After
 * appending, call lade_session_queued(). Never NULL (out of memory shows in its error, and fails the session in
 * lade_session_queued()).
 */
struct lade_writer *lade_session_queue(struct lade_session *session);

/* Messages were appended; the lock is held. urgent: let them go at once, else when enough has come together. */
void lade_session_queued(struct lade_session *session, bool urgent);

/* Queue END with our sums, after which nothing may be queued; the lock is held. */
void lade_session_queue_end(struct lade_session *session);

/* Queue a sign of life, or have what is queued go out at once; nothing where all was said; the lock is not held. */
void lade_session_keep_alive(struct lade_session *session);

/* [copied] Say how much was copied since this was last called. */
void lade_session_say_copied(struct lade_session *session);

/*
 * Wait until the queue is short again, or the session fails; the lock is held. What is queued goes out at
 * once, however little it is. Never from the reader.
 */
void lade_session_wait_room(struct lade_session *session);

/*
 * Take the oldest queued control bytes, up to one frame's worth, for writing; the lock is
 * held. False if there are none (or too few and not urgent). The caller frees control_out with lade_writer_fini().
 */
bool lade_session_take(struct lade_session *session, struct lade_writer *control_out);

/* Fail: remember fault (the first counts), tell the peer if the failure is ours, wake everybody. Any thread, lock not held. */
void lade_session_fail(struct lade_session *session, const struct lade_fault *fault);

/* The same with the lock held. */
void lade_session_fail_locked(struct lade_session *session, const struct lade_fault *fault);

/* True once the session has failed; lock not held. */
bool lade_session_failed(struct lade_session *session);

/* Put a fault into the words of a REPORT; slices borrow from fault. */
void lade_report_of(struct lade_msg_report *report, enum lade_severity severity, int exit,
		    const struct lade_fault *fault);

/* Say what happened to one thing, to the user wherever he is; exit: the status that it calls for (0: none). Lock not held. */
void lade_session_report(struct lade_session *session, enum lade_severity severity, int exit,
			 const struct lade_fault *fault);

/* The same in words: operation on subject, because of reason (NULL: none). Lock not held. */
void lade_session_tell(struct lade_session *session, enum lade_severity severity, int exit, const char *operation,
		       const char *subject, const char *reason);

/* The same about something whose name is the protocol's, and could not be converted: an error of that file, with errno. Lock not held. */
void lade_session_tell_unconverted(struct lade_session *session, const char *operation, const char *name);

/* True if the user wants notes about topic. */
bool lade_session_wants(const struct lade_session *session, enum lade_topic topic);

/*
 * A line for the user, if he wants such: what, then name, then rest (NULL: nothing), one directly behind the other. The exit
 * status stays. Lock not held.
 */
void lade_session_note(struct lade_session *session, enum lade_topic topic, const char *what, const char *name,
		       const char *rest);

/* True if an item with these changes is to be told: callers need not make one otherwise. */
bool lade_session_itemizes(const struct lade_session *session, uint32_t changes);

/* Tell of an item, if lade_session_itemizes() its changes; parts that the user did not ask for may be set or not. Lock not held. */
void lade_session_item(struct lade_session *session, const struct lade_msg_item *item);

/* An entry to be shown to the user, who is on this side; see lade_events. Lock not held. */
void lade_session_list(struct lade_session *session, const char *path, const struct lade_msg_entry *entry);

/* True for messages that concern no role: lade_session_heard() takes them. */
bool lade_session_hears(enum lade_message_type type);

/* One of these from the peer. Fails the session for a fatal one. Lock not held. Returns 0, or LADE_E_PROTOCOL. */
int lade_session_heard(struct lade_session *session, const struct lade_message *message);

/* The session is over in order. Lock held. */
void lade_session_finish(struct lade_session *session);

/*
 * A write failed with fault. Where the peer has gone, its last words may still be
 * unread: then the session fails only when the reader has come to the end, or after
 * some seconds. Writer's thread.
 */
void lade_session_write_failed(struct lade_session *session, const struct lade_fault *fault);

/*
 * Hear one frame: its control bytes; payload_len bytes of payload are still on the connection. Returns 0 to
 * go on, 1 when this was the last one, or an error (without a fault, if the peer said what it may not).
 */
typedef int lade_session_hear(void *role, struct lade_slice control, uint32_t payload_len, struct lade_fault *fault);

/* Read frames until hear says that it was the last one, something fails, or the session has failed. Reader's thread. */
void lade_session_read_frames(struct lade_session *session, lade_session_hear *hear, void *role);

/* The threads of a role. reader and writer are one each; others may be fewer (NULL). */
#define LADE_SESSION_OTHERS 4
struct lade_session_threads {
	void *(*reader)(void *role);
	void *(*writer)(void *role);
	void *(*others[LADE_SESSION_OTHERS])(void *role);
};

/*
 * Run the threads of a role to the end of the session, in order or not: progress and
 * signals meanwhile, last words to the peer, all threads joined. Returns the exit status;
 * *totals_out gets the sums of both sides.
 */
int lade_session_run(struct lade_session *session, const struct lade_session_threads *threads, void *role,
		     struct lade_msg_end *totals_out);

/*
 * Write what is queued until the session has finished or failed: the writer's thread of
 * a role that has nothing else to send.
 */
void lade_session_write_queue(struct lade_session *session);

/* The worse of two exit statuses. */
int lade_exit_worse(int a, int b);

/* The exit status for a fault that ends a session. */
int lade_exit_of(const struct lade_fault *fault);

/* Note termination signals for lade_session_run(), before which they end the process (exit status 20); part of lade_sync_setup(). */
int lade_session_signals(struct lade_fault *fault);

#endif
