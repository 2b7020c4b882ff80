/*
 * Fuzz target of rules about addresses: 16 bytes of an address, then rules, one a line. Everything is in "*"; a network has the address that it was
 * written with; who is allowed is not denied.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/address_rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The address of a rule is in it. */
static void look_at_rule(const struct lade_address_rule *rule)
{
	const struct lade_address_rules one = { (struct lade_address_rule *)(uintptr_t)rule, 1 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };

	memcpy(&four.sin_addr, rule->address, sizeof(four.sin_addr));
	memcpy(&six.sin6_addr, rule->address, sizeof(six.sin6_addr));
	if (rule->bits > (rule->family == AF_INET ? 32u : rule->family == AF_INET6 ? 128u : 0u))
		abort();
	if (!lade_address_rules_have(&one, rule->family == AF_INET ? (const struct sockaddr *)&four : (const struct sockaddr *)&six))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lade_address_rules rules = { 0 }, none = { 0 };
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
	const struct sockaddr *any = (const struct sockaddr *)&address;
	char *copy, *at, *line;
	const char *why;
	bool within;

	if (size < sizeof(address.sin6_addr))
		return 0;
	memcpy(&address.sin6_addr, data, sizeof(address.sin6_addr));
	copy = strndup((const char *)data + sizeof(address.sin6_addr), size - sizeof(address.sin6_addr));
	if (!copy)
		abort();
	at = copy;
	while ((line = strsep(&at, "\n")))
		if (lade_address_rules_add(&rules, line, &why) == 0)
			look_at_rule(&rules.rules[rules.count - 1]);
	within = lade_address_rules_have(&rules, any);
	if (rules.count && (lade_address_rules_admit(&rules, &none, any) != within || lade_address_rules_admit(&none, &rules, any) == within ||
			    !lade_address_rules_admit(&rules, &rules, any)))
		abort();
	lade_address_rules_fini(&rules);
	free(copy);
	return 0;
}
