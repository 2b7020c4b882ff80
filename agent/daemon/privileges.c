/*
 * Privileges. The order matters: groups while we are still root, the group before the user, and then a look whether it is true.
 * Names are looked up beforehand: name services load libraries, which behind a chroot(2) would be those of whoever may write there.
 */
#include "agent/daemon/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The number that text is, or -1. */
static long long number(const char *text)
{
	char *end;
	long long value;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	/* The highest number is that of nobody at all: chown(2) and setresuid(2) mean "leave it" by it. */
	return *end || errno || value >= UINT32_MAX ? -1 : value;
}

static int find_group(const char *group, gid_t *gid_out, struct lade_fault *fault)
{
	const struct group *entry = getgrnam(group);
	long long value = number(group);

	if (!entry && value < 0)
		return lade_fault_set(fault, LADE_E_ABSENT, "find the group", group);
	*gid_out = entry ? entry->gr_gid : (gid_t)value;
	return 0;
}

int lade_privileges_find(const char *user, const char *group, struct lade_privileges *privileges_out, struct lade_fault *fault)
{
	const struct passwd *entry = getpwnam(user);
	long long value = number(user);

	memset(privileges_out, 0, sizeof(*privileges_out));
	if (!entry && value >= 0)
		entry = getpwuid((uid_t)value);
	if (!entry && (value < 0 || !group))
		return lade_fault_set(fault, LADE_E_ABSENT, "find the user", user);
	privileges_out->change = true;
	privileges_out->uid = entry ? entry->pw_uid : (uid_t)value;
	if (entry) {
		privileges_out->gid = entry->pw_gid;
		snprintf(privileges_out->name, sizeof(privileges_out->name), "%s", entry->pw_name);
	}
	if (group)
		return find_group(group, &privileges_out->gid, fault);
	privileges_out->group_count = LADE_GROUPS_MAX;
	if (getgrouplist(entry->pw_name, entry->pw_gid, privileges_out->groups, &privileges_out->group_count) < 0)
		return lade_fault_set(fault, LADE_E_LIMIT, "find all groups of the user", user);
	return 0;
}

int lade_privileges_drop(const struct lade_privileges *privileges, struct lade_fault *fault)
{
	uid_t uid = privileges->uid, now[3];
	gid_t gid = privileges->gid;

	if (!privileges->change || (geteuid() && geteuid() == uid))
		return 0;
	if (setgroups((size_t)privileges->group_count, privileges->groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid) ||
	    getresuid(&now[0], &now[1], &now[2]))
		return lade_fault_set(fault, LADE_E_SYSTEM, "become the user", privileges->name);
	if (now[0] != uid || now[1] != uid || now[2] != uid || (uid && setuid(0) == 0)) {
		errno = EPERM;
		return lade_fault_set(fault, LADE_E_SYSTEM, "become the user", privileges->name);
	}
	/* Another user's process is what fs.suid_dumpable says, whatever it was before: prctl(2). */
	lade_privileges_harden();
	return 0;
}

void lade_privileges_harden(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void lade_privileges_reset_signals(void)
{
	sigset_t none;

	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		(void)signal(signal_number, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int lade_privileges_keep(int *keep[], int count, struct lade_fault *fault)
{
	const int first = STDERR_FILENO + 1;

	/* Out of the way first: one of them may have a number that another one is to get. */
	for (int i = 0; i < count; i++) {
		int high = fcntl(*keep[i], F_DUPFD_CLOEXEC, first + count);

		if (high < 0)
			return lade_fault_set(fault, LADE_E_SYSTEM, "duplicate a descriptor", NULL);
		*keep[i] = high;
	}
	for (int i = 0; i < count; i++) {
		if (dup3(*keep[i], first + i, O_CLOEXEC) < 0)
			return lade_fault_set(fault, LADE_E_SYSTEM, "duplicate a descriptor", NULL);
		*keep[i] = first + i;
	}
	if (close_range((unsigned)(first + count), ~0u, 0))
		return lade_fault_set(fault, LADE_E_SYSTEM, "close descriptors", NULL);
	return 0;
}
