/*
 * Files that a daemon believes: nobody else may have written them, and nobody else may read the secret ones.
 */
#ifndef LADE_AGENT_DAEMON_TRUSTED_FILE_H
#define LADE_AGENT_DAEMON_TRUSTED_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Why a file with that status is not to be believed, as the end of a sentence ("others may write to it: chmod o-w"), static text; or
 * NULL. It has to be regular, root's or our own, and not everybody's to write; a secret one neither readable nor writable by the
 * group and others.
 */
const char *lade_trusted_file_refuse(const struct stat *status, bool secret);

/* The same of a directory, in which nobody else may make or take away files. */
const char *lade_trusted_directory_refuse(const struct stat *status);

#endif
