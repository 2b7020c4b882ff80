/*
 * Opening a file to be read, as what a name in a directory may be: through no symlink that was not meant, never waiting for a FIFO's writer.
 */
#ifndef LADE_AGENT_TREE_READ_OPEN_H
#define LADE_AGENT_TREE_READ_OPEN_H

#include "agent/tree/directory.h"

/* How a file is opened. */
#define LADE_READ_NOATIME 1u /* reading leaves its access time alone, where this process may have that: its own files, or any as root */
#define LADE_READ_FOLLOW 2u  /* the name may be a symlink */

/*
 * Open name, a component of the directory; how: LADE_READ_ bits. A descriptor for the caller to close, or -1 with errno. See open(2), O_NOATIME. Any thread.
 */
int lade_read_open(int directory_fd, const char *name, unsigned how);

/* The same in directory, which is pinned as fd: a symlink is followed as its tree allows (lade_directory_open_followed()). */
int lade_read_open_in(const struct lade_directory *directory, int fd, const char *name, unsigned how);

#endif
