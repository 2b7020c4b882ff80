/*
 * Options of the filter. The rules that shorthands stand for are those of rsync(1).
 */
#include "agent/filter_option.h"

#include "agent/option_table.h"
#include "protocol/exit_status.h"

#define HINT "try 'lade help sync'"

/* A file that cannot be had is something else than a rule that is none. */
static int refuse(const struct lade_fault *fault, struct lade_complaint *complaint)
{
	int status = fault->code == LADE_E_MEMORY ? LADE_EXIT_MEMORY :
		     fault->code == LADE_E_ABSENT || fault->code == LADE_E_SYSTEM ? LADE_EXIT_FILE : LADE_EXIT_USAGE;

	return lade_complain_fault(complaint, status, fault);
}

static int add_pattern(struct lade_filter *filter, bool include, const struct lade_option_use *use,
		       struct lade_complaint *complaint)
{
	struct lade_fault fault;
	int error = lade_filter_add(filter, include, use->value, &fault);

	if (!error)
		return 0;
	return lade_complain(complaint, error == LADE_E_MEMORY ? LADE_EXIT_MEMORY : LADE_EXIT_USAGE,
			     "option '%s': the pattern '%s' is not possible: %s; " HINT,
			     use->spelled, use->value,
			     use->value[0] ? lade_error_text(error) : "it is empty");
}

/* -F: once, the files; a second time, not even those themselves; more often says nothing more. */
static int add_files(struct lade_filter_options *options, struct lade_filter *filter, struct lade_fault *fault)
{
	options->files++;
	if (options->files == 1)
		return lade_filter_add_rule(filter, ": /.rsync-filter", fault);
	return options->files == 2 ? lade_filter_add_rule(filter, "- .rsync-filter", fault) : 0;
}

int lade_filter_option_apply(struct lade_filter_options *options, struct lade_filter *filter, const struct lade_option_use *use,
			     struct lade_complaint *complaint)
{
	struct lade_fault fault;
	int error = 0;

	switch ((enum lade_sync_option)use->row->id) {
	case LADE_SYNC_EXCLUDE:
	case LADE_SYNC_INCLUDE:
		return add_pattern(filter, use->row->id == LADE_SYNC_INCLUDE, use, complaint);
	case LADE_SYNC_EXCLUDE_FROM:
	case LADE_SYNC_INCLUDE_FROM:
		error = lade_filter_add_file(filter, use->row->id == LADE_SYNC_INCLUDE_FROM, use->value, &fault);
		break;
	case LADE_SYNC_FILTER:
		error = lade_filter_add_rule(filter, use->value, &fault);
		break;
	case LADE_SYNC_FILTER_FILES:
		error = add_files(options, filter, &fault);
		break;
	case LADE_SYNC_GIT:
		error = lade_filter_add_git(filter, &fault);
		break;
	default:
		options->cvs = true;
		break;
	}
	return error ? refuse(&fault, complaint) : 0;
}

int lade_filter_option_finish(const struct lade_filter_options *options, struct lade_filter *filter,
			      struct lade_complaint *complaint)
{
	struct lade_fault fault;

	if (!options->cvs)
		return 0;
	if (lade_filter_add_rule(filter, ":C", &fault) || lade_filter_add_rule(filter, "-C", &fault))
		return refuse(&fault, complaint);
	return 0;
}
