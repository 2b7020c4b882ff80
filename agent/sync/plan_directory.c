/*
 * One directory against the destination: it is made, or opened up as far as what changes in it needs that; its metadata is set when it
 * is left.
 */
#include "agent/sync/plan_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sync/grant.h"
#include "agent/sync/totals.h"

/*
 * A directory of ours that we may not read, search or write to is opened up while we work in it;
 * its mode is set again at the end. One that we only may not write to stays as it is until
 * something in it changes: where nothing does, not even its ctime moves.
 */
static void open_up(struct planner *planner, struct place *place, struct target *target)
{
	const struct lade_keep *keep = &planner->receiver->keep;

	if (planner->dry_run || lade_grant_appends(planner->session->settings) || keep->fake || keep->euid == 0 || place->st.st_uid != keep->euid || (place->st.st_mode & 0700) == 0700)
		return;
	target->own_mode = place->st.st_mode & 07777;
	if ((target->own_mode & 0500) == 0500)
		target->closed = true;
	/* Not through a symlink that somebody put there since the stat. */
	else if (place->linked_fd >= 0 ? fchmod(place->linked_fd, target->own_mode | 0700) == 0 :
		 fchmodat(place->level->fd, place->name, target->own_mode | 0700, AT_SYMLINK_NOFOLLOW) == 0)
		target->opened = target->differs = true;
}

/* How the metadata of a directory that is there is to change: where nothing of it may, not at all. */
static uint32_t changes_of_present(struct planner *planner, const struct place *place)
{
	return lade_grant_appends(planner->session->settings) ? 0 : lade_plan_metadata_changes(planner, place);
}

/* With --backup-dir a directory has its mode before the first backup goes to one that is made like it; again at the end, with all else. */
static void set_mode_early(struct planner *planner, const struct place *place, uint32_t changes)
{
	const struct lade_keep *keep = &planner->receiver->keep;
	mode_t mode = lade_metadata_mode(keep, &place->wanted, &place->st) | (keep->euid ? 0700 : 0);

	if (planner->receiver->backups && (changes & LADE_ITEM_PERMS) && !planner->dry_run && !keep->fake && place->linked_fd < 0 &&
	    fchmodat(place->level->fd, place->name, mode, AT_SYMLINK_NOFOLLOW))
		return; /* which is told at the end */
}

void lade_plan_change(struct level *level)
{
	struct target *target = level->target;

	/* A failure shows in what is done next. */
	if (target->closed && level->fd >= 0 && fchmod(level->fd, target->own_mode | 0700) == 0)
		target->opened = target->differs = true;
	target->closed = false;
	atomic_store_explicit(&target->touched, true, memory_order_relaxed);
}

/* Make the directory, out of whose way a file may have to go. False: it could not be made (and was reported). */
static bool make_directory(struct planner *planner, struct place *place)
{
	mode_t mode = lade_metadata_first_mode(&planner->receiver->keep, &place->wanted, NULL);
	struct lade_fault fault;

	lade_plan_change(place->level);
	if (place->exists && lade_receiver_make_way(planner->receiver, place->level->directory, place->level->fd,
						    place->name, &fault)) {
		lade_plan_problem(planner, &fault);
		return false;
	}
	if (mkdirat(place->level->fd, place->name, mode | 0700)) {
		lade_plan_failed(planner, "create directory");
		return false;
	}
	return true;
}

static struct target *new_target(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target) {
		lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
		return NULL;
	}
	target->receiver = planner->receiver;
	target->metadata = place->wanted;
	if (!lade_metadata_own_xattrs(&target->metadata)) {
		lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
		free(target);
		return NULL;
	}
	target->named = true;
	return target;
}

/* Enter the directory of place, present or not. */
static int enter(struct planner *planner, struct place *place, struct target *target, bool present,
		 struct lade_fault *fault)
{
	struct lade_directory *directory = NULL;
	int error = 0;

	if (present && place->level->directory)
		error = lade_directory_new(place->level->directory, place->name, strlen(place->name), target,
					   lade_receiver_directory_done, &directory, fault);
	if (error) {
		free((void *)target->metadata.xattrs.data);
		free(target);
		return error;
	}
	if (!directory) /* a dry run, or it could not be made */
		target->empty = true;
	planner->enters_link = place->linked_fd >= 0;
	error = lade_plan_enter(planner, directory, target, fault);
	planner->enters_link = false;
	return error;
}

int lade_plan_directory(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct target *target = new_target(planner, place, fault);
	bool present = place->exists && S_ISDIR(place->st.st_mode);
	uint32_t changes;

	if (!target)
		return fault->code;
	target->existed = present;
	if (present) {
		changes = changes_of_present(planner, place);
		target->differs = changes;
		open_up(planner, place, target);
		set_mode_early(planner, place, changes);
	} else {
		target->empty = target->differs = true;
		changes = lade_plan_directory_aside(planner, place);
		if (!planner->dry_run && place->level->fd >= 0)
			present = make_directory(planner, place);
	}
	if (!target->existed && (present || planner->dry_run))
		lade_totals_created(&planner->counted, S_IFDIR);
	if (present || planner->dry_run)
		lade_plan_item(planner, place, changes);
	return enter(planner, place, target, present, fault);
}

int lade_plan_way(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct target *target = new_target(planner, place, fault);
	bool present = place->exists && S_ISDIR(place->st.st_mode);

	if (!target)
		return fault->code;
	target->named = false;
	target->implied = true;
	target->existed = present;
	if (present) {
		open_up(planner, place, target);
		target->differs = false;
	} else if (place->exists) {
		errno = ENOTDIR;
		lade_plan_failed(planner, "enter");
	} else {
		target->empty = true;
		if (!planner->dry_run && place->level->fd >= 0)
			present = make_directory(planner, place);
	}
	return enter(planner, place, target, present, fault);
}

int lade_plan_top(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct target *target = &planner->receiver->root;
	uint32_t changes;
	struct lade_directory *directory_handle = place->level->directory;

	target->metadata = place->wanted;
	target->named = true;
	if (!lade_metadata_own_xattrs(&target->metadata))
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	if (target->existed)
		changes = changes_of_present(planner, place);
	else
		changes = lade_plan_directory_aside(planner, place);
	target->differs = changes || !target->existed;
	if (target->existed)
		open_up(planner, place, target);
	if (place->exists || !(planner->receiver->keep.options & LADE_OPTION_EXISTING))
		lade_plan_item(planner, place, changes);
	return lade_plan_enter(planner, directory_handle ? lade_directory_ref(directory_handle) : NULL, target, fault);
}

int lade_plan_enter_only(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct target *target = new_target(planner, place, fault);

	return target ? enter(planner, place, target, false, fault) : fault->code;
}
