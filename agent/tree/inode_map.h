/*
 * Inodes that have several names, and what was said about their first one: the
 * sender's side of -H. Grows with the number of such inodes. One thread.
 */
#ifndef LADE_AGENT_TREE_INODE_MAP_H
#define LADE_AGENT_TREE_INODE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"

struct lade_inode_map;

/* Make a map without anything in it. Returns 0 or LADE_E_MEMORY; freed with lade_inode_map_free(). */
int lade_inode_map_new(struct lade_inode_map **map_out);

/* Free the map. NULL does nothing. */
void lade_inode_map_free(struct lade_inode_map *map);

/* Find the value of (device, inode). True and *value_out if it was put. */
bool lade_inode_map_find(const struct lade_inode_map *map, dev_t device, ino_t inode, uint64_t *value_out);

/* Put a value for an inode that is not in the map. Returns 0 or LADE_E_MEMORY. */
int lade_inode_map_put(struct lade_inode_map *map, dev_t device, ino_t inode, uint64_t value);

#endif
