/*
 * As sshd(8) has it with StrictModes, but for files that a group may write: that group was chosen by somebody.
 */
#include "agent/daemon/trusted_file.h"

#include <stddef.h>
#include <unistd.h>

const char *lade_trusted_file_refuse(const struct stat *status, bool secret)
{
	if (!S_ISREG(status->st_mode))
		return "it is no regular file";
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return "it belongs to another user: chown it";
	if (secret && (status->st_mode & 077))
		return "others may read or write it: chmod 600";
	if (status->st_mode & S_IWOTH)
		return "others may write to it: chmod o-w";
	return NULL;
}
