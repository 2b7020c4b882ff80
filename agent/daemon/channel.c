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
	[LADE_CHANNEL_JOIN] = sizeof(struct lade_channel_join),
	[LADE_CHANNEL_JOINING] = sizeof(struct lade_channel_joining),
	[LADE_CHANNEL_TAKEN] = sizeof(struct lade_channel_taken),
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

/* Room for one descriptor. */
union rights {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int lade_channel_send(int fd, const struct lade_channel_message *message, struct lade_fault *fault)
{
	return lade_channel_send_with(fd, message, -1, fault);
}

int lade_channel_send_with(int fd, const struct lade_channel_message *message, int descriptor, struct lade_fault *fault)
{
	struct iovec vector = { (void *)message, BODY + lengths[message->type] };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
	union rights rights = { .bytes = { 0 } };
	ssize_t sent;

	if (descriptor >= 0) {
		rights.align = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&rights.align), &descriptor, sizeof(int));
		header.msg_control = rights.bytes;
		header.msg_controllen = sizeof(rights.bytes);
	}
	do {
		sent = sendmsg(fd, &header, MSG_NOSIGNAL);
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
	case LADE_CHANNEL_JOINING:
		return message->joining.handover.state.plain_len <= LADE_TLS_PLAIN_MAX;
	default:
		return true;
	}
}

/* The descriptor of a message, or -1. Of more than one there would be no room, and the kernel closes them. */
static int descriptor_of(struct msghdr *header)
{
	const struct cmsghdr *part = CMSG_FIRSTHDR(header);
	int fd;

	if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || part->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(part), sizeof(int));
	return fd;
}

/* What came, of got bytes, is a message. */
static bool is_message(const struct lade_channel_message *message, size_t got)
{
	return got >= BODY && message->type >= LADE_CHANNEL_SIGN && message->type < (int)TYPE_COUNT &&
		got == BODY + lengths[message->type] && lengths_fit(message);
}

int lade_channel_receive_with(int fd, struct lade_channel_message *message, int *descriptor_out, struct lade_fault *fault)
{
	struct iovec vector = { message, sizeof(*message) };
	union rights rights = { .bytes = { 0 } };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
	ssize_t got;

	memset(message, 0, sizeof(*message));
	if (descriptor_out) {
		*descriptor_out = -1;
		header.msg_control = rights.bytes;
		header.msg_controllen = CMSG_LEN(sizeof(int)); /* with the padding there would be room for two */
	}
	/* That the other end has left words of ours unread, unix(7), is told once, before its own last words: these count. */
	do {
		got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	} while (got < 0 && (errno == EINTR || errno == ECONNRESET));
	if (got == 0)
		return lade_fault_set(fault, LADE_E_CLOSED, "receive from a process of the daemon", NULL);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return LADE_E_AGAIN;
	if (got < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "receive from a process of the daemon", NULL);
	if (descriptor_out)
		*descriptor_out = descriptor_of(&header);
	if (is_message(message, (size_t)got)) {
		end_texts(message);
		return 0;
	}
	if (descriptor_out && *descriptor_out >= 0)
		close(*descriptor_out);
	return lade_fault_set(fault, LADE_E_PROTOCOL, "understand a process of the daemon", NULL);
}

int lade_channel_receive(int fd, struct lade_channel_message *message, struct lade_fault *fault)
{
	return lade_channel_receive_with(fd, message, NULL, fault);
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
