/*
 * Fuzz target of all that is said before anybody is known. The first byte chooses: 0, what a stranger says inside TLS (HELLO, and SELECT or JOIN) to the
 * greeter's decoders; else what a greeter that he has taken over says to the monitor, as pieces of a type (one byte), a way (one byte: 0 the piece is as long as
 * it is, else as its type), a length (16 bits, little-endian) and so many bytes. A monitor never lets this one in, and signs once at most.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/monitor_internal.h"
#include "agent/locked_memory.h"
#include "agent/sync/handshake.h"
#include "protocol/byteorder.h"

#define INPUT_MAX 65536u
#define SIGNED_LEAST (64u + 34u + 32u)

/* For replay.c: a run is a connection and a thread. */
extern const unsigned fuzz_places_max;
const unsigned fuzz_places_max = 200;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a stranger ---- */

struct stranger {
	int fd;
	const uint8_t *data;
	size_t size;
};

static void *speak(void *argument)
{
	const struct stranger *stranger = argument;
	uint8_t scratch[4096];

	for (size_t done = 0; done < stranger->size;) {
		ssize_t sent = send(stranger->fd, stranger->data + done, stranger->size - done, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		done += (size_t)sent;
	}
	(void)shutdown(stranger->fd, SHUT_WR);
	while (recv(stranger->fd, scratch, sizeof(scratch), 0) > 0)
		;
	return NULL;
}

/* What was wished for holds what it must. */
static void look_at(const struct lade_message *wish)
{
	const struct lade_msg_select *select = &wish->select;

	if (wish->type != LADE_MSG_SELECT && wish->type != LADE_MSG_JOIN)
		abort();
	if (wish->type == LADE_MSG_JOIN)
		return;
	if (select->module.len > LADE_NAME_MAX || select->user.len > LADE_USER_MAX || select->secret.len > LADE_PASSWORD_MAX ||
	    !select->user.len != !select->secret.len || (select->module.len && memchr(select->module.data, 0, select->module.len)) ||
	    (select->user.len && memchr(select->user.data, 0, select->user.len)))
		abort();
}

static void meet_stranger(const uint8_t *data, size_t size)
{
	static const uint8_t exporter[LADE_EXPORTER_LEN] = { 1 };
	struct lade_connection ours, theirs;
	struct lade_message wish;
	struct lade_writer control;
	struct lade_run_key key;
	struct stranger stranger = { .data = data, .size = size };
	pthread_t thread;

	if (lade_connection_pair(&ours, &theirs, NULL))
		abort();
	stranger.fd = theirs.in_fd;
	if (pthread_create(&thread, NULL, speak, &stranger))
		abort();
	lade_writer_init(&control, LADE_CONTROL_MAX);
	if (lade_handshake_greet(&ours, NULL, false, &key, NULL) == 0 &&
	    lade_handshake_hear_wish(&ours, exporter, &control, &wish, NULL) == 0)
		look_at(&wish);
	lade_writer_fini(&control);
	lade_connection_close(&ours);
	pthread_join(thread, NULL);
	lade_connection_close(&theirs);
}

/* ---- a greeter ---- */

static struct shared_config shared;
static unsigned signatures;

static int sign(void *context, const uint8_t *data, size_t len, uint8_t signature_out[LADE_TLS_SIGNATURE_LEN])
{
	(void)context;
	if (len < SIGNED_LEAST || memcmp(data + 64, "TLS 1.3, server CertificateVerify", 34) != 0)
		abort();
	signatures++;
	memset(signature_out, 0, LADE_TLS_SIGNATURE_LEN);
	return 0;
}

static void ignore_report(void *context, const struct lade_config_error *error)
{
	(void)context;
	(void)error;
}

/* A configuration whose modules let nobody in without a secret. */
static void configure(void)
{
	static const char lines[] = "state = /nonexistent\n[m]\npath = /nonexistent\nauth = token:u\n[c]\npath = /nonexistent\nauth = authorized\n";
	char name[] = "/tmp/lade-fuzz-XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0 || write(fd, lines, sizeof(lines) - 1) != (ssize_t)sizeof(lines) - 1 || close(fd) ||
	    lade_daemon_config_read(name, ignore_report, NULL, &shared.config, NULL) || unlink(name))
		abort();
	shared.signer.sign = sign;
}

/* The next piece of the input as a datagram. Returns how much of the input it was; 0: there is none. */
static size_t send_piece(int fd, const uint8_t *data, size_t size)
{
	struct lade_channel_message message;
	const size_t body = offsetof(struct lade_channel_message, sign);
	size_t len;

	if (size < 4)
		return 0;
	len = (size_t)data[2] | (size_t)data[3] << 8;
	if (len > size - 4)
		len = size - 4;
	memset(&message, 0, sizeof(message));
	message.type = (enum lade_channel_type)data[0];
	memcpy((uint8_t *)&message + body, data + 4, len < sizeof(message) - body ? len : sizeof(message) - body);
	if (data[1] && data[0] >= LADE_CHANNEL_SIGN && data[0] <= LADE_CHANNEL_TAKEN)
		(void)lade_channel_send(fd, &message, NULL);
	else
		(void)send(fd, &message, body + (len < sizeof(message) - body ? len : sizeof(message) - body), MSG_NOSIGNAL);
	return 4 + len;
}

static void hear(struct monitor *monitor, struct visit *visit)
{
	int error = lade_channel_receive(visit->channel, monitor->message, NULL);

	if (error == 0)
		lade_monitor_hear_greeter(monitor, visit);
	else if (error != LADE_E_PROTOCOL && error != LADE_E_AGAIN)
		abort();
}

static void be_monitor(const uint8_t *data, size_t size)
{
	struct visit visits[1] = { { .stage = VISIT_LOGIN, .fd = -1, .shared = &shared, .peer = "peer" } };
	struct monitor monitor = { .shared = &shared, .visits = visits, .visit_max = 1, .visit_used = 1, .checkers = LADE_CHECKERS_MAX };
	uint8_t scratch[65536];
	size_t used;
	int ends[2];

	if (!shared.config)
		configure();
	shared.users = 2;
	signatures = 0;
	((struct sockaddr *)&visits->address)->sa_family = AF_INET;
	monitor.message = lade_locked_memory_new(sizeof(*monitor.message), false);
	if (!monitor.message || lade_channel_pair(ends, NULL) || lade_daemon_log_open(false, "/dev/null", &monitor.log, NULL))
		abort();
	visits->channel = ends[0];
	for (; (used = send_piece(ends[1], data, size)); data += used, size -= used) {
		hear(&monitor, visits);
		(void)recv(ends[1], scratch, sizeof(scratch), MSG_DONTWAIT);
		if (visits->admitted || signatures > 1 || (visits->stage != VISIT_LOGIN && visits->stage != VISIT_CHECK))
			abort();
	}
	lade_visit_free(visits);
	close(ends[1]);
	lade_daemon_log_close(monitor.log);
	lade_locked_memory_free(monitor.message, sizeof(*monitor.message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > INPUT_MAX)
		return 0;
	if (data[0] == 0)
		meet_stranger(data + 1, size - 1);
	else
		be_monitor(data + 1, size - 1);
	return 0;
}
