/*
 * Contact with a daemon: a connection with TLS, to one who was found to be the right one.
 */
#ifndef LADE_AGENT_CONTACT_H
#define LADE_AGENT_CONTACT_H

#include <stdbool.h>

#include "agent/complaint.h"
#include "transport/address.h"
#include "transport/dial.h"
#include "transport/tls.h"

/* Whom to reach, and how. All is borrowed. */
struct lade_contact {
	struct lade_dial dial;  /* host and port are set */
	const char *key_file;   /* our key; NULL: that of the user, which is made if he has none */
	const char *ca_file;    /* whom to trust; NULL: who is known */
	bool accept_new;        /* take the key of a host of which none is known */
};

/* Who was reached. */
struct lade_contact_peer {
	uint8_t exporter[LADE_TLS_EXPORTER_LEN];       /* of the connection */
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN]; /* of the host's key */
	char address[LADE_ADDRESS_HOST_SIZE];          /* a number; "": it is not known */
};

/*
 * Make it. Returns 0, the connection being the caller's to close, and who is at its other end; or a negative code with the complaint filled.
 * The user may be asked about the host. Before there are threads.
 */
int lade_contact_make(const struct lade_contact *contact, struct lade_connection *connection_out, struct lade_contact_peer *peer_out,
		      struct lade_complaint *complaint);

/*
 * Connect to the same address once more, in the middle of a session; for who makes a handshake then, lade_contact_shake_again(). cancel_fd as in struct
 * lade_dial. Returns as lade_connection_dial().
 */
int lade_contact_dial_again(const struct lade_contact *contact, const struct lade_contact_peer *peer, const int *cancel_fd,
			    struct lade_connection *connection_out, struct lade_fault *fault);

/*
 * The handshake: nobody is asked, and the host has to show the same key, else LADE_E_AUTH; or as lade_key_load(). The connection stays the
 * caller's. Any thread.
 */
int lade_contact_shake_again(const struct lade_contact *contact, const struct lade_contact_peer *peer, struct lade_connection *connection,
			     uint8_t exporter_out[LADE_TLS_EXPORTER_LEN], struct lade_fault *fault);

#endif
