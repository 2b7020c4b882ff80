/*
 * Opening directories below a held one without following a symlink or leaving it.
 * For directory.c; descriptors and errno as the kernel gives them. Any thread.
 */
#ifndef LADE_AGENT_TREE_DIRECTORY_OPEN_H
#define LADE_AGENT_TREE_DIRECTORY_OPEN_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/tree/place.h"

/* How the components of a path are resolved. */
enum lade_directory_way {
	LADE_DIRECTORY_PLAIN,    /* one by one, without openat2(2) */
	LADE_DIRECTORY_CONFINED, /* by openat2(2): no symlink is followed */
	LADE_DIRECTORY_LINKS,    /* by openat2(2): symlinks that do not lead out of the first directory are followed */
};

/* True if openat2(2) is there and allowed. root_fd: any directory. */
bool lade_directory_open_probe(int root_fd);

/*
 * Open a directory as it was named (agent/tree/place.h): search
 * permission is enough (then the descriptor is O_PATH). A descriptor for the caller to
 * close, or -1 with errno.
 */
int lade_directory_open_root(const struct lade_base *base, const char *path);

/* The same for name in the directory at_fd, whatever it is a symlink to. */
int lade_directory_open_through(int at_fd, const char *name);

/*
 * Open the directory at path (len bytes, not empty: "." alone, or checked components)
 * below at_fd. A descriptor for the
 * caller to close (O_PATH where it may only be searched), or -1 with errno.
 */
int lade_directory_open_below(enum lade_directory_way way, int at_fd, const char *path, size_t len);

/*
 * Open what is at path below at_fd with flags (open(2), without O_CREAT). The path may have ".", and for openat2(2) "..". PLAIN: no component may be a
 * symlink. A descriptor for the caller to close, or -1 with errno; EXDEV: it would lead out.
 */
int lade_directory_open_at(enum lade_directory_way way, int at_fd, const char *path, int flags);

/* What an errno of the calls above means: LADE_E_ABSENT, _REFUSED, _MEMORY or _SYSTEM. */
int lade_directory_open_code(int error);

/* True if len bytes are a component: not empty, "." or "..", no slash, no NUL, at most 255. */
bool lade_directory_open_is_name(const char *name, size_t len);

/* True if path is one or more such components, with single slashes between them. */
bool lade_directory_open_is_path(const char *path, size_t len);

#endif
