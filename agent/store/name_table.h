/*
 * Names of packs or tables by numbers: each once, and found again at once. Whoever writes to a repository chooses the names that he puts in tables, so the place of a name is a keyed hash of it that he cannot know.
 */
#ifndef LADE_AGENT_STORE_NAME_TABLE_H
#define LADE_AGENT_STORE_NAME_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/object.h"
#include "agent/store/place_hash.h"

/* Start with zeros; for one thread at a time, or many that only look. */
struct lade_name_table {
	uint8_t (*names)[LADE_HASH_LEN]; /* count of room, as they were added, or sorted: the number of a name is where it is */
	size_t room;
	uint32_t count;
	uint32_t mask;                   /* of slots: a power of two, less one */
	uint32_t *slots;                 /* numbers, from 1; 0: free; NULL: there are none yet */
	struct lade_place_key key;
};

/* Free what it has; it is empty then. */
void lade_name_table_fini(struct lade_name_table *table);

/* Add a name that may be there: *number_out is its number, from 0; NULL: of no interest. Returns 0, LADE_E_MEMORY, or LADE_E_LIMIT: there are 2^30 names. */
int lade_name_table_add(struct lade_name_table *table, const uint8_t name[LADE_HASH_LEN], uint32_t *number_out);

/* True if a name is there. */
bool lade_name_table_has(const struct lade_name_table *table, const uint8_t name[LADE_HASH_LEN]);

/* Put the names in order. *to_out: for each number the one that the name has now, which the caller frees. Returns 0 or LADE_E_MEMORY, and then nothing is different. */
int lade_name_table_sort(struct lade_name_table *table, uint32_t **to_out);

#endif
