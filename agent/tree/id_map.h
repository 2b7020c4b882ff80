/*
 * Owners or groups that become others (--usermap, --groupmap, --chown): rules FROM:TO parted by commas, the first whose FROM fits decides; see
 * rsync(1). FROM is a number, a range LOW-HIGH, a name, a pattern of names, `*` for all, or empty for what has no name; TO is a number or a name.
 */
#ifndef LADE_AGENT_TREE_ID_MAP_H
#define LADE_AGENT_TREE_ID_MAP_H

#include <stdbool.h>
#include <stdint.h>

/* Longest text, in bytes. */
#define LADE_ID_MAP_TEXT_MAX 4096u

struct lade_id_map;

/* Whose TO is a name: puts its number in *id_out, or returns false, and the rule is none. */
typedef bool lade_id_map_resolve(void *context, const char *name, uint32_t *id_out);

/*
 * Make a map of text. resolve NULL: no name is looked up, for whoever only wants to know whether text is one. Returns 0; LADE_E_USAGE for what is no
 * map, LADE_E_LIMIT for too long a one; LADE_E_MEMORY. The caller frees the map with lade_id_map_free().
 */
int lade_id_map_new(const char *text, lade_id_map_resolve *resolve, void *context, struct lade_id_map **map_out);

/* Free the map. NULL does nothing. */
void lade_id_map_free(struct lade_id_map *map);

/* What id becomes, which is called name (NULL: it has none). False: no rule fits. Any thread. */
bool lade_id_map_find(const struct lade_id_map *map, uint32_t id, const char *name, uint32_t *to_out);

#endif
