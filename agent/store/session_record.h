/*
 * Which sessions of this host are alive: a directory with a file for each, "session-<random>", locked as long as the process runs that has begun it.
 *
 * The directory is of one repository. Its descriptor may be -1 everywhere: nothing is remembered then, and nothing known.
 */
#ifndef LADE_AGENT_STORE_SESSION_RECORD_H
#define LADE_AGENT_STORE_SESSION_RECORD_H

#include "agent/store/session_list.h"
#include "protocol/error.h"

/* What this host knows of a session. */
enum lade_session_life {
	LADE_SESSION_UNKNOWN, /* it is another host's */
	LADE_SESSION_ALIVE,
	LADE_SESSION_DEAD,
};

/*
 * Remember a session that is about to begin. Returns 0 with a descriptor that holds the lock (or -1, without a directory); LADE_E_SYSTEM.
 */
int lade_session_record_make(int directory, const struct lade_session_id *id, int *fd_out, struct lade_fault *fault);

/* See whether a session is alive. If it is dead, *fd_out is a descriptor that holds its lock, so that nobody else finds the same; else -1. */
enum lade_session_life lade_session_record_look(int directory, const struct lade_session_id *id, int *fd_out);

/* Let go of what holds a lock, -1 too; the record stays. */
void lade_session_record_release(int fd);

/* Forget a session that ended, and close its descriptor, if there is one. */
void lade_session_record_forget(int directory, const struct lade_session_id *id, int fd);

/* Forget dead sessions that the list does not have. */
void lade_session_record_sweep(int directory, const struct lade_session_list *list);

#endif
