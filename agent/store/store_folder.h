/*
 * A store in a folder: what `lade` uses on a local disk, and a server on behalf of its clients.
 */
#ifndef LADE_AGENT_STORE_STORE_FOLDER_H
#define LADE_AGENT_STORE_STORE_FOLDER_H

#include "agent/store/store.h"

/*
 * Open the folder at path, which may lead there by symlinks; in it none is followed: a directory of the repository that is one is LADE_E_SYSTEM with ELOOP or ENOTDIR. create: make the folder if it is not there (its parent is). Returns 0, LADE_E_ABSENT, LADE_E_MEMORY, LADE_E_SYSTEM. The caller closes *store_out with
 * lade_store_close().
 */
int lade_store_folder_open(const char *path, bool create, struct lade_store **store_out, struct lade_fault *fault);

/*
 * See whether a repository may be made in the directory fd: nothing is in it but what a file system has at its root, and what an init that was interrupted left behind.
 * Returns 0; LADE_E_EXISTS: there is a repository; LADE_E_REFUSED: there is something else, which the fault names; LADE_E_SYSTEM.
 */
int lade_store_folder_vacant(int fd, struct lade_fault *fault);

/* As lade_store_folder_open(), of a directory that is open; create: make what a store has in it. fd belongs to the store, failure or not. */
int lade_store_folder_enter(int fd, bool create, struct lade_store **store_out, struct lade_fault *fault);

/* Use the directory fd, which then belongs to the store, failure or not. Otherwise as above. */
int lade_store_folder_adopt(int fd, struct lade_store **store_out, struct lade_fault *fault);

/* The descriptor of a put in a folder, for who moves bytes there without seeing them. */
int lade_store_folder_put_fd(struct lade_store_put *put);

/* Open an object to be read: *fd_out, which the caller closes, and its length. Returns 0, LADE_E_ABSENT, LADE_E_SYSTEM. For who sends bytes from there without seeing them. */
int lade_store_folder_open_object(struct lade_store *store, const char *name, int *fd_out, uint64_t *len_out, struct lade_fault *fault);

/* So many bytes were moved there, behind what it had. */
void lade_store_folder_put_grew(struct lade_store_put *put, uint64_t len);

#endif
