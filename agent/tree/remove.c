/*
 * Removal: a walk that unlinks what it meets and removes each directory as it leaves
 * it. The walk reads a directory's names before it gives the first, so that removing
 * does not disturb it.
 */
#include "agent/tree/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/walk.h"

struct state {
	const struct lade_removal *removal;
	struct lade_fault *fault;
	int result;
};

static void failed(struct state *state, const char *operation, const char *path)
{
	struct lade_fault fault;

	/* A directory that is not empty holds what the filter protects, or what somebody else just made. */
	lade_fault_set(&fault, LADE_E_SYSTEM, operation, path);
	if (!state->result) {
		state->result = errno == ENOTEMPTY ? LADE_E_REFUSED : LADE_E_SYSTEM;
		if (state->fault)
			*state->fault = fault;
	}
	if (state->removal->failed)
		state->removal->failed(state->removal->context, &fault);
}

static void unlink_one(struct state *state, int fd, const char *name, const char *path, mode_t mode)
{
	const struct lade_removal *removal = state->removal;

	if (!removal->dry_run && unlinkat(fd, name, S_ISDIR(mode) ? AT_REMOVEDIR : 0) && errno != ENOENT)
		failed(state, "delete", path);
	else if (removal->removed)
		removal->removed(removal->context, path, mode);
}

static void leave(struct state *state, const struct lade_walk_item *item)
{
	struct lade_directory *parent = lade_directory_parent(item->left);
	struct lade_fault fault;
	int fd;

	if (lade_directory_pin(parent, &fd, &fault)) {
		errno = fault.sys_errno;
		failed(state, "delete", item->path);
		return;
	}
	unlink_one(state, fd, lade_directory_name(item->left), item->path, S_IFDIR);
	lade_directory_unpin(parent);
}

int lade_remove_tree(struct lade_directory *directory, const char *name, const struct lade_removal *removal,
		     struct lade_fault *fault)
{
	const struct lade_walk_source source = { directory, name };
	const struct lade_walk_options options = {
		.recursive = true, .scope = removal->scope, .prefix = removal->prefix,
	};
	struct state state = { removal, fault, 0 };
	struct lade_walk_item item;
	struct lade_fault problem;
	struct lade_walk *walk;
	int event = lade_walk_new(&source, 1, &options, &walk, fault);

	if (event)
		return event;
	while ((event = lade_walk_next(walk, &item, &problem)) > 0) {
		if (event == LADE_WALK_ENTRY && !S_ISDIR(item.st.st_mode)) {
			unlink_one(&state, item.parent_fd, item.name, item.path, item.st.st_mode);
		} else if (event == LADE_WALK_LEAVE) {
			leave(&state, &item);
		} else if (event == LADE_WALK_PROBLEM && !item.vanished && problem.sys_errno != ENOENT) {
			/* ENOENT: the tree itself is gone, which is what was wanted: moved to another place, perhaps. */
			errno = problem.sys_errno;
			failed(&state, "delete", item.path);
		}
	}
	lade_walk_free(walk);
	if (event < 0 && fault)
		*fault = problem;
	return event < 0 ? event : state.result;
}
