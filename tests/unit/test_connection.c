/*
 * Tests of transport/connection: socket pairs with descriptors, TCP over loopback,
 * pipes to a child; ends of all kinds, and reads that are woken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/connection.h"
#include "transport/dial.h"

#define MUCH (3u << 20) /* far more than the kernel buffers */

struct ends {
	struct lade_connection near, far;
};

static int setup(void **state)
{
	struct ends *ends = calloc(1, sizeof(*ends));

	if (!ends || lade_connection_pair(&ends->near, &ends->far, NULL))
		return -1;
	*state = ends;
	return 0;
}

static int teardown(void **state)
{
	struct ends *ends = *state;

	lade_connection_close(&ends->near);
	lade_connection_close(&ends->far);
	free(ends);
	return 0;
}

static int write_text(struct lade_connection *connection, const char *text,
		      struct lade_fault *fault)
{
	struct iovec vector = { (void *)text, strlen(text) };

	return lade_connection_write(connection, &vector, 1, false, fault);
}

static void assert_reads(struct lade_connection *connection, const char *text)
{
	char got[64];

	assert_int_equal(lade_connection_read(connection, got, strlen(text), NULL), 0);
	assert_memory_equal(got, text, strlen(text));
}

static void test_both_ways(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(write_text(&ends->near, "there", NULL), 0);
	assert_int_equal(write_text(&ends->far, "and back", NULL), 0);
	assert_reads(&ends->far, "th");
	assert_reads(&ends->far, "ere");
	assert_reads(&ends->near, "and back");
}

static void test_vectors(void **state)
{
	struct ends *ends = *state;
	struct iovec vectors[] = { { (void *)"", 0 },
				   { (void *)"ab", 2 },
				   { NULL, 0 },
				   { (void *)"cd", 2 },
				   { NULL, 0 } };

	assert_int_equal(lade_connection_write(&ends->near, vectors, 5, true, NULL), 0);
	assert_reads(&ends->far, "abcd");
	assert_int_equal(lade_connection_write(&ends->near, vectors, 0, false, NULL), 0);
}

struct writing {
	struct lade_connection *connection;
	const uint8_t *bytes;
	int error;
};

/* Write MUCH bytes in vectors of odd lengths. */
static void *write_much(void *argument)
{
	struct writing *writing = argument;
	struct iovec vectors[3];
	size_t off = 0;

	for (int i = 0; i < 3; i++) {
		size_t len = i < 2 ? MUCH / 3 + 17 : MUCH - off;

		vectors[i] = (struct iovec){ (void *)(writing->bytes + off), len };
		off += len;
	}
	writing->error = lade_connection_write(writing->connection, vectors, 3, false, NULL);
	return NULL;
}

static void carry_much(struct lade_connection *from, struct lade_connection *to)
{
	uint8_t *bytes = malloc(MUCH), *got = malloc(MUCH);
	struct writing writing = { from, bytes, -1 };
	pthread_t thread;

	assert_non_null(bytes);
	assert_non_null(got);
	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 9);
	assert_int_equal(pthread_create(&thread, NULL, write_much, &writing), 0);
	assert_int_equal(lade_connection_read(to, got, MUCH, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(writing.error, 0);
	assert_memory_equal(got, bytes, MUCH);
	free(bytes);
	free(got);
}

static void test_short_writes_go_on(void **state)
{
	struct ends *ends = *state;

	carry_much(&ends->near, &ends->far);
}

static void test_the_end(void **state)
{
	struct ends *ends = *state;
	struct lade_fault fault;
	char got[8];
	size_t len;

	assert_int_equal(write_text(&ends->far, "abc", NULL), 0);
	lade_connection_end_writing(&ends->far);
	assert_int_equal(lade_connection_wait(&ends->near, 0, NULL), 0);
	assert_int_equal(lade_connection_read(&ends->near, got, 4, &fault), LADE_E_CLOSED);
	assert_int_equal(fault.code, LADE_E_CLOSED);
	assert_string_equal(fault.subject, "local");
	assert_int_equal(lade_connection_read_some(&ends->near, got, 4, &len, NULL), 0);
	assert_int_equal(len, 0);
	assert_int_equal(write_text(&ends->near, "still", NULL), 0); /* the other way is open */
	assert_reads(&ends->far, "still");
}

static void test_writing_to_nobody(void **state)
{
	struct ends *ends = *state;
	struct lade_fault fault;

	lade_connection_close(&ends->far);
	signal(SIGPIPE, SIG_DFL); /* a socket raises none */
	assert_int_equal(write_text(&ends->near, "x", &fault), LADE_E_CLOSED);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(fault.code, LADE_E_CLOSED);
}

static void test_waiting(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(lade_connection_wait(&ends->near, 0, NULL), LADE_E_AGAIN);
	assert_int_equal(write_text(&ends->far, "x", NULL), 0);
	assert_int_equal(lade_connection_wait(&ends->near, -1, NULL), 0);
}

/* ---- reading ahead ---- */

static void test_what_is_read_ahead_comes_first(void **state)
{
	struct ends *ends = *state;
	char got[4];
	size_t len;

	assert_int_equal(write_text(&ends->far, "abcdef", NULL), 0);
	assert_int_equal(lade_connection_read_ahead(&ends->near, got, 2, 3, NULL), 0);
	assert_memory_equal(got, "ab", 2);
	assert_int_equal(ends->near.ahead_len, 3);
	assert_reads(&ends->near, "c");
	assert_int_equal(lade_connection_read_some(&ends->near, got, sizeof(got), &len, NULL), 0);
	assert_int_equal(len, 2); /* not what is in the kernel: that may have to be waited for */
	assert_memory_equal(got, "de", 2);
	assert_int_equal(ends->near.ahead_len, 0);
	assert_reads(&ends->near, "f");
}

static void test_reading_ahead_waits_for_nothing(void **state)
{
	struct ends *ends = *state;
	char got[4];

	assert_int_equal(write_text(&ends->far, "abc", NULL), 0);
	assert_int_equal(lade_connection_read_ahead(&ends->near, got, 2, 10, NULL), 0);
	assert_int_equal(lade_connection_wait(&ends->near, 0, NULL), 0); /* "c" is there */
	assert_int_equal(lade_connection_read_ahead(&ends->near, got, 1, 10, NULL), 0);
	assert_int_equal(lade_connection_wait(&ends->near, 0, NULL), LADE_E_AGAIN);
}

/* Whatever is asked for, no more than there is room for. */
static void test_reading_ahead_is_bounded(void **state)
{
	struct ends *ends = *state;
	char text[3 * LADE_CONNECTION_AHEAD_MAX + 1], got[sizeof(text)];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(write_text(&ends->far, text, NULL), 0);
	assert_int_equal(lade_connection_read_ahead(&ends->near, got, 1, SIZE_MAX, NULL), 0);
	assert_int_equal(ends->near.ahead_len, LADE_CONNECTION_AHEAD_MAX);
	assert_int_equal(lade_connection_read(&ends->near, got, sizeof(text) - 2, NULL), 0);
	assert_memory_equal(got, text, sizeof(text) - 2);
	assert_int_equal(lade_connection_wait(&ends->near, 0, NULL), LADE_E_AGAIN);
}

/* ---- descriptors ---- */

static void send_descriptor(struct lade_connection *connection, const char *text, int fd)
{
	struct iovec vector = { (void *)text, strlen(text) };

	assert_int_equal(lade_connection_write_with(connection, &vector, 1, fd, NULL), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void test_descriptors_keep_their_order(void **state)
{
	struct ends *ends = *state;
	int fds[3][2];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe(fds[i]), 0);
		send_descriptor(&ends->near, "frame", fds[i][1]);
		assert_int_equal(atomic_load(&ends->near.sent), 5 * (i + 1));
		close(fds[i][1]);
	}
	assert_int_equal(lade_connection_take_descriptor(&ends->far),
			 -1); /* nothing was read yet */
	for (int i = 0; i < 3; i++)
		assert_reads(&ends->far, "frame");
	for (int i = 0; i < 3; i++) {
		int fd = lade_connection_take_descriptor(&ends->far);
		char byte;

		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(write(fd, "x", 1), 1);
		assert_int_equal(read(fds[i][0], &byte, 1), 1);
		close(fd);
		close(fds[i][0]);
	}
	assert_int_equal(lade_connection_take_descriptor(&ends->far), -1);
}

/* A peer that sends more than it may does not fill our table. */
static void test_descriptors_are_bounded(void **state)
{
	struct ends *ends = *state;
	int fds[2];
	char byte;

	assert_int_equal(pipe(fds), 0);
	for (unsigned i = 0; i < LADE_DESCRIPTORS_MAX + 3; i++) {
		send_descriptor(&ends->near, "x", fds[1]);
		assert_reads(&ends->far, "x");
	}
	close(fds[1]);
	assert_int_equal(ends->far.descriptor_count, LADE_DESCRIPTORS_MAX);
	lade_connection_close(&ends->far);
	assert_int_equal(read(fds[0], &byte, 1), 0); /* all copies of the write end are closed */
	close(fds[0]);
}

static void test_close_is_complete(void **state)
{
	struct ends *ends = *state;
	int fd = ends->near.in_fd;

	assert_true(is_open(fd));
	lade_connection_close(&ends->near);
	assert_false(is_open(fd));
	lade_connection_close(&ends->near); /* a second time does nothing */
	assert_int_equal(lade_connection_reap(&ends->near), 0);
}

/* ---- waking and interrupting ---- */

static void *read_one(void *argument)
{
	char byte;

	return (void *)(intptr_t)lade_connection_read(argument, &byte, 1, NULL);
}

static void test_cancel_wakes_a_reader(void **state)
{
	struct ends *ends = *state;
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, read_one, &ends->near), 0);
	lade_connection_cancel(&ends->near);
	pthread_join(thread, &result);
	assert_int_equal((int)(intptr_t)result, LADE_E_CLOSED);
	assert_int_equal(write_text(&ends->near, "x", NULL), LADE_E_CLOSED);
}

static void on_signal(int number)
{
	(void)number;
}

/* A signal without SA_RESTART interrupts the read, which goes on. */
static void test_signals_do_not_end_a_read(void **state)
{
	struct sigaction action = { .sa_handler = on_signal }, old;
	struct ends *ends = *state;
	pthread_t thread;
	void *result;

	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_one, &ends->near), 0);
	for (int i = 0; i < 200; i++)
		pthread_kill(thread, SIGUSR1);
	assert_int_equal(write_text(&ends->far, "x", NULL), 0);
	pthread_join(thread, &result);
	assert_int_equal((int)(intptr_t)result, 0);
	sigaction(SIGUSR1, &old, NULL);
}

/* ---- TCP ---- */

/* A listening socket on a free port of loopback. */
static int listen_anywhere(char port[8])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(port, 8, "%u", ntohs(address.sin_port));
	return fd;
}

static void connect_both(struct lade_connection *dialler, struct lade_connection *answerer)
{
	char port[8], peer[32];
	int listener = listen_anywhere(port), fd;

	assert_int_equal(lade_connection_dial(dialler, &(struct lade_dial){ .host = "127.0.0.1", .port = port }, NULL), 0);
	snprintf(peer, sizeof(peer), "127.0.0.1:%s", port);
	assert_string_equal(dialler->peer, peer);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(lade_connection_accept(answerer, fd, NULL), 0);
	assert_memory_equal(answerer->peer, "127.0.0.1:", 10);
	close(listener);
}

static void test_tcp(void **state)
{
	struct lade_connection dialler, answerer;
	char byte;

	(void)state;
	connect_both(&dialler, &answerer);
	assert_int_equal(dialler.kind, LADE_CONNECTION_TCP);
	assert_int_equal(write_text(&dialler, "hello", NULL), 0);
	assert_reads(&answerer, "hello");
	carry_much(&answerer, &dialler);
	lade_connection_end_writing(&answerer);
	assert_int_equal(lade_connection_read(&dialler, &byte, 1, NULL), LADE_E_CLOSED);
	lade_connection_close(&dialler);
	lade_connection_close(&answerer);
}

/* A peer that is torn down has closed, whatever the kernel calls it. */
static void test_a_reset_is_an_end(void **state)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	struct lade_connection dialler, answerer;
	char byte;

	(void)state;
	connect_both(&dialler, &answerer);
	assert_int_equal(setsockopt(answerer.in_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
			 0);
	lade_connection_close(&answerer);
	assert_int_equal(lade_connection_read(&dialler, &byte, 1, NULL), LADE_E_CLOSED);
	lade_connection_close(&dialler);
}

static void test_nobody_listens(void **state)
{
	struct lade_connection connection;
	struct lade_fault fault;
	char port[8], peer[32];
	int listener = listen_anywhere(port);

	(void)state;
	close(listener);
	assert_int_equal(lade_connection_dial(&connection, &(struct lade_dial){ .host = "127.0.0.1", .port = port }, &fault),
			 LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ECONNREFUSED);
	snprintf(peer, sizeof(peer), "127.0.0.1:%s", port);
	assert_string_equal(fault.subject, peer);
}

/* A listener whose queue is full answers nobody: who dials waits. */
static void test_nobody_answers(void **state)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	struct lade_connection connection;
	struct lade_fault fault;
	char port[8];
	int listener = listen_anywhere(port), waiting[8];

	(void)state;
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	for (int i = 0; i < 8; i++) {
		waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(waiting[i], (struct sockaddr *)&address, len);
	}
	assert_int_equal(lade_connection_dial(&connection, &(struct lade_dial){ .host = "127.0.0.1", .port = port, .timeout_ms = 50 }, &fault),
			 LADE_E_TIMEOUT);
	for (int i = 0; i < 8; i++)
		close(waiting[i]);
	close(listener);
}

/* A time-out that is not needed, an address and options of our own. */
static void test_dialling_with_everything(void **state)
{
	const struct lade_socket_option options[] = { { "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1 } };
	struct lade_dial dial = { .host = "127.0.0.1", .address = "127.0.0.2", .family = AF_INET, .timeout_ms = 60000,
				  .options = options, .option_count = 1 };
	struct lade_connection connection;
	struct sockaddr_in own;
	struct lade_fault fault;
	socklen_t len = sizeof(own);
	int value = 0, listener;
	char port[8];

	(void)state;
	listener = listen_anywhere(port);
	dial.port = port;
	assert_int_equal(lade_connection_dial(&connection, &dial, &fault), 0);
	assert_int_equal(getsockname(connection.out_fd, (struct sockaddr *)&own, &len), 0);
	assert_int_equal(own.sin_addr.s_addr, htonl(0x7f000002));
	len = sizeof(value);
	assert_int_equal(getsockopt(connection.out_fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
	assert_int_equal(value, 1);
	/* Reads and writes wait again. */
	assert_int_equal(fcntl(connection.out_fd, F_GETFL) & O_NONBLOCK, 0);
	lade_connection_close(&connection);
	/* Nobody's address. */
	dial.address = "192.0.2.1";
	assert_int_equal(lade_connection_dial(&connection, &dial, &fault), LADE_E_SYSTEM);
	assert_string_equal(fault.subject, "192.0.2.1");
	dial.address = NULL;
	dial.family = AF_INET6;
	assert_int_equal(lade_connection_dial(&connection, &dial, &fault), LADE_E_ABSENT);
	close(listener);
}

static int option_of(const struct lade_connection *connection, int level, int option)
{
	socklen_t len = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(connection->in_fd, level, option, &value, &len), 0);
	return value;
}

/* Nothing is delayed and a host that is gone is found out, unless the user wants it otherwise. */
static void test_what_sockets_are_set_to(void **state)
{
	const struct lade_socket_option off[] = { { "SO_KEEPALIVE=0", SOL_SOCKET, SO_KEEPALIVE, 0 },
						  { "TCP_NODELAY=0", IPPROTO_TCP, TCP_NODELAY, 0 } };
	char port[8];
	int listener = listen_anywhere(port);
	struct lade_dial dial = { .host = "127.0.0.1", .port = port };
	struct lade_connection dialler, answerer;

	(void)state;
	for (int wanted = 1; wanted >= 0; wanted--) {
		assert_int_equal(lade_connection_dial(&dialler, &dial, NULL), 0);
		assert_int_equal(lade_connection_accept(&answerer, accept(listener, NULL, NULL), NULL), 0);
		assert_int_equal(option_of(&dialler, SOL_SOCKET, SO_KEEPALIVE), wanted);
		assert_int_equal(option_of(&dialler, IPPROTO_TCP, TCP_NODELAY), wanted);
		assert_int_equal(option_of(&answerer, SOL_SOCKET, SO_KEEPALIVE), 1);
		assert_int_equal(option_of(&answerer, IPPROTO_TCP, TCP_NODELAY), 1);
		lade_connection_close(&dialler);
		lade_connection_close(&answerer);
		dial.options = off;
		dial.option_count = 2;
	}
	close(listener);
}

/* ---- children ---- */

static void spawn(struct lade_connection *connection, const char *script)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };

	assert_int_equal(lade_connection_spawn(connection, argv, "child", NULL), 0);
	assert_int_equal(connection->kind, LADE_CONNECTION_PIPES);
	assert_string_equal(connection->peer, "child");
}

static void test_a_child(void **state)
{
	struct lade_connection connection;
	char byte;

	(void)state;
	spawn(&connection, "exec cat");
	assert_int_equal(write_text(&connection, "through the child", NULL), 0);
	assert_reads(&connection, "through the child");
	carry_much(&connection, &connection);
	lade_connection_end_writing(&connection);
	assert_int_equal(lade_connection_read(&connection, &byte, 1, NULL), LADE_E_CLOSED);
	assert_int_equal(lade_connection_reap(&connection), 0);
}

static int status_of(const char *script)
{
	struct lade_connection connection;

	spawn(&connection, script);
	return lade_connection_reap(&connection);
}

static void test_statuses_of_children(void **state)
{
	(void)state;
	assert_int_equal(status_of("exit 7"), 7);
	assert_int_equal(status_of("kill -KILL $$"), 128 + SIGKILL);
	/* This program ignores SIGPIPE; its children must not. */
	assert_int_equal(status_of("kill -PIPE $$"), 128 + SIGPIPE);
}

static void test_no_such_program(void **state)
{
	char program[] = "/nonexistent/lade-test", *argv[] = { program, NULL };
	struct lade_connection connection;
	struct lade_fault fault;
	int error = lade_connection_spawn(&connection, argv, "child", &fault);

	(void)state;
	/* posix_spawn(3) may also tell by exit status 127: so it does under valgrind, which forks.
	 */
	if (error == 0) {
		assert_int_equal(lade_connection_reap(&connection), 127);
		return;
	}
	assert_int_equal(error, LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ENOENT);
	assert_string_equal(fault.subject, argv[0]);
}

/* A child's pipes cannot be woken, but it can be told to end. */
static void test_cancel_ends_a_child(void **state)
{
	struct lade_connection connection;
	char byte;

	(void)state;
	spawn(&connection, "exec sleep 1000");
	lade_connection_cancel(&connection);
	assert_int_equal(lade_connection_read(&connection, &byte, 1, NULL), LADE_E_CLOSED);
	assert_int_equal(lade_connection_reap(&connection), 128 + SIGTERM);
}

static void test_writing_to_a_dead_child(void **state)
{
	struct lade_connection connection;
	siginfo_t info;

	(void)state;
	spawn(&connection, "exit 0");
	/* Once it can be waited for its descriptors are closed; which of them first is open. */
	assert_int_equal(waitid(P_PID, (id_t)connection.child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(write_text(&connection, "x", NULL), LADE_E_CLOSED);
	assert_int_equal(lade_connection_reap(&connection), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_both_ways),
		TEST(test_vectors),
		TEST(test_short_writes_go_on),
		TEST(test_the_end),
		TEST(test_writing_to_nobody),
		TEST(test_waiting),
		TEST(test_what_is_read_ahead_comes_first),
		TEST(test_reading_ahead_waits_for_nothing),
		TEST(test_reading_ahead_is_bounded),
		TEST(test_descriptors_keep_their_order),
		TEST(test_descriptors_are_bounded),
		TEST(test_close_is_complete),
		TEST(test_cancel_wakes_a_reader),
		TEST(test_signals_do_not_end_a_read),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_a_reset_is_an_end),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_nobody_answers),
		cmocka_unit_test(test_dialling_with_everything),
		cmocka_unit_test(test_what_sockets_are_set_to),
		cmocka_unit_test(test_a_child),
		cmocka_unit_test(test_statuses_of_children),
		cmocka_unit_test(test_no_such_program),
		cmocka_unit_test(test_cancel_ends_a_child),
		cmocka_unit_test(test_writing_to_a_dead_child),
	};

	/* As the program does: only sockets can be told not to raise it (see send(2),
	 * MSG_NOSIGNAL). */
	signal(SIGPIPE, SIG_IGN);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
