/*
 * A hash table with linear probing, at most half full. Keys come from the local
 * file system, not from a peer; a row with inode 0 and value 0 is empty (no file has
 * inode 0 on Linux).
 */
#include "agent/tree/inode_map.h"

#include <stdlib.h>

struct row {
	dev_t device;
	ino_t inode;
	uint64_t value;
};

struct lade_inode_map {
	struct row *rows;
	size_t capacity; /* a power of two */
	size_t count;
};

int lade_inode_map_new(struct lade_inode_map **map_out)
{
	struct lade_inode_map *map = calloc(1, sizeof(*map));

	if (!map)
		return LADE_E_MEMORY;
	*map_out = map;
	return 0;
}

void lade_inode_map_free(struct lade_inode_map *map)
{
	if (!map)
		return;
	free(map->rows);
	free(map);
}

/* The row of a key, or the empty row where it belongs. */
static struct row *row_of(const struct lade_inode_map *map, dev_t device, ino_t inode)
{
	uint64_t hash = ((uint64_t)inode ^ (uint64_t)device << 40) * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(hash >> 20) & (map->capacity - 1);

	while (map->rows[at].inode && (map->rows[at].inode != inode || map->rows[at].device != device))
		at = (at + 1) & (map->capacity - 1);
	return &map->rows[at];
}

bool lade_inode_map_find(const struct lade_inode_map *map, dev_t device, ino_t inode, uint64_t *value_out)
{
	const struct row *row;

	if (!map->count)
		return false;
	row = row_of(map, device, inode);
	if (!row->inode)
		return false;
	*value_out = row->value;
	return true;
}

static int grow(struct lade_inode_map *map)
{
	struct lade_inode_map larger = { .capacity = map->capacity ? 2 * map->capacity : 64 };

	larger.rows = calloc(larger.capacity, sizeof(*larger.rows));
	if (!larger.rows)
		return LADE_E_MEMORY;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->rows[i].inode)
			*row_of(&larger, map->rows[i].device, map->rows[i].inode) = map->rows[i];
	larger.count = map->count;
	free(map->rows);
	*map = larger;
	return 0;
}

int lade_inode_map_put(struct lade_inode_map *map, dev_t device, ino_t inode, uint64_t value)
{
	if (2 * (map->count + 1) > map->capacity) {
		int error = grow(map);

		if (error)
			return error;
	}
	*row_of(map, device, inode) = (struct row){ device, inode, value };
	map->count++;
	return 0;
}
