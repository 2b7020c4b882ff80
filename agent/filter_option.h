/*
 * The options that choose which files take part, for `lade sync` and `lade filter`: each adds its rules to a filter.
 */
#ifndef LADE_AGENT_FILTER_OPTION_H
#define LADE_AGENT_FILTER_OPTION_H

#include <stdbool.h>

#include "agent/complaint.h"
#include "agent/option_walk.h"
#include "agent/tree/filter.h"

/* What is remembered of them beside the rules; begins with zeros. */
struct lade_filter_options {
	unsigned files; /* how often -F was given */
	bool cvs;       /* -C: its rules come last */
};

/*
 * Apply one use of --exclude, --include, --exclude-from, --include-from, --filter, -F, -C or --gitignore, by the row's id (enum
 * lade_sync_option). Files are read. 0, or a code with the complaint filled.
 */
int lade_filter_option_apply(struct lade_filter_options *options, struct lade_filter *filter, const struct lade_option_use *use,
			     struct lade_complaint *complaint);

/* All were applied: add what comes last. As lade_filter_option_apply(). */
int lade_filter_option_finish(const struct lade_filter_options *options, struct lade_filter *filter,
			      struct lade_complaint *complaint);

#endif
