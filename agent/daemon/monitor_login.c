/*
 * Logins: connections that have proved nothing yet. They have places of their own, few of them and few of each address, and little
 * time, so that who holds many keeps nobody else out.
 */
#include "agent/daemon/monitor_internal.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/authorized_keys.h"
#include "agent/credentials.h"
#include "agent/daemon/admit.h"
#include "agent/daemon/greeter.h"
#include "agent/fingerprint.h"
#include "agent/locked_memory.h"
#include "protocol/exit_status.h"

/* What precedes the hash in what a server of TLS 1.3 signs: RFC 8446, 4.4.3. The NUL behind it is part of it. */
static const char signed_context[] = "TLS 1.3, server CertificateVerify";
#define SIGNED_BLANKS 64u

static bool is_login(const struct visit *visit)
{
	return !visit->killed && (visit->stage == VISIT_LOGIN || visit->stage == VISIT_CHECK);
}

/* Who has been let in has his place from then on, not when he has handed over: others who ask meanwhile would get the same one. */
static bool is_open(const struct visit *visit)
{
	return visit->stage == VISIT_BEFORE || visit->stage == VISIT_SESSION || (visit->admitted && is_login(visit));
}

/* How many visits are in those stages: all, those of owner, those of module. NULL: of any. */
static unsigned count(const struct monitor *monitor, bool (*counts)(const struct visit *), const struct lade_slot_owner *owner,
		      const char *module)
{
	unsigned found = 0;

	for (unsigned i = 0; i < monitor->visit_used; i++) {
		const struct visit *visit = &monitor->visits[i];

		found += counts(visit) && (!owner || lade_slot_owner_same(&visit->owner, owner)) &&
			(!module || (visit->module && strcmp(visit->module->name, module) == 0));
	}
	return found;
}

/* Make a place: end the oldest login of whoever has most of them. */
static void make_place(struct monitor *monitor)
{
	struct visit *victim = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < monitor->visit_used; i++) {
		struct visit *visit = &monitor->visits[i];
		unsigned held;

		if (!is_login(visit))
			continue;
		held = count(monitor, is_login, &visit->owner, NULL);
		if (held > most || (victim && held == most && visit->number < victim->number)) {
			most = held;
			victim = visit;
		}
	}
	if (victim) {
		lade_daemon_log_line(monitor->log, LOG_NOTICE, "login of %s: ended for want of places", victim->peer);
		victim->refusal = LADE_REFUSAL_FLOOD;
		lade_visit_kill(victim);
	}
}

static void name_peer(struct visit *visit)
{
	char port[LADE_ADDRESS_PORT_SIZE];

	if (lade_address_numbers(&visit->address, visit->host, port))
		lade_address_join(visit->host, port, visit->peer, sizeof(visit->peer));
}

/* True if owner may have one more login. */
static bool may_log_in(struct monitor *monitor, const struct lade_slot_owner *owner)
{
	const struct lade_daemon_config *config = monitor->shared->config;

	if (count(monitor, is_login, owner, NULL) >= config->max_logins_per_peer)
		return false;
	if (count(monitor, is_login, NULL, NULL) >= config->max_logins)
		make_place(monitor);
	return true;
}

void lade_monitor_welcome(struct monitor *monitor, int fd, const struct sockaddr_storage *address)
{
	struct lade_slot_owner owner = lade_slot_owner_of((const struct sockaddr *)address);
	struct visit *visit = may_log_in(monitor, &owner) ? lade_visit_new(monitor) : NULL;
	struct lade_fault fault;
	int forked;

	monitor->metrics.logins++;
	if (!visit) {
		monitor->metrics.refused[LADE_REFUSAL_FLOOD]++;
		close(fd);
		return;
	}
	visit->stage = VISIT_LOGIN;
	visit->fd = fd;
	visit->address = *address;
	/* What listens on IPv6 gets IPv4, too: such an address is shown, and judged, as what it is. */
	lade_address_unmap(&visit->address);
	visit->owner = owner;
	visit->deadline_ms = visit->started_ms + (int64_t)visit->shared->config->login_timeout * 1000;
	name_peer(visit);
	forked = lade_visit_fork(visit, &fault);
	if (forked == 0)
		_exit(lade_greeter_run(monitor, visit));
	if (forked < 0) {
		lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
		visit->refusal = LADE_REFUSAL_SYSTEM;
		lade_monitor_login_ended(monitor, visit);
	}
}

void lade_monitor_login_ended(struct monitor *monitor, struct visit *visit)
{
	/* Who has asked for the list of modules leaves like this, too. */
	bool in_order = WIFEXITED(visit->how) && WEXITSTATUS(visit->how) == 0 && !visit->admitted;

	if (visit->refusal == LADE_REFUSAL_COUNT && !in_order)
		visit->refusal = LADE_REFUSAL_HANDSHAKE;
	if (visit->refusal != LADE_REFUSAL_COUNT)
		monitor->metrics.refused[visit->refusal]++;
	lade_visit_free(visit);
}

static void answer(struct visit *visit, struct lade_channel_message *message)
{
	/* It waits for this: there is room. Who has gone needs no answer. */
	(void)lade_channel_send(visit->channel, message, NULL);
	sodium_memzero(message, sizeof(*message));
}

/* True if it is what a server signs in a handshake: nothing else gets a signature of the host key. */
static bool may_be_signed(const struct lade_channel_sign *sign)
{
	if (sign->len < SIGNED_BLANKS + sizeof(signed_context) + 32 || sign->len > SIGNED_BLANKS + sizeof(signed_context) + 64)
		return false;
	for (unsigned i = 0; i < SIGNED_BLANKS; i++)
		if (sign->data[i] != ' ')
			return false;
	return memcmp(sign->data + SIGNED_BLANKS, signed_context, sizeof(signed_context)) == 0;
}

static void sign(struct monitor *monitor, struct visit *visit)
{
	struct lade_channel_message reply = { .type = LADE_CHANNEL_SIGNATURE };
	const struct lade_channel_sign *request = &monitor->message->sign;
	const struct lade_tls_signer *signer = &visit->shared->signer;

	if (visit->has_signed || !may_be_signed(request) ||
	    signer->sign(signer->context, request->data, request->len, reply.signature.signature)) {
		lade_daemon_log_line(monitor->log, LOG_ERR, "login of %s: its process asked for a signature that it must not have", visit->peer);
		lade_visit_kill(visit);
		return;
	}
	visit->has_signed = true;
	answer(visit, &reply);
}

static void deny(struct monitor *monitor, struct visit *visit, enum lade_refusal refusal, int status, const char *reason)
{
	struct lade_channel_message reply = { .type = LADE_CHANNEL_VERDICT, .verdict.exit = status };

	snprintf(reply.verdict.text, sizeof(reply.verdict.text), "%s", reason);
	lade_daemon_log_line(monitor->log, LOG_NOTICE, "login of %s: refused: %s", visit->peer, reason);
	visit->module = NULL;
	visit->refusal = refusal;
	answer(visit, &reply);
}

/* Let it in, if there is a place for one more session. */
static void let_in(struct monitor *monitor, struct visit *visit)
{
	const struct lade_daemon_config *config = visit->shared->config;
	const struct lade_module *module = visit->module;
	struct lade_channel_message reply = { .type = LADE_CHANNEL_VERDICT };

	if (monitor->stop_ms)
		deny(monitor, visit, LADE_REFUSAL_STOPPING, LADE_EXIT_SOCKET, "the server is being stopped: try again later");
	else if (count(monitor, is_open, NULL, NULL) >= config->max_connections ||
	    (module->max_connections && count(monitor, is_open, NULL, module->name) >= module->max_connections))
		deny(monitor, visit, LADE_REFUSAL_LIMIT, LADE_EXIT_SOCKET, "as many sessions as may be are open: try again later");
	else if (count(monitor, is_open, &visit->owner, NULL) >= config->max_connections_per_peer ||
		 (module->max_connections_per_peer &&
		  count(monitor, is_open, &visit->owner, module->name) >= module->max_connections_per_peer))
		deny(monitor, visit, LADE_REFUSAL_LIMIT, LADE_EXIT_SOCKET, "as many sessions as one address may have are open: try again later");
	else {
		visit->admitted = true;
		answer(visit, &reply);
	}
}

/* The words for whoever may not use a module, or asks for one that is not there: which of both it is is not his business. */
static void deny_module(struct monitor *monitor, struct visit *visit, const struct lade_channel_ask *ask)
{
	char text[LADE_FINGERPRINT_TEXT_SIZE], reason[512];

	lade_fingerprint_show(ask->fingerprint, text);
	if (ask->known)
		snprintf(reason, sizeof(reason), "there is no module \"%s\" for you; your key is %s", ask->module, text);
	else
		snprintf(reason, sizeof(reason), "there is no module \"%s\" for somebody without a key", ask->module);
	deny(monitor, visit, LADE_REFUSAL_MODULE, LADE_EXIT_AUTH, reason);
}

/* Keep the secret for a checker; it is not in the memory that other processes get. */
static void want_checker(struct monitor *monitor, struct visit *visit)
{
	visit->secret = lade_locked_memory_new(sizeof(*visit->secret), false);
	if (!visit->secret) {
		deny(monitor, visit, LADE_REFUSAL_SYSTEM, LADE_EXIT_MEMORY, "out of memory");
		return;
	}
	*visit->secret = *monitor->message;
	visit->stage = VISIT_CHECK;
	lade_monitor_start_checkers(monitor);
}

/*
 * True if somebody who is denied gave a secret, and secrets are of use here: he is told the same as one whose secret is wrong, and as late. Otherwise
 * users and modules could be found out by guessing.
 */
static bool may_be_guessing(const struct lade_daemon_config *config, const struct lade_channel_ask *request)
{
	if (!request->user[0])
		return false;
	for (unsigned i = 0; i < config->module_count; i++) {
		const struct lade_module *module = &config->modules[i];

		for (unsigned j = 0; j < module->auth_count; j++) {
			if (module->auth[j].kind == LADE_AUTH_TOKEN)
				return true;
		}
	}
	return false;
}

static void ask(struct monitor *monitor, struct visit *visit)
{
	const struct lade_channel_ask *request = &monitor->message->ask;
	const struct lade_daemon_config *config = visit->shared->config;
	char name[LADE_AUTHORIZED_NAME_SIZE];
	struct lade_fault fault = { 0 };
	bool authorized = false;
	int error;

	/* Once: who guesses needs a connection for each guess. */
	if (visit->stage != VISIT_LOGIN || visit->has_asked || !visit->has_signed) {
		lade_visit_kill(visit);
		return;
	}
	visit->has_asked = true;
	visit->module = lade_daemon_config_module(config, request->module);
	visit->known = request->known;
	memcpy(visit->fingerprint, request->fingerprint, sizeof(visit->fingerprint));
	if (request->known) {
		error = lade_authorized_keys_find(config->authorized_keys, request->fingerprint, name, &fault);
		authorized = error == 0;
		if (error && error != LADE_E_ABSENT)
			lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
	}
	switch (visit->module ? lade_admit(visit->module, (const struct sockaddr *)&visit->address, request, authorized ? name : NULL,
					   visit->identity, sizeof(visit->identity)) : LADE_DENIED) {
	case LADE_DENIED:
		visit->hopeless = may_be_guessing(config, request);
		if (visit->hopeless)
			want_checker(monitor, visit);
		else
			deny_module(monitor, visit, request);
		break;
	case LADE_ADMITTED:
		let_in(monitor, visit);
		break;
	case LADE_ADMITTED_BY_SECRET:
		want_checker(monitor, visit);
		break;
	}
}

/* The process that looks at one password. It gets it through its channel: what was in memory is not there any more. */
static int check_secret(const struct visit *visit, int channel)
{
	struct lade_channel_message *message = lade_locked_memory_new(sizeof(*message), false);
	int error;

	if (!message || lade_channel_receive(channel, message, NULL) || message->type != LADE_CHANNEL_ASK)
		return LADE_EXIT_IPC;
	error = lade_credentials_verify(visit->shared->config->tokens, message->ask.user, message->ask.secret, message->ask.secret_len, NULL);
	lade_locked_memory_free(message, sizeof(*message));
	return error ? LADE_EXIT_AUTH : 0;
}

/* Fork a checker and tell it the secret. */
static void start_checker(struct monitor *monitor, struct visit *visit)
{
	struct lade_fault fault;
	int ends[2];
	pid_t pid;

	if (lade_channel_pair(ends, &fault) == 0) {
		pid = fork();
		if (pid == 0) {
			int *keep[] = { &ends[1] };

			lade_monitor_become_child(keep, 1);
			_exit(check_secret(visit, ends[1]));
		}
		if (pid > 0) {
			visit->helper = pid;
			(void)lade_channel_send(ends[0], visit->secret, NULL);
		} else {
			lade_fault_set(&fault, LADE_E_SYSTEM, "fork", NULL);
		}
		close(ends[0]);
		close(ends[1]);
	}
	lade_locked_memory_free(visit->secret, sizeof(*visit->secret));
	visit->secret = NULL;
	if (visit->helper) {
		visit->checking = true;
		monitor->checkers++;
		return;
	}
	lade_daemon_log_fault(monitor->log, LOG_ERR, &fault);
	deny(monitor, visit, LADE_REFUSAL_SYSTEM, LADE_EXIT_IPC, "the server cannot look at the password now");
}

void lade_monitor_start_checkers(struct monitor *monitor)
{
	while (monitor->checkers < LADE_CHECKERS_MAX) {
		struct visit *next = NULL;

		for (unsigned i = 0; i < monitor->visit_used; i++) {
			struct visit *visit = &monitor->visits[i];

			if (visit->stage == VISIT_CHECK && visit->secret && visit->pid && (!next || visit->number < next->number))
				next = visit;
		}
		if (!next)
			return;
		start_checker(monitor, next);
	}
}

void lade_monitor_checked(struct monitor *monitor, struct visit *visit, int how)
{
	monitor->checkers--;
	visit->checking = false;
	if (!visit->pid || visit->channel < 0)
		return;
	visit->stage = VISIT_LOGIN;
	if (!visit->hopeless && WIFEXITED(how) && WEXITSTATUS(how) == 0)
		let_in(monitor, visit);
	else
		deny(monitor, visit, LADE_REFUSAL_SECRET, LADE_EXIT_AUTH,
		     "the user or the password (or token) is wrong, or the module is not for this user");
}

/* ---- another connection of a session ---- */

/* The session that somebody comes for, if he shows the same key as its client, and not too many wait there already. */
static struct visit *find_session(struct monitor *monitor, const struct lade_channel_join *join)
{
	for (unsigned i = 0; i < monitor->visit_used; i++) {
		struct visit *visit = &monitor->visits[i];

		if (visit->stage == VISIT_SESSION && visit->number == join->session && visit->pid && visit->channel >= 0 && !visit->refused &&
		    visit->joining < LADE_JOINING_MAX && !visit->known == !join->known &&
		    (!join->known || memcmp(visit->fingerprint, join->fingerprint, sizeof(visit->fingerprint)) == 0))
			return visit;
	}
	return NULL;
}

/* [join] Whether it is the session's own client the worker finds out. */
static void join(struct monitor *monitor, struct visit *visit)
{
	struct lade_channel_message reply = { .type = LADE_CHANNEL_VERDICT };
	const struct lade_channel_join *request = &monitor->message->join;

	if (visit->stage != VISIT_LOGIN || visit->has_asked || !visit->has_signed) {
		lade_visit_kill(visit);
		return;
	}
	visit->has_asked = true;
	if (!request->session || !find_session(monitor, request)) {
		deny(monitor, visit, LADE_REFUSAL_MODULE, LADE_EXIT_SELECT, "there is no such session of yours");
	} else {
		visit->join = *request;
		answer(visit, &reply);
	}
}

/* Give the connection to the worker of its session. The visit ends with its greeter. */
static void pass_on(struct monitor *monitor, struct visit *visit)
{
	struct visit *session = find_session(monitor, &visit->join);
	struct lade_channel_message *message = monitor->message;

	/* The handover is in it already. */
	message->type = LADE_CHANNEL_JOINING;
	message->joining.join = visit->join;
	if (session && lade_channel_send_with(session->channel, message, visit->fd, NULL) == 0)
		session->joining++;
	sodium_memzero(message, sizeof(*message));
	visit->join.session = 0;
	close(visit->fd);
	visit->fd = -1;
}

/* Its next words are the worker's: what it says behind this, nobody hears. */
static void take_over(struct monitor *monitor, struct visit *visit)
{
	if (visit->join.session && visit->stage == VISIT_LOGIN) {
		pass_on(monitor, visit);
		return;
	}
	/* In other stages there may be a secret, which somebody waits for. */
	if (visit->stage == VISIT_LOGIN && visit->admitted)
		visit->secret = lade_locked_memory_new(sizeof(*visit->secret), false);
	if (visit->stage != VISIT_LOGIN || !visit->secret) {
		lade_visit_kill(visit);
		return;
	}
	*visit->secret = *monitor->message;
	lade_monitor_begin_session(monitor, visit);
}

void lade_monitor_hear_greeter(struct monitor *monitor, struct visit *visit)
{
	/* What it had said behind the words, or the time, that were its end gets it no session. */
	if (visit->killed)
		return;
	switch (monitor->message->type) {
	case LADE_CHANNEL_SIGN:
		sign(monitor, visit);
		break;
	case LADE_CHANNEL_ASK:
		ask(monitor, visit);
		break;
	case LADE_CHANNEL_JOIN:
		join(monitor, visit);
		break;
	case LADE_CHANNEL_HANDOVER:
		take_over(monitor, visit);
		break;
	case LADE_CHANNEL_COMPLAINT:
		lade_visit_complain(monitor, visit, LOG_INFO, "login");
		break;
	default:
		lade_visit_kill(visit);
		break;
	}
}
