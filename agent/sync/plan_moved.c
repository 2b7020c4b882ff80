/*
 * Files that were moved. Where deletion is on, a new file is not asked for at once: it may be one
 * that is about to be deleted, under another name. When all entries are known it is compared with those
 * of its size, by recipe; the best candidate is the one that has its time or its last name as
 * well. If it is the same file it goes to its new place without being copied.
 */
#include "agent/sync/plan_internal.h"

#include <stdlib.h>
#include <string.h>

#include "agent/tree/walk.h"
#include "protocol/grow.h"

/* Files that are shorter are sent sooner than compared. */
#define MOVED_LEAST 4096u
/* A candidate of which nothing but the size fits is tried from this size on. */
#define SIZE_ALONE_LEAST (64u << 10)
/* What is moved has not changed, as a rule: long chunks make a short recipe. */
#define MOVED_CLASS 17u
/* What is deferred stays in memory: not with many attributes, in bytes. */
#define ATTRIBUTES_MAX 4096u
/* Files that are compared in this way. */
#define MOVED_MAX 32768u
/* New files of one size that a candidate is compared with. */
#define SAME_SIZE_MAX 1024u
/* Names to be deleted that are looked into. */
#define REMOVED_MAX 65536u

bool lade_plan_may_be_moved(const struct planner *planner, const struct incoming *file)
{
	return planner->deletes && !file->existed && !file->delta && file->size >= MOVED_LEAST &&
		planner->moved.deferred_count < MOVED_MAX && file->metadata.xattrs.len <= ATTRIBUTES_MAX &&
		!(planner->receiver->keep.options & LADE_OPTION_WHOLE_FILE);
}

void lade_plan_say_defer(struct planner *planner, uint64_t index)
{
	struct lade_session *session = planner->session;

	planner->deferred_count++;
	lade_session_lock(session);
	lade_session_recv_defer(planner->receiver->machine, index, lade_session_queue(session));
	lade_session_queued(session, false);
	lade_session_unlock(session);
}

int lade_plan_defer(struct planner *planner, uint64_t index, struct incoming *file, struct lade_fault *fault)
{
	struct moved *moved = &planner->moved;
	struct deferred_file *files = lade_grown(moved->deferred, moved->deferred_count, &moved->deferred_capacity,
						 sizeof(*files));
	const struct leader *leader;

	if (!files) {
		lade_incoming_free(file);
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	}
	moved->deferred = files;
	files[moved->deferred_count++] = (struct deferred_file){ index, file, NULL, 0 };
	leader = lade_receiver_find_leader(planner->receiver, index);
	if (!leader || !leader->deferred)
		lade_plan_say_defer(planner, index);
	return 0;
}

bool lade_plan_waits(struct planner *planner)
{
	if (!planner->deletes_first)
		return false;
	if (planner->deferred_count < LADE_DEFERRED_MAX)
		return true;
	lade_session_tell(planner->session, LADE_REPORT_WARNING, 0,
			  "too many files to wait with all of them for the deletions (--delete-before)", NULL, NULL);
	planner->deletes_first = false;
	return false;
}

void lade_plan_removed(struct planner *planner, const char *path)
{
	struct moved *moved = &planner->moved;
	char **paths, *copy;

	/* One that is not remembered is no candidate: nothing else. */
	if (moved->removed_count == REMOVED_MAX)
		return;
	paths = lade_grown(moved->removed, moved->removed_count, &moved->removed_capacity, sizeof(*paths));
	if (!paths)
		return;
	moved->removed = paths;
	copy = strdup(path);
	if (copy)
		paths[moved->removed_count++] = copy;
}

/* ---- candidates ---- */

static int by_size(const void *a, const void *b)
{
	const struct deferred_file *left = a, *right = b;

	if (left->file->size != right->file->size)
		return left->file->size < right->file->size ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

/* The first deferred file of size, or the count of them. */
static size_t first_of_size(const struct moved *moved, uint64_t size)
{
	size_t low = 0, high = moved->deferred_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (moved->deferred[middle].file->size < size)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How well a file that is to be deleted fits, beside its size. */
static int fit(const struct lade_walk_item *item, const struct incoming *file)
{
	return 1 + (strcmp(item->name, file->name) == 0) + 2 * (lade_time_equal(&item->st.st_mtim, &file->metadata.mtime));
}

/* Give the candidate to the file that it fits best, unless that has a better one. */
static void consider(struct moved *moved, const struct lade_walk_item *item)
{
	uint64_t size = (uint64_t)item->st.st_size;
	struct deferred_file *best = NULL;
	int best_fit = 0;
	size_t first;

	first = first_of_size(moved, size);
	for (size_t i = first; i < moved->deferred_count && i - first < SAME_SIZE_MAX; i++) {
		int its_fit = fit(item, moved->deferred[i].file);

		if (moved->deferred[i].file->size != size)
			break;
		if (its_fit > moved->deferred[i].fit && its_fit > best_fit) {
			best = &moved->deferred[i];
			best_fit = its_fit;
		}
	}
	if (!best || (best_fit == 1 && size < SIZE_ALONE_LEAST))
		return;
	free(best->candidate);
	best->candidate = strdup(item->path);
	best->fit = best->candidate ? best_fit : 0;
}

/* Look at everything under a name that is to be deleted, but for what the filter protects. */
static void look_into(struct planner *planner, const char *path)
{
	struct lade_walk_options options = { .recursive = true };
	struct lade_walk_source source = { 0 };
	struct lade_walk *walk = NULL;
	struct lade_walk_item item;
	char *copy = strdup(path), *name = NULL, *prefix = NULL;
	int event;

	source.directory = copy ? lade_receiver_handle_of(planner->receiver, copy, &name) : NULL;
	source.name = name;
	if (source.directory)
		prefix = lade_directory_path(source.directory, NULL);
	options.prefix = prefix;
	/* Where it is not known what is protected nothing is deleted, so nothing there was moved. */
	if (prefix && lade_receiver_protection(planner->receiver, source.directory, true, &options.scope, NULL) == 0 &&
	    lade_walk_new(&source, 1, &options, &walk, NULL) == 0)
		while ((event = lade_walk_next(walk, &item, NULL)) > 0)
			if (event == LADE_WALK_ENTRY && S_ISREG(item.st.st_mode) && item.st.st_size)
				consider(&planner->moved, &item);
	lade_walk_free(walk);
	lade_filter_scope_free(options.scope);
	lade_directory_unref(source.directory);
	free(prefix);
	free(copy);
}

/* Ask for one of the deferred files: by recipe if there is a candidate. It is no longer ours. */
static int ask(struct planner *planner, struct deferred_file *deferred, struct lade_fault *fault)
{
	struct incoming *file = deferred->file;

	deferred->file = NULL;
	if (deferred->candidate && !file->delta && lade_plan_describe(planner, file) == 0) {
		file->moved_from = deferred->candidate;
		file->may_move = !planner->receiver->spares &&
			!(planner->receiver->keep.options & LADE_OPTION_DELAY_UPDATES);
		/* What is looked up in an index has its class. */
		if (file->cut_class < MOVED_CLASS && !planner->receiver->indexed)
			file->cut_class = MOVED_CLASS;
		deferred->candidate = NULL;
	} else if (file->basis_name && !file->delta) {
		/* Without memory for it the file is sent. */
		(void)lade_plan_describe(planner, file);
	}
	return lade_plan_want(planner, deferred->index, file, fault);
}

int lade_plan_ask_deferred(struct planner *planner, struct lade_fault *fault)
{
	struct moved *moved = &planner->moved;
	int error = 0;

	if (moved->deferred_count && !planner->deletes_first)
		qsort(moved->deferred, moved->deferred_count, sizeof(*moved->deferred), by_size);
	for (size_t i = 0; i < moved->removed_count && moved->deferred_count && !planner->deletes_first; i++)
		look_into(planner, moved->removed[i]);
	for (size_t i = 0; i < moved->deferred_count && !error; i++)
		error = ask(planner, &moved->deferred[i], fault);
	return error;
}

void lade_plan_moved_fini(struct moved *moved)
{
	for (size_t i = 0; i < moved->deferred_count; i++) {
		lade_incoming_free(moved->deferred[i].file);
		free(moved->deferred[i].candidate);
	}
	for (size_t i = 0; i < moved->removed_count; i++)
		free(moved->removed[i]);
	free(moved->deferred);
	free(moved->removed);
}
