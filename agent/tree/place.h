/*
 * Paths as somebody names them on a command line, here or on the other side: sources, a destination, directories and files of
 * options. The user's own mean what they mean to any command. Those of a client with a grant begin at a base, which is their "/".
 *
 * Below a base paths are resolved with openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS): symlinks are followed as long as they stay
 * below it, and neither "..", nor an absolute symlink, nor a rename at the wrong moment leads out. Where that call is missing or
 * forbidden they are walked component by component, and no symlink is followed at all.
 *
 * Where something is to be hidden /proc is needed to follow symlinks; without it (a chroot) none is, and files of rules are errors.
 */
#ifndef LADE_AGENT_TREE_PLACE_H
#define LADE_AGENT_TREE_PLACE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Where paths begin. A pointer that is NULL stands for the user's own: the root of the file system, and the working directory. */
struct lade_base {
	int fd;     /* borrowed */
	bool plain; /* do not try openat2(2), for tests */
	/*
	 * True if nobody is to see path, which is below fd without "." and "..", nor what is below it; is_directory: what it is, or would be. Any
	 * thread. NULL: all may be seen.
	 */
	bool (*hides)(void *context, const char *path, bool is_directory);
	void *context;
};

/*
 * Open path with flags (open(2); O_CLOEXEC is added, O_CREAT is none of them). Returns a descriptor for the caller to close, or -1 with errno: EACCES
 * where it leads out of the base, ENOENT for what the base hides.
 */
int lade_place_open(const struct lade_base *base, const char *path, int flags);

/* stat(2) if follow, else lstat(2). 0, or -1 with errno as above. */
int lade_place_stat(const struct lade_base *base, const char *path, bool follow, struct stat *st);

/* mkdir(2): with exactly this mode but for the umask. 0, or -1 with errno; EACCES for a name that the base hides. */
int lade_place_make_directory(const struct lade_base *base, const char *path, mode_t mode);

/* rmdir(2). 0, or -1 with errno. */
int lade_place_remove_directory(const struct lade_base *base, const char *path);

/* True if the base hides path, or a directory above it. path is as in lade_base.hides(); "" is the base itself, which is never hidden. */
bool lade_place_hidden(const struct lade_base *base, const char *path, bool is_directory);

/* The same of an open file or directory, wherever it is now. base is not NULL; what is not below it, or cannot be told, is hidden. */
bool lade_place_hidden_fd(const struct lade_base *base, int fd);

/* The same of name in the directory fd, whether it is there or not. base may be NULL. */
bool lade_place_hides_in(const struct lade_base *base, int fd, const char *name, bool is_directory);

/*
 * Where fd is below the base, as a path without "." and ".." ("" for the base itself). Allocated, the caller frees. NULL if it is not below it,
 * that cannot be told (no /proc), or memory is out.
 */
char *lade_place_of(const struct lade_base *base, int fd);

/* What is named below the base: path without "." and empty components; ".." takes away what is before it, and is left out at the front. The caller frees it; NULL: no memory. */
char *lade_place_clean(const char *path);

#endif
