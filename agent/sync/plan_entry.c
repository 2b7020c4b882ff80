/*
 * One entry against the destination: what is there, how it differs, what to do.
 * Files whose content differs are asked for; everything else is made or mended here.
 * A failure at one entry is reported and left behind.
 */
#include "agent/sync/plan_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/sync/cut_stream.h"
#include "agent/sync/file_digest.h"

/* Files that are shorter are not described, in bytes. */
#define DESCRIBED_LEAST 512u
/* Nor are those of which the old content is less than this part. */
#define OLD_PART_LEAST 32u

static void item(struct planner *planner, const struct place *place, uint32_t changes)
{
	char target[LADE_TARGET_MAX + 1] = "";

	if (!(planner->session->settings->options & LADE_OPTION_ITEMIZE) || !changes)
		return;
	if (S_ISLNK(place->wanted.mode))
		memcpy(target, place->entry->target.data, place->entry->target.len);
	lade_session_item(planner->session, changes, (uint32_t)place->wanted.mode, planner->path, target);
}

/* A copy of the entry's attributes that outlives the message. */
static int own_xattrs(struct lade_metadata *metadata, struct lade_fault *fault)
{
	void *copy;

	if (!metadata->xattrs.len) {
		metadata->xattrs = lade_slice(NULL, 0);
		return 0;
	}
	copy = malloc(metadata->xattrs.len);
	if (!copy) {
		metadata->xattrs = lade_slice(NULL, 0);
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	}
	memcpy(copy, metadata->xattrs.data, metadata->xattrs.len);
	metadata->xattrs.data = copy;
	return 0;
}

/* ---- how things differ ---- */

/* Mode, owner, group, time, ACL and extended attributes of what exists. */
static uint32_t metadata_changes(struct planner *planner, const struct place *place)
{
	const struct lade_keep *keep = &planner->receiver->keep;
	struct lade_attributes_place at = { -1, place->level->fd, place->name };
	uint32_t changes = lade_metadata_compare(keep, &place->wanted, &place->st);
	bool xattrs = false, acls = false;

	if (!keep->wish.xattrs && !keep->wish.acls)
		return changes;
	if (strcmp(place->name, ".") == 0)
		at.fd = place->level->fd;
	(void)lade_attributes_compare(&keep->wish, &at, place->wanted.xattrs, planner->receiver->identities, &xattrs,
				      &acls, NULL);
	return changes | (xattrs ? LADE_ITEM_XATTR : 0) | (acls ? LADE_ITEM_ACL : 0);
}

/* Mend the metadata of what exists, in place. */
static void mend(struct planner *planner, struct place *place, uint32_t changes)
{
	const struct lade_metadata_place at = { -1, place->level->fd, place->name };
	struct lade_fault fault;

	if (!changes)
		return;
	if (!planner->dry_run &&
	    lade_metadata_apply(&planner->receiver->keep, &place->wanted, &at, &place->st, &place->st,
				planner->receiver->identities, &fault))
		lade_plan_problem(planner, &fault);
	item(planner, place, changes);
}

/* Give a thing that was just made under name its metadata. */
static void furnish(struct planner *planner, const struct place *place, const char *name)
{
	const struct lade_metadata_place at = { -1, place->level->fd, name };
	struct lade_fault fault;
	struct stat st;

	if (fstatat(at.directory_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		lade_plan_failed(planner, "stat");
	else if (lade_metadata_apply(&planner->receiver->keep, &place->wanted, &at, &st, NULL,
				     planner->receiver->identities, &fault))
		lade_plan_problem(planner, &fault);
}

/* ---- symlinks, devices, FIFOs, sockets ---- */

static int make(const struct place *place, const char *name)
{
	char target[LADE_TARGET_MAX + 1];
	mode_t mode = place->wanted.mode;

	if (!S_ISLNK(mode))
		return mknodat(place->level->fd, name, (mode & S_IFMT) | 0600,
			       makedev(place->entry->rdev_major, place->entry->rdev_minor));
	memcpy(target, place->entry->target.data, place->entry->target.len);
	target[place->entry->target.len] = '\0';
	return symlinkat(target, place->level->fd, name);
}

/* Make it under a temporary name, furnish it, and let it take the place of what is there. */
static int replace(struct planner *planner, struct place *place)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE];
	struct lade_fault fault;

	if (S_ISDIR(place->st.st_mode) &&
	    lade_receiver_make_way(planner->receiver, place->level->directory, place->level->fd, place->name, &fault)) {
		lade_plan_problem(planner, &fault);
		return -1;
	}
	lade_temporary_name(place->name, 0, temporary);
	(void)unlinkat(place->level->fd, temporary, 0);
	if (make(place, temporary))
		return -1;
	furnish(planner, place, temporary);
	if (renameat(place->level->fd, temporary, place->level->fd, place->name) == 0)
		return 0;
	lade_plan_failed(planner, "rename");
	(void)unlinkat(place->level->fd, temporary, 0);
	errno = 0;
	return -1;
}

static bool same_target(const struct place *place)
{
	char target[LADE_TARGET_MAX];
	ssize_t len = readlinkat(place->level->fd, place->name, target, sizeof(target));

	return len >= 0 && lade_slice_equal(lade_slice(target, (size_t)len), place->entry->target);
}

/* True if what is there is the same thing but for its metadata. */
static bool same_special(const struct place *place)
{
	mode_t mode = place->wanted.mode;

	if (!place->exists || (place->st.st_mode & S_IFMT) != (mode & S_IFMT))
		return false;
	if (S_ISLNK(mode))
		return same_target(place);
	if (S_ISBLK(mode) || S_ISCHR(mode))
		return place->st.st_rdev == makedev(place->entry->rdev_major, place->entry->rdev_minor);
	return true;
}

static void special(struct planner *planner, struct place *place)
{
	bool same_type = place->exists && (place->st.st_mode & S_IFMT) == (place->wanted.mode & S_IFMT);
	uint32_t changes = LADE_ITEM_LOCAL | LADE_ITEM_NEW;
	int result = 0;

	if (same_special(place)) {
		mend(planner, place, metadata_changes(planner, place));
		return;
	}
	/* Who may not make devices is not told of each: as with rsync, they need root. */
	if ((S_ISBLK(place->wanted.mode) || S_ISCHR(place->wanted.mode)) && planner->receiver->keep.euid)
		return;
	if (same_type)
		changes = LADE_ITEM_LOCAL | LADE_ITEM_CHECKSUM | metadata_changes(planner, place);
	if (!planner->dry_run) {
		lade_plan_change(place->level);
		errno = 0;
		result = place->exists ? replace(planner, place) : make(place, place->name);
		if (result && errno)
			lade_plan_failed(planner, S_ISLNK(place->wanted.mode) ? "create symlink" : "create special file");
		if (!result && !place->exists)
			furnish(planner, place, place->name);
	}
	if (result)
		return;
	if (!place->exists)
		planner->counted.created++;
	item(planner, place, changes);
}

/* ---- directories ---- */

/*
 * A directory of ours that we may not read, search or write to is opened up while we work in it;
 * its mode is set again at the end. One that we only may not write to stays as it is until
 * something in it changes: where nothing does, not even its ctime moves.
 */
static void open_up(struct planner *planner, struct place *place, struct target *target)
{
	const struct lade_keep *keep = &planner->receiver->keep;

	if (planner->dry_run || keep->euid == 0 || place->st.st_uid != keep->euid || (place->st.st_mode & 0700) == 0700)
		return;
	target->own_mode = place->st.st_mode & 07777;
	if ((target->own_mode & 0500) == 0500)
		target->closed = true;
	/* Not through a symlink that somebody put there since the stat. */
	else if (fchmodat(place->level->fd, place->name, target->own_mode | 0700, AT_SYMLINK_NOFOLLOW) == 0)
		target->opened = target->differs = true;
}

void lade_plan_change(struct level *level)
{
	struct target *target = level->target;

	/* A failure shows in what is done next. */
	if (target->closed && level->fd >= 0 && fchmod(level->fd, target->own_mode | 0700) == 0)
		target->opened = target->differs = true;
	target->closed = false;
	atomic_store_explicit(&target->touched, true, memory_order_relaxed);
}

/* Make the directory, out of whose way a file may have to go. False: it could not be made (and was reported). */
static bool make_directory(struct planner *planner, struct place *place)
{
	mode_t mode = lade_metadata_mode(&planner->receiver->keep, &place->wanted, NULL);
	struct lade_fault fault;

	lade_plan_change(place->level);
	if (place->exists && lade_receiver_make_way(planner->receiver, place->level->directory, place->level->fd,
						    place->name, &fault)) {
		lade_plan_problem(planner, &fault);
		return false;
	}
	if (mkdirat(place->level->fd, place->name, (mode & 0777) | 0700)) {
		lade_plan_failed(planner, "create directory");
		return false;
	}
	planner->counted.created++;
	return true;
}

static struct target *new_target(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	struct target *target = calloc(1, sizeof(*target));

	if (!target) {
		lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
		return NULL;
	}
	target->receiver = planner->receiver;
	target->metadata = place->wanted;
	if (own_xattrs(&target->metadata, fault)) {
		free(target);
		return NULL;
	}
	target->named = true;
	return target;
}

/* Enter the directory of place, present or not. */
static int enter(struct planner *planner, struct place *place, struct target *target, bool present,
		 struct lade_fault *fault)
{
	struct lade_directory *directory = NULL;
	int error = 0;

	if (present && place->level->directory)
		error = lade_directory_new(place->level->directory, place->name, strlen(place->name), target,
					   lade_receiver_directory_done, &directory, fault);
	if (error) {
		free((void *)target->metadata.xattrs.data);
		free(target);
		return error;
	}
	if (!directory) /* a dry run, or it could not be made */
		target->empty = true;
	return lade_plan_enter(planner, directory, target, fault);
}

static int directory(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct target *target = new_target(planner, place, fault);
	bool present = place->exists && S_ISDIR(place->st.st_mode);
	uint32_t changes = LADE_ITEM_LOCAL | LADE_ITEM_NEW;

	if (!target)
		return fault->code;
	target->existed = present;
	if (present) {
		changes = metadata_changes(planner, place);
		target->differs = changes;
		open_up(planner, place, target);
	} else {
		target->empty = target->differs = true;
		if (!planner->dry_run && place->level->fd >= 0)
			present = make_directory(planner, place);
	}
	if (changes & (LADE_ITEM_NEW) ? present || planner->dry_run : changes)
		item(planner, place, changes);
	return enter(planner, place, target, present, fault);
}

/* The destination's own entry: ".". */
static int root(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct target *target = &planner->receiver->root;
	uint32_t changes = LADE_ITEM_LOCAL | LADE_ITEM_NEW;
	struct lade_directory *directory_handle = place->level->directory;

	target->metadata = place->wanted;
	target->named = true;
	if (own_xattrs(&target->metadata, fault))
		return fault->code;
	if (target->existed)
		changes = metadata_changes(planner, place);
	target->differs = changes;
	if (target->existed)
		open_up(planner, place, target);
	item(planner, place, changes);
	return lade_plan_enter(planner, directory_handle ? lade_directory_ref(directory_handle) : NULL, target, fault);
}

/* ---- regular files ---- */

/* -c: the digest decides, whatever the times say. */
static bool same_digest(struct planner *planner, const struct place *place)
{
	uint8_t digest[LADE_DIGEST_LEN];
	bool same;
	int fd = openat(place->level->fd, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	same = lade_file_digest(fd, place->entry->size, &planner->session->key, digest, NULL) == 0 &&
		lade_digest_equal(digest, place->entry->digest.data);
	close(fd);
	return same;
}

/* The quick check: size and time, or the digest if there is one. */
static bool same_file(struct planner *planner, const struct place *place)
{
	if (!place->exists || !S_ISREG(place->st.st_mode) || (uint64_t)place->st.st_size != place->entry->size)
		return false;
	if (planner->receiver->keep.options & LADE_OPTION_CHECKSUM)
		return place->entry->size == 0 || (place->entry->digest.len && same_digest(planner, place));
	return lade_time_equal(&place->st.st_mtim, &place->wanted.mtime);
}

static uint32_t file_changes(struct planner *planner, const struct place *place)
{
	const struct lade_keep *keep = &planner->receiver->keep;
	uint32_t changes;

	if (!place->exists || !S_ISREG(place->st.st_mode))
		return LADE_ITEM_DATA | LADE_ITEM_NEW;
	changes = LADE_ITEM_DATA | metadata_changes(planner, place);
	if ((uint64_t)place->st.st_size != place->entry->size)
		changes |= LADE_ITEM_SIZE;
	if (keep->options & LADE_OPTION_CHECKSUM)
		changes |= LADE_ITEM_CHECKSUM;
	if (!(keep->options & LADE_OPTION_TIMES))
		changes |= LADE_ITEM_TIME_NOW;
	return changes;
}

/*
 * True if it may cost less to say what differs from what is there than to send the file. Tiny files are
 * sent sooner than described; of a file that is a small part of the new one little can be saved.
 */
static bool basis_pays(const struct planner *planner, const struct place *place)
{
	uint64_t size = place->entry->size, old_size = (uint64_t)place->st.st_size;

	return place->exists && S_ISREG(place->st.st_mode) && size >= DESCRIBED_LEAST && old_size >= size / OLD_PART_LEAST &&
		!(planner->receiver->keep.options & LADE_OPTION_WHOLE_FILE);
}

/* True if an earlier session left part of the file: what is of use of that need not be sent again. */
static bool was_left(const struct planner *planner, const struct place *place)
{
	return place->entry->size > LADE_SMALL_MAX && !place->level->target->empty &&
		!(planner->receiver->keep.options & LADE_OPTION_WHOLE_FILE) &&
		lade_temporary_left(place->level->fd, place->name);
}

static struct incoming *new_incoming(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	size_t name_len = strlen(place->name);
	struct incoming *file = calloc(1, sizeof(*file) + name_len + 1);

	if (!file) {
		lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
		return NULL;
	}
	file->temporary.fd = file->kept.fd = -1;
	file->metadata = place->wanted;
	if (own_xattrs(&file->metadata, fault)) {
		free(file);
		return NULL;
	}
	file->directory = lade_directory_ref(place->level->directory);
	file->size = place->entry->size;
	file->changes = file_changes(planner, place);
	file->existed = place->exists;
	file->existing = place->st;
	file->in_new = place->level->target->empty;
	file->leader = place->entry->link == LADE_LINK_LEADER ? place->index + 1 : 0;
	memcpy(file->name, place->name, name_len);
	file->left = was_left(planner, place);
	if (file->left || basis_pays(planner, place)) {
		file->cut_class = lade_cut_class_of(file->size);
		if (lade_delta_new(file)) {
			lade_incoming_free(file);
			lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
			return NULL;
		}
	}
	return file;
}

/* [want] [want-recipe] Lock held. */
static int say_want(struct planner *planner, uint64_t index, struct incoming *file)
{
	const struct lade_msg_want_recipe recipe = { .index = index, .cut_class = file->cut_class };
	struct lade_session_recv *machine = planner->receiver->machine;
	struct lade_writer *queue = lade_session_queue(planner->session);

	if (file->delta)
		return lade_session_recv_want_recipe(machine, &recipe, file->size, file, queue);
	return lade_session_recv_want(machine, index, file->size, file, queue);
}

int lade_plan_want(struct planner *planner, uint64_t index, struct incoming *file, struct lade_fault *fault)
{
	struct lade_session *session = planner->session;
	int error;

	lade_session_lock(session);
	lade_session_wait_room(session);
	while ((error = say_want(planner, index, file)) == LADE_E_AGAIN && !session->failed) {
		lade_session_queued(session, true);
		pthread_cond_wait(&planner->receiver->slot_freed, &session->lock);
	}
	if (!error) {
		session->progress.files++;
		session->progress.bytes += file->size;
		lade_session_queued(session, false);
	}
	lade_session_unlock(session);
	if (!error)
		return 0;
	lade_incoming_free(file);
	return error == LADE_E_AGAIN ? 0 : lade_fault_set(fault, error, "plan", NULL);
}

static int regular(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	struct incoming *file;

	planner->counted.files++;
	planner->counted.total_bytes += place->entry->size;
	if (same_file(planner, place)) {
		mend(planner, place, metadata_changes(planner, place));
		return 0;
	}
	if (planner->dry_run || place->level->fd < 0) {
		if (planner->dry_run) {
			planner->counted.transferred++;
			planner->counted.created += !place->exists;
			item(planner, place, file_changes(planner, place));
		}
		return 0;
	}
	file = new_incoming(planner, place, fault);
	if (!file)
		return fault->code;
	lade_plan_change(place->level);
	if (lade_plan_may_be_moved(planner, file))
		return lade_plan_defer(planner, place->index, file, fault);
	if (file->size)
		return lade_plan_want(planner, place->index, file, fault);
	lade_receiver_empty_file(planner->receiver, file);
	return 0;
}

/* ---- any entry ---- */

/* What is there under the entry's name. False if that cannot be told (and was reported). */
static bool look(struct planner *planner, struct place *place)
{
	if (place->level->fd < 0 || place->level->target->empty)
		return true;
	if (fstatat(place->level->fd, place->name, &place->st, AT_SYMLINK_NOFOLLOW) == 0) {
		place->exists = true;
		return true;
	}
	if (errno == ENOENT)
		return true;
	lade_plan_failed(planner, "stat");
	return false;
}

/* Remember the first of several names, or link a further one at the end. Returns 1 if nothing else is to be done. */
static int link_entry(struct planner *planner, const struct place *place, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	char *path;

	if (place->entry->link == LADE_LINK_NONE)
		return 0;
	if (place->entry->link == LADE_LINK_LEADER) {
		path = strdup(planner->path);
		return path && !lade_receiver_add_leader(receiver, place->index, path) ? 0 :
			lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	}
	/* Whether it is linked already is seen at the end only, when its leader is in place. */
	lade_plan_change(place->level);
	if (S_ISREG(place->wanted.mode)) {
		planner->counted.files++;
		planner->counted.total_bytes += place->entry->size;
	}
	return lade_receiver_add_link(receiver, place->entry->link - LADE_LINK_FOLLOWS, place->wanted.mode,
				      planner->path, fault) ? fault->code : 1;
}

/* The name under which a source comes: its last component, or "." for its content. */
static bool is_named(const char *source, struct lade_slice name)
{
	const char *slash = strrchr(source, '/'), *last = slash ? slash + 1 : source;

	if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		last = ".";
	return lade_slice_equal(lade_slice(last, strlen(last)), name);
}

/* True if a client asked for an entry of this name at the top of the transfer. */
static bool is_source(const struct lade_receiver_job *job, struct lade_slice name)
{
	for (unsigned i = 0; i < job->source_count; i++)
		if (is_named(job->sources[i], name))
			return true;
	return job->sources == NULL;
}

/*
 * True if an entry is of a kind that the user's options have, and no filter leaves it out. The
 * sender knows both: one that sends it nevertheless would widen what the user asked for.
 */
static bool asked_for(const struct planner *planner, const struct lade_msg_entry *entry)
{
	const struct lade_filter *filter = planner->session->settings->filter;
	uint64_t options = planner->receiver->keep.options;
	mode_t mode = entry->mode;

	if (S_ISLNK(mode) && !(options & LADE_OPTION_LINKS))
		return false;
	if ((S_ISBLK(mode) || S_ISCHR(mode)) && !(options & LADE_OPTION_DEVICES))
		return false;
	if ((S_ISFIFO(mode) || S_ISSOCK(mode)) && !(options & LADE_OPTION_SPECIALS))
		return false;
	if (S_ISDIR(mode) && !(options & LADE_OPTION_RECURSIVE))
		return false;
	if (entry->link != LADE_LINK_NONE && !(options & LADE_OPTION_HARD_LINKS))
		return false;
	/* A single file may have another name here than there, which is what its rules are about. */
	return planner->receiver->only_name || !*planner->path || lade_filter_empty(filter) ||
		!lade_filter_excludes(filter, planner->path, S_ISDIR(mode));
}

int lade_plan_entry(struct planner *planner, const struct lade_msg_entry *entry, const struct lade_recv_event *event,
		    struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	char name[LADE_NAME_MAX + 1];
	struct place place = {
		.entry = entry, .level = &planner->levels[planner->depth], .index = event->index, .name = name,
	};
	int result;

	planner->counted.entries++;
	memcpy(name, entry->name.data, entry->name.len);
	name[entry->name.len] = '\0';
	if (receiver->only_name && event->depth == 0)
		place.name = receiver->only_name;
	if (!asked_for(planner, entry) || (event->depth == 0 && !is_source(receiver->job, entry->name)))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "take what was not asked for:", planner->path);
	if (lade_attributes_check(entry->xattrs))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand the attributes of", planner->path);
	lade_metadata_from_entry(&place.wanted, entry, receiver->identities);
	if (strcmp(name, ".") == 0) {
		if (place.level->fd >= 0 && fstat(place.level->fd, &place.st) == 0)
			place.exists = true;
		return root(planner, &place, fault);
	}
	if (!look(planner, &place))
		return S_ISDIR(place.wanted.mode) ? directory(planner, &place, fault) : 0;
	result = link_entry(planner, &place, fault);
	if (result)
		return result < 0 ? result : 0;
	if (S_ISDIR(place.wanted.mode))
		return directory(planner, &place, fault);
	if (S_ISREG(place.wanted.mode))
		return regular(planner, &place, fault);
	if (place.level->fd >= 0 || planner->dry_run)
		special(planner, &place);
	return 0;
}
