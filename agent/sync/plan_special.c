/*
 * Symlinks, devices, FIFOs and sockets against the destination: they are made, or mended, here and now.
 */
#include "agent/sync/plan_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/sync/totals.h"
#include "agent/tree/fake_super.h"

/* Give a thing that was just made under name its metadata. */
static void furnish(struct planner *planner, const struct place *place, const char *name)
{
	const struct lade_metadata_place at = { -1, place->level->fd, name };
	struct lade_fault fault;
	struct stat st;

	if (fstatat(at.directory_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		lade_plan_failed(planner, "stat");
	else if (lade_metadata_apply(&planner->receiver->keep, &place->wanted, &at, &st, NULL,
				     planner->receiver->identities, &fault))
		lade_plan_problem(planner, &fault);
}

static int make(const struct planner *planner, const struct place *place, const char *name)
{
	bool fake = planner->receiver->keep.fake;
	char target[LADE_TARGET_MAX + 1];
	mode_t mode = place->wanted.mode;

	if (!S_ISLNK(mode) && fake)
		return lade_fake_super_make(place->level->fd, name, NULL);
	if (!S_ISLNK(mode))
		return mknodat(place->level->fd, name, (mode & S_IFMT) | 0600,
			       makedev(place->entry->rdev_major, place->entry->rdev_minor));
	memcpy(target, place->entry->target.data, place->entry->target.len);
	target[place->entry->target.len] = '\0';
	return fake ? lade_fake_super_make(place->level->fd, name, target) : symlinkat(target, place->level->fd, name);
}

int lade_plan_make_way(struct planner *planner, const struct place *place)
{
	struct lade_fault fault;

	if (!place->exists || !S_ISDIR(place->st.st_mode) ||
	    lade_receiver_make_way(planner->receiver, place->level->directory, place->level->fd, place->name, &fault) == 0)
		return 0;
	lade_plan_problem(planner, &fault);
	errno = 0;
	return -1;
}

int lade_plan_back_up(struct planner *planner, const struct place *place)
{
	struct lade_fault fault;

	if (!(planner->receiver->keep.options & LADE_OPTION_BACKUP) || S_ISDIR(place->st.st_mode) ||
	    lade_backup(planner->receiver, place->level->fd, planner->path, BACKUP_KEEP, &fault) == 0)
		return 0;
	lade_plan_problem(planner, &fault);
	errno = 0;
	return -1;
}

/* Make it under a temporary name, furnish it, and let it take the place of what is there. */
static int replace(struct planner *planner, struct place *place)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE];

	if (lade_plan_make_way(planner, place))
		return -1;
	if (lade_plan_back_up(planner, place))
		return -1;
	lade_temporary_name(place->name, 0, temporary);
	(void)unlinkat(place->level->fd, temporary, 0);
	if (make(planner, place, temporary))
		return -1;
	furnish(planner, place, temporary);
	if (renameat(place->level->fd, temporary, place->level->fd, place->name) == 0)
		return 0;
	lade_plan_failed(planner, "rename");
	(void)unlinkat(place->level->fd, temporary, 0);
	errno = 0;
	return -1;
}

static bool same_target(const struct place *place)
{
	char target[LADE_TARGET_MAX];
	ssize_t len = place->faked ? lade_fake_super_readlink(place->fd, place->name, target, sizeof(target)) :
		readlinkat(place->fd, place->name, target, sizeof(target));

	return len >= 0 && lade_slice_equal(lade_slice(target, (size_t)len), place->entry->target);
}

bool lade_plan_same_special(const struct place *place)
{
	mode_t mode = place->wanted.mode;

	if (!place->exists || (place->st.st_mode & S_IFMT) != (mode & S_IFMT))
		return false;
	if (S_ISLNK(mode))
		return same_target(place);
	if (S_ISBLK(mode) || S_ISCHR(mode))
		return place->st.st_rdev == makedev(place->entry->rdev_major, place->entry->rdev_minor);
	return true;
}

void lade_plan_special(struct planner *planner, struct place *place)
{
	bool same_type = place->exists && (place->st.st_mode & S_IFMT) == (place->wanted.mode & S_IFMT);
	uint32_t changes = LADE_ITEM_LOCAL | LADE_ITEM_NEW;
	int result = 0;

	if (lade_plan_same_special(place)) {
		lade_plan_mend(planner, place, lade_plan_metadata_changes(planner, place));
		lade_plan_stored(planner, place->index);
		return;
	}
	if (!place->exists && lade_plan_special_aside(planner, place, &changes))
		return;
	if (same_type)
		changes = LADE_ITEM_LOCAL | LADE_ITEM_CHECKSUM | lade_plan_metadata_changes(planner, place) |
			lade_plan_time_now(planner, place);
	if (planner->dry_run) {
		result = lade_plan_make_way(planner, place);
	} else {
		lade_plan_change(place->level);
		errno = 0;
		result = place->exists ? replace(planner, place) : make(planner, place, place->name);
		if (result && errno)
			lade_plan_failed(planner, S_ISLNK(place->wanted.mode) ? "create symlink" : "create special file");
		if (!result && !place->exists)
			furnish(planner, place, place->name);
	}
	if (result)
		return;
	if (!same_type)
		lade_totals_created(&planner->counted, place->wanted.mode);
	lade_plan_stored(planner, place->index);
	lade_plan_item(planner, place, changes);
}
