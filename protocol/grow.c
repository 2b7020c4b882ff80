/*
 * Doubling: adding costs the same however many there are.
 */
#include "protocol/grow.h"

#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAPACITY 16u

void *lade_grown(void *items, size_t count, size_t *capacity, size_t item_len)
{
	size_t wanted = *capacity ? 2 * *capacity : FIRST_CAPACITY;
	void *larger;

	if (count < *capacity)
		return items;
	if (wanted > SIZE_MAX / 2 / item_len)
		return NULL;
	larger = realloc(items, wanted * item_len);
	if (larger)
		*capacity = wanted;
	return larger;
}
