/*
 * Two honest sessions while the source never stands still: files are cut short, grown
 * and rewritten all the time, so that aborted runs, runs that are asked for again and
 * further attempts cross each other on the way. Whatever becomes of each file, the session
 * ends in order, and a run in quiet afterwards makes both trees the same.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/client.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

#define FILES 24u
#define SIZE (1500u << 10)
#define ROUNDS 6u
#define WATCHDOG_S 600u
#define OPTIONS ((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_TIMES | LADE_OPTION_NUMERIC_IDS)

static struct scene scene;
static uint64_t options;
static const struct lade_session_limits *limits; /* of both sides */
static uint8_t content[SIZE];

static const char *file_path(const char *directory, unsigned number)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/%02u", directory, number);
	return scene_path(&scene, name);
}

static int client(struct lade_connection *connection, enum lade_path path)
{
	struct lade_settings settings = { .options = options, .path = path, .limits = limits };
	const struct lade_sync_job job = { .settings = &settings, .connection = connection, .push = true };
	struct lade_msg_end totals;

	return client_copy(&job, &scene, &totals);
}

/* Change the source until killed. */
static void disturb(void)
{
	unsigned seed = 12345;

	for (;;) {
		unsigned number, what;
		int fd;

		seed = seed * 1103515245u + 12345u;
		number = seed >> 16 & 0xff;
		what = seed >> 24;
		fd = open(file_path("source", number % FILES), O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			_exit(1);
		if (what % 3 == 0)
			(void)!ftruncate(fd, (off_t)(what << 12));
		else if (what % 3 == 1)
			(void)!pwrite(fd, content + what, SIZE - what, 0);
		else
			(void)!pwrite(fd, "changed", 7, (off_t)(what << 11));
		close(fd);
		usleep(200);
	}
}

static pid_t start(struct lade_connection ends[2], unsigned which, enum lade_path path)
{
	pid_t child = fork();

	if (child < 0)
		abort();
	if (child == 0) {
		int status;

		alarm(WATCHDOG_S);
		if (which == 2)
			disturb();
		lade_connection_close(&ends[!which]);
		if (lade_sync_setup(NULL))
			_exit(98);
		status = which ? lade_sync_serve(&ends[1], NULL, limits, NULL) : client(&ends[0], path);
		_exit(status);
	}
	return child;
}

/* By TLS. */
static bool protected;

/* One session; its exit status. */
static int session(enum lade_connection_kind kind, enum lade_path path)
{
	struct lade_connection ends[2];
	pid_t children[2];
	int status;

	fflush(NULL);
	peer_connect(kind, 0, ends);
	if (protected)
		peer_protect(ends);
	children[1] = start(ends, 1, path);
	children[0] = start(ends, 0, path);
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
	status = scene_wait_for(children[0]);
	assert_int_equal(scene_wait_for(children[1]), status);
	return status;
}

static void make_source(void)
{
	if (mkdir(scene_path(&scene, "source"), 0755) || mkdir(scene_path(&scene, "destination"),
							       0755))
		abort();
	for (unsigned i = 0; i < FILES; i++) {
		char name[64];

		snprintf(name, sizeof(name), "source/%02u", i);
		scene_write(&scene, name, content, SIZE);
	}
}

static void check_same(void)
{
	static uint8_t now[SIZE + 1];

	for (unsigned i = 0; i < FILES; i++) {
		int fd = open(file_path("source", i), O_RDONLY | O_CLOEXEC);
		ssize_t len = read(fd, now, sizeof(now));
		char name[64];

		close(fd);
		assert_true(len >= 0);
		snprintf(name, sizeof(name), "destination/%02u", i);
		scene_check_file(&scene, name, now, (size_t)len);
	}
}

static void run(enum lade_connection_kind kind, enum lade_path path, uint64_t more)
{
	pid_t disturber;

	make_source();
	options = OPTIONS | more;
	fflush(NULL);
	disturber = start(NULL, 2, path);
	for (unsigned i = 0; i < ROUNDS; i++) {
		int status = session(kind, path);

		if (status != 0 && status != LADE_EXIT_PARTIAL)
			fail_msg("a session ended with %d", status);
	}
	kill(disturber, SIGKILL);
	assert_int_equal(scene_wait_for(disturber), 128 + SIGKILL);
	/* Where time goes in ticks, the last change may have the time of the one before it. */
	options |= LADE_OPTION_CHECKSUM;
	assert_int_equal(session(kind, path), 0);
	check_same();
	scene_check(&scene);
}

static void test_pipes_sendfile(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PIPES, LADE_PATH_SENDFILE, 0);
}

static void test_tcp_splice(void **state)
{
	(void)state;
	run(LADE_CONNECTION_TCP, LADE_PATH_SPLICE, 0);
}

static void test_tcp_mmap(void **state)
{
	(void)state;
	run(LADE_CONNECTION_TCP, LADE_PATH_MMAP, 0);
}

static void test_tcp_auto(void **state)
{
	(void)state;
	run(LADE_CONNECTION_TCP, LADE_PATH_AUTO, 0);
}

static void run_protected(enum lade_path path, uint64_t more)
{
	protected = true;
	run(LADE_CONNECTION_TCP, path, more);
}

static void test_tls_copy(void **state)
{
	(void)state;
	run_protected(LADE_PATH_COPY, 0);
}

/* Files shrink under the mapping that is encrypted. */
static void test_tls_mmap(void **state)
{
	(void)state;
	run_protected(LADE_PATH_MMAP, 0);
}

static void test_tls_auto(void **state)
{
	(void)state;
	run_protected(LADE_PATH_AUTO, 0);
}

/* More files at once than descriptors may be in flight: each further attempt gives one back. */
static void test_pair(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PAIR, LADE_PATH_AUTO, 0);
}

/* The file itself is what further attempts begin with. */
static void test_inplace_tcp(void **state)
{
	(void)state;
	run(LADE_CONNECTION_TCP, LADE_PATH_AUTO, LADE_OPTION_INPLACE);
}

static void test_inplace_whole_pipes(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PIPES, LADE_PATH_SPLICE, LADE_OPTION_INPLACE | LADE_OPTION_WHOLE_FILE);
}

static void test_inplace_pair(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PAIR, LADE_PATH_AUTO, LADE_OPTION_INPLACE | LADE_OPTION_WHOLE_FILE);
}

static void test_inplace_sparse(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PIPES, LADE_PATH_COPY, LADE_OPTION_INPLACE | LADE_OPTION_SPARSE);
}

/* From the second session on files have old content: a few at a time, which wait for each other to ask for one thing. */
static void test_narrow(void **state)
{
	static const struct lade_session_limits narrow = {
		.slots = 4, .described = 4, .want_runs = 1, .want_gaps = 1, .jobs = 1, .descriptors = 1, .bundle = 1,
		.unanswered = 1, .queue = 1, .entry_credit = 128,
	};

	(void)state;
	limits = &narrow;
	run(LADE_CONNECTION_PIPES, LADE_PATH_AUTO, 0);
}

static int setup(void **state)
{
	(void)state;
	limits = NULL;
	scene_make(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	protected = false;
	scene_remove(&scene);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pipes_sendfile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_splice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_mmap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tcp_auto, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_copy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_mmap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_auto, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pair, setup, teardown),
		cmocka_unit_test_setup_teardown(test_narrow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inplace_tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inplace_whole_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inplace_pair, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inplace_sparse, setup, teardown),
	};

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 2654435761u >> 13);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("restless", tests, NULL, NULL);
}
