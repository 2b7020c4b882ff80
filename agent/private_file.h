/*
 * Files of secrets, which nobody else may reach.
 */
#ifndef LADE_AGENT_PRIVATE_FILE_H
#define LADE_AGENT_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make file, with mode 0600 and len bytes: it is there whole and on disk, or not at all. replace: in the place of what is there. Returns 0, or -1 with
 * errno: EEXIST if something is there and replace is false; ENAMETOOLONG.
 */
int lade_private_file_put(const char *file, const void *data, size_t len, bool replace);

#endif
