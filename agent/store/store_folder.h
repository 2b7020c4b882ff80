/*
 * A store in a folder: what `lade` uses on a local disk, and a server on behalf of its clients.
 */
#ifndef LADE_AGENT_STORE_STORE_FOLDER_H
#define LADE_AGENT_STORE_STORE_FOLDER_H

#include "agent/store/store.h"

/*
 * Open the folder at path; create: make it if it is not there (its parent is). Returns 0, LADE_E_ABSENT, LADE_E_MEMORY, LADE_E_SYSTEM. The caller closes *store_out with
 * lade_store_close().
 */
int lade_store_folder_open(const char *path, bool create, struct lade_store **store_out, struct lade_fault *fault);

/* Use the directory fd, which then belongs to the store, failure or not. Otherwise as above. */
int lade_store_folder_adopt(int fd, struct lade_store **store_out, struct lade_fault *fault);

/* The descriptor of a put in a folder, for who moves bytes there without seeing them. */
int lade_store_folder_put_fd(struct lade_store_put *put);

/* So many bytes were moved there, behind what it had. */
void lade_store_folder_put_grew(struct lade_store_put *put, uint64_t len);

#endif
