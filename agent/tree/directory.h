/*
 * Held directories: every path below a root is reached through these, one
 * component at a time, so that a symlink planted between check and use leads
 * nowhere.
 *
 * A handle names a directory by its parent handle and one component. Descriptors
 * are opened on demand with openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
 * RESOLVE_NO_MAGICLINKS), or, where that call is missing or forbidden, component
 * by component with openat(O_NOFOLLOW). At most `held` stay open; beyond that the
 * least recently used unpinned one is closed, and reopened later by walking down
 * from the nearest open ancestor; device and inode must then be those of the first
 * opening (else LADE_E_CHANGED). The root is opened as the user named it: it may
 * be a symlink, or search-only (O_PATH).
 *
 * All calls are safe from several threads. See openat2(2).
 */
#ifndef LADE_AGENT_TREE_DIRECTORY_H
#define LADE_AGENT_TREE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "agent/tree/place.h"
#include "protocol/error.h"

#define LADE_DIRECTORIES_HELD 256u

struct lade_directories; /* the table of a session: one root and all handles below it */
struct lade_directory;   /* one handle, reference counted */

/*
 * Open the root at path (followed if it is a symlink). held: most descriptors at
 * once, the root's included (0: LADE_DIRECTORIES_HELD; less than 4 counts as 4);
 * pinned ones are never closed, so more are open while more are pinned, and each
 * thread that is just opening one has one more for that moment.
 * Returns 0, LADE_E_ABSENT (ENOENT), LADE_E_MEMORY, LADE_E_SYSTEM (ENOTDIR,
 * EACCES, ...). The caller closes the table with lade_directories_close() after
 * the last handle is released.
 */
int lade_directories_open(const char *path, unsigned held,
			  struct lade_directories **directories_out, struct lade_fault *fault);

/* The same below a base (agent/tree/place.h), which is borrowed until the table is closed, and decides what is followed and seen; NULL: as above. */
int lade_directories_open_below(const struct lade_base *base, const char *path, unsigned held,
				struct lade_directories **directories_out, struct lade_fault *fault);

/*
 * From now on follow symlinks below the root, or do not: those that lead out of it never are, nor absolute ones. While no other thread uses the
 * table. Where openat2(2) is missing it does nothing, and they are refused.
 */
void lade_directories_follow(struct lade_directories *directories, bool follow);

/* Close the table and its root; every handle is released by now. NULL does nothing. */
void lade_directories_close(struct lade_directories *directories);

/* The root's handle; owned by the table: lade_directory_ref() it as any other to keep it. */
struct lade_directory *lade_directories_root(struct lade_directories *directories);

/*
 * A handle for the directory name under parent (takes a reference on parent).
 * Opens nothing yet. name: name_len bytes, one component: not empty, not "." or
 * "..", no slash, no NUL, at most 255 bytes (checked: LADE_E_REFUSED).
 * Returns 0, LADE_E_REFUSED or LADE_E_MEMORY; one reference for the caller.
 *
 * user is the caller's own pointer, returned by lade_directory_user(). on_free
 * (may be NULL) is called with it, without locks held, in the thread that drops
 * the last reference, after all handles below are gone and while the parent is
 * still referenced. It may pin the directory (and unpin it again), but keeps no
 * reference.
 */
int lade_directory_new(struct lade_directory *parent, const char *name, size_t name_len, void *user,
		       void (*on_free)(struct lade_directory *directory, void *user),
		       struct lade_directory **directory_out, struct lade_fault *fault);

/*
 * The same for a name that may be a symlink to a directory, which is followed, wherever it leads: for sources whose user
 * wants that. What lies below is again reached without following anything. The directory that it led to first counts: another
 * one later is LADE_E_CHANGED.
 */
int lade_directory_new_followed(struct lade_directory *parent, const char *name, size_t name_len,
				struct lade_directory **directory_out, struct lade_fault *fault);

/*
 * Open name in directory, which is pinned as fd, with flags (open(2), without O_CREAT), through whatever symlink it is: below a base
 * only to what is below that, and not hidden. A descriptor for the caller to close, or -1 with errno.
 */
int lade_directory_open_followed(const struct lade_directory *directory, int fd, const char *name, int flags);

/* stat(2) in the same way: 0, or -1 with errno. */
int lade_directory_stat_followed(const struct lade_directory *directory, int fd, const char *name, struct stat *st);

/* True if the base hides name in directory (NULL or "": the directory itself), or what it is in. Out of memory counts as hidden. */
bool lade_directory_hides(struct lade_directory *directory, const char *name, bool is_directory);

/* One more reference; returns directory. */
struct lade_directory *lade_directory_ref(struct lade_directory *directory);

/* Drop a reference; with the last one go the descriptor and the reference on the parent. NULL does nothing. */
void lade_directory_unref(struct lade_directory *directory);

/* The caller's pointer, as lade_directory_new() got it; NULL for the root. */
void *lade_directory_user(const struct lade_directory *directory);

/* The parent, borrowed as long as directory is referenced; NULL for the root. */
struct lade_directory *lade_directory_parent(const struct lade_directory *directory);

/* The name, borrowed as long as directory is referenced; "" for the root. */
const char *lade_directory_name(const struct lade_directory *directory);

/* True if st is of directory, or of one above it. Only those that were pinned at some time are known. */
bool lade_directory_is_within(const struct lade_directory *directory, const struct stat *st);

/*
 * Get the open descriptor and keep it open until lade_directory_unpin(). Pins nest
 * and may be held by several threads. The descriptor is O_RDONLY | O_DIRECTORY |
 * O_CLOEXEC where the directory may be read, O_PATH where it may only be searched.
 * It is shared, and so is its offset: who lists the directory opens "." under it.
 * Returns 0 and *fd_out; LADE_E_REFUSED (a symlink or not a directory: ELOOP,
 * ENOTDIR), LADE_E_CHANGED, LADE_E_ABSENT, LADE_E_MEMORY, LADE_E_SYSTEM. The
 * fault's subject is the path relative to the root. After a failure nothing is
 * pinned, and a later call tries again.
 */
int lade_directory_pin(struct lade_directory *directory, int *fd_out, struct lade_fault *fault);

/* One pin less; without any the descriptor may be closed when others are wanted. */
void lade_directory_unpin(struct lade_directory *directory);

/*
 * Path of name (NULL or "": the directory itself) under directory, relative to the
 * root ("" for the root itself). Allocated, the caller frees; NULL when memory is
 * out. May exceed PATH_MAX.
 */
char *lade_directory_path(const struct lade_directory *directory, const char *name);

/*
 * Resolve a relative path of path_len bytes, of any length, below the root, and
 * open its last directory by the rules above (a descriptor of its own, with its own
 * offset): for work that comes from a spool at the end of a session. path "" is the
 * root. An empty component, ".", "..", a NUL or a component above 255 bytes is
 * LADE_E_REFUSED; other errors as lade_directory_pin(). The caller closes *fd_out.
 */
int lade_directories_resolve(struct lade_directories *directories, const char *path,
			     size_t path_len, int *fd_out, struct lade_fault *fault);

#endif
