/*
 * As sshd(8) has it with StrictModes, but for files that a group may write: that group was chosen by somebody.
 */
#include "agent/daemon/trusted_file.h"

#include <stddef.h>
#include <unistd.h>

static const char *refuse_owner(const struct stat *status)
{
	return status->st_uid != 0 && status->st_uid != geteuid() ? "it belongs to another user: chown it" : NULL;
}

static const char *refuse_writers(const struct stat *status)
{
	return status->st_mode & S_IWOTH ? "others may write to it: chmod o-w" : NULL;
}

const char *lade_trusted_file_refuse(const struct stat *status, bool secret)
{
	const char *why = S_ISREG(status->st_mode) ? refuse_owner(status) : "it is no regular file";

	if (!why && secret && (status->st_mode & 077))
		why = "others may read or write it: chmod 600";
	return why ? why : refuse_writers(status);
}

const char *lade_trusted_directory_refuse(const struct stat *status)
{
	const char *why = S_ISDIR(status->st_mode) ? refuse_owner(status) : "it is no directory";

	return why ? why : refuse_writers(status);
}
