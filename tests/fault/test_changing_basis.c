/*
 * An old file, at the destination or in an alternative directory, that changes while the new one is made from it: cut
 * short, grown, rewritten, replaced, gone, at moments of a session that a hand-made sender knows, and all the time between
 * two real sides. What stands there at the end is the right file, or the session has told of an error.
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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/cut_stream.h"
#include "agent/sync/sync.h"
#include "chunker/cut.h"
#include "protocol/entry.h"
#include "protocol/recipe.h"
#include "tests/fault/attack.h"
#include "tests/fault/client.h"
#include "tests/fault/describer.h"
#include "tests/fault/scene.h"

#define LEN 1000000u
#define PIECE 100000u

static struct scene scene;
static uint8_t old_content[LEN], new_content[LEN], noise[LEN];

/* ---- what can happen to the old file ---- */

/* Where it is: NULL at the destination, else the alternative directory, in the destination. */
static const char *alternative;

static const char *old_name(void)
{
	return alternative ? "older/old" : "old";
}

static const char *old_path(void)
{
	return scene_path(&scene, old_name());
}

static void write_over(const void *bytes, size_t len, off_t off)
{
	int fd = open(old_path(), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, off), (ssize_t)len);
	close(fd);
}

static void cut_half(void)
{
	assert_int_equal(truncate(old_path(), LEN / 2), 0);
}

static void cut_all(void)
{
	assert_int_equal(truncate(old_path(), 0), 0);
}

/* As `cp` does it: what comes back is something else. */
static void cut_and_rewrite(void)
{
	cut_all();
	write_over(noise, LEN, 0);
}

static void rewrite(void)
{
	write_over(noise, LEN, 0);
}

static void rewrite_beginning(void)
{
	write_over(noise, 1000, 0);
}

static void rewrite_middle(void)
{
	write_over(noise, PIECE, LEN / 2);
}

static void grow(void)
{
	write_over(noise, 1000, LEN);
}

static void touch(void)
{
	assert_int_equal(utimensat(AT_FDCWD, old_path(), NULL, 0), 0);
}

static void replace(void)
{
	scene_write(&scene, "other", noise, LEN);
	assert_int_equal(rename(scene_path(&scene, "other"), old_path()), 0);
}

static void vanish(void)
{
	assert_int_equal(unlink(old_path()), 0);
}

static void become_symlink(void)
{
	char canary[PATH_MAX + 8];

	vanish();
	snprintf(canary, sizeof(canary), "%s/canary", scene.outside);
	assert_int_equal(symlink(canary, old_path()), 0);
}

static void become_fifo(void)
{
	vanish();
	assert_int_equal(mkfifo(old_path(), 0600), 0);
}

static void become_directory(void)
{
	vanish();
	assert_int_equal(mkdir(old_path(), 0700), 0);
}

static const struct change {
	const char *name;
	void (*make)(void);
} changes[] = {
	{ "cut to half", cut_half }, { "cut to nothing", cut_all }, { "cut and rewritten", cut_and_rewrite },
	{ "rewritten", rewrite }, { "rewritten at the beginning", rewrite_beginning },
	{ "rewritten in the middle", rewrite_middle }, { "grown", grow }, { "touched", touch }, { "replaced", replace },
	{ "gone", vanish }, { "a symlink", become_symlink }, { "a FIFO", become_fifo },
	{ "a directory", become_directory },
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

/* ---- when ---- */

enum moment {
	WANTED,     /* nothing was said of it */
	BEGUN,      /* the first piece was, and most of the time looked at */
	DESCRIBED,  /* all but the end was */
	FIRST_GAP,  /* a signature was made */
	SECOND_GAP, /* and a patch was applied */
	LAST_ANSWER,
	MOMENTS
};

static const char *const moment_names[MOMENTS] = {
	"when it is wanted", "after its first piece", "after all pieces", "at the first gap", "at the second gap",
	"before the last answer",
};

/* Something like long enough: whatever has happened by now, the outcome is right. */
static void rest(void)
{
	const struct timespec while_ = { .tv_nsec = 5000000 };

	nanosleep(&while_, NULL);
}

/* One session that is under way. */
struct trial {
	const struct change *change;
	enum moment moment;
	bool done;
	unsigned asked;
};

static void reach(struct trial *trial, enum moment moment)
{
	if (trial->moment != moment || trial->done)
		return;
	rest();
	trial->change->make();
	trial->done = true;
}

/* Answer one after the other. */
static void answer(struct trial *trial, struct describer *describer)
{
	struct lade_message message;

	while (!describer->acknowledged) {
		assert_int_equal(peer_hear(describer->peer, &message), PEER_MESSAGE);
		if (message.type == LADE_MSG_WANT_GAP) {
			reach(trial, trial->asked++ ? SECOND_GAP : FIRST_GAP);
			if (describer->off == LEN && message.want_gap.off + message.want_gap.len > LEN - PIECE)
				reach(trial, LAST_ANSWER);
		}
		describer_hear(describer, &message);
	}
}

/* What the new content is, which may depend on where the old one is cut. */
typedef void make_content(const struct lade_run_key *key);

/* The server's exit status. */
static int run_session(struct trial *trial, make_content *make)
{
	struct describer describer;
	struct peer peer;

	(void)rmdir(old_path());
	(void)unlink(old_path());
	if (alternative)
		(void)unlink(scene_path(&scene, "old"));
	scene_write(&scene, old_name(), old_content, LEN);
	scene_wait_tick(&scene, old_name());
	peer_start(&peer, LADE_CONNECTION_PIPES);
	peer_hello(&peer);
	make(&peer.key);
	peer_open_beside(&peer, PEER_RECEIVES, ATTACK_OPTIONS, scene.inside, alternative);
	attack_root(&peer);
	attack_file(&peer, "old", LEN);
	attack_entries_end(&peer);
	describer_init(&describer, &peer, 0, new_content, LEN);
	reach(trial, WANTED);
	describer_put_piece(&describer, PIECE);
	peer_say(&peer);
	reach(trial, BEGUN);
	while (describer.off < LEN)
		describer_put_piece(&describer, PIECE);
	peer_say(&peer);
	reach(trial, DESCRIBED);
	describer_say_rest(&describer, PIECE);
	answer(trial, &describer);
	assert_true(peer_finish_session(&peer));
	return peer_stop(&peer);
}

/* Every change at every moment. */
static void try_all(make_content *make, bool gaps)
{
	for (size_t i = 0; i < CHANGES; i++) {
		for (enum moment moment = 0; moment < (gaps ? MOMENTS : FIRST_GAP); moment++) {
			struct trial trial = { .change = &changes[i], .moment = moment };
			int status;

			print_message("# %s %s\n", changes[i].name, moment_names[moment]);
			status = run_session(&trial, make);
			/* Nothing of one that is elsewhere is taken unseen: what it has not is sent. */
			if (alternative)
				assert_int_equal(status, LADE_EXIT_OK);
			if (status == LADE_EXIT_OK)
				scene_check_file(&scene, "old", new_content, LEN);
			else
				assert_int_equal(status, LADE_EXIT_PARTIAL);
			scene_check(&scene);
		}
	}
}

/* Some bytes are others, at three places, and some are inserted. */
static void edit(const struct lade_run_key *key)
{
	(void)key;
	memcpy(new_content, old_content, LEN);
	memcpy(new_content + 250000, noise, 100);
	memmove(new_content + 503000, new_content + 500000, LEN - 503000);
	memcpy(new_content + 500000, noise, 3000);
	memcpy(new_content + 950000, noise, 20000);
	memcpy(new_content + LEN - 100, noise, 100);
}

static void test_edited(void **state)
{
	(void)state;
	try_all(edit, true);
}

/* The same content, with another time: nothing is to be written. */
static void keep(const struct lade_run_key *key)
{
	(void)key;
	memcpy(new_content, old_content, LEN);
}

static void test_same(void **state)
{
	(void)state;
	try_all(keep, false);
}

/* First as before, then the same chunks in the other order: nothing is missing, so the file may settle at any time. */
static void turn(const struct lade_run_key *key)
{
	size_t off = 0, len, new_end = LEN;
	struct lade_cut cut;

	lade_cut_init(&cut, key, lade_cut_class_of(LEN));
	for (; off < LEN; off += len) {
		len = lade_cut_next(&cut, old_content + off, LEN - off);
		if (off < 3 * PIECE) {
			memcpy(new_content + off, old_content + off, len);
			continue;
		}
		new_end -= len;
		memcpy(new_content + new_end, old_content + off, len);
	}
}

static void test_turned(void **state)
{
	(void)state;
	try_all(turn, false);
}

/* All of these with an old file in an alternative directory. */
static void test_elsewhere(void **state)
{
	(void)state;
	assert_int_equal(mkdir(scene_path(&scene, "older"), 0755), 0);
	alternative = "older";
	try_all(edit, true);
	try_all(keep, false);
	try_all(turn, false);
	alternative = NULL;
}

/* ---- a patch behind a run of the same bytes ---- */

/* Content in the making, of chunks that the old file has and of others; list: of the piece at hand. */
struct composition {
	const struct lade_run_key *key;
	struct lade_writer list;
	uint64_t begun, len;
};

/* len bytes; named: by their digest, else by one that nothing has. */
static void compose(struct composition *composition, const uint8_t *bytes, uint32_t len, bool named)
{
	struct lade_recipe_chunk chunk = { .len = len, .name = 1 };
	uint8_t digest[LADE_DIGEST_LEN];

	lade_digest(composition->key, bytes, len, digest);
	if (named)
		chunk.name = lade_chunk_name(digest);
	lade_recipe_put(&composition->list, &chunk);
	memcpy(new_content + composition->len, bytes, len);
	composition->len += len;
}

/* Say what was composed as a piece. */
static void say_composed(struct composition *composition, struct describer *describer)
{
	describer_put_bare(describer, composition->begun, (uint32_t)(composition->len - composition->begun),
			   new_content + composition->begun,
			   lade_slice(composition->list.data, composition->list.len));
	describer->off = composition->begun = composition->len;
	lade_writer_reset(&composition->list);
	peer_say(describer->peer);
}

/* Where the old file's chunk begins that off is in; *len_out: its length. */
static uint64_t chunk_at(const struct lade_run_key *key, uint64_t off, uint32_t *len_out)
{
	struct lade_cut cut;
	uint64_t at = 0;

	lade_cut_init(&cut, key, lade_cut_class_of(LEN));
	while (at + (*len_out = (uint32_t)lade_cut_next(&cut, old_content + at, LEN - at)) <= off)
		at += *len_out;
	return at;
}

/* With two of these the new file is not too small a part of the old one to be described, however short its chunks are. */
#define GAP (LEN / 64)

/*
 * The second piece has a chunk that is in the old file's list, but no longer in the file: all of the piece is asked for, and
 * its gap as well, which the sender answers last. Meanwhile the old bytes of that gap have become others: what a patch makes of
 * them must not be in the new file, however good the run was.
 */
static void test_late_patch(void **state)
{
	uint64_t first, second, third;
	uint32_t first_len, second_len, third_len;
	struct composition composition = { 0 };
	struct lade_message message;
	struct describer describer;
	bool asked = false;
	struct peer peer;

	(void)state;
	scene_write(&scene, "old", old_content, LEN);
	peer_start(&peer, LADE_CONNECTION_PIPES);
	peer_hello(&peer);
	composition.key = &peer.key;
	lade_writer_init(&composition.list, LADE_RECIPE_MAX);
	first = chunk_at(&peer.key, LEN / 8, &first_len);
	second = chunk_at(&peer.key, LEN / 4, &second_len);
	third = chunk_at(&peer.key, LEN / 4 * 3, &third_len);
	peer_open(&peer, PEER_RECEIVES, ATTACK_OPTIONS, scene.inside);
	attack_root(&peer);
	attack_file(&peer, "old", GAP + first_len + second_len + GAP + third_len);
	attack_entries_end(&peer);
	describer_init(&describer, &peer, 0, new_content, GAP + first_len + second_len + GAP + third_len);
	assert_int_equal(describer.cut_class, lade_cut_class_of(LEN));

	compose(&composition, noise, GAP, false);
	compose(&composition, old_content + first, first_len, true);
	say_composed(&composition, &describer);
	/* This shows that the old file was cut. */
	assert_true(peer_hear_type(&peer, LADE_MSG_WANT_GAP, &message));
	describer_hear(&describer, &message);
	cut_half();
	compose(&composition, old_content + second, second_len, true);
	compose(&composition, old_content + second + second_len, GAP, false);
	compose(&composition, old_content + third, third_len, true);
	say_composed(&composition, &describer);
	describer_say_rest(&describer, PIECE);
	while (!describer.acknowledged) {
		assert_int_equal(peer_hear(&peer, &message), PEER_MESSAGE);
		if (message.type == LADE_MSG_WANT_GAP) {
			asked = true;
			assert_true(message.want_gap.old_len > 0);
			rewrite();
		}
		describer_hear(&describer, &message);
	}
	assert_true(asked);
	assert_true(peer_finish_session(&peer));
	assert_int_equal(peer_stop(&peer), LADE_EXIT_OK);
	scene_check_file(&scene, "old", new_content, composition.len);
	scene_check(&scene);
	lade_writer_fini(&composition.list);
}

/* ---- gaps that wait ---- */

/* Old files of which one chunk is not too small a part. */
#define SHORT_LEN (LEN / 16)

/* A server that asks for one gap at a time. */
static int serve_one_gap(struct lade_connection *connection, void *context)
{
	const struct lade_session_limits limits = { .want_gaps = 1 };

	(void)context;
	return lade_sync_serve(connection, NULL, &limits, NULL);
}

/* Say all of a file: a byte that is nowhere, and a chunk of the old file. */
static void say_gap(struct describer *describer)
{
	const struct lade_recipe_chunk nowhere = { 1, 1 };
	struct lade_recipe_chunk chunk = { .len = (uint32_t)describer->size - 1 };
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_writer chunks;

	lade_digest(&describer->peer->key, describer->data + 1, chunk.len, digest);
	chunk.name = lade_chunk_name(digest);
	lade_writer_init(&chunks, LADE_RECIPE_MAX);
	lade_recipe_put(&chunks, &nowhere);
	lade_recipe_put(&chunks, &chunk);
	describer_put_bare(describer, 0, 1 + chunk.len, describer->data, lade_slice(chunks.data, chunks.len));
	describer->off = describer->size;
	describer_say_rest(describer, PIECE);
	lade_writer_fini(&chunks);
}

/* Say that the file is another one now, and then that it is gone. */
static void say_gone(struct describer *describer)
{
	struct peer *peer = describer->peer;
	struct lade_message message;

	lade_put_run_abort(&peer->out, &(struct lade_msg_run_abort){ describer->slot, 0, 1 });
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_WANT_AGAIN, &message));
	assert_int_equal(message.want_again.slot, describer->slot);
	lade_put_file_gone(&peer->out, &(struct lade_msg_file_gone){ describer->slot, 2 });
	peer_say(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_ACK, &message));
	assert_int_equal(message.ack.slot, describer->slot);
}

/*
 * One file has asked for its gap, which is all that may be asked for; three wait for the answer, and the last of these is
 * given up meanwhile: it waits no more. What is heard of it lets the first of them try, so it is the second that stands
 * in front of it then.
 */
static void test_given_up_in_waiting(void **state)
{
	enum { ASKING, TRYING, WAITING, GIVEN_UP, FILE_COUNT };
	static const char *const names[] = { "asking", "trying", "waiting", "withdrawn" };
	struct describer describers[FILE_COUNT];
	static uint8_t content[SHORT_LEN];
	struct lade_message message;
	struct peer peer;
	uint64_t off;
	uint32_t len;

	(void)state;
	peer_start_with(&peer, LADE_CONNECTION_PIPES, serve_one_gap, NULL);
	peer_hello(&peer);
	off = chunk_at(&peer.key, SHORT_LEN / 2, &len);
	memcpy(content + 1, old_content + off, len);
	content[0] = (uint8_t)~content[1];
	peer_open(&peer, PEER_RECEIVES, ATTACK_OPTIONS, scene.inside);
	attack_root(&peer);
	for (unsigned i = 0; i < FILE_COUNT; i++) {
		scene_write(&scene, names[i], old_content, SHORT_LEN);
		attack_file(&peer, names[i], 1 + len);
	}
	attack_entries_end(&peer);
	for (unsigned i = 0; i < FILE_COUNT; i++)
		describer_init(&describers[i], &peer, i, content, 1 + len);
	say_gap(&describers[ASKING]);
	assert_true(peer_hear_type(&peer, LADE_MSG_WANT_GAP, &message));
	assert_int_equal(message.want_gap.slot, describers[ASKING].slot);
	for (unsigned i = TRYING; i < FILE_COUNT; i++) {
		say_gap(&describers[i]);
		rest();
	}
	say_gone(&describers[GIVEN_UP]);
	describer_hear(&describers[ASKING], &message);
	assert_true(describer_serve(describers, GIVEN_UP));
	assert_true(peer_finish_session(&peer));
	/* It is the sender who tells of what is gone. */
	assert_int_equal(peer_stop(&peer), LADE_EXIT_OK);
	for (unsigned i = 0; i < GIVEN_UP; i++)
		scene_check_file(&scene, names[i], content, 1 + len);
	scene_check_file(&scene, names[GIVEN_UP], old_content, SHORT_LEN);
	scene_check(&scene);
}

/* ---- all the time ---- */

#define FILES 12u
#define ROUNDS 25u
#define WATCHDOG_S 600u

static int push(struct lade_connection *connection)
{
	struct lade_settings settings = { .options = ATTACK_OPTIONS };
	const struct lade_sync_job job = { .settings = &settings, .connection = connection, .push = true };
	struct lade_msg_end totals;

	return client_copy(&job, &scene, &totals);
}

static const char *file_path(const char *tree, unsigned number)
{
	char name[64];

	snprintf(name, sizeof(name), "%s/%02u", tree, number);
	return scene_path(&scene, name);
}

/* Change what these descriptors are of, until killed: never anything that has been put in its place. */
static void disturb(const int fds[FILES])
{
	unsigned seed = 12345;

	for (;;) {
		unsigned what;
		int fd;

		seed = seed * 1103515245u + 12345u;
		fd = fds[(seed >> 16) % FILES];
		what = seed >> 24;
		if (what % 4 == 0)
			(void)!ftruncate(fd, (off_t)(what << 12));
		else if (what % 4 == 1)
			(void)!pwrite(fd, old_content, LEN, 0);
		else
			(void)!pwrite(fd, noise, PIECE, (off_t)(what << 12));
		usleep(100);
	}
}

enum { PUSHES, SERVES, DISTURBS };

static pid_t start(struct lade_connection ends[2], int part, const int fds[FILES])
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		alarm(WATCHDOG_S);
		if (part == DISTURBS)
			disturb(fds);
		lade_connection_close(&ends[!part]);
		if (lade_sync_setup(NULL))
			_exit(98);
		_exit(part == SERVES ? lade_sync_serve(&ends[1], NULL, NULL, NULL) : push(&ends[0]));
	}
	return child;
}

/* Make the old files afresh; *fds_out and *inodes_out are theirs. */
static void make_old(int fds_out[FILES], ino_t inodes_out[FILES])
{
	for (unsigned i = 0; i < FILES; i++) {
		const char *path = file_path("destination", i);
		struct stat st;

		(void)unlink(path);
		fds_out[i] = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fds_out[i] < 0 || write(fds_out[i], old_content, LEN) != LEN || fstat(fds_out[i], &st))
			abort();
		inodes_out[i] = st.st_ino;
	}
}

static void test_restless(void **state)
{
	int fds[FILES], status;
	ino_t inodes[FILES];
	const struct timespec times[2] = { { .tv_sec = SCENE_OLD_TIME }, { .tv_sec = SCENE_OLD_TIME } };
	pid_t children[3];
	char name[64];
	struct stat st;

	(void)state;
	edit(NULL);
	if (mkdir(scene_path(&scene, "source"), 0755) || mkdir(scene_path(&scene, "destination"), 0755))
		abort();
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), "source/%02u", i);
		scene_write(&scene, name, new_content, LEN);
		/* No old file may look like it by its time. */
		if (utimensat(AT_FDCWD, scene_path(&scene, name), times, 0))
			abort();
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct lade_connection ends[2];

		make_old(fds, inodes);
		children[DISTURBS] = start(NULL, DISTURBS, fds);
		peer_connect(LADE_CONNECTION_PIPES, round % 2 ? 4096 : 0, ends);
		children[SERVES] = start(ends, SERVES, NULL);
		children[PUSHES] = start(ends, PUSHES, NULL);
		lade_connection_close(&ends[0]);
		lade_connection_close(&ends[1]);
		status = scene_wait_for(children[PUSHES]);
		assert_int_equal(scene_wait_for(children[SERVES]), status);
		kill(children[DISTURBS], SIGKILL);
		assert_int_equal(scene_wait_for(children[DISTURBS]), 128 + SIGKILL);
		assert_true(status == LADE_EXIT_OK || status == LADE_EXIT_PARTIAL);
		for (unsigned i = 0; i < FILES; i++) {
			assert_int_equal(stat(file_path("destination", i), &st), 0);
			snprintf(name, sizeof(name), "destination/%02u", i);
			if (st.st_ino != inodes[i])
				scene_check_file(&scene, name, new_content, LEN);
			else if (status != LADE_EXIT_PARTIAL)
				fail_msg("round %u: file %u is the old one, and nobody was told", round, i);
			close(fds[i]);
		}
		scene_check(&scene);
	}
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
		cmocka_unit_test_setup_teardown(test_edited, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_patch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_given_up_in_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restless, setup, teardown),
	};
	uint32_t seed = 1;

	for (size_t i = 0; i < LEN; i++) {
		seed = seed * 1664525u + 1013904223u;
		old_content[i] = (uint8_t)(seed >> 24);
		noise[i] = (uint8_t)(seed >> 16);
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("changing basis", tests, NULL, NULL);
}
