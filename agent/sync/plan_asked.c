/*
 * What a client asked for, against what a sender says: component by component on the way down, so that a sender cannot widen it. A
 * server was asked for nothing and takes what comes, and so does a client whose list of sources the other side alone has read.
 */
#include "agent/sync/plan_internal.h"

int lade_plan_asked(struct planner *planner, struct lade_fault *fault)
{
	const struct lade_receiver_job *job = planner->receiver->job;
	struct lade_sources *sources = &planner->sources;
	int error;

	if (!job->sources || job->unknown_sources)
		return 0;
	sources->one_tree = true;
	error = lade_sources_take(sources, planner->receiver->keep.options, job->sources, job->source_count, job->list, fault);
	if (sources->group_count)
		planner->asked = (struct asked){ .some = true, .at = lade_selection_root(sources->groups[0].selection) };
	return error;
}

/* True if whatever comes may come: this is no client that asked for something, or only the other side knows what that was. */
static bool takes_all(const struct planner *planner)
{
	const struct lade_receiver_job *job = planner->receiver->job;

	return !job->sources || job->unknown_sources;
}

static const struct lade_selection *selection_of(const struct planner *planner)
{
	return planner->sources.group_count ? planner->sources.groups[0].selection : NULL;
}

/* What was asked for of name in the directory at hand: enum lade_selected, 0 for a directory on the way, negative for nothing. */
static int asked_of(const struct planner *planner, struct lade_slice name, struct asked *below_out)
{
	const struct asked *here = &planner->levels[planner->depth].asked;
	bool recursive = planner->receiver->keep.options & LADE_OPTION_RECURSIVE;
	unsigned what = 0;
	int result = -1;

	*below_out = (struct asked){ .all = recursive && here->all };
	if (here->all)
		result = LADE_SELECTED_ITEM;
	if (here->some && lade_selection_find(selection_of(planner), &here->at, (const char *)name.data, name.len, &what,
					      &below_out->at)) {
		below_out->all |= what && (recursive || (what & LADE_SELECTED_CONTENT));
		below_out->some = below_out->at.first != below_out->at.end;
		result = here->all || what ? (int)(what | LADE_SELECTED_ITEM) : 0;
	}
	return result;
}

bool lade_plan_is_source(const struct planner *planner, struct lade_slice path)
{
	const struct asked *here = &planner->levels[planner->depth].asked;
	struct lade_selection_at at = here->at;
	bool found = here->some;
	unsigned what = 0;

	if (takes_all(planner))
		return true;
	/* Not what is in a directory that is one: then a sender could say anything. */
	while (found && path.len) {
		const uint8_t *slash = memchr(path.data, '/', path.len);
		size_t len = slash ? (size_t)(slash - path.data) : path.len;
		struct lade_selection_at below;

		found = lade_selection_find(selection_of(planner), &at, (const char *)path.data, len, &what, &below);
		at = below;
		len += slash != NULL;
		path = lade_slice(path.data + len, path.len - len);
	}
	return found && what;
}

bool lade_plan_is_asked(struct planner *planner, struct lade_slice name, bool is_directory, bool *implied_out)
{
	const struct lade_selection *selection = selection_of(planner);
	uint64_t within = LADE_OPTION_RECURSIVE | LADE_OPTION_DIRS;
	int what;

	*implied_out = false;
	if (takes_all(planner)) {
		*implied_out = is_directory && (planner->receiver->keep.options & LADE_OPTION_RELATIVE);
		return true;
	}
	if (!selection)
		return false;
	if (lade_slice_equal(name, lade_slice(".", 1))) {
		planner->asked = planner->levels[planner->depth].asked;
		what = (int)lade_selection_root_what(selection);
		planner->asked.all = (what & LADE_SELECTED_ITEM) && (planner->receiver->keep.options & within);
		return what;
	}
	what = asked_of(planner, name, &planner->asked);
	*implied_out = what == 0;
	return what > 0 || (what == 0 && is_directory);
}
