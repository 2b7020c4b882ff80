/*
 * The greeter: the process that speaks to a stranger, until it is known who he is. It has no rights: another user (if the daemon was
 * started by root), no files, no key.
 */
#ifndef LADE_AGENT_DAEMON_GREETER_H
#define LADE_AGENT_DAEMON_GREETER_H

#include <stddef.h>
#include <stdint.h>

#include "transport/tls.h"

struct monitor;
struct visit;

/* A lade_tls_signer's sign that asks the monitor: context is the greeter's channel to it, an int. */
int lade_greeter_sign(void *context, const uint8_t *data, size_t len, uint8_t signature_out[LADE_TLS_SIGNATURE_LEN]);

/* In the forked process: make the handshake, hear what the peer wants, ask the monitor, hand over. Returns the exit status. */
int lade_greeter_run(struct monitor *monitor, struct visit *visit);

#endif
