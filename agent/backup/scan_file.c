/*
 * Regular files. The walk's thread looks up what is known and opens the others; a file's descriptor goes with its job, so that no path is resolved twice; as many are open as may
 * wait in the pool. A thread of the pool reads it.
 *
 * A job delivers to its directory exactly once, whatever comes of it. A file that changes while it is read is in the snapshot as it was read, marked as such, and is not known next
 * time.
 */
#include "agent/backup/scan_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backup/entry_copy.h"
#include "agent/backup/file_cut.h"
#include "agent/sync/stamp.h"
#include "agent/tree/read_open.h"

/* A file that is to be read. */
struct file_job {
	struct lade_pool_job job;
	struct lade_scan *scan;
	struct lade_tree_directory *directory;
	int fd;
	struct stat st;
	struct lade_stream_entry entry; /* what it points to is owned, but for the recipes */
	const char *path;
	uint8_t owned[];                /* what the entry points to, then the path */
};

/* ---- files that are known ---- */

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
	scan_tell_entry(scan, path, &item->st, LADE_BACKUP_UNCHANGED);
	return 1;
}

/* ---- files that are read ---- */

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
	scan_tell_problem(file->scan, &fault);
	return false;
}

static void tell_read(void *context, uint64_t bytes)
{
	struct lade_scan *scan = context;
	const struct lade_backup_events *events = scan->setup.events;

	pthread_mutex_lock(&scan->lock);
	events->read(events->context, bytes);
	pthread_mutex_unlock(&scan->lock);
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
		scan_tell_problem(scan, fault);
		error = 0;
	} else if (!error) {
		settled = is_same(file, &content) && lade_stamp_settled(&stamp, &scan->setup.start);
		error = put_file(file, &content, settled);
		if (error)
			lade_fault_set(fault, error, "back up", file->path);
		else
			scan_tell_entry(scan, file->path, &file->st, LADE_BACKUP_READ);
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
	if (scan_is_over(file->scan))
		error = lade_fault_set(&fault, LADE_E_CANCELLED, "back up", NULL);
	else
		error = read_file(file, worker, &fault);
	if (error)
		scan_fail(file->scan, error, &fault);
	close(file->fd);
	free(file);
	lade_tree_deliver(directory, worker);
}

/* A job for what is open as fd, which it owns then, and is described by entry. */
static struct file_job *new_job(struct lade_scan *scan, int fd, const struct stat *st, const struct lade_stream_entry *entry)
{
	struct file_job *file = malloc(sizeof(*file) + lade_entry_copy_len(entry) + scan->path.len);
	uint8_t *path;

	if (!file)
		return NULL;
	*file = (struct file_job){ .job.run = run_file, .scan = scan, .directory = scan->stack[scan->depth - 1], .fd = fd, .st = *st };
	lade_entry_copy(entry, file->owned, &file->entry);
	path = file->owned + lade_entry_copy_len(entry);
	memcpy(path, scan->path.data, scan->path.len);
	file->path = (const char *)path;
	return file;
}

/* Open a file, which may be another one than the walk saw. Returns its descriptor, or -1, which was told. */
static int open_file(struct lade_scan *scan, const struct lade_walk_item *item, struct stat *st_out)
{
	int fd = lade_read_open(item->parent_fd, item->name, LADE_READ_NOATIME);

	if (fd >= 0 && fstat(fd, st_out) == 0) {
		if (S_ISREG(st_out->st_mode))
			return fd;
		/* Something else has the name now. */
		errno = ESTALE;
	}
	scan_problem_here(scan, "open");
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Have a file read. */
static int add_unknown(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_fault *fault)
{
	struct lade_walk_item opened = *item;
	struct lade_stream_entry entry;
	struct file_job *file;
	int fd = open_file(scan, item, &opened.st), error;

	if (fd < 0)
		return 0;
	/* By what is open: that is what will be read, and attributes cost less by a descriptor than by a path. */
	error = scan_describe(scan, &opened, fd, &entry, fault);
	file = error ? NULL : new_job(scan, fd, &opened.st, &entry);
	if (!file) {
		close(fd);
		return error ? error : scan_no_memory(scan, fault);
	}
	lade_tree_expect(file->directory);
	lade_pool_add(scan->worker->shared->pool, &file->job);
	return 0;
}

int scan_add_file(struct lade_scan *scan, const struct lade_walk_item *item, struct lade_fault *fault)
{
	const int known = take_known(scan, item);

	if (known)
		return known < 0 ? scan_no_memory(scan, fault) : 0;
	return add_unknown(scan, item, fault);
}
