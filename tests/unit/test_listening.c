/*
 * Where a daemon listens, and its status socket.
 */
#include "agent/daemon/listening.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/daemon/notify.h"
#include "agent/daemon/status_socket.h"
#include "tests/unit/temp_tree.h"

static char tree[PATH_MAX];

static int change(struct lade_listening *listening, char **listen, unsigned count, const char *metrics, struct lade_fault *fault)
{
	struct lade_daemon_config config;

	memset(&config, 0, sizeof(config));
	config.listen = listen;
	config.listen_count = count;
	config.metrics = (char *)(uintptr_t)metrics;
	return lade_listening_change(listening, &config, false, fault);
}

static void test_changes(void **state)
{
	char *first[] = { (char *)"127.0.0.1:0", (char *)"127.0.0.2:0" }, *second[] = { (char *)"127.0.0.3:0", (char *)"127.0.0.1:0" };
	struct lade_listening listening = { .count = 0 };
	struct lade_fault fault;
	char kept[LADE_LISTENER_NAME_SIZE];

	(void)state;
	assert_int_equal(change(&listening, first, 2, "127.0.0.1:0", &fault), 0);
	assert_int_equal(listening.count, 3);
	assert_true(listening.places[2].metrics);
	snprintf(kept, sizeof(kept), "%s", listening.places[0].listener.name);
	assert_int_equal(change(&listening, second, 2, NULL, &fault), 0);
	assert_int_equal(listening.count, 2);
	assert_memory_equal(listening.places[0].listener.name, "127.0.0.3:", 10);
	/* Asked for in the same words: the same socket, at another place in the list. */
	assert_string_equal(listening.places[1].listener.name, kept);
	assert_false(listening.places[1].metrics);
	lade_listening_close(&listening);
	assert_int_equal(listening.count, 0);
	lade_listening_close(&listening);
}

static void test_all_or_nothing(void **state)
{
	char *first[] = { (char *)"127.0.0.1:0" }, *taken[3] = { (char *)"127.0.0.2:0", (char *)"127.0.0.1:0" };
	struct lade_listening listening = { .count = 0 };
	struct lade_fault fault;
	char name[LADE_LISTENER_NAME_SIZE];
	int fd;

	(void)state;
	assert_int_equal(change(&listening, first, 1, NULL, &fault), 0);
	snprintf(name, sizeof(name), "%s", listening.places[0].listener.name);
	fd = listening.places[0].listener.fd;
	/* By its real name it is another place, and taken. */
	taken[2] = name;
	assert_int_equal(change(&listening, taken, 3, NULL, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, EADDRINUSE);
	assert_int_equal(listening.count, 1);
	assert_int_equal(listening.places[0].listener.fd, fd);
	assert_string_equal(listening.places[0].listener.name, name);
	/* And it may go on changing. */
	assert_int_equal(change(&listening, taken, 2, NULL, &fault), 0);
	assert_int_equal(listening.count, 2);
	assert_int_equal(listening.places[1].listener.fd, fd);
	lade_listening_close(&listening);
}

static void test_status_socket(void **state)
{
	char path[PATH_MAX + 32], other[PATH_MAX + 32];
	struct lade_listener listener, second;
	struct lade_fault fault;
	struct stat status;
	FILE *file;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/run/status", tree);
	assert_int_equal(lade_status_socket_connect(path, 10, &fd, &fault), LADE_E_ABSENT);
	assert_int_equal(lade_status_socket_open(path, &listener, &fault), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(lade_status_socket_connect(path, 10, &fd, &fault), 0);
	assert_true(lade_status_socket_may(fd));
	close(fd);
	/* A living daemon's is left alone. */
	assert_int_equal(lade_status_socket_open(path, &second, &fault), LADE_E_REFUSED);
	/* A dead one's is not. */
	lade_listener_close(&listener);
	assert_int_equal(lade_status_socket_connect(path, 10, &fd, &fault), LADE_E_ABSENT);
	assert_int_equal(lade_status_socket_open(path, &listener, &fault), 0);
	lade_status_socket_close(&listener);
	assert_int_equal(lstat(path, &status), -1);
	lade_status_socket_close(&listener);
	/* Nor is what is no socket. */
	snprintf(other, sizeof(other), "%s/file", tree);
	file = fopen(other, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(lade_status_socket_open(other, &listener, &fault), LADE_E_REFUSED);
	assert_int_equal(stat(other, &status), 0);
	memset(path, 'x', 200);
	path[0] = '/';
	path[200] = '\0';
	assert_int_equal(lade_status_socket_open(path, &listener, &fault), LADE_E_LIMIT);
}

/* Somebody has the socket who takes no connection, and as many wait as may. */
static void test_busy_status_socket(void **state)
{
	char path[PATH_MAX + 32];
	struct lade_listener listener, second;
	struct lade_fault fault;
	int waiting[100], fd;
	size_t count = 0;

	(void)state;
	/* Directories that are not there are made. */
	snprintf(path, sizeof(path), "%s/run/not/yet/status", tree);
	assert_int_equal(lade_status_socket_open(path, &listener, &fault), 0);
	while (count < 100 && lade_status_socket_connect(path, 0, &waiting[count], &fault) == 0)
		count++;
	assert_in_range(count, 1, 99);
	assert_int_equal(fault.code, LADE_E_TIMEOUT);
	assert_int_equal(lade_status_socket_connect(path, 1, &fd, &fault), LADE_E_TIMEOUT);
	assert_int_equal(lade_status_socket_open(path, &second, &fault), LADE_E_REFUSED);
	while (count)
		close(waiting[--count]);
	lade_status_socket_close(&listener);
}

/* Without systemd nothing is told, nothing is asked for, and nobody waits. */
static void test_nobody_to_notify(void **state)
{
	struct lade_listener *listeners;
	struct lade_notify notify;
	struct lade_fault fault;
	unsigned count;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("LISTEN_PID");
	lade_notify_init(&notify, 1000);
	assert_int_equal(notify.next_ms, INT64_MAX);
	lade_notify_ready();
	assert_int_equal(lade_notify_turn(&notify, 1000, 0, 0), INT64_MAX);
	/* A change within the second waits for its end. */
	assert_int_equal(lade_notify_turn(&notify, 1500, 1, 0), 2000);
	assert_int_equal(lade_notify_turn(&notify, 2000, 1, 0), INT64_MAX);
	assert_string_equal(notify.status, "STATUS=1 session, 0 logins");
	assert_int_equal(lade_notify_take_sockets(&listeners, &count, &fault), 0);
	assert_int_equal(count, 0);
	assert_null(listeners);
}

static int remove_tree(void **state)
{
	(void)state;
	temp_tree_remove(tree);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_status_socket),
		cmocka_unit_test(test_busy_status_socket),
		cmocka_unit_test(test_nobody_to_notify),
	};

	temp_tree_make(tree);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, remove_tree);
}
