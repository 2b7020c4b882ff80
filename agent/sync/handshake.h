/*
 * The opening of a session, before its threads start: HELLO both ways, the proof of
 * a token where one is used, and OPEN (see PROTOCOL.md [hello], [auth], [open]).
 */
#ifndef LADE_AGENT_SYNC_HANDSHAKE_H
#define LADE_AGENT_SYNC_HANDSHAKE_H

#include <stdbool.h>

#include "agent/token.h"
#include "chunker/digest.h"
#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/message.h"
#include "transport/connection.h"

/* A stranger gets this long for his greeting, and for each further piece of the handshake to begin. */
#define LADE_HANDSHAKE_TIMEOUT_MS 30000

/*
 * Greet and authenticate; dialler tells which side we are. token NULL: none is used. Returns 0 and the run key;
 * LADE_E_STRANGER, LADE_E_VERSION, LADE_E_AUTH, LADE_E_CLOSED, LADE_E_SYSTEM, or LADE_E_AGAIN (the peer was silent too long).
 */
int lade_handshake_greet(struct lade_connection *connection, const struct lade_token *token, bool dialler,
			 struct lade_run_key *key_out, struct lade_fault *fault);

/* [open] Client: say what is wanted. LADE_E_LIMIT: paths or rules are too long. */
int lade_handshake_open(struct lade_connection *connection, const struct lade_msg_open *open, struct lade_fault *fault);

/* [open] Server: hear it. Slices borrow from control, which the caller has initialised and keeps. */
int lade_handshake_accept(struct lade_connection *connection, struct lade_writer *control, struct lade_msg_open *open_out,
			  struct lade_fault *fault);

#endif
