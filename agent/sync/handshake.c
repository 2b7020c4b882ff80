/*
 * The opening. Everything here is strictly sequential and under a deadline on TCP,
 * where strangers may connect; over ssh a person may be typing a password.
 */
#include "agent/sync/handshake.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "protocol/hello.h"
#include "transport/frame.h"

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Milliseconds that the peer has left, by --timeout or as a stranger on TCP; -1: for ever. started_ms: when the wait began. */
static int patience(const struct lade_connection *connection, int64_t started_ms)
{
	int64_t left_ms = started_ms - now_ms() + (connection->timeout_ms ? connection->timeout_ms : LADE_HANDSHAKE_TIMEOUT_MS);

	if (connection->kind != LADE_CONNECTION_TCP && !connection->timeout_ms)
		return -1;
	return left_ms > 0 ? (int)left_ms : 0;
}

/* The peer has no time left. */
static int too_late(const struct lade_connection *connection, const char *operation, struct lade_fault *fault)
{
	return lade_fault_set(fault, connection->timeout_ms ? LADE_E_TIMEOUT : LADE_E_STRANGER, operation, connection->peer);
}

/* Read the peer's HELLO; the magic is judged as soon as its bytes are there, so that a short greeting of a stranger does not hang us. */
static int read_hello(struct lade_connection *connection, uint8_t bytes[LADE_HELLO_LEN], struct lade_fault *fault)
{
	int64_t started_ms = now_ms();
	size_t len = 0, got;
	int error;

	while (len < LADE_HELLO_LEN) {
		error = lade_connection_wait(connection, patience(connection, started_ms), fault);
		if (error == LADE_E_AGAIN)
			return too_late(connection, "wait for a greeting from", fault);
		if (!error)
			error = lade_connection_read_some(connection, bytes + len, LADE_HELLO_LEN - len, &got, fault);
		if (error)
			return error;
		if (got == 0)
			return lade_fault_set(fault, LADE_E_CLOSED, "receive a greeting from", connection->peer);
		len += got;
		if (lade_hello_check_magic(bytes, len))
			return lade_fault_set(fault, LADE_E_STRANGER, "talk to", connection->peer);
	}
	return 0;
}

static int exchange_hello(struct lade_connection *connection, uint8_t ours[LADE_HELLO_LEN],
			  uint8_t theirs[LADE_HELLO_LEN], struct lade_fault *fault)
{
	struct lade_hello our_hello = { .version_min = LADE_VERSION_MIN, .version_max = LADE_VERSION_MAX };
	struct lade_hello their_hello;
	struct iovec vector = { ours, LADE_HELLO_LEN };
	int error;

	randombytes_buf(our_hello.secret, sizeof(our_hello.secret));
	lade_hello_put(ours, &our_hello); /* [hello] */
	error = lade_connection_write(connection, &vector, 1, false, fault);
	if (!error)
		error = read_hello(connection, theirs, fault);
	if (error)
		return error;
	error = lade_hello_get(theirs, &their_hello);
	if (!error && lade_hello_version(&our_hello, &their_hello) < 0)
		error = LADE_E_VERSION;
	return error ? lade_fault_set(fault, error, "talk to", connection->peer) : 0;
}

/* Read a frame that holds exactly one message of a type and no payload. */
static int read_one(struct lade_connection *connection, struct lade_writer *control, enum lade_message_type type,
		    struct lade_message *message, struct lade_fault *fault)
{
	struct lade_reader reader;
	uint32_t payload_len;
	int error;

	error = lade_connection_wait(connection, patience(connection, now_ms()), fault);
	if (error == LADE_E_AGAIN)
		return too_late(connection, "wait for", fault);
	if (!error)
		error = lade_frame_read(connection, control, &payload_len, fault);
	if (error)
		return error;
	lade_reader_init(&reader, control->data, control->len);
	error = lade_message_get(&reader, message);
	if (!error && (message->type != type || payload_len || lade_reader_left(&reader)))
		error = LADE_E_PROTOCOL;
	return error ? lade_fault_set(fault, error, "understand", connection->peer) : 0;
}

/* Write the message in writer, which is freed, alone in a frame. operation: what fails if it did not fit. */
static int write_one(struct lade_connection *connection, struct lade_writer *writer, const char *operation, struct lade_fault *fault)
{
	int error = writer->error ? lade_fault_set(fault, writer->error, operation, connection->peer) :
		lade_frame_write(connection, lade_slice(writer->data, writer->len), 0, fault);

	lade_writer_fini(writer);
	return error;
}

/* [auth] Each side proves that it knows the token; the dialler first, so that an answerer tells a stranger nothing. */
static int say_proof(struct lade_connection *connection, const uint8_t proof[LADE_PROOF_LEN], struct lade_fault *fault)
{
	const struct lade_msg_auth auth = { lade_slice(proof, LADE_PROOF_LEN) };
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_auth(&writer, &auth);
	return write_one(connection, &writer, "authenticate to", fault);
}

static int hear_proof(struct lade_connection *connection, const uint8_t expected[LADE_PROOF_LEN],
		      struct lade_fault *fault)
{
	struct lade_message message = { .type = LADE_MSG_AUTH };
	struct lade_writer control;
	int error;

	lade_writer_init(&control, LADE_CONTROL_MAX);
	error = read_one(connection, &control, LADE_MSG_AUTH, &message, fault);
	/* Whoever does not like our proof hangs up: from here on an early end means that. */
	if (error == LADE_E_CLOSED)
		error = lade_fault_set(fault, LADE_E_AUTH, "authenticate to", connection->peer);
	if (!error && (message.auth.proof.len != LADE_PROOF_LEN ||
		       !lade_token_proof_equal(message.auth.proof.data, expected)))
		error = lade_fault_set(fault, LADE_E_AUTH, "authenticate", connection->peer);
	lade_writer_fini(&control);
	return error;
}

static int authenticate(struct lade_connection *connection, const struct lade_token *token, bool dialler,
			const uint8_t *dialler_hello, const uint8_t *answerer_hello, struct lade_fault *fault)
{
	uint8_t ours[LADE_PROOF_LEN], theirs[LADE_PROOF_LEN];
	int error;

	lade_token_prove(token, dialler, dialler_hello, answerer_hello, ours);
	lade_token_prove(token, !dialler, dialler_hello, answerer_hello, theirs);
	if (dialler) {
		error = say_proof(connection, ours, fault);
		return error ? error : hear_proof(connection, theirs, fault);
	}
	error = hear_proof(connection, theirs, fault);
	return error ? error : say_proof(connection, ours, fault);
}

int lade_handshake_greet(struct lade_connection *connection, const struct lade_token *token, bool dialler,
			 struct lade_run_key *key_out, struct lade_fault *fault)
{
	uint8_t ours[LADE_HELLO_LEN], theirs[LADE_HELLO_LEN];
	const uint8_t *dialler_hello = dialler ? ours : theirs, *answerer_hello = dialler ? theirs : ours;
	struct lade_hello first, second;
	int error;

	if (sodium_init() < 0)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "start libsodium", NULL);
	error = exchange_hello(connection, ours, theirs, fault);
	if (!error && token)
		error = authenticate(connection, token, dialler, dialler_hello, answerer_hello, fault);
	if (error)
		return error;
	(void)lade_hello_get(dialler_hello, &first);
	(void)lade_hello_get(answerer_hello, &second);
	lade_run_key_derive(key_out, first.secret, second.secret);
	return 0;
}

int lade_handshake_open(struct lade_connection *connection, const struct lade_msg_open *open, struct lade_fault *fault)
{
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_open(&writer, open); /* [open] */
	return write_one(connection, &writer, "open a session with", fault);
}

int lade_handshake_accept(struct lade_connection *connection, struct lade_writer *control, struct lade_msg_open *open_out,
			  struct lade_fault *fault)
{
	struct lade_message message;
	int error = read_one(connection, control, LADE_MSG_OPEN, &message, fault);

	if (error)
		return error;
	*open_out = message.open;
	return 0;
}
