/*
 * Changes of permission bits as the user words them (--chmod): see rsync(1), and chmod(1) for the symbolic ones. Pure memory; any thread.
 */
#ifndef LADE_AGENT_TREE_MODE_CHANGE_H
#define LADE_AGENT_TREE_MODE_CHANGE_H

#include <stddef.h>
#include <sys/types.h>

/* A list of changes, in the order in which they apply; in the caller's storage, all zeros when empty. */
struct lade_mode_changes {
	struct lade_mode_change *items; /* owned, count */
	size_t count, capacity;
};

/*
 * Append the changes that text words: one or more, parted by commas, each octal or symbolic, with D or F in front if it is for directories
 * or for all others alone. umask: of bits that are given to nobody in particular (+x, =rw) those in it are left out. Returns 0; LADE_E_USAGE
 * for what is no change, then nothing is appended; LADE_E_MEMORY. lade_mode_changes_fini() is to be called either way.
 */
int lade_mode_changes_add(struct lade_mode_changes *changes, const char *text, mode_t umask);

/* Free the changes; the list is empty then. */
void lade_mode_changes_fini(struct lade_mode_changes *changes);

/* The mode (type and permission bits) that becomes of mode. That of a symlink stays: Linux has none. */
mode_t lade_mode_changes_apply(const struct lade_mode_changes *changes, mode_t mode);

#endif
