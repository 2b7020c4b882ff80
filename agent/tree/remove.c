/*
 * Removal: a walk that unlinks what it meets and removes each directory as it leaves
 * it. The walk reads a directory's names before it gives the first, so that removing
 * does not disturb it. Of what stays, the directories that are open are remembered, so that a dry run knows them too.
 */
#include "agent/tree/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/tree/walk.h"

struct state {
	const struct lade_removal *removal;
	struct lade_fault *fault;
	char *top;       /* path of what is removed; owned */
	size_t full_len; /* length of the path of the innermost open directory in which something stays; 0: none */
	int result;
};

/* What has path stays, and so do the directories above it. */
static void stays(struct state *state, const char *path)
{
	const char *slash = strrchr(path, '/');

	state->full_len = slash ? (size_t)(slash - path) : 0;
}

/* The filter protects it. */
static void protected(void *context, const char *path, bool is_directory, const char *pattern)
{
	(void)is_directory;
	(void)pattern;
	stays(context, path);
}

/* The base hides it: it is nobody's to remove. */
static void withheld(void *context, const char *path)
{
	stays(context, path);
}

static void failed(struct state *state, const char *operation, const char *path)
{
	struct lade_fault fault;

	stays(state, path);
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

/* Unlink what is no directory, or do what is done instead. */
static int unlink_file(const struct lade_removal *removal, int fd, const char *name, const char *path)
{
	struct lade_fault fault;

	if (!removal->put_aside)
		return unlinkat(fd, name, 0);
	if (removal->put_aside(removal->context, fd, name, path, &fault) == 0)
		return 0;
	errno = fault.sys_errno;
	return -1;
}

/* Something in the directory, which is left, stays, and so does it: no reason to try. */
static bool is_full(const struct state *state, const char *path, mode_t mode)
{
	return S_ISDIR(mode) && strlen(path) <= state->full_len;
}

static void unlink_one(struct state *state, int fd, const char *name, const char *path, mode_t mode)
{
	const struct lade_removal *removal = state->removal;
	bool is_top = strcmp(path, state->top) == 0, is_asked = removal->may && !(is_top && removal->makes_way);
	int result = 0;

	if (is_full(state, path, mode)) {
		/* As in rsync, the limit counts it among what it refused, but for the first. */
		if (is_asked && !is_top)
			(void)removal->may(removal->context);
		errno = ENOTEMPTY;
		failed(state, "delete", path);
		return;
	}
	if (is_asked && !removal->may(removal->context)) {
		stays(state, path);
		if (!state->result)
			state->result = LADE_E_REFUSED;
		return;
	}
	if (!removal->dry_run)
		result = S_ISDIR(mode) ? unlinkat(fd, name, AT_REMOVEDIR) : unlink_file(removal, fd, name, path);
	if (result && errno != ENOENT)
		failed(state, "delete", path);
	else if (removal->removed && !(is_top && removal->makes_way))
		removal->removed(removal->context, path, mode);
}

/*
 * A directory of ours that we may not write to is opened up, as by rsync, since what is in it is to go. Not through a symlink that somebody
 * put there.
 */
static void open_up(const struct lade_removal *removal, const struct lade_walk_item *item)
{
	const mode_t mode = item->st.st_mode & 07777;

	if (!removal->dry_run && geteuid() && item->st.st_uid == geteuid() && !(mode & S_IWUSR) &&
	    fchmodat(item->parent_fd, item->name, mode | S_IWUSR, AT_SYMLINK_NOFOLLOW))
		return; /* which shows in what is done next */
}

static void leave(struct state *state, const struct lade_walk_item *item)
{
	struct lade_directory *parent;
	struct lade_fault fault;
	int fd;

	/* It was not looked into. */
	if (!item->left) {
		errno = EBUSY;
		failed(state, "delete", item->path);
		return;
	}
	parent = lade_directory_parent(item->left);
	if (lade_directory_pin(parent, &fd, &fault)) {
		errno = fault.sys_errno;
		failed(state, "delete", item->path);
		return;
	}
	unlink_one(state, fd, lade_directory_name(item->left), item->path, S_IFDIR);
	lade_directory_unpin(parent);
}

/* The path of name in the directory prefix (NULL or "": the root). NULL: no memory. */
static char *top_path(const char *prefix, const char *name)
{
	char *path;

	if (!prefix || !*prefix)
		return strdup(name);
	return asprintf(&path, "%s/%s", prefix, name) < 0 ? NULL : path;
}

int lade_remove_tree(struct lade_directory *directory, const char *name, const struct lade_removal *removal,
		     struct lade_fault *fault)
{
	const struct lade_walk_source source = { .directory = directory, .name = name };
	struct state state = { .removal = removal, .fault = fault };
	const struct lade_walk_options options = {
		.recursive = true, .scope = removal->scope, .names_asked = removal->asked, .prefix = removal->prefix,
		.one_file_system = removal->one_file_system, .hidden = protected, .withheld = withheld, .context = &state,
	};
	struct lade_walk_item item;
	struct lade_fault problem;
	struct lade_walk *walk;
	int event = lade_walk_new(&source, 1, &options, &walk, fault);
	bool stopped = false;

	if (event)
		return event;
	state.top = top_path(removal->prefix, name);
	if (!state.top) {
		lade_walk_free(walk);
		return lade_fault_set(fault, LADE_E_MEMORY, "delete", name);
	}
	while ((event = lade_walk_next(walk, &item, &problem)) > 0) {
		stopped = removal->stopped && removal->stopped(removal->context);
		if (stopped)
			break;
		if (event == LADE_WALK_ENTRY && !S_ISDIR(item.st.st_mode)) {
			unlink_one(&state, item.parent_fd, item.name, item.path, item.st.st_mode);
		} else if (event == LADE_WALK_ENTRY) {
			open_up(removal, &item);
		} else if (event == LADE_WALK_LEAVE) {
			leave(&state, &item);
		} else if (event == LADE_WALK_PROBLEM && !item.vanished && problem.sys_errno != ENOENT) {
			/* ENOENT: the tree itself is gone, which is what was wanted: moved to another place, perhaps. */
			errno = problem.sys_errno;
			failed(&state, "delete", item.path);
		}
	}
	lade_walk_free(walk);
	free(state.top);
	if (stopped)
		return lade_fault_set(fault, LADE_E_CANCELLED, "delete", name);
	if (event < 0 && fault)
		*fault = problem;
	return event < 0 ? event : state.result;
}
