/*
 * Opening a file to be read, as what a name in a directory may be: never through a symlink, never waiting for a FIFO's writer.
 */
#ifndef LADE_AGENT_TREE_READ_OPEN_H
#define LADE_AGENT_TREE_READ_OPEN_H

#include <stdbool.h>

/*
 * Open name, a component of the directory. noatime: reading is to leave its access time alone, where this process may have that
 * (its own files, or any as root). A descriptor for the caller to close, or -1 with errno. See open(2), O_NOATIME. Any thread.
 */
int lade_read_open(int directory_fd, const char *name, bool noatime);

#endif
