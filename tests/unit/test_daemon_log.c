/*
 * The log of a daemon: what a file gets, and what the journal. The journal is not asked: sd_journal_sendv(3) is replaced (ld --wrap).
 */
#include "agent/daemon/log.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "agent/daemon/session_line.h"
#include "config.h"
#include "tests/unit/temp_tree.h"

static char tree[PATH_MAX];

/* What the journal got last: fields, each with a NUL behind it. */
static char fields[32][512];
static int field_count;

int __wrap_sd_journal_sendv(const struct iovec *iov, int n);

int __wrap_sd_journal_sendv(const struct iovec *iov, int n)
{
	field_count = n;
	for (int i = 0; i < n; i++) {
		assert_true(iov[i].iov_len < sizeof(fields[i]));
		memcpy(fields[i], iov[i].iov_base, iov[i].iov_len);
		fields[i][iov[i].iov_len] = '\0';
	}
	return 0;
}

static void expect_field(const char *field)
{
	for (int i = 0; i < field_count; i++)
		if (strcmp(fields[i], field) == 0)
			return;
	fail_msg("no field %s", field);
}

static const struct lade_session_facts facts = {
	.number = 7, .peer = "192.0.2.1:1", .address = "192.0.2.1", .identity = "a\nb\x1b", .module = "open", .action = "send", .path = "-", .seconds = 2,
};

static void test_journal(void **state)
{
	struct lade_daemon_log *log;
	struct lade_fault fault;
	int error = lade_daemon_log_open(true, NULL, &log, &fault);

	(void)state;
#ifndef HAVE_SYSTEMD
	assert_int_equal(error, LADE_E_UNSUPPORTED);
	return;
#endif
	assert_int_equal(error, 0);
	lade_daemon_log_line(log, LOG_WARNING, "%s", "two\nlines");
	assert_int_equal(field_count, 3);
	expect_field("MESSAGE=two\\#012lines");
	expect_field("PRIORITY=4");
	expect_field("SYSLOG_IDENTIFIER=lade");
	lade_session_line(log, "$module: $identity", &facts);
	/* The message is for people; the fields are what there is. */
	expect_field("MESSAGE=open: a\\#012b\\#033");
	expect_field("PRIORITY=6");
	expect_field("LADE_IDENTITY=a\nb\x1b");
	expect_field("LADE_SESSION=7");
	expect_field("LADE_MODULE=open");
	expect_field("LADE_SECONDS=2.000");
	expect_field("LADE_STATUS=0");
	lade_daemon_log_close(log);
}

static void test_file(void **state)
{
	char path[PATH_MAX + 16], line[1024];
	struct lade_daemon_log *log;
	struct lade_fault fault;
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/log", tree);
	assert_int_equal(lade_daemon_log_open(false, path, &log, &fault), 0);
	lade_session_line(log, "$module: $identity", &facts);
	lade_daemon_log_close(log);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	/* One line, whatever a peer calls himself. */
	assert_non_null(strstr(line, "] open: a\\#012b\\#033\n"));
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
	snprintf(path, sizeof(path), "%s/none/log", tree);
	assert_int_equal(lade_daemon_log_open(false, path, &log, &fault), LADE_E_SYSTEM);
}

static int remove_tree(void **state)
{
	(void)state;
	temp_tree_remove(tree);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_file),
	};

	temp_tree_make(tree);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, remove_tree);
}
