/*
 * A connection that TLS protects: its beginning and its end, and its state for who goes on with it. connection_tls_read.c and
 * connection_tls_write.c carry its bytes.
 *
 * In user space each direction has a buffer of a batch of records, and their keys; the reader's thread uses the one and the writer's the
 * other.
 */
#include "transport/connection_internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "transport/ktls.h"

/* A batch of records, and one that may be there in part. */
#define READ_CAPACITY ((LADE_TLS_BATCH_RECORDS + 1) * LADE_TLS_RECORD_MAX)

/* A batch of records, and one of TLS's own before it. */
#define WRITE_CAPACITY (LADE_TLS_BATCH_RECORDS * LADE_TLS_RECORD_MAX + LADE_TLS_KEY_UPDATE_LEN + LADE_TLS_EXTRA_LEN)

/* The bytes that were received before: they are read first, wherever the next ones are opened. */
static int start_reader(struct tls_reader *reader, const struct lade_tls_direction *direction,
			const struct lade_tls_state *state)
{
	reader->suite = state->suite;
	reader->capacity = READ_CAPACITY;
	reader->buffer = malloc(reader->capacity);
	if (!reader->buffer)
		return LADE_E_MEMORY;
	memcpy(reader->buffer, state->plain, state->plain_len);
	reader->plain = reader->buffer;
	reader->plain_len = reader->begin = reader->end = state->plain_len;
	atomic_init(&reader->ready, state->plain_len);
	reader->direction = *direction;
	return reader->kernel ? 0 : lade_tls_protection_new(state->suite, direction, false, &reader->protection);
}

static int start_writer(struct tls_writer *writer, uint16_t suite, const struct lade_tls_direction *direction)
{
	atomic_init(&writer->answer_due, false);
	writer->suite = suite;
	writer->direction = *direction;
	if (writer->kernel)
		return 0;
	writer->buffer = malloc(WRITE_CAPACITY);
	writer->held = malloc(LADE_TLS_PLAIN_MAX);
	if (!writer->buffer || !writer->held)
		return LADE_E_MEMORY;
	return lade_tls_protection_new(suite, direction, true, &writer->protection);
}

/* Have the kernel do what it can. */
static void try_kernel(struct lade_connection_tls *tls, int fd, uint16_t suite, const struct lade_tls_direction *in,
		       const struct lade_tls_direction *out)
{
	if (lade_ktls_prepare(fd))
		return;
	tls->out.kernel = lade_ktls_set(fd, true, suite, out) == 0;
	tls->in.kernel = lade_ktls_set(fd, false, suite, in) == 0;
}

int lade_connection_secure(struct lade_connection *connection, const struct lade_tls_state *state, bool client,
			   enum lade_secure_mode mode, struct lade_fault *fault)
{
	const struct lade_tls_direction *in = client ? &state->server : &state->client;
	const struct lade_tls_direction *out = client ? &state->client : &state->server;
	struct lade_connection_tls *tls;
	int error;

	if (connection->kind != LADE_CONNECTION_TCP || connection->tls || connection->ahead_len ||
	    !lade_tls_key_len(state->suite) || state->plain_len > sizeof(state->plain))
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "protect the connection to", connection->peer);
	tls = calloc(1, sizeof(*tls));
	if (!tls)
		return lade_fault_set(fault, LADE_E_MEMORY, "protect the connection to", connection->peer);
	pthread_mutex_init(&tls->sending, NULL);
	pthread_mutex_init(&tls->ends, NULL);
	tls->client = client;
	tls->exact = mode == LADE_SECURE_EXACT;
	if (mode == LADE_SECURE_KERNEL)
		try_kernel(tls, connection->in_fd, state->suite, in, out);
	error = start_reader(&tls->in, in, state);
	if (!error)
		error = start_writer(&tls->out, state->suite, out);
	if (error) {
		lade_connection_tls_free(tls);
		return lade_fault_set(fault, error, "protect the connection to", connection->peer);
	}
	connection->tls = tls;
	return 0;
}

void lade_connection_tls_free(struct lade_connection_tls *tls)
{
	if (!tls)
		return;
	lade_tls_protection_free(tls->in.protection);
	lade_tls_protection_free(tls->out.protection);
	free(tls->in.buffer);
	free(tls->out.buffer);
	free(tls->out.held);
	pthread_mutex_destroy(&tls->sending);
	pthread_mutex_destroy(&tls->ends);
	OPENSSL_cleanse(tls, sizeof(*tls));
	free(tls);
}

int lade_connection_tls_state(const struct lade_connection *connection, struct lade_tls_state *state_out,
			      struct lade_fault *fault)
{
	const struct lade_connection_tls *tls = connection->tls;

	/* Records that are here and not opened nobody else would get; nor bytes that wait to be written. */
	if (!tls || !tls->exact || tls->in.begin != tls->in.end || tls->out.held_len)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "hand on the connection to", connection->peer);
	if (connection->ahead_len + tls->in.plain_len > sizeof(state_out->plain))
		return lade_fault_set(fault, LADE_E_LIMIT, "hand on the connection to", connection->peer);
	memset(state_out, 0, sizeof(*state_out));
	state_out->suite = tls->in.suite;
	*(tls->client ? &state_out->server : &state_out->client) = *lade_tls_protection_direction(tls->in.protection);
	*(tls->client ? &state_out->client : &state_out->server) = *lade_tls_protection_direction(tls->out.protection);
	memcpy(state_out->plain, connection->ahead + connection->ahead_off, connection->ahead_len);
	memcpy(state_out->plain + connection->ahead_len, tls->in.plain, tls->in.plain_len);
	state_out->plain_len = (uint16_t)(connection->ahead_len + tls->in.plain_len);
	return 0;
}

bool lade_connection_protection(const struct lade_connection *connection, struct lade_connection_protection *protection_out)
{
	struct lade_connection_tls *tls = connection->tls;

	if (!tls)
		return false;
	pthread_mutex_lock(&tls->ends);
	*protection_out = (struct lade_connection_protection){ tls->in.suite, tls->in.kernel, tls->out.kernel };
	pthread_mutex_unlock(&tls->ends);
	return true;
}

bool lade_connection_movable_in(const struct lade_connection *connection)
{
	const struct lade_connection_tls *tls = connection->tls;

	return !connection->ahead_len && (!tls || (tls->in.kernel && !tls->in.plain_len));
}

bool lade_connection_movable_out(const struct lade_connection *connection)
{
	return !connection->tls || connection->tls->out.kernel;
}
