/*
 * Endpoints: what a source or destination on the command line names.
 *
 *   host:path  user@host:path  [IPv6]:path    over a remote shell
 *   :path                                   on the host that the argument before named
 *   lade+tcp://HOST:PORT/path               a `lade serve --listen`; the path is absolute
 *   lade://[USER@]HOST[:PORT]/MODULE/path   a module of a `lade daemon`; the path is below it. Without MODULE: the daemon itself
 *   anything else                           local; so is what has a slash before its first colon
 */
#ifndef LADE_AGENT_ENDPOINT_H
#define LADE_AGENT_ENDPOINT_H

#include <stdbool.h>

#include "agent/complaint.h"

enum lade_endpoint_kind {
	LADE_ENDPOINT_LOCAL,
	LADE_ENDPOINT_SSH,
	LADE_ENDPOINT_TCP,
	LADE_ENDPOINT_DAEMON,
};

/* The caller's storage; the strings belong to it. Start with zeros. */
struct lade_endpoint {
	enum lade_endpoint_kind kind;
	char *user; /* SSH, DAEMON: NULL if none was named */
	char *host; /* without brackets; "" for `:path` of SSH */
	char *port; /* TCP, DAEMON: NULL if none was named */
	char *module; /* DAEMON: "" if none was named */
	char *path; /* never empty; "./" (the home directory) for `host:`, "/" for a module */
};

/* Parse argument. Returns 0, LADE_E_USAGE or LADE_E_MEMORY, both with the complaint filled. */
int lade_endpoint_parse(struct lade_endpoint *endpoint, const char *argument,
			struct lade_complaint *complaint);

/* Free the strings; the endpoint is zeros again. */
void lade_endpoint_fini(struct lade_endpoint *endpoint);

/*
 * True if both are reached in the same way: kind, user, host, port and module. `:path` is as whatever is
 * remote.
 */
bool lade_endpoint_same_host(const struct lade_endpoint *first, const struct lade_endpoint *other);

#endif
