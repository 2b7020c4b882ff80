/*
 * Sessions that are over because of the clock: the client's time is up, or its server says nothing any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "tests/fault/client.h"
#include "tests/fault/peer.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_time_is_up),
		cmocka_unit_test(test_silence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
