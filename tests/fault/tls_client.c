/* See tls_client.h. */
#include "tests/fault/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/byteorder.h"
#include "protocol/hello.h"
#include "tests/fault/scene.h"
#include "tests/unit/temp_tree.h"
#include "transport/frame.h"

/* How long a loaded machine may take for anything. */
#define PATIENCE_MS 60000

static void nap(void)
{
	const struct timespec pause = { 0, 5000000 };

	nanosleep(&pause, NULL);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the daemon ---- */

/* The log so far, which the caller frees. */
static char *read_log(const struct test_daemon *daemon)
{
	char path[PATH_MAX + 8];
	struct stat st;
	char *text;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/log", daemon->top);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		abort();
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		abort();
	got = read(fd, text, (size_t)st.st_size);
	if (got < 0)
		abort();
	text[got] = '\0';
	close(fd);
	return text;
}

bool daemon_has_said(const struct test_daemon *daemon, const char *text)
{
	char *log = read_log(daemon);
	bool has = strstr(log, text);

	free(log);
	return has;
}

bool daemon_says(const struct test_daemon *daemon, const char *text)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;

	while (!daemon_has_said(daemon, text)) {
		if (now_ms() > end_ms)
			return false;
		nap();
	}
	return true;
}

static void write_config(const struct test_daemon *daemon, const char *lines)
{
	char path[PATH_MAX + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/daemon.conf", daemon->top);
	file = fopen(path, "w");
	if (!file)
		abort();
	fprintf(file, "listen = 127.0.0.1:0\nstate = %s/state\nstatus = %s/status\n%s", daemon->top, daemon->top, lines);
	if (fclose(file) || chmod(path, 0644))
		abort();
}

static void execute(const struct test_daemon *daemon)
{
	const char *program = getenv("LADE");
	char config[PATH_MAX + 16], log[PATH_MAX + 8];
	int fd;

	snprintf(config, sizeof(config), "%s/daemon.conf", daemon->top);
	snprintf(log, sizeof(log), "%s/log", daemon->top);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(126);
	/* A test that fails does not stop it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)close_range(STDERR_FILENO + 1, ~0u, 0);
	execl(program ? program : "./lade", "lade", "daemon", "--config", config, (char *)NULL);
	_exit(127);
}

/* The port that the log names. False: not yet. */
static bool find_port(struct test_daemon *daemon)
{
	static const char words[] = "listening on 127.0.0.1:";
	char *log = read_log(daemon), *at = strstr(log, words);
	bool found = at && strchr(at, '\n');

	if (found)
		snprintf(daemon->port, sizeof(daemon->port), "%d", atoi(at + strlen(words)));
	free(log);
	return found;
}

void daemon_start(struct test_daemon *daemon, const char *lines)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;
	char path[PATH_MAX + 8];

	memset(daemon, 0, sizeof(*daemon));
	temp_tree_make(daemon->top);
	write_config(daemon, lines);
	/* It is there before somebody reads it. */
	snprintf(path, sizeof(path), "%s/log", daemon->top);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	(void)signal(SIGPIPE, SIG_IGN);
	alarm(PEER_ALARM_S);
	fflush(NULL);
	daemon->pid = fork();
	if (daemon->pid < 0)
		abort();
	if (daemon->pid == 0)
		execute(daemon);
	while (!find_port(daemon)) {
		if (now_ms() > end_ms || waitpid(daemon->pid, NULL, WNOHANG) != 0) {
			char *log = read_log(daemon);

			fail_msg("the daemon does not start: %s", log);
		}
		nap();
	}
}

int daemon_stop(struct test_daemon *daemon)
{
	int status;

	(void)kill(daemon->pid, SIGTERM);
	status = scene_wait_for(daemon->pid);
	if (daemon_has_said(daemon, "Sanitizer") || daemon_has_said(daemon, "runtime error")) {
		char *log = read_log(daemon);

		fail_msg("a process of the daemon: %s", log);
	}
	temp_tree_remove(daemon->top);
	alarm(0);
	return status;
}

pid_t daemon_worker(const struct test_daemon *daemon)
{
	char path[64];
	int worker = 0;
	FILE *file;

	/* Its greeter is gone, or it is the one before: children stand there in the order of their birth. */
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)daemon->pid, (int)daemon->pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fscanf(file, "%d", &worker) == 1)
		;
	fclose(file);
	assert_true(worker > 0);
	return worker;
}

/* ---- connections ---- */

int tls_dial(const struct test_daemon *daemon, const char *from, char name_out[64])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, own = address;
	socklen_t len = sizeof(own);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[INET_ADDRSTRLEN];

	address.sin_port = htons((uint16_t)atoi(daemon->port));
	if (from)
		assert_int_equal(inet_pton(AF_INET, from, &own.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	inet_ntop(AF_INET, &own.sin_addr, text, sizeof(text));
	snprintf(name_out, 64, "%s:%u", text, ntohs(own.sin_port));
	return fd;
}

static void shake(struct tls_talk *talk, const struct test_daemon *daemon, const struct tls_call *call)
{
	const struct lade_tls_setup setup = { .signer = call ? call->signer : NULL, .timeout_ms = PATIENCE_MS };
	struct lade_fault fault;

	memset(talk, 0, sizeof(*talk));
	talk->fd = tls_dial(daemon, call ? call->from : NULL, talk->name);
	if (lade_tls_handshake(talk->fd, &setup, "the daemon", &talk->state, &talk->peer, &fault))
		fail_msg("handshake: %s", fault.operation);
}

void tls_talk_start(struct tls_talk *talk, const struct test_daemon *daemon, const struct tls_call *call)
{
	shake(talk, daemon, call);
	assert_int_equal(lade_tls_protection_new(talk->state.suite, &talk->state.client, true, &talk->out), 0);
}

bool tls_talk_say_raw(struct tls_talk *talk, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t sent = send(talk->fd, at, len, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return false;
		at += sent > 0 ? sent : 0;
		len -= sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

bool tls_talk_say(struct tls_talk *talk, uint8_t type, const void *bytes, size_t len)
{
	struct iovec vector = { (void *)bytes, len }, *at = &vector;
	uint8_t record[LADE_TLS_RECORD_MAX];

	assert_int_equal(lade_tls_seal(talk->out, type, &at, len, record), 0);
	return tls_talk_say_raw(talk, record, len + LADE_TLS_EXTRA_LEN);
}

bool tls_talk_hear_out(struct tls_talk *talk, int timeout_ms)
{
	int64_t end_ms = now_ms() + timeout_ms;
	uint8_t scratch[16384];

	for (;;) {
		struct pollfd wait_for = { .fd = talk->fd, .events = POLLIN };
		int64_t left_ms = end_ms - now_ms();

		if (left_ms <= 0)
			return false;
		if (poll(&wait_for, 1, (int)left_ms) > 0 && recv(talk->fd, scratch, sizeof(scratch), 0) <= 0)
			return true;
	}
}

void tls_talk_stop(struct tls_talk *talk)
{
	lade_tls_protection_free(talk->out);
	close(talk->fd);
}

size_t tls_opening(const char *module, uint8_t *out)
{
	const struct lade_msg_select select = { .module = lade_slice(module, strlen(module)) };
	struct lade_hello hello = { .version_min = LADE_VERSION_MIN, .version_max = LADE_VERSION_MAX };
	struct lade_writer control;
	size_t len;

	lade_hello_put(out, &hello);
	lade_writer_init(&control, LADE_CONTROL_MAX);
	lade_put_select(&control, &select);
	assert_int_equal(control.error, 0);
	lade_put_le32(out + LADE_HELLO_LEN, (uint32_t)control.len);
	lade_put_le32(out + LADE_HELLO_LEN + 4, 0);
	memcpy(out + LADE_HELLO_LEN + LADE_FRAME_HEADER_LEN, control.data, control.len);
	len = LADE_HELLO_LEN + LADE_FRAME_HEADER_LEN + control.len;
	lade_writer_fini(&control);
	return len;
}

void tls_peer_start(struct peer *peer, const struct test_daemon *daemon, const struct tls_call *call, const char *module, char name_out[64])
{
	struct tls_talk talk;

	memset(peer, 0, sizeof(*peer));
	lade_writer_init(&peer->out, LADE_CONTROL_MAX);
	lade_writer_init(&peer->in, LADE_CONTROL_MAX);
	peer->child = -1;
	peer->module = module;
	shake(&talk, daemon, call);
	assert_int_equal(lade_connection_accept(&peer->connection, talk.fd, NULL), 0);
	assert_int_equal(lade_connection_secure(&peer->connection, &talk.state, true, LADE_SECURE_USER, NULL), 0);
	snprintf(name_out, 64, "%s", talk.name);
}

int tls_peer_stop(struct peer *peer, const struct test_daemon *daemon, const char *name)
{
	char words[128], *log, *at;
	struct lade_message message;
	int status = -1;

	while (peer_hear(peer, &message) == PEER_MESSAGE)
		;
	lade_connection_close(&peer->connection);
	lade_writer_fini(&peer->out);
	lade_writer_fini(&peer->in);
	/* Either the session has a line, or the login. */
	snprintf(words, sizeof(words), "of %s", name);
	if (!daemon_says(daemon, words))
		fail_msg("the daemon says nothing about %s", name);
	snprintf(words, sizeof(words), "of %s as", name);
	log = read_log(daemon);
	at = strstr(log, words);
	at = at ? strstr(at, " status=") : NULL;
	if (at)
		status = atoi(at + strlen(" status="));
	free(log);
	return status;
}
