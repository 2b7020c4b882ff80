/*
 * A user's directories.
 */
#include "agent/user_directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int lade_user_directory_path(const char *variable, const char *otherwise, const char *name, char path_out[PATH_MAX])
{
	const char *directory = getenv(variable), *home = getenv("HOME");
	int len;

	/* The specification has relative paths ignored. */
	if (directory && *directory == '/')
		len = snprintf(path_out, PATH_MAX, "%s/lade/%s", directory, name);
	else if (home && *home == '/')
		len = snprintf(path_out, PATH_MAX, "%s/%s/lade/%s", home, otherwise, name);
	else
		len = -1;
	errno = len < 0 ? ENOENT : ENAMETOOLONG;
	return len > 0 && len < PATH_MAX ? 0 : LADE_E_SYSTEM;
}

int lade_user_directory_config(const char *name, char path_out[PATH_MAX], struct lade_fault *fault)
{
	if (lade_user_directory_path("XDG_CONFIG_HOME", ".config", name, path_out))
		return lade_fault_set(fault, LADE_E_SYSTEM, "find a place (set HOME or XDG_CONFIG_HOME) for", name);
	return 0;
}

int lade_user_directory_make(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int result;

		*slash = '\0';
		result = mkdir(path, 0700);
		*slash = '/';
		if (result && errno != EEXIST && errno != EACCES && errno != EROFS)
			return LADE_E_SYSTEM;
	}
	return mkdir(path, 0700) && errno != EEXIST ? LADE_E_SYSTEM : 0;
}

int lade_user_directory_make_for(const char *path, struct lade_fault *fault)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	int error;

	if (!slash || slash == path)
		return 0;
	directory = strndup(path, (size_t)(slash - path));
	if (!directory)
		return lade_fault_set(fault, LADE_E_MEMORY, "make directory", path);
	error = lade_user_directory_make(directory);
	if (error)
		lade_fault_set(fault, error, "make directory", directory);
	free(directory);
	return error;
}
