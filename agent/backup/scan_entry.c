/*
 * What an entry says of a name, whatever kind of thing it is: what stat(2) says, names of owners, the target of a symlink, attributes. Only the walk's thread is here, so what an
 * entry points to can be in buffers of the scan, until the next one.
 *
 * What cannot be read of an entry does not end the backup: without a target there is no entry, without attributes there is one.
 */
#include "agent/backup/scan_internal.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/store/stream.h"
#include "agent/tree/attributes.h"

/* The attributes of an entry that are more than an entry should hold become a stream. */
static int put_xattrs_stream(struct lade_scan *scan, struct lade_stream_entry *entry, struct lade_fault *fault)
{
	const struct lade_stream_sink sink = lade_backup_worker_sink(scan->worker);
	struct lade_stream_writer *stream;
	struct lade_writer recipe;
	int error = lade_stream_writer_new(&sink, LADE_CHUNK_CONTENT, &stream);

	if (error)
		return scan_no_memory(scan, fault);
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

/* Extended attributes and ACLs, by fd if it is not -1. What cannot be read of them is a problem, and the entry is there without. */
static int add_xattrs(struct lade_scan *scan, const struct lade_walk_item *item, int fd, struct lade_stream_entry *entry, struct lade_fault *fault)
{
	const struct lade_attributes_wish wish = { .xattrs = true, .acls = true, .filter = scan->setup.filter, .super = scan->setup.super };
	const struct lade_attributes_place place = { fd, item->parent_fd, item->name };
	struct lade_fault problem;

	lade_writer_reset(&scan->xattrs);
	if (lade_attributes_read(&wish, &place, &scan->xattrs, &problem)) {
		lade_fault_set(&problem, problem.code, problem.operation, (const char *)scan->path.data);
		scan_tell_problem(scan, &problem);
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
		scan_problem_here(scan, "read symlink");
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

int scan_describe(struct lade_scan *scan, const struct lade_walk_item *item, int fd, struct lade_stream_entry *entry, struct lade_fault *fault)
{
	*entry = (struct lade_stream_entry){ .name = lade_slice(item->name, item->name_len) };
	add_stat(&item->st, entry);
	/* Those of a directory on the way say when something beside what is backed up came or went, which makes no other backup of it. */
	if (!item->implied)
		add_times(&item->st, entry);
	if (add_owners(scan, &item->st, entry))
		return scan_no_memory(scan, fault);
	if (S_ISLNK(item->st.st_mode) && !add_target(scan, item, entry))
		return 1;
	return add_xattrs(scan, item, fd, entry, fault);
}
