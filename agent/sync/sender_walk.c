/*
 * The walker: turns what the walk meets into entries, and says them against credit.
 * What cannot be read is reported and left out; a directory with such a gap is said
 * to be incomplete, so that nothing is deleted because of it.
 */
#include "agent/sync/sender_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"
#include "agent/sync/grant.h"
#include "agent/tree/attributes.h"
#include "agent/tree/device_file.h"
#include "agent/tree/fake_super.h"
#include "agent/tree/filter_scope.h"
#include "agent/tree/read_open.h"
#include "agent/tree/symlink.h"
#include "protocol/grow.h"
#include "transport/clock.h"

/* Try to say something; where the credit does not suffice, send what is queued and wait for more. Lock held. */
#define SAY(sender, call) \
	do { \
		struct lade_session *session_ = &(sender)->session; \
		lade_session_wait_room(session_); \
		error = LADE_E_AGAIN; \
		while (!session_->failed && (error = (call)) == LADE_E_AGAIN) { \
			lade_session_queued(session_, true); \
			pthread_cond_wait(&session_->room, &session_->lock); \
		} \
		lade_session_queued(session_, false); \
	} while (0)

/* [identity] For lade_attributes_visit_ids() too: context is the sender. */
static int say_identity(void *context, enum lade_identity_kind kind, uint32_t id)
{
	struct lade_sender *sender = context;
	struct lade_msg_identity identity = { .kind = kind, .id = id };
	const char *name;
	int error = lade_identities_announce(sender->identities, kind, id, &name);

	if (error <= 0)
		return error;
	identity.name = lade_slice(name, strlen(name));
	if (identity.name.len > LADE_NAME_MAX)
		return 0;
	lade_session_lock(&sender->session);
	SAY(sender, lade_session_send_identity(sender->machine, &identity, lade_session_queue(&sender->session)));
	lade_session_unlock(&sender->session);
	return error;
}

/* Owners, and whom ACLs name, travel as numbers; their names once, before they are first used. */
static int say_identities(struct lade_sender *sender, const struct lade_msg_entry *entry)
{
	uint64_t options = sender->session.settings->options;
	int error = 0;

	if (options & LADE_OPTION_NUMERIC_IDS)
		return 0;
	if (options & LADE_OPTION_OWNER)
		error = say_identity(sender, LADE_IDENTITY_USER, entry->uid);
	if (!error && (options & LADE_OPTION_GROUP))
		error = say_identity(sender, LADE_IDENTITY_GROUP, entry->gid);
	return error ? error : lade_attributes_visit_ids(entry->xattrs, say_identity, sender);
}

/* Report that something of the source is left out. That a directory is, without -r, is no fault. */
static void problem(struct lade_sender *sender, const struct lade_fault *fault, bool vanished)
{
	if (fault->code == LADE_E_UNSUPPORTED) {
		lade_session_note(&sender->session, LADE_TOPIC_ALWAYS, fault->operation, " ", fault->subject);
		return;
	}
	if (fault->code == LADE_E_REFUSED) {
		lade_session_tell(&sender->session, LADE_REPORT_WARNING, 0, fault->operation, fault->subject, NULL);
		return;
	}
	sender->incomplete = true;
	if (vanished)
		lade_session_tell(&sender->session, LADE_REPORT_WARNING, LADE_EXIT_VANISHED, "file has vanished:",
				  fault->subject, NULL);
	else
		lade_session_report(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, fault);
}

static void failed_at(struct lade_sender *sender, const char *operation, const char *path)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_SOURCE, operation, path);
	problem(sender, &fault, errno == ENOENT);
}

/* True if only the name and the type of this are of use to the receiver. All types are listed. */
static bool left_out(const struct lade_sender *sender, const struct lade_walk_item *item)
{
	const struct lade_settings *settings = sender->session.settings;

	return !settings->listing && lade_entry_left_out(settings->options, (uint32_t)item->st.st_mode);
}

/* The parts of an entry that need memory of their own while it is said. */
struct parts {
	char target[LADE_TARGET_MAX], converted[LADE_TARGET_MAX];
	uint8_t digest[LADE_DIGEST_LEN];
};

/* [charset] A target is converted as names are. False if it cannot be, which was reported. */
static bool convert_target(struct lade_sender *sender, const struct lade_walk_item *item, struct lade_msg_entry *entry,
			   struct parts *parts)
{
	struct lade_charset *charset = sender->session.settings->charset;
	size_t len;

	if (!charset)
		return true;
	if (!lade_charset_text(charset, LADE_CHARSET_OUT, entry->target, parts->converted, sizeof(parts->converted), &len)) {
		failed_at(sender, "convert the target of symlink", item->path);
		return false;
	}
	entry->target = lade_slice(parts->converted, len);
	return true;
}

static bool add_target(struct lade_sender *sender, const struct lade_walk_item *item, struct lade_msg_entry *entry,
		       struct parts *parts)
{
	ssize_t len = item->faked ? lade_fake_super_readlink(item->parent_fd, item->name, parts->target, sizeof(parts->target)) :
		readlinkat(item->parent_fd, item->name, parts->target, sizeof(parts->target));

	if (len < 0 || (size_t)len == sizeof(parts->target)) {
		if (len >= 0)
			errno = ENAMETOOLONG;
		failed_at(sender, "read symlink", item->path);
		return false;
	}
	entry->target = lade_slice(parts->target, (size_t)len);
	/* The user is on this side, or the session has no business with how its symlinks are kept. */
	if (lade_grant_munges(sender->session.settings, sender->session.events) &&
	    lade_symlink_munged(entry->target))
		entry->target = lade_slice(parts->target + strlen(LADE_SYMLINK_MUNGED),
					   (size_t)len - strlen(LADE_SYMLINK_MUNGED));
	return convert_target(sender, item, entry, parts);
}

static bool wants_noatime(const struct lade_sender *sender)
{
	return sender->session.settings->options & LADE_OPTION_OPEN_NOATIME;
}

/* Open a file or directory of the walk for its attributes or digest: through a symlink only where that was followed. */
static int open_item(const struct lade_sender *sender, const struct lade_walk_item *item)
{
	return lade_read_open_in(item->parent, item->parent_fd, item->name,
				 (wants_noatime(sender) ? LADE_READ_NOATIME : 0) | (item->followed ? LADE_READ_FOLLOW : 0));
}

static bool add_xattrs(struct lade_sender *sender, const struct lade_walk_item *item, struct lade_msg_entry *entry)
{
	const struct lade_attributes_wish wish = {
		.xattrs = sender->session.settings->options & LADE_OPTION_XATTRS,
		.acls = sender->session.settings->options & LADE_OPTION_ACLS,
		.filter = sender->session.settings->filter,
		.fake = sender->session.settings->options & LADE_OPTION_FAKE_SUPER,
		.super = true, /* what may be read is said, and it is the receiver who chooses */
	};
	struct lade_attributes_place place = { -1, item->parent_fd, item->name };
	struct lade_fault fault;
	int error, fd = -1;

	if (!wish.xattrs && !wish.acls)
		return true;
	if (item->path[0] == '\0')
		place.fd = item->parent_fd;
	else if (item->followed)
		place.fd = fd = open_item(sender, item);
	if (item->followed && fd < 0) {
		failed_at(sender, "open", item->path);
		return true;
	}
	lade_writer_reset(&sender->xattrs);
	error = lade_attributes_read(&wish, &place, &sender->xattrs, &fault);
	if (fd >= 0)
		close(fd);
	entry->xattrs = lade_slice(sender->xattrs.data, sender->xattrs.len);
	if (!error)
		return true;
	lade_fault_set(&fault, fault.code, fault.operation, item->path);
	lade_session_report(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
	entry->xattrs.len = 0;
	return true;
}

static bool add_digest(struct lade_sender *sender, const struct lade_walk_item *item, struct lade_msg_entry *entry,
		       struct parts *parts)
{
	struct lade_fault fault;
	int fd, error;

	if (!S_ISREG(item->st.st_mode) || !(sender->session.settings->options & LADE_OPTION_CHECKSUM))
		return true;
	fd = open_item(sender, item);
	if (fd < 0) {
		failed_at(sender, "open", item->path);
		return false;
	}
	error = lade_file_digest(fd, entry->size, &sender->session.files, parts->digest, &fault);
	close(fd);
	if (error == LADE_E_SHRUNK)
		return true; /* it will be looked at again when it is wanted */
	if (error) {
		lade_fault_set(&fault, fault.code, fault.operation, item->path);
		problem(sender, &fault, false);
		return false;
	}
	entry->digest = lade_slice(parts->digest, LADE_DIGEST_LEN);
	return true;
}

/* An inode with several names: the first is the leader, the others follow it and need no content. */
static void add_link(struct lade_sender *sender, const struct stat *st, struct lade_msg_entry *entry)
{
	uint64_t leader;

	if (!(sender->session.settings->options & LADE_OPTION_HARD_LINKS) || st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return;
	entry->link = LADE_LINK_LEADER;
	if (lade_inode_map_find(sender->inodes, st->st_dev, st->st_ino, &leader))
		entry->link = LADE_LINK_FOLLOWS + leader;
}

/* That of a directory changes whenever it is read. */
static void add_atime(const struct lade_sender *sender, const struct stat *st, struct lade_msg_entry *entry)
{
	if (!(sender->session.settings->options & LADE_OPTION_ATIMES) || S_ISDIR(st->st_mode))
		return;
	entry->atime_s = st->st_atim.tv_sec;
	entry->atime_ns = (uint32_t)st->st_atim.tv_nsec;
}

static struct source *new_source(const struct lade_sender *sender, const struct lade_walk_item *item)
{
	struct source *source = calloc(1, sizeof(*source) + item->name_len + 1);

	if (!source)
		return NULL;
	source->directory = lade_directory_ref(item->parent);
	source->followed = item->followed;
	source->device = item->st.st_dev;
	source->inode = item->st.st_ino;
	source->is_device = item->is_device;
	source->noatime = wants_noatime(sender);
	lade_source_update(source, &item->st);
	memcpy(source->name, item->name, item->name_len);
	return source;
}

static int out_of_memory(struct lade_fault *fault)
{
	return lade_fault_set(fault, LADE_E_MEMORY, "describe an entry", NULL);
}

static int say(struct lade_sender *sender, const struct lade_walk_item *item, const struct lade_msg_entry *entry,
	       struct lade_fault *fault)
{
	struct lade_session *session = &sender->session;
	struct source *source = NULL;
	uint64_t index = 0;
	int error;

	if (S_ISREG(item->st.st_mode) && entry->size && entry->link < LADE_LINK_FOLLOWS) {
		source = new_source(sender, item);
		if (!source)
			return out_of_memory(fault);
	}
	lade_session_lock(session);
	SAY(sender, lade_session_send_entry(sender->machine, entry, source, lade_session_queue(session), &index));
	session->progress.entries++;
	lade_session_unlock(session);
	if (error)
		lade_source_free(source);
	if (!error && entry->link == LADE_LINK_LEADER &&
	    lade_inode_map_put(sender->inodes, item->st.st_dev, item->st.st_ino, index))
		return out_of_memory(fault);
	if (!error && lade_sender_removable(sender, item, index, fault))
		return fault->code;
	return error == LADE_E_MEMORY ? out_of_memory(fault) : 0;
}

/* --fake-super: let item be what it passes for. False: that cannot be told of it, and it is left out; a directory is not. */
static bool unfake(struct lade_sender *sender, struct lade_walk_item *item)
{
	struct lade_attributes_place place = { -1, item->parent_fd, item->name };
	mode_t type = item->st.st_mode & S_IFMT;
	struct lade_fault fault;

	item->faked = false;
	if (!(sender->session.settings->options & LADE_OPTION_FAKE_SUPER))
		return true;
	if (item->path[0] == '\0')
		place.fd = item->parent_fd;
	if (lade_fake_super_read(&place, &item->st, &fault) < 0) {
		lade_fault_set(&fault, fault.code, fault.operation, item->path);
		problem(sender, &fault, false);
		return S_ISDIR(item->st.st_mode);
	}
	item->faked = (item->st.st_mode & S_IFMT) != type;
	return true;
}

/* --copy-devices: let item be a regular file, if it is a device. False: that cannot be opened, and is left out. */
static bool open_device(struct lade_sender *sender, struct lade_walk_item *item)
{
	int fd;

	item->is_device = (sender->session.settings->options & LADE_OPTION_COPY_DEVICES) && !item->faked &&
		(S_ISBLK(item->st.st_mode) || S_ISCHR(item->st.st_mode));
	if (!item->is_device)
		return true;
	fd = open_item(sender, item);
	if (fd < 0) {
		failed_at(sender, "open", item->path);
		return false;
	}
	lade_device_as_file(fd, &item->st);
	close(fd);
	return true;
}

/* ---- directories that may stay empty (-m) ---- */

/* Hold the entry of a directory back until there is something in it. 0 or LADE_E_MEMORY. */
static int hold(struct lade_sender *sender, const struct lade_msg_entry *entry)
{
	struct held_entry *held = lade_grown(sender->held, sender->held_count, &sender->held_capacity, sizeof(*held));
	size_t name_len = entry->name.len, xattrs_len = entry->xattrs.len;

	if (!held)
		return LADE_E_MEMORY;
	sender->held = held;
	held += sender->held_count;
	held->entry = *entry;
	held->bytes = malloc(name_len + xattrs_len);
	if (!held->bytes)
		return LADE_E_MEMORY;
	memcpy(held->bytes, entry->name.data, name_len);
	if (xattrs_len)
		memcpy(held->bytes + name_len, entry->xattrs.data, xattrs_len);
	held->entry.name = lade_slice(held->bytes, name_len);
	held->entry.xattrs = lade_slice(held->bytes + name_len, xattrs_len);
	sender->held_count++;
	return 0;
}

void lade_sender_drop_held(struct lade_sender *sender)
{
	while (sender->held_count)
		free(sender->held[--sender->held_count].bytes);
}

/* Something is in all of them. */
static int say_held(struct lade_sender *sender, struct lade_fault *fault)
{
	const struct lade_walk_item directory = { .st.st_mode = S_IFDIR };
	int error = 0;

	for (size_t i = 0; i < sender->held_count && !error; i++)
		error = say(sender, &directory, &sender->held[i].entry, fault);
	lade_sender_drop_held(sender);
	return error;
}

/*
 * 1 if a directory is said though it may be empty: the user's rules protect its name at the destination. As in rsync, those that are in
 * files of the tree do not. Or 0, or LADE_E_MEMORY.
 */
static int is_protected(const struct lade_sender *sender, const char *path)
{
	const struct lade_settings *settings = sender->session.settings;
	const struct lade_filter_use use = {
		.side = LADE_FILTER_RECEIVER, .delete_excluded = settings->options & LADE_OPTION_DELETE_EXCLUDED,
	};
	struct lade_filter_scope *scope;
	bool excluded;

	if (lade_filter_empty(settings->filter))
		return 0;
	if (lade_filter_scope_new(settings->filter, &use, &scope))
		return LADE_E_MEMORY;
	excluded = lade_filter_scope_excludes(scope, path, true, NULL);
	lade_filter_scope_free(scope);
	return excluded;
}

/* Say an entry whose parts are complete, or hold it back. The root of the transfer is there anyhow. */
static int say_or_hold(struct lade_sender *sender, const struct lade_walk_item *item, const struct lade_msg_entry *entry,
		       struct lade_fault *fault)
{
	bool prunes = sender->session.settings->options & LADE_OPTION_PRUNE_EMPTY_DIRS;
	int error = 1;

	if (prunes && S_ISDIR(item->st.st_mode) && item->path[0])
		error = is_protected(sender, item->path);
	if (error < 0 || (!error && hold(sender, entry)))
		return out_of_memory(fault);
	if (!error)
		return 0;
	error = say_held(sender, fault);
	return error ? error : say(sender, item, entry, fault);
}

/* --copy-unsafe-links: tell of a symlink that is not safe, so that what it leads to is copied. */
static void tell_copied(struct lade_sender *sender, const struct lade_walk_item *item)
{
	char target[LADE_TARGET_MAX], rest[LADE_TARGET_MAX + 8];
	ssize_t len;

	if (!item->followed || !(sender->session.settings->options & LADE_OPTION_COPY_UNSAFE_LINKS) ||
	    !lade_session_wants(&sender->session, LADE_TOPIC_SYMSAFE))
		return;
	len = readlinkat(item->parent_fd, item->name, target, sizeof(target));
	if (len < 0 || !lade_symlink_unsafe(lade_slice(target, (size_t)len), lade_symlink_depth(item->path)))
		return;
	snprintf(rest, sizeof(rest), "\" -> \"%.*s\"", (int)len, target);
	lade_session_note(&sender->session, LADE_TOPIC_SYMSAFE, "copying unsafe symlink \"", item->path, rest);
}

/* True if somebody is going to read how large a directory is; nothing else asks for that. */
static bool tells_sizes(const struct lade_sender *sender)
{
	const struct lade_settings *settings = sender->session.settings;

	return settings->listing || (settings->items & LADE_ITEMS_SIZE);
}

/*
 * Say an entry. Something that cannot be read is left out, unless it is a directory: that is entered by the walk
 * whatever happens, so its entry must be said.
 */
static int say_entry(struct lade_sender *sender, struct lade_walk_item *item, struct lade_fault *fault)
{
	const struct stat *st = &item->st;
	bool usable = unfake(sender, item) && open_device(sender, item);
	struct lade_msg_entry entry = {
		.name = lade_slice(item->said, item->said_len),
		.mode = st->st_mode,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
		.uid = st->st_uid,
		.gid = st->st_gid,
	};
	struct parts parts;

	tell_copied(sender, item);
	/* To -m it is there all the same, as in rsync. */
	if (!usable)
		return say_held(sender, fault);
	if (S_ISLNK(st->st_mode) && !add_target(sender, item, &entry, &parts))
		return 0;
	if (left_out(sender, item))
		return say_or_hold(sender, item, &entry, fault);
	if (sender->session.settings->chmod)
		entry.mode = lade_mode_changes_apply(sender->session.settings->chmod, entry.mode);
	add_atime(sender, st, &entry);
	if (S_ISREG(st->st_mode) || (S_ISDIR(st->st_mode) && tells_sizes(sender)))
		entry.size = (uint64_t)st->st_size;
	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode)) {
		entry.rdev_major = major(st->st_rdev);
		entry.rdev_minor = minor(st->st_rdev);
	}
	if (!add_xattrs(sender, item, &entry) || !add_digest(sender, item, &entry, &parts))
		return 0;
	if (say_identities(sender, &entry))
		return out_of_memory(fault);
	add_link(sender, st, &entry);
	return say_or_hold(sender, item, &entry, fault);
}

/*
 * Say a message that is a name and no more: [implied] for a directory on the way to a source, whose attributes are not the user's business,
 * [missing] for a source that is not there, which may be more than a name.
 */
static int say_name(struct lade_sender *sender, const struct lade_walk_item *item,
		    int (*say_it)(struct lade_session_send *machine, struct lade_slice name, struct lade_writer *out))
{
	struct lade_session *session = &sender->session;
	int error;

	lade_session_lock(session);
	SAY(sender, say_it(sender->machine, lade_slice(item->said, item->said_len), lade_session_queue(session)));
	lade_session_unlock(session);
	return error;
}

/* All of a directory was said; or nothing of it, nor the directory itself. */
static int say_leave(struct lade_sender *sender, bool incomplete)
{
	int error;

	if (sender->held_count) {
		free(sender->held[--sender->held_count].bytes);
		return 0;
	}
	lade_session_lock(&sender->session);
	SAY(sender, lade_session_send_leave(sender->machine, incomplete, lade_session_queue(&sender->session)));
	lade_session_unlock(&sender->session);
	return error;
}

static void say_begin(struct lade_sender *sender)
{
	int error;

	lade_session_lock(&sender->session);
	SAY(sender, lade_session_send_root(sender->machine, sender->single, lade_session_queue(&sender->session)));
	lade_session_unlock(&sender->session);
	(void)error;
}

static void say_end(struct lade_sender *sender)
{
	struct lade_session *session = &sender->session;
	uint32_t incomplete;
	int error;

	lade_sender_guard_again(sender);
	incomplete = sender->guarded ? LADE_SCAN_GUARDED : sender->incomplete ? LADE_SCAN_INCOMPLETE : LADE_SCAN_COMPLETE;
	lade_session_lock(session);
	SAY(sender, lade_session_send_entries_end(sender->machine, incomplete, lade_session_queue(session)));
	lade_session_queued(session, true);
	session->progress.scanned = true;
	session->totals.scan_ms = (uint64_t)(lade_clock_ms() - sender->started_ms);
	lade_session_unlock(session);
	(void)error;
}

void *lade_sender_walk(void *argument)
{
	struct lade_sender *sender = argument;
	struct lade_walk_item item;
	struct lade_fault fault = { 0 };
	int event = 1, error = 0;

	sender->started_ms = lade_clock_ms();
	say_begin(sender);
	while (sender->walk && event > 0 && !error && !lade_session_failed(&sender->session)) {
		event = lade_walk_next(sender->walk, &item, &fault);
		if (event == LADE_WALK_ENTRY && item.implied &&
		    (sender->session.settings->options & LADE_OPTION_NO_IMPLIED_DIRS))
			error = say_held(sender, &fault) ? fault.code : say_name(sender, &item, lade_session_send_implied);
		else if (event == LADE_WALK_ENTRY)
			error = say_entry(sender, &item, &fault);
		else if (event == LADE_WALK_MISSING)
			error = say_held(sender, &fault) ? fault.code : say_name(sender, &item, lade_session_send_missing);
		else if (event == LADE_WALK_LEAVE)
			error = say_leave(sender, item.incomplete);
		else if (event == LADE_WALK_PROBLEM && item.absent)
			lade_session_report(&sender->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
		else if (event == LADE_WALK_PROBLEM)
			problem(sender, &fault, item.vanished);
	}
	if (error == LADE_E_AGAIN)
		error = 0; /* the session has failed meanwhile */
	if (event < 0 || error)
		lade_session_fail(&sender->session, &fault);
	else
		say_end(sender);
	return NULL;
}
