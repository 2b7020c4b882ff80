/*
 * The channels between a daemon's processes: whole messages, and nothing else.
 */
#include "agent/daemon/channel.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];

static int open_channel(void **state)
{
	(void)state;
	return lade_channel_pair(ends, NULL);
}

static int close_channel(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

static void test_messages_arrive(void **state)
{
	struct lade_channel_message said = { .type = LADE_CHANNEL_ASK, .ask.secret_len = 3 }, heard;

	(void)state;
	memcpy(said.ask.module, "files", 6);
	memcpy(said.ask.secret, "abc", 3);
	assert_int_equal(lade_channel_send(ends[1], &said, NULL), 0);
	assert_int_equal(lade_channel_receive(ends[0], &heard, NULL), 0);
	assert_int_equal(heard.type, LADE_CHANNEL_ASK);
	assert_string_equal(heard.ask.module, "files");
	assert_memory_equal(heard.ask.secret, "abc", 3);
}

static void test_the_monitor_never_waits(void **state)
{
	struct lade_channel_message heard;

	(void)state;
	assert_int_equal(lade_channel_receive(ends[0], &heard, NULL), LADE_E_AGAIN);
	close(ends[1]);
	assert_int_equal(lade_channel_receive(ends[0], &heard, NULL), LADE_E_CLOSED);
	ends[1] = -1;
}

static void test_last_words_are_heard(void **state)
{
	struct lade_channel_message said = { .type = LADE_CHANNEL_JOINING }, heard;

	(void)state;
	/* Its end has not read this when it goes. */
	assert_int_equal(lade_channel_send(ends[0], &said, NULL), 0);
	said = (struct lade_channel_message){ .type = LADE_CHANNEL_RESULT, .result.exit = 23 };
	assert_int_equal(lade_channel_send(ends[1], &said, NULL), 0);
	close(ends[1]);
	ends[1] = -1;
	assert_int_equal(lade_channel_receive(ends[0], &heard, NULL), 0);
	assert_int_equal(heard.type, LADE_CHANNEL_RESULT);
	assert_int_equal(heard.result.exit, 23);
	assert_int_equal(lade_channel_receive(ends[0], &heard, NULL), LADE_E_CLOSED);
}

/* Send a message with two descriptors, the write end of a pipe. */
static void send_with_two(int fd)
{
	struct lade_channel_message said = { .type = LADE_CHANNEL_TAKEN };
	struct iovec vector = { &said, offsetof(struct lade_channel_message, taken) + sizeof(said.taken) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} rights = { .align = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int)) } };
	struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof(rights) };

	memcpy(CMSG_DATA(&rights.align), (const int[]){ fd, fd }, 2 * sizeof(int));
	assert_true(sendmsg(ends[1], &header, 0) > 0);
}

static void test_one_descriptor_comes_along(void **state)
{
	struct lade_channel_message heard;
	int fds[2], came;
	char byte;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	send_with_two(fds[1]);
	close(fds[1]);
	assert_int_equal(lade_channel_receive_with(ends[0], &heard, &came, NULL), 0);
	assert_true(came >= 0);
	close(came);
	/* Nobody has another one: this is the end. */
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}

static void test_texts_end(void **state)
{
	struct lade_channel_message said = { .type = LADE_CHANNEL_ASK }, heard;

	(void)state;
	memset(said.ask.module, 'm', sizeof(said.ask.module));
	memset(said.ask.user, 'u', sizeof(said.ask.user));
	memset(said.ask.name, 'n', sizeof(said.ask.name));
	assert_int_equal(lade_channel_send(ends[1], &said, NULL), 0);
	assert_int_equal(lade_channel_receive(ends[0], &heard, NULL), 0);
	assert_int_equal(strlen(heard.ask.module), sizeof(heard.ask.module) - 1);
	assert_int_equal(strlen(heard.ask.user), sizeof(heard.ask.user) - 1);
	assert_int_equal(strlen(heard.ask.name), sizeof(heard.ask.name) - 1);
}

/* What a process that somebody else has taken over might say. */
static void refused(const void *bytes, size_t len)
{
	struct lade_channel_message heard;

	assert_int_equal(send(ends[1], bytes, len, 0), (ssize_t)len);
	assert_int_equal(lade_channel_receive(ends[0], &heard, NULL), LADE_E_PROTOCOL);
}

static void test_nonsense_is_refused(void **state)
{
	const size_t body = offsetof(struct lade_channel_message, sign);
	struct lade_channel_message said = { .type = LADE_CHANNEL_ASK };

	(void)state;
	refused("x", 1);
	refused(&said, body);
	refused(&said, body + sizeof(said.ask) - 1);
	refused(&said, body + sizeof(said.ask) + 1);
	said.ask.secret_len = LADE_PASSWORD_MAX + 1;
	refused(&said, body + sizeof(said.ask));
	said = (struct lade_channel_message){ .type = LADE_CHANNEL_SIGN, .sign.len = LADE_SIGN_MAX + 1 };
	refused(&said, body + sizeof(said.sign));
	said = (struct lade_channel_message){ .type = LADE_CHANNEL_HANDOVER, .handover.state.plain_len = LADE_TLS_PLAIN_MAX + 1 };
	refused(&said, body + sizeof(said.handover));
	for (uint32_t type = 0; type < 300; type += type == 0 ? LADE_CHANNEL_COMPLAINT + 1 : 1) {
		memcpy(&said, &type, sizeof(type));
		refused(&said, body + 4);
	}
	memset(&said, 0xff, sizeof(said));
	refused(&said, body + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_messages_arrive, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_the_monitor_never_waits, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_last_words_are_heard, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_one_descriptor_comes_along, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_texts_end, open_channel, close_channel),
		cmocka_unit_test_setup_teardown(test_nonsense_is_refused, open_channel, close_channel),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
