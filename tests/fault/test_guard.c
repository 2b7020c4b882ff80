/*
 * A source that is another directory before all of it was walked: what was said of it is no reason to delete anything. The sender has so
 * little credit that it is in the middle of the walk until this receiver grants more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "protocol/parameter.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

/* Room for one of the entries, and not for two. */
#define NAME_LEN 200
#define CREDIT 400u

static struct scene scene;

static int serve(struct lade_connection *connection, void *context)
{
	const struct lade_session_limits limits = { .entry_credit = CREDIT };

	(void)context;
	return lade_sync_serve(connection, NULL, &limits, NULL);
}

/* [open] The content of inside, for a destination that is guarded. */
static void open_guarded(struct peer *peer)
{
	struct lade_msg_open open = {
		.role = PEER_SENDS, .options = LADE_OPTION_RECURSIVE | LADE_OPTION_DELETE | LADE_OPTION_NUMERIC_IDS,
		.rules = lade_slice("", 1),
	};
	struct lade_writer paths, parameters;
	char source[PATH_MAX + 2];

	snprintf(source, sizeof(source), "%s/", scene.inside);
	lade_writer_init(&paths, LADE_CONTROL_MAX);
	lade_writer_init(&parameters, LADE_CONTROL_MAX);
	lade_writer_put_slice(&paths, lade_slice(source, strlen(source)));
	lade_parameter_put_text(&parameters, LADE_PARAMETER_GUARD, lade_slice("dst", 3));
	open.paths = lade_slice(paths.data, paths.len);
	open.parameters = lade_slice(parameters.data, parameters.len);
	peer_hello(peer);
	lade_put_open(&peer->out, &open);
	peer_say(peer);
	lade_writer_fini(&paths);
	lade_writer_fini(&parameters);
}

/* Another directory, with nothing in it, takes the place of inside. */
static void replace(void)
{
	char aside[PATH_MAX + 8];

	snprintf(aside, sizeof(aside), "%s/aside", scene.top);
	assert_int_equal(rename(scene.inside, aside), 0);
	assert_int_equal(mkdir(scene.inside, 0755), 0);
}

/* Hear the entries; change: the source is replaced when the first file was said. What ENTRIES_END says. */
static uint32_t run_session(bool change, unsigned *errors_out)
{
	const struct lade_msg_end end = { .exit = 0 };
	struct lade_message message = { .type = LADE_MSG_ROOT };
	uint32_t incomplete, bytes = 0;
	uint64_t planned = 0;
	struct peer peer;

	peer_start_with(&peer, LADE_CONNECTION_PIPES, serve, NULL);
	open_guarded(&peer);
	while (message.type != LADE_MSG_ENTRIES_END) {
		assert_int_equal(peer_hear(&peer, &message), PEER_MESSAGE);
		if (message.type == LADE_MSG_ROOT || message.type == LADE_MSG_ENTRY)
			bytes += (uint32_t)message.encoded_len;
		if (message.type != LADE_MSG_ENTRY)
			continue;
		planned++;
		if (planned == 2 && change)
			replace();
		if (planned >= 2) {
			const struct lade_msg_credit credit = { planned, bytes };

			lade_put_credit(&peer.out, &credit);
			peer_say(&peer);
			bytes = 0;
		}
	}
	assert_int_equal(planned, 4);
	incomplete = message.entries_end.incomplete;
	lade_put_end(&peer.out, &end);
	peer_say(&peer);
	(void)peer_hear_type(&peer, LADE_MSG_END, &message);
	*errors_out = peer.errors;
	assert_int_equal(peer_stop(&peer), change ? LADE_EXIT_PARTIAL : LADE_EXIT_OK);
	return incomplete;
}

static int set_up(void **state)
{
	char name[NAME_LEN + 1], path[PATH_MAX + 8];

	(void)state;
	scene_make(&scene);
	for (char letter = 'a'; letter <= 'b'; letter++) {
		memset(name, letter, NAME_LEN);
		name[NAME_LEN] = '\0';
		scene_write(&scene, name, "", 0);
	}
	snprintf(path, sizeof(path), "%s/state", scene.top);
	return setenv("XDG_STATE_HOME", path, 1);
}

static int tear_down(void **state)
{
	(void)state;
	scene_remove(&scene);
	return 0;
}

static void test_a_source_that_stays(void **state)
{
	unsigned errors;

	(void)state;
	assert_int_equal(run_session(false, &errors), LADE_SCAN_COMPLETE);
	assert_int_equal(errors, 0);
}

static void test_a_source_that_is_replaced(void **state)
{
	unsigned errors;

	(void)state;
	assert_int_equal(run_session(true, &errors), LADE_SCAN_GUARDED);
	assert_int_equal(errors, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_source_that_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_source_that_is_replaced, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
