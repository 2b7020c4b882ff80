/*
 * Known hosts and authorized keys: names, lines, files that are not to be trusted, and changes by several at once.
 */
#include "agent/known_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/authorized_keys.h"
#include "agent/line_file.h"
#include "tests/unit/temp_tree.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEY_0 "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY_1 "SHA256:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define WRITERS 6
#define LINES 10

static const uint8_t key_0[32], key_1[32] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
				  key_2[32] = { 2 };
static char base[PATH_MAX];
static char file[PATH_MAX + 16], other[PATH_MAX + 16];
static struct lade_fault fault;

static int set_up(void **state)
{
	(void)state;
	temp_tree_make(base);
	snprintf(file, sizeof(file), "%s/hosts", base);
	snprintf(other, sizeof(other), "%s/other", base);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	temp_tree_remove(base);
	return 0;
}

static void put(const char *path, const char *text)
{
	FILE *stream = fopen(path, "w");

	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static void assert_content(const char *path, const char *text)
{
	char content[8192];
	FILE *stream = fopen(path, "r");
	size_t len;

	assert_non_null(stream);
	len = fread(content, 1, sizeof(content) - 1, stream);
	content[len] = '\0';
	fclose(stream);
	assert_string_equal(content, text);
}

static void test_names(void **state)
{
	static const char *const good[][2] = {
		{ "host", "host" }, { "Host.Example.ORG", "host.example.org" }, { "host.", "host" }, { "host:8730", "host" },
		{ "host:8731", "host:8731" }, { "host:08731", "host:8731" }, { "1.2.3.4:1", "1.2.3.4:1" }, { "::1", "[::1]" },
		{ "[::1]", "[::1]" }, { "[0:0::0:1]:8730", "[::1]" }, { "[2001:DB8::1]:99", "[2001:db8::1]:99" },
		{ "fe80::1%eth0", "[fe80::1%eth0]" },
	};
	static const char *const bad[] = {
		"", "-host", "host:", "host:x", "host:0", "host:65536", "host:123456", "[::1", "[::1]x", "[]", "a b", "a/b", "u@h", "[a]b]", "#h", "host:1:",
	};
	char name[LADE_HOST_NAME_SIZE], longer[400];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (lade_known_hosts_parse(good[i][0], name))
			fail_msg("'%s' is refused", good[i][0]);
		assert_string_equal(name, good[i][1]);
		/* What is written is read as the same. */
		assert_int_equal(lade_known_hosts_parse(good[i][1], name), 0);
		assert_string_equal(name, good[i][1]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (!lade_known_hosts_parse(bad[i], name) && strcmp(bad[i], "host:1:") != 0)
			fail_msg("'%s' is taken as '%s'", bad[i], name);
	memset(longer, 'h', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(lade_known_hosts_parse(longer, name), LADE_E_USAGE);
	assert_int_equal(lade_known_hosts_name(longer, "1", name), LADE_E_LIMIT);
	longer[255] = '\0';
	assert_int_equal(lade_known_hosts_name(longer, "65535", name), 0);
	assert_int_equal(strlen(name), 261);
}

static enum lade_host_verdict judge(const char *name, const uint8_t key[32], struct lade_host_entry *entry)
{
	const char *const files[] = { file, other };
	enum lade_host_verdict verdict;

	assert_int_equal(lade_known_hosts_judge(files, COUNT(files), name, key, &verdict, entry, &fault), 0);
	return verdict;
}

static void test_verdicts(void **state)
{
	struct lade_host_entry entry;

	(void)state;
	assert_int_equal(judge("host", key_0, &entry), LADE_HOST_UNKNOWN);
	put(file, "# a remark\n\n  HOST:8730 \t" KEY_0 " \r\nhost:1 " KEY_1 "\n\ntwo " KEY_0 "\ntwo " KEY_1);
	put(other, "host " KEY_1 "\nthree " KEY_1 "\n");
	assert_int_equal(judge("host", key_0, &entry), LADE_HOST_KNOWN);
	assert_string_equal(entry.file, file);
	assert_int_equal(entry.line, 3);
	/* A key of the other file is the host's as well. */
	assert_int_equal(judge("host", key_1, &entry), LADE_HOST_KNOWN);
	assert_string_equal(entry.file, other);
	assert_int_equal(entry.line, 1);
	assert_int_equal(judge("host:1", key_0, &entry), LADE_HOST_CHANGED);
	assert_int_equal(entry.line, 4);
	assert_memory_equal(entry.fingerprint, key_1, 32);
	assert_int_equal(judge("two", key_1, &entry), LADE_HOST_KNOWN);
	assert_int_equal(entry.line, 7);
	assert_int_equal(judge("two", key_2, &entry), LADE_HOST_CHANGED);
	assert_int_equal(entry.line, 6);
	assert_int_equal(judge("three", key_2, &entry), LADE_HOST_CHANGED);
	assert_int_equal(judge("four", key_0, &entry), LADE_HOST_UNKNOWN);
}

static void test_files_that_are_not_trusted(void **state)
{
	static const char *const bad[] = {
		"host\n", "host " KEY_0 " more\n", "host:x " KEY_0 "\n", "host SHA256:x\n", KEY_0 " host\n", "host," KEY_0 "\n",
	};
	const char *const files[] = { file };
	enum lade_host_verdict verdict;
	struct lade_host_entry entry;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char text[512], where[PATH_MAX + 32];

		snprintf(text, sizeof(text), "good " KEY_0 "\n%s", bad[i]);
		put(file, text);
		assert_int_equal(lade_known_hosts_judge(files, 1, "good", key_0, &verdict, &entry, &fault), LADE_E_REFUSED);
		snprintf(where, sizeof(where), "%s:2", file);
		assert_string_equal(fault.subject, where);
	}
	put(file, "good " KEY_0 "\n");
	assert_int_equal(chmod(file, 0664), 0);
	assert_int_equal(lade_known_hosts_judge(files, 1, "good", key_0, &verdict, &entry, &fault), LADE_E_REFUSED);
	assert_non_null(strstr(fault.operation, "chmod go-w"));
	unlink(file);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(lade_known_hosts_judge(files, 1, "good", key_0, &verdict, &entry, &fault), LADE_E_REFUSED);
	unlink(file);
	assert_int_equal(close(open(file, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(truncate(file, LADE_LINE_FILE_MAX + 1), 0);
	assert_int_equal(lade_known_hosts_judge(files, 1, "good", key_0, &verdict, &entry, &fault), LADE_E_LIMIT);
	assert_int_equal(truncate(file, 10), 0); /* of NULs */
	assert_int_equal(lade_known_hosts_judge(files, 1, "good", key_0, &verdict, &entry, &fault), LADE_E_REFUSED);
}

static void count_one(void *context, const char *name, const uint8_t fingerprint[32])
{
	(void)name;
	(void)fingerprint;
	++*(unsigned *)context;
}

static void test_changes(void **state)
{
	char target[PATH_MAX + 32];
	unsigned count;
	struct stat st;

	(void)state;
	/* Nothing is forgotten of a file that is not there, and it is not made. */
	assert_int_equal(lade_known_hosts_forget(file, "a", &count, &fault), 0);
	assert_int_equal(count, 0);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(lade_known_hosts_each(file, count_one, &count, &fault), LADE_E_ABSENT);
	/* Through a symlink, which stays, to a file in a directory that is made; it keeps remarks and its mode. */
	snprintf(target, sizeof(target), "%s/deep/hosts", base);
	umask(022);
	assert_int_equal(lade_known_hosts_add(target, "a", key_0, &fault), 0);
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(chmod(target, 0640), 0);
	assert_int_equal(symlink("deep/hosts", file), 0);
	put(target, "# mine\na " KEY_0 "\nb " KEY_1 "\na:1 " KEY_1); /* no newline at the end */
	assert_int_equal(chmod(target, 0640), 0);
	assert_int_equal(lade_known_hosts_add(file, "a", key_1, &fault), 0);
	assert_content(target, "# mine\na " KEY_0 "\nb " KEY_1 "\na:1 " KEY_1 "\na " KEY_1 "\n");
	assert_int_equal(lade_known_hosts_forget(file, "a", &count, &fault), 0);
	assert_int_equal(count, 2);
	assert_content(target, "# mine\nb " KEY_1 "\na:1 " KEY_1 "\n");
	assert_int_equal(lstat(file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	count = 0;
	assert_int_equal(lade_known_hosts_each(file, count_one, &count, &fault), 0);
	assert_int_equal(count, 2);
	assert_int_equal(chmod(target, 0622), 0);
	assert_int_equal(lade_known_hosts_add(file, "a", key_1, &fault), LADE_E_REFUSED);
	assert_content(target, "# mine\nb " KEY_1 "\na:1 " KEY_1 "\n");
	/* What a symlink leads to is not made, and the symlink not replaced. */
	assert_int_equal(unlink(target), 0);
	assert_int_equal(lade_known_hosts_add(file, "a", key_1, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ELOOP);
	assert_int_equal(access(target, F_OK), -1);
	assert_int_equal(lstat(file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void write_lines(unsigned writer)
{
	char name[32];

	for (unsigned i = 0; i < LINES; i++) {
		snprintf(name, sizeof(name), "h%u-%u", writer, i);
		if (lade_known_hosts_add(file, name, key_0, NULL))
			_exit(1);
	}
	_exit(0);
}

static void test_several_writers_lose_nothing(void **state)
{
	unsigned count = 0;
	int status;

	(void)state;
	for (unsigned i = 0; i < WRITERS; i++) {
		pid_t child = fork();

		if (child == 0)
			write_lines(i);
		assert_true(child > 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(lade_known_hosts_each(file, count_one, &count, &fault), 0);
	assert_int_equal(count, WRITERS * LINES);
}

/* ---- authorized keys ---- */

static void test_authorized_keys(void **state)
{
	char name[LADE_AUTHORIZED_NAME_SIZE], longer[300];

	(void)state;
	assert_int_equal(lade_authorized_keys_find(file, key_0, name, &fault), LADE_E_ABSENT);
	assert_int_equal(lade_authorized_keys_add(file, key_0, "alice", name, &fault), 0);
	assert_int_equal(lade_authorized_keys_add(file, key_0, "alice", name, &fault), 0);
	assert_int_equal(lade_authorized_keys_add(file, key_0, "bob", name, &fault), LADE_E_CHANGED);
	assert_string_equal(name, "alice");
	assert_int_equal(lade_authorized_keys_add(file, key_1, "alice", name, &fault), 0);
	assert_content(file, KEY_0 " alice\n" KEY_1 " alice\n");
	assert_int_equal(lade_authorized_keys_find(file, key_1, name, &fault), 0);
	assert_string_equal(name, "alice");
	assert_int_equal(lade_authorized_keys_find(file, key_2, name, &fault), LADE_E_ABSENT);
	memset(longer, 'n', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_false(lade_authorized_keys_name(longer));
	longer[255] = '\0';
	assert_true(lade_authorized_keys_name(longer));
	assert_int_equal(lade_authorized_keys_add(file, key_2, "a b", name, &fault), LADE_E_USAGE);
	assert_int_equal(lade_authorized_keys_add(file, key_2, "", name, &fault), LADE_E_USAGE);
	assert_int_equal(lade_authorized_keys_add(file, key_2, "a\nb", name, &fault), LADE_E_USAGE);
}

static void test_authorized_keys_that_are_not_trusted(void **state)
{
	static const char *const bad[] = { KEY_1 "\n", KEY_1 " bob option\n", "SHA256:x bob\n", "bob " KEY_1 "\n" };
	char name[LADE_AUTHORIZED_NAME_SIZE], text[512];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), KEY_0 " alice\n%s", bad[i]);
		put(file, text);
		/* Behind the line that is looked for. */
		assert_int_equal(lade_authorized_keys_find(file, key_0, name, &fault), LADE_E_REFUSED);
	}
	put(file, KEY_0 " alice\n");
	assert_int_equal(lade_authorized_keys_find(file, key_0, name, &fault), 0);
	assert_int_equal(chmod(file, 0646), 0);
	assert_int_equal(lade_authorized_keys_find(file, key_0, name, &fault), LADE_E_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_verdicts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files_that_are_not_trusted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_several_writers_lose_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_authorized_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_authorized_keys_that_are_not_trusted, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
