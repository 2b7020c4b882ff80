/*
 * Devices that are taken for regular files (--copy-devices, --write-devices).
 */
#ifndef LADE_AGENT_TREE_DEVICE_FILE_H
#define LADE_AGENT_TREE_DEVICE_FILE_H

#include <sys/stat.h>

/*
 * Let st, which fstat(2) said of fd, be of a regular file of the device's size (0 for one that has none, as a character device), without holes. Other
 * types stay as they are. Any thread; fd's position is lost.
 */
void lade_device_as_file(int fd, struct stat *st);

#endif
