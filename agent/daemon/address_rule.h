/*
 * hosts allow, hosts deny: addresses and networks, never names: what a resolver says about an address is its owner's word.
 */
#ifndef LADE_AGENT_DAEMON_ADDRESS_RULE_H
#define LADE_AGENT_DAEMON_ADDRESS_RULE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "protocol/error.h"

/* A network: the first bits of an address. What IPv6 writes for an IPv4 address (::ffff:0:0/96) is one of IPv4 here. */
struct lade_address_rule {
	int family;          /* AF_INET, AF_INET6; AF_UNSPEC: every address of both */
	uint8_t address[16]; /* of IPv4 the first 4; zeros behind the network's bits */
	unsigned bits;
};

/* A list of them; all zeros when empty. */
struct lade_address_rules {
	struct lade_address_rule *rules; /* count */
	unsigned count;
};

/*
 * Add one, text: "192.0.2.1", "192.0.2.0/24", "192.0.2.0/255.255.255.0", "2001:db8::/32" or "*". Returns 0; LADE_E_USAGE with *why_out (static
 * text), also where a bit behind the network is set: then a digit is wrong somewhere; LADE_E_MEMORY.
 */
int lade_address_rules_add(struct lade_address_rules *rules, const char *text, const char **why_out);

/* True if one of them has the address. An IPv4 address that came through IPv6 is an IPv4 address. */
bool lade_address_rules_have(const struct lade_address_rules *rules, const struct sockaddr *address);

/*
 * As in rsyncd.conf(5): an address is let in if allow has it; else if deny has it, it is not; else only if there is no allow, or there are both.
 * What is no address of IPv4 or IPv6 is never let in where there are rules.
 */
bool lade_address_rules_admit(const struct lade_address_rules *allow, const struct lade_address_rules *deny, const struct sockaddr *address);

/* Free the rules; none are left. */
void lade_address_rules_fini(struct lade_address_rules *rules);

#endif
