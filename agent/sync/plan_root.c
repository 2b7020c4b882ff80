/*
 * The destination itself: a directory that is there, one that is made, or, for a
 * single file, the name that it gets. The rules are rsync's.
 */
#include "agent/sync/plan_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/totals.h"

/* As in rsync, without the slash that the user may have written. what: which directories. */
static void told_created(struct lade_receiver *receiver, const char *what, const char *path)
{
	size_t len = strlen(path);
	char *name;

	while (len > 1 && path[len - 1] == '/')
		len--;
	name = strndup(path, len);
	lade_session_note(&receiver->session, LADE_TOPIC_NAME, what, name ? name : path, NULL);
	free(name);
}

/* True if the path, whose end is at end, ends in a name: not in a slash, nor in ".", nor in "..". */
static bool ends_in_name(const char *path, const char *end)
{
	const char *start = end;

	while (start > path && start[-1] != '/')
		start--;
	return end - start > 2 || (end > start && strncmp(start, "..", (size_t)(end - start)) != 0);
}

/* Make a directory of a path, or look whether it is missing (a dry run). 1 if it was missing, 0 if not, or the fault. */
static int make_one(const struct planner *planner, const char *path, struct lade_fault *fault)
{
	const struct lade_base *base = planner->session->settings->base;
	struct stat st;

	if (planner->dry_run)
		return lade_place_stat(base, path, true, &st) != 0;
	if (lade_keep_make_directory(&planner->receiver->keep, base, path, 0700) == 0)
		return 1;
	return errno == EEXIST ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "create destination", path);
}

/* --mkpath: make all directories that the path lacks, and say how many. 0 or the fault. */
static int make_path(const struct planner *planner, const char *path, struct lade_fault *fault)
{
	char *copy = strdup(path), what[48];
	unsigned created = 0;
	int result = 0;

	if (!copy)
		return lade_fault_set(fault, LADE_E_MEMORY, "create destination", path);
	for (char *end = copy; *end && result >= 0; ) {
		char after;

		end += strcspn(end + 1, "/") + 1;
		after = *end;
		*end = '\0';
		result = ends_in_name(copy, end) ? make_one(planner, copy, fault) : 0;
		created += result > 0;
		*end = after;
	}
	free(copy);
	if (result < 0)
		return result;
	snprintf(what, sizeof(what), created == 1 ? "created %u directory for " : "created %u directories for ", created);
	if (created)
		told_created(planner->receiver, what, path);
	return 0;
}

/* What is there, or is not, cannot hold what was asked for: the reason is the system's, but it is the user's choice that does not fit. */
static int misfit(const char *path, int reason, struct lade_fault *fault)
{
	errno = reason;
	lade_fault_set(fault, LADE_E_SYSTEM, "open destination", path);
	fault->code = LADE_E_MISFIT;
	return fault->code;
}

/* The destination is a file: its directory is the root, its last component the name. */
static int as_file(struct planner *planner, const char *path, struct lade_fault *fault)
{
	const struct lade_base *base = planner->session->settings->base;
	struct lade_receiver *receiver = planner->receiver;
	const char *slash = strrchr(path, '/');
	char *directory = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int error;

	receiver->only_name = strdup(slash ? slash + 1 : path);
	if (!directory || !receiver->only_name) {
		free(directory);
		return lade_fault_set(fault, LADE_E_MEMORY, "open destination", path);
	}
	error = lade_directories_open_below(base, directory, 0, &receiver->tree, fault);
	if (error == LADE_E_ABSENT && !(receiver->keep.options & LADE_OPTION_MKPATH)) {
		error = misfit(directory, ENOENT, fault);
	} else if (error == LADE_E_ABSENT) {
		receiver->root.empty = true;
		error = make_path(planner, directory, fault);
		if (!error && !planner->dry_run)
			error = lade_directories_open_below(base, directory, 0, &receiver->tree, fault);
	}
	free(directory);
	return error;
}

static int as_new_directory(struct planner *planner, const char *path, struct lade_fault *fault)
{
	const struct lade_base *base = planner->session->settings->base;
	struct lade_receiver *receiver = planner->receiver;
	bool makes_path = receiver->keep.options & LADE_OPTION_MKPATH;

	receiver->root.empty = true;
	lade_totals_created(&planner->counted, S_IFDIR);
	if (makes_path && make_path(planner, path, fault))
		return fault->code;
	if (!makes_path && !planner->dry_run && lade_keep_make_directory(&receiver->keep, base, path, 0700))
		return lade_fault_set(fault, LADE_E_SYSTEM, "create destination", path);
	/* In a dry run of --mkpath rsync says both. */
	if (!makes_path || planner->dry_run)
		told_created(receiver, "created directory ", path);
	if (planner->dry_run)
		return 0;
	/* As in rsync it is none of the transfer's directories then: that finds it there. */
	receiver->root.existed = makes_path;
	return lade_directories_open_below(base, path, 0, &receiver->tree, fault);
}

static int open_root(struct planner *planner, const char *path, bool single, struct lade_fault *fault)
{
	const struct lade_base *base = planner->session->settings->base;
	struct lade_receiver *receiver = planner->receiver;
	bool makes_path = receiver->keep.options & LADE_OPTION_MKPATH;
	size_t len = strlen(path);
	/* What --mkpath makes for "x/." is x, which cannot be the file's directory before it is made. */
	bool names_file = single && (makes_path ? ends_in_name(path, path + len) : path[len - 1] != '/');
	struct stat st;

	if (lade_place_stat(base, path, true, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			return single ? as_file(planner, path, fault) : misfit(path, ENOTDIR, fault);
		receiver->root.existed = true;
		return lade_directories_open_below(base, path, 0, &receiver->tree, fault);
	}
	if (errno == ENOTDIR && !makes_path)
		return misfit(path, ENOTDIR, fault);
	if (names_file)
		return as_file(planner, path, fault);
	if (lade_place_stat(base, path, false, &st) == 0) {
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
