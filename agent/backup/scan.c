/*
 * The walk itself. One thread walks, and makes all entries but those of files, which the pool reads (scan_file.c); what an entry says is in scan_entry.c. The stack has the directories
 * that the walk is in, the root at the bottom; each is left once, also when the walk fails, or its jobs would wait for entries that do not come.
 */
#include "agent/backup/scan.h"

#include <stdlib.h>
#include <string.h>

#include "agent/backup/scan_internal.h"
#include "agent/backup/scan_walk.h"
#include "protocol/grow.h"

/* ---- what is told ---- */

void scan_tell_problem(struct lade_scan *scan, const struct lade_fault *fault)
{
	const struct lade_backup_events *events = scan->setup.events;

	atomic_fetch_add(&scan->errors, 1);
	pthread_mutex_lock(&scan->lock);
	events->problem(events->context, fault);
	pthread_mutex_unlock(&scan->lock);
}

void scan_tell_entry(struct lade_scan *scan, const char *path, const struct stat *st, enum lade_backup_action action)
{
	const struct lade_backup_events *events = scan->setup.events;

	if (S_ISREG(st->st_mode)) {
		atomic_fetch_add(&scan->files, 1);
		atomic_fetch_add(&scan->bytes, (uint64_t)st->st_size);
	} else {
		atomic_fetch_add(S_ISDIR(st->st_mode) ? &scan->directories : &scan->others, 1);
	}
	if (action == LADE_BACKUP_UNCHANGED)
		atomic_fetch_add(&scan->files_unchanged, 1);
	pthread_mutex_lock(&scan->lock);
	events->entry(events->context, path, st, action);
	pthread_mutex_unlock(&scan->lock);
}

void scan_fail(struct lade_scan *scan, int error, const struct lade_fault *fault)
{
	pthread_mutex_lock(&scan->lock);
	if (!scan->error) {
		scan->error = error;
		scan->fault = *fault;
	}
	pthread_mutex_unlock(&scan->lock);
	atomic_store(&scan->failed, true);
}

int scan_no_memory(const struct lade_scan *scan, struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_MEMORY, "back up", (const char *)scan->path.data);
}

bool scan_is_over(const struct lade_scan *scan)
{
	return atomic_load(&scan->failed) || atomic_load(scan->setup.stop);
}

void scan_problem_here(struct lade_scan *scan, const char *operation)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_SOURCE, operation, (const char *)scan->path.data);
	scan_tell_problem(scan, &fault);
}

/* ---- the beginning ---- */

int lade_scan_new(const struct lade_scan_setup *setup, struct lade_backup_worker *worker, struct lade_scan **scan_out)
{
	struct lade_scan *scan = calloc(1, sizeof(*scan));

	if (!scan)
		return LADE_E_MEMORY;
	scan->setup = *setup;
	scan->worker = worker;
	pthread_mutex_init(&scan->lock, NULL);
	lade_writer_init(&scan->xattrs, LADE_BACKUP_ENTRY_MAX);
	lade_writer_init(&scan->encoded, LADE_BACKUP_ENTRY_MAX);
	lade_writer_init(&scan->path, (size_t)LADE_PATH_MAX * 64);
	if (lade_owner_names_new(&scan->owners)) {
		lade_scan_free(scan);
		return LADE_E_MEMORY;
	}
	*scan_out = scan;
	return 0;
}

void lade_scan_free(struct lade_scan *scan)
{
	if (!scan)
		return;
	lade_owner_names_free(scan->owners);
	lade_writer_fini(&scan->xattrs);
	lade_writer_fini(&scan->encoded);
	lade_writer_fini(&scan->path);
	pthread_mutex_destroy(&scan->lock);
	free(scan->stack);
	free(scan);
}

struct lade_scan_figures lade_scan_figures(struct lade_scan *scan)
{
	return (struct lade_scan_figures){
		.files = atomic_load(&scan->files), .directories = atomic_load(&scan->directories), .others = atomic_load(&scan->others),
		.files_unchanged = atomic_load(&scan->files_unchanged), .bytes = atomic_load(&scan->bytes), .errors = atomic_load(&scan->errors),
	};
}

/* ---- directories and others ---- */

static int enter(struct lade_scan *scan, const struct lade_stream_entry *entry)
{
	struct lade_tree_directory **stack = lade_grown(scan->stack, scan->depth, &scan->capacity, sizeof(struct lade_tree_directory *));

	if (!stack)
		return LADE_E_MEMORY;
	scan->stack = stack;
	if (lade_tree_enter(scan->stack[scan->depth - 1], entry, &scan->stack[scan->depth]))
		return LADE_E_MEMORY;
	scan->depth++;
	return 0;
}

static int add_directory(struct lade_scan *scan, struct lade_walk *walk, const struct lade_walk_item *item, struct lade_fault *fault)
{
	const struct lade_mark_wish wish = lade_scan_marks(&scan->setup);
	struct lade_stream_entry entry;
	int error = scan_describe(scan, item, -1, &entry, fault);

	if (!error && enter(scan, &entry))
		error = scan_no_memory(scan, fault);
	if (error)
		return error;
	scan_tell_entry(scan, (const char *)scan->path.data, &item->st, LADE_BACKUP_OTHER);
	if (!item->implied && lade_mark_found(&wish, item->parent_fd, item->name)) {
		lade_walk_skip(walk);
		lade_tree_leave(scan->stack[--scan->depth], scan->worker);
	}
	return 0;
}

static int add_other(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_stream_entry entry;
	int error = scan_describe(scan, item, -1, &entry, fault);

	if (error)
		return error < 0 ? error : 0;
	lade_writer_reset(&scan->encoded);
	error = lade_stream_entry_put(&scan->encoded, &scan->worker->shared->lengths, &entry);
	if (error || lade_tree_add(scan->stack[scan->depth - 1], entry.name, lade_slice(scan->encoded.data, scan->encoded.len)))
		return scan_no_memory(scan, fault);
	scan_tell_entry(scan, (const char *)scan->path.data, &item->st, LADE_BACKUP_OTHER);
	return 0;
}

/* ---- the walk ---- */

static int set_path(struct lade_scan *scan, const char *path, struct lade_fault *fault)
{
	lade_writer_reset(&scan->path);
	lade_writer_put_u8(&scan->path, '/');
	lade_writer_put_bytes(&scan->path, path, strlen(path) + 1);
	return scan->path.error ? lade_fault_set(fault, scan->path.error, "back up", path) : 0;
}

static int add_entry(struct lade_scan *scan, struct lade_walk *walk, const struct lade_walk_item *item, struct lade_fault *fault)
{
	int error = set_path(scan, item->path, fault);

	if (error)
		return error;
	/* The root is there anyhow, and has no entry. */
	if (!item->path[0])
		return 0;
	if (S_ISDIR(item->st.st_mode))
		return add_directory(scan, walk, item, fault);
	if (!S_ISREG(item->st.st_mode))
		return add_other(scan, item, fault);
	if (lade_scan_too_large(&scan->setup, &item->st))
		return 0;
	return scan_add_file(scan, item, fault);
}

/* What the walk could not look at. Symlinks that are left out and the like do not come up here. */
static void walk_problem(struct lade_scan *scan, const struct lade_walk_item *item, const struct lade_fault *fault)
{
	struct lade_fault problem;

	if (set_path(scan, item->path, &problem) == 0) {
		problem = *fault;
		lade_fault_set(&problem, LADE_E_SOURCE, fault->operation, (const char *)scan->path.data);
		problem.code = fault->code;
		problem.sys_errno = fault->sys_errno;
	}
	scan_tell_problem(scan, &problem);
}

static int step(struct lade_scan *scan, struct lade_walk *walk, struct lade_fault *fault, bool *ended_out)
{
	struct lade_walk_item item;
	int event = lade_walk_next(walk, &item, fault);

	*ended_out = event == LADE_WALK_END;
	switch (event) {
	case LADE_WALK_ENTRY:
		return add_entry(scan, walk, &item, fault);
	case LADE_WALK_LEAVE:
		/* The root is left at the end. */
		if (scan->depth > 1)
			lade_tree_leave(scan->stack[--scan->depth], scan->worker);
		return 0;
	case LADE_WALK_PROBLEM:
		walk_problem(scan, &item, fault);
		return 0;
	default:
		return event;
	}
}

static int run_walk(struct lade_scan *scan, struct lade_walk *walk, struct lade_fault *fault)
{
	bool ended = false;
	int error = 0;

	while (!error && !ended) {
		if (scan_is_over(scan))
			error = lade_fault_set(fault, LADE_E_CANCELLED, "back up", NULL);
		else
			error = step(scan, walk, fault, &ended);
	}
	return error;
}

static int walk_all(struct lade_scan *scan, struct lade_fault *fault)
{
	struct lade_scan_walk walk;
	int error = lade_scan_walk_init(&walk, &scan->setup, fault);

	if (!error)
		error = run_walk(scan, walk.walk, fault);
	lade_scan_walk_fini(&walk);
	return error;
}

int lade_scan_run(struct lade_scan *scan, struct lade_tree *tree, struct lade_fault *fault)
{
	struct lade_fault walked;
	int error;

	scan->stack = lade_grown(scan->stack, scan->depth, &scan->capacity, sizeof(struct lade_tree_directory *));
	if (!scan->stack)
		return lade_fault_set(fault, LADE_E_MEMORY, "back up", NULL);
	scan->stack[scan->depth++] = lade_tree_root(tree);
	error = walk_all(scan, &walked);
	if (error)
		scan_fail(scan, error, &walked);
	while (scan->depth)
		lade_tree_leave(scan->stack[--scan->depth], scan->worker);
	lade_pool_drain(scan->worker->shared->pool);
	if (scan->error)
		*fault = scan->fault;
	return scan->error;
}
