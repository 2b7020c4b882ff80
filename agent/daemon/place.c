/*
 * Names only; nothing is made.
 */
#include "agent/daemon/place.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/user_directory.h"

/* A copy of root_path for root, else name in the user's own directory: lade_user_directory_path(). */
static char *choose(const char *root_path, const char *variable, const char *below_home, const char *name)
{
	char path[PATH_MAX];

	if (geteuid() == 0)
		return strdup(root_path);
	return lade_user_directory_path(variable, below_home, name, path) ? NULL : strdup(path);
}

char *lade_daemon_place_config(void)
{
	return choose("/etc/lade/daemon.conf", "XDG_CONFIG_HOME", ".config", "daemon.conf");
}

char *lade_daemon_place_state(void)
{
	return choose("/var/lib/lade", "XDG_STATE_HOME", ".local/state", "daemon");
}

char *lade_daemon_place_status(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	return choose("/run/lade/status", "XDG_RUNTIME_DIR", ".local/state", runtime && runtime[0] == '/' ? "status" : "daemon/status");
}

char *lade_daemon_place_below(const char *state, const char *name)
{
	char *path;

	return asprintf(&path, "%s%s%s", state, strcmp(state, "/") == 0 ? "" : "/", name) < 0 ? NULL : path;
}
