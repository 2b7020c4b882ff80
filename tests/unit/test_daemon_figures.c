/*
 * What a daemon tells of itself: the line of a session, metrics, the status, and the judgement of who asks over HTTP.
 */
#include "agent/daemon/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/daemon/answer.h"
#include "agent/daemon/session_line.h"
#include "agent/daemon/status.h"

/* The text in a writer, which is emptied; the caller frees it. */
static char *text_of(struct lade_writer *writer)
{
	char *text;

	assert_int_equal(writer->error, 0);
	text = strndup(writer->len ? (const char *)writer->data : "", writer->len);
	assert_non_null(text);
	lade_writer_fini(writer);
	return text;
}

/* ---- session lines ---- */

static const struct lade_session_facts facts = {
	.number = 7, .peer = "192.0.2.1:4711", .address = "192.0.2.1", .identity = "alice", .module = "open", .action = "send", .path = "-",
	.files = 3, .bytes_in = 10, .bytes_out = 20, .seconds = 1.5, .status = 23,
};

static void expect_line(const char *format, const char *expected)
{
	struct lade_writer writer;
	char *line;

	lade_writer_init(&writer, SIZE_MAX);
	lade_session_format_fill(format, &facts, &writer);
	line = text_of(&writer);
	assert_string_equal(line, expected);
	free(line);
}

static void test_session_line(void **state)
{
	(void)state;
	expect_line(NULL, "session 7 of 192.0.2.1:4711 as 'alice': open send files=3 in=10 out=20 seconds=1.500 path=- status=23");
	expect_line("$module:$status $bytes_in/$bytes_out", "open:23 10/20");
	expect_line("$identity@$address", "alice@192.0.2.1");
	expect_line("no word", "no word");
	expect_line("", "");
}

static void test_session_format_is_checked(void **state)
{
	const char *wrong = NULL;

	(void)state;
	assert_int_equal(lade_session_format_check("$module $status, $seconds s", &wrong), 0);
	assert_int_equal(lade_session_format_check("", &wrong), 0);
	assert_int_equal(lade_session_format_check("$module $modul", &wrong), LADE_E_USAGE);
	assert_string_equal(wrong, "$modul");
	assert_int_equal(lade_session_format_check("5 $", &wrong), LADE_E_USAGE);
	assert_string_equal(wrong, "$");
	assert_int_equal(lade_session_format_check("$$module", &wrong), LADE_E_USAGE);
	assert_int_equal(lade_session_format_check("$modules", &wrong), LADE_E_USAGE);
}

/* ---- metrics ---- */

static void expect_sample(const char *text, const char *line)
{
	char with_ends[256];

	snprintf(with_ends, sizeof(with_ends), "\n%s\n", line);
	if (!strstr(text, with_ends))
		fail_msg("no line %s", line);
}

/* A configuration with modules of these names. */
static struct lade_daemon_config with_modules(struct lade_module *modules, unsigned count)
{
	struct lade_daemon_config config;

	memset(&config, 0, sizeof(config));
	config.modules = modules;
	config.module_count = count;
	return config;
}

static void test_metrics_text(void **state)
{
	struct lade_module modules[] = { { .name = (char *)"open" }, { .name = (char *)"odd\"\\\nname" }, { .name = (char *)"\xc3\xa9" }, { .name = (char *)"\xe9" "1\xff" } };
	const struct lade_daemon_config config = with_modules(modules, 4);
	const struct lade_metrics_now now = { .sessions = 2, .logins = 1 };
	struct lade_metrics metrics = { .start_time = 12.5, .logins = 9 };
	struct lade_writer writer;
	char *text;

	(void)state;
	assert_int_equal(lade_metrics_modules(&metrics, &config, NULL), 0);
	metrics.refused[LADE_REFUSAL_SECRET] = 4;
	lade_metrics_module(&metrics, "open")->started = 3;
	lade_metrics_module(&metrics, "open")->ended[LADE_OUTCOME_KILLED] = 1;
	lade_metrics_module(&metrics, "open")->bytes_in = UINT64_MAX;
	lade_metrics_module(&metrics, "open")->seconds = 0.25;
	lade_writer_init(&writer, SIZE_MAX);
	lade_metrics_render(&metrics, &now, &writer);
	text = text_of(&writer);
	expect_sample(text, "lade_sessions 2");
	expect_sample(text, "lade_logins 1");
	expect_sample(text, "lade_logins_total 9");
	expect_sample(text, "lade_start_time_seconds 12.500");
	expect_sample(text, "lade_logins_refused_total{reason=\"secret\"} 4");
	expect_sample(text, "lade_sessions_started_total{module=\"open\"} 3");
	expect_sample(text, "lade_sessions_ended_total{module=\"open\",outcome=\"killed\"} 1");
	expect_sample(text, "lade_received_bytes_total{module=\"open\"} 18446744073709551615");
	expect_sample(text, "lade_session_seconds_total{module=\"open\"} 0.250");
	expect_sample(text, "lade_files_total{module=\"odd\\\"\\\\\\nname\"} 0");
	/* UTF-8, and what is none. */
	expect_sample(text, "lade_files_total{module=\"\xc3\xa9\"} 0");
	expect_sample(text, "lade_files_total{module=\"\\\\#3511\\\\#377\"} 0");
	expect_sample(text, "# TYPE lade_sessions gauge");
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	lade_metrics_fini(&metrics);
}

static void test_metrics_stay(void **state)
{
	struct lade_module first[] = { { .name = (char *)"a" }, { .name = (char *)"b" } }, second[] = { { .name = (char *)"b" }, { .name = (char *)"c" } };
	struct lade_daemon_config config = with_modules(first, 2);
	struct lade_metrics metrics = { .start_time = 0 };

	(void)state;
	assert_int_equal(lade_metrics_modules(&metrics, &config, NULL), 0);
	lade_metrics_module(&metrics, "a")->started = 1;
	lade_metrics_module(&metrics, "b")->started = 2;
	config = with_modules(second, 2);
	assert_int_equal(lade_metrics_modules(&metrics, &config, NULL), 0);
	assert_int_equal(metrics.module_count, 3);
	assert_int_equal(lade_metrics_module(&metrics, "a")->started, 1);
	assert_int_equal(lade_metrics_module(&metrics, "b")->started, 2);
	assert_int_equal(lade_metrics_module(&metrics, "c")->started, 0);
	assert_null(lade_metrics_module(&metrics, "d"));
	lade_metrics_fini(&metrics);
}

static void test_outcomes(void **state)
{
	(void)state;
	assert_int_equal(lade_metrics_outcome(0, false), LADE_OUTCOME_OK);
	assert_int_equal(lade_metrics_outcome(1, true), LADE_OUTCOME_REFUSED);
	assert_int_equal(lade_metrics_outcome(23, false), LADE_OUTCOME_PARTIAL);
	assert_int_equal(lade_metrics_outcome(24, false), LADE_OUTCOME_PARTIAL);
	assert_int_equal(lade_metrics_outcome(12, false), LADE_OUTCOME_FAILED);
	assert_int_equal(lade_metrics_outcome(137, false), LADE_OUTCOME_KILLED);
}

/* ---- HTTP ---- */

static void test_requests(void **state)
{
	static const struct {
		const char *request;
		int status;
	} cases[] = {
		{ "", 0 },
		{ "GET /metrics HTTP/1.1\r\n", 0 },
		{ "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
		{ "GET /metrics HTTP/1.0\n\n", 200 },
		{ "GET /metrics?a=b HTTP/1.1\r\n\r\n", 200 },
		{ "GET /metricsx HTTP/1.1\r\n\r\n", 404 },
		{ "GET / HTTP/1.1\r\n\r\n", 404 },
		{ "GET /etc/passwd HTTP/1.1\r\n\r\n", 404 },
		{ "POST /metrics HTTP/1.1\r\n\r\n", 405 },
		{ "HEAD /metrics HTTP/1.1\r\n\r\n", 405 },
		{ "GET /metrics HTTP/2.0\r\n\r\n", 400 },
		{ "GET /metrics\r\n\r\n", 400 },
		{ "GET /metr\x01" "ics HTTP/1.1\r\n\r\n", 400 },
		{ "\r\n\r\n", 400 },
		{ "\n\n", 400 },
	};
	static char full[LADE_HTTP_REQUEST_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (lade_answer_judge(cases[i].request, strlen(cases[i].request)) != cases[i].status)
			fail_msg("%s: not %d", cases[i].request, cases[i].status);
	memset(full, 'x', sizeof(full));
	assert_int_equal(lade_answer_judge(full, sizeof(full) - 1), 0);
	assert_int_equal(lade_answer_judge(full, sizeof(full)), 431);
}

/* ---- the status ---- */

static void test_status(void **state)
{
	const struct lade_status_session sessions[] = {
		{ .number = 7, .peer = "192.0.2.1:4711", .identity = "alice", .module = "open", .action = "send", .files = 10, .files_done = 3,
		  .bytes = 2000, .bytes_done = 500, .sent = 600, .rate = 100, .seconds = 61, .path = "" },
		{ .number = 12, .peer = "[2001:db8::1]:1", .identity = "a\x1b[2Jb", .module = "m", .action = "receive", .scanned = true,
		  .bytes = UINT64_MAX, .bytes_done = UINT64_MAX, .path = "kernel" },
	};
	struct lade_status status = { .version = "1.2", .pid = 42, .seconds = 3600, .logins = 1, .sessions = sessions, .session_count = 2 };
	struct lade_writer writer;
	char *text;

	(void)state;
	lade_writer_init(&writer, SIZE_MAX);
	lade_status_render_text(&status, &writer);
	text = text_of(&writer);
	assert_string_equal(text,
			    "lade 1.2, process 42, for 1:00:00: 2 sessions, 1 login\n"
			    "NO  PEER             AS          MODULE  DOES     FILES          BYTES   RATE     %      AGE  PATH\n"
			    " 7  192.0.2.1:4711   alice       open    send     3/10+     500/2.00K+  100/s   25%  0:01:01  -\n"
			    "12  [2001:db8::1]:1  a\\#033[2Jb  m       receive    0/0  18.45E/18.45E    0/s  100%  0:00:00  kernel\n");
	free(text);
	status.session_count = 0;
	status.stopping = true;
	lade_writer_init(&writer, SIZE_MAX);
	lade_status_render_text(&status, &writer);
	text = text_of(&writer);
	assert_string_equal(text, "lade 1.2, process 42, for 1:00:00: 0 sessions, 1 login, stopping\n");
	free(text);
	status.session_count = 1;
	lade_writer_init(&writer, SIZE_MAX);
	lade_status_render_json(&status, &writer);
	text = text_of(&writer);
	assert_string_equal(text,
			    "{\"v\":1,\"event\":\"daemon\",\"version\":\"1.2\",\"pid\":42,\"seconds\":3600,\"sessions\":1,\"logins\":1,\"stopping\":true}\n"
			    "{\"v\":1,\"event\":\"session\",\"number\":7,\"peer\":\"192.0.2.1:4711\",\"identity\":\"alice\",\"module\":\"open\",\"action\":\"send\","
			    "\"files\":10,\"files_done\":3,\"bytes\":2000,\"bytes_done\":500,\"scanned\":false,\"received\":0,\"sent\":600,\"rate\":100,\"seconds\":61,\"path\":\"\"}\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_line),
		cmocka_unit_test(test_session_format_is_checked),
		cmocka_unit_test(test_metrics_text),
		cmocka_unit_test(test_metrics_stay),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_status),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
