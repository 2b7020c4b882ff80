/*
 * What is done when all content is in place, in this order: hard links, deletions,
 * and last the directories' metadata, children before parents, because each of the
 * others changes the times of a directory. All of it comes from spools, so paths are
 * resolved again under the root, with the same rules.
 *
 * Deletion is planned during the scan and carried out only if the scan was complete. It ends where the session fails: who
 * interrupts it wants no more to go. The sender's END, which comes last, it cannot wait for.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/grant.h"
#include "agent/sync/totals.h"
#include "agent/tree/listing.h"
#include "agent/tree/remove.h"
#include "protocol/grow.h"

int lade_receiver_open_parent(struct lade_receiver *receiver, const char *path, int *fd_out, const char **name_out,
			      struct lade_fault *fault)
{
	const char *slash = strrchr(path, '/');

	*name_out = slash ? slash + 1 : path;
	if (!receiver->tree)
		return lade_fault_set(fault, LADE_E_ABSENT, "open", path);
	return lade_directories_resolve(receiver->tree, path, slash ? (size_t)(slash - path) : 0, fd_out, fault);
}

/* ---- deletions ---- */

void lade_receiver_tell_deleted(struct lade_receiver *receiver, mode_t mode, const char *path)
{
	lade_session_item(&receiver->session, &(struct lade_msg_item){
		.changes = LADE_ITEM_DELETED, .mode = (uint32_t)mode, .path = lade_slice(path, strlen(path)),
	});
}

static void removed(void *context, const char *path, mode_t mode)
{
	struct lade_receiver *receiver = context;

	lade_session_lock(&receiver->session);
	lade_totals_deleted(&receiver->session.totals, mode);
	lade_session_unlock(&receiver->session);
	lade_receiver_tell_deleted(receiver, mode, path);
}

static void tell_not_empty(struct lade_receiver *receiver, const char *path)
{
	lade_session_note(&receiver->session, LADE_TOPIC_ALWAYS, "cannot delete non-empty directory: ", path, NULL);
}

static void not_removed(void *context, const struct lade_fault *fault)
{
	struct lade_receiver *receiver = context;

	if (fault->sys_errno == ENOTEMPTY)
		tell_not_empty(receiver, fault->subject);
	else
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, fault);
}

bool lade_receiver_may_delete(void *argument)
{
	struct lade_receiver *receiver = argument;
	uint64_t most = receiver->session.settings->max_delete;
	bool may;

	lade_session_lock(&receiver->session);
	may = !most || receiver->session.totals.deleted < most - 1;
	receiver->undeleted += !may;
	lade_session_unlock(&receiver->session);
	return may;
}

/* --max-delete: say what stayed. */
static void tell_undeleted(struct lade_receiver *receiver)
{
	char text[80];

	if (!receiver->undeleted)
		return;
	snprintf(text, sizeof(text), "Deletions stopped due to --max-delete limit (%llu skipped)",
		 (unsigned long long)receiver->undeleted);
	lade_session_tell(&receiver->session, LADE_REPORT_WARNING, LADE_EXIT_DELETE_LIMIT, text, NULL, NULL);
}

/* -b: what is deleted stays as a backup. */
static int put_aside(void *context, int fd, const char *name, const char *path, struct lade_fault *fault)
{
	(void)name;
	return lade_backup(context, fd, path, BACKUP_MOVE, fault);
}

/* Remove name in directory, with all that is in it but for what is protected. 0 or the fault. */
static int remove_tree(struct lade_receiver *receiver, struct lade_directory *directory, const char *name,
		       bool makes_way, struct lade_fault *fault)
{
	struct lade_removal removal = {
		.dry_run = receiver->keep.options & LADE_OPTION_DRY_RUN,
		.one_file_system = receiver->keep.options & LADE_OPTION_ONE_FILE_SYSTEM,
		.context = receiver,
		.may = lade_receiver_may_delete,
		.stopped = lade_receiver_stopped,
		.put_aside = receiver->keep.options & LADE_OPTION_BACKUP ? put_aside : NULL,
		.removed = removed,
		.failed = not_removed,
	};
	char *prefix = lade_directory_path(directory, NULL);
	int error;

	if (!prefix)
		return lade_fault_set(fault, LADE_E_MEMORY, "remove", name);
	error = lade_receiver_protection(receiver, directory, true, &removal.scope, fault);
	removal.prefix = prefix;
	removal.makes_way = makes_way;
	/* The rules may have been replaced since the deletion was planned. Only --delete-after goes by the new ones. */
	removal.asked = !makes_way && receiver->session.settings->deletion != LADE_DELETION_LAST;
	if (!error)
		error = lade_remove_tree(directory, name, &removal, fault);
	else
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, fault);
	lade_filter_scope_free(removal.scope);
	free(prefix);
	return error;
}

struct lade_directory *lade_receiver_handle_of(struct lade_receiver *receiver, char *path, char **name_out)
{
	struct lade_directory *at = lade_directory_ref(lade_directories_root(receiver->tree));
	char *slash;

	while (at && (slash = strchr(path, '/'))) {
		struct lade_directory *next = NULL;

		if (lade_directory_new(at, path, (size_t)(slash - path), NULL, NULL, &next, NULL))
			next = NULL;
		lade_directory_unref(at);
		at = next;
		path = slash + 1;
	}
	*name_out = path;
	return at;
}

/* What an earlier session left, and this one did not continue. */
static void delete_temporary(struct lade_directory *directory, const char *name)
{
	int fd;

	if (lade_directory_pin(directory, &fd, NULL))
		return;
	(void)lade_temporary_remove_stale(fd, name);
	lade_directory_unpin(directory);
}

/* A symlink may have been found to lead into it since that was planned (-K). */
static bool is_kept(struct lade_receiver *receiver, struct lade_directory *directory, const char *name)
{
	bool kept;
	int fd;

	if (lade_directory_pin(directory, &fd, NULL))
		return false;
	kept = lade_receiver_keeps(receiver, fd, name);
	lade_directory_unpin(directory);
	return kept;
}

static void follow_links(struct lade_receiver *receiver)
{
	if (receiver->keep.options & LADE_OPTION_KEEP_DIRLINKS)
		lade_directories_follow(receiver->tree, true);
}

static void delete_one(struct lade_receiver *receiver, const char *path)
{
	char *copy = strdup(path), *name;
	struct lade_directory *directory = copy ? lade_receiver_handle_of(receiver, copy, &name) : NULL;
	struct lade_fault fault;

	if (directory && lade_temporary_is(name))
		delete_temporary(directory, name);
	else if (directory && !is_kept(receiver, directory, name))
		(void)remove_tree(receiver, directory, name, false, &fault);
	lade_directory_unref(directory);
	free(copy);
}

void lade_receiver_delete(struct lade_receiver *receiver)
{
	struct lade_slice path;
	struct lade_fault fault;
	int got;

	if (receiver->deleted || !receiver->tree)
		return;
	receiver->deleted = true;
	if (receiver->spares) {
		/* Whoever guards has said so. */
		if (receiver->deletes_below && !receiver->guarded)
			lade_session_note(&receiver->session, LADE_TOPIC_ALWAYS, "IO error encountered -- skipping file deletion",
					  NULL, NULL);
		return;
	}
	if (!lade_spool_count(receiver->deletions))
		return;
	/* Nothing was planned behind a symlink: one that is in the way now has come since. */
	lade_directories_follow(receiver->tree, false);
	while ((got = lade_spool_next(receiver->deletions, &path, &fault)) == 1 && !lade_receiver_stopped(receiver))
		delete_one(receiver, (const char *)path.data);
	follow_links(receiver);
	if (got < 0)
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
}

/* True if the directory is empty, so that a run that is no dry one would remove it. */
static bool is_empty(int directory_fd, const char *name)
{
	return lade_listing_empty(openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), NULL) == 1;
}

/* Remove a directory with content that is in the way, if that is asked for. */
static int remove_from_way(struct lade_receiver *receiver, struct lade_directory *directory, int fd, const char *name,
			   struct lade_fault *fault)
{
	int error;

	if (!(receiver->keep.options & (LADE_OPTION_DELETE | LADE_OPTION_FORCE)) || lade_receiver_keeps(receiver, fd, name)) {
		char *path = lade_directory_path(directory, name);

		if (path)
			tell_not_empty(receiver, path);
		free(path);
		errno = ENOTEMPTY;
		return lade_fault_set(fault, LADE_E_SYSTEM, "make way for", name);
	}
	error = remove_tree(receiver, directory, name, true, fault);
	/* What is in it was told of. */
	errno = ENOTEMPTY;
	return error == LADE_E_REFUSED ? lade_fault_set(fault, LADE_E_SYSTEM, "make way for", name) : error;
}

/* What is in the way becomes a backup. */
static int back_up(struct lade_receiver *receiver, const struct lade_directory *directory, int fd, const char *name,
		   struct lade_fault *fault)
{
	char *path = lade_directory_path(directory, name);
	int error = path ? lade_backup(receiver, fd, path, BACKUP_MOVE, fault) :
		lade_fault_set(fault, LADE_E_MEMORY, "back up", name);

	free(path);
	return error;
}

int lade_receiver_make_way(struct lade_receiver *receiver, struct lade_directory *directory, int fd, const char *name,
			   struct lade_fault *fault)
{
	bool dry_run = receiver->keep.options & LADE_OPTION_DRY_RUN;
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : lade_fault_set(fault, LADE_E_SYSTEM, "make way for", name);
	if (lade_grant_appends(receiver->session.settings)) {
		errno = EEXIST;
		return lade_fault_set(fault, LADE_E_SYSTEM, "make way for (append-only)", name);
	}
	if (!S_ISDIR(st.st_mode)) {
		if (!dry_run && (receiver->keep.options & LADE_OPTION_BACKUP))
			return back_up(receiver, directory, fd, name, fault);
		if (dry_run || unlinkat(fd, name, 0) == 0 || errno == ENOENT)
			return 0;
		return lade_fault_set(fault, LADE_E_SYSTEM, "make way for", name);
	}
	if (dry_run ? is_empty(fd, name) : unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (!dry_run && errno != ENOTEMPTY)
		return lade_fault_set(fault, LADE_E_SYSTEM, "make way for", name);
	return remove_from_way(receiver, directory, fd, name, fault);
}

/* ---- directories ---- */

/* A directory's metadata in the spool; its path and its encoded attributes stand behind it. */
struct directory_record {
	mode_t mode, granted;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	bool existed, opened, implied;
	mode_t own_mode; /* opened: the permission bits that it had */
	size_t path_len; /* without the NUL */
};

/* Spool what is wanted of the directory at path. The session's lock is held. */
static int add_directory(struct lade_receiver *receiver, const struct target *target, const char *path,
			 struct lade_fault *fault)
{
	const struct lade_metadata *metadata = &target->metadata;
	const struct directory_record record = {
		metadata->mode, metadata->granted, metadata->uid, metadata->gid, metadata->mtime,
		target->existed, target->opened, target->implied, target->own_mode, strlen(path),
	};
	struct lade_writer bytes;
	int error;

	lade_writer_init(&bytes, LADE_SPOOL_RECORD_MAX);
	lade_writer_put_bytes(&bytes, &record, sizeof(record));
	lade_writer_put_bytes(&bytes, path, record.path_len + 1);
	lade_writer_put_bytes(&bytes, metadata->xattrs.data, metadata->xattrs.len);
	error = bytes.error ? lade_fault_set(fault, bytes.error, "remember", path) :
		lade_spool_add(receiver->directories, bytes.data, bytes.len, fault);
	lade_writer_fini(&bytes);
	return error;
}

void lade_receiver_directory_done(struct lade_directory *directory, void *user)
{
	struct target *target = user;
	struct lade_receiver *receiver = target->receiver;
	struct lade_session *session = &receiver->session;
	bool stays = target->existed && lade_grant_appends(session->settings);
	struct lade_fault fault;
	char *path;

	if (stays ? false : target->implied ? target->opened :
	    target->differs || atomic_load_explicit(&target->touched, memory_order_relaxed)) {
		path = lade_directory_path(directory, NULL);
		lade_session_lock(session);
		if (!path || add_directory(receiver, target, path, &fault)) {
			if (!path)
				lade_fault_set(&fault, LADE_E_MEMORY, "remember", NULL);
			lade_session_fail_locked(session, &fault);
		}
		lade_session_unlock(session);
		free(path);
	}
	free((void *)target->metadata.xattrs.data);
	free(target);
}

static int set_directory(struct lade_receiver *receiver, struct lade_slice bytes, const char **path_out,
			 struct lade_fault *fault)
{
	struct lade_metadata_place place = { -1, -1, "." };
	struct directory_record record;
	struct lade_metadata wanted;
	struct stat st;
	int error;

	memcpy(&record, bytes.data, sizeof(record));
	*path_out = (const char *)bytes.data + sizeof(record);
	wanted = (struct lade_metadata){
		.mode = record.mode, .uid = record.uid, .gid = record.gid, .mtime = record.mtime, .granted = record.granted,
		.xattrs = lade_slice(*path_out + record.path_len + 1, bytes.len - sizeof(record) - record.path_len - 1),
	};
	error = lade_directories_resolve(receiver->tree, *path_out, record.path_len, &place.fd, fault);
	if (error)
		return error;
	error = fstat(place.fd, &st) ? lade_fault_set(fault, LADE_E_SYSTEM, "stat", *path_out) : 0;
	if (!error)
		lade_metadata_unfake(&receiver->keep, &(struct lade_attributes_place){ place.fd, -1, "." }, &st);
	if (!error && !record.implied)
		error = lade_metadata_apply(&receiver->keep, &wanted, &place, &st, record.existed ? &st : NULL, receiver->identities, fault);
	if (record.opened && (record.implied || !(receiver->keep.options & LADE_OPTION_PERMS)) && fchmod(place.fd, record.own_mode) && !error)
		error = lade_fault_set(fault, LADE_E_SYSTEM, "change mode of", *path_out);
	close(place.fd);
	return error;
}

static void set_directories(struct lade_receiver *receiver)
{
	struct lade_slice bytes;
	struct lade_fault fault;
	const char *path;
	int got;

	if (receiver->root.named && (receiver->root.differs || receiver->root.touched) &&
	    !(receiver->root.existed && lade_grant_appends(receiver->session.settings)) &&
	    add_directory(receiver, &receiver->root, "", &fault))
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
	while ((got = lade_spool_next(receiver->directories, &bytes, &fault)) == 1)
		if (set_directory(receiver, bytes, &path, &fault))
			lade_receiver_metadata_problem(receiver, *path ? path : ".", &fault);
	if (got < 0)
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
}

/* --fsync: names, modes and times are on disk too, on the file system of the tree, before the other side hears that all is done. */
static void sync_tree(struct lade_receiver *receiver, struct lade_directories *tree)
{
	struct lade_directory *root = tree ? lade_directories_root(tree) : NULL;
	struct lade_fault fault;
	int fd, error;

	if (!root)
		return;
	error = lade_directory_pin(root, &fd, &fault);
	if (!error) {
		int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		/* A directory that is search-only cannot be opened so: then what stands in it is as safe as without this. */
		if (readable >= 0 && syncfs(readable))
			error = lade_fault_set(&fault, LADE_E_SYSTEM, "fsync", receiver->job->destination);
		if (readable >= 0)
			close(readable);
		lade_directory_unpin(root);
	}
	if (error)
		lade_session_report(&receiver->session, LADE_REPORT_ERROR, LADE_EXIT_PARTIAL, &fault);
}

void lade_receiver_finish(struct lade_receiver *receiver)
{
	lade_holding_commit_all(receiver);
	lade_receiver_tell_all(receiver);
	lade_receiver_link_followers(receiver);
	lade_receiver_delete(receiver);
	tell_undeleted(receiver);
	if (receiver->tree && !(receiver->keep.options & LADE_OPTION_DRY_RUN))
		set_directories(receiver);
	if ((receiver->keep.options & LADE_OPTION_FSYNC) && !(receiver->keep.options & LADE_OPTION_DRY_RUN)) {
		sync_tree(receiver, receiver->tree);
		sync_tree(receiver, receiver->backups);
	}
}
