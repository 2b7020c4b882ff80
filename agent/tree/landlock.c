/*
 * The rights that a kernel knows are handled all, so that those without a rule are denied; those of later versions than ours are left alone.
 * The numbers are the kernel's ABI (linux/landlock.h), which the headers of older distributions have in part only.
 */
#include "agent/tree/landlock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

#define RIGHT(bit) (UINT64_C(1) << (bit))
#define EXECUTE RIGHT(0)
#define WRITE_FILE RIGHT(1)
#define READ_FILE RIGHT(2)
#define READ_DIR RIGHT(3)
#define TRUNCATE RIGHT(14)
#define IOCTL_DEV RIGHT(15)
/* What a rule about a file may hold. */
#define OF_FILES (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)

/* Renames and links between directories are a right from version 2 on; before, they are denied whatever the rules say. */
#define VERSION_REFER 2

struct ruleset {
	uint64_t handled_fs;
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* All rights that a version knows, from 1 on. */
static uint64_t rights_of(long version)
{
	if (version >= 5)
		return RIGHT(16) - 1;
	if (version >= 3)
		return RIGHT(15) - 1;
	return version == VERSION_REFER ? RIGHT(14) - 1 : RIGHT(13) - 1;
}

static uint64_t allowed_of(enum lade_landlock_right right)
{
	switch (right) {
	case LADE_LANDLOCK_READ:
		return READ_FILE | READ_DIR;
	case LADE_LANDLOCK_SPOOL:
		return READ_FILE | WRITE_FILE | TRUNCATE;
	default:
		/* Devices may be made, but what they do is not asked of them. */
		return ~(EXECUTE | IOCTL_DEV);
	}
}

static bool some_is_written(const struct lade_landlock_place *places, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (places[i].fd >= 0 && places[i].right == LADE_LANDLOCK_WRITE)
			return true;
	return false;
}

/* 0, or -1 with errno. */
static int add_rule(int ruleset, const struct lade_landlock_place *place, uint64_t handled)
{
	struct path_rule rule = { .allowed = allowed_of(place->right) & handled, .fd = place->fd };
	struct stat st;

	if (place->fd < 0)
		return 0;
	if (fstat(place->fd, &st))
		return -1;
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= OF_FILES;
	return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
}

int lade_landlock_confine(const struct lade_landlock_place *places, unsigned count, struct lade_fault *fault)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_RULESET_VERSION);
	struct ruleset handled = { 0 };
	int ruleset, failed = 0;

	/* ENOSYS, EOPNOTSUPP: there is no Landlock, or it is off. */
	if (version < 1 || (version < VERSION_REFER && some_is_written(places, count)))
		return 0;
	handled.handled_fs = rights_of(version);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (ruleset < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "confine the process", NULL);
	for (unsigned i = 0; i < count && !failed; i++)
		failed = add_rule(ruleset, &places[i], handled.handled_fs);
	if (!failed)
		failed = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!failed)
		failed = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	if (failed)
		lade_fault_set(fault, LADE_E_SYSTEM, "confine the process", NULL);
	close(ruleset);
	return failed ? LADE_E_SYSTEM : (int)version;
}
