/*
 * Arrays that grow.
 */
#ifndef LADE_PROTOCOL_GROW_H
#define LADE_PROTOCOL_GROW_H

#include <stddef.h>

/*
 * Room for one more item of item_len bytes behind the count that items holds, of *capacity. Returns the array, which may have
 * moved, or NULL without memory; then items is as it was.
 */
void *lade_grown(void *items, size_t count, size_t *capacity, size_t item_len);

#endif
