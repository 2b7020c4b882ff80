/*
 * Who may use a module of a daemon, and whom a connection counts for.
 */
#include "agent/daemon/admit.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/daemon/slots.h"

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage storage;
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	memset(&storage, 0, sizeof(storage));
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(&storage, &v4, sizeof(v4));
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
		memcpy(&storage, &v6, sizeof(v6));
	}
	return storage;
}

/* What somebody gets who asks for a module with those rules. */
struct case_of_auth {
	const char *what;
	struct lade_auth_rule rules[2];
	struct lade_channel_ask ask;
	const char *authorized;
	enum lade_admission wanted;
	const char *identity;
};

#define WORD(text) ((char *)(text))

static const struct case_of_auth cases[] = {
	{ "any, without a key", { { .kind = LADE_AUTH_ANY } }, { .known = 0 }, NULL, LADE_ADMITTED, "anybody" },
	{ "any, with a key", { { .kind = LADE_AUTH_ANY } }, { .known = 1 }, NULL, LADE_ADMITTED, "key" },
	{ "the key", { { .kind = LADE_AUTH_KEY, .fingerprint = { 1 } } }, { .known = 1, .fingerprint = { 1 } }, NULL, LADE_ADMITTED, "key" },
	{ "another key", { { .kind = LADE_AUTH_KEY, .fingerprint = { 1 } } }, { .known = 1, .fingerprint = { 2 } }, NULL, LADE_DENIED, "" },
	{ "a key that was not proved", { { .kind = LADE_AUTH_KEY, .fingerprint = { 1 } } }, { .known = 0, .fingerprint = { 1 } }, NULL, LADE_DENIED, "" },
	{ "an authorized key", { { .kind = LADE_AUTH_AUTHORIZED } }, { .known = 1 }, "alice", LADE_ADMITTED, "alice" },
	{ "no authorized key", { { .kind = LADE_AUTH_AUTHORIZED } }, { .known = 1 }, NULL, LADE_DENIED, "" },
	{ "authorized, of that name", { { .kind = LADE_AUTH_AUTHORIZED, .word = WORD("alice") } }, { .known = 1 }, "alice", LADE_ADMITTED, "alice" },
	{ "authorized, of another name", { { .kind = LADE_AUTH_AUTHORIZED, .word = WORD("bob") } }, { .known = 1 }, "alice", LADE_DENIED, "" },
	{ "a certificate", { { .kind = LADE_AUTH_CERTIFICATE, .word = WORD("host.example") } }, { .known = 1, .trusted = 1, .name = "host.example" }, NULL, LADE_ADMITTED, "host.example" },
	{ "a certificate of nobody", { { .kind = LADE_AUTH_CERTIFICATE, .word = WORD("host.example") } }, { .known = 1, .trusted = 0, .name = "host.example" }, NULL, LADE_DENIED, "" },
	{ "a certificate without name", { { .kind = LADE_AUTH_CERTIFICATE, .word = WORD("") } }, { .known = 1, .trusted = 1 }, NULL, LADE_DENIED, "" },
	{ "a user with a secret", { { .kind = LADE_AUTH_TOKEN, .word = WORD("carol") } }, { .user = "carol" }, NULL, LADE_ADMITTED_BY_SECRET, "carol" },
	{ "any user with a secret", { { .kind = LADE_AUTH_TOKEN, .word = WORD("*") } }, { .user = "dave" }, NULL, LADE_ADMITTED_BY_SECRET, "dave" },
	{ "another user", { { .kind = LADE_AUTH_TOKEN, .word = WORD("carol") } }, { .user = "dave" }, NULL, LADE_DENIED, "" },
	{ "no user", { { .kind = LADE_AUTH_TOKEN, .word = WORD("*") } }, { .user = "" }, NULL, LADE_DENIED, "" },
	{ "a key before a secret", { { .kind = LADE_AUTH_TOKEN, .word = WORD("*") }, { .kind = LADE_AUTH_AUTHORIZED } }, { .known = 1, .user = "x" }, "alice", LADE_ADMITTED, "alice" },
	{ "a secret where the key is none", { { .kind = LADE_AUTH_AUTHORIZED }, { .kind = LADE_AUTH_TOKEN, .word = WORD("x") } }, { .known = 1, .user = "x" }, NULL, LADE_ADMITTED_BY_SECRET, "x" },
};

static void test_rules_decide(void **state)
{
	const struct sockaddr_storage from = address("192.0.2.1");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lade_auth_rule rules[2];
		const struct lade_module module = { .auth = rules, .auth_count = cases[i].rules[1].kind ? 2 : 1 };
		char identity[64] = "";

		memcpy(rules, cases[i].rules, sizeof(rules));
		if (lade_admit(&module, (const struct sockaddr *)&from, &cases[i].ask, cases[i].authorized, identity, sizeof(identity)) != cases[i].wanted)
			fail_msg("%s", cases[i].what);
		assert_string_equal(identity, cases[i].identity);
	}
}

static void test_nobody_without_rules(void **state)
{
	const struct sockaddr_storage from = address("192.0.2.1");
	const struct lade_channel_ask ask = { .known = 1, .trusted = 1, .name = "x", .user = "x" };
	const struct lade_module module = { .auth = NULL };
	char identity[64];

	(void)state;
	assert_int_equal(lade_admit(&module, (const struct sockaddr *)&from, &ask, "x", identity, sizeof(identity)), LADE_DENIED);
}

static void test_addresses_come_first(void **state)
{
	const struct sockaddr_storage there = address("192.0.2.1"), elsewhere = address("198.51.100.1");
	struct lade_auth_rule any = { .kind = LADE_AUTH_ANY };
	struct lade_module module = { .auth = &any, .auth_count = 1 };
	const struct lade_channel_ask ask = { .known = 0 };
	char identity[64];
	const char *why;

	(void)state;
	assert_int_equal(lade_address_rules_add(&module.hosts_allow, "192.0.2.0/24", &why), 0);
	assert_int_equal(lade_admit(&module, (const struct sockaddr *)&there, &ask, NULL, identity, sizeof(identity)), LADE_ADMITTED);
	assert_int_equal(lade_admit(&module, (const struct sockaddr *)&elsewhere, &ask, NULL, identity, sizeof(identity)), LADE_DENIED);
	lade_address_rules_fini(&module.hosts_allow);
}

static bool same(const char *first, const char *other)
{
	const struct sockaddr_storage a = address(first), b = address(other);
	const struct lade_slot_owner one = lade_slot_owner_of((const struct sockaddr *)&a), two = lade_slot_owner_of((const struct sockaddr *)&b);

	return lade_slot_owner_same(&one, &two);
}

static void test_owners_of_slots(void **state)
{
	(void)state;
	assert_true(same("127.0.0.2", "127.0.0.2"));
	assert_false(same("127.0.0.2", "127.0.0.3"));
	assert_true(same("127.0.0.2", "::ffff:127.0.0.2"));
	assert_false(same("::ffff:127.0.0.2", "::ffff:127.0.0.3"));
	assert_true(same("2001:db8::1", "2001:db8::ffff:1"));
	assert_false(same("2001:db8::1", "2001:db8:0:1::1"));
	assert_false(same("::1", "0.0.0.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_decide),
		cmocka_unit_test(test_nobody_without_rules),
		cmocka_unit_test(test_addresses_come_first),
		cmocka_unit_test(test_owners_of_slots),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
