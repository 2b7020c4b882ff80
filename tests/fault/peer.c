/*
 * The hand-made peer. The child inherits nothing of the test but its end of the
 * connection; it ends by exit(3), so that a leak checker looks at it too.
 */
#include "tests/fault/peer.h"

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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "protocol/hello.h"
#include "transport/dial.h"
#include "transport/frame.h"

#define TIMEOUT_MS 120000

/* ---- connections ---- */

static void connect_tcp(struct lade_connection ends[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t address_len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char port[16];
	int fd;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address,
				 sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &address_len))
		abort();
	snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
	if (lade_connection_dial(&ends[0], &(struct lade_dial){ .host = "127.0.0.1", .port = port }, NULL))
		abort();
	fd = accept(listener, NULL, NULL);
	if (fd < 0 || lade_connection_accept(&ends[1], fd, NULL))
		abort();
	close(listener);
}

static void connect_pipes(int pipe_size, struct lade_connection ends[2])
{
	int forth[2], back[2];

	if (pipe2(forth, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		abort();
	if (pipe_size && (fcntl(forth[0], F_SETPIPE_SZ, pipe_size) < 0 ||
			  fcntl(back[0], F_SETPIPE_SZ, pipe_size) < 0))
		abort();
	for (int i = 0; i < 2; i++) {
		lade_connection_stdio(&ends[i]);
		ends[i].in_fd = i ? forth[0] : back[0];
		ends[i].out_fd = i ? back[1] : forth[1];
	}
}

void peer_connect(enum lade_connection_kind kind, int pipe_size, struct lade_connection ends[2])
{
	if (kind == LADE_CONNECTION_TCP)
		connect_tcp(ends);
	else if (kind == LADE_CONNECTION_PIPES)
		connect_pipes(pipe_size, ends);
	else if (lade_connection_pair(&ends[0], &ends[1], NULL))
		abort();
}

void peer_protect(struct lade_connection ends[2])
{
	static const struct lade_tls_state state = {
		.suite = LADE_TLS_AES_128_GCM, .client.secret = "the client's", .server.secret = "the server's",
	};

	for (int i = 0; i < 2; i++)
		if (lade_connection_secure(&ends[i], &state, i == 0, LADE_SECURE_KERNEL, NULL))
			abort();
}

/* ---- the child ---- */

static int serve(struct lade_connection *connection, void *context)
{
	(void)context;
	return lade_sync_serve(connection, NULL, NULL, NULL);
}

void peer_start_with(struct peer *peer, enum lade_connection_kind kind,
		     int (*run)(struct lade_connection *connection, void *context), void *context)
{
	struct lade_connection ends[2];

	memset(peer, 0, sizeof(*peer));
	lade_writer_init(&peer->out, LADE_CONTROL_MAX);
	lade_writer_init(&peer->in, LADE_CONTROL_MAX);
	peer_connect(kind, 0, ends);
	(void)signal(SIGPIPE, SIG_IGN);
	alarm(PEER_ALARM_S);
	fflush(NULL);
	peer->child = fork();
	if (peer->child < 0)
		abort();
	if (peer->child == 0) {
		int status;

		alarm(PEER_ALARM_S / 2);
		lade_connection_close(&ends[0]);
		status = lade_sync_setup(NULL) ? 98 : run(&ends[1], context);
		lade_connection_close(&ends[1]);
		exit(status);
	}
	lade_connection_close(&ends[1]);
	peer->connection = ends[0];
}

void peer_start(struct peer *peer, enum lade_connection_kind kind)
{
	peer_start_with(peer, kind, serve, NULL);
}

void peer_wait_end(struct peer *peer)
{
	struct pollfd wait_for = { .fd = peer->connection.out_fd };

	/* A pipe tells its writer that nobody will read any more; the alarm ends a hang. */
	while (poll(&wait_for, 1, -1) < 0)
		if (errno != EINTR)
			abort();
}

/* Wait for the child: its exit status. */
static int reap(struct peer *peer)
{
	int status;

	while (waitpid(peer->child, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	alarm(0);
	lade_writer_fini(&peer->out);
	lade_writer_fini(&peer->in);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int peer_cut(struct peer *peer)
{
	lade_connection_close(&peer->connection);
	return reap(peer);
}

int peer_stop(struct peer *peer)
{
	struct lade_message message;

	while (peer_hear(peer, &message) == PEER_MESSAGE)
		;
	return peer_cut(peer);
}

/* A line of the child's proc_pid_status(5) that has a number of KiB; -1: there is none. */
static long status_kib(const struct peer *peer, const char *name)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)peer->child);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), ": %ld kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

long peer_memory_kib(const struct peer *peer)
{
	return status_kib(peer, "VmRSS");
}

long peer_memory_peak_kib(const struct peer *peer)
{
	return status_kib(peer, "VmHWM");
}

/* ---- saying ---- */

void peer_say_raw(struct peer *peer, const void *bytes, size_t len)
{
	struct iovec vector = { (void *)bytes, len };

	if (len && !peer->lost && lade_connection_write(&peer->connection, &vector, 1, false, NULL))
		peer->lost = true;
}

void peer_say_payload(struct peer *peer, const void *payload, size_t len, uint32_t announced)
{
	assert_int_equal(peer->out.error, 0);
	if (!peer->lost && lade_frame_write(&peer->connection, lade_slice(peer->out.data,
									  peer->out.len),
									  	announced, NULL))
		peer->lost = true;
	lade_writer_reset(&peer->out);
	peer_say_raw(peer, payload, len);
}

void peer_say(struct peer *peer)
{
	if (peer->out.len)
		peer_say_payload(peer, NULL, 0, 0);
}

void peer_say_descriptor(struct peer *peer, int fd)
{
	if (lade_frame_write_descriptor(&peer->connection, lade_slice(peer->out.data,
								      peer->out.len), fd, NULL))
		peer->lost = true;
	lade_writer_reset(&peer->out);
}

void peer_say_run(struct peer *peer, uint32_t slot, uint64_t off, const void *data, uint32_t len,
		  bool bad)
{
	struct lade_msg_run run = { .slot = slot, .off = off, .len = len };

	lade_digest(&peer->key, data, len, run.digest);
	run.digest[0] = (uint8_t)(run.digest[0] ^ bad);
	lade_put_run(&peer->out, &run);
	peer_say_payload(peer, data, len, len);
}

void peer_say_record(struct peer *peer, uint32_t slot, const void *data, uint32_t len, bool bad)
{
	const struct lade_msg_bundle bundle = { 1 };
	uint8_t record[LADE_BUNDLE_RECORD_LEN + LADE_SMALL_MAX], digest[LADE_DIGEST_LEN];

	assert_true(len <= LADE_SMALL_MAX);
	lade_digest(&peer->key, data, len, digest);
	digest[0] = (uint8_t)(digest[0] ^ bad);
	lade_bundle_put_header(record, slot, len, digest);
	memcpy(record + LADE_BUNDLE_RECORD_LEN, data, len);
	lade_put_bundle(&peer->out, &bundle);
	peer_say_payload(peer, record, LADE_BUNDLE_RECORD_LEN + len, LADE_BUNDLE_RECORD_LEN + len);
}

void peer_put_file_end(struct peer *peer, uint32_t slot, bool changed, uint64_t size,
		       int64_t mtime_s)
{
	const struct lade_msg_file_end end = { .slot = slot, .changed = changed, .size = size,
		.mtime_s = mtime_s };

	lade_put_file_end(&peer->out, &end);
}

void peer_open(struct peer *peer, uint32_t role, uint64_t options, const char *path)
{
	peer_open_beside(peer, role, options, path, NULL);
}

/* The path as the other side is to hear it: a module's begin at its root. */
static struct lade_slice path_of(const struct peer *peer, const char *path)
{
	size_t root_len = peer->root ? strlen(peer->root) : 0;

	if (root_len && strncmp(path, peer->root, root_len) == 0 && (path[root_len] == '/' || !path[root_len]))
		path = path[root_len] ? path + root_len : "/";
	return lade_slice(path, strlen(path));
}

void peer_open_beside(struct peer *peer, uint32_t role, uint64_t options, const char *path, const char *alternative)
{
	struct lade_msg_open open = {
		.role = role, .options = options, .path = peer->path,
		.rules = peer->rules.len ? peer->rules : lade_slice("", 1),
		.alternative = alternative ? LADE_ALTERNATIVE_COPY : LADE_ALTERNATIVE_NONE,
	};
	struct lade_writer paths, alternatives;

	lade_writer_init(&paths, LADE_PATH_MAX);
	lade_writer_put_slice(&paths, path_of(peer, path));
	open.paths = lade_slice(paths.data, paths.len);
	lade_writer_init(&alternatives, LADE_PATH_MAX);
	if (alternative)
		lade_writer_put_slice(&alternatives, path_of(peer, alternative));
	open.alternatives = lade_slice(alternatives.data, alternatives.len);
	lade_put_open(&peer->out, &open);
	peer_say(peer);
	lade_writer_fini(&paths);
	lade_writer_fini(&alternatives);
}

/* [select] Without a user. */
static void say_select(struct peer *peer)
{
	const struct lade_msg_select select = { .module = lade_slice(peer->module, strlen(peer->module)) };

	lade_put_select(&peer->out, &select);
	peer_say(peer);
}

void peer_hello(struct peer *peer)
{
	struct lade_hello ours = { .version_min = LADE_VERSION_MIN,
		.version_max = LADE_VERSION_MAX }, theirs;
	uint8_t bytes[LADE_HELLO_LEN];

	memset(ours.secret, 0x5a, sizeof(ours.secret));
	lade_hello_put(bytes, &ours);
	peer_say_raw(peer, bytes, sizeof(bytes));
	assert_int_equal(lade_connection_wait(&peer->connection, TIMEOUT_MS, NULL), 0);
	assert_int_equal(lade_connection_read(&peer->connection, bytes, sizeof(bytes), NULL), 0);
	assert_int_equal(lade_hello_get(bytes, &theirs), 0);
	if (peer->answers)
		lade_run_key_derive(&peer->key, theirs.secret, ours.secret);
	else
		lade_run_key_derive(&peer->key, ours.secret, theirs.secret);
	if (peer->module)
		say_select(peer);
}

/* ---- hearing ---- */

/* Read len bytes; false at the end. Each wait has an end of its own. */
static bool read_patiently(struct peer *peer, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len) {
		size_t got = 0;
		int error = lade_connection_wait(&peer->connection, TIMEOUT_MS, NULL);

		if (error == LADE_E_AGAIN)
			fail_msg("the other side says nothing and does not end");
		if (error || lade_connection_read_some(&peer->connection, p, len, &got, NULL) || !got)
			return false;
		p += got;
		len -= got;
	}
	return true;
}

bool peer_take_payload(struct peer *peer, void *buf, uint32_t len)
{
	assert_true(len <= peer->payload_len);
	peer->payload_len -= len;
	return read_patiently(peer, buf, len);
}

static bool next_frame(struct peer *peer)
{
	uint8_t header[LADE_FRAME_HEADER_LEN], scratch[4096];
	uint32_t control_len;

	while (peer->payload_len) {
		uint32_t piece = peer->payload_len < sizeof(scratch) ? peer->payload_len : (uint32_t)sizeof(scratch);

		if (!read_patiently(peer, scratch, piece))
			return false;
		peer->payload_len -= piece;
	}
	if (!read_patiently(peer, header, sizeof(header)))
		return false;
	assert_int_equal(lade_frame_get_header(header, &control_len, &peer->payload_len), 0);
	lade_writer_reset(&peer->in);
	assert_non_null(lade_writer_reserve(&peer->in, control_len));
	if (!read_patiently(peer, peer->in.data, control_len))
		return false;
	lade_writer_commit(&peer->in, control_len);
	lade_reader_init(&peer->reader, peer->in.data, control_len);
	return true;
}

int peer_hear(struct peer *peer, struct lade_message *message_out)
{
	if (!lade_reader_left(&peer->reader) && !next_frame(peer))
		return PEER_END;
	assert_int_equal(lade_message_get(&peer->reader, message_out), 0);
	if (message_out->type == LADE_MSG_REPORT) {
		const struct lade_msg_report *report = &message_out->report;

		/* For the reader of a failed test: what the other side was unhappy about. */
		print_message("# heard: %.*s %.*s: %.*s\n", (int)report->operation.len,
			      report->operation.data,
			      (int)report->subject.len, report->subject.data,
			      	(int)report->reason.len,
			      report->reason.data);
		peer->fatal += message_out->report.severity == LADE_REPORT_FATAL;
		peer->errors += message_out->report.severity == LADE_REPORT_ERROR;
	}
	return PEER_MESSAGE;
}

bool peer_hear_type(struct peer *peer, enum lade_message_type type,
		    struct lade_message *message_out)
{
	while (peer_hear(peer, message_out) == PEER_MESSAGE)
		if (message_out->type == type)
			return true;
	return false;
}

uint32_t peer_hear_want(struct peer *peer, uint64_t index)
{
	struct lade_message message;

	do {
		if (!peer_hear_type(peer, LADE_MSG_WANT, &message))
			fail_msg("entry %u is not asked for", (unsigned)index);
	} while (message.want.index != index);
	return message.want.slot;
}

bool peer_finish_session(struct peer *peer)
{
	const struct lade_msg_end end = { .exit = 0 };
	struct lade_message message;

	if (!peer_hear_type(peer, LADE_MSG_END, &message))
		return false;
	lade_put_end(&peer->out, &end);
	peer_say(peer);
	return true;
}
