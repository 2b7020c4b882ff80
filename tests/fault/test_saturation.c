/*
 * Both directions full at once: pipes of one page, a tree whose every entry makes both
 * sides talk (items, wants, acknowledgements, small files, changed metadata), and a
 * real session on both ends. It must come to its end under the watchdog: no side may
 * stop reading because it cannot write.
 *
 * The limits of a session (slots, jobs, queues) are constants of the program; what can be
 * made small from outside is the connection.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
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
#include "tests/fault/scene.h"
#include "tests/fault/peer.h"

#define DIRECTORIES 40u
#define FILES 50u
#define WATCHDOG_S 600u
#define OPTIONS \
	((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS | LADE_OPTION_TIMES | \
	 LADE_OPTION_HARD_LINKS | LADE_OPTION_DELETE | LADE_OPTION_ITEMIZE | LADE_OPTION_NUMERIC_IDS)

static struct scene scene;

/* Counted on the user's side, in its own process. */
static unsigned items, reports;

static void count_item(void *context, const struct lade_msg_item *item)
{
	(void)context;
	(void)item;
	items++;
}

static void count_report(void *context, const struct lade_msg_report *report)
{
	(void)context;
	(void)report;
	reports++;
}

static void put(const char *path, size_t len, mode_t mode)
{
	static const uint8_t content[300000];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, content, len) != (ssize_t)len || fchmod(fd, mode) || close(fd))
		abort();
}

/* Of each seven names: two new, two with other content, two with another mode, one that is to be deleted. */
static void make_file(const char *directory, unsigned number)
{
	char source[PATH_MAX], destination[PATH_MAX];
	size_t len = number % 10 == 9 ? 100000 : 200;

	if (snprintf(source, sizeof(source), "%s/source/%s/%04u-with-a-name-of-some-length",
		     scene.inside, directory,
		     number) >= PATH_MAX ||
	    snprintf(destination, sizeof(destination),
		     "%s/destination/%s/%04u-with-a-name-of-some-length", scene.inside,
		     directory, number) >= PATH_MAX)
		abort();
	if (number % 7 != 6)
		put(source, len, 0644);
	if (number % 7 > 1)
		put(destination, number % 7 < 4 ? len - 1 : len, 0600);
}

static void make_tree(void)
{
	if (mkdir(scene_path(&scene, "source"), 0755) || mkdir(scene_path(&scene, "destination"),
							       0755))
		abort();
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		char directory[32], path[64];

		snprintf(directory, sizeof(directory), "directory-%03u", i);
		snprintf(path, sizeof(path), "source/%s", directory);
		if (mkdir(scene_path(&scene, path), 0755))
			abort();
		snprintf(path, sizeof(path), "destination/%s", directory);
		if (mkdir(scene_path(&scene, path), 0700))
			abort();
		for (unsigned number = 0; number < FILES; number++)
			make_file(directory, number);
	}
}

/* The client's side. Returns its exit status; 97 if the user was not told what he should be. */
static int client(struct lade_connection *connection, bool push)
{
	const struct lade_events events = { .report = count_report, .item = count_item };
	struct lade_settings settings = { .options = OPTIONS };
	char source[PATH_MAX + 16], *sources[] = { source }, destination[PATH_MAX + 16];
	struct lade_msg_end totals;
	struct lade_sync_job job = {
		.settings = &settings, .events = &events, .connection = connection, .push = push,
		.sources = sources, .source_count = 1, .destination = destination,
	};
	int status;

	snprintf(source, sizeof(source), "%s/source/", scene.inside);
	snprintf(destination, sizeof(destination), "%s/destination", scene.inside);
	if (lade_filter_new(&settings.filter))
		abort();
	status = lade_sync_client(&job, &totals);
	lade_filter_free(settings.filter);
	if (status)
		return status;
	/* Every file and every directory (whose mode differs) was changed. */
	return items < DIRECTORIES * FILES || reports || totals.deleted < DIRECTORIES ? 97 : 0;
}

/* Run fn's side of the connection in a process of its own. */
static pid_t start(struct lade_connection ends[2], unsigned which, bool push)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		int status;

		alarm(WATCHDOG_S);
		lade_connection_close(&ends[!which]);
		if (lade_sync_setup(NULL))
			_exit(98);
		status = which ? lade_sync_serve(&ends[1], NULL, NULL) : client(&ends[0], push);
		_exit(status);
	}
	return child;
}

static int wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		abort();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static unsigned count_names(const char *path)
{
	DIR *stream = opendir(path);
	unsigned count = 0;

	while (stream && readdir(stream))
		count++;
	if (stream)
		closedir(stream);
	return count;
}

static void run(enum lade_connection_kind kind, bool push)
{
	struct lade_connection ends[2];
	char last[64];
	pid_t children[2];

	make_tree();
	peer_connect(kind, 4096, ends);
	children[1] = start(ends, 1, push);
	children[0] = start(ends, 0, push);
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
	assert_int_equal(wait_for(children[0]), 0);
	assert_int_equal(wait_for(children[1]), 0);
	snprintf(last, sizeof(last), "source/directory-%03u", DIRECTORIES - 1);
	assert_int_equal(count_names(scene_path(&scene, last)), FILES - FILES / 7 + 2);
	snprintf(last, sizeof(last), "destination/directory-%03u", DIRECTORIES - 1);
	assert_int_equal(count_names(scene_path(&scene, last)), FILES - FILES / 7 + 2);
	scene_check(&scene);
}

static void test_push_pipes(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PIPES, true);
}

static void test_pull_pipes(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PIPES, false);
}

static void test_push_pair(void **state)
{
	(void)state;
	run(LADE_CONNECTION_PAIR, true);
}

static int setup(void **state)
{
	(void)state;
	scene_make(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_remove(&scene);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_push_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pull_pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_push_pair, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("saturation", tests, NULL, NULL);
}
