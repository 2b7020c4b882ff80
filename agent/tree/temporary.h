/*
 * Temporary files: how a new file comes to be without ever being seen half-written.
 *
 * A file is made as `.lade.<hash of its name>` beside its destination, locked
 * against other sessions, given its content and metadata, and renamed. What a killed
 * session left behind is recognised by name, owner, link count and the missing lock, and
 * continued or replaced. Directory descriptors are held ones (agent/tree/directory.h).
 *
 * Where the kernel and the file system allow it a file may also have no name at all until it is
 * whole (O_TMPFILE in open(2)): a killed session leaves nothing, and making it costs less.
 *
 * For --inplace the file itself stands in for all that: it has its name and content from the start, and keeps them
 * whatever happens.
 */
#ifndef LADE_AGENT_TREE_TEMPORARY_H
#define LADE_AGENT_TREE_TEMPORARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"

/* ".lade." and 32 hexadecimal digits, and the NUL. */
#define LADE_TEMPORARY_NAME_SIZE 39u

/* One temporary file; the caller's storage. */
struct lade_temporary {
	int fd; /* open for reading and writing, or -1 */
	bool unnamed;
	bool itself; /* the destination, under its own name */
	bool yields; /* what has the name already stays: then committing fails with EEXIST; the caller sets it */
	char name[LADE_TEMPORARY_NAME_SIZE];
};

/* True if name has the form of a temporary name: it is left out of transfers and deletions. */
bool lade_temporary_is(const char *name);

/* The temporary name for name; attempt tells several of one file apart. */
void lade_temporary_name(const char *name, unsigned attempt, char out[LADE_TEMPORARY_NAME_SIZE]);

/*
 * Make the temporary file for name in the directory, with permission bits mode.
 * Returns 0; LADE_E_REFUSED if another session holds it, or something that is not ours stands there; LADE_E_SYSTEM.
 */
int lade_temporary_open(int directory_fd, const char *name, unsigned attempt, mode_t mode,
			struct lade_temporary *temporary_out, struct lade_fault *fault);

/* True if a session of ours seems to have left name unfinished, with content. */
bool lade_temporary_left(int directory_fd, const char *name);

/* True if name itself is such a file: one that nobody else has ever been able to write to. */
bool lade_temporary_is_left(int directory_fd, const char *name);

/*
 * Open a temporary file of this session's again, which was closed when it was whole. Returns 0; LADE_E_REFUSED if it is in use or
 * not ours by now; LADE_E_SYSTEM.
 */
int lade_temporary_reopen(int directory_fd, const char *temporary_name, struct lade_temporary *temporary_out,
			  struct lade_fault *fault);

/*
 * Take over what a session of ours left of name: a file that nobody else has ever been able to write to. Returns 0, or
 * LADE_E_ABSENT if there is none that may be used.
 */
int lade_temporary_continue(int directory_fd, const char *name, struct lade_temporary *temporary_out);

/* Close it and leave it to another session. Does nothing if it is not open. */
void lade_temporary_leave(struct lade_temporary *temporary);

/*
 * As lade_temporary_open(), without a name: for a place where no session left anything. Returns 0 or LADE_E_SYSTEM.
 */
int lade_temporary_open_unnamed(int directory_fd, const char *name, mode_t mode,
				struct lade_temporary *temporary_out, struct lade_fault *fault);

/*
 * True if a file without a name can be made in the directory and be given one. Tries it, under the
 * temporary name for name, and so changes the directory's times.
 */
bool lade_temporary_unnamed_works(int directory_fd, const char *name);

/*
 * Open the file of that name itself, for reading and writing; make it, with permission bits mode, if it is not there. The
 * owner may do so whatever its mode, which stays. Returns 0;
 * LADE_E_CHANGED if it is not a regular file; LADE_E_REFUSED if another session writes to it, or this one under another
 * name; LADE_E_SYSTEM.
 */
int lade_temporary_open_itself(int directory_fd, const char *name, mode_t mode, struct lade_temporary *temporary_out,
			       struct lade_fault *fault);

/* The same for a device, which must be there and have room for size bytes; nobody else is kept from writing to it. */
int lade_temporary_open_device(int directory_fd, const char *name, uint64_t size, struct lade_temporary *temporary_out, struct lade_fault *fault);

/* Give it its name, in the place of what is there, and close it. Returns 0 or LADE_E_SYSTEM (then it is discarded). */
int lade_temporary_commit(struct lade_temporary *temporary, int directory_fd, const char *name,
			  struct lade_fault *fault);

/* Remove and close it; the file itself is only closed. Does nothing if it is not open. */
void lade_temporary_discard(struct lade_temporary *temporary, int directory_fd);

/* Remove what a killed session left at the temporary name, if it is ours and not in use. True if it is gone. */
bool lade_temporary_remove_stale(int directory_fd, const char *temporary_name);

#endif
