/*
 * All sources are paths below "/", so that is the root of the walk, and of the rules.
 */
#include "agent/backup/scan_walk.h"

int lade_scan_walk_init(struct lade_scan_walk *walk, const struct lade_scan_setup *setup, struct lade_fault *fault)
{
	const struct lade_filter_use use = { .side = LADE_FILTER_SENDER };
	struct lade_walk_options options = { .recursive = true, .one_file_system = setup->one_file_system };
	int error;

	*walk = (struct lade_scan_walk){ .source = { .selection = setup->sources->groups[0].selection, .written = "" } };
	error = lade_directories_open("/", 0, &walk->directories, fault);
	if (error)
		return error;
	walk->source.directory = lade_directories_root(walk->directories);
	if (!lade_filter_empty(setup->filter) && lade_filter_scope_new(setup->filter, &use, &walk->scope))
		return lade_fault_set(fault, LADE_E_MEMORY, "walk", NULL);
	options.scope = walk->scope;
	return lade_walk_new(&walk->source, 1, &options, &walk->walk, fault);
}

void lade_scan_walk_fini(struct lade_scan_walk *walk)
{
	lade_walk_free(walk->walk);
	lade_filter_scope_free(walk->scope);
	lade_directories_close(walk->directories);
}

struct lade_mark_wish lade_scan_marks(const struct lade_scan_setup *setup)
{
	return (struct lade_mark_wish){ .caches = setup->caches, .names = setup->marks, .count = setup->mark_count };
}

bool lade_scan_too_large(const struct lade_scan_setup *setup, const struct stat *st)
{
	return setup->larger_than && (uint64_t)st->st_size > setup->larger_than;
}
