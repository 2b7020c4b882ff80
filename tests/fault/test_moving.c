/*
 * Sessions that move to other connections while they run: both sides real, over loopback, with keys that wear out after some kilobytes, in both
 * directions; and peers that do not play their part. Instead of the daemon there is a listener, and the server greets who comes there as
 * the daemon's processes would.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/session.h"
#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "tests/fault/client.h"
#include "tests/fault/mixed_tree.h"
#include "tests/fault/peer.h"
#include "tests/fault/scene.h"

#define OPTIONS \
	((uint64_t)LADE_OPTION_RECURSIVE | LADE_OPTION_LINKS | LADE_OPTION_PERMS | LADE_OPTION_TIMES | LADE_OPTION_HARD_LINKS | \
	 LADE_OPTION_DELETE | LADE_OPTION_ITEMIZE | LADE_OPTION_NUMERIC_IDS)
#define DIRECTORIES 3u
#define SESSION_NUMBER 4711u
#define WATCHDOG_S 300u

/* Exit statuses of a child that found something else than it expected. */
enum { TOO_FEW_MOVES = 96, NOT_JUDGED = 97 };

/* What is to happen to connections that come later. */
enum mischief { NONE, NO_DIALLING, NOBODY_THERE, ANOTHER_HOST, WRONG_PROOF_ONCE };

struct trial {
	bool push;
	uint32_t client_bytes, server_bytes; /* a key of each is good for so many; 0: for ever */
	unsigned moves;                      /* there are at least so many */
	enum mischief mischief;
	int client_status, server_status;    /* -1: whatever it is, but not 0 */
};

static struct scene scene;
static int listener;
static struct sockaddr_in listening;

/* In a child. */
static const struct trial *trial;
static unsigned taken, refused, dials;

/* ---- the client's ways ---- */

/* Keys that are no secret. */
static const struct lade_tls_state state = {
	.suite = LADE_TLS_AES_128_GCM, .client.secret = "the client's", .server.secret = "the server's",
};

static int dial(void *context, const int *cancel_fd, struct lade_connection *fresh_out, struct lade_fault *fault)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)context;
	(void)cancel_fd;
	dials++;
	if (trial->mischief == NOBODY_THERE)
		errno = ECONNREFUSED;
	else if (connect(fd, (struct sockaddr *)&listening, sizeof(listening)) == 0)
		return lade_connection_accept(fresh_out, fd, fault);
	close(fd);
	return lade_fault_set(fault, LADE_E_SYSTEM, "connect to", "the server");
}

static int shake(void *context, struct lade_connection *fresh, uint8_t exporter_out[LADE_EXPORTER_LEN], struct lade_fault *fault)
{
	(void)context;
	memset(exporter_out, 42, LADE_EXPORTER_LEN);
	if (trial->mischief == ANOTHER_HOST)
		return lade_fault_set(fault, LADE_E_AUTH, "find the same host key in another connection to", fresh->peer);
	return lade_connection_secure(fresh, &state, true, LADE_SECURE_KERNEL, fault);
}

/* ---- the server's ---- */

/* What the greeter does. */
static int greet(struct lade_connection *connection, struct lade_successor *successor, struct lade_fault *fault)
{
	struct lade_message wish = { .type = LADE_MSG_JOIN };
	struct lade_run_key unused;
	struct lade_writer control;
	int error = lade_handshake_greet(connection, NULL, false, &unused, fault);

	lade_writer_init(&control, LADE_CONTROL_MAX);
	memset(successor->exporter, 42, sizeof(successor->exporter));
	if (!error)
		error = lade_handshake_hear_wish(connection, successor->exporter, &control, &wish, fault);
	if (!error && (wish.type != LADE_MSG_JOIN || wish.join.session != SESSION_NUMBER))
		abort();
	if (!error)
		memcpy(successor->proof, wish.join.proof.data, sizeof(successor->proof));
	lade_writer_fini(&control);
	return error;
}

static int take(void *context, struct lade_successor *successor_out, struct lade_fault *fault)
{
	struct lade_connection exact;
	struct lade_tls_state handed;
	int error;

	(void)context;
	if (lade_connection_accept(&exact, accept(listener, NULL, NULL), fault) ||
	    lade_connection_secure(&exact, &state, false, LADE_SECURE_EXACT, fault))
		abort();
	error = greet(&exact, successor_out, fault);
	if (error || lade_connection_tls_state(&exact, &handed, fault)) {
		lade_connection_close(&exact);
		return error;
	}
	if (trial->mischief == WRONG_PROOF_ONCE && taken == 0)
		successor_out->proof[7] ^= 1;
	taken++;
	if (lade_connection_accept(&successor_out->connection, dup(exact.in_fd), fault))
		abort();
	successor_out->connection.peer_rekeys = exact.peer_rekeys;
	lade_connection_close(&exact);
	return lade_connection_secure(&successor_out->connection, &handed, false, LADE_SECURE_KERNEL, fault);
}

static void judged(void *context, bool good)
{
	(void)context;
	refused += !good;
}

/* ---- both sides ---- */

static void hear_report(void *context, const struct lade_msg_report *report)
{
	(void)context;
	if (report->severity >= LADE_REPORT_ERROR && !trial->mischief)
		fprintf(stderr, "# heard: %.*s %.*s: %.*s\n", (int)report->operation.len, report->operation.data, (int)report->subject.len,
			report->subject.data, (int)report->reason.len, report->reason.data);
}

static void hear_item(void *context, const struct lade_msg_item *item)
{
	(void)context;
	(void)item;
}

static int client(struct lade_connection *connection)
{
	const struct lade_successors ways = { .fd = -1, .dial = dial, .shake = shake, .move_bytes = trial->client_bytes };
	const struct lade_events events = { .report = hear_report, .item = hear_item };
	struct lade_settings settings = {
		.options = OPTIONS, .successors = trial->mischief == NO_DIALLING ? NULL : &ways,
	};
	const struct lade_sync_job job = { .settings = &settings, .events = &events, .connection = connection, .push = trial->push };
	struct lade_msg_end totals;
	int status = client_copy(&job, &scene, &totals);

	return !status && dials < trial->moves ? TOO_FEW_MOVES : status;
}

static int server(struct lade_connection *connection)
{
	const struct lade_successors ways = {
		.session = SESSION_NUMBER, .fd = listener, .take = take, .judged = judged, .move_bytes = trial->server_bytes,
		.patience_ms = trial->mischief == NO_DIALLING ? 500 : 0,
	};
	const struct lade_grant grant = {
		.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), .state_fd = -1, .may_read = true, .may_write = true, .successors = &ways,
	};
	int status = lade_sync_serve(connection, NULL, NULL, &grant);

	if (trial->mischief == WRONG_PROOF_ONCE && refused != 1)
		return NOT_JUDGED;
	return !status && taken < trial->moves ? TOO_FEW_MOVES : status;
}

static pid_t start(struct lade_connection ends[2], unsigned which)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		int status = 98;

		alarm(WATCHDOG_S);
		lade_connection_close(&ends[!which]);
		if (lade_sync_setup(NULL) == 0)
			status = which ? server(&ends[1]) : client(&ends[0]);
		lade_connection_close(&ends[which]);
		exit(status);
	}
	return child;
}

static void listen_somewhere(void)
{
	socklen_t len = sizeof(listening);

	listening = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&listening, len), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&listening, &len), 0);
}

static void expect(int status, int expected)
{
	if (expected < 0)
		assert_true(status > 0 && status < TOO_FEW_MOVES);
	else
		assert_int_equal(status, expected);
}

static void run(const struct trial *wanted)
{
	struct lade_connection ends[2];
	pid_t children[2];

	trial = wanted;
	listen_somewhere();
	peer_connect(LADE_CONNECTION_TCP, 0, ends);
	peer_protect(ends);
	children[1] = start(ends, 1);
	children[0] = start(ends, 0);
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
	expect(scene_wait_for(children[0]), wanted->client_status);
	expect(scene_wait_for(children[1]), wanted->server_status);
	close(listener);
	if (wanted->client_status == 0)
		mixed_tree_compare(&scene, false);
}

static int set_up(void **unused)
{
	(void)unused;
	scene_make(&scene);
	mixed_tree_make(&scene, DIRECTORIES);
	return 0;
}

static int tear_down(void **unused)
{
	(void)unused;
	scene_remove(&scene);
	return 0;
}

/* ---- hand-made peers, over pipes ---- */

/* What one says who has heard that the session has begun. */
typedef void script(struct peer *peer);

static void put_move(struct peer *peer, uint32_t connection)
{
	const struct lade_msg_move move = { connection };

	lade_put_move(&peer->out, &move);
}

static void put_wanted(struct peer *peer, uint32_t connection)
{
	const struct lade_msg_move_wanted wanted = { connection };

	lade_put_move_wanted(&peer->out, &wanted);
}

static void put_session(struct peer *peer, uint64_t number)
{
	const struct lade_msg_session session = { number };

	lade_put_session(&peer->out, &session);
}

static void moves_to_nothing(struct peer *peer)
{
	put_move(peer, 1);
}

static void moves_nowhere(struct peer *peer)
{
	put_move(peer, 0);
}

static void moves_and_more(struct peer *peer)
{
	const struct lade_msg_keepalive keepalive = { 1 };

	put_move(peer, 1);
	lade_put_keepalive(&peer->out, &keepalive);
}

static void moves_behind_others(struct peer *peer)
{
	const struct lade_msg_keepalive keepalive = { 1 };

	lade_put_keepalive(&peer->out, &keepalive);
	put_move(peer, 1);
}

static void wants_the_next(struct peer *peer)
{
	put_wanted(peer, 1);
}

static void wants_another(struct peer *peer)
{
	put_wanted(peer, 2);
}

static void wants_all_the_time(struct peer *peer)
{
	for (unsigned i = 0; i < 65; i++)
		put_wanted(peer, 1);
}

static void names_a_session(struct peer *peer)
{
	put_session(peer, 1);
}

static void names_no_session(struct peer *peer)
{
	put_session(peer, 0);
}

static void names_two_sessions(struct peer *peer)
{
	put_session(peer, 1);
	put_session(peer, 1);
}

static void joins(struct peer *peer)
{
	static const uint8_t proof[LADE_PROOF_LEN];
	const struct lade_msg_join join = { SESSION_NUMBER, lade_slice(proof, sizeof(proof)) };

	lade_put_join(&peer->out, &join);
}

static void says_joined(struct peer *peer)
{
	static const uint8_t proof[LADE_PROOF_LEN];
	const struct lade_msg_joined joined = { lade_slice(proof, sizeof(proof)) };

	lade_put_joined(&peer->out, &joined);
}

static int serve_by_hand(struct lade_connection *connection, void *context)
{
	static const struct trial quiet = { .mischief = NONE };

	(void)context;
	trial = &quiet;
	return server(connection);
}

static int push_by_hand(struct lade_connection *connection, void *context)
{
	static const struct trial quiet = { .push = true, .mischief = NOBODY_THERE };

	(void)context;
	trial = &quiet;
	return client(connection);
}

/* A server that receives, and a client who says that. */
static void to_server(script *say)
{
	struct lade_message message;
	struct peer peer;

	listen_somewhere();
	peer_start_with(&peer, LADE_CONNECTION_PIPES, serve_by_hand, NULL);
	peer_hello(&peer);
	peer_open(&peer, PEER_RECEIVES, OPTIONS, scene_path(&scene, "made"));
	assert_true(peer_hear_type(&peer, LADE_MSG_SESSION, &message));
	assert_int_equal(message.session.number, SESSION_NUMBER);
	say(&peer);
	peer_say(&peer);
	assert_int_equal(peer_stop(&peer), LADE_EXIT_STREAM);
	close(listener);
}

/* A client that sends, and a server who says that. */
static void to_client(script *say)
{
	struct lade_message message;
	struct peer peer;

	peer_start_with(&peer, LADE_CONNECTION_PIPES, push_by_hand, NULL);
	peer.answers = true;
	peer_hello(&peer);
	assert_true(peer_hear_type(&peer, LADE_MSG_OPEN, &message));
	say(&peer);
	peer_say(&peer);
	assert_int_equal(peer_stop(&peer), LADE_EXIT_STREAM);
}

static void test_what_a_client_may_not_say(void **unused)
{
	static script *const scripts[] = {
		moves_to_nothing, moves_nowhere, moves_and_more, moves_behind_others, wants_the_next, names_a_session, joins, says_joined,
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		to_server(scripts[i]);
}

static void test_what_a_server_may_not_say(void **unused)
{
	static script *const scripts[] = {
		moves_to_nothing, moves_nowhere, moves_and_more, moves_behind_others, wants_another, wants_all_the_time, names_no_session,
		names_two_sessions, joins, says_joined,
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		to_client(scripts[i]);
}

/* ---- one who does not read that we move ---- */

static int take_nothing(void *context, struct lade_successor *successor_out, struct lade_fault *fault)
{
	(void)successor_out;
	++*(unsigned *)context;
	return lade_fault_set(fault, LADE_E_PROTOCOL, "take", NULL);
}

/* The session's thread, which looks at the time and at signals, does not wait for the writer who waits for him. */
static void test_leaving_holds_nobody(void **unused)
{
	unsigned count = 0;
	const struct lade_successors ways = {
		.session = SESSION_NUMBER, .fd = 42, .take = take_nothing, .judged = judged, .context = &count,
	};
	const struct lade_settings settings = { .successors = &ways };
	const struct lade_run_key key = { .kind = LADE_DIGEST_XXH3 };
	struct lade_connection ends[2];
	struct lade_session session;
	struct lade_fault fault;

	(void)unused;
	peer_connect(LADE_CONNECTION_TCP, 0, ends);
	assert_int_equal(lade_session_init(&session, &ends[1], &settings, NULL, &key, &fault), 0);
	assert_int_equal(lade_succession_fd(&session), ways.fd);
	session.succession.in = session.succession.have = 1;
	session.succession.leaving = true;
	assert_int_equal(lade_succession_fd(&session), -1);
	lade_succession_look(&session, true);
	assert_int_equal(count, 0);
	session.succession.out = 1;
	session.succession.leaving = false;
	assert_int_equal(lade_succession_fd(&session), ways.fd);
	lade_succession_look(&session, true);
	assert_int_equal(count, 1);
	lade_session_fini(&session);
	lade_connection_close(&ends[0]);
	lade_connection_close(&ends[1]);
}

/* ---- tests ---- */

#define TRIAL(name, ...) \
	static void name(void **unused) \
	{ \
		const struct trial wanted = { __VA_ARGS__ }; \
\
		(void)unused; \
		run(&wanted); \
	}

TRIAL(test_push_with_both_worn, .push = true, .client_bytes = 50000, .server_bytes = 2000, .moves = 4)
TRIAL(test_pull_with_both_worn, .push = false, .client_bytes = 2000, .server_bytes = 50000, .moves = 4)
TRIAL(test_the_client_alone, .push = true, .client_bytes = 100000, .moves = 3)
TRIAL(test_the_server_alone, .push = false, .server_bytes = 100000, .moves = 3)
TRIAL(test_the_server_receives, .push = true, .server_bytes = 1000, .moves = 2)
TRIAL(test_the_client_receives, .push = false, .client_bytes = 1000, .moves = 2)
TRIAL(test_nothing_is_worn, .push = true)
TRIAL(test_a_wrong_proof, .push = true, .client_bytes = 400000, .moves = 1, .mischief = WRONG_PROOF_ONCE)
TRIAL(test_nobody_dials, .push = false, .server_bytes = 1000, .mischief = NO_DIALLING, .client_status = LADE_EXIT_TIMEOUT,
      .server_status = LADE_EXIT_TIMEOUT)
TRIAL(test_nobody_answers, .push = true, .client_bytes = 1000, .mischief = NOBODY_THERE, .client_status = -1, .server_status = -1)
TRIAL(test_another_host_answers, .push = true, .client_bytes = 1000, .mischief = ANOTHER_HOST, .client_status = LADE_EXIT_AUTH,
      .server_status = LADE_EXIT_AUTH)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_push_with_both_worn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pull_with_both_worn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_client_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_server_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_server_receives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_client_receives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_worn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_wrong_proof, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_dials, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_host_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_a_client_may_not_say, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_a_server_may_not_say, set_up, tear_down),
		cmocka_unit_test(test_leaving_holds_nobody),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
