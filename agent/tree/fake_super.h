/*
 * --fake-super: what only root can give a file is written beside it, into the attribute user.rsync.%stat, in rsync's form:
 *
 *   MODE MAJOR,MINOR UID:GID     the mode, type and all, in octal, the other numbers in decimal
 *
 * The file itself is the user's: a directory, or a regular file, which for a device, a FIFO or a socket is empty and for a symlink holds its
 * target. Its permissions are those of the mode, and the user's own to read and write. Where the file is what it should be there is no
 * attribute. See rsync(1), --fake-super. Any thread.
 */
#ifndef LADE_AGENT_TREE_FAKE_SUPER_H
#define LADE_AGENT_TREE_FAKE_SUPER_H

#include <stdbool.h>
#include <sys/stat.h>

#include "agent/tree/attributes.h"
#include "protocol/error.h"

/*
 * Put what the attribute of place says into st, which is what stat said of it: mode, owner, group, device number; a size of 0 for what is
 * no regular file. Returns 1; 0 where there is none, or st is of another type than one that can have it, or /proc is not there;
 * LADE_E_SYSTEM with the fault (EINVAL) for one that says nothing sensible. st is left alone then.
 */
int lade_fake_super_read(const struct lade_attributes_place *place, struct stat *st, struct lade_fault *fault);

/*
 * Make place, which is a regular file or a directory, what wanted says (mode with its type, owner, group, device number), as far as
 * that is faked. 0, or the fault; LADE_E_UNSUPPORTED where the file system has no such attributes.
 */
int lade_fake_super_write(const struct lade_attributes_place *place, const struct stat *wanted, struct lade_fault *fault);

/* Make what is to pass for a thing without content, or for a symlink with target (NULL for all others), under a free name. 0, or -1 with errno. */
int lade_fake_super_make(int directory_fd, const char *name, const char *target);

/* Read the target of what passes for a symlink, as readlinkat(2) does. Its length, or -1 with errno. */
ssize_t lade_fake_super_readlink(int directory_fd, const char *name, char *target_out, size_t size);

#endif
