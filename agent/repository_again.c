/*
 * Reaching a daemon again. All that it takes is kept: who asks for another connection, hours later, has nobody to ask.
 */
#include "agent/repository_again.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/store_moving.h"
#include "agent/store/store_remote.h"
#include "agent/sync/handshake.h"

/* What is kept. Texts are our own. */
struct again {
	struct lade_contact contact;
	struct lade_contact_peer peer;
	struct lade_endpoint endpoint;
	struct lade_secret secret;
	char *key_file, *ca_file;
};

int lade_repository_introduce(const struct lade_repository_way *way, const uint8_t *exporter, struct lade_connection *connection, struct lade_run_key *key_out,
			      struct lade_fault *fault)
{
	const struct lade_selection selection = {
		.module = way->endpoint->module, .user = way->endpoint->user ? way->endpoint->user : "",
		.secret = lade_slice(way->secret->bytes, way->secret->len), .exporter = exporter,
	};
	uint8_t hello[LADE_HELLO_LEN];
	int error = lade_handshake_say_hello(connection, hello, fault);

	if (!error)
		error = lade_handshake_select(connection, &selection, fault);
	return error ? error : lade_handshake_hear_hello(connection, hello, true, key_out, fault);
}

static bool is_worn(void *context, struct lade_store *store)
{
	(void)context;
	return lade_store_remote_is_worn(store);
}

/* Another connection, and the same repository. */
static int reach(void *context, struct lade_store **store_out, struct lade_fault *fault)
{
	struct again *again = context;
	const struct lade_repository_way way = { &again->contact, &again->peer, &again->endpoint, &again->secret };
	uint8_t exporter[LADE_TLS_EXPORTER_LEN];
	struct lade_connection connection;
	struct lade_run_key key;
	int error = lade_contact_dial_again(&again->contact, &again->peer, NULL, &connection, fault);

	if (error)
		return error;
	/* Others wait for us meanwhile, and the old way still works. */
	connection.timeout_ms = LADE_HANDSHAKE_TIMEOUT_MS;
	error = lade_contact_shake_again(&again->contact, &again->peer, &connection, exporter, fault);
	if (!error)
		error = lade_repository_introduce(&way, exporter, &connection, &key, fault);
	if (!error)
		return lade_store_remote_open(&connection, &key, again->endpoint.path, false, store_out, fault);
	lade_connection_close(&connection);
	return error;
}

static void free_again(void *context)
{
	struct again *again = context;

	lade_secret_fini(&again->secret);
	lade_endpoint_fini(&again->endpoint);
	free(again->key_file);
	free(again->ca_file);
	free(again);
}

/* A copy of text, NULL for NULL. False: there is no memory. */
static bool copy(const char *text, char **copy_out)
{
	*copy_out = text ? strdup(text) : NULL;
	return *copy_out || !text;
}

int lade_repository_again_new(const struct lade_repository_way *way, struct lade_store *store, struct lade_store **store_out, struct lade_fault *fault)
{
	struct again *again = calloc(1, sizeof(*again));
	const struct lade_endpoint *from = way->endpoint;
	bool good = again;

	if (good) {
		again->contact = *way->contact;
		again->peer = *way->peer;
		again->secret = *way->secret;
		*way->secret = (struct lade_secret){ 0 };
		again->endpoint.kind = from->kind;
		good = copy(from->user, &again->endpoint.user) && copy(from->host, &again->endpoint.host) && copy(from->port, &again->endpoint.port) &&
			copy(from->module, &again->endpoint.module) && copy(from->path, &again->endpoint.path) &&
			copy(way->contact->key_file, &again->key_file) && copy(way->contact->ca_file, &again->ca_file);
	}
	if (!good) {
		if (again)
			free_again(again);
		lade_store_close(store);
		return lade_fault_set(fault, LADE_E_MEMORY, "reach", from->host);
	}
	again->contact.dial.host = again->endpoint.host;
	again->contact.dial.port = again->endpoint.port;
	again->contact.key_file = again->key_file;
	again->contact.ca_file = again->ca_file;
	return lade_store_moving_new(store, &(struct lade_store_ways){ is_worn, reach, free_again, again }, store_out, fault);
}
