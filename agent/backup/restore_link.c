/*
 * Things with several names. The first name that is met is restored like anything else; the others are linked to it when all files are there. Numbers of inodes are the snapshot's and mean
 * nothing here: a pair of them says that two entries are one thing, no more, and only of entries of one type.
 */
#include "agent/backup/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/grow.h"

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int restore_first_of(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct restore_first **first_out)
{
	struct restore_first *first, **grown;
	uint64_t number;

	*first_out = NULL;
	if (!(entry->fields & LADE_ENTRY_INODE))
		return 0;
	if (lade_inode_map_find(restore->inodes, (dev_t)entry->device, (ino_t)entry->inode, &number)) {
		if ((restore->firsts[number]->mode ^ (mode_t)entry->mode) & S_IFMT)
			return 0;
		*first_out = restore->firsts[number];
		return 1;
	}
	first = calloc(1, sizeof(*first));
	grown = lade_grown(restore->firsts, restore->first_count, &restore->first_capacity, sizeof(struct restore_first *));
	if (grown)
		restore->firsts = grown;
	if (first)
		first->path = strdup(place->path);
	if (!first || !grown || !first->path ||
	    lade_inode_map_put(restore->inodes, (dev_t)entry->device, (ino_t)entry->inode, restore->first_count)) {
		if (first)
			free(first->path);
		free(first);
		return LADE_E_MEMORY;
	}
	first->mode = (mode_t)entry->mode;
	first->directory = lade_directory_ref(place->directory);
	restore->firsts[restore->first_count++] = first;
	*first_out = first;
	return 0;
}

int restore_link_add(struct lade_restore *restore, const struct restore_place *place, struct restore_first *first)
{
	struct restore_link *grown = lade_grown(restore->links, restore->link_count, &restore->link_capacity, sizeof(*restore->links));
	char *path = strdup(place->path);

	if (grown)
		restore->links = grown;
	if (!grown || !path) {
		free(path);
		return LADE_E_MEMORY;
	}
	grown[restore->link_count++] = (struct restore_link){
		.directory = lade_directory_ref(place->directory), .first = first, .path = path, .replaces = place->exists,
	};
	return 0;
}

/* Make the link, beside its place, and put it there. Both directories are pinned. 1: it is there already. */
static int make_link(struct lade_restore *restore, const struct restore_link *link, int from_fd, int fd, struct lade_fault *fault)
{
	const char *name = name_of(link->path), *from = name_of(link->first->path);
	struct restore_place place = { .directory = link->directory, .fd = fd, .path = link->path, .name = name };
	char temporary[LADE_TEMPORARY_NAME_SIZE];
	struct stat st;
	int result;

	if (fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW))
		return lade_fault_set(fault, LADE_E_SYSTEM, "link", link->path);
	place.exists = fstatat(fd, name, &place.st, AT_SYMLINK_NOFOLLOW) == 0;
	if (place.exists && place.st.st_dev == st.st_dev && place.st.st_ino == st.st_ino)
		return 1;
	if ((st.st_mode ^ link->first->mode) & S_IFMT)
		return lade_fault_set(fault, LADE_E_CHANGED, "link", link->path);
	if (restore_make_way(restore, &place, fault))
		return fault->code;
	lade_temporary_name(name, 0, temporary);
	result = linkat(from_fd, from, fd, temporary, 0);
	if (result && errno == EEXIST && unlinkat(fd, temporary, 0) == 0)
		result = linkat(from_fd, from, fd, temporary, 0);
	if (result)
		return lade_fault_set(fault, LADE_E_SYSTEM, "link", link->path);
	if (renameat(fd, temporary, fd, name) == 0)
		return 0;
	lade_fault_set(fault, LADE_E_SYSTEM, "put into place", link->path);
	(void)unlinkat(fd, temporary, 0);
	return LADE_E_SYSTEM;
}

static int link_one(struct lade_restore *restore, const struct restore_link *link, struct lade_fault *fault)
{
	int from_fd, fd, result;

	if (!atomic_load(&link->first->good))
		return lade_fault_set(fault, LADE_E_ABSENT, "link (the file is not there by its first name)", link->path);
	result = lade_directory_pin(link->first->directory, &from_fd, fault);
	if (result)
		return result;
	result = lade_directory_pin(link->directory, &fd, fault);
	if (!result) {
		result = make_link(restore, link, from_fd, fd, fault);
		lade_directory_unpin(link->directory);
	}
	lade_directory_unpin(link->first->directory);
	return result;
}

void restore_link_all(struct lade_restore *restore)
{
	struct lade_fault fault;

	for (size_t i = 0; i < restore->link_count && !restore_stopped(restore); i++) {
		const struct restore_link *link = &restore->links[i];
		const int result = link_one(restore, link, &fault);

		if (result < 0)
			restore_problem(restore, link->path, &fault);
		else
			restore_tell(restore, link->path, link->first->mode, 0,
				     result ? LADE_RESTORE_UNCHANGED : link->replaces ? LADE_RESTORE_UPDATED : LADE_RESTORE_MADE);
	}
}

void restore_link_free(struct lade_restore *restore)
{
	for (size_t i = 0; i < restore->link_count; i++) {
		lade_directory_unref(restore->links[i].directory);
		free(restore->links[i].path);
	}
	for (size_t i = 0; i < restore->first_count; i++) {
		lade_directory_unref(restore->firsts[i]->directory);
		free(restore->firsts[i]->path);
		free(restore->firsts[i]);
	}
	free(restore->links);
	free(restore->firsts);
	restore->links = NULL;
	restore->firsts = NULL;
	restore->link_count = restore->first_count = 0;
}
