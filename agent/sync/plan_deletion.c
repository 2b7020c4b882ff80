/*
 * What is to be deleted in a directory: its names are listed when it is entered, those that the sender says are marked, and the others are noted
 * when it is left.
 */
#include "agent/sync/plan_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Bytewise, whatever the type: it may be another one than the sender's. Names are listed as they are said, and last those that
 * cannot be.
 */
enum { KEY_SAID, KEY_FOREIGN };

/* How names are listed. */
struct listing {
	struct lade_charset *charset; /* NULL: they are said as they are */
	char said[LADE_NAME_MAX + 1];
};

static int key_of(void *context, int fd, const char **name, uint8_t type)
{
	struct listing *listing = context;
	size_t len;

	(void)fd;
	(void)type;
	if (!listing->charset)
		return KEY_SAID;
	if (!lade_charset_name(listing->charset, LADE_CHARSET_OUT, lade_slice(*name, strlen(*name)), listing->said, &len))
		return KEY_FOREIGN;
	*name = listing->said;
	return KEY_SAID;
}

int lade_plan_open_names(const struct planner *planner, struct level *level, struct lade_fault *fault)
{
	struct listing listing = { .charset = planner->session->settings->charset };
	const struct lade_listing_key key = { key_of, &listing };
	int error = lade_name_list_new(NULL, 0, &level->names);

	if (error)
		return lade_fault_set(fault, error, "read directory", NULL);
	error = lade_listing_read(level->fd, level->names, &key, fault);
	if (!error)
		error = lade_name_list_sort(level->names, fault);
	if (!error && (lade_name_cursor_new(level->names, &level->files) ||
		       lade_name_cursor_new(level->names, &level->directories)))
		error = lade_fault_set(fault, LADE_E_MEMORY, "read directory", NULL);
	return error;
}

void lade_plan_close_names(struct level *level)
{
	lade_name_cursor_free(level->files);
	lade_name_cursor_free(level->directories);
	lade_name_list_free(level->names);
	level->names = NULL;
	level->files = level->directories = NULL;
}

/* Each part of the entry stream (files, then directories) rises, so each has one cursor through the sorted names. */
int lade_plan_keep_name(struct level *level, struct lade_slice name, bool is_directory, struct lade_fault *fault)
{
	struct lade_name_cursor *cursor = is_directory ? level->directories : level->files;
	struct lade_name *at = is_directory ? &level->directories_at : &level->files_at;
	bool *over = is_directory ? &level->directories_over : &level->files_over;

	if (!level->names)
		return 0;
	while (!*over) {
		size_t len = at->name_len < name.len ? at->name_len : name.len;
		int order = !at->name ? -1 : at->key == KEY_FOREIGN ? 1 : memcmp(at->name, name.data, len), got;

		if (order == 0 && at->name_len == name.len)
			return lade_name_list_mark(level->names, at->position);
		if (order > 0 || (order == 0 && at->name_len > name.len))
			return 0;
		got = lade_name_cursor_next(cursor, at, fault);
		if (got < 0)
			return got;
		*over = got == 0;
	}
	return 0;
}

static bool is_directory_name(const struct level *level, const struct lade_name *name)
{
	struct stat st;

	if (name->type != DT_UNKNOWN)
		return name->type == DT_DIR;
	return fstatat(level->fd, name->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* True if another file system than the destination's begins at name. */
static bool begins_another(const struct planner *planner, const struct level *level, const struct lade_name *name)
{
	struct stat st;

	return fstatat(level->fd, name->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev != planner->device;
}

/* True if what is protected now may be deleted all the same, once other rules have arrived. */
static bool asks_again(const struct planner *planner)
{
	const struct lade_settings *settings = planner->session->settings;

	return settings->deletion == LADE_DELETION_LAST && !planner->dry_run && lade_filter_reads_tree(settings->filter);
}

/* One name that the sender did not say: to be deleted, unless a filter protects it or somebody is making it. */
static int plan_deletion(struct planner *planner, struct level *level, const struct lade_name *name,
			 struct lade_fault *fault)
{
	bool temporary = lade_temporary_is(name->name), is_protected;

	if (temporary && planner->dry_run)
		return 0;
	if (lade_plan_set_path(planner, level, name->name, name->name_len))
		return lade_fault_set(fault, LADE_E_MEMORY, "plan deletions", NULL);
	/* Not now: a file of this session may be about to continue it. */
	if (temporary) {
		lade_plan_change(level);
		return lade_spool_add(planner->receiver->deletions, planner->path, strlen(planner->path) + 1, fault);
	}
	if (lade_directory_hides(level->directory, name->name, is_directory_name(level, name)))
		return 0;
	is_protected = planner->protection &&
		lade_filter_scope_excludes(planner->protection, planner->path, is_directory_name(level, name), NULL);
	if ((is_protected && !asks_again(planner)) || lade_receiver_keeps(planner->receiver, level->fd, name->name))
		return 0;
	if ((planner->receiver->keep.options & LADE_OPTION_ONE_FILE_SYSTEM) && begins_another(planner, level, name)) {
		lade_session_note(planner->session, LADE_TOPIC_MOUNT, "cannot delete mount point: ", planner->path, NULL);
		return 0;
	}
	if (!is_protected) {
		lade_plan_change(level);
		lade_plan_removed(planner, planner->path);
	}
	return lade_spool_add(planner->receiver->deletions, planner->path, strlen(planner->path) + 1, fault);
}

/* Let a name of the list be the one on disk again; local is room for it. */
static bool localize(const struct planner *planner, struct lade_name *name, char local[LADE_NAME_MAX + 1])
{
	struct lade_charset *charset = planner->session->settings->charset;

	if (!charset || name->key == KEY_FOREIGN)
		return true;
	if (!lade_charset_name(charset, LADE_CHARSET_IN, lade_slice(name->name, name->name_len), local, &name->name_len))
		return false;
	name->name = local;
	return true;
}

int lade_plan_deletions(struct planner *planner, struct level *level, struct lade_fault *fault)
{
	char local[LADE_NAME_MAX + 1];
	struct lade_name_cursor *cursor;
	struct lade_name name;
	int got, error = 0;

	if (lade_name_cursor_new(level->names, &cursor))
		return lade_fault_set(fault, LADE_E_MEMORY, "plan deletions", NULL);
	while (!error && (got = lade_name_cursor_next(cursor, &name, fault)) != 0) {
		if (got < 0)
			error = got;
		else if (!lade_name_list_marked(level->names, name.position) && localize(planner, &name, local))
			error = plan_deletion(planner, level, &name, fault);
	}
	lade_name_cursor_free(cursor);
	return error;
}
