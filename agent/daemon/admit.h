/*
 * Who may use a module: the rules of its configuration against what a peer has proved. What is not allowed is denied, and so is what
 * cannot be found out.
 */
#ifndef LADE_AGENT_DAEMON_ADMIT_H
#define LADE_AGENT_DAEMON_ADMIT_H

#include <stddef.h>
#include <sys/socket.h>

#include "agent/daemon/channel.h"
#include "agent/daemon/config.h"

enum lade_admission {
	LADE_DENIED,
	LADE_ADMITTED,
	LADE_ADMITTED_BY_SECRET, /* if the secret is the user's */
};

/*
 * Judge a peer that asks for module. authorized: the name of his key in authorized_keys, or NULL: it is not there. identity_out gets
 * who he is, in words, if he is not denied.
 */
enum lade_admission lade_admit(const struct lade_module *module, const struct sockaddr *address, const struct lade_channel_ask *ask,
			       const char *authorized, char *identity_out, size_t size);

#endif
