/*
 * Where a user's own files of lade are (XDG Base Directory Specification), and making directories on the way to a file.
 */
#ifndef LADE_AGENT_USER_DIRECTORY_H
#define LADE_AGENT_USER_DIRECTORY_H

#include <limits.h>

#include "protocol/error.h"

/*
 * The path of name: below "lade" in the directory that the environment's variable (such as XDG_CONFIG_HOME) names, else in otherwise (such as
 * ".config") below HOME; relative ones do not count. Returns 0, or LADE_E_SYSTEM with errno: ENOENT if there is no such directory, ENAMETOOLONG.
 */
int lade_user_directory_path(const char *variable, const char *otherwise, const char *name, char path_out[PATH_MAX]);

/* The path of a file of the configuration, below ~/.config/lade. Returns 0 or LADE_E_SYSTEM. */
int lade_user_directory_config(const char *name, char path_out[PATH_MAX], struct lade_fault *fault);

/* Make the directory path and all above it that are missing, for us alone. path is changed for a moment. Returns 0, or LADE_E_SYSTEM with errno. */
int lade_user_directory_make(char *path);

/* The same for the directory that the file path is in. */
int lade_user_directory_make_for(const char *path, struct lade_fault *fault);

#endif
