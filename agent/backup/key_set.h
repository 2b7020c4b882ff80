/*
 * Sets of keys that are random as they are, such as ids of chunks and names of packs. Any thread.
 *
 * A key takes its bytes and at most as many again; nothing else grows.
 */
#ifndef LADE_AGENT_BACKUP_KEY_SET_H
#define LADE_AGENT_BACKUP_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lade_key_set;

/* Make a set of keys of key_len bytes, 16 to 32. Returns 0 or LADE_E_MEMORY; the caller frees it with lade_key_set_free(). */
int lade_key_set_new(size_t key_len, struct lade_key_set **set_out);

/* Free it. NULL does nothing. */
void lade_key_set_free(struct lade_key_set *set);

/* Add a key, of which the first key_len bytes count. Returns 1 if it was not there, 0 if it was, or LADE_E_MEMORY. */
int lade_key_set_add(struct lade_key_set *set, const uint8_t *key);

/* True if it is there. */
bool lade_key_set_has(struct lade_key_set *set, const uint8_t *key);

/* How many there are. While nobody adds. */
size_t lade_key_set_count(const struct lade_key_set *set);

/* Copy all keys to out, which has room for lade_key_set_count() of them, in ascending order. While nobody adds. */
void lade_key_set_sorted(const struct lade_key_set *set, uint8_t *out);

#endif
