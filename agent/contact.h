/*
 * Contact with a daemon: a connection with TLS, to one who was found to be the right one.
 */
#ifndef LADE_AGENT_CONTACT_H
#define LADE_AGENT_CONTACT_H

#include <stdbool.h>

#include "agent/complaint.h"
#include "transport/dial.h"
#include "transport/tls.h"

/* Whom to reach, and how. All is borrowed. */
struct lade_contact {
	struct lade_dial dial;  /* host and port are set */
	const char *key_file;   /* our key; NULL: that of the user, which is made if he has none */
	const char *ca_file;    /* whom to trust; NULL: who is known */
	bool accept_new;        /* take the key of a host of which none is known */
};

/*
 * Make it. Returns 0, the connection being the caller's to close, and the exporter of this connection; or a negative code with the complaint filled.
 * The user may be asked about the host. Before there are threads.
 */
int lade_contact_make(const struct lade_contact *contact, struct lade_connection *connection_out,
		      uint8_t exporter_out[LADE_TLS_EXPORTER_LEN], struct lade_complaint *complaint);

#endif
