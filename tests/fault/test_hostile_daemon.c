/*
 * A daemon that is none: what a hostile server may say to `lade sync lade://`, in TLS and in the session. The client ends with an error, never as if all
 * were well, and touches nothing but its destination (attack classes A1, A2, A9, A10, A11, A12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "tests/fault/attack.h"
#include "tests/fault/scene.h"
#include "tests/fault/tls_client.h"
#include "tests/unit/temp_tree.h"
#include "transport/tls_control.h"

#define PATIENCE_MS 60000
#define STREAM LADE_EXIT_STREAM

/* One server and what the client makes of it. */
struct row {
	const char *name;
	int status;                               /* the client's */
	void (*records)(struct tls_talk *talk);   /* what it says instead of a session; or: */
	void (*session)(struct peer *peer);       /* what it says behind OPEN */
	const char *option;                       /* of the client, or NULL */
	const char *data;                         /* the script's own */
	bool deletes;                             /* what is not in the session's entries goes */
};

static struct scene scene;
static const struct row *current;
static char own[PATH_MAX]; /* the client's */
static char said[65536]; /* what the client said on its standard error */

/* ---- the client ---- */

static void execute(int port)
{
	const char *program = getenv("LADE");
	char url[64], to[PATH_MAX + 8], path[PATH_MAX + 16];
	int fd;

	snprintf(url, sizeof(url), "lade://127.0.0.1:%d/m/", port);
	snprintf(to, sizeof(to), "%s/", scene.inside);
	snprintf(path, sizeof(path), "%s", own);
	(void)setenv("XDG_CONFIG_HOME", path, 1);
	(void)setenv("XDG_STATE_HOME", path, 1);
	snprintf(path, sizeof(path), "%s/said", own);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(126);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	execl(program ? program : "./lade", "lade", "sync", "-a", "--accept-new-host", current->option ? current->option : "--times", url, to,
	      (char *)NULL);
	_exit(127);
}

static void read_said(void)
{
	char path[PATH_MAX + 16];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/said", own);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, said, sizeof(said) - 1);
	assert_true(got >= 0);
	said[got] = '\0';
	close(fd);
}

/* ---- the server ---- */

static int listen_somewhere(int *port_out)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(address);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	*port_out = ntohs(address.sin_port);
	return listener;
}

static void shake(int fd, struct tls_talk *talk)
{
	struct lade_tls_setup setup = { .server = true, .timeout_ms = PATIENCE_MS };
	struct lade_fault fault;
	struct tls_key key;

	tls_key_init(&key, 9);
	setup.signer = &key.signer;
	memset(talk, 0, sizeof(*talk));
	talk->fd = fd;
	if (lade_tls_handshake(fd, &setup, "the client", &talk->state, &talk->peer, &fault))
		fail_msg("handshake: %s", fault.operation);
	tls_key_fini(&key);
}

/* A session whose words are the row's, behind an honest beginning. */
static void play(struct tls_talk *talk)
{
	struct lade_message message;
	struct peer peer;

	memset(&peer, 0, sizeof(peer));
	lade_writer_init(&peer.out, LADE_CONTROL_MAX);
	lade_writer_init(&peer.in, LADE_CONTROL_MAX);
	peer.child = -1;
	peer.answers = true;
	assert_int_equal(lade_connection_accept(&peer.connection, talk->fd, NULL), 0);
	assert_int_equal(lade_connection_secure(&peer.connection, &talk->state, false, LADE_SECURE_USER, NULL), 0);
	peer_hello(&peer);
	assert_true(peer_hear_type(&peer, LADE_MSG_OPEN, &message));
	current->session(&peer);
	while (peer_hear(&peer, &message) == PEER_MESSAGE)
		;
	lade_connection_close(&peer.connection);
	lade_writer_fini(&peer.out);
	lade_writer_fini(&peer.in);
}

static void run_row(void **state)
{
	struct tls_talk talk;
	int port, listener = listen_somewhere(&port), fd, status;
	pid_t child;

	current = *state;
	scene_make(&scene);
	temp_tree_make(own);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		execute(port);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	shake(fd, &talk);
	if (current->session) {
		play(&talk);
	} else {
		assert_int_equal(lade_tls_protection_new(talk.state.suite, &talk.state.server, true, &talk.out), 0);
		current->records(&talk);
		assert_true(tls_talk_hear_out(&talk, PATIENCE_MS));
		tls_talk_stop(&talk);
	}
	status = scene_wait_for(child);
	read_said();
	if (status != current->status)
		print_message("# the client says: %s\n", said);
	assert_int_equal(status, current->status);
	/* Whatever it tells its user, it says so in plain characters. */
	assert_null(strchr(said, '\033'));
	assert_null(strchr(said, '\a'));
	if (current->deletes)
		assert_int_equal(access(scene_path(&scene, "old"), F_OK), -1);
	else
		scene_check_old(&scene);
	scene_check(&scene);
	scene_remove(&scene);
	temp_tree_remove(own);
}

/* ---- in TLS ---- */

static void ticket(struct tls_talk *talk)
{
	const uint8_t message[] = { 4, 0, 0, 14, 0, 0, 0, 60, 0, 0, 0, 0, 1, 0, 0, 1, 't', 0 };

	(void)tls_talk_say(talk, LADE_TLS_HANDSHAKE, message, sizeof(message));
}

static void certificate_request(struct tls_talk *talk)
{
	const uint8_t message[] = { 13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 8, 7 };

	(void)tls_talk_say(talk, LADE_TLS_HANDSHAKE, message, sizeof(message));
}

static void key_updates(struct tls_talk *talk)
{
	const uint8_t message[LADE_TLS_KEY_UPDATE_LEN] = { 24, 0, 0, 1, 1 };

	for (int i = 0; i < 1000; i++) {
		(void)tls_talk_say(talk, LADE_TLS_HANDSHAKE, message, sizeof(message));
		assert_int_equal(lade_tls_protection_update(talk->out), 0);
	}
}

static void fin(struct tls_talk *talk)
{
	(void)shutdown(talk->fd, SHUT_WR);
}

static void close_notify(struct tls_talk *talk)
{
	(void)tls_talk_say(talk, LADE_TLS_ALERT, "\1\0", 2);
	(void)shutdown(talk->fd, SHUT_WR);
}

static void plain_bytes(struct tls_talk *talk)
{
	(void)tls_talk_say_raw(talk, "\x9flade\r\n\x1a" "0123456789", 18);
}

static void damaged(struct tls_talk *talk)
{
	uint8_t opening[8192], record[64 + LADE_TLS_EXTRA_LEN];
	struct iovec vector = { opening, 64 }, *at = &vector;

	(void)tls_opening("m", opening);
	assert_int_equal(lade_tls_seal(talk->out, LADE_TLS_DATA, &at, 64, record), 0);
	record[20] ^= 1;
	(void)tls_talk_say_raw(talk, record, sizeof(record));
}

static void greeting_of_another(struct tls_talk *talk)
{
	(void)tls_talk_say(talk, LADE_TLS_DATA, "HTTP/1.1 200 OK\r\n\r\n", 19);
}

static void nothing(struct tls_talk *talk)
{
	(void)talk;
}

/* ---- in the session ---- */

/* The directory that was asked for, whose content follows. */
static void begin(struct peer *peer)
{
	attack_root(peer);
	attack_directory(peer, ".");
}

/* The same as LEAVE and the end of the entries. */
static void end_entries(struct peer *peer)
{
	attack_leave(peer);
	attack_entries_end(peer);
}

/*
 * Entries that are all there, and no END. The client, which says its own first, has deleted by then what was not said; it had all that this
 * takes, but the session has failed. Who ends earlier than this may come too late to keep anything.
 */
static void no_end(struct peer *peer)
{
	struct lade_message message;

	begin(peer);
	end_entries(peer);
	assert_true(peer_hear_type(peer, LADE_MSG_END, &message));
	lade_connection_end_writing(&peer->connection);
}

static void no_end_of_entries(struct peer *peer)
{
	begin(peer);
	attack_directory(peer, "d");
	attack_leave(peer);
	peer_say(peer);
	(void)shutdown(peer->connection.out_fd, SHUT_WR);
}

/* Not all could be read, which was said. */
static void incomplete(struct peer *peer)
{
	const struct lade_msg_leave leave = { .incomplete = 1 };
	const struct lade_msg_entries_end end = { .incomplete = 1 };

	begin(peer);
	attack_directory(peer, "d");
	attack_leave(peer);
	lade_put_leave(&peer->out, &leave);
	lade_put_entries_end(&peer->out, &end);
	peer_say(peer);
	(void)peer_finish_session(peer);
}

/* The name in the row. */
static void bad_name(struct peer *peer)
{
	begin(peer);
	attack_file(peer, current->data, 3);
	end_entries(peer);
}

static void link_then_directory(struct peer *peer)
{
	begin(peer);
	attack_symlink(peer, "a", scene.outside);
	attack_directory(peer, "a");
	attack_file(peer, "canary", 0);
	attack_leave(peer);
	end_entries(peer);
	(void)peer_finish_session(peer);
}

static void refusal(struct peer *peer)
{
	const char *text = "no\033[2J\033]0;pwned\a\nlade: all is well";
	const struct lade_msg_report report = {
		.severity = LADE_REPORT_FATAL, .exit = 0, .operation = lade_slice(text, strlen(text)), .subject = lade_slice(text, strlen(text)),
		.reason = lade_slice(text, strlen(text)),
	};

	lade_put_report(&peer->out, &report);
	peer_say(peer);
	lade_connection_end_writing(&peer->connection);
}

/* END before anything was there. */
static void early_end(struct peer *peer)
{
	const struct lade_msg_end end = { .exit = 0 };

	lade_put_end(&peer->out, &end);
	peer_say(peer);
}

#define RECORDS(name, script) { name, STREAM, .records = script }
#define NAME(name, bad) { "A1 a name " name, STREAM, .session = bad_name, .data = bad }

static const struct row rows[] = {
	RECORDS("A11 a ticket", ticket),
	RECORDS("A11 a request for a certificate", certificate_request),
	RECORDS("A9 a flood of KeyUpdates", key_updates),
	RECORDS("A11 a FIN alone", fin),
	RECORDS("A11 an end of TLS alone", close_notify),
	RECORDS("A11 bytes without protection", plain_bytes),
	RECORDS("A11 a flipped bit", damaged),
	{ "A9 a server that says nothing", 30, .records = nothing, .option = "--timeout=1" },
	{ "A11 the greeting of another protocol", LADE_EXIT_VERSION, .records = greeting_of_another },
	{ "A10 no END", STREAM, .session = no_end, .option = "--delete-delay", .deletes = true },
	{ "A10 no end of the entries", STREAM, .session = no_end_of_entries, .option = "--delete-during" },
	/* What a sender says of itself is its business; but then nothing is deleted. */
	{ "A10 entries that are not complete", LADE_EXIT_OK, .session = incomplete, .option = "--delete-before" },
	{ "A10 an end before the beginning", STREAM, .session = early_end, .option = "--delete" },
	NAME("that climbs", "../outside/canary"),
	NAME("from the root", "/etc/passwd"),
	NAME("of the directory above", ".."),
	NAME("of the directory itself", "."),
	NAME("without a name", ""),
	NAME("with a slash behind it", "x/"),
	{ "A2 a symlink that becomes a directory", LADE_EXIT_OK, .session = link_then_directory },
	{ "A12 a refusal with escapes, and without an exit status", STREAM, .session = refusal },
};

int main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0])];
	size_t count = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){ rows[i].name, run_row, NULL, NULL, (void *)&rows[i] };
	(void)signal(SIGPIPE, SIG_IGN);
	alarm(PEER_ALARM_S);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests("hostile daemon", tests, count, NULL, NULL);
}
