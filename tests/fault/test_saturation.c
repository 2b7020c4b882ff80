/*
 * Both directions full at once: pipes of one page, a tree whose every entry makes both
 * sides talk (items, wants, acknowledgements, small and large files, links, changed metadata), files that
 * change under the session, and a real session on both ends, whose bounds are as small
 * as they can be: all of them, or one. It must come to its end under the watchdog: no
 * side may stop reading because it cannot write, and nobody may wait for what only he can
 * bring about. A second session in quiet makes both trees the same.
 */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/client.h"
#include "tests/fault/mixed_tree.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

#define DIRECTORIES 20u
#define FEW_DIRECTORIES 3u
#define WATCHDOG_S 600u
#define OPTIONS \
	((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS | LADE_OPTION_TIMES | \
	 LADE_OPTION_HARD_LINKS | LADE_OPTION_DELETE | LADE_OPTION_ITEMIZE | LADE_OPTION_NUMERIC_IDS)

/* What a session's user tells it, and between which ends it is. */
struct trial {
	enum lade_connection_kind kind;
	bool push;
	enum lade_path path;
	unsigned directories;
	struct lade_session_limits limits; /* of both sides */
	bool protected; /* by TLS */
};

static struct scene scene;

/* ---- the user ---- */

/* Counted on the user's side, in its own process. */
static unsigned items, reports, restless, directories_seen;
/* To whoever changes the source, or -1 in a quiet session. */
static int changer_fd = -1;

/* The first item of a directory has its files changed. */
static void hear_item(void *context, const struct lade_msg_item *item)
{
	char path[32] = "";
	unsigned number;

	(void)context;
	items++;
	memcpy(path, item->path.data, item->path.len < sizeof(path) ? item->path.len : sizeof(path) - 1);
	if (sscanf(path, "directory-%3u", &number) != 1 || number < directories_seen)
		return;
	directories_seen = number + 1;
	if (changer_fd >= 0 && write(changer_fd, &number, sizeof(number)) != sizeof(number))
		abort();
}

/*
 * A change takes two steps, the content and then the time. Where they are far apart, because others use the processor, a
 * session finds the file changed twice and leaves it alone; nothing else may go wrong.
 */
static void hear_report(void *context, const struct lade_msg_report *report)
{
	static const char kept_changing[] = "the file kept changing";
	bool is_restless = changer_fd >= 0 && report->reason.len >= sizeof(kept_changing) - 1 &&
		memcmp(report->reason.data, kept_changing, sizeof(kept_changing) - 1) == 0;

	(void)context;
	if (report->severity > LADE_REPORT_WARNING)
		fprintf(stderr, "# heard: %.*s %.*s: %.*s\n", (int)report->operation.len, report->operation.data,
			(int)report->subject.len, report->subject.data, (int)report->reason.len, report->reason.data);
	restless += is_restless;
	reports += (report->severity > LADE_REPORT_WARNING && !is_restless) || changer_fd < 0;
}

/* ---- processes ---- */

/* The client's side. Returns its exit status; 97 if the user was not told what he should be. */
static int client(struct lade_connection *connection, const struct trial *trial)
{
	const struct lade_events events = { .report = hear_report, .item = hear_item };
	struct lade_settings settings = { .options = OPTIONS, .path = trial->path, .limits = &trial->limits };
	const struct lade_sync_job job = {
		.settings = &settings, .events = &events, .connection = connection, .push = trial->push,
	};
	struct lade_msg_end totals;
	int status = client_copy(&job, &scene, &totals);

	if (reports)
		return 97;
	if (status != (restless ? LADE_EXIT_PARTIAL : 0))
		return status ? status : 97;
	return changer_fd >= 0 && (items + restless < trial->directories * MIXED_TREE_ITEMS ||
				   totals.deleted < trial->directories) ? 97 : status;
}

static int server(struct lade_connection *connection, const struct trial *trial)
{
	return lade_sync_serve(connection, NULL, &trial->limits, NULL);
}

/* Run one side of the connection in a process of its own. */
static pid_t start(struct lade_connection ends[2], unsigned which, const struct trial *trial)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		alarm(WATCHDOG_S);
		lade_connection_close(&ends[!which]);
		if (lade_sync_setup(NULL))
			_exit(98);
		_exit(which ? server(&ends[1], trial) : client(&ends[0], trial));
	}
	return child;
}

/* Change what the user's side says until it has ended; *fd_out is its end of the pipe. */
static pid_t start_changer(int *fd_out)
{
	unsigned directory;
	pid_t child;
	int fds[2];

	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) || (child = fork()) < 0)
		abort();
	if (child == 0) {
		alarm(2 * WATCHDOG_S);
		close(fds[1]);
		while (read(fds[0], &directory, sizeof(directory)) == sizeof(directory))
			mixed_tree_change(&scene, directory);
		_exit(0);
	}
	close(fds[0]);
	*fd_out = fds[1];
	return child;
}

/* ---- trials ---- */

/* Both sides end as they should, which the client has seen: also with files that were left alone, but in quiet. */
static void run_session(const struct trial *trial)
{
	struct lade_connection ends[2];
	pid_t children[2];
	int statuses[2];

	peer_connect(trial->kind, 4096, ends);
	if (trial->protected)
		peer_protect(ends);
	children[1] = start(ends, 1, trial);
	children[0] = start(ends, 0, trial);
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
	for (unsigned i = 0; i < 2; i++)
		statuses[i] = scene_wait_for(children[i]);
	if (changer_fd < 0 || statuses[0] != LADE_EXIT_PARTIAL)
		assert_int_equal(statuses[0], 0);
	assert_int_equal(statuses[1], statuses[0]);
}

static void stop_changing(void)
{
	if (changer_fd >= 0)
		close(changer_fd);
	changer_fd = -1;
}

static void clear(void)
{
	if (*scene.top)
		scene_remove(&scene);
	*scene.top = '\0';
}

static void run(const struct trial *trial)
{
	pid_t changer;

	scene_make(&scene);
	mixed_tree_make(&scene, trial->directories);
	changer = start_changer(&changer_fd);
	run_session(trial);
	stop_changing();
	assert_int_equal(scene_wait_for(changer), 0);
	mixed_tree_compare(&scene, true);
	run_session(trial);
	mixed_tree_compare(&scene, false);
	scene_check(&scene);
	clear();
}

/* What a trial that failed has left. */
static int teardown(void **state)
{
	(void)state;
	stop_changing();
	clear();
	return 0;
}

/* Over pipes by either path that runs can take, each way once; with descriptors. */
static void run_everywhere(const struct lade_session_limits *limits, unsigned directories)
{
	const struct trial trials[] = {
		{ LADE_CONNECTION_PIPES, true, LADE_PATH_COPY, directories, *limits, false },
		{ LADE_CONNECTION_PIPES, false, LADE_PATH_SENDFILE, directories, *limits, false },
		{ LADE_CONNECTION_PAIR, true, LADE_PATH_AUTO, directories, *limits, false },
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		run(&trials[i]);
}

/* The bounds and how small each can be. No message of the entry stream is longer here than 7/8 of LEAST_CREDIT. */
#define LEAST_CREDIT 128u
#define BOUND(name, least) { #name, offsetof(struct lade_session_limits, name), least }
static struct bound {
	const char *name;
	size_t off;
	uint32_t least;
} bounds[] = {
	BOUND(slots, 1), BOUND(described, 1), BOUND(want_runs, 1), BOUND(want_gaps, 1), BOUND(jobs, 1), BOUND(descriptors, 1),
	BOUND(bundle, 1), BOUND(unanswered, 1), BOUND(queue, 1), BOUND(entry_credit, LEAST_CREDIT),
};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))
static_assert(sizeof(struct lade_session_limits) == BOUNDS * sizeof(uint32_t), "every bound is tried");

static void set(struct lade_session_limits *limits, const struct bound *bound, uint32_t value)
{
	memcpy((char *)limits + bound->off, &value, sizeof(value));
}

static struct lade_session_limits all_least(void)
{
	struct lade_session_limits limits;

	for (size_t i = 0; i < BOUNDS; i++)
		set(&limits, &bounds[i], bounds[i].least);
	return limits;
}

static void test_own_bounds(void **state)
{
	const struct lade_session_limits limits = { 0 };

	(void)state;
	run_everywhere(&limits, DIRECTORIES);
}

static void test_all_least(void **state)
{
	const struct lade_session_limits limits = all_least();

	(void)state;
	run_everywhere(&limits, DIRECTORIES);
}

/* Runs are copied and spliced by turns, so their buffers and their files are waited for by turns. */
static void test_all_least_any_path(void **state)
{
	const struct trial push = { LADE_CONNECTION_PIPES, true, LADE_PATH_AUTO, FEW_DIRECTORIES, all_least(), false };
	const struct trial pull = { LADE_CONNECTION_PIPES, false, LADE_PATH_AUTO, FEW_DIRECTORIES, all_least(), false };

	(void)state;
	run(&push);
	run(&pull);
}

static void run_protected(const struct lade_session_limits *limits)
{
	const struct trial push = { LADE_CONNECTION_TCP, true, LADE_PATH_AUTO, FEW_DIRECTORIES, *limits, true };
	const struct trial pull = { LADE_CONNECTION_TCP, false, LADE_PATH_SENDFILE, FEW_DIRECTORIES, *limits, true };

	run(&push);
	run(&pull);
}

static void test_protected(void **state)
{
	const struct lade_session_limits own = { 0 }, least = all_least();

	(void)state;
	run_protected(&own);
	run_protected(&least);
}

static void test_one_least(void **state)
{
	struct lade_session_limits limits = { 0 };
	const struct bound *bound = *state;

	set(&limits, bound, bound->least);
	run_everywhere(&limits, FEW_DIRECTORIES);
}

static void test_all_but_one_least(void **state)
{
	struct lade_session_limits limits = all_least();

	set(&limits, *state, 0);
	run_everywhere(&limits, FEW_DIRECTORIES);
}

int main(void)
{
	static char names[2 * BOUNDS][64];
	struct CMUnitTest tests[4 + 2 * BOUNDS] = {
		cmocka_unit_test_teardown(test_own_bounds, teardown),
		cmocka_unit_test_teardown(test_all_least, teardown),
		cmocka_unit_test_teardown(test_all_least_any_path, teardown),
		cmocka_unit_test_teardown(test_protected, teardown),
	}, *next = tests + 4;

	for (size_t i = 0; i < BOUNDS; i++) {
		snprintf(names[2 * i], sizeof(names[0]), "test_least_%s", bounds[i].name);
		*next++ = (struct CMUnitTest){ names[2 * i], test_one_least, NULL, teardown, &bounds[i] };
		snprintf(names[2 * i + 1], sizeof(names[0]), "test_all_least_but_%s", bounds[i].name);
		*next++ = (struct CMUnitTest){ names[2 * i + 1], test_all_but_one_least, NULL, teardown, &bounds[i] };
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("saturation", tests, NULL, NULL);
}
