/*
 * All slices of an entry, one behind the other in one piece of memory, so that an entry costs no more than one allocation, which may have other things in it. Both functions name the
 * same slices: one that is missing in the first is written past the end.
 */
#include "agent/backup/entry_copy.h"

#include <string.h>

size_t lade_entry_copy_len(const struct lade_stream_entry *entry)
{
	return entry->name.len + entry->target.len + entry->recipe.len + entry->xattrs.len + entry->xattrs_recipe.len + entry->user.len + entry->group.len +
	       entry->holes_recipe.len;
}

/* Copy a slice to *at, which moves behind it. */
static void take(struct lade_slice *slice, uint8_t **at)
{
	if (slice->len)
		memcpy(*at, slice->data, slice->len);
	slice->data = *at;
	*at += slice->len;
}

void lade_entry_copy(const struct lade_stream_entry *entry, uint8_t *room, struct lade_stream_entry *copy_out)
{
	*copy_out = *entry;
	take(&copy_out->name, &room);
	take(&copy_out->target, &room);
	take(&copy_out->recipe, &room);
	take(&copy_out->xattrs, &room);
	take(&copy_out->xattrs_recipe, &room);
	take(&copy_out->user, &room);
	take(&copy_out->group, &room);
	take(&copy_out->holes_recipe, &room);
}
