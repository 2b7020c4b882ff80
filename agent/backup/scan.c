/*
 * One thread walks, looks up what is known, reads attributes and opens files; the pool reads those. A file's descriptor goes with its job, so that no path is
 * resolved twice; as many are open as may wait in the pool.
 */
#include "agent/backup/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/backup/file_cut.h"
#include "agent/backup/owner_names.h"
#include "agent/backup/scan_walk.h"
#include "agent/store/stream.h"
#include "agent/sync/stamp.h"
#include "agent/tree/attributes.h"
#include "agent/tree/read_open.h"
#include "protocol/grow.h"
#include "protocol/limits.h"

struct lade_scan {
	struct lade_scan_setup setup;
	struct lade_backup_worker *worker;
	struct lade_owner_names *owners;
	struct lade_tree_directory **stack; /* the directories that the walk is in; depth of capacity */
	size_t depth, capacity;
	struct lade_writer xattrs, encoded;
	struct lade_writer path;            /* absolute, of the entry; with a NUL */
	char target[LADE_TARGET_MAX];
	pthread_mutex_t lock;               /* of the events, and of the error */
	int error;                          /* what ends the backup */
	struct lade_fault fault;
	atomic_bool failed;
	_Atomic uint64_t files, directories, others, files_unchanged, bytes, errors;
};

/* A file that is to be read. */
struct file_job {
	struct lade_pool_job job;
	struct lade_scan *scan;
	struct lade_tree_directory *directory;
	int fd;
	struct stat st;
	struct lade_stream_entry entry; /* what it points to is owned, but for the recipes */
	const char *path;
	uint8_t owned[];
};

/* ---- what is told ---- */

static void tell_problem(struct lade_scan *scan, const struct lade_fault *fault)
{
	const struct lade_backup_events *events = scan->setup.events;

	atomic_fetch_add(&scan->errors, 1);
	pthread_mutex_lock(&scan->lock);
	events->problem(events->context, fault);
	pthread_mutex_unlock(&scan->lock);
}

static void tell_entry(struct lade_scan *scan, const char *path, const struct stat *st, enum lade_backup_action action)
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

static void tell_read(void *context, uint64_t bytes)
{
	struct lade_scan *scan = context;
	const struct lade_backup_events *events = scan->setup.events;

	pthread_mutex_lock(&scan->lock);
	events->read(events->context, bytes);
	pthread_mutex_unlock(&scan->lock);
}

/* The backup cannot go on. The first reason counts. */
static void fail(struct lade_scan *scan, int error, const struct lade_fault *fault)
{
	pthread_mutex_lock(&scan->lock);
	if (!scan->error) {
		scan->error = error;
		scan->fault = *fault;
	}
	pthread_mutex_unlock(&scan->lock);
	atomic_store(&scan->failed, true);
}

static int no_memory(const struct lade_scan *scan, struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_MEMORY, "back up", (const char *)scan->path.data);
}

/* True if nothing more need be done. */
static bool is_over(const struct lade_scan *scan)
{
	return atomic_load(&scan->failed) || atomic_load(scan->setup.stop);
}

/* The entry is left out, or a part of it is: errno says why. */
static void problem_here(struct lade_scan *scan, const char *operation)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_SOURCE, operation, (const char *)scan->path.data);
	tell_problem(scan, &fault);
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

/* ---- entries ---- */

/* The attributes of an entry that are more than an entry should hold become a stream. */
static int put_xattrs_stream(struct lade_scan *scan, struct lade_stream_entry *entry, struct lade_fault *fault)
{
	const struct lade_stream_sink sink = lade_backup_worker_sink(scan->worker);
	struct lade_stream_writer *stream;
	struct lade_writer recipe;
	int error = lade_stream_writer_new(&sink, LADE_CHUNK_CONTENT, &stream);

	if (error)
		return no_memory(scan, fault);
	lade_writer_init(&recipe, LADE_BACKUP_RECIPE_MAX);
	error = lade_stream_writer_feed(stream, lade_slice(scan->xattrs.data, scan->xattrs.len), fault);
	if (!error)
		error = lade_stream_writer_finish(stream, &recipe, fault);
	/* The recipe takes the place of what it is the recipe of. */
	if (!error) {
		lade_writer_reset(&scan->xattrs);
		lade_writer_put_bytes(&scan->xattrs, recipe.data, recipe.len);
		entry->xattrs_recipe = lade_slice(scan->xattrs.data, scan->xattrs.len);
		entry->fields |= LADE_ENTRY_XATTRS_RECIPE;
	}
	lade_writer_fini(&recipe);
	lade_stream_writer_free(stream);
	return error;
}

/* Extended attributes and ACLs. What cannot be read of them is a problem, and the entry is there without. */
static int add_xattrs(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_stream_entry *entry, struct lade_fault *fault)
{
	const struct lade_attributes_wish wish = { .xattrs = true, .acls = true, .filter = scan->setup.filter, .super = scan->setup.super };
	const struct lade_attributes_place place = { item->path[0] ? -1 : item->parent_fd, item->parent_fd, item->name };
	struct lade_fault problem;

	lade_writer_reset(&scan->xattrs);
	if (lade_attributes_read(&wish, &place, &scan->xattrs, &problem)) {
		lade_fault_set(&problem, problem.code, problem.operation, (const char *)scan->path.data);
		tell_problem(scan, &problem);
		return 0;
	}
	if (!scan->xattrs.len)
		return 0;
	if (scan->xattrs.len > LADE_STREAM_XATTRS_INLINE_MAX)
		return put_xattrs_stream(scan, entry, fault);
	entry->xattrs = lade_slice(scan->xattrs.data, scan->xattrs.len);
	entry->fields |= LADE_ENTRY_XATTRS;
	return 0;
}

static bool add_target(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_stream_entry *entry)
{
	const ssize_t len = readlinkat(item->parent_fd, item->name, scan->target, sizeof(scan->target));

	if (len < 0 || (size_t)len == sizeof(scan->target)) {
		if (len >= 0)
			errno = ENAMETOOLONG;
		problem_here(scan, "read symlink");
		return false;
	}
	entry->target = lade_slice(scan->target, (size_t)len);
	entry->fields |= LADE_ENTRY_TARGET;
	return true;
}

static int add_owners(struct lade_scan *scan, const struct stat *st, struct lade_stream_entry *entry)
{
	int error;

	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->fields |= LADE_ENTRY_OWNER;
	error = lade_owner_names_get(scan->owners, LADE_IDENTITY_USER, st->st_uid, &entry->user);
	if (!error)
		error = lade_owner_names_get(scan->owners, LADE_IDENTITY_GROUP, st->st_gid, &entry->group);
	if (entry->user.len || entry->group.len)
		entry->fields |= LADE_ENTRY_NAMES;
	return error;
}

static struct lade_stream_time time_of(const struct timespec *time)
{
	return (struct lade_stream_time){ .s = time->tv_sec, .ns = (uint32_t)time->tv_nsec };
}

static void add_times(const struct stat *st, struct lade_stream_entry *entry)
{
	entry->mtime = time_of(&st->st_mtim);
	entry->ctime = time_of(&st->st_ctim);
	entry->fields |= LADE_ENTRY_MTIME | LADE_ENTRY_TIMES;
}

static void add_stat(const struct stat *st, struct lade_stream_entry *entry)
{
	entry->mode = st->st_mode;
	if (st->st_nlink > 1 && !S_ISDIR(st->st_mode)) {
		entry->inode = st->st_ino;
		entry->device = st->st_dev;
		entry->links = st->st_nlink;
		entry->fields |= LADE_ENTRY_INODE;
	}
	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode)) {
		entry->rdev_major = major(st->st_rdev);
		entry->rdev_minor = minor(st->st_rdev);
		entry->fields |= LADE_ENTRY_RDEV;
	}
}

/* All of an entry but its recipe; what it points to is the scan's. Returns 1: it is left out, which was told; 0; or an error. */
static int describe(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_stream_entry *entry, struct lade_fault *fault)
{
	*entry = (struct lade_stream_entry){ .name = lade_slice(item->name, item->name_len) };
	add_stat(&item->st, entry);
	/* Those of a directory on the way say when something beside what is backed up came or went, which makes no other backup of it. */
	if (!item->implied)
		add_times(&item->st, entry);
	if (add_owners(scan, &item->st, entry))
		return no_memory(scan, fault);
	if (S_ISLNK(item->st.st_mode) && !add_target(scan, item, entry))
		return 1;
	return add_xattrs(scan, item, entry, fault);
}

/* ---- files ---- */

/* Look at a recipe of an entry: *lists_out is set if it names lists. False: it cannot be read, or the repository lacks a chunk that it names. */
static bool has_named(const struct lade_scan *scan, struct lade_slice encoded, bool *lists_out)
{
	struct lade_stream_recipe recipe;
	struct lade_reader reader;

	lade_reader_init(&reader, encoded.data, encoded.len);
	if (lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &scan->worker->shared->lengths, &recipe))
		return false;
	*lists_out = *lists_out || recipe.depth > 1;
	for (unsigned i = 0; i < recipe.count; i++)
		if (!lade_chunk_sink_has(scan->worker->shared->sink, recipe.items[i].id, recipe.depth > 1 ? LADE_CHUNK_RECIPE : LADE_CHUNK_CONTENT))
			return false;
	return true;
}

/* True if the repository still has all that an entry needs. */
static bool has_chunks(const struct lade_scan *scan, const struct lade_known_file *file)
{
	struct lade_stream_entry entry;
	struct lade_reader reader;
	bool lists = false;

	lade_reader_init(&reader, file->entry.data, file->entry.len);
	/* Of attributes that are a stream nobody noted the chunks. */
	if (lade_stream_entry_get(&reader, &scan->worker->shared->lengths, &entry) || (entry.fields & LADE_ENTRY_XATTRS_RECIPE) || !has_named(scan, entry.recipe, &lists))
		return false;
	if ((entry.fields & LADE_ENTRY_HOLES) && !has_named(scan, entry.holes_recipe, &lists))
		return false;
	if (file->ids.len % (1 + LADE_CHUNK_ID_LEN) || (lists && !file->ids.len))
		return false;
	for (size_t off = 0; off < file->ids.len; off += 1 + LADE_CHUNK_ID_LEN)
		if (!lade_chunk_sink_has(scan->worker->shared->sink, file->ids.data + off + 1, file->ids.data[off]))
			return false;
	return true;
}

/* A file that looks as it did. 1: it has been taken over; 0: it is to be read; or LADE_E_MEMORY. */
static int take_known(struct lade_scan *scan, const struct lade_walk_item *item)
{
	const char *path = (const char *)scan->path.data;
	struct lade_known_file file;

	if (!scan->setup.known || !lade_known_find(scan->setup.known, path, &item->st, &file) || !has_chunks(scan, &file))
		return 0;
	if (lade_tree_add(scan->stack[scan->depth - 1], lade_slice(item->name, item->name_len), file.entry))
		return LADE_E_MEMORY;
	if (scan->setup.to_know)
		lade_known_add(scan->setup.to_know, path, &item->st, &file);
	tell_entry(scan, path, &item->st, LADE_BACKUP_UNCHANGED);
	return 1;
}

static void free_job(struct file_job *file)
{
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

/* The entry, with what was read. */
static int put_file(struct file_job *file, const struct lade_file_cut_result *content, bool settled)
{
	struct lade_scan *scan = file->scan;
	struct lade_known_file known = { .ids = lade_slice(content->ids.data, content->ids.len) };
	struct lade_writer encoded;
	int error;

	file->entry.recipe = lade_slice(content->recipe.data, content->recipe.len);
	file->entry.fields |= LADE_ENTRY_RECIPE;
	if (content->holes.len) {
		file->entry.holes_recipe = lade_slice(content->holes.data, content->holes.len);
		file->entry.fields |= LADE_ENTRY_HOLES;
	}
	lade_writer_init(&encoded, LADE_BACKUP_ENTRY_MAX);
	error = lade_stream_entry_put(&encoded, &scan->worker->shared->lengths, &file->entry);
	if (!error)
		error = lade_tree_add(file->directory, file->entry.name, lade_slice(encoded.data, encoded.len));
	known.entry = lade_slice(encoded.data, encoded.len);
	if (!error && settled && scan->setup.to_know)
		lade_known_add(scan->setup.to_know, file->path, &file->st, &known);
	lade_writer_fini(&encoded);
	return error;
}

/* True if nothing has happened to the file since it was looked at; else the entry says so, and so does a problem. */
static bool is_same(struct file_job *file, const struct lade_file_cut_result *content)
{
	struct lade_stamp before = lade_stamp_of(0, &file->st), after;
	struct lade_fault fault;
	struct stat st;

	if (fstat(file->fd, &st) == 0) {
		after = lade_stamp_of(0, &st);
		if (lade_stamp_equal(&before, &after) && content->len == (uint64_t)file->st.st_size)
			return true;
	}
	file->entry.incomplete = LADE_INCOMPLETE_CHANGED;
	file->entry.fields |= LADE_ENTRY_INCOMPLETE;
	lade_fault_set(&fault, LADE_E_CHANGED, "read", file->path);
	tell_problem(file->scan, &fault);
	return false;
}

/* 0, or what ends the backup. A file that cannot be read is left out. */
static int read_file(struct file_job *file, struct lade_backup_worker *worker, struct lade_fault *fault)
{
	struct lade_scan *scan = file->scan;
	const struct lade_file_cut_source source = {
		.fd = file->fd, .seekable = true, .may_have_holes = file->st.st_blocks * INT64_C(512) < file->st.st_size, .len = (uint64_t)file->st.st_size,
		.path = file->path, .stop = scan->setup.stop, .progress = tell_read, .context = scan,
	};
	const struct lade_stamp stamp = lade_stamp_of(0, &file->st);
	struct lade_file_cut_result content;
	bool settled;
	int error;

	lade_file_cut_result_init(&content);
	error = lade_file_cut_put(worker, &source, &content, fault);
	if (error == LADE_E_SOURCE) {
		tell_problem(scan, fault);
		error = 0;
	} else if (!error) {
		settled = is_same(file, &content) && lade_stamp_settled(&stamp, &scan->setup.start);
		error = put_file(file, &content, settled);
		if (error)
			lade_fault_set(fault, error, "back up", file->path);
		else
			tell_entry(scan, file->path, &file->st, LADE_BACKUP_READ);
	}
	lade_file_cut_result_fini(&content);
	return error;
}

static void run_file(struct lade_pool_job *job, void *context)
{
	struct file_job *file = (struct file_job *)job;
	struct lade_tree_directory *directory = file->directory;
	struct lade_backup_worker *worker = context;
	struct lade_fault fault;
	int error;

	/* A file that is not read is missing, so there must be no snapshot of it, even if the walk has ended before. */
	if (is_over(file->scan))
		error = lade_fault_set(&fault, LADE_E_CANCELLED, "back up", NULL);
	else
		error = read_file(file, worker, &fault);
	if (error)
		fail(file->scan, error, &fault);
	free_job(file);
	lade_tree_deliver(directory, worker);
}

static struct lade_slice own(struct lade_slice slice, uint8_t **at)
{
	struct lade_slice copy = lade_slice(*at, slice.len);

	if (slice.len)
		memcpy(*at, slice.data, slice.len);
	*at += slice.len;
	return copy;
}

static struct file_job *new_job(struct lade_scan *scan, const struct lade_stream_entry *entry)
{
	const size_t path_len = scan->path.len;
	struct file_job *file = malloc(sizeof(*file) + path_len + entry->name.len + entry->xattrs.len + entry->xattrs_recipe.len + entry->user.len + entry->group.len);
	uint8_t *at;

	if (!file)
		return NULL;
	*file = (struct file_job){ .job.run = run_file, .scan = scan, .directory = scan->stack[scan->depth - 1], .fd = -1, .entry = *entry };
	at = file->owned;
	file->path = (const char *)own(lade_slice(scan->path.data, path_len), &at).data;
	file->entry.name = own(entry->name, &at);
	file->entry.xattrs = own(entry->xattrs, &at);
	file->entry.xattrs_recipe = own(entry->xattrs_recipe, &at);
	file->entry.user = own(entry->user, &at);
	file->entry.group = own(entry->group, &at);
	return file;
}

/* Open a file and have it read. */
static int add_file(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_stream_entry entry;
	struct file_job *file;
	int error = take_known(scan, item);

	if (error)
		return error < 0 ? no_memory(scan, fault) : 0;
	error = describe(scan, item, &entry, fault);
	if (error)
		return error < 0 ? error : 0;
	file = new_job(scan, &entry);
	if (!file)
		return no_memory(scan, fault);
	file->fd = lade_read_open(item->parent_fd, item->name, LADE_READ_NOATIME);
	if (file->fd < 0 || fstat(file->fd, &file->st)) {
		problem_here(scan, "open");
		free_job(file);
		return 0;
	}
	/* Something else has the name now. */
	if (!S_ISREG(file->st.st_mode)) {
		errno = ESTALE;
		problem_here(scan, "open");
		free_job(file);
		return 0;
	}
	add_stat(&file->st, &file->entry);
	add_times(&file->st, &file->entry);
	lade_tree_expect(file->directory);
	lade_pool_add(scan->worker->shared->pool, &file->job);
	return 0;
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
	int error = describe(scan, item, &entry, fault);

	if (!error && enter(scan, &entry))
		error = no_memory(scan, fault);
	if (error)
		return error;
	tell_entry(scan, (const char *)scan->path.data, &item->st, LADE_BACKUP_OTHER);
	if (!item->implied && lade_mark_found(&wish, item->parent_fd, item->name)) {
		lade_walk_skip(walk);
		lade_tree_leave(scan->stack[--scan->depth]);
	}
	return 0;
}

static int add_other(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_stream_entry entry;
	int error = describe(scan, item, &entry, fault);

	if (error)
		return error < 0 ? error : 0;
	lade_writer_reset(&scan->encoded);
	error = lade_stream_entry_put(&scan->encoded, &scan->worker->shared->lengths, &entry);
	if (error || lade_tree_add(scan->stack[scan->depth - 1], entry.name, lade_slice(scan->encoded.data, scan->encoded.len)))
		return no_memory(scan, fault);
	tell_entry(scan, (const char *)scan->path.data, &item->st, LADE_BACKUP_OTHER);
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
	return add_file(scan, item, fault);
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
	tell_problem(scan, &problem);
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
			lade_tree_leave(scan->stack[--scan->depth]);
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
		if (is_over(scan))
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
		fail(scan, error, &walked);
	while (scan->depth)
		lade_tree_leave(scan->stack[--scan->depth]);
	lade_pool_drain(scan->worker->shared->pool);
	if (scan->error)
		*fault = scan->fault;
	return scan->error;
}
