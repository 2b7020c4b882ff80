/*
 * Privileges: whom names mean, and what is left of a process that has become somebody else.
 */
#include "agent/daemon/privileges.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct lade_privileges found;

static void test_names_and_numbers(void **state)
{
	(void)state;
	assert_int_equal(lade_privileges_find("root", NULL, &found, NULL), 0);
	assert_true(found.change && found.uid == 0 && found.gid == 0);
	/* His own groups have his first one among them. */
	assert_true(found.group_count >= 1);
	assert_string_equal(found.name, "root");
	assert_int_equal(lade_privileges_find("3999999999", "3999999998", &found, NULL), 0);
	assert_true(found.uid == 3999999999u && found.gid == 3999999998u);
	assert_int_equal(found.group_count, 0);
	assert_int_equal(lade_privileges_find("root", "3999999998", &found, NULL), 0);
	assert_int_equal(found.group_count, 0);
}

static void test_who_is_nobody(void **state)
{
	static const char *const users[] = { "3999999999", "4294967295", "4294967296", "-1", "0x0", "", "no such user" };

	(void)state;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		assert_int_equal(lade_privileges_find(users[i], NULL, &found, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_privileges_find("4294967295", "0", &found, NULL), LADE_E_ABSENT);
	assert_int_equal(lade_privileges_find("0", "4294967295", &found, NULL), LADE_E_ABSENT);
}

/* What a process finds of itself when it has become found: 0, or a number of what is wrong. */
static int look_at_myself(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (uid != found.uid || gid != found.gid || geteuid() != uid || getegid() != gid)
		return 2;
	if (getgroups(0, NULL) != found.group_count)
		return 3;
	if (setuid(0) == 0 || setgid(0) == 0)
		return 4;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 5;
}

static void test_becoming_another(void **state)
{
	pid_t pid;
	int how;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: becoming another user needs root\n");
		return;
	}
	assert_int_equal(lade_privileges_find("3999999999", "3999999998", &found, NULL), 0);
	found.groups[found.group_count++] = 3999999997u;
	pid = fork();
	if (pid == 0)
		_exit(lade_privileges_drop(&found, NULL) ? 1 : look_at_myself());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_int_equal(how, 0);
}

/* In a process that keeps three descriptors, which have each other's numbers: 0, or a number of what is wrong. */
static int keep_three(void)
{
	int a = dup2(STDIN_FILENO, 5), b = dup2(STDIN_FILENO, 3), c = dup2(STDIN_FILENO, 4), other = dup2(STDIN_FILENO, 77);
	int *keep[] = { &a, &b, &c };

	if (a != 5 || b != 3 || c != 4 || other != 77)
		return 1;
	if (lade_privileges_keep(keep, 3, NULL) || a != 3 || b != 4 || c != 5)
		return 2;
	for (int fd = 3; fd < 200; fd++)
		if ((fcntl(fd, F_GETFD) >= 0) != (fd < 6))
			return 3;
	return 0;
}

static void test_descriptors_that_stay(void **state)
{
	pid_t pid = fork();
	int how;

	(void)state;
	if (pid == 0)
		_exit(keep_three());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	assert_int_equal(how, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_numbers),
		cmocka_unit_test(test_who_is_nobody),
		cmocka_unit_test(test_becoming_another),
		cmocka_unit_test(test_descriptors_that_stay),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
