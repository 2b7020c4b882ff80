/*
 * Strangers at the door of a running daemon: what they say before anybody knows them, in TLS and below it. None of it brings a session about, keeps a process busy
 * for longer than its time, or keeps others out; and the daemon serves an honest client at the end of each test (attack classes A7, A8, A9, A11).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/credentials.h"
#include "agent/sync/handshake.h"
#include "agent/sync/sync.h"
#include "protocol/hello.h"
#include "tests/fault/scene.h"
#include "tests/fault/tls_client.h"
#include "transport/frame.h"
#include "transport/tls_control.h"

/* The daemon's patience with logins, and ours with the daemon. */
#define LOGIN_TIMEOUT_S 5
#define PATIENCE_MS 60000

#define HELD_MAX 1000

static struct test_daemon place;
static struct scene scene;

/* ---- the place ---- */

static int set_up(void **state)
{
	char lines[3 * PATH_MAX + 1024];

	(void)state;
	scene_make(&scene);
	snprintf(lines, sizeof(lines),
		 "login timeout = %d\nmax logins per peer = 8\n[open]\npath = %s\nauth = any\ntimeout = 1\n%s"
		 "[locked]\npath = %s\nauth = token:alice\n%s", LOGIN_TIMEOUT_S, scene.inside, DAEMON_AS_WE_ARE, scene.inside, DAEMON_AS_WE_ARE);
	daemon_start(&place, lines);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(daemon_stop(&place), 0);
	scene_check_old(&scene);
	scene_remove(&scene);
	return 0;
}

static void pause_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* A client that means well gets what there is. */
static void serves_others(const char *from)
{
	const struct tls_call call = { .from = from };
	struct lade_message message;
	struct peer peer;
	char name[64];

	tls_peer_start(&peer, &place, &call, "open", name);
	peer_hello(&peer);
	peer_open(&peer, PEER_SENDS, LADE_OPTION_RECURSIVE | LADE_OPTION_DRY_RUN, "/");
	assert_true(peer_hear_type(&peer, LADE_MSG_ENTRY, &message));
	lade_connection_cancel(&peer.connection);
	assert_int_equal(tls_peer_stop(&peer, &place, name), LADE_EXIT_STREAM);
}

/* The daemon hangs up on it, and no session has come of it. */
static void is_turned_away(struct tls_talk *talk)
{
	char words[128];

	assert_true(tls_talk_hear_out(talk, PATIENCE_MS));
	snprintf(words, sizeof(words), "of %s as", talk->name);
	assert_false(daemon_has_said(&place, words));
	tls_talk_stop(talk);
	serves_others("127.0.0.3");
}

/* The same, and the log says why. */
static void is_refused(struct tls_talk *talk, const char *why)
{
	char words[256];

	snprintf(words, sizeof(words), "login of %s: %s", talk->name, why);
	assert_true(tls_talk_hear_out(talk, PATIENCE_MS));
	if (!daemon_says(&place, words))
		fail_msg("the log does not say: %s", words);
	is_turned_away(talk);
}

/* ---- A9: time ---- */

static void test_a9_says_nothing(void **state)
{
	struct tls_talk talk = { .out = NULL };

	(void)state;
	talk.fd = tls_dial(&place, NULL, talk.name);
	is_turned_away(&talk);
}

/* A byte now and then, of a handshake that never comes to its end. */
static void test_a9_trickle_of_a_handshake(void **state)
{
	static const uint8_t begin[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };
	struct tls_talk talk = { .out = NULL };

	(void)state;
	talk.fd = tls_dial(&place, NULL, talk.name);
	for (int i = 0; i < 600 && tls_talk_say_raw(&talk, &begin[i < 11 ? i : 10], 1); i++)
		pause_ms(20);
	is_turned_away(&talk);
}

static void test_a9_trickle_of_a_greeting(void **state)
{
	uint8_t opening[8192];
	struct tls_talk talk;

	(void)state;
	(void)tls_opening("open", opening);
	tls_talk_start(&talk, &place, NULL);
	for (int i = 0; i < 60 && tls_talk_say(&talk, LADE_TLS_DATA, &opening[i], 1); i++)
		pause_ms(100);
	is_turned_away(&talk);
}

static void test_a9_stall_in_a_selection(void **state)
{
	uint8_t opening[8192];
	struct tls_talk talk;
	size_t len;

	(void)state;
	len = tls_opening("open", opening);
	tls_talk_start(&talk, &place, NULL);
	assert_true(tls_talk_say(&talk, LADE_TLS_DATA, opening, len - 1));
	is_turned_away(&talk);
}

/* Behind the login, in what is to open the session: the module's own limit, and a byte is no sign of life there. */
static void test_a9_trickle_of_an_opening(void **state)
{
	uint8_t opening[8192];
	struct tls_talk talk;
	char words[128];
	size_t len;

	(void)state;
	len = tls_opening("open", opening);
	tls_talk_start(&talk, &place, NULL);
	assert_true(tls_talk_say(&talk, LADE_TLS_DATA, opening, len));
	assert_true(tls_talk_say(&talk, LADE_TLS_DATA, "\0\0\1\0\0\0\0\0", 8));
	for (int i = 0; i < 100 && tls_talk_say(&talk, LADE_TLS_DATA, "\2", 1); i++)
		pause_ms(100);
	assert_true(tls_talk_hear_out(&talk, PATIENCE_MS));
	snprintf(words, sizeof(words), "of %s as", talk.name);
	assert_true(daemon_says(&place, words));
	assert_true(daemon_has_said(&place, "status=30"));
	tls_talk_stop(&talk);
}

/* As many connections as one can hold, of one address: others come in at once. */
static void test_a9_a_thousand_connections(void **state)
{
	struct rlimit limit;
	unsigned count = 0;
	static int held[HELD_MAX];
	char name[64];

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < HELD_MAX + 100 ? limit.rlim_max : HELD_MAX + 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (; count < HELD_MAX && count + 100 < limit.rlim_cur; count++)
		held[count] = tls_dial(&place, "127.0.0.2", name);
	serves_others("127.0.0.3");
	while (count)
		close(held[--count]);
}

/* ---- below TLS ---- */

static void test_a11_plain_bytes(void **state)
{
	static const char *const bytes[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ("\x9f" "lade\r\n\x1a"), "SSH-2.0-x\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		struct tls_talk talk = { .out = NULL };

		talk.fd = tls_dial(&place, NULL, talk.name);
		assert_true(tls_talk_say_raw(&talk, bytes[i], strlen(bytes[i])));
		is_refused(&talk, "make a TLS handshake with");
	}
}

/* A ClientHello as long as a record may be, and longer: handshake messages that never end. */
static void test_a7_a_client_hello_without_end(void **state)
{
	static uint8_t record[5 + 16384] = { 0x16, 3, 1, 0x40, 0 };
	struct tls_talk talk = { .out = NULL };

	(void)state;
	/* Its length: 2^24 - 1. */
	memcpy(record + 5, "\1\xff\xff\xff", 4);
	talk.fd = tls_dial(&place, NULL, talk.name);
	for (int i = 0; i < 64 && tls_talk_say_raw(&talk, record, sizeof(record)); i++)
		record[5] = 0;
	is_turned_away(&talk);
}

/* ---- records behind the handshake ---- */

static void key_update(struct tls_talk *talk, uint8_t wish)
{
	const uint8_t message[LADE_TLS_KEY_UPDATE_LEN] = { 24, 0, 0, 1, wish };

	(void)tls_talk_say(talk, LADE_TLS_HANDSHAKE, message, sizeof(message));
	assert_int_equal(lade_tls_protection_update(talk->out), 0);
}

static void test_a9_key_updates_before_the_greeting(void **state)
{
	struct tls_talk talk;

	(void)state;
	tls_talk_start(&talk, &place, NULL);
	for (int i = 0; i < 1000; i++)
		key_update(&talk, i & 1);
	is_refused(&talk, "accept so many KeyUpdates from");
}

/* The words of a session's beginning, then records of which the session cannot go on. The log has its line, and no success. */
static void session_ends(void (*misbehave)(struct tls_talk *talk))
{
	uint8_t opening[8192];
	struct tls_talk talk;
	char words[128];
	size_t len;

	len = tls_opening("open", opening);
	tls_talk_start(&talk, &place, NULL);
	assert_true(tls_talk_say(&talk, LADE_TLS_DATA, opening, len));
	misbehave(&talk);
	assert_true(tls_talk_hear_out(&talk, PATIENCE_MS));
	snprintf(words, sizeof(words), "of %s as", talk.name);
	assert_true(daemon_says(&place, words));
	assert_false(daemon_has_said(&place, "status=0"));
	assert_false(daemon_has_said(&place, "status=139"));
	tls_talk_stop(&talk);
	serves_others("127.0.0.3");
}

static void many_key_updates(struct tls_talk *talk)
{
	for (int i = 0; i < 1000; i++)
		key_update(talk, i & 1);
}

static void test_a9_key_updates_in_a_session(void **state)
{
	(void)state;
	session_ends(many_key_updates);
}

static void a_ticket(struct tls_talk *talk)
{
	/* RFC 8446, 4.6.1. */
	const uint8_t ticket[] = { 4, 0, 0, 14, 0, 0, 0, 60, 0, 0, 0, 0, 1, 0, 0, 1, 't', 0 };

	(void)tls_talk_say(talk, LADE_TLS_HANDSHAKE, ticket, sizeof(ticket));
}

static void test_a11_a_ticket_in_a_session(void **state)
{
	(void)state;
	session_ends(a_ticket);
}

static void a_second_hello(struct tls_talk *talk)
{
	const uint8_t hello[] = { 1, 0, 0, 4, 3, 3, 0, 0 };

	(void)tls_talk_say(talk, LADE_TLS_HANDSHAKE, hello, sizeof(hello));
}

static void test_a11_renegotiation(void **state)
{
	(void)state;
	session_ends(a_second_hello);
}

static void empty_records(struct tls_talk *talk)
{
	for (int i = 0; i < 1000; i++)
		(void)tls_talk_say(talk, LADE_TLS_DATA, "", 0);
}

static void test_a9_empty_records(void **state)
{
	(void)state;
	session_ends(empty_records);
}

/* Nothing but an orderly end of TLS: it is no end of a session. */
static void close_notify(struct tls_talk *talk)
{
	(void)tls_talk_say(talk, LADE_TLS_ALERT, "\1\0", 2);
	(void)shutdown(talk->fd, SHUT_WR);
}

static void test_a11_an_end_of_tls_alone(void **state)
{
	(void)state;
	session_ends(close_notify);
}

static void fin(struct tls_talk *talk)
{
	(void)shutdown(talk->fd, SHUT_WR);
}

static void test_a11_a_fin_alone(void **state)
{
	(void)state;
	session_ends(fin);
}

static void half_a_record(struct tls_talk *talk)
{
	(void)tls_talk_say_raw(talk, "\x17\3\3\1\0abcdef", 11);
	(void)shutdown(talk->fd, SHUT_WR);
}

static void test_a11_half_a_record(void **state)
{
	(void)state;
	session_ends(half_a_record);
}

static void a_long_record(struct tls_talk *talk)
{
	static const uint8_t record[5 + 0x4200] = { 0x17, 3, 3, 0x42, 0 };

	(void)tls_talk_say_raw(talk, record, sizeof(record));
}

static void test_a7_a_record_beyond_the_limit(void **state)
{
	(void)state;
	session_ends(a_long_record);
}

static void plain_records(struct tls_talk *talk)
{
	/* A change_cipher_spec, which only a handshake may have, and an alert that nobody has protected. */
	(void)tls_talk_say_raw(talk, "\x14\3\3\0\1\1\x15\3\3\0\2\1\0", 13);
}

static void test_a11_records_without_protection(void **state)
{
	(void)state;
	session_ends(plain_records);
}

/* Each byte of a record changed on its way, in a connection of its own. */
static void test_a11_flipped_bits(void **state)
{
	(void)state;
	for (size_t at = 0; at < 64 + LADE_TLS_EXTRA_LEN; at += 7) {
		struct iovec vector, *vectors = &vector;
		uint8_t record[64 + LADE_TLS_EXTRA_LEN], opening[8192];
		struct tls_talk talk;

		(void)tls_opening("open", opening);
		vector = (struct iovec){ opening, 64 };
		tls_talk_start(&talk, &place, NULL);
		assert_int_equal(lade_tls_seal(talk.out, LADE_TLS_DATA, &vectors, 64, record), 0);
		record[at] ^= 1;
		assert_true(tls_talk_say_raw(&talk, record, sizeof(record)));
		is_turned_away(&talk);
	}
}

/* The same record twice: the second is none. */
static void test_a11_a_record_again(void **state)
{
	uint8_t opening[8192], record[64 + LADE_TLS_EXTRA_LEN];
	struct iovec vector = { opening, 64 }, *vectors = &vector;
	struct tls_talk talk;

	(void)state;
	(void)tls_opening("open", opening);
	tls_talk_start(&talk, &place, NULL);
	assert_int_equal(lade_tls_seal(talk.out, LADE_TLS_DATA, &vectors, 64, record), 0);
	assert_true(tls_talk_say_raw(&talk, record, sizeof(record)));
	assert_true(tls_talk_say_raw(&talk, record, sizeof(record)));
	is_refused(&talk, "verify what TLS carries from");
}

/* ---- A7: selections ---- */

#define BYTES(text) (text), sizeof(text) - 1

/* What stands behind HELLO, as bytes of a frame. */
static const struct selection {
	const char *name;
	const char *bytes;
	size_t len;
} selections[] = {
	{ "a frame of nothing", BYTES("\0\0\0\0\0\0\0\0") },
	{ "a frame beyond the limit", BYTES("\1\0\4\0\0\0\0\0") },
	{ "a frame of 4 GiB", BYTES("\xff\xff\xff\xff\0\0\0\0") },
	{ "a payload", BYTES("\x0c\0\0\0\1\0\0\0\x29\x08\0\0\4open\0\0\0x") },
	{ "two messages", BYTES("\x18\0\0\0\0\0\0\0\x29\x08\0\0\4open\0\0\0\x29\x08\0\0\4open\0\0\0") },
	{ "another message", BYTES("\5\0\0\0\0\0\0\0\x27\1\0\0\0") },
	{ "an unknown message", BYTES("\4\0\0\0\0\0\0\0\xfe\0\0\0") },
	{ "a NUL in the module", BYTES("\x0c\0\0\0\0\0\0\0\x29\x08\0\0\4op\0n\0\0\0") },
	{ "a name beyond its end", BYTES("\x0c\0\0\0\0\0\0\0\x29\x08\0\0\x7fopen\0\0\0") },
	{ "an overlong length", BYTES("\x0d\0\0\0\0\0\0\0\x29\x09\0\0\x84\0open\0\0\0") },
	{ "a user without a secret", BYTES("\x0d\0\0\0\0\0\0\0\x29\x09\0\0\4open\1a\0\0") },
	{ "a secret without a user", BYTES("\x0d\0\0\0\0\0\0\0\x29\x09\0\0\4open\0\1s\0") },
	{ "a secret without a binding", BYTES("\x0e\0\0\0\0\0\0\0\x29\x0a\0\0\4open\1a\1s\0") },
	{ "a binding without a secret", BYTES("\x0d\0\0\0\0\0\0\0\x29\x09\0\0\4open\0\0\1b") },
	{ "a NUL in the user", BYTES("\x2f\0\0\0\0\0\0\0\x29\x2b\0\0\4open\2a\0\1s\x20" "0123456789abcdef0123456789abcdef") },
	{ "a binding of something else", BYTES("\x2e\0\0\0\0\0\0\0\x29\x2a\0\0\4open\1a\1s\x20" "0123456789abcdef0123456789abcdef") },
};

static void test_a7_selections(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(selections) / sizeof(selections[0]); i++) {
		uint8_t opening[8192];
		struct tls_talk talk;

		print_message("# %s\n", selections[i].name);
		(void)tls_opening("open", opening);
		tls_talk_start(&talk, &place, NULL);
		assert_true(tls_talk_say(&talk, LADE_TLS_DATA, opening, LADE_HELLO_LEN));
		assert_true(tls_talk_say(&talk, LADE_TLS_DATA, selections[i].bytes, selections[i].len));
		is_turned_away(&talk);
	}
}

static void test_a7_hello(void **state)
{
	uint8_t opening[8192];
	struct tls_talk talk;

	(void)state;
	(void)tls_opening("open", opening);
	/* No version that anybody speaks. */
	memset(opening + 8, 0xff, 4);
	tls_talk_start(&talk, &place, NULL);
	assert_true(tls_talk_say(&talk, LADE_TLS_DATA, opening, LADE_HELLO_LEN));
	is_refused(&talk, "talk to");
}

/* ---- A11: who it is ---- */

#define PASSWORD "correct horse"

static void give_password(const char *user)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/state/tokens", place.top);
	assert_int_equal(lade_credentials_set_password(path, user, (const uint8_t *)PASSWORD, strlen(PASSWORD), NULL), 0);
}

static void allow_alice(void)
{
	give_password("alice");
}

/* Select the locked module, with the secret bound to a connection whose exporter this is. Returns how the daemon's log calls us. */
static void log_in(const char *user, const char *password, const uint8_t *exporter, char name_out[64])
{
	struct lade_selection selection = { .module = "locked", .user = user, .secret = lade_slice(password, strlen(password)) };
	struct lade_connection connection;
	uint8_t hello[LADE_HELLO_LEN], scratch[256];
	struct tls_talk talk;
	size_t got = 1;

	tls_talk_start(&talk, &place, NULL);
	selection.exporter = exporter ? exporter : talk.peer.exporter;
	assert_int_equal(lade_connection_accept(&connection, dup(talk.fd), NULL), 0);
	assert_int_equal(lade_connection_secure(&connection, &talk.state, true, LADE_SECURE_USER, NULL), 0);
	assert_int_equal(lade_handshake_say_hello(&connection, hello, NULL), 0);
	assert_int_equal(lade_handshake_select(&connection, &selection, NULL), 0);
	lade_connection_end_writing(&connection);
	while (got && lade_connection_read_some(&connection, scratch, sizeof(scratch), &got, NULL) == 0)
		;
	lade_connection_close(&connection);
	snprintf(name_out, 64, "%s", talk.name);
	tls_talk_stop(&talk);
}

static void log_says(const char *format, const char *name)
{
	char words[256];

	snprintf(words, sizeof(words), format, name);
	if (!daemon_says(&place, words))
		fail_msg("the log does not say: %s", words);
}

static void test_a11_passwords(void **state)
{
	char name[64];

	(void)state;
	allow_alice();
	log_in("alice", PASSWORD, NULL, name);
	log_says("of %s as 'alice'", name);
	log_in("alice", "wrong horse", NULL, name);
	log_says("login of %s: refused: the user or the password (or token) is wrong", name);
	/* A user whom no rule names hears the same, though he has a password. */
	give_password("mallory");
	log_in("mallory", PASSWORD, NULL, name);
	log_says("login of %s: refused: the user or the password (or token) is wrong", name);
}

/* What was heard on one connection is worth nothing on another. */
static void test_a11_a_secret_of_another_connection(void **state)
{
	struct tls_talk other;
	char name[64];

	(void)state;
	allow_alice();
	tls_talk_start(&other, &place, NULL);
	log_in("alice", PASSWORD, other.peer.exporter, name);
	log_says("login of %s: understand", name);
	tls_talk_stop(&other);
	serves_others("127.0.0.3");
}

/* The file of hashes is open to others: nobody gets in by it. */
static void test_a11_loose_permissions_of_tokens(void **state)
{
	char path[PATH_MAX + 32], name[64];

	(void)state;
	allow_alice();
	snprintf(path, sizeof(path), "%s/state/tokens", place.top);
	assert_int_equal(chmod(path, 0644), 0);
	log_in("alice", PASSWORD, NULL, name);
	log_says("login of %s: refused", name);
}

int main(void)
{
#define PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PLACE(test_a9_says_nothing),
		PLACE(test_a9_trickle_of_a_handshake),
		PLACE(test_a9_trickle_of_a_greeting),
		PLACE(test_a9_stall_in_a_selection),
		PLACE(test_a9_trickle_of_an_opening),
		PLACE(test_a9_a_thousand_connections),
		PLACE(test_a9_key_updates_before_the_greeting),
		PLACE(test_a9_key_updates_in_a_session),
		PLACE(test_a9_empty_records),
		PLACE(test_a11_plain_bytes),
		PLACE(test_a11_a_ticket_in_a_session),
		PLACE(test_a11_renegotiation),
		PLACE(test_a11_an_end_of_tls_alone),
		PLACE(test_a11_a_fin_alone),
		PLACE(test_a11_half_a_record),
		PLACE(test_a11_records_without_protection),
		PLACE(test_a11_flipped_bits),
		PLACE(test_a11_a_record_again),
		PLACE(test_a11_passwords),
		PLACE(test_a11_a_secret_of_another_connection),
		PLACE(test_a11_loose_permissions_of_tokens),
		PLACE(test_a7_a_client_hello_without_end),
		PLACE(test_a7_a_record_beyond_the_limit),
		PLACE(test_a7_selections),
		PLACE(test_a7_hello),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("daemon strangers", tests, NULL, NULL);
}
