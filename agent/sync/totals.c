/*
 * Sums by kind. Regular files have a count of their own among the entries only: of what was made and deleted they are the rest.
 */
#include "agent/sync/totals.h"

#include <sys/stat.h>

/* The count among four that mode belongs to; NULL for a regular file. */
static uint64_t *count_of(mode_t mode, uint64_t *directories, uint64_t *links, uint64_t *devices, uint64_t *specials)
{
	if (S_ISDIR(mode))
		return directories;
	if (S_ISLNK(mode))
		return links;
	if (S_ISBLK(mode) || S_ISCHR(mode))
		return devices;
	return S_ISREG(mode) ? NULL : specials;
}

static void count(uint64_t *all, uint64_t *kind)
{
	++*all;
	if (kind)
		++*kind;
}

void lade_totals_entry(struct lade_msg_end *totals, mode_t mode)
{
	count(&totals->entries, count_of(mode, &totals->dirs, &totals->links, &totals->devices, &totals->specials));
	totals->files += S_ISREG(mode);
}

void lade_totals_created(struct lade_msg_end *totals, mode_t mode)
{
	count(&totals->created, count_of(mode, &totals->created_dirs, &totals->created_links, &totals->created_devices,
					 &totals->created_specials));
}

void lade_totals_deleted(struct lade_msg_end *totals, mode_t mode)
{
	count(&totals->deleted, count_of(mode, &totals->deleted_dirs, &totals->deleted_links, &totals->deleted_devices,
					 &totals->deleted_specials));
}

void lade_totals_add(struct lade_msg_end *totals, const struct lade_msg_end *more)
{
	totals->entries += more->entries;
	totals->files += more->files;
	totals->transferred += more->transferred;
	totals->created += more->created;
	totals->deleted += more->deleted;
	totals->total_bytes += more->total_bytes;
	totals->transferred_bytes += more->transferred_bytes;
	totals->transferred_size += more->transferred_size;
	totals->dirs += more->dirs;
	totals->links += more->links;
	totals->devices += more->devices;
	totals->specials += more->specials;
	totals->created_dirs += more->created_dirs;
	totals->created_links += more->created_links;
	totals->created_devices += more->created_devices;
	totals->created_specials += more->created_specials;
	totals->deleted_dirs += more->deleted_dirs;
	totals->deleted_links += more->deleted_links;
	totals->deleted_devices += more->deleted_devices;
	totals->deleted_specials += more->deleted_specials;
	totals->entry_bytes += more->entry_bytes;
	totals->scan_ms += more->scan_ms;
}
