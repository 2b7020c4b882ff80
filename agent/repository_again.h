/*
 * A repository at a daemon, reached once more by a new connection when the keys of the old one are worn out.
 */
#ifndef LADE_AGENT_REPOSITORY_AGAIN_H
#define LADE_AGENT_REPOSITORY_AGAIN_H

#include "agent/contact.h"
#include "agent/endpoint.h"
#include "agent/secret.h"
#include "agent/store/store.h"
#include "chunker/digest.h"
#include "transport/connection.h"

/* How it was reached; borrowed for the call, but for the secret. */
struct lade_repository_way {
	const struct lade_contact *contact;
	const struct lade_contact_peer *peer;
	const struct lade_endpoint *endpoint;
	struct lade_secret *secret; /* with its endpoint's user; lade_repository_again_new() takes it, and leaves zeros */
};

/*
 * [select] Say on a new connection who we are and which repository is meant, and hear the daemon's greeting. exporter: LADE_TLS_EXPORTER_LEN bytes, of the connection. Returns 0
 * and the run key, or as lade_handshake_greet().
 */
int lade_repository_introduce(const struct lade_repository_way *way, const uint8_t *exporter, struct lade_connection *connection, struct lade_run_key *key_out,
			      struct lade_fault *fault);

/*
 * Have store, a remote one by that way, move to another connection whenever it is worn: to the same address, where the same key has to be shown. It is consumed, failure or
 * not. Returns 0 with what lade_store_close() closes, or LADE_E_MEMORY.
 */
int lade_repository_again_new(const struct lade_repository_way *way, struct lade_store *store, struct lade_store **store_out, struct lade_fault *fault);

#endif
