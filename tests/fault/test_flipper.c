/*
 * Somebody on the server's host exchanges a directory with a symlink out of the tree, all the time, while sessions with a grant go on (attack
 * class A4): whichever of the two a session meets, nothing outside is touched, and nothing of it is sent.
 *
 * Each case goes on until there were 10,000 exchanges and 100 sessions, or its time is over, and for some sessions in any case.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/client.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"
#include "tests/unit/temp_tree.h"

#define ROUNDS 10000u
#define TIME_S 3
#define SESSIONS_LEAST 4u
#define SESSIONS_ENOUGH 100u
#define OPTIONS ((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_TIMES | LADE_OPTION_NUMERIC_IDS | LADE_OPTION_IGNORE_TIMES)
#define OURS "what anybody may have\n"

static struct scene scene;
static char local[PATH_MAX];
static struct lade_grant grant;
static atomic_uint *rounds; /* shared with the flipper */
static pid_t flipper;

/* Exchange inside/flip and inside/flop until killed. */
static void flip(void)
{
	int fd = open(scene.inside, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (;;) {
		if (renameat2(fd, "flip", fd, "flop", RENAME_EXCHANGE))
			_exit(1);
		atomic_fetch_add(rounds, 1);
	}
}

static void write_in(const char *directory, const char *name, const char *content)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content))
		abort();
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	scene_make(&scene);
	temp_tree_make(local);
	/* The names are those outside: who gets there finds what he looks for. */
	if (mkdir(scene_path(&scene, "flip"), 0755) || mkdir(scene_path(&scene, "fixed"), 0755) ||
	    symlink("../outside", scene_path(&scene, "flop")))
		abort();
	write_in(scene_path(&scene, "flip"), "canary", OURS);
	write_in(scene_path(&scene, "fixed"), "canary", OURS);
	grant = (struct lade_grant){
		.root_fd = open(scene.inside, O_PATH | O_DIRECTORY | O_CLOEXEC), .state_fd = -1, .may_read = true, .may_write = true,
	};
	rounds = mmap(NULL, sizeof(*rounds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rounds == MAP_FAILED)
		abort();
	atomic_store(rounds, 0);
	fflush(NULL);
	flipper = fork();
	if (flipper == 0)
		flip();
	return flipper < 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)kill(flipper, SIGKILL);
	(void)scene_wait_for(flipper);
	(void)munmap(rounds, sizeof(*rounds));
	close(grant.root_fd);
	scene_remove(&scene);
	temp_tree_remove(local);
	return 0;
}

static int serve_granted(struct lade_connection *connection, void *context)
{
	(void)context;
	return lade_sync_serve(connection, NULL, NULL, &grant);
}

/* One session; whatever becomes of it, nothing outside is touched. */
static void session(bool push, const struct lade_settings *settings, const char *far)
{
	char *sources[] = { (char *)far };
	char near[PATH_MAX + 8], pulled[PATH_MAX + 8];
	struct lade_msg_end totals;
	struct peer peer;
	struct lade_sync_job job = {
		.settings = settings, .connection = &peer.connection, .push = push, .sources = sources, .source_count = 1,
	};

	snprintf(near, sizeof(near), "%s/src/", local);
	snprintf(pulled, sizeof(pulled), "%s/got/", local);
	if (push)
		sources[0] = near;
	job.destination = push ? far : pulled;
	peer_start_with(&peer, LADE_CONNECTION_PIPES, serve_granted, NULL);
	(void)client_run(&job, &totals);
	assert_true(peer_cut(&peer) < 128);
	scene_check(&scene);
}

/* What was pulled is ours, and no temporary stays where the next session would meet it. */
static void check_pulled(void)
{
	char path[PATH_MAX + 16], found[64] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/got/canary", local);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	assert_true(read(fd, found, sizeof(found) - 1) >= 0);
	close(fd);
	assert_string_equal(found, OURS);
	(void)unlink(path);
}

/* Sessions until the flipper has gone round often enough. */
static void repeat(bool push, const struct lade_settings *settings, const char *far)
{
	struct timespec start, now;
	unsigned sessions = 0;
	char src[PATH_MAX + 8];

	snprintf(src, sizeof(src), "%s/src", local);
	if (mkdir(src, 0755))
		abort();
	write_in(src, "canary", "client's own\n"); /* as long as the one outside */
	write_in(src, "new", "new\n");
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		session(push, settings, far);
		if (!push)
			check_pulled();
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (++sessions < SESSIONS_LEAST ||
		 ((sessions < SESSIONS_ENOUGH || atomic_load(rounds) < ROUNDS) && now.tv_sec - start.tv_sec < TIME_S));
	assert_true(atomic_load(rounds) > 0);
}

static void test_sources(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS };

	(void)state;
	repeat(false, &settings, "/flip/");
}

static void test_followed_sources(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS | LADE_OPTION_COPY_LINKS };

	(void)state;
	repeat(false, &settings, "/flip/canary");
}

static void test_destination(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS | LADE_OPTION_DELETE };

	(void)state;
	repeat(true, &settings, "/flip");
}

static void test_new_destination(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS | LADE_OPTION_MKPATH };

	(void)state;
	repeat(true, &settings, "/flip/made/there");
}

static void test_backup_directory(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS | LADE_OPTION_BACKUP, .backup_dir = "/flip/backups" };

	(void)state;
	repeat(true, &settings, "/fixed");
}

static void test_temporary_directory(void **state)
{
	const struct lade_settings settings = { .options = OPTIONS, .temp_dir = "/flip" };

	(void)state;
	repeat(true, &settings, "/fixed");
}

static void test_alternative_directory(void **state)
{
	const char *beside = "/flip";
	const struct lade_settings settings = {
		.options = OPTIONS | LADE_OPTION_SIZE_ONLY, .alternative = LADE_ALTERNATIVE_LINK, .alternatives = &beside, .alternative_count = 1,
	};

	(void)state;
	repeat(true, &settings, "/fixed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sources, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_followed_sources, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_destination, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new_destination, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_backup_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_temporary_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_alternative_directory, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("flipper", tests, NULL, NULL);
}
