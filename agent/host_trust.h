/*
 * Whether a daemon is the one that the user means: by what is known of its key, by an authority, or because he says so.
 */
#ifndef LADE_AGENT_HOST_TRUST_H
#define LADE_AGENT_HOST_TRUST_H

#include <stdbool.h>

#include "agent/complaint.h"
#include "transport/tls.h"

/* Whom the user named, and what he said about trust. All is borrowed. */
struct lade_host_claim {
	const char *host, *port;
	const char *address;  /* what the name became, for him to read */
	bool by_authority;    /* --ca: the certificate has to be trusted, and nobody is asked */
	bool accept_new;      /* --accept-new-host */
};

/*
 * Judge peer. Returns 0: it is the one; LADE_E_AGAIN: it is now, as the user said after a while: the connection is to be made again; or LADE_E_USAGE with the complaint: it is
 * not, or that cannot be known. What becomes known is remembered.
 */
int lade_host_trust(const struct lade_host_claim *claim, const struct lade_tls_peer *peer, struct lade_complaint *complaint);

#endif
