/*
 * The destination itself: a directory that is there, one that is made, or, for a
 * single file, the name that it gets. The rules are rsync's.
 */
#include "agent/sync/plan_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/totals.h"

/* --mkpath: make all directories that the path lacks. 0 or the fault. */
static int make_path(const struct lade_receiver *receiver, const char *path, struct lade_fault *fault)
{
	char *copy = strdup(path);
	int error = 0;

	if (!copy)
		return lade_fault_set(fault, LADE_E_MEMORY, "create destination", path);
	for (char *slash = copy; slash && !error; ) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (lade_keep_make_directory(&receiver->keep, copy, 0700) && errno != EEXIST)
			error = lade_fault_set(fault, LADE_E_SYSTEM, "create destination", copy);
		if (slash)
			*slash = '/';
	}
	free(copy);
	return error;
}

/* The destination is a file: its directory is the root, its last component the name. */
static int as_file(struct planner *planner, const char *path, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	const char *slash = strrchr(path, '/');
	char *directory = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int error;

	receiver->only_name = strdup(slash ? slash + 1 : path);
	if (!directory || !receiver->only_name) {
		free(directory);
		return lade_fault_set(fault, LADE_E_MEMORY, "open destination", path);
	}
	error = lade_directories_open(directory, 0, &receiver->tree, fault);
	if (error == LADE_E_ABSENT && (receiver->keep.options & LADE_OPTION_MKPATH)) {
		receiver->root.empty = true;
		error = planner->dry_run ? 0 : make_path(receiver, directory, fault);
		if (!error && !planner->dry_run)
			error = lade_directories_open(directory, 0, &receiver->tree, fault);
	}
	free(directory);
	return error;
}

/* As in rsync, without the slash that the user may have written. */
static void told_created(struct lade_receiver *receiver, const char *path)
{
	size_t len = strlen(path);
	char *name;

	while (len > 1 && path[len - 1] == '/')
		len--;
	name = strndup(path, len);
	lade_session_note(&receiver->session, LADE_TOPIC_NAME, "created directory ", name ? name : path, NULL);
	free(name);
}

static int as_new_directory(struct planner *planner, const char *path, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	bool dry_run = planner->dry_run;

	receiver->root.empty = true;
	lade_totals_created(&planner->counted, S_IFDIR);
	if (dry_run) {
		told_created(receiver, path);
		return 0;
	}
	if (receiver->keep.options & LADE_OPTION_MKPATH) {
		if (make_path(receiver, path, fault))
			return fault->code;
		/* As in rsync it is none of the transfer's directories then: that finds it there. */
		receiver->root.existed = true;
	} else if (lade_keep_make_directory(&receiver->keep, path, 0700)) {
		return lade_fault_set(fault, LADE_E_SYSTEM, "create destination", path);
	}
	told_created(receiver, path);
	return lade_directories_open(path, 0, &receiver->tree, fault);
}

/* What is there cannot hold what was asked for: the reason is the system's, but it is the user's choice that does not fit. */
static int no_directory(const char *path, struct lade_fault *fault)
{
	errno = ENOTDIR;
	lade_fault_set(fault, LADE_E_SYSTEM, "open destination", path);
	fault->code = LADE_E_MISFIT;
	return fault->code;
}

static int open_root(struct planner *planner, const char *path, bool single, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	size_t len = strlen(path);
	bool slash = len && path[len - 1] == '/';
	struct stat st;

	if (stat(path, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			return single ? as_file(planner, path, fault) : no_directory(path, fault);
		receiver->root.existed = true;
		return lade_directories_open(path, 0, &receiver->tree, fault);
	}
	if (errno == ENOTDIR && !(receiver->keep.options & LADE_OPTION_MKPATH))
		return no_directory(path, fault);
	if (single && !slash)
		return as_file(planner, path, fault);
	if (lstat(path, &st) == 0) {
		errno = ENOTDIR;
		return lade_fault_set(fault, LADE_E_SYSTEM, "open destination", path);
	}
	return as_new_directory(planner, path, fault);
}

int lade_plan_root(struct planner *planner, bool single, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	const char *path = receiver->job->destination;
	struct lade_directory *root = NULL;
	int error;

	receiver->root.receiver = receiver;
	planner->path_size = 256;
	planner->path = calloc(1, planner->path_size);
	if (!planner->path)
		return lade_fault_set(fault, LADE_E_MEMORY, "open destination", path);
	if (receiver->session.settings->listing) {
		receiver->root.empty = true;
		return lade_plan_enter(planner, NULL, &receiver->root, fault);
	}
	if ((receiver->keep.options & LADE_OPTION_INDEX) && !planner->dry_run && lade_indexed_begin(receiver, fault))
		return fault->code;
	error = open_root(planner, *path ? path : ".", single, fault);
	if (error == LADE_E_MISFIT)
		return error;
	if (error)
		return lade_fault_set(fault, error, "open destination", path);
	if (lade_indexed_open(receiver, fault) || lade_backup_begin(receiver, fault) ||
	    lade_holding_begin(receiver, fault))
		return fault->code;
	error = lade_plan_open_alternatives(planner, fault);
	if (error)
		return error;
	if (receiver->tree && (receiver->keep.options & LADE_OPTION_KEEP_DIRLINKS))
		lade_directories_follow(receiver->tree, true);
	if (receiver->tree)
		root = lade_directory_ref(lade_directories_root(receiver->tree));
	return lade_plan_enter(planner, root, &receiver->root, fault);
}
