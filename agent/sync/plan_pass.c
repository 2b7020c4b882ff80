/*
 * Entries that nothing is to become of: --existing, --ignore-existing, --update.
 */
#include "agent/sync/plan_internal.h"

#include <stdlib.h>
#include <string.h>

/* True if the entry is another name of a file that is not passed over. */
static bool follows(const struct planner *planner, const struct place *place)
{
	const struct leader *leader = place->entry->link < LADE_LINK_FOLLOWS ? NULL :
		lade_receiver_find_leader(planner->receiver, place->entry->link - LADE_LINK_FOLLOWS);

	return leader && !leader->passed;
}

/* A thing of another type is never newer, and directories are gone into. */
static bool is_passed(const struct planner *planner, const struct place *place)
{
	const struct lade_keep *keep = &planner->receiver->keep;
	mode_t there = place->st.st_mode, wanted = place->wanted.mode;

	if (place->level->passed)
		return true;
	if (!place->exists)
		return keep->options & LADE_OPTION_EXISTING;
	if ((keep->options & LADE_OPTION_IGNORE_EXISTING) && !(S_ISDIR(there) && S_ISDIR(wanted)))
		return true;
	/* A further name of a file is linked, however new what is there is. */
	return (keep->options & LADE_OPTION_UPDATE) && S_ISREG(there) && S_ISREG(wanted) && !follows(planner, place) &&
		lade_keep_time_newer(keep, &place->st.st_mtim, &place->wanted.mtime);
}

/* Tell of what is passed over, in the words of rsync(1); not of what is below a directory that is. */
static void tell_passed(struct planner *planner, const struct place *place)
{
	bool existing = planner->receiver->keep.options & LADE_OPTION_IGNORE_EXISTING;

	if (place->level->passed)
		return;
	if (place->exists)
		lade_session_note(planner->session, LADE_TOPIC_SKIP, NULL, planner->path, existing ? " exists" : " is newer");
	else
		lade_session_note(planner->session, LADE_TOPIC_SKIP,
				  S_ISDIR(place->wanted.mode) ? "not creating new directory \"" : "not creating new file \"",
				  planner->path, "\"");
}

/* [defer] The first name of an inode is passed over: another one may want its content. */
static int pass_leader(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	char *path = strdup(planner->path);
	struct leader *leader;

	if (!path || lade_receiver_add_leader(planner->receiver, place->index, path))
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	leader = lade_receiver_find_leader(planner->receiver, place->index);
	leader->passed = true;
	leader->deferred = S_ISREG(place->wanted.mode) && place->entry->size && !planner->dry_run &&
		planner->deferred_count < LADE_DEFERRED_MAX;
	if (leader->deferred)
		lade_plan_say_defer(planner, place->index);
	return 0;
}

bool lade_plan_passes(struct planner *planner, const struct place *place)
{
	bool result = is_passed(planner, place);

	if (result)
		tell_passed(planner, place);
	return result;
}

int lade_plan_pass(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	int error;

	if (place->entry->link == LADE_LINK_LEADER)
		return pass_leader(planner, place, fault);
	if (!S_ISDIR(place->wanted.mode))
		return 0;
	error = lade_plan_enter_only(planner, place, fault);
	if (!error)
		planner->levels[planner->depth].passed = true;
	return error;
}
