/*
 * What a symlink's target says, without looking where it leads: whether it stays in the transfer, and how it is
 * stored so that nobody can follow it.
 */
#ifndef LADE_AGENT_TREE_SYMLINK_H
#define LADE_AGENT_TREE_SYMLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/bytes.h"

/* What is written before the target of a symlink that is not to be followed: the same as rsync writes. */
#define LADE_SYMLINK_MUNGED "/rsyncd-munged/"

/*
 * True if a target may lead out of a tree, for a symlink in a directory that is depth directories below the tree's root.
 * It is judged by its words alone: an absolute target, an empty one, one that climbs higher than depth, and one that climbs
 * after it went down, is unsafe wherever it ends. See rsync(1), --safe-links.
 */
bool lade_symlink_unsafe(struct lade_slice target, size_t depth);

/* True if target was munged. */
bool lade_symlink_munged(struct lade_slice target);

/* The directories in a relative path before its last component. */
size_t lade_symlink_depth(const char *path);

#endif
