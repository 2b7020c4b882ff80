/* hosts allow and hosts deny: what is a network, and who is in it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <cmocka.h>

#include "agent/daemon/address_rule.h"

/* Any socket address; of its members one is in use. */
union address {
	struct sockaddr any;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct sockaddr_un local;
};

static void parse_address(const char *text, union address *out)
{
	memset(out, 0, sizeof(*out));
	out->any.sa_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(out->any.sa_family, text, out->any.sa_family == AF_INET ? (void *)&out->four.sin_addr : &out->six.sin6_addr) != 1)
		abort();
}

/* Rules of texts parted by blanks. */
static struct lade_address_rules parse_rules(const char *texts)
{
	struct lade_address_rules rules = { 0 };
	char *copy = strdup(texts), *at = copy, *text;
	const char *why;

	while ((text = strsep(&at, " ")))
		if (*text && lade_address_rules_add(&rules, text, &why))
			fail_msg("'%s' is refused: %s", text, why);
	free(copy);
	return rules;
}

static void test_networks(void **state)
{
	static const struct {
		const char *rule, *address;
		bool within;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true }, { "192.0.2.1", "192.0.2.2", false }, { "192.0.2.1/32", "192.0.2.1", true },
		{ "192.0.2.0/24", "192.0.2.255", true }, { "192.0.2.0/24", "192.0.3.0", false }, { "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true }, { "10.64.0.0/10", "10.127.255.255", true }, { "10.64.0.0/10", "10.128.0.0", false },
		{ "192.0.2.0/255.255.255.0", "192.0.2.9", true }, { "192.0.2.0/255.255.255.0", "192.0.3.9", false },
		{ "0.0.0.0/0", "203.0.113.7", true }, { "0.0.0.0/0.0.0.0", "203.0.113.7", true }, { "0.0.0.0/0", "2001:db8::1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true }, { "2001:db8::/32", "2001:db9::", false }, { "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1", "2001:db8::2", false }, { "fe80::/10", "febf::1", true }, { "fe80::/10", "fec0::1", false },
		{ "::/0", "2001:db8::1", true }, { "::/0", "192.0.2.1", false }, { "*", "192.0.2.1", true }, { "*", "2001:db8::1", true },
		/* IPv4 through IPv6 is IPv4, on both sides. */
		{ "192.0.2.0/24", "::ffff:192.0.2.9", true }, { "192.0.2.0/24", "::ffff:192.0.3.9", false }, { "::/0", "::ffff:192.0.2.9", false },
		{ "::ffff:192.0.2.0/120", "192.0.2.9", true }, { "::ffff:192.0.2.0/120", "192.0.3.9", false }, { "::ffff:0:0/96", "192.0.2.9", true },
		{ "::192.0.2.9", "192.0.2.9", false }, { "0.0.0.0/0", "::ffff:1.2.3.4", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_address_rules rules = parse_rules(cases[i].rule);
		union address address;

		parse_address(cases[i].address, &address);
		if (lade_address_rules_have(&rules, &address.any) != cases[i].within)
			fail_msg("%s in %s", cases[i].address, cases[i].rule);
		lade_address_rules_fini(&rules);
		assert_int_equal(rules.count, 0);
	}
}

static void test_no_networks(void **state)
{
	static const char *const texts[] = {
		"", "/", "/8", "localhost", "example.org", "192.0.2", "192.0.2.256", "192.0.2.1.1", "192.0.2.01", "192.0.2.0/", "192.0.2.0/33",
		"192.0.2.0/-1", "192.0.2.0/+8", "192.0.2.0/024", "192.0.2.0/24/24", "192.0.2.0/24 ", " 192.0.2.0", "192.0.2.0/255.0.255.0", "192.0.2.0/255.255.255",
		"192.0.2.1/24", "192.0.2.1/255.255.255.0", "0.0.0.1/0", "2001:db8::1/32", "2001:db8::/129", "2001:db8::/ffff::", "2001:db8::/255.255.255.0",
		"2001:db8::%eth0", "fe80::1%1", "[2001:db8::1]", ":::", "2001:db8", "**", "*.1", "192.0.2.*", "::ffff:192.0.2.1/96",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd", "0x7f.0.0.1", "2130706433",
	};
	struct lade_address_rules rules = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *why = NULL;

		if (lade_address_rules_add(&rules, texts[i], &why) != LADE_E_USAGE || !why)
			fail_msg("'%s' is taken for a network", texts[i]);
	}
	assert_int_equal(rules.count, 0);
}

static void test_admission(void **state)
{
	static const struct {
		const char *allow, *deny, *address;
		bool in;
	} cases[] = {
		{ "", "", "192.0.2.1", true },
		{ "192.0.2.0/24", "", "192.0.2.1", true }, { "192.0.2.0/24", "", "198.51.100.1", false },
		{ "", "192.0.2.0/24", "192.0.2.1", false }, { "", "192.0.2.0/24", "198.51.100.1", true },
		/* Both: allow first, then deny, and who is in neither is let in. */
		{ "192.0.2.1", "192.0.2.0/24", "192.0.2.1", true }, { "192.0.2.1", "192.0.2.0/24", "192.0.2.2", false },
		{ "192.0.2.1", "192.0.2.0/24", "198.51.100.1", true }, { "192.0.2.1", "*", "198.51.100.1", false },
		{ "10.0.0.0/8 2001:db8::/32", "*", "2001:db8::5", true }, { "10.0.0.0/8 2001:db8::/32", "*", "::ffff:10.1.1.1", true },
		{ "", "*", "2001:db8::5", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_address_rules allow = parse_rules(cases[i].allow), deny = parse_rules(cases[i].deny);
		union address address;

		parse_address(cases[i].address, &address);
		if (lade_address_rules_admit(&allow, &deny, &address.any) != cases[i].in)
			fail_msg("%s with allow '%s', deny '%s'", cases[i].address, cases[i].allow, cases[i].deny);
		lade_address_rules_fini(&allow);
		lade_address_rules_fini(&deny);
	}
}

/* Nobody is let in by being of no family that rules know. */
static void test_other_families(void **state)
{
	const union address local = { .local = { .sun_family = AF_UNIX } };
	struct lade_address_rules none = { 0 }, deny = parse_rules("192.0.2.0/24"), all = parse_rules("*");

	(void)state;
	assert_true(lade_address_rules_admit(&none, &none, &local.any));
	assert_false(lade_address_rules_admit(&none, &deny, &local.any));
	assert_false(lade_address_rules_admit(&all, &none, &local.any));
	assert_false(lade_address_rules_have(&all, &local.any));
	lade_address_rules_fini(&deny);
	lade_address_rules_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_no_networks),
		cmocka_unit_test(test_admission),
		cmocka_unit_test(test_other_families),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
