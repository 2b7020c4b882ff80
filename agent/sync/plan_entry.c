/*
 * One entry against the destination: what is there, how it differs, what to do.
 * Files whose content differs are asked for; everything else is made or mended here.
 * A failure at one entry is reported and left behind.
 */
#include "agent/sync/plan_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/grant.h"
#include "agent/tree/device_file.h"
#include "agent/tree/read_open.h"
#include "agent/sync/totals.h"
#include "agent/tree/symlink.h"

void lade_plan_item(struct planner *planner, const struct place *place, uint32_t changes)
{
	const struct lade_msg_entry *entry = place->entry;
	const struct lade_msg_item item = {
		.changes = changes,
		.mode = (uint32_t)place->wanted.mode,
		.path = lade_receiver_told_name(planner->receiver, planner->path),
		.target = entry->target,
		.size = entry->size + entry->target.len,
		.mtime_s = entry->mtime_s,
		.mtime_ns = entry->mtime_ns,
		.uid = entry->uid,
		.gid = entry->gid,
	};

	if (lade_session_itemizes(planner->session, changes))
		lade_receiver_tell(planner->receiver, &item);
}

/* ---- how things differ ---- */

uint32_t lade_plan_metadata_changes(struct planner *planner, const struct place *place)
{
	const struct lade_keep *keep = &planner->receiver->keep;
	struct lade_attributes_place at = { -1, place->fd, place->name };
	uint32_t changes = lade_metadata_compare(keep, &place->wanted, &place->st);
	bool xattrs = false, acls = false;

	if (!keep->wish.xattrs && !keep->wish.acls)
		return changes;
	if (strcmp(place->name, ".") == 0)
		at.fd = place->fd;
	else if (place->linked_fd >= 0)
		at.fd = place->linked_fd;
	(void)lade_attributes_compare(&keep->wish, &at, place->wanted.xattrs, planner->receiver->identities, &xattrs,
				      &acls, NULL);
	return changes | (xattrs ? LADE_ITEM_XATTR : 0) | (acls ? LADE_ITEM_ACL : 0);
}

uint32_t lade_plan_time_now(const struct planner *planner, const struct place *place)
{
	const struct lade_keep *keep = &planner->receiver->keep;

	return lade_metadata_keeps_mtime(keep, place->wanted.mode) ? 0 :
		keep->options & LADE_OPTION_TIMES ? LADE_ITEM_TIME : LADE_ITEM_TIME_NOW;
}

/*
 * As in rsync, what has got another ACL has no change of permissions beside it: an ACL holds them too, but for these. A dry run
 * has given it none.
 */
static uint32_t told_of(const struct planner *planner, const struct place *place, uint32_t changes)
{
	bool only_acl = (changes & LADE_ITEM_ACL) && !planner->dry_run &&
		!((place->wanted.mode ^ place->st.st_mode) & (S_ISUID | S_ISGID | S_ISVTX));

	return only_acl ? changes & ~(uint32_t)LADE_ITEM_PERMS : changes;
}

void lade_plan_mend(struct planner *planner, struct place *place, uint32_t changes)
{
	const struct lade_metadata_place at = { -1, place->level->fd, place->name };
	const uint32_t told = told_of(planner, place, changes);
	struct lade_fault fault;

	assert(!lade_grant_appends(planner->session->settings));
	if (changes && !planner->dry_run &&
	    lade_metadata_apply(&planner->receiver->keep, &place->wanted, &at, &place->st, &place->st,
				planner->receiver->identities, &fault))
		lade_plan_problem(planner, &fault);
	lade_plan_item(planner, place, told);
}

mode_t lade_plan_granted(const struct planner *planner, struct level *level)
{
	mode_t mask = planner->receiver->keep.umask;

	if (!level->granted_known)
		level->granted = level->fd >= 0 ? lade_attributes_granted(level->fd, mask) : 0777 & ~mask;
	level->granted_known = true;
	return level->granted;
}

/* ---- what is there, and its other names ---- */

/* --write-devices: a file may be written over a device. One that cannot be opened will not be written to either. */
static void take_device(const struct planner *planner, struct place *place)
{
	int fd;

	place->is_device = (planner->receiver->keep.options & LADE_OPTION_WRITE_DEVICES) && S_ISREG(place->wanted.mode) &&
		(S_ISBLK(place->st.st_mode) || S_ISCHR(place->st.st_mode));
	if (!place->is_device)
		return;
	fd = lade_read_open(place->fd, place->name, 0);
	lade_device_as_file(fd, &place->st);
	if (fd >= 0)
		close(fd);
}

bool lade_plan_stat(const struct planner *planner, struct place *place)
{
	const struct lade_attributes_place at = { -1, place->fd, place->name };
	mode_t type;

	place->exists = fstatat(place->fd, place->name, &place->st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!place->exists)
		return false;
	type = place->st.st_mode & S_IFMT;
	lade_metadata_unfake(&planner->receiver->keep, &at, &place->st);
	place->faked = (place->st.st_mode & S_IFMT) != type;
	if (!place->faked)
		take_device(planner, place);
	return true;
}

/* Show an entry, and do nothing else. */
static int list(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	lade_session_list(planner->session, *planner->path ? planner->path : ".", place->entry);
	if (!S_ISDIR(place->wanted.mode))
		return 0;
	if (strcmp(place->name, ".") == 0)
		return lade_plan_enter(planner, NULL, &planner->receiver->root, fault);
	return lade_plan_enter_only(planner, place, fault);
}

/* What is there under the entry's name. False if that cannot be told (and was reported). */
static bool look(struct planner *planner, struct place *place)
{
	if (place->level->fd < 0 || place->level->target->empty)
		return true;
	if (lade_plan_stat(planner, place))
		return true;
	if (errno == ENOENT)
		return true;
	lade_plan_failed(planner, "stat");
	return false;
}

/*
 * A further name of an inode whose first one was passed over, leader, takes the place of that; entry is memory for what it is then. Returns
 * 1 if nothing can be done.
 */
static int take_the_lead(struct planner *planner, struct place *place, struct leader *leader, struct lade_msg_entry *entry,
			 struct lade_fault *fault)
{
	char *path;

	if (S_ISREG(place->wanted.mode) && place->entry->size && !leader->deferred && !planner->dry_run) {
		lade_fault_set(fault, LADE_E_LIMIT, "link (too many first names were left as they are)", NULL);
		lade_plan_problem(planner, fault);
		return 1;
	}
	path = strdup(planner->path);
	if (!path)
		return lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	free(leader->path);
	leader->path = path;
	leader->passed = false;
	*entry = *place->entry;
	entry->link = LADE_LINK_LEADER;
	place->entry = entry;
	place->index = leader->index;
	return 0;
}

/* What becomes of a further name of an inode, as bits of ITEM. With LOCAL it is linked to what is aside, which is no change. */
static uint32_t link_changes(struct planner *planner, const struct place *place)
{
	uint32_t changes = LADE_ITEM_HARD_LINK;
	struct aside aside;

	if (!place->exists && place->level->alternatives && planner->session->settings->alternative == LADE_ALTERNATIVE_LINK) {
		lade_plan_look_aside(planner, place, &aside);
		changes |= aside.fit == FIT_EXACT ? LADE_ITEM_LOCAL : 0;
		lade_plan_aside_fini(&aside);
	}
	if (!place->exists || (place->st.st_mode & S_IFMT) != (place->wanted.mode & S_IFMT))
		return changes | LADE_ITEM_NEW;
	if (S_ISREG(place->wanted.mode) && (uint64_t)place->st.st_size != place->entry->size)
		changes |= LADE_ITEM_SIZE;
	return changes | lade_plan_metadata_changes(planner, place) | lade_plan_time_now(planner, place);
}

/* Whoever may only add is to have what is there already, or to hear that it differs; what may be changed of it otherwise stays. */
static bool is_equal(struct planner *planner, const struct place *place)
{
	if (S_ISDIR(place->wanted.mode))
		return S_ISDIR(place->st.st_mode);
	return S_ISREG(place->wanted.mode) ? lade_plan_same_file(planner, place) : lade_plan_same_special(place);
}

/*
 * Remember the first of several names, or link a further one at the end. Returns 1 if nothing else is to be done. leading is memory for
 * take_the_lead().
 */
static int link_entry(struct planner *planner, struct place *place, struct lade_msg_entry *leading, struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	struct leader *leader;
	char *path;

	if (place->entry->link == LADE_LINK_NONE)
		return 0;
	if (place->entry->link == LADE_LINK_LEADER) {
		path = strdup(planner->path);
		return path && !lade_receiver_add_leader(receiver, place->index, path) ? 0 :
			lade_fault_set(fault, LADE_E_MEMORY, "plan", NULL);
	}
	leader = lade_receiver_find_leader(receiver, place->entry->link - LADE_LINK_FOLLOWS);
	if (leader && leader->passed)
		return take_the_lead(planner, place, leader, leading, fault);
	if (place->exists && lade_grant_appends(planner->session->settings) && is_equal(planner, place)) {
		lade_plan_stored(planner, place->index);
		return 1;
	}
	/* Whether it is linked already is seen at the end only, when its leader is in place. */
	lade_plan_change(place->level);
	return lade_receiver_add_link(receiver,
				      &(struct follower){
					      .leader = place->entry->link - LADE_LINK_FOLLOWS, .index = place->index,
					      .mode = place->wanted.mode, .changes = link_changes(planner, place),
					      .size = place->entry->size + place->entry->target.len, .mtime = place->wanted.mtime,
					      .uid = place->wanted.uid, .gid = place->wanted.gid,
				      },
				      planner->path, fault) ? fault->code : 1;
}

/* ---- any entry ---- */

/*
 * True if an entry is of a kind that the user's options can bring about, and no filter leaves it out. The
 * sender knows both: one that sends it nevertheless would widen what the user asked for. A type that is left
 * out is none of that: it is said for its name alone.
 */
static bool asked_for(struct planner *planner, const struct lade_msg_entry *entry)
{
	const struct lade_filter *filter = planner->session->settings->filter;
	uint64_t options = planner->receiver->keep.options;
	mode_t mode = entry->mode;
	bool implied;

	if (!lade_plan_is_asked(planner, entry->name, S_ISDIR(mode), &implied))
		return false;
	if (S_ISLNK(mode) && (options & LADE_OPTION_COPY_LINKS))
		return false;
	/* What it leads to was asked for. One that was munged may have any target. */
	if (S_ISLNK(mode) && (options & LADE_OPTION_COPY_UNSAFE_LINKS) && !(options & LADE_OPTION_MUNGE_LINKS) &&
	    lade_symlink_unsafe(entry->target, lade_symlink_depth(planner->path)))
		return false;
	if (S_ISDIR(mode) && !implied && !(options & (LADE_OPTION_RECURSIVE | LADE_OPTION_DIRS)))
		return false;
	if (entry->link != LADE_LINK_NONE && !(options & LADE_OPTION_HARD_LINKS))
		return false;
	/* A single file may have another name here than there, which is what its rules are about. */
	return planner->receiver->only_name || implied || !*planner->path || lade_filter_empty(filter) ||
		!lade_filter_excludes(filter, planner->path, S_ISDIR(mode));
}

static void count(struct planner *planner, const struct lade_msg_entry *entry)
{
	lade_totals_entry(&planner->counted, (mode_t)entry->mode);
	/* A symlink is as long as its target, and what a directory says of itself is no one's content. */
	if (!S_ISDIR((mode_t)entry->mode))
		planner->counted.total_bytes += entry->size + entry->target.len;
}

static void tell_unsafe(struct planner *planner, struct lade_slice target)
{
	char rest[LADE_TARGET_MAX + 8];

	snprintf(rest, sizeof(rest), "\" -> \"%.*s\"", (int)target.len, (const char *)target.data);
	lade_session_note(planner->session, LADE_TOPIC_UNSAFE, "ignoring unsafe symlink \"", planner->path, rest);
}

/* True if the user wants nothing to be done about this entry, whatever is there. */
static bool stays(struct planner *planner, const struct place *place)
{
	const struct lade_settings *settings = planner->session->settings;
	mode_t mode = place->wanted.mode;

	if (S_ISREG(mode))
		return (settings->size_limit && place->entry->size >= settings->size_limit) ||
			place->entry->size < settings->size_least;
	if (!S_ISLNK(mode) || !(settings->options & LADE_OPTION_SAFE_LINKS) || !(settings->options & LADE_OPTION_LINKS) ||
	    !lade_symlink_unsafe(place->entry->target, lade_symlink_depth(planner->path)))
		return false;
	tell_unsafe(planner, place->entry->target);
	return true;
}

/* A symlink that is not to be followed here. */
struct munged {
	struct lade_msg_entry entry;
	char target[LADE_TARGET_MAX];
};

/* Symlinks are munged where the user is. */
static bool munges(const struct planner *planner)
{
	return lade_grant_munges(planner->session->settings, planner->session->events);
}

/* Have place's symlink made so that nobody can follow it. False: that is too long, which was reported. */
static bool munge(struct planner *planner, struct place *place, struct munged *munged)
{
	const size_t len = strlen(LADE_SYMLINK_MUNGED);
	struct lade_slice target = place->entry->target;

	if (len + target.len >= sizeof(munged->target)) {
		errno = ENAMETOOLONG;
		lade_plan_failed(planner, "create symlink");
		return false;
	}
	munged->entry = *place->entry;
	memcpy(munged->target, LADE_SYMLINK_MUNGED, len);
	memcpy(munged->target + len, target.data, target.len);
	munged->entry.target = lade_slice(munged->target, len + target.len);
	place->entry = &munged->entry;
	return true;
}

/*
 * True if a server lets no client make, or touch, what has this name: its rules say so, of what is to be or of what is there, or it is the name of
 * a file that is being made. A client of the server's own user may do as it likes.
 */
static bool is_withheld(const struct planner *planner, const struct place *place)
{
	struct lade_directory *directory = place->level->directory;

	if (!planner->session->settings->grant)
		return false;
	if (lade_temporary_is(place->name))
		return true;
	return directory && (lade_directory_hides(directory, place->name, S_ISDIR(place->wanted.mode)) ||
			     (place->exists && lade_directory_hides(directory, place->name, S_ISDIR(place->st.st_mode))));
}

/* Something is not done, for a reason of the server's: report it. What is in a directory is passed over too. */
static int withhold(struct planner *planner, struct place *place, const char *operation, int reason, struct lade_fault *fault)
{
	errno = reason;
	lade_plan_failed(planner, operation);
	if (place->entry->link == LADE_LINK_LEADER)
		lade_receiver_leader_failed(planner->receiver, place->index);
	return S_ISDIR(place->wanted.mode) ? lade_plan_enter_only(planner, place, fault) : 0;
}

int lade_plan_implied(struct planner *planner, struct lade_slice said, const struct lade_recv_event *event,
		      struct lade_fault *fault)
{
	const struct lade_msg_entry entry = { .name = said, .mode = S_IFDIR };
	char name[LADE_NAME_MAX + 1];
	struct place place = {
		.entry = &entry, .level = &planner->levels[planner->depth], .index = event->index, .name = name,
		.fd = planner->levels[planner->depth].fd,
		.wanted = { .mode = S_IFDIR | lade_plan_granted(planner, &planner->levels[planner->depth]), .granted = 0777 },
	};
	bool implied;

	memcpy(name, said.data, said.len);
	name[said.len] = '\0';
	if (!(planner->receiver->keep.options & LADE_OPTION_NO_IMPLIED_DIRS) || !lade_plan_is_asked(planner, said, true, &implied) ||
	    !implied)
		return lade_fault_set(fault, LADE_E_PROTOCOL, "take what was not asked for:", planner->path);
	(void)look(planner, &place);
	if (is_withheld(planner, &place))
		return withhold(planner, &place, "make what this server withholds from its clients:", EACCES, fault);
	return lade_plan_way(planner, &place, fault);
}

/* Do what is to be done about an entry, by its type. */
static int act_by_type(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	bool stands = place->exists && lade_grant_appends(planner->session->settings);

	if (stands && !is_equal(planner, place))
		return withhold(planner, place, "change (append-only)", EEXIST, fault);
	if (stands && !S_ISDIR(place->wanted.mode)) {
		lade_plan_stored(planner, place->index);
		return 0;
	}
	if (S_ISDIR(place->wanted.mode))
		return lade_plan_directory(planner, place, fault);
	if (S_ISREG(place->wanted.mode))
		return lade_plan_file(planner, place, fault);
	if (place->level->fd >= 0 || planner->dry_run)
		lade_plan_special(planner, place);
	return 0;
}

/* What is there is known: do what is to be done about it. */
static int act(struct planner *planner, struct place *place, struct lade_fault *fault)
{
	const struct lade_msg_entry *said = place->entry;
	struct lade_msg_entry leading;
	int result = lade_plan_note_symlink(planner, place, fault);

	if (!result)
		result = lade_plan_follow(planner, place, fault);
	if (result < 0)
		return result;
	if (!result)
		result = lade_plan_passes(planner, place);
	if (result)
		return lade_plan_pass(planner, place, fault);
	result = link_entry(planner, place, &leading, fault);
	if (!result)
		result = act_by_type(planner, place, fault);
	place->entry = said;
	return result < 0 ? result : 0;
}

int lade_plan_unnamed(struct planner *planner, const struct lade_msg_entry *entry, const struct lade_recv_event *event,
		      struct lade_fault *fault)
{
	struct place place = {
		.entry = entry, .level = &planner->levels[planner->depth], .index = event->index, .name = "", .fd = -1, .linked_fd = -1,
	};
	int error;

	count(planner, entry);
	if (lade_attributes_check(entry->xattrs))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand the attributes of", planner->path);
	lade_metadata_from_entry(&place.wanted, entry, planner->receiver->identities);
	error = lade_plan_pass(planner, &place, fault);
	if (!error && S_ISDIR(place.wanted.mode))
		planner->levels[planner->depth].unnamed = true;
	return error;
}

/* True if nothing is done with an entry of this type: the user does not want it, or we may not make it. */
static bool is_left_out(const struct planner *planner, const struct lade_msg_entry *entry)
{
	const struct lade_keep *keep = &planner->receiver->keep;
	mode_t mode = (mode_t)entry->mode;

	return lade_entry_left_out(keep->options, entry->mode) || ((S_ISBLK(mode) || S_ISCHR(mode)) && !keep->super);
}

/* Tell of it, as rsync(1) does: not of what would have been passed over anyhow. What has its name here is not deleted. */
static void leave_out(struct planner *planner, struct place *place)
{
	if (!look(planner, place))
		return;
	if (!lade_plan_passes(planner, place))
		lade_session_note(planner->session, LADE_TOPIC_NONREG, "skipping non-regular file \"", planner->path, "\"");
}

int lade_plan_entry(struct planner *planner, const struct lade_msg_entry *entry, const struct lade_recv_event *event,
		    struct lade_fault *fault)
{
	struct lade_receiver *receiver = planner->receiver;
	char name[LADE_NAME_MAX + 1];
	struct place place = {
		.entry = entry, .level = &planner->levels[planner->depth], .index = event->index, .name = name,
		.fd = planner->levels[planner->depth].fd, .linked_fd = -1,
	};
	struct munged munged;
	bool looked;
	int result;

	count(planner, entry);
	memcpy(name, entry->name.data, entry->name.len);
	name[entry->name.len] = '\0';
	if (receiver->only_name && event->depth == 0)
		place.name = receiver->only_name;
	if (!asked_for(planner, entry))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "take what was not asked for:", planner->path);
	if (lade_attributes_check(entry->xattrs))
		return lade_fault_set(fault, LADE_E_PROTOCOL, "understand the attributes of", planner->path);
	lade_metadata_from_entry(&place.wanted, entry, receiver->identities);
	if (!(receiver->keep.options & LADE_OPTION_PERMS))
		place.wanted.granted = lade_plan_granted(planner, place.level);
	if (planner->session->settings->listing)
		return list(planner, &place, fault);
	if (is_left_out(planner, entry)) {
		leave_out(planner, &place);
		return 0;
	}
	if (planner->session->settings->chmod)
		place.wanted.mode = lade_mode_changes_apply(planner->session->settings->chmod, place.wanted.mode);
	if (munges(planner) && S_ISLNK(place.wanted.mode) && !munge(planner, &place, &munged))
		return 0;
	if (stays(planner, &place))
		return 0;
	if (strcmp(name, ".") == 0) {
		const struct lade_attributes_place at = { place.level->fd, -1, name };

		if (place.level->fd >= 0 && fstat(place.level->fd, &place.st) == 0)
			place.exists = true;
		lade_backup_as_before(receiver, &place.st);
		if (place.exists)
			lade_metadata_unfake(&receiver->keep, &at, &place.st);
		return lade_plan_top(planner, &place, fault);
	}
	looked = look(planner, &place);
	if (is_withheld(planner, &place))
		return withhold(planner, &place, "make what this server withholds from its clients:", EACCES, fault);
	if (!looked)
		return S_ISDIR(place.wanted.mode) ? lade_plan_directory(planner, &place, fault) : 0;
	result = act(planner, &place, fault);
	if (place.linked_fd >= 0)
		close(place.linked_fd);
	return result;
}
