/*
 * A pair of trees for sessions between two real sides: source and destination, which differ
 * in every way that makes both sides talk. In a scene (scene.h):
 *
 *   inside/source/directory-NNN/       new, different and equal files, empty and large ones, hard links,
 *   inside/destination/directory-NNN/  files that will change, what is to be deleted, and old content of others
 */
#ifndef LADE_TESTS_FAULT_MIXED_TREE_H
#define LADE_TESTS_FAULT_MIXED_TREE_H

#include <stdbool.h>

#include "tests/fault/scene.h"

/* What a session has to do in each directory, at least: so many items, and one deletion. */
#define MIXED_TREE_ITEMS 64u

/* Make both trees, with so many directories each. Aborts on failure. */
void mixed_tree_make(const struct scene *scene, unsigned directories);

/* Change each file of one directory of the source that is there to be changed: once, in another way each. Aborts on failure. */
void mixed_tree_change(const struct scene *scene, unsigned directory);

/*
 * Fail the test unless the destination is like the source. changing: files that were changed meanwhile
 * may be old, or missing; but one that looks like its source (size, time) is like it.
 */
void mixed_tree_compare(const struct scene *scene, bool changing);

#endif
