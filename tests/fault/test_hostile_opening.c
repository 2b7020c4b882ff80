/*
 * Strangers and liars before a session begins: greetings that are none, versions that
 * nobody speaks, requests that make no sense (attack classes A7, A9, A11).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "agent/sync/handshake.h"
#include "protocol/hello.h"
#include "tests/fault/attack.h"

#define STREAM LADE_EXIT_STREAM

/* attack->data: what is said instead of a HELLO. */
static void greeting(struct peer *peer, const struct attack *attack)
{
	uint8_t scratch[256];
	size_t got;

	peer_say_raw(peer, attack->data, attack->len);
	lade_connection_end_writing(&peer->connection);
	while (lade_connection_read_some(&peer->connection, scratch, sizeof(scratch), &got,
					 NULL) == 0 && got)
		;
}

/*
 * The same without hanging up: the server does not wait for more than it needs to know a stranger,
 * nor until its patience is over.
 */
static void open_greeting(struct peer *peer, const struct attack *attack)
{
	uint8_t bytes[LADE_HELLO_LEN];
	size_t got;

	peer_say_raw(peer, attack->data, attack->len);
	assert_int_equal(lade_connection_read(&peer->connection, bytes, sizeof(bytes), NULL), 0);
	assert_int_equal(lade_connection_wait(&peer->connection, LADE_HANDSHAKE_TIMEOUT_MS / 3 * 2, NULL), 0);
	assert_true(lade_connection_read_some(&peer->connection, bytes, 1, &got, NULL) || got == 0);
}

/* attack->data: lowest and highest version. */
static void versions(struct peer *peer, const struct attack *attack)
{
	const uint16_t *range = attack->data;
	const struct lade_hello hello = { .version_min = range[0], .version_max = range[1] };
	uint8_t bytes[LADE_HELLO_LEN];

	lade_hello_put(bytes, &hello);
	peer_say_raw(peer, bytes, sizeof(bytes));
	assert_int_equal(lade_connection_read(&peer->connection, bytes, sizeof(bytes), NULL), 0);
}

/* A HELLO that comes byte by byte is one all the same. */
static void trickle(struct peer *peer, const struct attack *attack)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	const struct lade_hello ours = { .version_min = 1, .version_max = 1 };
	struct lade_hello theirs;
	uint8_t bytes[LADE_HELLO_LEN];

	(void)attack;
	lade_hello_put(bytes, &ours);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		peer_say_raw(peer, bytes + i, 1);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(lade_connection_read(&peer->connection, bytes, sizeof(bytes), NULL), 0);
	assert_int_equal(lade_hello_get(bytes, &theirs), 0);
	peer_open(peer, PEER_RECEIVES, ATTACK_OPTIONS, attack_scene()->inside);
	attack_root(peer);
	attack_entries_end(peer);
	assert_true(peer_finish_session(peer));
}

/* attack->data: the frame behind the HELLO. */
static void raw_open(struct peer *peer, const struct attack *attack)
{
	peer_hello(peer);
	peer_say_raw(peer, attack->data, attack->len);
	lade_connection_end_writing(&peer->connection);
}

/* attack->data: an OPEN. */
static void bad_open(struct peer *peer, const struct attack *attack)
{
	peer_hello(peer);
	lade_put_open(&peer->out, attack->data);
	peer_say(peer);
}

/* attack->data: the parameters. */
static void open_with(struct peer *peer, const struct attack *attack, uint64_t options)
{
	const struct lade_slice destination = { (const uint8_t *)attack_scene()->inside, strlen(attack_scene()->inside) };
	struct lade_msg_open open = { .options = options, .rules = lade_slice("", 1),
				      .parameters = { attack->data, attack->len } };
	struct lade_writer paths;

	peer_hello(peer);
	lade_writer_init(&paths, LADE_CONTROL_MAX);
	lade_writer_put_slice(&paths, destination);
	open.paths = lade_slice(paths.data, paths.len);
	lade_put_open(&peer->out, &open);
	peer_say(peer);
	lade_writer_fini(&paths);
}

/* attack->data: the parameters, of which the receiver makes sense when it has its destination. */
static void bad_place(struct peer *peer, const struct attack *attack)
{
	open_with(peer, attack, ATTACK_OPTIONS | LADE_OPTION_BACKUP);
	attack_root(peer);
	attack_entries_end(peer);
	while (peer_finish_session(peer))
		;
	assert_int_equal(peer->fatal, 1);
}

/* attack->data: the parameters. The server is told of a time-out, and hears nothing more. */
static void open_and_be_silent(struct peer *peer, const struct attack *attack)
{
	struct lade_message message;

	open_with(peer, attack, ATTACK_OPTIONS);
	/* As long as we speak it does not give up, though there is nothing to do, and speaks too. */
	for (unsigned i = 1; i <= 4; i++) {
		const struct lade_msg_keepalive alive = { i };

		assert_true(peer_hear_type(peer, LADE_MSG_KEEPALIVE, &message));
		assert_int_equal(message.keepalive.count, i);
		lade_put_keepalive(&peer->out, &alive);
		peer_say(peer);
	}
	assert_int_equal(peer->fatal, 0);
	assert_false(peer_hear_type(peer, LADE_MSG_END, &message));
	assert_int_equal(peer->fatal, 1);
}

/* Two OPENs. */
static void open_twice(struct peer *peer, const struct attack *attack)
{
	(void)attack;
	peer_hello(peer);
	peer_open(peer, PEER_RECEIVES, ATTACK_OPTIONS, attack_scene()->inside);
	peer_open(peer, PEER_RECEIVES, ATTACK_OPTIONS, attack_scene()->inside);
}

/* A destination that cannot be. */
static void bad_destination(struct peer *peer, const struct attack *attack)
{
	peer_hello(peer);
	peer_open(peer, PEER_RECEIVES, ATTACK_OPTIONS, attack->data);
	attack_root(peer);
	attack_file(peer, "x", 10);
	attack_entries_end(peer);
	while (peer_finish_session(peer))
		;
	assert_int_equal(peer->fatal, 1);
}

/* A source that is not there: the session goes on without it, and nothing that is there was left out. */
static void absent_source(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_end end = { .exit = 0 };
	struct lade_message message;

	peer_hello(peer);
	peer_open(peer, PEER_SENDS, ATTACK_OPTIONS, attack->data);
	assert_true(peer_hear_type(peer, LADE_MSG_ENTRIES_END, &message));
	assert_int_equal(message.entries_end.incomplete, 0);
	lade_put_end(&peer->out, &end);
	peer_say(peer);
}

#define BYTES(text) .data = text, .len = sizeof(text) - 1
#define OPEN(...) .data = &(const struct lade_msg_open){ __VA_ARGS__ }
#define SLICE(text) { (const uint8_t *)text, sizeof(text) - 1 }
#define NO_RULES .rules = SLICE("\0")
#define ROW(title, function, exit_status, ...) \
	{ title, function, .status = exit_status, .flags = ATTACK_NO_OPEN, __VA_ARGS__ }
#define TWENTY "\1a\1b\1c\1d\1e\1f\1g\1h\1i\1j\1k\1l\1m\1n\1o\1p\1q\1r\1s\1t"
#define SIXTEEN "xxxxxxxxxxxxxxxx"
#define SIXTY_FOUR SIXTEEN SIXTEEN SIXTEEN SIXTEEN
#define TCP .kind = LADE_CONNECTION_TCP
#define GET "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

static const uint16_t newer[2] = { 7, 9 }, zero[2] = { 0, 0 }, reversed[2] = { 9, 1 };

static const struct attack attacks[] = {
	ROW("nothing", greeting, STREAM, .len = 0),
	ROW("garbage", greeting, LADE_EXIT_VERSION, BYTES("\x9fladf\r\n\x1a garbage")),
	ROW("a HELLO cut short", greeting, STREAM, BYTES("\x9flade\r\n\x1a\1\0\1\0")),
	ROW("an HTTP request", greeting, LADE_EXIT_VERSION, BYTES(GET), TCP),
	ROW("an HTTP request whose end is awaited", open_greeting, LADE_EXIT_VERSION, BYTES(GET),
	    TCP),
	ROW("one byte of a stranger", open_greeting, LADE_EXIT_VERSION, BYTES("S"), TCP),
	ROW("versions 7 to 9", versions, LADE_EXIT_VERSION, .data = newer),
	ROW("version 0", versions, LADE_EXIT_VERSION, .data = zero),
	ROW("versions 9 to 1", versions, STREAM, .data = reversed),
	ROW("a HELLO byte by byte", trickle, LADE_EXIT_OK, TCP),

	ROW("no request", raw_open, STREAM, .len = 0),
	ROW("half a frame", raw_open, STREAM, BYTES("\x10\0\0\0")),
	ROW("a frame too large", raw_open, STREAM, BYTES("\xff\xff\xff\xff\0\0\0\0")),
	ROW("a request with payload", raw_open, STREAM, BYTES("\x04\0\0\0\1\0\0\0\2\0\0\0x")),
	ROW("another message than a request", raw_open, STREAM,
	    BYTES("\5\0\0\0\0\0\0\0\3\1\0\0\0")),
	ROW("unknown options", bad_open, LADE_EXIT_VERSION, OPEN(.options = UINT64_MAX,
								 .paths = SLICE("\1/"), NO_RULES)),
	ROW("an unknown way of moving", bad_open, LADE_EXIT_VERSION, OPEN(.path = 200,
									  .paths = SLICE("\1/"),
									  	NO_RULES)),
	ROW("no path", bad_open, STREAM, OPEN(.options = 1, NO_RULES)),
	ROW("two destinations", bad_open, STREAM, OPEN(.options = 1, .paths = SLICE("\1/\1/"),
						       NO_RULES)),
	ROW("a path with a NUL", bad_open, STREAM, OPEN(.options = 1, .paths = SLICE("\3/\0x"),
							NO_RULES)),
	ROW("a path cut short", bad_open, STREAM, OPEN(.options = 1, .paths = SLICE("\7/x"),
						       NO_RULES)),
	ROW("rules of garbage", bad_open, STREAM, OPEN(.paths = SLICE("\1/"),
						       .rules = SLICE("\x05garbage"))),
	ROW("a rule with unknown flags", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), .rules = SLICE("\1\200\100\1a"))),
	ROW("a rule that cannot be", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), .rules = SLICE("\1\220\1\1a"))),
	ROW("files of rules elsewhere", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), .rules = SLICE("\1\200\1\5/a/.."))),
	ROW("no rules at all", bad_open, STREAM, OPEN(.paths = SLICE("\1/"))),
	ROW("a map of owners that is none", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\50\3bob"))),
	ROW("a map of groups that is none, of a sender", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\51\5a:b:c"))),
	ROW("a character set that is none", bad_open, LADE_EXIT_UNSUPPORTED,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\52\10nonsense"))),
	ROW("a character set that replaces what it lacks", bad_open, LADE_EXIT_UNSUPPORTED,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\52\17UTF-8//TRANSLIT"))),
	ROW("a character set by its file", bad_open, LADE_EXIT_UNSUPPORTED,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\52\6/tmp/x"))),
	ROW("a name of a character set that is too long", bad_open, STREAM,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\52\100" SIXTY_FOUR))),
	ROW("a destination that ends early", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\71\3a\0b"))),
	ROW("sources that a receiver is to guard", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\71\2/b"))),
	ROW("more than --force-delete", bad_open, LADE_EXIT_VERSION,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\72\10\2\0\0\0\0\0\0\0"))),
	ROW("--force-delete for a receiver", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\72\10\1\0\0\0\0\0\0\0"))),
	ROW("an unknown parameter", bad_open, LADE_EXIT_VERSION, OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\177\0"))),
	ROW("parts of items that nobody knows", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\106\10\100\0\0\0\0\0\0\0"))),
	ROW("parts of items from a sender", bad_open, LADE_EXIT_VERSION,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\106\10\2\0\0\0\0\0\0\0"))),
	ROW("notes about what nobody knows", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\107\10\0\0\0\0\0\0\0\200"))),
	ROW("a parameter of the other side", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\1\10\1\0\0\0\0\0\0\0"))),
	ROW("a number above its most", bad_open, LADE_EXIT_VERSION,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\1\10\3\0\0\0\0\0\0\0"))),
	ROW("a kind of digests that is none", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\36\10\3\0\0\0\0\0\0\0"))),
	ROW("a kind of digests of files that is none", bad_open, LADE_EXIT_VERSION,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\37\10\377\377\377\377\377\377\377\377"))),
	ROW("a window that is too wide", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\40\10\2\0\0\200\0\0\0\0"))),
	ROW("a window for a sender", bad_open, LADE_EXIT_VERSION,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\40\10\1\0\0\0\0\0\0\0"))),
	ROW("a number that is none", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\1\1\1"))),
	ROW("a parameter twice", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\1\10\2\0\0\0\0\0\0\0\1\10\2\0\0\0\0\0\0\0"))),
	ROW("a list of sources from no file", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\25\0"))),
	ROW("a list of sources from the session itself", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\25\1-"))),
	ROW("a list of sources from both sides", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\24\10\1\0\0\0\0\0\0\0\25\1x"))),
	ROW("a list below two sources", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/\1/"), NO_RULES, .parameters = SLICE("\24\10\1\0\0\0\0\0\0\0"))),
	ROW("another kind of list", bad_open, LADE_EXIT_VERSION,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\24\10\2\0\0\0\0\0\0\0"))),
	ROW("a list for who has no sources", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\24\10\1\0\0\0\0\0\0\0"))),
	ROW("a parameter cut short", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\1\10\2"))),
	ROW("compression without a level", bad_open, STREAM,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\1\10\1\0\0\0\0\0\0\0"))),
	ROW("a time-out beyond all time", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\75\10\0\0\0\200\0\0\0\0"))),
	ROW("less memory than anything takes", bad_open, STREAM,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\76\10\377\377\377\7\0\0\0\0"))),
	ROW("a rate beyond all numbers", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\74\10\0\0\0\0\0\0\0\200"))),
	ROW("more deletions than there are numbers", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\63\10\1\0\0\200\0\0\0\0"))),
	ROW("a time of deletion that is none", bad_open, LADE_EXIT_VERSION,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\62\10\3\0\0\0\0\0\0\0"))),
	ROW("a suffix with a NUL", bad_open, STREAM,
	    OPEN(.paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\65\3a\0b"))),
	ROW("a backup directory for a sender", bad_open, LADE_EXIT_VERSION,
	    OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .parameters = SLICE("\64\1x"))),
	ROW("backups without a place", bad_place, STREAM, BYTES("")),
	ROW("a suffix with a slash", bad_place, STREAM, BYTES("\65\3a/b")),
	ROW("an empty suffix", bad_place, STREAM, BYTES("\65\0")),
	ROW("an empty backup directory", bad_place, STREAM, BYTES("\64\0")),
	ROW("a partial directory that climbs", bad_place, STREAM, BYTES("\65\1~\66\4../x")),
	ROW("an empty directory for temporary files", bad_place, STREAM, BYTES("\65\1~\67\0")),
	ROW("alternatives of no kind", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES,
							      .alternatives = SLICE("\1x"))),
	ROW("a kind of alternatives without any", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES,
									 .alternative = 3)),
	ROW("an alternative of another kind", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES, .alternative = 4,
								     .alternatives = SLICE("\1x"))),
	ROW("an alternative without a name", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES, .alternative = 3,
								    .alternatives = SLICE("\0"))),
	ROW("an alternative with a NUL", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES, .alternative = 3,
								.alternatives = SLICE("\3x\0y"))),
	ROW("an alternative cut short", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES, .alternative = 3,
							       .alternatives = SLICE("\7xy"))),
	ROW("too many alternatives", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES, .alternative = 3,
							    .alternatives = SLICE(TWENTY "\1x"))),
	ROW("no alternatives to look into", bad_open, STREAM, OPEN(.paths = SLICE("\1/"), NO_RULES, .fuzzy_alternatives = 1)),
	ROW("alternatives for a sender", bad_open, STREAM, OPEN(.role = 1, .paths = SLICE("\1/"), NO_RULES, .alternative = 3,
								.alternatives = SLICE("\1x"))),
	ROW("a client that falls silent", open_and_be_silent, LADE_EXIT_TIMEOUT, TCP, .data = "\75\10\2\0\0\0\0\0\0", .len = 10),
	ROW("two requests", open_twice, STREAM),
	ROW("a destination without a parent", bad_destination, LADE_EXIT_FILE,
	    .data = "/nonexistent/lade/fault"),
	ROW("a destination that is a device", bad_destination, LADE_EXIT_SELECT, .data = "/dev/null"),
	ROW("a source that is not there", absent_source, LADE_EXIT_PARTIAL,
	    .data = "/nonexistent-lade-source"),
};

int main(void)
{
	return attack_run("hostile opening", attacks, sizeof(attacks) / sizeof(attacks[0]));
}
