/*
 * The opening of a session, before its threads start: HELLO both ways, the proof of
 * a token where one is used, or with a daemon the choice of a module, and OPEN (see PROTOCOL.md [hello], [auth], [select], [open]).
 */
#ifndef LADE_AGENT_SYNC_HANDSHAKE_H
#define LADE_AGENT_SYNC_HANDSHAKE_H

#include <stdbool.h>

#include "agent/token.h"
#include "chunker/digest.h"
#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/hello.h"
#include "protocol/message.h"
#include "transport/connection.h"

/* A stranger gets this long for his greeting, and for each further piece of the handshake. */
#define LADE_HANDSHAKE_TIMEOUT_MS 30000

/*
 * Greet and authenticate; dialler tells which side we are. token NULL: none is used. Returns 0 and the run key;
 * LADE_E_STRANGER, LADE_E_VERSION, LADE_E_AUTH, LADE_E_CLOSED, LADE_E_SYSTEM, or LADE_E_AGAIN (the peer was silent too long).
 */
int lade_handshake_greet(struct lade_connection *connection, const struct lade_token *token, bool dialler,
			 struct lade_run_key *key_out, struct lade_fault *fault);

/* Say our HELLO, which goes to hello_out: more is to follow at once, so it may wait for that. For who cannot wait for the other's. */
int lade_handshake_say_hello(struct lade_connection *connection, uint8_t hello_out[LADE_HELLO_LEN], struct lade_fault *fault);

/* Hear the other one's. ours: what was said; dialler tells which side we are. Returns 0 and the run key, or as lade_handshake_greet(). */
int lade_handshake_hear_hello(struct lade_connection *connection, const uint8_t ours[LADE_HELLO_LEN], bool dialler,
			      struct lade_run_key *key_out, struct lade_fault *fault);

/* Bytes that both sides of a connection with TLS have, and nobody else: struct lade_tls_peer. */
#define LADE_EXPORTER_LEN 32u

/* [select] Which module of a daemon a client means, and who he says that he is. All is borrowed. */
struct lade_selection {
	const char *module;       /* "": he wants to know which there are */
	const char *user;         /* "": he says nothing, and secret is empty */
	struct lade_slice secret; /* the token or the password of user */
	const uint8_t *exporter;  /* LADE_EXPORTER_LEN bytes, of this connection */
};

/* [select] Client: say it, behind HELLO; OPEN or nothing follows. LADE_E_LIMIT: a text is too long. */
int lade_handshake_select(struct lade_connection *connection, const struct lade_selection *selection, struct lade_fault *fault);

/*
 * [select] [join] Server: hear what a client comes for, SELECT or JOIN; nothing of what follows is read. Slices borrow from control, which the caller has
 * initialised and keeps; whoever has used the secret wipes it there. LADE_E_AUTH: the secret is meant for another connection.
 */
int lade_handshake_hear_wish(struct lade_connection *connection, const uint8_t exporter[LADE_EXPORTER_LEN], struct lade_writer *control,
			     struct lade_message *wish_out, struct lade_fault *fault);

/* [join] Another connection, and the session that it is for. */
struct lade_join {
	uint64_t session;         /* its number */
	uint8_t key[LADE_PROOF_LEN]; /* of lade_handshake_join_key() */
	uint8_t exporter[LADE_EXPORTER_LEN]; /* of this connection */
};

/* The key by which a session knows its own, from the run key that its opening made. */
void lade_handshake_join_key(const struct lade_run_key *session, uint8_t key_out[LADE_PROOF_LEN]);

/* [join] Client: say HELLO and JOIN, and hear HELLO and JOINED. LADE_E_REFUSED: the server does not want it; LADE_E_AUTH: it is not the session's. */
int lade_handshake_join(struct lade_connection *connection, const struct lade_join *join, struct lade_fault *fault);

/* True if proof is what the client, or the server, says who has the session's key. */
bool lade_handshake_join_proves(const struct lade_join *join, bool client, const uint8_t proof[LADE_PROOF_LEN]);

/* [joined] Server: take the connection, whose HELLO and JOIN were heard. */
int lade_handshake_say_joined(struct lade_connection *connection, const struct lade_join *join, struct lade_fault *fault);

/* [module] Server: say one of a list of modules; last: it ends here, and the name may be empty. LADE_E_LIMIT: a text is too long. */
int lade_handshake_say_module(struct lade_connection *connection, const char *name, const char *comment, bool last,
			      struct lade_fault *fault);

/* What a client does with the list; slices are gone when a function returns. */
struct lade_module_events {
	void (*module)(void *context, struct lade_slice name, struct lade_slice comment);
	void (*report)(void *context, const struct lade_msg_report *report); /* why there is none */
	void *context;
};

/*
 * [module] Client: hear all of it. LADE_E_REMOTE: the other side refuses, which was reported; LADE_E_LIMIT: more than LADE_MODULES_MAX; LADE_E_PROTOCOL
 * and as the others.
 */
int lade_handshake_hear_modules(struct lade_connection *connection, const struct lade_module_events *events, struct lade_fault *fault);

/*
 * Server: say that there will be no session, by a fatal REPORT with this exit status, and hear what the client has said already, for some seconds at
 * most: were the connection closed with that unread, the kernel would take back what the client has not read yet. HELLO was said.
 */
void lade_handshake_refuse(struct lade_connection *connection, int exit, const char *operation, const char *subject, const char *reason);

/* [open] Client: say what is wanted. LADE_E_LIMIT: paths or rules are too long. */
int lade_handshake_open(struct lade_connection *connection, const struct lade_msg_open *open, struct lade_fault *fault);

/* [open] Server: hear it. Slices borrow from control, which the caller has initialised and keeps. */
int lade_handshake_accept(struct lade_connection *connection, struct lade_writer *control, struct lade_msg_open *open_out,
			  struct lade_fault *fault);

#endif
