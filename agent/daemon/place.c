/*
 * Names only; nothing is made.
 */
#include "agent/daemon/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An absolute path in the environment, or NULL: others are to be ignored, says the specification. */
static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

static char *join(const char *directory, const char *middle, const char *name)
{
	char *path;

	return asprintf(&path, "%s%s%s", directory, middle, name) < 0 ? NULL : path;
}

/* name below the directory of a variable, or below below_home. */
static char *user_place(const char *variable, const char *below_home, const char *name)
{
	const char *base = from_environment(variable), *home = from_environment("HOME");

	if (base)
		return join(base, "", name);
	if (home)
		return join(home, below_home, name);
	errno = ENOENT;
	return NULL;
}

char *lade_daemon_place_config(void)
{
	return geteuid() == 0 ? join("/etc/lade", "", "/daemon.conf") : user_place("XDG_CONFIG_HOME", "/.config", "/lade/daemon.conf");
}

char *lade_daemon_place_state(void)
{
	return geteuid() == 0 ? join("/var/lib/lade", "", "") : user_place("XDG_STATE_HOME", "/.local/state", "/lade/daemon");
}

char *lade_daemon_place_status(void)
{
	if (geteuid() == 0)
		return join("/run/lade", "", "/status");
	return user_place("XDG_RUNTIME_DIR", "/.local/state", from_environment("XDG_RUNTIME_DIR") ? "/lade/status" : "/lade/daemon/status");
}

char *lade_daemon_place_below(const char *state, const char *name)
{
	return join(state, strcmp(state, "/") == 0 ? "" : "/", name);
}
