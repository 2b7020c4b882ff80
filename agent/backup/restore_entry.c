/*
 * What becomes of one entry. Symlinks, devices, FIFOs and sockets are made at once, beside their place, and renamed; files go into a batch.
 *
 * Names in the target may change at any time. What is looked at decides what is done, not where: all is done in a held directory, by one component, and rename(2) replaces a symlink and
 * does not follow it.
 */
#include "agent/backup/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "agent/store/stream.h"
#include "agent/tree/read_open.h"
#include "agent/tree/remove.h"
#include "protocol/limits.h"

/* ---- what an entry wants ---- */

/* Tell identities what a number was called, once. */
static int learn(struct lade_restore *restore, enum lade_identity_kind kind, uint32_t id, struct lade_slice name)
{
	uint64_t value;
	int error;

	if (!name.len || !id || lade_inode_map_find(restore->learnt, (dev_t)kind, id, &value))
		return 0;
	error = lade_identities_learn(restore->identities, kind, id, (const char *)name.data, name.len);
	/* A name that cannot be one is none. */
	if (error && error != LADE_E_MEMORY)
		error = 0;
	return error ? error : lade_inode_map_put(restore->learnt, (dev_t)kind, id, 1);
}

/* Read attributes that are a stream. *out is owned. */
static int read_xattrs(struct lade_restore *restore, struct lade_slice encoded, struct lade_slice *out, struct lade_fault *fault)
{
	const struct lade_stream_source *source = &restore->setup.source.stream;
	struct lade_stream_reader *stream = NULL;
	struct lade_stream_recipe recipe;
	struct lade_reader reader;
	uint8_t *bytes = NULL;
	size_t len = 0;
	int error;

	lade_reader_init(&reader, encoded.data, encoded.len);
	error = lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &source->lengths, &recipe);
	if (!error && (lade_reader_finish(&reader) || recipe.length > LADE_XATTRS_MAX))
		error = LADE_E_CHANGED;
	if (!error)
		error = lade_stream_reader_new(source, LADE_CHUNK_CONTENT, &recipe, &stream);
	if (!error) {
		bytes = malloc((size_t)recipe.length + 1);
		error = bytes ? 0 : LADE_E_MEMORY;
	}
	if (error)
		lade_fault_set(fault, error, "read attributes", "");
	else
		error = lade_stream_reader_read(stream, bytes, (size_t)recipe.length, &len, fault);
	lade_stream_reader_free(stream);
	if (error) {
		free(bytes);
		return error;
	}
	*out = lade_slice(bytes, len);
	return 0;
}

/* *out is owned. */
static int get_xattrs(struct lade_restore *restore, const struct lade_stream_entry *entry, struct lade_slice *out, struct lade_fault *fault)
{
	struct lade_metadata copied = { .xattrs = entry->xattrs };
	int error = 0;

	*out = lade_slice(NULL, 0);
	if (entry->fields & LADE_ENTRY_XATTRS_RECIPE) {
		error = read_xattrs(restore, entry->xattrs_recipe, out, fault);
	} else if (entry->fields & LADE_ENTRY_XATTRS) {
		if (!lade_metadata_own_xattrs(&copied))
			return lade_fault_set(fault, LADE_E_MEMORY, "read attributes", "");
		*out = copied.xattrs;
	}
	if (error || !out->len || !lade_attributes_check(*out))
		return error;
	free((void *)(uintptr_t)out->data);
	*out = lade_slice(NULL, 0);
	return lade_fault_set(fault, LADE_E_CHANGED, "use attributes of", "");
}

int restore_wishes(struct lade_restore *restore, const struct lade_stream_entry *entry, struct lade_metadata *wanted_out, struct lade_fault *fault)
{
	uint32_t uid = entry->fields & LADE_ENTRY_OWNER ? entry->uid : restore->keep.euid, gid = entry->fields & LADE_ENTRY_OWNER ? entry->gid : restore->keep.egid;

	*wanted_out = (struct lade_metadata){
		.mode = (mode_t)entry->mode, .granted = 0777,
		.mtime = { .tv_sec = (time_t)entry->mtime.s, .tv_nsec = (long)entry->mtime.ns }, .rdev = makedev(entry->rdev_major, entry->rdev_minor),
	};
	if ((entry->fields & LADE_ENTRY_OWNER) && !restore->setup.numeric_ids) {
		if (learn(restore, LADE_IDENTITY_USER, uid, entry->user) || learn(restore, LADE_IDENTITY_GROUP, gid, entry->group))
			return lade_fault_set(fault, LADE_E_MEMORY, "map owner", "");
		uid = lade_identities_map(restore->identities, LADE_IDENTITY_USER, uid);
		gid = lade_identities_map(restore->identities, LADE_IDENTITY_GROUP, gid);
	}
	if (!(entry->fields & LADE_ENTRY_MTIME))
		clock_gettime(CLOCK_REALTIME, &wanted_out->mtime);
	wanted_out->uid = uid;
	wanted_out->gid = gid;
	return get_xattrs(restore, entry, &wanted_out->xattrs, fault);
}

int restore_apply(struct lade_restore *restore, int directory_fd, const char *name, const struct lade_metadata *wanted, struct lade_fault *fault)
{
	struct lade_metadata_place place = { -1, directory_fd, name };
	struct stat st;
	int error;

	/* By a descriptor it needs no /proc, and is about one and the same file. */
	if (S_ISREG(wanted->mode))
		place.fd = lade_read_open(directory_fd, name, LADE_READ_NOATIME);
	if (place.fd >= 0 ? fstat(place.fd, &st) : fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "stat", name);
	else if ((st.st_mode & S_IFMT) != (wanted->mode & S_IFMT))
		error = lade_fault_set(fault, LADE_E_CHANGED, "set metadata of", name);
	else
		error = lade_metadata_apply(&restore->keep, wanted, &place, &st, NULL, restore->identities, fault);
	if (place.fd >= 0)
		close(place.fd);
	return error;
}

/* ---- what is in the way ---- */

static void removed(void *context, const char *path, mode_t mode)
{
	restore_tell(context, path, (uint32_t)mode, 0, LADE_RESTORE_DELETED);
}

static void not_removed(void *context, const struct lade_fault *fault)
{
	/* What is left of a directory because something in it is protected is as it should be. */
	if (fault->sys_errno != ENOTEMPTY)
		restore_problem(context, fault->subject, fault);
}

int restore_remove(struct lade_restore *restore, struct lade_directory *directory, const char *directory_path, const char *name, bool makes_way,
		   struct lade_fault *fault)
{
	const struct lade_removal removal = {
		.scope = restore->protect, .prefix = directory_path, .asked = !makes_way, .dry_run = restore->setup.dry_run, .makes_way = makes_way,
		.one_file_system = true, .context = restore, .removed = removed, .failed = not_removed,
	};

	return lade_remove_tree(directory, name, &removal, fault);
}

int restore_make_way(struct lade_restore *restore, const struct restore_place *place, struct lade_fault *fault)
{
	char *above;
	int error;

	/* rename(2) does the rest. */
	if (!place->exists || !S_ISDIR(place->st.st_mode) || restore->setup.dry_run || unlinkat(place->fd, place->name, AT_REMOVEDIR) == 0)
		return 0;
	if (!place->removes || (errno != ENOTEMPTY && errno != EEXIST))
		return lade_fault_set(fault, LADE_E_SYSTEM, "replace directory", place->path);
	above = strndup(place->path, (size_t)(place->name - place->path) - (place->name > place->path));
	if (!above)
		return lade_fault_set(fault, LADE_E_MEMORY, "replace directory", place->path);
	error = restore_remove(restore, place->directory, above, place->name, true, fault);
	free(above);
	return error;
}

/* ---- what is neither file nor directory ---- */

/* True if what is there is what the entry says, but for metadata. */
static bool is_equal(const struct restore_place *place, const struct lade_stream_entry *entry)
{
	char target[LADE_TARGET_MAX];
	ssize_t len;

	if (!place->exists || ((place->st.st_mode ^ (mode_t)entry->mode) & S_IFMT))
		return false;
	if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode))
		return place->st.st_rdev == makedev(entry->rdev_major, entry->rdev_minor);
	if (!S_ISLNK(entry->mode))
		return true;
	len = readlinkat(place->fd, place->name, target, sizeof(target));
	return len >= 0 && lade_slice_equal(lade_slice(target, (size_t)len), entry->target);
}

static int make_at(int fd, const char *name, const struct lade_stream_entry *entry)
{
	char target[LADE_TARGET_MAX];

	if (!S_ISLNK(entry->mode))
		return mknodat(fd, name, (mode_t)(entry->mode & S_IFMT) | 0600, makedev(entry->rdev_major, entry->rdev_minor));
	if (entry->target.len >= sizeof(target)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(target, entry->target.data, entry->target.len);
	target[entry->target.len] = '\0';
	return symlinkat(target, fd, name);
}

/* Make it beside its place, and put it there. */
static int make_special(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, const struct lade_metadata *wanted,
			struct lade_fault *fault)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE];
	struct lade_fault problem;
	int result;

	if (restore_make_way(restore, place, fault))
		return fault->code;
	lade_temporary_name(place->name, 0, temporary);
	result = make_at(place->fd, temporary, entry);
	/* What a restore left behind that was killed here. */
	if (result && errno == EEXIST && unlinkat(place->fd, temporary, 0) == 0)
		result = make_at(place->fd, temporary, entry);
	if (result)
		return lade_fault_set(fault, LADE_E_SYSTEM, "make", place->path);
	if (restore_apply(restore, place->fd, temporary, wanted, &problem))
		restore_metadata_problem(restore, place->path, &problem);
	if (renameat(place->fd, temporary, place->fd, place->name) == 0)
		return 0;
	lade_fault_set(fault, LADE_E_SYSTEM, "put into place", place->path);
	(void)unlinkat(place->fd, temporary, 0);
	return LADE_E_SYSTEM;
}

static int restore_special(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct restore_first *first,
			   struct lade_fault *fault)
{
	const bool equal = is_equal(place, entry), dry = restore->setup.dry_run;
	struct lade_metadata wanted;
	struct lade_fault problem;
	int error;

	if (S_ISLNK(entry->mode) != !!(entry->fields & LADE_ENTRY_TARGET))
		return lade_fault_set(fault, LADE_E_CHANGED, "make symlink", place->path);
	error = restore_wishes(restore, entry, &wanted, fault);
	if (!error && !equal && !dry)
		error = make_special(restore, place, entry, &wanted, fault);
	if (!error && equal && !dry && restore_apply(restore, place->fd, place->name, &wanted, &problem))
		restore_metadata_problem(restore, place->path, &problem);
	free((void *)(uintptr_t)wanted.xattrs.data);
	if (error)
		return error;
	if (first)
		atomic_store(&first->good, true);
	restore_tell(restore, place->path, entry->mode, 0, equal ? LADE_RESTORE_UNCHANGED : place->exists ? LADE_RESTORE_UPDATED : LADE_RESTORE_MADE);
	return 0;
}

/* ---- files ---- */

static int get_recipe(const struct lade_restore *restore, const struct lade_stream_entry *entry, struct lade_stream_recipe *recipe_out, const char *path,
		      struct lade_fault *fault)
{
	struct lade_reader reader;

	lade_reader_init(&reader, entry->recipe.data, entry->recipe.len);
	if (!(entry->fields & LADE_ENTRY_RECIPE) || lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &restore->setup.source.stream.lengths, recipe_out) ||
	    lade_reader_finish(&reader))
		return lade_fault_set(fault, LADE_E_CHANGED, "use the recipe of", path);
	return 0;
}

/* Holes of a file, as far as they are remembered. Those that cannot be are written as zeros. */
static int get_holes(struct restore_file *file, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	const struct lade_stream_source *source = &file->restore->setup.source.stream;
	struct lade_stream_reader *stream = NULL;
	struct lade_stream_recipe recipe;
	struct lade_reader reader;
	uint64_t end = 0;
	uint8_t bytes[16];
	size_t got = sizeof(bytes);
	int error;

	lade_reader_init(&reader, entry->holes_recipe.data, entry->holes_recipe.len);
	error = lade_stream_recipe_get(&reader, LADE_CHUNK_CONTENT, &source->lengths, &recipe);
	if (error || lade_reader_finish(&reader) || recipe.length % sizeof(bytes))
		return lade_fault_set(fault, LADE_E_CHANGED, "use the holes of", file->path);
	file->hole_count = recipe.length / sizeof(bytes) < RESTORE_HOLES_MAX ? (size_t)(recipe.length / sizeof(bytes)) : RESTORE_HOLES_MAX;
	file->holes = calloc(file->hole_count + 1, sizeof(*file->holes));
	error = file->holes ? lade_stream_reader_new(source, LADE_CHUNK_CONTENT, &recipe, &stream) : LADE_E_MEMORY;
	if (error)
		lade_fault_set(fault, error, "use the holes of", file->path);
	for (size_t i = 0; !error && i < file->hole_count; i++) {
		struct restore_hole *hole = &file->holes[i];

		error = lade_stream_reader_read(stream, bytes, sizeof(bytes), &got, fault);
		if (error)
			break;
		for (unsigned at = 8; at-- > 0;) {
			hole->off = hole->off << 8 | bytes[at];
			hole->len = hole->len << 8 | bytes[8 + at];
		}
		if (hole->off < end || hole->off > file->recipe->length || hole->len > file->recipe->length - hole->off)
			error = lade_fault_set(fault, LADE_E_CHANGED, "use the holes of", file->path);
		end = hole->off + hole->len;
	}
	lade_stream_reader_free(stream);
	return error;
}

static enum restore_task task_of(const struct lade_restore *restore, const struct restore_place *place, const struct lade_metadata *wanted, uint64_t len)
{
	if (!place->exists || !S_ISREG(place->st.st_mode))
		return RESTORE_NEW;
	if (restore->setup.overwrite != LADE_OVERWRITE_ALWAYS && (uint64_t)place->st.st_size == len && lade_time_equal(&place->st.st_mtim, &wanted->mtime))
		return RESTORE_SAME;
	return RESTORE_OVER;
}

/* In a dry run nothing is read. */
static void tell_file(struct lade_restore *restore, const struct restore_place *place, enum restore_task task, uint32_t mode, uint64_t len)
{
	restore_tell(restore, place->path, mode, len,
		     task == RESTORE_SAME ? LADE_RESTORE_UNCHANGED : place->exists ? LADE_RESTORE_UPDATED : LADE_RESTORE_MADE);
}

static int restore_regular(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct restore_first *first,
			   struct lade_fault *fault)
{
	struct lade_metadata wanted = { .mode = 0 };
	struct lade_stream_recipe recipe;
	struct restore_file *file;
	enum restore_task task;
	int error = get_recipe(restore, entry, &recipe, place->path, fault);

	if (!error)
		error = restore_wishes(restore, entry, &wanted, fault);
	if (error)
		return error;
	atomic_fetch_add(&restore->bytes, recipe.length);
	task = task_of(restore, place, &wanted, recipe.length);
	if (restore->setup.dry_run) {
		tell_file(restore, place, task, entry->mode, recipe.length);
		free((void *)(uintptr_t)wanted.xattrs.data);
		return 0;
	}
	file = restore_file_new(restore, place, &wanted, &recipe);
	if (!file) {
		free((void *)(uintptr_t)wanted.xattrs.data);
		return lade_fault_set(fault, LADE_E_MEMORY, "restore", place->path);
	}
	file->task = task;
	file->first = first;
	if (task != RESTORE_SAME)
		error = restore_make_way(restore, place, fault);
	if (!error && task != RESTORE_SAME && (entry->fields & LADE_ENTRY_HOLES))
		error = get_holes(file, entry, fault);
	if (error) {
		restore_file_free(file);
		return error;
	}
	file->sparse = restore->setup.sparse || file->hole_count;
	restore_batch_add(restore, file);
	return 0;
}

/* ---- all of them ---- */

/* True if what is there stays, whatever the entry says. */
static bool stays(const struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry)
{
	const struct timespec mtime = { .tv_sec = (time_t)entry->mtime.s, .tv_nsec = (long)entry->mtime.ns };

	if (!place->exists)
		return false;
	if (restore->setup.overwrite == LADE_OVERWRITE_NEVER)
		return true;
	return restore->setup.overwrite == LADE_OVERWRITE_IF_NEWER && (entry->fields & LADE_ENTRY_MTIME) && lade_keep_time_newer(&restore->keep, &place->st.st_mtim, &mtime);
}

static int restore_one(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	struct restore_first *first = NULL;
	int is_other = 0;

	if (stays(restore, place, entry)) {
		restore_tell(restore, place->path, entry->mode, 0, LADE_RESTORE_KEPT);
		return 0;
	}
	if (!restore->setup.dry_run)
		is_other = restore_first_of(restore, place, entry, &first);
	if (is_other < 0 || (is_other && restore_link_add(restore, place, first)))
		return lade_fault_set(fault, LADE_E_MEMORY, "restore", place->path);
	if (is_other)
		return restore_make_way(restore, place, fault);
	return S_ISREG(entry->mode) ? restore_regular(restore, place, entry, first, fault) : restore_special(restore, place, entry, first, fault);
}

/* Types that stat(2) knows. */
static bool is_type(uint32_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) || S_ISSOCK(mode);
}

int restore_entry(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	int error;

	atomic_fetch_add(S_ISREG(entry->mode) ? &restore->files : &restore->others, 1);
	if (entry->fields & LADE_ENTRY_INCOMPLETE)
		restore_tell_incomplete(restore, place->path);
	error = is_type(entry->mode) ? restore_one(restore, place, entry, fault) : lade_fault_set(fault, LADE_E_CHANGED, "make", place->path);
	if (error)
		restore_problem(restore, place->path, fault);
	return error == LADE_E_MEMORY ? error : 0;
}

int restore_check_entry(struct lade_restore *restore, const struct restore_place *place, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	struct lade_metadata wanted = { .mode = (mode_t)entry->mode, .mtime = { .tv_sec = (time_t)entry->mtime.s, .tv_nsec = (long)entry->mtime.ns } };
	const enum lade_restore_overwrite overwrite = restore->setup.overwrite;
	struct lade_stream_recipe recipe;
	struct restore_file *file;

	if (!S_ISREG(entry->mode) || get_recipe(restore, entry, &recipe, place->path, fault))
		return 0; /* which was told */
	/* What was left alone is not what the snapshot has, and need not be. */
	if ((overwrite == LADE_OVERWRITE_NEVER || overwrite == LADE_OVERWRITE_IF_NEWER) && place->exists && !lade_time_equal(&place->st.st_mtim, &wanted.mtime))
		return 0;
	file = restore_file_new(restore, place, &wanted, &recipe);
	if (!file)
		return lade_fault_set(fault, LADE_E_MEMORY, "verify", place->path);
	file->task = RESTORE_CHECK;
	restore_batch_add(restore, file);
	return 0;
}
