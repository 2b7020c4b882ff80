/*
 * Reads and writes of files that are not cut short: neither by a signal, nor by a kernel that does only a part. See read(2), pread(2), pwrite(2).
 */
#ifndef LADE_AGENT_TREE_WHOLE_H
#define LADE_AGENT_TREE_WHOLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Read len bytes at off. Returns how many: less than len only where the file ends; or -1 with errno. Any thread. */
ssize_t lade_whole_read(int fd, void *out, size_t len, uint64_t off);

/* Read len bytes from where fd is, which may be a pipe. Returns as lade_whole_read(). Any thread. */
ssize_t lade_whole_take(int fd, void *out, size_t len);

/* Write len bytes at off. Returns 0, or -1 with errno: a part may be written then. Any thread. */
int lade_whole_write(int fd, const void *data, size_t len, uint64_t off);

#endif
