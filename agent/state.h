/*
 * What lade remembers between runs, outside the trees that it works on: files below
 * $XDG_STATE_HOME/lade, or ~/.local/state/lade (XDG Base Directory Specification). All of it may be
 * deleted at any time.
 */
#ifndef LADE_AGENT_STATE_H
#define LADE_AGENT_STATE_H

#include <stddef.h>
#include <sys/types.h>

#include "protocol/error.h"

/*
 * Open the directory name of the state, which is made if it is not there, for us alone. Returns 0 with a descriptor that the
 * caller closes, or LADE_E_SYSTEM.
 */
int lade_state_open(const char *name, int *fd_out, struct lade_fault *fault);

/* The same without making anything: LADE_E_ABSENT if it is not there. */
int lade_state_find(const char *name, int *fd_out, struct lade_fault *fault);

/*
 * Begin a new file of the directory, which does not have its name yet: a crash leaves the old one. Returns 0 with a
 * descriptor for lade_state_replace() or lade_state_discard(), or LADE_E_SYSTEM.
 */
int lade_state_new_file(int directory_fd, int *fd_out, struct lade_fault *fault);

/* Nothing becomes of the new file fd (consumed). */
void lade_state_discard(int directory_fd, int fd);

/* Append len bytes to a new file. Returns 0 or LADE_E_SYSTEM. */
int lade_state_write(int fd, const void *data, size_t len, struct lade_fault *fault);

/* Let the new file fd (consumed) be name, in the place of what was. Returns 0 or LADE_E_SYSTEM. */
int lade_state_replace(int directory_fd, int fd, const char *name, struct lade_fault *fault);

/* All of that: let a new file of len bytes be name. Returns 0 or LADE_E_SYSTEM. */
int lade_state_put(int directory_fd, const char *name, const void *data, size_t len, struct lade_fault *fault);

/*
 * Remove those files of the directory whose names have name_len bytes that were used longest ago (by their modification times), until the
 * rest is max bytes long, or less. What cannot be removed stays.
 */
void lade_state_trim(int directory_fd, size_t name_len, off_t max);

#endif
