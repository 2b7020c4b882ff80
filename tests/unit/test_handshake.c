/*
 * The opening with a daemon, both sides in one process: what is said without waiting, what a secret is bound to, and what is refused.
 */
#include "agent/sync/handshake.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/sync/sync.h"
#include "protocol/entry.h"
#include "transport/frame.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t here[LADE_EXPORTER_LEN] = "this connection", elsewhere[LADE_EXPORTER_LEN] = "another connection";
static struct lade_connection client, server;
static struct lade_writer control;
static struct lade_fault fault;

static int set_up(void **state)
{
	(void)state;
	lade_writer_init(&control, LADE_CONTROL_MAX);
	return lade_connection_pair(&client, &server, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	lade_connection_close(&client);
	lade_connection_close(&server);
	lade_writer_fini(&control);
	return 0;
}

static struct lade_selection selection(const char *module, const char *user, const char *secret)
{
	return (struct lade_selection){ module, user, lade_slice(secret, strlen(secret)), here };
}

static bool is(struct lade_slice slice, const char *text)
{
	return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

/* Hear a SELECT at the server, whose connection has that exporter. */
static int hear_select(const uint8_t exporter[LADE_EXPORTER_LEN], struct lade_msg_select *select_out)
{
	struct lade_message wish = { .type = LADE_MSG_SELECT };
	int error = lade_handshake_hear_wish(&server, exporter, &control, &wish, &fault);

	if (!error) {
		assert_int_equal(wish.type, LADE_MSG_SELECT);
		*select_out = wish.select;
	}
	return error;
}

static void test_all_is_said_in_one_go(void **state)
{
	const struct lade_selection wish = selection("module", "alice", "secret");
	struct lade_run_key ours, theirs;
	struct lade_msg_select select;
	struct lade_msg_open open = { .path = 6 }, heard;
	uint8_t hello[LADE_HELLO_LEN];

	(void)state;
	/* The server says nothing before all of this was said. */
	assert_int_equal(lade_handshake_say_hello(&client, hello, &fault), 0);
	assert_int_equal(lade_handshake_select(&client, &wish, &fault), 0);
	assert_int_equal(lade_handshake_open(&client, &open, &fault), 0);
	assert_int_equal(lade_handshake_greet(&server, NULL, false, &theirs, &fault), 0);
	assert_int_equal(hear_select(here, &select), 0);
	assert_true(is(select.module, "module") && is(select.user, "alice") && is(select.secret, "secret"));
	/* Nothing is read ahead: another process may hear the rest. */
	assert_int_equal(server.ahead_len, 0);
	assert_int_equal(lade_handshake_accept(&server, &control, &heard, &fault), 0);
	assert_int_equal(heard.path, 6);
	assert_int_equal(lade_handshake_hear_hello(&client, hello, true, &ours, &fault), 0);
	assert_memory_equal(ours.bytes, theirs.bytes, sizeof(ours.bytes));
}

static void test_a_secret_is_for_one_connection(void **state)
{
	const struct lade_selection wish = selection("m", "alice", "secret"), nobody = selection("m", "", "");
	struct lade_msg_select select;
	uint8_t key[32], expected[32], text[11 + LADE_EXPORTER_LEN];

	(void)state;
	assert_int_equal(lade_handshake_select(&client, &wish, &fault), 0);
	assert_int_equal(hear_select(here, &select), 0);
	/* PROTOCOL.md [select] */
	crypto_generichash(key, sizeof(key), (const uint8_t *)"secret", 6, NULL, 0);
	memcpy(text, "lade select", 11);
	memcpy(text + 11, here, LADE_EXPORTER_LEN);
	crypto_generichash(expected, sizeof(expected), text, sizeof(text), key, sizeof(key));
	assert_int_equal(select.binding.len, 32);
	assert_memory_equal(select.binding.data, expected, 32);
	assert_int_equal(lade_handshake_select(&client, &wish, &fault), 0);
	assert_int_equal(hear_select(elsewhere, &select), LADE_E_AUTH);
	/* Whoever has none can be anywhere. */
	assert_int_equal(lade_handshake_select(&client, &nobody, &fault), 0);
	assert_int_equal(hear_select(elsewhere, &select), 0);
	assert_int_equal(select.secret.len + select.user.len + select.binding.len, 0);
}

static void say(const struct lade_msg_select *select)
{
	struct lade_writer writer;

	lade_writer_init(&writer, LADE_CONTROL_MAX);
	lade_put_select(&writer, select);
	assert_int_equal(writer.error, 0);
	assert_int_equal(lade_frame_write(&client, lade_slice(writer.data, writer.len), 0, &fault), 0);
	lade_writer_fini(&writer);
}

static void test_what_a_client_must_not_say(void **state)
{
	static const uint8_t zeros[32];
	const struct lade_slice none = lade_slice("", 0), name = lade_slice("name", 4), nul = lade_slice("a\0b", 3),
				proof = lade_slice(zeros, 32), half = lade_slice(zeros, 16);
	const struct lade_msg_select bad[] = {
		{ nul, none, none, none }, { name, nul, name, proof }, { name, name, none, none }, { name, none, name, proof },
		{ name, name, none, proof }, { name, none, none, proof }, { name, name, name, none }, { name, name, name, half },
	};
	const struct lade_msg_select forged = { name, name, name, proof };
	struct lade_msg_select select;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		say(&bad[i]);
		assert_int_equal(hear_select(here, &select), LADE_E_PROTOCOL);
	}
	say(&forged);
	assert_int_equal(hear_select(here, &select), LADE_E_AUTH);
	/* Another message. */
	assert_int_equal(lade_handshake_say_module(&client, "m", "", true, &fault), 0);
	assert_int_equal(hear_select(here, &select), LADE_E_PROTOCOL);
	lade_connection_end_writing(&client);
	assert_int_equal(hear_select(here, &select), LADE_E_CLOSED);
}

static void test_what_is_too_long(void **state)
{
	char longer[LADE_SELECTION_MAX + 2];
	struct lade_selection wish = selection(longer, "", "");

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(lade_handshake_select(&client, &wish, &fault), LADE_E_LIMIT);
	wish = selection("m", "u", longer);
	assert_int_equal(lade_handshake_select(&client, &wish, &fault), LADE_E_LIMIT);
	wish.secret.len--;
	assert_int_equal(lade_handshake_select(&client, &wish, &fault), 0);
}

/* ---- modules ---- */

struct heard {
	char text[256];
	int exit;
};

static void on_module(void *context, struct lade_slice name, struct lade_slice comment)
{
	struct heard *heard = context;
	size_t len = strlen(heard->text);

	snprintf(heard->text + len, sizeof(heard->text) - len, "%.*s=%.*s;", (int)name.len, (const char *)name.data, (int)comment.len,
		 (const char *)comment.data);
}

static void on_report(void *context, const struct lade_msg_report *report)
{
	struct heard *heard = context;

	heard->exit = (int)report->exit;
}

static int hear(struct heard *heard)
{
	const struct lade_module_events events = { on_module, on_report, heard };

	memset(heard, 0, sizeof(*heard));
	return lade_handshake_hear_modules(&client, &events, &fault);
}

static void test_modules(void **state)
{
	struct heard heard;

	(void)state;
	assert_int_equal(lade_handshake_say_module(&server, "a", "one", false, &fault), 0);
	assert_int_equal(lade_handshake_say_module(&server, "b", "", true, &fault), 0);
	assert_int_equal(lade_handshake_say_module(&server, "", "", true, &fault), 0);
	assert_int_equal(hear(&heard), 0);
	assert_string_equal(heard.text, "a=one;b=;");
	assert_int_equal(hear(&heard), 0);
	assert_string_equal(heard.text, "");
	/* One without a name can only be the last. */
	assert_int_equal(lade_handshake_say_module(&server, "", "", false, &fault), 0);
	assert_int_equal(hear(&heard), LADE_E_PROTOCOL);
	assert_int_equal(lade_handshake_say_module(&server, "a", "", false, &fault), 0);
	lade_connection_end_writing(&server);
	assert_int_equal(hear(&heard), LADE_E_CLOSED);
}

static void test_a_refusal(void **state)
{
	struct lade_msg_open open = { .path = 0 };
	struct heard heard;
	pid_t child;
	int status;

	(void)state;
	assert_int_equal(lade_handshake_open(&client, &open, &fault), 0);
	child = fork();
	if (child == 0) {
		/* It hears out a client that has said something and goes on to be there. */
		lade_connection_close(&client);
		lade_handshake_refuse(&server, LADE_EXIT_AUTH, "open", "m", "because");
		_exit(0);
	}
	assert_true(child > 0);
	lade_connection_close(&server);
	assert_int_equal(hear(&heard), LADE_E_REMOTE);
	assert_int_equal(heard.exit, LADE_EXIT_AUTH);
	lade_connection_end_writing(&client);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	server.in_fd = server.out_fd = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_is_said_in_one_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_secret_is_for_one_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_a_client_must_not_say, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_too_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_modules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_refusal, set_up, tear_down),
	};

	if (sodium_init() < 0)
		return 99;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
