/*
 * Sessions that are over before their end: the client's time is up, its server says nothing any more, or says what it may not while the
 * client deletes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "tests/fault/client.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

/* A client that pulls; context: its settings, without a filter. */
static int client(struct lade_connection *connection, void *context)
{
	char source[] = "/source/", *sources[] = { source };
	const struct lade_sync_job job = {
		.settings = context, .connection = connection, .sources = sources, .source_count = 1,
		.destination = "/tmp",
	};
	struct lade_msg_end totals;

	return client_run(&job, &totals);
}

static int ended(enum lade_connection_kind kind, struct lade_settings *settings, unsigned signs)
{
	struct lade_message message;
	struct peer peer;

	peer_start_with(&peer, kind, client, settings);
	peer_hello(&peer);
	assert_true(peer_hear_type(&peer, LADE_MSG_OPEN, &message));
	for (unsigned i = 0; i < signs; i++) {
		const struct lade_msg_keepalive alive = { i };

		assert_true(peer_hear_type(&peer, LADE_MSG_KEEPALIVE, &message));
		lade_put_keepalive(&peer.out, &alive);
		peer_say(&peer);
	}
	/* Its last words, however slowly it was to speak. */
	assert_false(peer_hear_type(&peer, LADE_MSG_END, &message));
	assert_int_equal(peer.fatal, 1);
	return peer_stop(&peer);
}

static void test_the_time_is_up(void **state)
{
	struct lade_settings settings = { .stop_at = (int64_t)time(NULL) + 1 };

	(void)state;
	assert_int_equal(ended(LADE_CONNECTION_TCP, &settings, 0), LADE_EXIT_TIMEOUT);
	settings.stop_at = 1;
	assert_int_equal(ended(LADE_CONNECTION_PAIR, &settings, 0), LADE_EXIT_TIMEOUT);
	assert_int_equal(ended(LADE_CONNECTION_PIPES, &settings, 0), LADE_EXIT_TIMEOUT);
}

static void test_silence(void **state)
{
	struct lade_settings settings = { .timeout = 2 };

	(void)state;
	assert_int_equal(ended(LADE_CONNECTION_TCP, &settings, 4), LADE_EXIT_TIMEOUT);
	assert_int_equal(ended(LADE_CONNECTION_PAIR, &settings, 1), LADE_EXIT_TIMEOUT);
	assert_int_equal(ended(LADE_CONNECTION_PIPES, &settings, 1), LADE_EXIT_TIMEOUT);
}

/* A client that waits with its second deletion. */
struct deleting {
	const char *destination;
	int told, go; /* it says that the first is done; it goes on when this is at its end */
};

static void item_came(void *context, const struct lade_msg_item *item)
{
	const struct deleting *deleting = context;
	char byte;

	if (!(item->changes & LADE_ITEM_DELETED))
		return;
	(void)!write(deleting->told, "", 1);
	(void)!read(deleting->go, &byte, 1);
}

static void report_came(void *context, const struct lade_msg_report *report)
{
	(void)context;
	(void)report;
}

static int deleting_client(struct lade_connection *connection, void *context)
{
	struct deleting *deleting = context;
	const struct lade_settings settings = {
		.options = LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE | LADE_OPTION_ITEMIZE,
	};
	const struct lade_events events = { .context = deleting, .report = report_came, .item = item_came };
	char source[] = "/source/", *sources[] = { source };
	const struct lade_sync_job job = {
		.settings = &settings, .connection = connection, .sources = sources, .source_count = 1,
		.destination = deleting->destination, .events = &events,
	};
	struct lade_msg_end totals;

	return client_run(&job, &totals);
}

/* An empty directory, and all of it said. */
static void say_nothing_is_there(struct peer *peer)
{
	const struct lade_msg_root root = { 0 };
	const struct lade_msg_entry entry = { .name = lade_slice(".", 1), .mode = S_IFDIR | 0755, .mtime_s = 1 };
	const struct lade_msg_leave leave = { 0 };
	const struct lade_msg_entries_end end = { 0 };

	lade_put_root(&peer->out, &root);
	lade_put_entry(&peer->out, &entry);
	lade_put_leave(&peer->out, &leave);
	lade_put_entries_end(&peer->out, &end);
	peer_say(peer);
}

static unsigned left(const struct scene *scene, const char *directory, unsigned count)
{
	unsigned found = 0;
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s%u", directory, i);
		found += access(scene_path(scene, name), F_OK) == 0;
	}
	return found;
}

/* Files go one by one, be they planned or in a directory that is: a session that fails deletes none after the one that is under way. */
static void ended_deleting(const char *directory)
{
	const struct lade_msg_file_gone unasked = { 0 };
	struct lade_message message;
	struct deleting deleting;
	struct scene scene;
	struct peer peer;
	int told[2], go[2];
	char name[32], byte;

	scene_make(&scene);
	if (*directory)
		assert_int_equal(mkdir(scene_path(&scene, directory), 0755), 0);
	assert_int_equal(unlink(scene_path(&scene, "old")), 0);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "%s%u", directory, i);
		scene_write(&scene, name, "1", 1);
	}
	assert_int_equal(pipe(told), 0);
	assert_int_equal(pipe(go), 0);
	deleting = (struct deleting){ scene.inside, told[1], go[0] };
	peer_start_with(&peer, LADE_CONNECTION_TCP, deleting_client, &deleting);
	close(go[0]);
	close(told[1]);
	peer_hello(&peer);
	assert_true(peer_hear_type(&peer, LADE_MSG_OPEN, &message));
	say_nothing_is_there(&peer);
	assert_int_equal(read(told[0], &byte, 1), 1);
	/* What it may not say; that it was heard is seen by the client's last words. */
	lade_put_file_gone(&peer.out, &unasked);
	peer_say(&peer);
	while (!peer.fatal && peer_hear(&peer, &message) == PEER_MESSAGE)
		;
	assert_int_equal(peer.fatal, 1);
	assert_int_equal(write(go[1], "0123456789ab", 12), 12);
	close(go[1]);
	assert_int_equal(peer_stop(&peer), LADE_EXIT_STREAM);
	assert_int_equal(left(&scene, directory, 10), 9);
	close(told[0]);
	scene_check(&scene);
	scene_remove(&scene);
}

static void test_failed_while_it_deletes(void **state)
{
	(void)state;
	ended_deleting("");
	ended_deleting("d/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_time_is_up),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_failed_while_it_deletes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
