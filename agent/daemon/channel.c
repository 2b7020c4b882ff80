/*
 * Channels. What has secrets is wiped by whoever is done with it; the kernel's copies go with the datagrams.
 */
#include "agent/daemon/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/complaint.h"

static const size_t lengths[] = {
	[LADE_CHANNEL_SIGN] = sizeof(struct lade_channel_sign),
	[LADE_CHANNEL_SIGNATURE] = sizeof(struct lade_channel_signature),
	[LADE_CHANNEL_ASK] = sizeof(struct lade_channel_ask),
	[LADE_CHANNEL_VERDICT] = sizeof(struct lade_channel_verdict),
	[LADE_CHANNEL_HANDOVER] = sizeof(struct lade_channel_handover),
	[LADE_CHANNEL_PROGRESS] = sizeof(struct lade_channel_progress),
	[LADE_CHANNEL_RESULT] = sizeof(struct lade_channel_result),
	[LADE_CHANNEL_COMPLAINT] = sizeof(struct lade_channel_complaint),
};

#define TYPE_COUNT (sizeof(lengths) / sizeof(lengths[0]))

/* Where all of them begin behind the type. */
#define BODY offsetof(struct lade_channel_message, sign)

int lade_channel_pair(int ends[2], struct lade_fault *fault)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return lade_fault_set(fault, LADE_E_SYSTEM, "create socket pair", NULL);
	/* The open file descriptions differ: the other end waits as usual. */
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	close(ends[0]);
	close(ends[1]);
	return lade_fault_set(fault, LADE_E_SYSTEM, "create socket pair", NULL);
}

int lade_channel_send(int fd, const struct lade_channel_message *message, struct lade_fault *fault)
{
	ssize_t sent;

	do {
		sent = send(fd, message, BODY + lengths[message->type], MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	return lade_fault_set(fault, errno == EPIPE || errno == ECONNRESET ? LADE_E_CLOSED : LADE_E_SYSTEM, "send to a process of the daemon", NULL);
}

/* Let texts end, whatever was sent. */
static void end_texts(struct lade_channel_message *message)
{
	switch (message->type) {
	case LADE_CHANNEL_ASK:
		message->ask.module[sizeof(message->ask.module) - 1] = '\0';
		message->ask.user[sizeof(message->ask.user) - 1] = '\0';
		message->ask.name[sizeof(message->ask.name) - 1] = '\0';
		break;
	case LADE_CHANNEL_VERDICT:
		message->verdict.text[sizeof(message->verdict.text) - 1] = '\0';
		break;
	case LADE_CHANNEL_PROGRESS:
		message->progress.path[sizeof(message->progress.path) - 1] = '\0';
		break;
	case LADE_CHANNEL_RESULT:
		message->result.last.path[sizeof(message->result.last.path) - 1] = '\0';
		break;
	case LADE_CHANNEL_COMPLAINT:
		message->complaint.text[sizeof(message->complaint.text) - 1] = '\0';
		break;
	default:
		break;
	}
}

/* False if a length in it is beyond its field. */
static bool lengths_fit(const struct lade_channel_message *message)
{
	switch (message->type) {
	case LADE_CHANNEL_SIGN:
		return message->sign.len <= LADE_SIGN_MAX;
	case LADE_CHANNEL_ASK:
		return message->ask.secret_len <= LADE_PASSWORD_MAX;
	case LADE_CHANNEL_HANDOVER:
		return message->handover.state.plain_len <= LADE_TLS_PLAIN_MAX;
	default:
		return true;
	}
}

int lade_channel_receive(int fd, struct lade_channel_message *message, struct lade_fault *fault)
{
	ssize_t got;

	memset(message, 0, sizeof(*message));
	do {
		got = recv(fd, message, sizeof(*message), 0);
	} while (got < 0 && errno == EINTR);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return lade_fault_set(fault, LADE_E_CLOSED, "receive from a process of the daemon", NULL);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return LADE_E_AGAIN;
	if (got < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "receive from a process of the daemon", NULL);
	if ((size_t)got < BODY || message->type < LADE_CHANNEL_SIGN || message->type >= (int)TYPE_COUNT ||
	    (size_t)got != BODY + lengths[message->type] || !lengths_fit(message))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand a process of the daemon", NULL);
	end_texts(message);
	return 0;
}

void lade_channel_complain(int fd, const struct lade_fault *about)
{
	struct lade_channel_message message = { .type = LADE_CHANNEL_COMPLAINT };
	struct lade_complaint complaint;

	lade_complain_fault(&complaint, 0, about);
	snprintf(message.complaint.text, sizeof(message.complaint.text), "%s", complaint.text);
	(void)lade_channel_send(fd, &message, NULL);
}

int lade_channel_ask(int fd, struct lade_channel_message *message, enum lade_channel_type type, struct lade_fault *fault)
{
	int error = lade_channel_send(fd, message, fault);

	if (!error)
		error = lade_channel_receive(fd, message, fault);
	if (!error && message->type != type)
		error = lade_fault_set(fault, LADE_E_PROTOCOL, "understand a process of the daemon", NULL);
	return error;
}
