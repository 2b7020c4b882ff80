/*
 * hosts allow, hosts deny: addresses and networks, never names: what a resolver says about an address is its owner's word.
 */
#ifndef LADE_AGENT_DAEMON_ADDRESS_RULE_H
#define LADE_AGENT_DAEMON_ADDRESS_RULE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "protocol/error.h"

/* A network: the first bits of an IPv6 address; IPv4 is ::ffff:0:0/96. */
struct lade_address_rule {
	uint8_t address[16];
	unsigned bits;
};

struct lade_address_rules {
	struct lade_address_rule *rules; /* count */
	unsigned count;
};

/* Add one, text: "192.0.2.1", "192.0.2.0/24", "192.0.2.0/255.255.255.0", "2001:db8::/32" or "*". Returns 0, LADE_E_USAGE (a bit behind the network is set, too), LADE_E_MEMORY. */
int lade_address_rules_add(struct lade_address_rules *rules, const char *text);

/* True if one of them has the address. An IPv4 address that came through IPv6 is an IPv4 address. */
bool lade_address_rules_have(const struct lade_address_rules *rules, const struct sockaddr *address);

/* As in rsync: an address is let in if allow has it; else if deny has it, it is not; else only if there is no allow, or there are both. */
bool lade_address_rules_admit(const struct lade_address_rules *allow, const struct lade_address_rules *deny, const struct sockaddr *address);

/* Free the rules; none are left. */
void lade_address_rules_fini(struct lade_address_rules *rules);

#endif
