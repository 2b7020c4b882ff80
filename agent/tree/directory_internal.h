/*
 * What the tests of directory.c may do beyond directory.h.
 */
#ifndef LADE_AGENT_TREE_DIRECTORY_INTERNAL_H
#define LADE_AGENT_TREE_DIRECTORY_INTERNAL_H

#include <stdbool.h>

#include "agent/tree/directory.h"

/* Resolve component by component as if openat2(2) were missing. Before the first pin. */
void lade_directories_force_plain(struct lade_directories *directories);

/* Descriptors that the table holds just now, the root's included. Locks. */
unsigned lade_directories_open_count(struct lade_directories *directories);

#endif
