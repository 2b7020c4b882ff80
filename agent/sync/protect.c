/*
 * What the rules protect from being deleted. The files of rules are those of the destination, whoever made them. They were read
 * when it was planned what is to be deleted, and are read once more here, when it is: what this session has brought protects, too.
 */
#include "agent/sync/receiver_internal.h"

#include <stdlib.h>

/* Enter the directory and all above it, from the root on. As deep as the tree, which is bounded by LADE_DEPTH_MAX. */
static int enter(struct lade_filter_scope *scope, struct lade_directory *directory, struct lade_fault *fault)
{
	struct lade_directory *parent = lade_directory_parent(directory);
	char *path;
	int fd, error = parent ? enter(scope, parent, fault) : 0;

	if (error)
		return error;
	error = lade_directory_pin(directory, &fd, fault);
	if (error)
		return error;
	if (!parent)
		lade_filter_scope_begin(scope, fd, 0);
	path = lade_directory_path(directory, NULL);
	error = path ? lade_filter_scope_enter(scope, fd, path, fault) : lade_fault_set(fault, LADE_E_MEMORY, "read the rules of", NULL);
	free(path);
	lade_directory_unpin(directory);
	return error;
}

int lade_receiver_protection(struct lade_receiver *receiver, struct lade_directory *directory, bool removing,
			     struct lade_filter_scope **scope_out, struct lade_fault *fault)
{
	const struct lade_filter *filter = receiver->session.settings->filter;
	const struct lade_filter_use use = {
		.side = LADE_FILTER_RECEIVER, .removing = removing, .base = receiver->session.settings->base,
		.delete_excluded = receiver->keep.options & LADE_OPTION_DELETE_EXCLUDED,
	};
	int error;

	*scope_out = NULL;
	if (lade_filter_empty(filter))
		return 0;
	if (lade_filter_scope_new(filter, &use, scope_out))
		return lade_fault_set(fault, LADE_E_MEMORY, "read the rules of the destination", NULL);
	error = lade_filter_reads_tree(filter) ? enter(*scope_out, directory, fault) : 0;
	if (error) {
		lade_filter_scope_free(*scope_out);
		*scope_out = NULL;
	}
	return error;
}
