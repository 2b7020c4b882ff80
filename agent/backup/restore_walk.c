/*
 * The walk of a restore. It keeps the directories that it is in, and goes on with the rest where something fails.
 *
 * Deleting goes along: names of a directory are read in order, and what comes before the snapshot's next entry is not in the snapshot. So a snapshot whose directory cannot be read to its
 * end deletes nothing behind the place where it is damaged; nor does one that was not read to its end when it was backed up, nor a directory above the paths that were backed up, of which the
 * snapshot has only what leads to them.
 */
#include "agent/backup/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/backup/tree_cursor.h"
#include "agent/tree/listing.h"
#include "agent/tree/name_list.h"
#include "protocol/grow.h"

/* A directory's metadata, which it gets when all is done in it. */
struct restore_directory {
	struct lade_restore *restore;
	struct lade_metadata wanted; /* xattrs are owned */
	bool applies;                /* it was made, or is one that the snapshot has */
	size_t name_off;             /* of its name in path */
	char path[];
};

/* A directory that the walk is in. */
struct level {
	struct lade_directory *handle;  /* a reference */
	struct restore_directory *user; /* the handle's; NULL: the target itself */
	bool included;                  /* a rule includes it, and so all below */
	bool pending;                   /* it is made when something in it is */
	bool missing;                   /* dry run: it is not there */
	bool unnamed;                   /* as in struct restore_place */
	bool may_remove;                /* where there are names that the snapshot has not */
	struct lade_name_list *names;   /* of what is there; NULL: nothing is to be deleted */
	struct lade_name_cursor *cursor;
	struct lade_name next;
	bool has_next;
};

struct walk {
	struct lade_restore *restore;
	bool checking;
	struct lade_filter_scope *scope;
	struct level *levels; /* depth of capacity */
	size_t depth, capacity;
};

/* ---- directories ---- */

/* Its metadata; place is it. */
static int apply_directory(struct lade_directory *handle, struct restore_directory *user, int fd, struct lade_fault *fault)
{
	struct lade_restore *restore = user->restore;
	struct lade_metadata_place place = { fd, -1, NULL };
	struct lade_directory *parent = lade_directory_parent(handle);
	struct stat st;
	int error;

	if (fstat(fd, &st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat", user->path);
	if (!(fcntl(fd, F_GETFL) & O_PATH))
		return lade_metadata_apply(&restore->keep, &user->wanted, &place, &st, NULL, restore->identities, fault);
	/* One that may only be searched is spoken of by its name. */
	error = lade_directory_pin(parent, &place.directory_fd, fault);
	if (error)
		return error;
	place.fd = -1;
	place.name = lade_directory_name(handle);
	error = lade_metadata_apply(&restore->keep, &user->wanted, &place, &st, NULL, restore->identities, fault);
	lade_directory_unpin(parent);
	return error;
}

/* All is done in it: the last reference is dropped. */
static void directory_done(struct lade_directory *handle, void *context)
{
	struct restore_directory *user = context;
	struct lade_fault fault;
	int fd;

	if (user->applies && !user->restore->setup.dry_run) {
		if (lade_directory_pin(handle, &fd, &fault)) {
			restore_problem(user->restore, user->path, &fault);
		} else {
			if (apply_directory(handle, user, fd, &fault))
				restore_metadata_problem(user->restore, user->path, &fault);
			lade_directory_unpin(handle);
		}
	}
	free((void *)(uintptr_t)user->wanted.xattrs.data);
	free(user);
}

/* Somebody's own directory may be closed to himself. It gets its mode when all is done. */
static void open_up(int parent_fd, const char *name, const struct stat *st)
{
	if ((st->st_mode & 0700) != 0700 && st->st_uid == geteuid() && fchmodat(parent_fd, name, (st->st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW))
		return; /* which shows in what is done next */
}

/* True if files can be made without a name in a directory. */
static bool is_unnamed(const struct lade_restore *restore, const struct stat *directory)
{
	return restore->unnamed && directory->st_dev == restore->device;
}

/* Find out what there is of a directory, or make it, in parent, which is pinned as fd. Returns 0 or a fault. */
static int make_in(struct walk *walk, struct level *level, const struct restore_place *place, struct lade_fault *fault)
{
	struct lade_restore *restore = walk->restore;
	enum lade_restore_action action = LADE_RESTORE_UNCHANGED;
	bool is_there = place->exists && S_ISDIR(place->st.st_mode);

	level->missing = !is_there && restore->setup.dry_run;
	if (!is_there && place->exists && restore->setup.overwrite == LADE_OVERWRITE_NEVER) {
		errno = EEXIST;
		return lade_fault_set(fault, LADE_E_SYSTEM, "make directory", place->path);
	}
	if (!is_there) {
		action = place->exists ? LADE_RESTORE_UPDATED : LADE_RESTORE_MADE;
		if (!restore->setup.dry_run && place->exists && unlinkat(place->fd, place->name, 0))
			return lade_fault_set(fault, LADE_E_SYSTEM, "delete", place->path);
		if (!restore->setup.dry_run && mkdirat(place->fd, place->name, 0700))
			return lade_fault_set(fault, LADE_E_SYSTEM, "make directory", place->path);
	} else if (!restore->setup.dry_run) {
		open_up(place->fd, place->name, &place->st);
	}
	level->unnamed = is_there ? is_unnamed(restore, &place->st) : place->unnamed;
	level->user->applies = true;
	level->pending = false;
	restore_tell(restore, place->path, S_IFDIR, 0, action);
	return 0;
}

/* Look at name in the innermost directory. The caller unpins place->directory, if fd is not -1. Returns 0 or a fault. */
static int look(const struct level *level, const char *path, size_t name_off, struct restore_place *place, struct lade_fault *fault)
{
	int error;

	*place = (struct restore_place){ .directory = level->handle, .fd = -1, .path = path, .name = path + name_off, .removes = level->may_remove,
					 .unnamed = level->unnamed };
	if (level->missing || level->pending)
		return 0;
	error = lade_directory_pin(level->handle, &place->fd, fault);
	if (error) {
		place->fd = -1;
		return error;
	}
	place->exists = fstatat(place->fd, place->name, &place->st, AT_SYMLINK_NOFOLLOW) == 0;
	if (place->exists || errno == ENOENT)
		return 0;
	error = lade_fault_set(fault, LADE_E_SYSTEM, "stat", path);
	lade_directory_unpin(level->handle);
	place->fd = -1;
	return error;
}

static void look_away(const struct restore_place *place)
{
	if (place->fd >= 0)
		lade_directory_unpin(place->directory);
}

/* Make the directory of level number, which is not the first one; that above is made. */
static int make_level(struct walk *walk, size_t number, struct lade_fault *fault)
{
	struct level *level = &walk->levels[number];
	struct restore_place place;
	int error = look(level - 1, level->user->path, level->user->name_off, &place, fault);

	if (!error)
		error = make_in(walk, level, &place, fault);
	look_away(&place);
	return error;
}

/* Have all directories be made that the walk is in. */
static int make_pending(struct walk *walk, struct lade_fault *fault)
{
	for (size_t i = 1; i < walk->depth; i++) {
		int error = walk->levels[i].pending ? make_level(walk, i, fault) : 0;

		if (error)
			return error;
	}
	return 0;
}

/* The innermost directory is not included itself: if it is there it need not be made, and stays as it is. */
static int find_pending(struct walk *walk, struct lade_fault *fault)
{
	struct level *level = &walk->levels[walk->depth - 1];
	struct restore_place place;
	int error = look(level - 1, level->user->path, level->user->name_off, &place, fault);

	if (error)
		return error;
	if (place.exists && S_ISDIR(place.st.st_mode)) {
		level->unnamed = is_unnamed(walk->restore, &place.st);
		level->pending = false;
	}
	look_away(&place);
	return 0;
}

/* ---- deleting ---- */

static int any_name(void *context, int directory_fd, const char **name, uint8_t type)
{
	(void)context;
	(void)directory_fd;
	(void)type;
	/* Those of another restore, or a sync, are found when their files are made. */
	return lade_temporary_is(*name) ? -1 : 0;
}

static void drop_names(struct level *level)
{
	lade_name_cursor_free(level->cursor);
	lade_name_list_free(level->names);
	level->cursor = NULL;
	level->names = NULL;
	level->has_next = false;
}

static void next_name(struct walk *walk, struct level *level)
{
	struct lade_fault fault;
	const int got = level->names ? lade_name_cursor_next(level->cursor, &level->next, &fault) : 0;

	level->has_next = got == 1;
	if (got < 0) {
		restore_problem(walk->restore, level->user ? level->user->path : "", &fault);
		drop_names(level);
	}
}

/* Read what is in a directory that may have more than the snapshot. */
static void read_names(struct walk *walk, struct level *level)
{
	const struct lade_listing_key key = { any_name, NULL };
	struct lade_fault fault;
	int pinned, fd, error;

	if (lade_directory_pin(level->handle, &pinned, &fault)) {
		restore_problem(walk->restore, level->user ? level->user->path : "", &fault);
		return;
	}
	fd = openat(pinned, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lade_directory_unpin(level->handle);
	error = fd < 0 ? lade_fault_set(&fault, LADE_E_SYSTEM, "read directory", "") : lade_name_list_new(NULL, 0, &level->names);
	if (error == LADE_E_MEMORY)
		lade_fault_set(&fault, error, "read directory", "");
	if (!error)
		error = lade_listing_read(fd, level->names, &key, &fault);
	if (!error)
		error = lade_name_list_sort(level->names, &fault);
	if (!error && lade_name_cursor_new(level->names, &level->cursor))
		error = lade_fault_set(&fault, LADE_E_MEMORY, "read directory", "");
	if (fd >= 0)
		close(fd);
	if (error) {
		restore_problem(walk->restore, level->user ? level->user->path : "", &fault);
		drop_names(level);
		return;
	}
	next_name(walk, level);
}

/* Delete the next name, unless a rule says that it is none of ours. */
static void delete_next(struct walk *walk, struct level *level)
{
	struct lade_restore *restore = walk->restore;
	const char *directory_path = level->user ? level->user->path : "";
	struct lade_filter_decision decision = { .excluded = false };
	struct restore_place place;
	struct lade_fault fault;
	struct lade_writer path;
	bool spared = false;

	lade_writer_init(&path, SIZE_MAX / 2);
	lade_writer_put_bytes(&path, directory_path, strlen(directory_path));
	if (path.len)
		lade_writer_put_u8(&path, '/');
	lade_writer_put_bytes(&path, level->next.name, level->next.name_len + 1);
	if (path.error) {
		lade_fault_set(&fault, LADE_E_MEMORY, "delete", level->next.name);
		restore_problem(restore, level->next.name, &fault);
	} else if (look(level, (const char *)path.data, path.len - 1 - level->next.name_len, &place, &fault)) {
		restore_problem(restore, (const char *)path.data, &fault);
	} else {
		if (restore->protect) {
			spared = lade_filter_scope_excludes(restore->protect, place.path, place.exists && S_ISDIR(place.st.st_mode), &decision);
			spared = spared || (restore->setup.only_included && !level->included && !decision.number);
		}
		if (place.exists && !spared)
			(void)restore_remove(restore, level->handle, directory_path, level->next.name, false, &fault);
		look_away(&place);
	}
	lade_writer_fini(&path);
}

/* Delete what comes before an entry's name; NULL: all that is left. The entry itself is passed over. */
static void delete_until(struct walk *walk, struct level *level, const struct lade_slice *name)
{
	int order = -1;

	while (level->has_next && !restore_stopped(walk->restore)) {
		if (name)
			order = lade_stream_name_compare(lade_slice(level->next.name, level->next.name_len), *name);
		if (order > 0)
			return;
		if (order < 0)
			delete_next(walk, level);
		next_name(walk, level);
		if (order == 0)
			return;
	}
}

/* ---- levels ---- */

static int enter_scopes(struct walk *walk, const char *path, struct lade_fault *fault)
{
	int error = walk->scope ? lade_filter_scope_enter(walk->scope, -1, path, fault) : 0, other;

	/* Both are left, whatever is said here. */
	other = walk->restore->protect ? lade_filter_scope_enter(walk->restore->protect, -1, path, error ? NULL : fault) : 0;
	return error ? error : other;
}

static void pop(struct walk *walk)
{
	struct level *level = &walk->levels[--walk->depth];

	drop_names(level);
	if (walk->scope)
		lade_filter_scope_leave(walk->scope);
	if (walk->restore->protect)
		lade_filter_scope_leave(walk->restore->protect);
	lade_directory_unref(level->handle);
}

static struct level *push(struct walk *walk)
{
	struct level *grown = lade_grown(walk->levels, walk->depth, &walk->capacity, sizeof(*walk->levels));

	if (!grown)
		return NULL;
	walk->levels = grown;
	grown[walk->depth] = (struct level){ .handle = NULL };
	return &grown[walk->depth++];
}

/* The first level: the target. */
static int push_target(struct walk *walk, struct lade_fault *fault)
{
	struct lade_restore *restore = walk->restore;
	struct level *level = push(walk);

	if (!level)
		return lade_fault_set(fault, LADE_E_MEMORY, "restore", restore->setup.target);
	level->missing = restore->no_target;
	level->unnamed = restore->unnamed;
	level->handle = lade_directory_ref(lade_directories_root(restore->tree));
	level->may_remove = restore->setup.remove && restore_is_below_paths(restore, "");
	if (level->may_remove && !walk->checking && !level->missing)
		read_names(walk, level);
	return enter_scopes(walk, "", fault);
}

/* What the handle of a directory carries. */
static int new_user(struct walk *walk, const struct lade_tree_step *step, struct restore_directory **user_out, struct lade_fault *fault)
{
	struct restore_directory *user = calloc(1, sizeof(*user) + step->path_len + 1);
	int error;

	if (!user)
		return lade_fault_set(fault, LADE_E_MEMORY, "make directory", step->path);
	user->restore = walk->restore;
	user->name_off = step->path_len - step->entry->name.len;
	memcpy(user->path, step->path, step->path_len + 1);
	error = walk->checking ? 0 : restore_wishes(walk->restore, step->entry, &user->wanted, fault);
	if (error) {
		free(user);
		return error;
	}
	*user_out = user;
	return 0;
}

/* A level for the directory that the step is the entry of. Returns 0 or a fault; then there is none. */
static int push_directory(struct walk *walk, const struct lade_tree_step *step, bool included, struct lade_fault *fault)
{
	struct restore_directory *user;
	struct level *level;
	int error = new_user(walk, step, &user, fault);

	if (error)
		return error;
	level = push(walk);
	if (!level) {
		free((void *)(uintptr_t)user->wanted.xattrs.data);
		free(user);
		return lade_fault_set(fault, LADE_E_MEMORY, "make directory", step->path);
	}
	level->user = user;
	level->included = included;
	level->pending = !walk->checking;
	level->may_remove = walk->restore->setup.remove && !(step->entry->fields & LADE_ENTRY_INCOMPLETE) && restore_is_below_paths(walk->restore, step->path);
	error = lade_directory_new(level[-1].handle, user->path + user->name_off, step->entry->name.len, user, directory_done, &level->handle, fault);
	if (error) {
		free((void *)(uintptr_t)user->wanted.xattrs.data);
		free(user);
		walk->depth--;
		return error;
	}
	error = enter_scopes(walk, user->path, fault);
	if (!error && !walk->checking)
		error = included || !walk->restore->setup.only_included ? make_pending(walk, fault) : find_pending(walk, fault);
	if (error)
		pop(walk);
	return error;
}

/* ---- entries ---- */

/* True if the rules let it through; *included_out: one says so, or said so of a directory above. */
static bool is_selected(const struct walk *walk, const struct lade_tree_step *step, bool *included_out)
{
	struct lade_filter_decision decision = { .number = 0 };

	*included_out = walk->levels[walk->depth - 1].included;
	if (!walk->scope)
		return true;
	if (lade_filter_scope_excludes(walk->scope, step->path, S_ISDIR(step->entry->mode), &decision))
		return false;
	*included_out = *included_out || decision.number;
	return *included_out || !walk->restore->setup.only_included || S_ISDIR(step->entry->mode);
}

static int enter(struct walk *walk, struct lade_tree_cursor *cursor, const struct lade_tree_step *step, bool included)
{
	struct lade_restore *restore = walk->restore;
	struct lade_fault fault;
	struct level *level;
	int error;

	if (!walk->checking)
		atomic_fetch_add(&restore->directories, 1);
	if (!walk->checking && (step->entry->fields & LADE_ENTRY_INCOMPLETE))
		restore_tell_incomplete(restore, step->path);
	error = push_directory(walk, step, included, &fault);
	if (error) {
		restore_problem(restore, step->path, &fault);
		return error == LADE_E_MEMORY ? error : 0;
	}
	level = &walk->levels[walk->depth - 1];
	error = lade_tree_cursor_enter(cursor, &fault);
	if (error) {
		restore_problem(restore, level->user->path, &fault);
		pop(walk);
		return error == LADE_E_MEMORY ? error : 0;
	}
	if (level->may_remove && !walk->checking && !level->missing && !level->pending)
		read_names(walk, level);
	return 0;
}

static int visit_other(struct walk *walk, const char *path, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	struct restore_place place;
	int error;

	error = walk->checking ? 0 : make_pending(walk, fault);
	if (!error)
		error = look(&walk->levels[walk->depth - 1], path, strlen(path) - entry->name.len, &place, fault);
	if (error) {
		restore_problem(walk->restore, path, fault);
		return error == LADE_E_MEMORY ? error : 0;
	}
	error = walk->checking ? restore_check_entry(walk->restore, &place, entry, fault) : restore_entry(walk->restore, &place, entry, fault);
	look_away(&place);
	return error;
}

static int visit(struct walk *walk, struct lade_tree_cursor *cursor, const struct lade_tree_step *step, struct lade_fault *fault)
{
	bool included;

	if (!walk->checking)
		delete_until(walk, &walk->levels[walk->depth - 1], &step->entry->name);
	if (!is_selected(walk, step, &included))
		return 0;
	return S_ISDIR(step->entry->mode) ? enter(walk, cursor, step, included) : visit_other(walk, step->path, step->entry, fault);
}

static int walk_tree(struct walk *walk, struct lade_slice recipe, struct lade_fault *fault)
{
	struct lade_tree_cursor *cursor;
	struct lade_tree_step step = { .kind = LADE_TREE_ENTRY };
	int error = lade_tree_cursor_new(&walk->restore->setup.source.stream, recipe, &cursor, fault);

	if (error)
		return error;
	while (!error && !restore_stopped(walk->restore)) {
		error = lade_tree_cursor_next(cursor, &step, fault);
		if (error || step.kind == LADE_TREE_END)
			break;
		if (step.kind == LADE_TREE_ENTRY) {
			error = visit(walk, cursor, &step, fault);
			continue;
		}
		if (step.kind == LADE_TREE_BROKEN && !walk->checking)
			restore_problem(walk->restore, step.path, fault);
		if (step.kind == LADE_TREE_LEAVE && !walk->checking)
			delete_until(walk, &walk->levels[walk->depth - 1], NULL);
		pop(walk);
	}
	lade_tree_cursor_free(cursor);
	return error;
}

/* One thing that is no directory, by its own name. */
static int walk_one(struct walk *walk, const struct lade_stream_entry *entry, struct lade_fault *fault)
{
	char name[LADE_STREAM_NAME_MAX + 1];

	memcpy(name, entry->name.data, entry->name.len);
	name[entry->name.len] = '\0';
	/* Its neighbours are none of its business. */
	drop_names(&walk->levels[0]);
	return visit_other(walk, name, entry, fault);
}

static int walk_from(struct walk *walk, struct lade_fault *fault)
{
	const struct lade_restore_setup *setup = &walk->restore->setup;
	struct lade_stream_entry entry;
	struct lade_writer kept;
	int error;

	if (!setup->subpath || !setup->subpath[strspn(setup->subpath, "/")])
		return walk_tree(walk, setup->root, fault);
	error = lade_tree_find(&setup->source.stream, setup->root, setup->subpath, &entry, &kept, fault);
	if (!error && S_ISDIR(entry.mode))
		error = walk_tree(walk, entry.recipe, fault);
	else if (!error)
		error = walk_one(walk, &entry, fault);
	lade_writer_fini(&kept);
	return error;
}

int restore_walk(struct lade_restore *restore, bool checking, struct lade_fault *fault)
{
	const struct lade_filter *filter = restore->setup.filter && !lade_filter_empty(restore->setup.filter) ? restore->setup.filter : NULL;
	const struct lade_filter_use sends = { .side = LADE_FILTER_SENDER }, receives = { .side = LADE_FILTER_RECEIVER };
	struct walk walk = { .restore = restore, .checking = checking };
	int error = 0;

	if (filter && (lade_filter_scope_new(filter, &sends, &walk.scope) || lade_filter_scope_new(filter, &receives, &restore->protect)))
		error = lade_fault_set(fault, LADE_E_MEMORY, "restore", restore->setup.target);
	if (!error)
		error = push_target(&walk, fault);
	if (!error)
		error = walk_from(&walk, fault);
	while (walk.depth)
		pop(&walk);
	free(walk.levels);
	lade_filter_scope_free(walk.scope);
	lade_filter_scope_free(restore->protect);
	restore->protect = NULL;
	return error;
}
