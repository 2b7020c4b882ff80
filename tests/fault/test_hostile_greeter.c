/*
 * A greeter that somebody has taken over: it may say what it likes on its channel, whose other end is the monitor's real code. What it gets is one
 * signature, over nothing but what a server signs in TLS's handshake; one answer; and one line of the log (attack classes A9, A11, A12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/daemon/monitor_internal.h"
#include "agent/key.h"
#include "agent/locked_memory.h"
#include "tests/unit/temp_tree.h"
#include "transport/clock.h"

#define CONTEXT "TLS 1.3, server CertificateVerify"

static struct monitor monitor;
static struct visit *visit;
static struct shared_config shared;
static char top[PATH_MAX];
static int theirs = -1; /* the greeter's end */

static void ignore_report(void *context, const struct lade_config_error *error)
{
	(void)context;
	print_message("# %s\n", error->text);
}

static const char *in_top(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void read_configuration(void)
{
	FILE *file = fopen(in_top("conf"), "w");

	assert_non_null(file);
	fprintf(file, "state = %s\nmax logins = 4\nmax logins per peer = 3\n[open]\npath = /nonexistent\nauth = any\nbefore = /bin/false\nmax connections = 1\n"
		"[locked]\npath = /nonexistent\nauth = token:somebody\n", top);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(in_top("conf"), 0600), 0);
	assert_int_equal(lade_daemon_config_read(in_top("conf"), ignore_report, NULL, &shared.config, NULL), 0);
}

/* A process that is there, and does nothing, as somebody who has taken it over would have it. */
static pid_t start_idler(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(120);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void begin_visit(void)
{
	int ends[2];

	visit = lade_visit_new(&monitor);
	assert_non_null(visit);
	assert_int_equal(lade_channel_pair(ends, NULL), 0);
	visit->stage = VISIT_LOGIN;
	visit->channel = ends[0];
	theirs = ends[1];
	visit->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	visit->pid = start_idler();
	visit->deadline_ms = lade_clock_ms() + 20000;
	snprintf(visit->peer, sizeof(visit->peer), "192.0.2.1:40000");
	snprintf(visit->host, sizeof(visit->host), "192.0.2.1");
	((struct sockaddr_in *)&visit->address)->sin_family = AF_INET;
}

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(top);
	memset(&monitor, 0, sizeof(monitor));
	memset(&shared, 0, sizeof(shared));
	read_configuration();
	shared.users = 1;
	monitor.shared = &shared;
	assert_int_equal(lade_key_create(in_top("key"), false, &shared.key, NULL), 0);
	lade_key_signer(shared.key, &shared.signer);
	assert_int_equal(lade_daemon_log_open(false, in_top("log"), &monitor.log, NULL), 0);
	monitor.visit_max = 8;
	monitor.visits = calloc(monitor.visit_max, sizeof(*monitor.visits));
	monitor.message = lade_locked_memory_new(sizeof(*monitor.message), false);
	assert_non_null(monitor.message);
	begin_visit();
	alarm(120);
	return 0;
}

static void reap(pid_t pid)
{
	if (pid <= 0)
		return;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < monitor.visit_max; i++) {
		struct visit *each = &monitor.visits[i];

		if (each->stage == VISIT_FREE)
			continue;
		reap(each->pid);
		reap(each->helper);
		lade_visit_free(each);
	}
	close(theirs);
	free(monitor.visits);
	lade_locked_memory_free(monitor.message, sizeof(*monitor.message));
	lade_key_free(shared.key);
	lade_daemon_log_close(monitor.log);
	lade_daemon_config_free(shared.config);
	temp_tree_remove(top);
	alarm(0);
	return 0;
}

/* ---- words ---- */

/* The greeter says something, and the monitor hears it. */
static void say(const struct lade_channel_message *message)
{
	assert_int_equal(lade_channel_send(theirs, message, NULL), 0);
	assert_int_equal(lade_channel_receive(visit->channel, monitor.message, NULL), 0);
	lade_monitor_hear_greeter(&monitor, visit);
}

/* What the monitor has answered; false: nothing. */
static bool answered(struct lade_channel_message *message_out)
{
	ssize_t got = recv(theirs, message_out, sizeof(*message_out), MSG_DONTWAIT);

	return got > 0;
}

/* True if the monitor has ended the process. A signal that was sent may find a busy machine: it is waited for. */
static bool is_killed(pid_t pid)
{
	siginfo_t info;

	for (int i = 0; i < 30000; i++) {
		memset(&info, 0, sizeof(info));
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
			return info.si_code == CLD_KILLED;
		usleep(1000);
	}
	return false;
}

/* Content of len bytes as a server of TLS 1.3 signs it. */
static struct lade_channel_message content(size_t len)
{
	struct lade_channel_message message = { .type = LADE_CHANNEL_SIGN };

	message.sign.len = (uint32_t)(64 + sizeof(CONTEXT) + len);
	memset(message.sign.data, ' ', 64);
	memcpy(message.sign.data + 64, CONTEXT, sizeof(CONTEXT));
	memset(message.sign.data + 64 + sizeof(CONTEXT), 0xa5, len);
	return message;
}

static struct lade_channel_message question(const char *module, const char *user)
{
	struct lade_channel_message message = { .type = LADE_CHANNEL_ASK };

	snprintf(message.ask.module, sizeof(message.ask.module), "%s", module);
	snprintf(message.ask.user, sizeof(message.ask.user), "%s", user);
	if (*user) {
		memcpy(message.ask.secret, "secret", 6);
		message.ask.secret_len = 6;
	}
	return message;
}

static bool log_has(const char *text)
{
	char log[8192] = "";
	int fd = open(in_top("log"), O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, log, sizeof(log) - 1);

	if (fd >= 0)
		close(fd);
	return got > 0 && strstr(log, text);
}

/* How many lines the log has. */
static unsigned log_lines(void)
{
	FILE *file = fopen(in_top("log"), "r");
	unsigned lines = 0;
	int c;

	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

/* ---- signatures ---- */

static void test_a11_one_signature(void **state)
{
	struct lade_channel_message message = content(32), answer;

	(void)state;
	say(&message);
	assert_true(answered(&answer));
	assert_int_equal(answer.type, LADE_CHANNEL_SIGNATURE);
	say(&message);
	assert_false(answered(&answer));
	assert_true(is_killed(visit->pid));
	assert_true(log_has("a signature that it must not have"));
}

static void refused_content(const struct lade_channel_message *message)
{
	struct lade_channel_message answer;

	say(message);
	assert_false(answered(&answer));
	assert_true(is_killed(visit->pid));
}

static void test_a11_another_context(void **state)
{
	struct lade_channel_message message = content(32);

	(void)state;
	memcpy(message.sign.data + 64, "TLS 1.3, client CertificateVerify", sizeof(CONTEXT));
	refused_content(&message);
}

static void test_a11_a_certificate(void **state)
{
	struct lade_channel_message message = content(32);

	(void)state;
	memset(message.sign.data, 0x30, 64);
	refused_content(&message);
}

static void test_a11_a_blank_fewer(void **state)
{
	struct lade_channel_message message = content(32);

	(void)state;
	memmove(message.sign.data, message.sign.data + 1, message.sign.len - 1);
	refused_content(&message);
}

static void test_a11_no_end_of_the_context(void **state)
{
	struct lade_channel_message message = content(32);

	(void)state;
	message.sign.data[64 + sizeof(CONTEXT) - 1] = 'x';
	refused_content(&message);
}

static void test_a7_lengths_of_what_is_signed(void **state)
{
	static const size_t lens[] = { 0, 31, 65 };

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct lade_channel_message message = content(lens[i]);

		refused_content(&message);
	}
}

/* ---- questions ---- */

static void test_a11_no_question_before_the_handshake(void **state)
{
	struct lade_channel_message message = question("open", ""), answer;

	(void)state;
	say(&message);
	assert_false(answered(&answer));
	assert_true(is_killed(visit->pid));
}

static void test_a11_one_question(void **state)
{
	struct lade_channel_message message = content(32), answer;

	(void)state;
	say(&message);
	assert_true(answered(&answer));
	message = question("none", "");
	say(&message);
	assert_true(answered(&answer));
	assert_int_equal(answer.type, LADE_CHANNEL_VERDICT);
	assert_int_not_equal(answer.verdict.exit, 0);
	message = question("open", "");
	say(&message);
	assert_false(answered(&answer));
	assert_true(is_killed(visit->pid));
}

/* Of a session that is not there, and one that is there is not told from it by asking again. */
static void test_a11_a_join_is_a_question(void **state)
{
	struct lade_channel_message message = content(32), answer;

	(void)state;
	say(&message);
	assert_true(answered(&answer));
	message = (struct lade_channel_message){ .type = LADE_CHANNEL_JOIN };
	say(&message);
	assert_true(answered(&answer));
	assert_int_equal(answer.type, LADE_CHANNEL_VERDICT);
	assert_int_not_equal(answer.verdict.exit, 0);
	assert_false(visit->admitted);
	say(&message);
	assert_false(answered(&answer));
	assert_true(is_killed(visit->pid));
}

static void test_a12_names_in_the_log(void **state)
{
	struct lade_channel_message message = content(32), answer;

	(void)state;
	say(&message);
	(void)answered(&answer);
	message = question("x\nlade: login of 192.0.2.9:1: \033[2Jlet in", "");
	say(&message);
	assert_true(answered(&answer));
	assert_int_equal(log_lines(), 1);
	assert_false(log_has("\033"));
}

/* The secret of a login that waits for its checker stays its. */
static void test_a11_a_handover_while_a_secret_is_looked_at(void **state)
{
	struct lade_channel_message message = content(32), answer;
	struct lade_channel_message *secret;

	(void)state;
	monitor.checkers = LADE_CHECKERS_MAX;
	say(&message);
	(void)answered(&answer);
	message = question("locked", "somebody");
	say(&message);
	assert_int_equal(visit->stage, VISIT_CHECK);
	secret = visit->secret;
	assert_non_null(secret);
	message = (struct lade_channel_message){ .type = LADE_CHANNEL_HANDOVER };
	say(&message);
	assert_ptr_equal(visit->secret, secret);
	assert_true(is_killed(visit->pid));
}

/* ---- handing over ---- */

static void test_a11_a_handover_that_nobody_has_allowed(void **state)
{
	struct lade_channel_message message = { .type = LADE_CHANNEL_HANDOVER };

	(void)state;
	say(&message);
	assert_int_equal(visit->stage, VISIT_LOGIN);
	assert_null(visit->secret);
	assert_true(is_killed(visit->pid));
}

/* It has had its part: it does not stay, and what it says goes nowhere. */
static void test_a9_a_greeter_that_stays(void **state)
{
	struct lade_channel_message message = content(32), answer;
	pid_t greeter = visit->pid;

	(void)state;
	say(&message);
	(void)answered(&answer);
	message = question("open", "");
	say(&message);
	assert_true(answered(&answer));
	assert_int_equal(answer.verdict.exit, 0);
	message = (struct lade_channel_message){ .type = LADE_CHANNEL_HANDOVER };
	say(&message);
	assert_int_equal(visit->stage, VISIT_BEFORE); /* its hook runs */
	assert_non_null(visit->secret);
	assert_true(is_killed(greeter));
	assert_int_not_equal(lade_channel_send(theirs, &message, NULL), 0);
}

/* The visit asks for the module "open": the exit status of the verdict. */
static int ask_for_open(void)
{
	struct lade_channel_message message = content(32), answer;

	say(&message);
	(void)answered(&answer);
	message = question("open", "");
	say(&message);
	assert_true(answered(&answer));
	assert_int_equal(answer.type, LADE_CHANNEL_VERDICT);
	return answer.verdict.exit;
}

/* What waits in the channel of one that was killed is no session. */
static void test_a11_a_handover_of_the_killed(void **state)
{
	struct lade_channel_message message = question("open", "");

	(void)state;
	assert_int_equal(ask_for_open(), 0);
	say(&message);
	message = (struct lade_channel_message){ .type = LADE_CHANNEL_HANDOVER };
	say(&message);
	assert_int_equal(visit->stage, VISIT_LOGIN);
	assert_null(visit->secret);
	assert_true(is_killed(visit->pid));
}

/* Both have asked before one of them has handed over; and who was let in and is gone has no place. */
static void test_a9_one_place_for_two(void **state)
{
	struct visit *first = visit;

	(void)state;
	assert_int_equal(ask_for_open(), 0);
	close(theirs);
	begin_visit();
	assert_int_not_equal(ask_for_open(), 0);
	lade_visit_kill(first);
	close(theirs);
	begin_visit();
	assert_int_equal(ask_for_open(), 0);
}

/* ---- noise ---- */

/* A worker that was taken over: what it was not given it cannot have looked at. */
static void test_a9_a_flood_of_takings(void **state)
{
	struct lade_channel_message message = { .type = LADE_CHANNEL_TAKEN };

	(void)state;
	visit->stage = VISIT_SESSION;
	visit->joining = 1;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(lade_channel_send(theirs, &message, NULL), 0);
		assert_int_equal(lade_channel_receive(visit->channel, monitor.message, NULL), 0);
		lade_monitor_hear_worker(&monitor, visit);
	}
	assert_int_equal(log_lines(), 1);
	assert_true(is_killed(visit->pid));
}

static void test_a9_a_flood_of_complaints(void **state)
{
	struct lade_channel_message message = { .type = LADE_CHANNEL_COMPLAINT };

	(void)state;
	memset(message.complaint.text, '!', sizeof(message.complaint.text) - 1);
	for (int i = 0; i < 100; i++)
		say(&message);
	assert_int_equal(log_lines(), 1);
	assert_true(is_killed(visit->pid));
}

static void test_a11_words_of_others(void **state)
{
	static const enum lade_channel_type types[] = {
		LADE_CHANNEL_SIGNATURE, LADE_CHANNEL_VERDICT, LADE_CHANNEL_PROGRESS, LADE_CHANNEL_RESULT, LADE_CHANNEL_JOINING,
		LADE_CHANNEL_TAKEN,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct lade_channel_message message = { .type = types[i] };

		say(&message);
		assert_true(is_killed(visit->pid));
		assert_int_equal(visit->stage, VISIT_LOGIN);
	}
}

int main(void)
{
#define PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PLACE(test_a11_one_signature),
		PLACE(test_a11_another_context),
		PLACE(test_a11_a_certificate),
		PLACE(test_a11_a_blank_fewer),
		PLACE(test_a11_no_end_of_the_context),
		PLACE(test_a7_lengths_of_what_is_signed),
		PLACE(test_a11_no_question_before_the_handshake),
		PLACE(test_a11_one_question),
		PLACE(test_a11_a_join_is_a_question),
		PLACE(test_a12_names_in_the_log),
		PLACE(test_a11_a_handover_while_a_secret_is_looked_at),
		PLACE(test_a11_a_handover_that_nobody_has_allowed),
		PLACE(test_a9_a_greeter_that_stays),
		PLACE(test_a11_a_handover_of_the_killed),
		PLACE(test_a9_one_place_for_two),
		PLACE(test_a9_a_flood_of_takings),
		PLACE(test_a9_a_flood_of_complaints),
		PLACE(test_a11_words_of_others),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hostile greeter", tests, NULL, NULL);
}
