/*
 * The greeter. What it knows at its end, the keys of one connection, it gives away and forgets. All of its waiting is under the
 * monitor's deadline as well, which kills it.
 */
#include "agent/daemon/greeter.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/daemon/monitor_internal.h"
#include "agent/sync/handshake.h"
#include "agent/sync/memory_limit.h"
#include "protocol/exit_status.h"
#include "transport/connection.h"

/*
 * Memory that it may take beside what it is born with. A handshake with the largest certificate and SELECT that there can be needs less than
 * a tenth of it.
 */
#define GREETER_MEMORY (64u << 20)

/* What it works with. */
struct greeting {
	struct visit *visit;
	struct lade_connection connection;
	struct lade_tls_state state;
	struct lade_tls_peer peer;
	struct lade_run_key key;
	struct lade_channel_message message;
};

int lade_greeter_sign(void *context, const uint8_t *data, size_t len, uint8_t signature_out[LADE_TLS_SIGNATURE_LEN])
{
	struct lade_channel_message message = { .type = LADE_CHANNEL_SIGN, .sign.len = (uint32_t)len };
	int error;

	if (len > LADE_SIGN_MAX)
		return LADE_E_LIMIT;
	memcpy(message.sign.data, data, len);
	error = lade_channel_ask(*(const int *)context, &message, LADE_CHANNEL_SIGNATURE, NULL);
	if (!error)
		memcpy(signature_out, message.signature.signature, LADE_TLS_SIGNATURE_LEN);
	return error;
}

static int shake_hands(struct greeting *greeting, struct lade_fault *fault)
{
	const struct visit *visit = greeting->visit;
	int error;

	error = lade_tls_context_handshake(visit->shared->tls, visit->fd, (int)visit->shared->config->login_timeout * 1000, visit->peer,
					   &greeting->state, &greeting->peer, fault);
	if (!error)
		error = lade_connection_accept(&greeting->connection, visit->fd, fault);
	/* The worker may have the kernel go on; here it is a matter of a few words. */
	if (!error)
		error = lade_connection_secure(&greeting->connection, &greeting->state, false, LADE_SECURE_EXACT, fault);
	return error;
}

/* [module] Say which modules there are for somebody from there. */
static int list_modules(struct greeting *greeting, struct lade_fault *fault)
{
	const struct lade_daemon_config *config = greeting->visit->shared->config;
	int error = 0;

	for (unsigned i = 0; i < config->module_count && !error; i++) {
		const struct lade_module *module = &config->modules[i];

		if (module->list && lade_address_rules_admit(&module->hosts_allow, &module->hosts_deny,
							     (const struct sockaddr *)&greeting->visit->address))
			error = lade_handshake_say_module(&greeting->connection, module->name, module->comment ? module->comment : "", false, fault);
	}
	if (!error)
		error = lade_handshake_say_module(&greeting->connection, "", "", true, fault);
	if (!error)
		lade_connection_end_writing(&greeting->connection);
	return error;
}

/* A text of the protocol in a field that ends with a NUL. False: it has one inside. */
static bool take_text(char *to, size_t size, struct lade_slice from)
{
	if (from.len >= size || (from.len && memchr(from.data, '\0', from.len)))
		return false;
	if (from.len)
		memcpy(to, from.data, from.len);
	to[from.len] = '\0';
	return true;
}

/* Put what the peer said and proved into a question for the monitor. */
static int make_question(struct greeting *greeting, const struct lade_msg_select *select, struct lade_fault *fault)
{
	struct lade_channel_ask *ask = &greeting->message.ask;

	memset(&greeting->message, 0, sizeof(greeting->message));
	greeting->message.type = LADE_CHANNEL_ASK;
	if (!take_text(ask->module, sizeof(ask->module), select->module) || !take_text(ask->user, sizeof(ask->user), select->user) ||
	    select->secret.len > sizeof(ask->secret))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand", greeting->connection.peer);
	if (select->secret.len)
		memcpy(ask->secret, select->secret.data, select->secret.len);
	ask->secret_len = (uint32_t)select->secret.len;
	ask->known = greeting->peer.known;
	ask->trusted = greeting->peer.trusted;
	memcpy(ask->fingerprint, greeting->peer.fingerprint, sizeof(ask->fingerprint));
	snprintf(ask->name, sizeof(ask->name), "%s", greeting->peer.name);
	return 0;
}

/* Give the connection away. Nothing of it may be used here behind this. */
static int hand_over(struct greeting *greeting, struct lade_fault *fault)
{
	struct lade_channel_message *message = &greeting->message;
	int error;

	memset(message, 0, sizeof(*message));
	message->type = LADE_CHANNEL_HANDOVER;
	error = lade_connection_tls_state(&greeting->connection, &message->handover.state, fault);
	message->handover.key = greeting->key;
	message->handover.rekeys = greeting->connection.peer_rekeys;
	return error ? error : lade_channel_send(greeting->visit->channel, message, fault);
}

/* [join] The same for who comes for a session that is under way. */
static void make_claim(struct greeting *greeting, const struct lade_msg_join *join)
{
	struct lade_channel_join *claim = &greeting->message.join;

	memset(&greeting->message, 0, sizeof(greeting->message));
	greeting->message.type = LADE_CHANNEL_JOIN;
	claim->session = join->session;
	memcpy(claim->proof, join->proof.data, sizeof(claim->proof));
	memcpy(claim->exporter, greeting->peer.exporter, sizeof(claim->exporter));
	claim->known = greeting->peer.known;
	memcpy(claim->fingerprint, greeting->peer.fingerprint, sizeof(claim->fingerprint));
}

/* Ask the monitor, and act on what it says. */
static int ask(struct greeting *greeting, struct lade_fault *fault)
{
	struct lade_channel_message *message = &greeting->message;
	int error = lade_channel_ask(greeting->visit->channel, message, LADE_CHANNEL_VERDICT, fault);

	if (error)
		return error;
	if (message->verdict.exit) {
		lade_handshake_refuse(&greeting->connection, message->verdict.exit, "open", "", message->verdict.text);
		return 0;
	}
	return hand_over(greeting, fault);
}

/* What the peer came for. */
static int hear_wish(struct greeting *greeting, struct lade_fault *fault)
{
	struct lade_message wish = { .type = LADE_MSG_SELECT };
	struct lade_writer control;
	bool list = false;
	int error;

	lade_writer_init(&control, LADE_CONTROL_MAX);
	error = lade_handshake_hear_wish(&greeting->connection, greeting->peer.exporter, &control, &wish, fault);
	if (!error && wish.type == LADE_MSG_JOIN)
		make_claim(greeting, &wish.join);
	else if (!error && !(list = wish.select.module.len == 0))
		error = make_question(greeting, &wish.select, fault);
	if (control.data)
		sodium_memzero(control.data, control.len);
	lade_writer_fini(&control);
	if (error)
		return error;
	return list ? list_modules(greeting, fault) : ask(greeting, fault);
}

int lade_greeter_run(struct monitor *monitor, struct visit *visit)
{
	struct greeting greeting = { .visit = visit };
	struct lade_fault fault;
	int error;

	monitor->greeter_channel = visit->channel;
	error = lade_memory_limit_growth(GREETER_MEMORY, &fault);
	/* All that it needs is open. */
	if (!error)
		error = lade_monitor_give_up_rights(monitor, &fault);
	if (!error)
		error = shake_hands(&greeting, &fault);
	if (!error)
		error = lade_handshake_greet(&greeting.connection, NULL, false, &greeting.key, &fault);
	if (!error)
		error = hear_wish(&greeting, &fault);
	if (error)
		lade_channel_complain(visit->channel, &fault);
	sodium_memzero(&greeting, sizeof(greeting));
	return error ? LADE_EXIT_STREAM : LADE_EXIT_OK;
}
