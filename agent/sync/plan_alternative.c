/*
 * Alternative directories (--compare-dest, --copy-dest, --link-dest): older trees of the receiver's that have some of
 * the files already. The rules are rsync's. An entry is looked for under its own path in each of them; what fits
 * best counts, and among equals the directory that was named first.
 *
 * They are read and linked from, never written to, and what holds one of them is not deleted. Their roots are opened as the
 * user named them; below, everything is reached through held directories, so no symlink in them is followed. What is
 * linked or copied is compared with what was looked at.
 */
#include "agent/sync/plan_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/totals.h"
#include "protocol/grow.h"

/* Descriptors that each of them holds: there may be twenty. */
#define HELD 8u
/* Steps up from an alternative directory to the root of the file system, at most. */
#define STEPS_MAX 4096u

/* ---- opening ---- */

/* The first len bytes of directory, a slash, and path. NULL: no memory. */
static char *joined(const char *directory, size_t len, const char *path)
{
	size_t path_len = strlen(path);
	char *whole = malloc(len + 1 + path_len + 1);

	if (!whole)
		return NULL;
	memcpy(whole, directory, len);
	whole[len] = '/';
	memcpy(whole + len + 1, path, path_len + 1);
	return whole;
}

/* Bytes of the directory that holds path; 0: the current one. */
static size_t parent_len(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	while (len && path[len - 1] != '/')
		len--;
	return len;
}

/* A destination that a dry run did not make is left by `..` all the same. */
char *lade_receiver_located(const struct lade_receiver *receiver, const char *path)
{
	const char *destination = *receiver->job->destination ? receiver->job->destination : ".";
	bool missing = !receiver->tree && strncmp(path, "../", 3) == 0;
	size_t len = receiver->only_name || missing ? parent_len(destination) : strlen(destination);

	if (*path == '/')
		return strdup(path);
	return len ? joined(destination, len, missing ? path + 3 : path) : joined(".", 1, missing ? path + 3 : path);
}

static void leave_alone(struct lade_receiver *receiver, const char *path, const char *reason)
{
	lade_session_tell(&receiver->session, LADE_REPORT_WARNING, 0, "alternative directory is not used:", path, reason);
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int keep(struct lade_receiver *receiver, const struct stat *st)
{
	struct inode *kept;

	lade_session_lock(&receiver->session);
	kept = lade_grown(receiver->kept, receiver->kept_count, &receiver->kept_capacity, sizeof(*kept));
	if (kept) {
		receiver->kept = kept;
		receiver->kept[receiver->kept_count++] = (struct inode){ st->st_dev, st->st_ino };
	}
	lade_session_unlock(&receiver->session);
	return kept ? 0 : LADE_E_MEMORY;
}

int lade_plan_keep_chain(struct lade_receiver *receiver, int fd, const struct stat *root)
{
	size_t before = receiver->kept_count;
	struct stat st, last = { 0 };
	int error = 0;

	for (unsigned i = 0; !error && i < STEPS_MAX && fd >= 0 && fstat(fd, &st) == 0 && !same_inode(&st, &last); i++) {
		int up;

		if (same_inode(&st, root)) {
			close(fd);
			return 0;
		}
		error = keep(receiver, &st);
		last = st;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	if (fd >= 0)
		close(fd);
	/* It is elsewhere. */
	lade_session_lock(&receiver->session);
	receiver->kept_count = before;
	lade_session_unlock(&receiver->session);
	return error;
}

int lade_receiver_keep(struct lade_receiver *receiver, struct lade_directories *tree, struct lade_fault *fault)
{
	struct lade_directory *top = lade_directories_root(tree), *root;
	struct stat st;
	int root_fd, fd, error;

	if (!receiver->tree)
		return 0;
	root = lade_directories_root(receiver->tree);
	error = lade_directory_pin(root, &root_fd, fault);
	if (error)
		return error;
	error = lade_directory_pin(top, &fd, fault);
	if (!error) {
		error = fstat(root_fd, &st) ? LADE_E_SYSTEM :
			lade_plan_keep_chain(receiver, openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), &st);
		if (error)
			lade_fault_set(fault, error, "keep directory", NULL);
		lade_directory_unpin(top);
	}
	lade_directory_unpin(root);
	return error;
}

/* Use an alternative directory that is open, unless it is the destination. */
static int use(struct lade_receiver *receiver, struct lade_directories *tree, const char *path, struct lade_fault *fault)
{
	struct lade_directory *top = lade_directories_root(tree);
	struct stat root = { 0 }, st;
	int root_fd = -1, fd = -1, error = lade_directory_pin(top, &fd, fault);

	if (!error && receiver->tree)
		error = lade_directory_pin(lade_directories_root(receiver->tree), &root_fd, fault);
	if (!error && (fstat(fd, &st) || (root_fd >= 0 && fstat(root_fd, &root))))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "stat alternative directory", path);
	if (!error && root_fd >= 0)
		error = lade_plan_keep_chain(receiver, openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), &root);
	if (root_fd >= 0)
		lade_directory_unpin(lade_directories_root(receiver->tree));
	if (fd >= 0)
		lade_directory_unpin(top);
	if (error)
		return error == LADE_E_MEMORY ? lade_fault_set(fault, error, "use alternative directory", path) : error;
	if (root_fd >= 0 && same_inode(&st, &root)) {
		leave_alone(receiver, path, "it is the destination");
		lade_directories_close(tree);
		return 0;
	}
	receiver->alternatives[receiver->alternative_count++] = tree;
	return 0;
}

static int open_alternative(struct lade_receiver *receiver, const char *path, struct lade_fault *fault)
{
	struct lade_directories *tree = NULL;
	int error = lade_directories_open_below(receiver->session.settings->base, path, HELD, &tree, fault);

	if (!error) {
		error = use(receiver, tree, path, fault);
		if (error)
			lade_directories_close(tree);
	}
	if (error == LADE_E_MEMORY || !error)
		return error;
	/* As with rsync the transfer goes on: then it costs more, and that is all. */
	leave_alone(receiver, path, lade_fault_reason(fault));
	return 0;
}

int lade_plan_open_alternatives(struct planner *planner, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	const struct lade_settings *settings = planner->session->settings;
	int error = 0;

	for (unsigned i = 0; i < settings->alternative_count && !error; i++) {
		char *path = lade_receiver_located(receiver, settings->alternatives[i]);

		error = path ? open_alternative(receiver, path, fault) :
			lade_fault_set(fault, LADE_E_MEMORY, "open alternative directory", settings->alternatives[i]);
		free(path);
	}
	return error;
}

bool lade_receiver_keeps(struct lade_receiver *receiver, int fd, const char *name)
{
	struct stat st;
	bool kept = false;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
		return false;
	lade_session_lock(&receiver->session);
	for (size_t i = 0; i < receiver->kept_count && !kept; i++)
		kept = receiver->kept[i].dev == st.st_dev && receiver->kept[i].ino == st.st_ino;
	lade_session_unlock(&receiver->session);
	return kept;
}

/* ---- levels ---- */

/* The directory name below parent, if it is one; else NULL. */
static struct lade_directory *below(struct lade_directory *parent, const char *name)
{
	struct lade_directory *directory;
	int fd;

	if (!parent || lade_directory_new(parent, name, strlen(name), NULL, NULL, &directory, NULL))
		return NULL;
	if (lade_directory_pin(directory, &fd, NULL) == 0) {
		lade_directory_unpin(directory);
		return directory;
	}
	lade_directory_unref(directory);
	return NULL;
}

/* What level has in alternative directory i. */
static struct lade_directory *find_level(struct planner *planner, const struct level *level, unsigned i)
{
	const struct level *above = level - 1;
	size_t name_at;

	if (planner->depth == 0)
		return lade_directory_ref(lade_directories_root(planner->receiver->alternatives[i]));
	if (!above->alternatives || !above->alternatives[i])
		return NULL;
	/* The entry of the root itself opens a level of its own. */
	if (above->path_len == level->path_len)
		return lade_directory_ref(above->alternatives[i]);
	name_at = above->path_len ? above->path_len + 1 : 0;
	return below(above->alternatives[i], planner->path + name_at);
}

int lade_plan_enter_alternatives(struct planner *planner, struct lade_fault *fault)
{
	struct level *level = &planner->levels[planner->depth];
	unsigned count = planner->receiver->alternative_count;

	if (!count || (planner->depth && !level[-1].alternatives))
		return 0;
	level->alternatives = calloc(count, sizeof(struct lade_directory *));
	if (!level->alternatives)
		return lade_fault_set(fault, LADE_E_MEMORY, "enter directory", NULL);
	for (unsigned i = 0; i < count; i++)
		level->alternatives[i] = find_level(planner, level, i);
	return 0;
}

void lade_plan_leave_alternatives(struct planner *planner, struct level *level)
{
	for (unsigned i = 0; level->alternatives && i < planner->receiver->alternative_count; i++)
		lade_directory_unref(level->alternatives[i]);
	free(level->alternatives);
	level->alternatives = NULL;
}

/* ---- looking ---- */

static bool same_content(struct planner *planner, const struct place *place)
{
	if (S_ISREG(place->wanted.mode))
		return lade_plan_same_file(planner, place);
	return S_ISDIR(place->wanted.mode) || lade_plan_same_special(place);
}

static enum fit fit_of(struct planner *planner, const struct place *place)
{
	if ((place->st.st_mode & S_IFMT) != (place->wanted.mode & S_IFMT))
		return FIT_NONE;
	if (!same_content(planner, place))
		return FIT_TYPE;
	return lade_plan_metadata_changes(planner, place) ? FIT_CONTENT : FIT_EXACT;
}

/* What one of them has. */
static void look(struct planner *planner, const struct place *place, struct lade_directory *directory, struct aside *aside)
{
	*aside = (struct aside){ .place = *place };
	if (!directory || lade_directory_hides(directory, place->name, S_ISDIR(place->wanted.mode)) ||
	    lade_directory_pin(directory, &aside->place.fd, NULL))
		return;
	aside->directory = directory;
	if (lade_plan_stat(planner, &aside->place))
		aside->fit = fit_of(planner, &aside->place);
}

void lade_plan_aside_fini(struct aside *aside)
{
	if (aside->directory)
		lade_directory_unpin(aside->directory);
	*aside = (struct aside){ .fit = FIT_NONE };
}

void lade_plan_look_aside(struct planner *planner, const struct place *place, struct aside *aside_out)
{
	struct aside found;

	*aside_out = (struct aside){ .fit = FIT_NONE };
	for (unsigned i = 0; place->level->alternatives && i < planner->receiver->alternative_count; i++) {
		look(planner, place, place->level->alternatives[i], &found);
		if (found.fit > aside_out->fit) {
			lade_plan_aside_fini(aside_out);
			*aside_out = found;
		} else {
			lade_plan_aside_fini(&found);
		}
		if (aside_out->fit == FIT_EXACT)
			break;
	}
}

/* ---- linking ---- */

/* Give what is aside the name in the level, where nothing has it. False: it got none. */
static bool link_as(const struct place *place, const struct aside *aside, const char *name)
{
	struct stat st;

	if (linkat(aside->place.fd, place->name, place->level->fd, name, 0))
		return false;
	if (fstatat(place->level->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && same_inode(&st, &aside->place.st))
		return true;
	/* Another file has come there since it was looked at. */
	(void)unlinkat(place->level->fd, name, 0);
	return false;
}

/* The same where something has the name: it is there until the link is. */
static bool link_over(struct planner *planner, const struct place *place, const struct aside *aside)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE];
	struct lade_fault fault;
	bool linked;

	/* What is wrong is told by whoever tries something else now. */
	if (S_ISDIR(place->st.st_mode) &&
	    lade_receiver_make_way(planner->receiver, place->level->directory, place->level->fd, place->name, &fault))
		return false;
	if (lade_plan_back_up(planner, place))
		return false;
	lade_temporary_name(place->name, 0, temporary);
	(void)unlinkat(place->level->fd, temporary, 0);
	linked = link_as(place, aside, temporary) &&
		renameat(place->level->fd, temporary, place->level->fd, place->name) == 0;
	/* Two names of one inode are left as they are by rename(2). */
	(void)unlinkat(place->level->fd, temporary, 0);
	return linked;
}

/* Make it a hard link. False: it cannot be one (another file system, too many links, not allowed). */
static bool link_aside(struct planner *planner, const struct place *place, const struct aside *aside)
{
	if (!planner->dry_run) {
		lade_plan_change(place->level);
		if (place->exists ? !link_over(planner, place, aside) : !link_as(place, aside, place->name))
			return false;
	}
	if (!place->exists || (place->st.st_mode & S_IFMT) != (place->wanted.mode & S_IFMT))
		lade_totals_created(&planner->counted, place->wanted.mode);
	/* It is as it should be: no change. */
	if (lade_session_itemizes(planner->session, 0))
		lade_plan_item(planner, place, LADE_ITEM_LOCAL | LADE_ITEM_HARD_LINK);
	lade_plan_stored(planner, place->index);
	return true;
}

/* ---- regular files ---- */

/* It need not be here: what stands here goes. */
static void leave_out(struct planner *planner, const struct place *place)
{
	struct lade_fault fault;

	if (!place->exists || planner->dry_run)
		return;
	lade_plan_change(place->level);
	if (lade_receiver_make_way(planner->receiver, place->level->directory, place->level->fd, place->name, &fault))
		lade_plan_problem(planner, &fault);
}

/* Copy what is aside. False: it could not be (and nothing was changed). */
static bool copy_from(struct planner *planner, const struct aside *aside, struct incoming *file)
{
	struct lade_fault fault;
	char reason[LADE_TEXT_MAX];
	int fd = openat(aside->place.fd, aside->place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), error;

	error = fd < 0 ? lade_fault_set(&fault, LADE_E_SYSTEM, "open", aside->place.name) :
		lade_receiver_copy_local(planner->receiver, file, fd, &aside->place.st, &fault);
	if (fd >= 0)
		close(fd);
	if (!error)
		return true;
	snprintf(reason, sizeof(reason), ": %s", lade_fault_reason(&fault));
	lade_session_note(planner->session, LADE_TOPIC_COPY, "cannot copy, and so transfers ", planner->path, reason);
	return false;
}

/* Make the file a copy of what is aside. Returns 1, 0 if it cannot be, or LADE_E_MEMORY. */
static int copy_aside(struct planner *planner, const struct place *place, const struct aside *aside, struct lade_fault *fault)
{
	struct incoming *file = NULL;
	uint32_t changes = lade_plan_metadata_changes(planner, &aside->place) | lade_plan_time_now(planner, place);

	if (changes || lade_session_itemizes(planner->session, 0))
		changes |= LADE_ITEM_LOCAL;
	if (planner->dry_run) {
		planner->counted.created += !place->exists;
		lade_plan_item(planner, place, changes);
		return 1;
	}
	file = lade_plan_new_incoming(planner, place, fault);
	if (!file)
		return fault->code;
	file->changes = changes;
	lade_plan_change(place->level);
	if (!copy_from(planner, aside, file)) {
		lade_incoming_free(file);
		return 0;
	}
	lade_receiver_tell_later(planner->receiver, file);
	lade_receiver_whole_file(planner->receiver, file);
	return 1;
}

/* A file that is here: only what is exactly right elsewhere replaces it, and not under --copy-dest. Returns 1 if it does. */
static int replace_from(struct planner *planner, const struct place *place, const struct aside *aside)
{
	enum lade_alternative kind = planner->session->settings->alternative;

	/* What cannot be told from the file there is that file: left out, it would be gone. */
	if (aside->fit != FIT_EXACT || same_inode(&aside->place.st, &place->st))
		return 0;
	if (kind == LADE_ALTERNATIVE_LINK)
		return link_aside(planner, place, aside);
	/* Other names of it are linked to it at the end. */
	if (place->entry->link != LADE_LINK_NONE)
		return 0;
	leave_out(planner, place);
	lade_plan_item(planner, place, 0);
	return 1;
}

/* A file that is not here. As lade_plan_file_aside(). */
static int make_from(struct planner *planner, const struct place *place, const struct aside *aside, struct lade_fault *fault)
{
	enum lade_alternative kind = planner->session->settings->alternative;

	if (aside->fit < FIT_CONTENT)
		return 0;
	if (aside->fit == FIT_EXACT && kind == LADE_ALTERNATIVE_COMPARE && place->entry->link == LADE_LINK_NONE) {
		leave_out(planner, place);
		lade_plan_item(planner, place, 0);
		return 1;
	}
	if (aside->fit == FIT_EXACT && kind == LADE_ALTERNATIVE_LINK && link_aside(planner, place, aside))
		return 1;
	return copy_aside(planner, place, aside, fault);
}

int lade_plan_file_aside(struct planner *planner, struct place *place, struct aside *aside_out, struct lade_fault *fault)
{
	bool stands = place->exists && S_ISREG(place->st.st_mode);
	int result;

	*aside_out = (struct aside){ .fit = FIT_NONE };
	if (!place->level->alternatives || (place->level->fd < 0 && !planner->dry_run) ||
	    (stands && planner->session->settings->alternative == LADE_ALTERNATIVE_COPY))
		return 0;
	lade_plan_look_aside(planner, place, aside_out);
	result = stands ? replace_from(planner, place, aside_out) : make_from(planner, place, aside_out, fault);
	/* What is here serves better than what is elsewhere. */
	if (result || stands)
		lade_plan_aside_fini(aside_out);
	return result;
}

/* ---- the others ---- */

bool lade_plan_special_aside(struct planner *planner, const struct place *place, uint32_t *changes)
{
	enum lade_alternative kind = planner->session->settings->alternative;
	struct aside aside;
	bool done = false;

	lade_plan_look_aside(planner, place, &aside);
	if (aside.fit == FIT_EXACT) {
		done = kind == LADE_ALTERNATIVE_COMPARE && place->entry->link == LADE_LINK_NONE;
		if (done)
			lade_plan_item(planner, place, 0);
		if (kind == LADE_ALTERNATIVE_LINK)
			done = link_aside(planner, place, &aside);
		*changes = lade_session_itemizes(planner->session, 0) ? LADE_ITEM_LOCAL : 0;
	} else if (aside.fit) {
		*changes = LADE_ITEM_LOCAL | LADE_ITEM_CHECKSUM | lade_plan_metadata_changes(planner, &aside.place);
	}
	lade_plan_aside_fini(&aside);
	return done;
}

uint32_t lade_plan_directory_aside(struct planner *planner, const struct place *place)
{
	uint32_t changes = LADE_ITEM_LOCAL | LADE_ITEM_NEW;
	struct aside aside;

	lade_plan_look_aside(planner, place, &aside);
	if (aside.fit) {
		changes = lade_plan_metadata_changes(planner, &aside.place);
		if (changes || lade_session_itemizes(planner->session, 0))
			changes |= LADE_ITEM_LOCAL;
	}
	lade_plan_aside_fini(&aside);
	return changes;
}
