/*
 * A source that changes while it is sent (attack class A16): cut short at every 64 KiB,
 * grown, rewritten, replaced by something else, gone; with each way of moving, and read past the page cache. The
 * connection is pipes of the usual 64 KiB, so that the sender is never far ahead of the byte
 * that the receiver has reached. What else is in the tree always arrives.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/client.h"
#include "tests/fault/scene.h"
#include "tests/fault/sink.h"

#define BIG (2u << 20)
#define STEP (64u << 10)
#define OTHER (200u << 10)
#define OPTIONS ((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_NUMERIC_IDS | LADE_OPTION_TIMES)

static struct scene scene;
static const struct lade_settings *client_settings; /* the sender is a client with these; NULL: it is a server */
static uint8_t content[BIG + STEP], other[OTHER];

/* What happens to the source, and when. */
struct change {
	const char *name;
	void (*make)(const struct change *change);
	uint64_t at;     /* when the receiver has reached this byte of "big" */
	uint64_t length; /* the maker's own */
	bool done;
};

/* ---- what can happen ---- */

static void cut(const struct change *change)
{
	assert_int_equal(truncate(scene_path(&scene, "big"), (off_t)change->length), 0);
}

static void grow(const struct change *change)
{
	int fd = open(scene_path(&scene, "big"), O_WRONLY | O_APPEND | O_CLOEXEC);

	(void)change;
	assert_int_equal(write(fd, content + BIG, STEP), STEP);
	close(fd);
}

/* Other bytes, from change->length on, in place. */
static void rewrite(const struct change *change)
{
	int fd = open(scene_path(&scene, "big"), O_WRONLY | O_CLOEXEC);

	for (uint64_t off = change->length; off < BIG; off += 4096)
		assert_int_equal(pwrite(fd, "changed", 7, (off_t)off), 7);
	close(fd);
}

static void vanish(const struct change *change)
{
	(void)change;
	assert_int_equal(unlink(scene_path(&scene, "big")), 0);
}

static void become_fifo(const struct change *change)
{
	vanish(change);
	assert_int_equal(mkfifo(scene_path(&scene, "big"), 0600), 0);
}

static void become_symlink(const struct change *change)
{
	char canary[PATH_MAX + 8];

	vanish(change);
	snprintf(canary, sizeof(canary), "%s/canary", scene.outside);
	assert_int_equal(symlink(canary, scene_path(&scene, "big")), 0);
}

static void become_directory(const struct change *change)
{
	vanish(change);
	assert_int_equal(mkdir(scene_path(&scene, "big"), 0700), 0);
}

/* ---- sessions ---- */

static void hook(struct sink *sink, const struct sink_file *file, uint64_t off)
{
	struct change *change = sink->context;

	if (change->done || strcmp(file->name, "big") || off < change->at)
		return;
	change->done = true;
	change->make(change);
}

static int serve(struct lade_connection *connection, void *context)
{
	(void)context;
	return lade_sync_serve(connection, NULL, NULL, NULL);
}

/* A client that sends source, which is context. */
static int push(struct lade_connection *connection, void *context)
{
	char *sources[] = { context };
	const struct lade_sync_job job = {
		.settings = client_settings, .connection = connection, .push = true, .sources = sources, .source_count = 1,
		.destination = "anywhere",
	};
	struct lade_msg_end totals;

	return client_run(&job, &totals);
}

/* Begin a session in which source is sent. */
static void start_sender(struct peer *peer, enum lade_path path, char *source)
{
	struct lade_message message;

	peer_start_with(peer, LADE_CONNECTION_PIPES, client_settings ? push : serve, source);
	peer->path = path;
	peer->answers = client_settings;
	peer_hello(peer);
	if (client_settings)
		assert_true(peer_hear_type(peer, LADE_MSG_OPEN, &message));
	else
		peer_open(peer, PEER_SENDS, OPTIONS, source);
}

static void check_others(const struct sink *sink)
{
	static const char *const names[] = { "after", "before", "tiny" };

	for (size_t i = 0; i < 3; i++) {
		const struct sink_file *file = sink_find(sink, names[i]);
		uint64_t size = strcmp(names[i], "tiny") ? OTHER : 1000;

		assert_non_null(file);
		assert_true(!file->gone && !file->damaged && file->size == size);
		assert_memory_equal(file->content, other, size);
	}
}

/* One session with a change; the sender's exit status. The sink has what it is to do, and gets what it heard. */
static int run_session_into(struct change *change, enum lade_path path, struct sink *sink)
{
	struct peer peer;
	char source[PATH_MAX + 2];
	int status;

	scene_write(&scene, "after", other, OTHER);
	scene_write(&scene, "before", other, OTHER);
	scene_write(&scene, "tiny", other, 1000);
	(void)rmdir(scene_path(&scene, "big"));
	(void)unlink(scene_path(&scene, "big"));
	scene_write(&scene, "big", content, BIG);
	snprintf(source, sizeof(source), "%s/", scene.inside);
	scene_wait_tick(&scene, "big");

	start_sender(&peer, path, source);
	sink->peer = &peer;
	sink->hook = hook;
	sink->context = change;
	assert_true(sink_run(sink));
	status = peer_stop(&peer);
	assert_true(change->done);
	check_others(sink);
	return status;
}

static int run_session(struct change *change, enum lade_path path, struct sink *sink)
{
	*sink = (struct sink){ .peer = NULL };
	return run_session_into(change, path, sink);
}

/* Cut at every 64 KiB, to where the sender is, to before it, and to nothing. */
static void test_cut(void **state)
{
	enum lade_path path = *(const enum lade_path *)*state;

	for (uint64_t at = 0; at < BIG; at += STEP) {
		const uint64_t lengths[] = { at + STEP, at / 2, 0 };
		struct change change = { "cut", cut, at, lengths[at / STEP % 3], false };
		struct sink sink;
		const struct sink_file *big;

		if (change.length >= BIG)
			change.length = BIG - 1;
		assert_int_equal(run_session(&change, path, &sink), 0);
		big = sink_find(&sink, "big");
		/* Near its end all of it may have left, and its end was said, before it was cut. */
		if (at + 4 * STEP <= BIG)
			assert_true(big->attempts >= 1 && !big->damaged);
		assert_int_equal(big->size, big->attempts ? change.length : BIG);
		if (!big->damaged)
			assert_memory_equal(big->content, content, big->size);
		sink_fini(&sink);
	}
}

static void test_grow(void **state)
{
	enum lade_path path = *(const enum lade_path *)*state;
	struct change change = { "grow", grow, BIG / 2, 0, false };
	const struct sink_file *big;
	struct sink sink;

	assert_int_equal(run_session(&change, path, &sink), 0);
	big = sink_find(&sink, "big");
	assert_true(big->attempts >= 1 && !big->damaged && !big->changed);
	assert_int_equal(big->size, BIG + STEP);
	assert_memory_equal(big->content, content, big->size);
	sink_fini(&sink);
}

/* Pages that were digested and lent, and are then overwritten: found by the digest, sent again. */
static void test_rewrite(void **state)
{
	enum lade_path path = *(const enum lade_path *)*state;
	unsigned asked = 0;

	for (uint64_t at = 0; at < BIG; at += 4 * STEP) {
		struct change change = { "rewrite", rewrite, at, 0, false };
		uint8_t *now = malloc(BIG);
		const struct sink_file *big;
		struct sink sink;

		memcpy(now, content, BIG);
		for (uint64_t off = 0; off < BIG; off += 4096)
			memcpy(now + off, "changed", 7);
		assert_int_equal(run_session(&change, path, &sink), 0);
		big = sink_find(&sink, "big");
		asked += big->asked;
		assert_true(big->attempts >= 1 && !big->damaged && !big->changed);
		assert_memory_equal(big->content, now, BIG);
		sink_fini(&sink);
		free(now);
	}
	/* The point of it: where pages are lent, a run arrived that was not what its digest says. */
	if (path == LADE_PATH_SENDFILE || path == LADE_PATH_SPLICE)
		assert_true(asked > 0);
}

/* The descriptor that was opened goes on; the name does not matter until another attempt. */
static void test_replaced(void **state)
{
	static void (*const makers[])(const struct change *) = { vanish, become_fifo,
		become_symlink, become_directory };
	enum lade_path path = *(const enum lade_path *)*state;

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		struct change change = { "replaced", makers[i], BIG / 2, 0, false };
		const struct sink_file *big;
		struct sink sink;
		int status = run_session(&change, path, &sink);

		big = sink_find(&sink, "big");
		/* Its ctime moved with the unlink: another attempt, which finds no such file. */
		assert_int_equal(status, LADE_EXIT_VANISHED);
		assert_true(big->gone);
		sink_fini(&sink);
	}
}

/* Before it is opened at all: found when its turn comes. */
static void test_replaced_before(void **state)
{
	static void (*const makers[])(const struct change *) = { vanish, become_fifo,
		become_symlink, become_directory };
	enum lade_path path = *(const enum lade_path *)*state;

	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
		struct change change = { "replaced", makers[i], 0, 0, false };
		struct lade_message message;
		char source[PATH_MAX + 8];
		const struct sink_file *big;
		struct sink sink;
		struct peer peer;

		(void)rmdir(scene_path(&scene, "big"));
		(void)unlink(scene_path(&scene, "big"));
		scene_write(&scene, "big", content, BIG);
		snprintf(source, sizeof(source), "%s/big", scene.inside);
		start_sender(&peer, path, source);
		sink = (struct sink){ .peer = &peer };
		assert_true(peer_hear_type(&peer, LADE_MSG_ENTRY, &message));
		makers[i](&change);
		sink.files[0].name[0] = 'b';
		sink.files[0].size = BIG;
		sink.file_count = 1;
		lade_put_want(&peer.out, &(struct lade_msg_want){ 0, 0 });
		peer_say(&peer);
		assert_true(sink_run(&sink));
		big = &sink.files[0];
		assert_true(big->gone);
		assert_int_equal(peer_stop(&peer), LADE_EXIT_VANISHED);
		sink_fini(&sink);
	}
}

/* ---- sendfile = off ---- */

static ssize_t forbidden_sendfile(int out_fd, int in_fd, off_t *off, size_t len)
{
	(void)out_fd;
	(void)in_fd;
	(void)off;
	(void)len;
	abort();
}

static ssize_t forbidden_splice(int in_fd, off_t *in_off, int out_fd, off_t *out_off, size_t len, unsigned flags)
{
	(void)in_off;
	(void)out_off;
	(void)flags;
	return forbidden_sendfile(out_fd, in_fd, NULL, len);
}

/* No page of the source is lent, whatever way is asked for. */
static void test_no_sendfile(void **state)
{
	struct lade_mover_calls calls = lade_mover_kernel;

	(void)state;
	calls.sendfile = forbidden_sendfile;
	calls.splice = forbidden_splice;
	for (int path = LADE_PATH_AUTO; path < LADE_PATH_COUNT; path++) {
		const struct lade_settings settings = {
			.options = OPTIONS, .path = (enum lade_path)path, .no_sendfile = true, .calls = &calls,
		};
		struct change change = { "grow", grow, BIG / 2, 0, false };
		const struct sink_file *big;
		struct sink sink;

		client_settings = &settings;
		assert_int_equal(run_session(&change, (enum lade_path)path, &sink), 0);
		big = sink_find(&sink, "big");
		assert_true(!big->damaged && !big->asked && big->size == BIG + STEP);
		assert_memory_equal(big->content, content, big->size);
		sink_fini(&sink);
	}
}

/* ---- described ---- */

/* What is at the source now, or NULL; to be freed. */
static uint8_t *source_now(size_t *len_out)
{
	int fd = open(scene_path(&scene, "big"), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint8_t *now = malloc(2 * BIG);
	struct stat st;
	ssize_t got = fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ? -1 : read(fd, now, 2 * BIG);

	if (fd >= 0)
		close(fd);
	if (got >= 0) {
		*len_out = (size_t)got;
		return now;
	}
	free(now);
	return NULL;
}

/*
 * Changed while it is described, or when the answers to what was asked for are under way: what arrives is what was there
 * first, or what is there now, but nothing in between. state: gaps are asked for late, and more is in flight then.
 */
static void test_described(void **state)
{
	static const struct change kinds[] = {
		{ "cut", cut, 0, BIG / 3, false }, { "cut to nothing", cut, 0, 0, false },
		{ "cut a little", cut, 0, BIG - 1, false }, { "grow", grow, 0, 0, false },
		{ "rewrite", rewrite, 0, 0, false }, { "rewrite the end", rewrite, 0, BIG - STEP, false },
		{ "vanish", vanish, 0, 0, false }, { "become a FIFO", become_fifo, 0, 0, false },
		{ "become a symlink", become_symlink, 0, 0, false },
		{ "become a directory", become_directory, 0, 0, false },
	};
	bool late = *(const bool *)*state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (uint64_t at = 0; at < BIG; at += BIG / 4) {
			struct sink sink = { .cut_class = LADE_CUT_CLASS_MIN, .late = late };
			const struct sink_file *big;
			struct change change = kinds[i];
			size_t len = 0;
			uint8_t *now;
			int status;

			change.at = at;
			print_message("# %s at %u\n", change.name, (unsigned)at);
			status = run_session_into(&change, LADE_PATH_AUTO, &sink);
			big = sink_find(&sink, "big");
			now = source_now(&len);
			assert_true(sink_find(&sink, "after")->patches > 0);
			if (big->gone) {
				assert_null(now);
				assert_int_equal(status, LADE_EXIT_VANISHED);
			} else if (big->damaged) {
				fail_msg("%s at %u: nothing arrived", change.name, (unsigned)at);
			} else {
				assert_int_equal(status, LADE_EXIT_OK);
				if (big->size != len || !now || memcmp(big->content, now, len)) {
					assert_int_equal(big->size, BIG);
					assert_memory_equal(big->content, content, BIG);
				}
			}
			free(now);
			sink_fini(&sink);
		}
	}
}

/* ---- all of it ---- */

static int setup(void **state)
{
	(void)state;
	scene_make(&scene);
	return 0;
}

static int setup_direct(void **state)
{
	static const struct lade_settings settings = { .options = OPTIONS, .directio = 1 };

	client_settings = &settings;
	return setup(state);
}

static int setup_ahead(void **state)
{
	static const struct lade_settings settings = { .options = OPTIONS, .directio = 1, .aio = true };

	client_settings = &settings;
	return setup(state);
}

static int teardown(void **state)
{
	(void)state;
	client_settings = NULL;
	scene_remove(&scene);
	return 0;
}

int main(void)
{
	static enum lade_path paths[] = { LADE_PATH_SENDFILE, LADE_PATH_SPLICE, LADE_PATH_MMAP,
		LADE_PATH_COPY };
#define EACH(test, i) { #test, test, setup, teardown, &paths[i] }
	static bool late[] = { false, true };
#define DIRECT(test) { #test "_direct", test, setup_direct, teardown, &paths[3] }
#define AHEAD(test) { #test "_ahead", test, setup_ahead, teardown, &paths[3] }
#define ALL(test) EACH(test, 0), EACH(test, 1), EACH(test, 2), EACH(test, 3), DIRECT(test), AHEAD(test)
	const struct CMUnitTest tests[] = {
		ALL(test_cut), ALL(test_grow), ALL(test_rewrite), ALL(test_replaced),
			ALL(test_replaced_before),
		{ "test_no_sendfile", test_no_sendfile, setup, teardown, NULL },
		{ "test_described", test_described, setup, teardown, &late[0] },
		{ "test_described_late", test_described, setup, teardown, &late[1] },
	};

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < sizeof(other); i++)
		other[i] = (uint8_t)(i * 40503u >> 5);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("changing source", tests, NULL, NULL);
}
