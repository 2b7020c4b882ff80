/*
 * Tests of how addresses are written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/address.h"
#include "transport/connection.h"

static struct sockaddr_storage v4(const char *host, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_storage storage = { 0 };

	assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
	memcpy(&storage, &address, sizeof(address));
	return storage;
}

static struct sockaddr_storage v6(const char *host, uint16_t port, unsigned zone)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = zone };
	struct sockaddr_storage storage = { 0 };

	assert_int_equal(inet_pton(AF_INET6, host, &address.sin6_addr), 1);
	memcpy(&storage, &address, sizeof(address));
	return storage;
}

static void is_written(struct sockaddr_storage address, const char *expected)
{
	char host[LADE_ADDRESS_HOST_SIZE], port[LADE_ADDRESS_PORT_SIZE], all[100];

	assert_true(lade_address_numbers(&address, host, port));
	lade_address_join(host, port, all, sizeof(all));
	assert_string_equal(all, expected);
}

static void test_numbers(void **state)
{
	const char longest[] = "[fe80:1111:2222:3333:4444:5555:6666:7777%lo]:65535";

	(void)state;
	is_written(v4("192.0.2.1", 873), "192.0.2.1:873");
	is_written(v4("255.255.255.255", 65535), "255.255.255.255:65535");
	is_written(v6("::", 0, 0), "[::]:0");
	is_written(v6("2001:DB8::0:1", 8730, 0), "[2001:db8::1]:8730");
	if (if_nametoindex("lo"))
		is_written(v6("fe80:1111:2222:3333:4444:5555:6666:7777", 65535, if_nametoindex("lo")), longest);
}

static void test_no_address_of_the_internet(void **state)
{
	const struct sockaddr_un local = { .sun_family = AF_UNIX, .sun_path = "/run/x" };
	char host[LADE_ADDRESS_HOST_SIZE] = "x", port[LADE_ADDRESS_PORT_SIZE] = "x";
	struct sockaddr_storage address = { 0 };

	(void)state;
	assert_false(lade_address_numbers(&address, host, port));
	assert_string_equal(host, "");
	assert_string_equal(port, "");
	memcpy(&address, &local, sizeof(local));
	assert_false(lade_address_numbers(&address, host, port));
}

static void test_unmapped(void **state)
{
	static const char *const others[] = { "::192.0.2.1", "::fffe:192.0.2.1", "64:ff9b::192.0.2.1", "::1" };
	struct sockaddr_storage address = v6("::ffff:192.0.2.1", 873, 0), same;

	(void)state;
	lade_address_unmap(&address);
	is_written(address, "192.0.2.1:873");
	same = v4("192.0.2.1", 873);
	assert_memory_equal(&address, &same, sizeof(same));
	lade_address_unmap(&address);
	assert_memory_equal(&address, &same, sizeof(same));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		address = same = v6(others[i], 1, 0);
		lade_address_unmap(&address);
		assert_memory_equal(&address, &same, sizeof(same));
	}
}

static void test_names_are_joined(void **state)
{
	char name[300], all[256];

	(void)state;
	lade_address_join("host.example", "873", all, sizeof(all));
	assert_string_equal(all, "host.example:873");
	lade_address_join("", "8730", all, sizeof(all));
	assert_string_equal(all, ":8730");
	memset(name, 'h', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	lade_address_join(name, "8730", all, sizeof(all));
	assert_int_equal(strlen(all), 205);
	assert_string_equal(all + 200, ":8730");
}

/* Who comes by IPv4 to a socket of IPv6 is told as what he is. */
static void test_peer_of_a_connection(void **state)
{
	struct sockaddr_storage any = v6("::", 0, 0), own;
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), off = 0;
	socklen_t len = sizeof(own);
	char host[LADE_ADDRESS_HOST_SIZE], port[LADE_ADDRESS_PORT_SIZE], expected[100];
	struct lade_connection connection;

	(void)state;
	if (listener < 0 || setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) || bind(listener, (struct sockaddr *)&any, sizeof(any))) {
		print_message("# skipped: no IPv6 here\n");
		close(listener);
		close(near);
		return;
	}
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&own, &len), 0);
	assert_true(lade_address_numbers(&own, host, port));
	own = v4("127.0.0.1", (uint16_t)strtoul(port, NULL, 10));
	assert_int_equal(connect(near, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(lade_connection_accept(&connection, accept(listener, NULL, NULL), NULL), 0);
	len = sizeof(own);
	assert_int_equal(getsockname(near, (struct sockaddr *)&own, &len), 0);
	assert_true(lade_address_numbers(&own, host, port));
	lade_address_join(host, port, expected, sizeof(expected));
	assert_string_equal(connection.peer, expected);
	lade_connection_close(&connection);
	close(near);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_no_address_of_the_internet),
		cmocka_unit_test(test_unmapped),
		cmocka_unit_test(test_names_are_joined),
		cmocka_unit_test(test_peer_of_a_connection),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
