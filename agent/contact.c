/*
 * Making contact. Nothing is said of us, not even in the handshake, before the other side is known to be the right one.
 */
#include "agent/contact.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/host_trust.h"
#include "agent/key.h"
#include "agent/sync/sync.h"
#include "agent/user_directory.h"

/* A user's own key, and the certificate for it, if there is one. */
struct own_key {
	struct lade_key *key;         /* or NULL: there is no place for one */
	struct lade_tls_signer signer;
	char certificate[PATH_MAX];   /* "": there is none */
};

/*
 * The usual one. Whoever has no home, or one that cannot be written to, has none: he is nobody in particular, which many a daemon minds and some do
 * not. A key that is there and cannot be read is another matter.
 */
static int load_usual(struct own_key *own_out, struct lade_fault *fault)
{
	char file[PATH_MAX];
	int error;

	if (lade_user_directory_config("key", file, NULL))
		return 0;
	error = lade_key_obtain(file, &own_out->key, NULL, fault);
	if (error == LADE_E_SYSTEM && access(file, F_OK) &&
	    (fault->sys_errno == EROFS || fault->sys_errno == EACCES || fault->sys_errno == ENOENT || fault->sys_errno == ENOTDIR))
		return 0;
	if (!error && (lade_user_directory_config("certificate.pem", own_out->certificate, NULL) || access(own_out->certificate, F_OK)))
		own_out->certificate[0] = '\0';
	return error;
}

/* The certificate beside a key that was asked for: FILE.pem. */
static void find_named_certificate(const char *file, struct own_key *own)
{
	int len = snprintf(own->certificate, sizeof(own->certificate), "%s.pem", file);

	if (len < 0 || (size_t)len >= sizeof(own->certificate) || access(own->certificate, F_OK))
		own->certificate[0] = '\0';
}

/* Returns 0 or as lade_key_load(); nothing has to be freed then. */
static int load_key(const struct lade_contact *contact, struct own_key *own_out, struct lade_fault *fault)
{
	int error;

	memset(own_out, 0, sizeof(*own_out));
	error = contact->key_file ? lade_key_load(contact->key_file, &own_out->key, fault) : load_usual(own_out, fault);
	if (!error && contact->key_file)
		find_named_certificate(contact->key_file, own_out);
	if (!error && own_out->key)
		lade_key_signer(own_out->key, &own_out->signer);
	return error;
}

static int call(const struct lade_contact *contact, struct lade_connection *connection_out, struct lade_complaint *complaint)
{
	struct lade_fault fault;
	int error = lade_connection_dial(connection_out, &contact->dial, &fault);

	if (error == LADE_E_TIMEOUT)
		return lade_complain(complaint, LADE_EXIT_CONTIMEOUT, "connect to \"%s\": nobody answered in the time of --contimeout",
				     fault.subject);
	return error ? lade_complain_fault(complaint, LADE_EXIT_SOCKET, &fault) : 0;
}

/* The exit status of a handshake that failed. */
static int status_of(const struct lade_fault *fault)
{
	switch (fault->code) {
	case LADE_E_STRANGER:
		return LADE_EXIT_VERSION;
	case LADE_E_AUTH:
	case LADE_E_REFUSED:
		return LADE_EXIT_AUTH;
	case LADE_E_TIMEOUT:
		return LADE_EXIT_CONTIMEOUT;
	case LADE_E_MEMORY:
		return LADE_EXIT_MEMORY;
	default:
		return LADE_EXIT_SOCKET;
	}
}

/* Whether the other side is the right one, as judges of handshakes say it. */
typedef int host_judge(void *context, const struct lade_tls_peer *server, struct lade_fault *fault);

/* The handshake, with the key that we have. */
static int shake(const struct lade_contact *contact, const struct own_key *own, host_judge *judge, void *judge_context,
		 struct lade_connection *connection, struct lade_tls_state *state_out, struct lade_tls_peer *peer_out,
		 struct lade_fault *fault)
{
	const struct lade_tls_setup setup = {
		.ca_file = contact->ca_file,
		.host = contact->dial.host,
		.timeout_ms = contact->dial.timeout_ms ? contact->dial.timeout_ms : LADE_HANDSHAKE_TIMEOUT_MS,
		.signer = own->key ? &own->signer : NULL,
		.certificate_file = *own->certificate ? own->certificate : NULL,
		.judge = judge,
		.judge_context = judge_context,
	};

	return lade_tls_handshake(connection->in_fd, &setup, connection->peer, state_out, peer_out, fault);
}

/* Of whom the user has to be asked, perhaps. */
struct first_contact {
	struct lade_host_claim claim;
	struct lade_complaint *complaint;
	int judgement; /* as lade_host_trust() has it */
};

static int judge_host(void *context, const struct lade_tls_peer *server, struct lade_fault *fault)
{
	struct first_contact *first = context;

	(void)fault;
	first->judgement = lade_host_trust(&first->claim, server, first->complaint);
	return first->judgement;
}

/* LADE_E_AGAIN as lade_host_trust() has it. */
static int shake_hands(const struct lade_contact *contact, struct first_contact *first, struct lade_connection *connection,
		       struct lade_tls_state *state_out, struct lade_tls_peer *peer_out)
{
	struct lade_complaint *complaint = first->complaint;
	struct own_key own;
	struct lade_fault fault;
	int error = load_key(contact, &own, &fault);

	if (error)
		return lade_complain_fault(complaint, error == LADE_E_REFUSED ? LADE_EXIT_AUTH : LADE_EXIT_FILE, &fault);
	error = shake(contact, &own, judge_host, first, connection, state_out, peer_out, &fault);
	lade_key_free(own.key);
	if (first->judgement)
		return first->judgement;
	if (error == LADE_E_TIMEOUT)
		return lade_complain(complaint, LADE_EXIT_CONTIMEOUT, "%s \"%s\": it did not answer in time", fault.operation, fault.subject);
	return error ? lade_complain_fault(complaint, status_of(&fault), &fault) : 0;
}

/* The address that was reached, or "". */
static void show_address(int fd, char out[LADE_ADDRESS_HOST_SIZE])
{
	struct sockaddr_storage address = { 0 };
	char port[LADE_ADDRESS_PORT_SIZE];
	socklen_t len = sizeof(address);

	(void)getpeername(fd, (struct sockaddr *)&address, &len);
	(void)lade_address_numbers(&address, out, port);
}

/* Once: LADE_E_AGAIN as lade_host_trust() has it. */
static int make(const struct lade_contact *contact, struct lade_connection *connection, struct lade_contact_peer *peer_out,
		struct lade_complaint *complaint)
{
	struct lade_tls_state state;
	struct lade_tls_peer peer;
	struct lade_fault fault;
	struct first_contact first = {
		.claim = {
			.host = contact->dial.host, .port = contact->dial.port,
			.address = *peer_out->address ? peer_out->address : "unknown address",
			.by_authority = contact->ca_file, .accept_new = contact->accept_new,
		},
		.complaint = complaint,
	};
	int error = shake_hands(contact, &first, connection, &state, &peer);

	if (error)
		return error;
	if (lade_connection_secure(connection, &state, true, LADE_SECURE_KERNEL, &fault))
		error = lade_complain_fault(complaint, LADE_EXIT_SOCKET, &fault);
	memcpy(peer_out->exporter, peer.exporter, sizeof(peer_out->exporter));
	memcpy(peer_out->fingerprint, peer.fingerprint, sizeof(peer_out->fingerprint));
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(&peer, sizeof(peer));
	return error;
}

int lade_contact_make(const struct lade_contact *contact, struct lade_connection *connection_out, struct lade_contact_peer *peer_out,
		      struct lade_complaint *complaint)
{
	bool again = false;

	for (;;) {
		int error = call(contact, connection_out, complaint);

		if (error)
			return error;
		show_address(connection_out->in_fd, peer_out->address);
		error = make(contact, connection_out, peer_out, complaint);
		if (!error)
			return 0;
		lade_connection_close(connection_out);
		if (error != LADE_E_AGAIN)
			return error;
		/* Who has to compare a key takes longer than a daemon waits for somebody to say who he is. Once: the host is known now. */
		if (again)
			return lade_complain(complaint, LADE_EXIT_AUTH, "host %s shows another key with each connection", contact->dial.host);
		again = true;
	}
}

int lade_contact_dial_again(const struct lade_contact *contact, const struct lade_contact_peer *peer, const int *cancel_fd,
			    struct lade_connection *connection_out, struct lade_fault *fault)
{
	struct lade_dial dial = contact->dial;

	/* A name may stand for several hosts; the session is at one of them. */
	if (*peer->address)
		dial.host = peer->address;
	dial.cancel_fd = cancel_fd;
	if (!dial.timeout_ms)
		dial.timeout_ms = LADE_HANDSHAKE_TIMEOUT_MS;
	return lade_connection_dial(connection_out, &dial, fault);
}

/* The same host as before. */
static int judge_again(void *context, const struct lade_tls_peer *server, struct lade_fault *fault)
{
	const struct lade_contact_peer *peer = context;

	if (memcmp(server->fingerprint, peer->fingerprint, sizeof(peer->fingerprint)) == 0)
		return 0;
	return lade_fault_set(fault, LADE_E_AUTH, "find the same host key in another connection to", peer->address);
}

int lade_contact_shake_again(const struct lade_contact *contact, const struct lade_contact_peer *peer, struct lade_connection *connection,
			     uint8_t exporter_out[LADE_TLS_EXPORTER_LEN], struct lade_fault *fault)
{
	struct lade_tls_state state;
	struct lade_tls_peer again;
	struct own_key own;
	int error = load_key(contact, &own, fault);

	if (error)
		return error;
	error = shake(contact, &own, judge_again, (void *)peer, connection, &state, &again, fault);
	lade_key_free(own.key);
	if (error)
		return error;
	error = lade_connection_secure(connection, &state, true, LADE_SECURE_KERNEL, fault);
	memcpy(exporter_out, again.exporter, LADE_TLS_EXPORTER_LEN);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(&again, sizeof(again));
	return error;
}
