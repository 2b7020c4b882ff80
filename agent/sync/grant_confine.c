/*
 * The walls of a serving process: its tree, its state, and of the rest of the system only what is needed to know users by their names and
 * to convert names. Spools and lists that do not fit into memory go to files without a name in the usual place.
 */
#include "agent/sync/grant.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/tree/landlock.h"

/* Read by name services (nsswitch.conf(5), sssd, nscd), the dynamic linker that loads them, and iconv(3). What is missing is not needed. */
static const char *const read_by_library[] = {
	"/usr", "/lib", "/lib64", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/ld.so.cache", "/etc/localtime",
	"/var/lib/sss", "/run/nscd", "/dev/null", "/dev/urandom",
};

#define LIBRARY_COUNT (sizeof(read_by_library) / sizeof(read_by_library[0]))

static int open_path(const char *path)
{
	return open(path, O_PATH | O_CLOEXEC);
}

/* Where lade_spool_file() makes its files. */
static int open_spool_place(void)
{
	const char *directory = getenv("TMPDIR");

	return open_path(directory && *directory ? directory : "/var/tmp");
}

int lade_grant_confine(const struct lade_grant *grant, struct lade_fault *fault)
{
	struct lade_landlock_place places[LIBRARY_COUNT + 3];
	unsigned count = 0;
	int result;

	for (; count < LIBRARY_COUNT; count++)
		places[count] = (struct lade_landlock_place){ open_path(read_by_library[count]), LADE_LANDLOCK_READ };
	places[count++] = (struct lade_landlock_place){ open_spool_place(), LADE_LANDLOCK_SPOOL };
	places[count++] = (struct lade_landlock_place){
		grant->root_fd, grant->may_write ? LADE_LANDLOCK_WRITE : LADE_LANDLOCK_READ,
	};
	places[count++] = (struct lade_landlock_place){ grant->state_fd, LADE_LANDLOCK_WRITE };
	result = lade_landlock_confine(places, count, fault);
	for (unsigned i = 0; i <= LIBRARY_COUNT; i++)
		if (places[i].fd >= 0)
			close(places[i].fd);
	return result;
}
