/*
 * Listening: addresses, loopback only, free ports, waiting with signals.
 */
#include "transport/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/connection.h"
#include "transport/dial.h"

static void splits(const char *text, const char *host, const char *port)
{
	struct lade_listener_address address;

	if (lade_listener_parse(text, &address))
		fail_msg("'%s' is refused", text);
	assert_string_equal(address.host, host);
	assert_string_equal(address.port, port);
}

static void test_addresses_are_split(void **state)
{
	static const char *const wrong[] = {
		"",	      "host",	     "host:",	"host:x", "host:1x",
		"host:65536", "host:123456", "host: 1", "::1:1",  "[::1]",
		"[::1:1",     "[::1]1",	     "1::",	"[:1",	  "host:-1",
	};
	char text[400];
	struct lade_listener_address address;

	(void)state;
	splits("127.0.0.1:0", "127.0.0.1", "0");
	splits("localhost:65535", "localhost", "65535");
	splits("[::1]:873", "::1", "873");
	splits(":1", "", "1");
	splits("[]:1", "", "1");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (lade_listener_parse(wrong[i], &address) != LADE_E_USAGE)
			fail_msg("'%s' is accepted", wrong[i]);
	}
	memset(text, 'h', sizeof(text));
	strcpy(text + 300, ":1");
	assert_int_equal(lade_listener_parse(text, &address), LADE_E_USAGE);
}

static int open_at(struct lade_listener *listener, const char *text, bool loopback_only,
		   struct lade_fault *fault)
{
	struct lade_listener_address address;

	assert_int_equal(lade_listener_parse(text, &address), 0);
	return lade_listener_open(listener, &address, loopback_only, fault);
}

static void test_only_loopback(void **state)
{
	static const char *const wide[] = {
		"0.0.0.0:0", ":0", "[::]:0", "203.0.113.1:0", "[::ffff:0.0.0.0]:0", "128.0.0.1:0"
	};
	struct lade_listener listener;
	struct lade_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		if (open_at(&listener, wide[i], true, &fault) != LADE_E_REFUSED)
			fail_msg("'%s' is accepted", wide[i]);
		assert_int_equal(listener.fd, -1);
	}
	assert_int_equal(open_at(&listener, "127.1.2.3:0", true, &fault), 0);
	lade_listener_close(&listener);
	assert_int_equal(open_at(&listener, "0.0.0.0:0", false, &fault), 0);
	lade_listener_close(&listener);
	lade_listener_close(&listener);
}

/* No host is every host: by IPv6, where that is, and by IPv4. */
static void test_every_address(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };
	struct lade_listener listener, six;
	struct lade_listener_address bound;
	struct lade_connection connection;
	struct lade_fault fault;
	bool has_six = open_at(&six, "[::1]:0", true, &fault) == 0;

	(void)state;
	assert_int_equal(open_at(&listener, ":0", false, &fault), 0);
	assert_int_equal(lade_listener_parse(listener.name, &bound), 0);
	for (size_t i = 0; i < (has_six ? 2u : 1u); i++) {
		assert_int_equal(lade_connection_dial(&connection, &(struct lade_dial){ .host = hosts[i], .port = bound.port }, &fault), 0);
		lade_connection_close(&connection);
	}
	lade_listener_close(&listener);
	if (has_six)
		lade_listener_close(&six);
}

/* Where IPv6 is for itself unless somebody says otherwise. 0, or what went wrong; 77: there is no such place. */
static int listen_where_six_is_alone(void)
{
	struct lade_listener listener;
	struct lade_fault fault;
	socklen_t len = sizeof(int);
	int alone = -1, fd = unshare(CLONE_NEWNET) ? -1 : open("/proc/sys/net/ipv6/bindv6only", O_WRONLY);

	if (fd < 0 || write(fd, "1", 1) != 1)
		return 77;
	if (open_at(&listener, "[::]:0", false, &fault) || getsockopt(listener.fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, &len))
		return 1;
	return alone ? 2 : 0;
}

static void test_six_takes_four(void **state)
{
	pid_t child = fork();
	int how;

	(void)state;
	if (child == 0)
		_exit(listen_where_six_is_alone());
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFEXITED(how));
	if (WEXITSTATUS(how) == 77)
		print_message("# skipped: needs root\n");
	else
		assert_int_equal(WEXITSTATUS(how), 0);
}

/* True while the kernel is one without IPv6: wrapped, as none here is. */
static bool without_six;

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);

int __wrap_socket(int domain, int type, int protocol)
{
	if (without_six && domain == AF_INET6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return __real_socket(domain, type, protocol);
}

static void test_every_address_without_ipv6(void **state)
{
	const struct lade_listener_address every = { .host = "::", .port = "0" }, one = { .host = "::1", .port = "0" };
	struct lade_listener listener;
	struct lade_fault fault;

	(void)state;
	without_six = true;
	assert_int_equal(lade_listener_open(&listener, &every, false, &fault), 0);
	assert_int_equal(strncmp(listener.name, "0.0.0.0:", 8), 0);
	lade_listener_close(&listener);
	assert_int_equal(lade_listener_open(&listener, &one, false, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EAFNOSUPPORT);
	without_six = false;
}

static void test_failures_name_the_address(void **state)
{
	struct lade_listener listener, second;
	struct lade_fault fault;

	(void)state;
	assert_int_equal(open_at(&listener, "host.invalid:1", true, &fault), LADE_E_ABSENT);
	assert_string_equal(fault.subject, "host.invalid:1");
	assert_int_equal(open_at(&listener, "127.0.0.1:0", true, &fault), 0);
	assert_int_equal(open_at(&second, listener.name, true, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EADDRINUSE);
	assert_string_equal(fault.subject, listener.name);
	lade_listener_close(&listener);
}

static void talk(const char *where)
{
	struct lade_listener listener;
	struct lade_listener_address bound;
	struct lade_connection near, far;
	struct iovec vector = { (void *)"hello", 5 };
	struct lade_fault fault;
	char buf[5];
	int fd = -1;

	assert_int_equal(open_at(&listener, where, true, &fault), 0);
	assert_int_equal(lade_listener_parse(listener.name, &bound), 0);
	assert_string_not_equal(bound.port, "0");
	/* A peer may be gone between poll and accept. */
	assert_true(fcntl(listener.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(lade_listener_accept(&listener, 0, NULL, &fd, &fault), LADE_E_AGAIN);
	assert_int_equal(lade_connection_dial(&near, &(struct lade_dial){ .host = bound.host, .port = bound.port }, &fault), 0);
	assert_int_equal(lade_listener_accept(&listener, -1, NULL, &fd, &fault), 0);
	/* Blocking, and not for our children. */
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(lade_connection_accept(&far, fd, &fault), 0);
	assert_int_equal(lade_connection_write(&near, &vector, 1, false, &fault), 0);
	assert_int_equal(lade_connection_read(&far, buf, sizeof(buf), &fault), 0);
	assert_memory_equal(buf, "hello", 5);
	lade_connection_close(&near);
	lade_connection_close(&far);
	lade_listener_close(&listener);
}

static void test_a_connection_is_taken(void **state)
{
	(void)state;
	talk("127.0.0.1:0");
	talk("localhost:0");
}

static void test_a_connection_is_taken_over_ipv6(void **state)
{
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	struct lade_listener listener;

	(void)state;
	if (probe >= 0)
		close(probe);
	if (probe < 0 || open_at(&listener, "[::1]:0", true, NULL)) {
		print_message("no IPv6 here\n");
		skip();
	}
	assert_memory_equal(listener.name, "[::1]:", 6);
	lade_listener_close(&listener);
	talk("[::1]:0");
}

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

/* A signal that came before the wait, while it was blocked, ends the wait. */
static void test_no_signal_is_missed(void **state)
{
	struct sigaction action = { .sa_handler = on_signal }, before;
	struct lade_listener listener;
	struct lade_fault fault;
	sigset_t blocked, outer;
	int fd = -1;

	(void)state;
	assert_int_equal(open_at(&listener, "127.0.0.1:0", true, &fault), 0);
	sigemptyset(&action.sa_mask);
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &outer), 0);
	raise(SIGUSR1);
	assert_int_equal(signalled, 0);
	assert_int_equal(lade_listener_accept(&listener, -1, &outer, &fd, &fault), LADE_E_AGAIN);
	assert_int_equal(signalled, SIGUSR1);
	assert_int_equal(sigprocmask(SIG_SETMASK, &outer, NULL), 0);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
	lade_listener_close(&listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_are_split),
		cmocka_unit_test(test_only_loopback),
		cmocka_unit_test(test_every_address),
		cmocka_unit_test(test_six_takes_four),
		cmocka_unit_test(test_every_address_without_ipv6),
		cmocka_unit_test(test_failures_name_the_address),
		cmocka_unit_test(test_a_connection_is_taken),
		cmocka_unit_test(test_a_connection_is_taken_over_ipv6),
		cmocka_unit_test(test_no_signal_is_missed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
