/*
 * Networks as administrators write them. Pure memory: nothing is looked up, so that no name service has a say in who is let in.
 */
#include "agent/daemon/address_rule.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/quantity.h"

#define MAPPED_LEN 12u /* bytes before the IPv4 address in ::ffff:192.0.2.1 */

static unsigned bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

/* True if what is behind the first bits of the address is all zeros. */
static bool ends_in_zeros(const struct lade_address_rule *rule)
{
	for (unsigned bit = rule->bits; bit < bits_of(rule->family); bit++)
		if (rule->address[bit / 8] & (0x80u >> bit % 8))
			return false;
	return true;
}

/* An IPv4 network in the clothes of IPv6 becomes one of IPv4. */
static void unmap(struct lade_address_rule *rule)
{
	static const uint8_t mapped[MAPPED_LEN] = { [10] = 0xff, [11] = 0xff };

	if (rule->family != AF_INET6 || rule->bits < 8 * MAPPED_LEN || memcmp(rule->address, mapped, MAPPED_LEN) != 0)
		return;
	rule->family = AF_INET;
	rule->bits -= 8 * MAPPED_LEN;
	memcpy(rule->address, rule->address + MAPPED_LEN, 4);
	memset(rule->address + 4, 0, sizeof(rule->address) - 4);
}

/* The bits of an IPv4 netmask ("255.255.255.0"), which has ones only before zeros. */
static bool take_netmask(const char *text, unsigned *bits_out)
{
	struct in_addr binary;
	uint32_t mask, zeros;

	if (inet_pton(AF_INET, text, &binary) != 1)
		return false;
	mask = ntohl(binary.s_addr);
	zeros = ~mask;
	if (zeros & (zeros + 1))
		return false;
	*bits_out = 0;
	for (; mask; mask <<= 1)
		(*bits_out)++;
	return true;
}

/* What is behind the slash, text. */
static bool take_bits(struct lade_address_rule *rule, const char *text)
{
	uint64_t bits;

	if (rule->family == AF_INET && strchr(text, '.'))
		return take_netmask(text, &rule->bits);
	if ((text[0] == '0' && text[1]) || lade_quantity_number(text, bits_of(rule->family), &bits))
		return false;
	rule->bits = (unsigned)bits;
	return true;
}

/* Returns why text is no rule, or NULL. */
static const char *parse(const char *text, struct lade_address_rule *rule_out)
{
	const size_t len = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN];

	memset(rule_out, 0, sizeof(*rule_out));
	rule_out->family = AF_UNSPEC;
	if (strcmp(text, "*") == 0)
		return NULL;
	if (len >= sizeof(address))
		return "it is too long for an address";
	memcpy(address, text, len);
	address[len] = '\0';
	rule_out->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	rule_out->bits = bits_of(rule_out->family);
	if (inet_pton(rule_out->family, address, rule_out->address) != 1)
		return "it is no address; names of hosts are not taken, 192.0.2.1, 192.0.2.0/24, 2001:db8::/32 and * are";
	if (text[len] && !take_bits(rule_out, text + len + 1))
		return rule_out->family == AF_INET ? "behind the slash belongs a number of bits up to 32, or a netmask"
						   : "behind the slash belongs a number of bits up to 128";
	if (!ends_in_zeros(rule_out))
		return "the address has more bits than the network; they would have to be zeros";
	unmap(rule_out);
	return NULL;
}

int lade_address_rules_add(struct lade_address_rules *rules, const char *text, const char **why_out)
{
	struct lade_address_rule rule, *grown;

	*why_out = parse(text, &rule);
	if (*why_out)
		return LADE_E_USAGE;
	grown = realloc(rules->rules, (rules->count + 1) * sizeof(*grown));
	if (!grown)
		return LADE_E_MEMORY;
	rules->rules = grown;
	rules->rules[rules->count++] = rule;
	return 0;
}

/* The address alone, as a network of one. False: it is of neither family. */
static bool take_address(const struct sockaddr *address, struct lade_address_rule *rule_out)
{
	memset(rule_out, 0, sizeof(*rule_out));
	rule_out->family = address->sa_family;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;

		memcpy(&four, address, sizeof(four));
		memcpy(rule_out->address, &four.sin_addr, sizeof(four.sin_addr));
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;

		memcpy(&six, address, sizeof(six));
		memcpy(rule_out->address, &six.sin6_addr, sizeof(six.sin6_addr));
	} else {
		return false;
	}
	rule_out->bits = bits_of(rule_out->family);
	unmap(rule_out);
	return true;
}

static bool is_within(const struct lade_address_rule *network, const struct lade_address_rule *address)
{
	const unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (network->family == AF_UNSPEC)
		return true;
	if (network->family != address->family || memcmp(network->address, address->address, whole) != 0)
		return false;
	return rest == 0 || (network->address[whole] ^ address->address[whole]) >> (8 - rest) == 0;
}

bool lade_address_rules_have(const struct lade_address_rules *rules, const struct sockaddr *address)
{
	struct lade_address_rule one;

	if (!take_address(address, &one))
		return false;
	for (unsigned i = 0; i < rules->count; i++)
		if (is_within(&rules->rules[i], &one))
			return true;
	return false;
}

bool lade_address_rules_admit(const struct lade_address_rules *allow, const struct lade_address_rules *deny, const struct sockaddr *address)
{
	struct lade_address_rule one;

	if (!allow->count && !deny->count)
		return true;
	if (!take_address(address, &one))
		return false;
	if (lade_address_rules_have(allow, address))
		return true;
	if (lade_address_rules_have(deny, address))
		return false;
	return !allow->count || deny->count;
}

void lade_address_rules_fini(struct lade_address_rules *rules)
{
	free(rules->rules);
	*rules = (struct lade_address_rules){ 0 };
}
