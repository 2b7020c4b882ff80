/*
 * A sender against a client that pulls: it may not have more deleted, or say more, than what the user asked for (attack class A10).
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/client.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

#define DELETES ((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE_MISSING_ARGS)

/* What a client wants. */
struct wish {
	uint64_t options;
	char *source;
	const char *destination;
};

/* A client that pulls; context: its wish. */
static int client(struct lade_connection *connection, void *context)
{
	const struct wish *wish = context;
	const struct lade_settings settings = { .options = wish->options };
	char *sources[] = { wish->source };
	const struct lade_sync_job job = {
		.settings = &settings, .connection = connection, .sources = sources, .source_count = 1,
		.destination = wish->destination,
	};
	struct lade_msg_end totals;

	return client_run(&job, &totals);
}

/* Say that name is missing in the directory (of the root: NULL) of what source is. The client's exit status. */
static int said_missing(const struct scene *scene, const char *source, const char *directory, const char *name)
{
	const struct lade_msg_entry entry = {
		.name = lade_slice(directory, directory ? strlen(directory) : 0), .mode = S_IFDIR | 0755, .mtime_s = 1,
	};
	const struct lade_msg_leave leave = { 0 };
	const struct lade_msg_missing missing = { lade_slice(name, strlen(name)) };
	const struct lade_msg_root root = { 0 };
	const struct lade_msg_entries_end end = { 0 };
	char written[64];
	struct wish wish = { DELETES, written, scene->inside };
	struct lade_message message;
	struct peer peer;

	strcpy(written, source);
	peer_start_with(&peer, LADE_CONNECTION_PIPES, client, &wish);
	peer_hello(&peer);
	assert_true(peer_hear_type(&peer, LADE_MSG_OPEN, &message));
	lade_put_root(&peer.out, &root);
	if (directory)
		lade_put_entry(&peer.out, &entry);
	lade_put_missing(&peer.out, &missing);
	if (directory)
		lade_put_leave(&peer.out, &leave);
	lade_put_entries_end(&peer.out, &end);
	peer_say(&peer);
	(void)peer_finish_session(&peer);
	return peer_stop(&peer);
}

/* --delete-missing-args is about the names that the user wrote, not about what could be in a directory of that name. */
static void test_missing(void **state)
{
	struct scene scene;

	(void)state;
	scene_make(&scene);
	assert_int_equal(said_missing(&scene, "/source/", NULL, "old"), LADE_EXIT_STREAM);
	scene_check_old(&scene);
	assert_int_equal(said_missing(&scene, "/source/", ".", "old"), LADE_EXIT_STREAM);
	scene_check_old(&scene);
	assert_int_equal(said_missing(&scene, "/source", NULL, "old"), LADE_EXIT_STREAM);
	scene_check_old(&scene);
	assert_int_equal(mkdir(scene_path(&scene, "sub"), 0700), 0);
	scene_write(&scene, "sub/old", "1", 1);
	assert_int_equal(said_missing(&scene, "/sub", "sub", "old"), LADE_EXIT_STREAM);
	scene_check_file(&scene, "sub/old", "1", 1);
	assert_int_equal(said_missing(&scene, "/other/old", NULL, "old"), 0);
	assert_int_equal(access(scene_path(&scene, "old"), F_OK), -1);
	scene_check(&scene);
	scene_remove(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
