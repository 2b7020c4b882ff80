/*
 * The opening. Everything here is strictly sequential and under a deadline on TCP,
 * where strangers may connect; over ssh a person may be typing a password.
 */
#include "agent/sync/handshake.h"

#include <sodium.h>
#include <string.h>

#include "protocol/byteorder.h"
#include "protocol/entry.h"
#include "protocol/hello.h"
#include "transport/clock.h"
#include "transport/frame.h"
#include "transport/ktls.h"

/* The longest SELECT: its header, four lengths, and what they stand before. */
#define SELECT_ROOM (4 + 4 * 3 + 2 * LADE_NAME_MAX + LADE_SELECTION_MAX + LADE_PROOF_LEN)

/* How long, and how much, a client that is refused is heard out. */
#define HEAR_OUT_MS 5000
#define HEAR_OUT_MAX (4u << 20)

/* Milliseconds that the peer has left, by --timeout or as a stranger on TCP; -1: for ever. started_ms: when the wait began. */
static int patience(const struct lade_connection *connection, int64_t started_ms)
{
	int64_t left_ms = started_ms - lade_clock_ms() + (connection->timeout_ms ? connection->timeout_ms : LADE_HANDSHAKE_TIMEOUT_MS);

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
	int64_t started_ms = lade_clock_ms();
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

/* Say our HELLO. more: other words follow at once. */
static int say_hello(struct lade_connection *connection, uint8_t hello_out[LADE_HELLO_LEN], bool more, struct lade_fault *fault)
{
	struct lade_hello hello = { .version_min = LADE_VERSION_MIN, .version_max = LADE_VERSION_MAX };
	struct iovec vector = { hello_out, LADE_HELLO_LEN };

	if (sodium_init() < 0)
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "start libsodium", NULL);
	/* Who reads in user space can in any case, but whether the kernel will read is not known yet. */
	hello.features = lade_ktls_rekeys() ? LADE_FEATURE_REKEYS : 0;
	randombytes_buf(hello.secret, sizeof(hello.secret));
	lade_hello_put(hello_out, &hello); /* [hello] */
	return lade_connection_write(connection, &vector, 1, more, fault);
}

int lade_handshake_say_hello(struct lade_connection *connection, uint8_t hello_out[LADE_HELLO_LEN], struct lade_fault *fault)
{
	return say_hello(connection, hello_out, true, fault);
}

/* Hear the other side's HELLO, which goes to theirs_out. */
static int hear_hello(struct lade_connection *connection, const uint8_t ours[LADE_HELLO_LEN], uint8_t theirs_out[LADE_HELLO_LEN],
		      struct lade_fault *fault)
{
	struct lade_hello our_hello, their_hello;
	int error = read_hello(connection, theirs_out, fault);

	if (error)
		return error;
	(void)lade_hello_get(ours, &our_hello);
	error = lade_hello_get(theirs_out, &their_hello);
	if (!error && lade_hello_version(&our_hello, &their_hello) < 0)
		error = LADE_E_VERSION;
	if (error)
		return lade_fault_set(fault, error, "talk to", connection->peer);
	connection->peer_rekeys = their_hello.features & LADE_FEATURE_REKEYS;
	return 0;
}

/* [run-key] */
static void derive(const uint8_t dialler_hello[LADE_HELLO_LEN], const uint8_t answerer_hello[LADE_HELLO_LEN], struct lade_run_key *key_out)
{
	struct lade_hello first, second;

	(void)lade_hello_get(dialler_hello, &first);
	(void)lade_hello_get(answerer_hello, &second);
	lade_run_key_derive(key_out, first.secret, second.secret);
}

int lade_handshake_hear_hello(struct lade_connection *connection, const uint8_t ours[LADE_HELLO_LEN], bool dialler,
			      struct lade_run_key *key_out, struct lade_fault *fault)
{
	uint8_t theirs[LADE_HELLO_LEN];
	int error = hear_hello(connection, ours, theirs, fault);

	if (!error)
		derive(dialler ? ours : theirs, dialler ? theirs : ours, key_out);
	return error;
}

/* Read len bytes of a word that began to be waited for at started_ms. Who says a byte now and then gets no more time for it. */
static int read_in_time(struct lade_connection *connection, uint8_t *buf, size_t len, int64_t started_ms, struct lade_fault *fault)
{
	size_t got;

	for (; len; buf += got, len -= got) {
		int error = lade_connection_wait(connection, patience(connection, started_ms), fault);

		if (error == LADE_E_AGAIN)
			return too_late(connection, "wait for", fault);
		if (!error)
			error = lade_connection_read_some(connection, buf, len, &got, fault);
		if (error)
			return error;
		if (got == 0)
			return lade_fault_set(fault, LADE_E_CLOSED, "receive from", connection->peer);
	}
	return 0;
}

/* Read a frame without payload, as lade_frame_read(), in time. */
static int read_control(struct lade_connection *connection, struct lade_writer *control, struct lade_fault *fault)
{
	int64_t started_ms = lade_clock_ms();
	uint8_t header[LADE_FRAME_HEADER_LEN], *room;
	uint32_t control_len, payload_len;
	int error = read_in_time(connection, header, sizeof(header), started_ms, fault);

	if (error)
		return error;
	error = lade_frame_get_header(header, &control_len, &payload_len);
	if (!error && payload_len)
		error = LADE_E_PROTOCOL;
	lade_writer_reset(control);
	room = error ? NULL : lade_writer_reserve(control, control_len);
	if (!room)
		return lade_fault_set(fault, error ? error : control->error, "receive from", connection->peer);
	error = read_in_time(connection, room, control_len, started_ms, fault);
	if (error)
		return error;
	lade_writer_commit(control, control_len);
	connection->received_len += LADE_FRAME_HEADER_LEN + control_len;
	return 0;
}

/* Read a frame that holds exactly one message and no payload. */
static int read_frame(struct lade_connection *connection, struct lade_writer *control, struct lade_message *message_out,
		      struct lade_fault *fault)
{
	struct lade_reader reader;
	int error = read_control(connection, control, fault);

	if (error)
		return error;
	lade_reader_init(&reader, control->data, control->len);
	error = lade_message_get(&reader, message_out);
	if (!error && lade_reader_left(&reader))
		error = LADE_E_PROTOCOL;
	return error ? lade_fault_set(fault, error, "understand", connection->peer) : 0;
}

/* The same for a message of one type. */
static int read_one(struct lade_connection *connection, struct lade_writer *control, enum lade_message_type type,
		    struct lade_message *message_out, struct lade_fault *fault)
{
	int error = read_frame(connection, control, message_out, fault);

	if (!error && message_out->type != type)
		error = lade_fault_set(fault, LADE_E_PROTOCOL, "understand", connection->peer);
	return error;
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
	int error = say_hello(connection, ours, false, fault), heard = 0;

	/* Who has hung up before we spoke may have said something, which tells who he is; whether he was so early is chance. */
	if (!error || error == LADE_E_CLOSED)
		heard = hear_hello(connection, ours, theirs, fault);
	error = heard ? heard : error;
	if (!error && token)
		error = authenticate(connection, token, dialler, dialler_hello, answerer_hello, fault);
	if (!error)
		derive(dialler_hello, answerer_hello, key_out);
	return error;
}

/* ---- modules ---- */

/*
 * [select] Binds a secret to a connection: who repeats the message elsewhere does not know the exporter there. The secret's hash is the key, as a key
 * of BLAKE2b has 64 bytes at most.
 */
static void bind_secret(struct lade_slice secret, const uint8_t exporter[LADE_EXPORTER_LEN], uint8_t binding_out[LADE_PROOF_LEN])
{
	static const uint8_t label[] = { 'l', 'a', 'd', 'e', ' ', 's', 'e', 'l', 'e', 'c', 't' };
	crypto_generichash_state state;
	uint8_t key[crypto_generichash_BYTES];

	/* These cannot fail: the sizes are within BLAKE2b's. */
	crypto_generichash(key, sizeof(key), secret.data, secret.len, NULL, 0);
	crypto_generichash_init(&state, key, sizeof(key), LADE_PROOF_LEN);
	crypto_generichash_update(&state, label, sizeof(label));
	crypto_generichash_update(&state, exporter, LADE_EXPORTER_LEN);
	crypto_generichash_final(&state, binding_out, LADE_PROOF_LEN);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(&state, sizeof(state));
}

int lade_handshake_select(struct lade_connection *connection, const struct lade_selection *selection, struct lade_fault *fault)
{
	struct lade_msg_select select = {
		.module = lade_slice(selection->module, strlen(selection->module)),
		.user = lade_slice(selection->user, strlen(selection->user)),
		.secret = selection->secret,
	};
	uint8_t binding[LADE_PROOF_LEN];
	struct lade_writer writer;
	int error;

	if (select.module.len > LADE_NAME_MAX || select.user.len > LADE_NAME_MAX || select.secret.len > LADE_SELECTION_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, "name the module, the user and the secret to", connection->peer);
	if (selection->secret.len) {
		bind_secret(selection->secret, selection->exporter, binding);
		select.binding = lade_slice(binding, sizeof(binding));
	}
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	/* Room for all of it, as a writer that has to move leaves what it holds where it was. */
	(void)lade_writer_reserve(&writer, SELECT_ROOM);
	lade_put_select(&writer, &select); /* [select] */
	error = writer.error ? lade_fault_set(fault, writer.error, "name the module, the user and the secret to", connection->peer) :
		lade_frame_write(connection, lade_slice(writer.data, writer.len), 0, fault);
	if (writer.data)
		sodium_memzero(writer.data, writer.len);
	lade_writer_fini(&writer);
	return error;
}

/* What a client may say in SELECT: names without NUL, both user and secret or none, and the secret for this connection. */
static int check_select(const struct lade_msg_select *select, const uint8_t exporter[LADE_EXPORTER_LEN])
{
	uint8_t expected[LADE_PROOF_LEN];

	if ((select->module.len && memchr(select->module.data, '\0', select->module.len)) ||
	    (select->user.len && memchr(select->user.data, '\0', select->user.len)) ||
	    !select->user.len != !select->secret.len || select->binding.len != (select->secret.len ? LADE_PROOF_LEN : 0))
		return LADE_E_PROTOCOL;
	if (!select->secret.len)
		return 0;
	bind_secret(select->secret, exporter, expected);
	return sodium_memcmp(select->binding.data, expected, sizeof(expected)) ? LADE_E_AUTH : 0;
}

int lade_handshake_hear_wish(struct lade_connection *connection, const uint8_t exporter[LADE_EXPORTER_LEN], struct lade_writer *control,
			     struct lade_message *wish_out, struct lade_fault *fault)
{
	int error = read_frame(connection, control, wish_out, fault);

	if (error)
		return error;
	if (wish_out->type == LADE_MSG_JOIN)
		error = wish_out->join.proof.len == LADE_PROOF_LEN ? 0 : LADE_E_PROTOCOL;
	else
		error = wish_out->type == LADE_MSG_SELECT ? check_select(&wish_out->select, exporter) : LADE_E_PROTOCOL;
	return error ? lade_fault_set(fault, error, "understand", connection->peer) : 0;
}

int lade_handshake_say_module(struct lade_connection *connection, const char *name, const char *comment, bool last,
			      struct lade_fault *fault)
{
	const struct lade_msg_module module = { lade_slice(name, strlen(name)), lade_slice(comment, strlen(comment)), last };
	struct lade_writer writer;

	if (module.name.len > LADE_NAME_MAX || module.comment.len > LADE_SELECTION_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, "list modules to", connection->peer);
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_module(&writer, &module); /* [module] */
	return write_one(connection, &writer, "list modules to", fault);
}

/* One message of the list: 0, with *last_out at its end. */
static int hear_module(struct lade_connection *connection, struct lade_writer *control, const struct lade_module_events *events,
		       bool *last_out, struct lade_fault *fault)
{
	struct lade_message message;
	int error = read_frame(connection, control, &message, fault);

	if (error)
		return error;
	if (message.type == LADE_MSG_REPORT && message.report.severity == LADE_REPORT_FATAL) {
		events->report(events->context, &message.report);
		return lade_fault_set(fault, LADE_E_REMOTE, "list modules of", connection->peer);
	}
	if (message.type != LADE_MSG_MODULE || (!message.module.name.len && !message.module.last))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", connection->peer);
	if (message.module.name.len)
		events->module(events->context, message.module.name, message.module.comment);
	*last_out = message.module.last;
	return 0;
}

int lade_handshake_hear_modules(struct lade_connection *connection, const struct lade_module_events *events, struct lade_fault *fault)
{
	struct lade_writer control;
	unsigned count = 0;
	bool last = false;
	int error = 0;

	lade_writer_init(&control, LADE_CONTROL_MAX);
	while (!error && !last) {
		error = hear_module(connection, &control, events, &last, fault);
		if (!error && ++count > LADE_MODULES_MAX)
			error = lade_fault_set(fault, LADE_E_LIMIT, "list modules of", connection->peer);
	}
	lade_writer_fini(&control);
	return error;
}

/* Hear, and forget, what the other side says until it hangs up: for a while, and so much, and no longer. */
static void hear_out(struct lade_connection *connection)
{
	int64_t end_ms = lade_clock_ms() + HEAR_OUT_MS;
	uint8_t buf[4096];
	size_t len = 0, got;

	while (len < HEAR_OUT_MAX) {
		int64_t left_ms = end_ms - lade_clock_ms();

		if (left_ms <= 0 || lade_connection_wait(connection, (int)left_ms, NULL) ||
		    lade_connection_read_some(connection, buf, sizeof(buf), &got, NULL) || !got)
			return;
		len += got;
	}
}

void lade_handshake_refuse(struct lade_connection *connection, int exit, const char *operation, const char *subject, const char *reason)
{
	const struct lade_msg_report report = {
		.severity = LADE_REPORT_FATAL,
		.exit = (uint32_t)exit,
		.operation = lade_slice(operation, strlen(operation)),
		.subject = lade_slice(subject, strlen(subject)),
		.reason = lade_slice(reason, strlen(reason)),
	};
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_report(&writer, &report); /* [report] */
	if (!write_one(connection, &writer, "refuse", NULL)) {
		lade_connection_end_writing(connection);
		hear_out(connection);
	}
}

/* ---- another connection for a session ---- */

void lade_handshake_join_key(const struct lade_run_key *session, uint8_t key_out[LADE_PROOF_LEN])
{
	static const uint8_t label[] = { 'l', 'a', 'd', 'e', ' ', 'j', 'o', 'i', 'n', ' ', 'k', 'e', 'y' };
	crypto_generichash_state state;

	/* As in bind_secret(), nothing of this can fail. */
	crypto_generichash_init(&state, NULL, 0, LADE_PROOF_LEN);
	crypto_generichash_update(&state, label, sizeof(label));
	crypto_generichash_update(&state, session->bytes, sizeof(session->bytes));
	crypto_generichash_final(&state, key_out, LADE_PROOF_LEN);
	sodium_memzero(&state, sizeof(state));
}

/* The proof of one side that it is of the session. */
static void join_proof(const uint8_t key[LADE_PROOF_LEN], bool client, uint64_t session,
			       const uint8_t exporter[LADE_EXPORTER_LEN], uint8_t proof_out[LADE_PROOF_LEN])
{
	static const uint8_t labels[2][10] = { { "joined" }, { "join" } };
	crypto_generichash_state state;
	uint8_t number[8];

	lade_put_le64(number, session);
	crypto_generichash_init(&state, key, LADE_PROOF_LEN, LADE_PROOF_LEN);
	crypto_generichash_update(&state, labels[client], sizeof(labels[client]));
	crypto_generichash_update(&state, number, sizeof(number));
	crypto_generichash_update(&state, exporter, LADE_EXPORTER_LEN);
	crypto_generichash_final(&state, proof_out, LADE_PROOF_LEN);
	sodium_memzero(&state, sizeof(state));
}

bool lade_handshake_join_proves(const struct lade_join *join, bool client, const uint8_t proof[LADE_PROOF_LEN])
{
	uint8_t expected[LADE_PROOF_LEN];

	join_proof(join->key, client, join->session, join->exporter, expected);
	return sodium_memcmp(proof, expected, sizeof(expected)) == 0;
}

/* [join] The client's part up to JOIN. */
static int say_join(struct lade_connection *connection, const struct lade_join *join, uint8_t hello_out[LADE_HELLO_LEN], struct lade_fault *fault)
{
	uint8_t proof[LADE_PROOF_LEN];
	const struct lade_msg_join message = { join->session, lade_slice(proof, sizeof(proof)) };
	struct lade_writer writer;
	int error = lade_handshake_say_hello(connection, hello_out, fault);

	if (error)
		return error;
	join_proof(join->key, true, join->session, join->exporter, proof);
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_join(&writer, &message);
	return write_one(connection, &writer, "join the session by another connection to", fault);
}

/* [joined] What the server says to it. */
static int hear_joined(struct lade_connection *connection, const struct lade_join *join, struct lade_writer *control, struct lade_fault *fault)
{
	struct lade_message message;
	int error = read_frame(connection, control, &message, fault);

	if (error)
		return error;
	if (message.type == LADE_MSG_REPORT)
		return lade_fault_set(fault, LADE_E_REFUSED, "join the session by another connection to", connection->peer);
	if (message.type != LADE_MSG_JOINED || message.joined.proof.len != LADE_PROOF_LEN)
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", connection->peer);
	if (!lade_handshake_join_proves(join, false, message.joined.proof.data))
		return lade_fault_set(fault, LADE_E_AUTH, "find the session again at", connection->peer);
	return 0;
}

int lade_handshake_join(struct lade_connection *connection, const struct lade_join *join, struct lade_fault *fault)
{
	uint8_t hello[LADE_HELLO_LEN];
	struct lade_run_key unused;
	struct lade_writer control;
	int error = say_join(connection, join, hello, fault);

	if (!error)
		error = lade_handshake_hear_hello(connection, hello, true, &unused, fault);
	sodium_memzero(&unused, sizeof(unused));
	lade_writer_init(&control, LADE_CONTROL_MAX);
	if (!error)
		error = hear_joined(connection, join, &control, fault);
	lade_writer_fini(&control);
	return error;
}

int lade_handshake_say_joined(struct lade_connection *connection, const struct lade_join *join, struct lade_fault *fault)
{
	uint8_t proof[LADE_PROOF_LEN];
	const struct lade_msg_joined joined = { lade_slice(proof, sizeof(proof)) };
	struct lade_writer writer;

	join_proof(join->key, false, join->session, join->exporter, proof);
	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_joined(&writer, &joined); /* [joined] */
	return write_one(connection, &writer, "go on with", fault);
}

/* ---- OPEN ---- */

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
