/*
 * An incoming file that is complete: it gets its metadata, its place and its backup, is told of and noted in the index; or is asked for again, or
 * waits until the end.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sync/file_digest.h"
#include "agent/sync/grant.h"
#include "agent/sync/totals.h"

/* Under these even a name that was free may have to be made so. */
#define REPLACERS (LADE_OPTION_DELETE | LADE_OPTION_FORCE | LADE_OPTION_BACKUP)

static void touch(const struct lade_directory *directory, struct lade_receiver *receiver)
{
	struct target *target = lade_directory_user(directory);

	atomic_store_explicit(target ? &target->touched : &receiver->root.touched, true, memory_order_relaxed);
}

/* Rename into place. A directory in the way is removed if it may be. */
static int rename_into_place(struct lade_receiver *receiver, struct incoming *file, int directory_fd,
			     struct lade_fault *fault)
{
	struct stat st;
	int error;

	if (fstatat(directory_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
		error = lade_receiver_make_way(receiver, file->directory, directory_fd, file->name, fault);
	} else {
		error = lade_incoming_back_up(receiver, file, directory_fd, BACKUP_KEEP, fault);
	}
	if (error)
		return error;
	return lade_temporary_commit(&file->temporary, directory_fd, file->name, fault);
}

/* The workshop is on another file system: have the temporary file copied to the directory where it is going to be. */
static int bring_home(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	struct lade_temporary away = file->temporary;
	struct lade_move move = { .in_fd = away.fd, .path = receiver->session.settings->path };
	int workshop_fd = file->workshop_fd, fd, error = lade_directory_pin(file->directory, &fd, fault);

	if (error)
		return error;
	file->temporary.fd = file->workshop_fd = -1;
	error = lade_temporary_open(fd, file->name, 0, 0600, &file->temporary, fault);
	move.out_fd = file->temporary.fd;
	if (!error)
		error = lade_receiver_copy_extents(receiver, &move, file->size, false, fault);
	lade_directory_unpin(file->directory);
	lade_temporary_discard(&away, workshop_fd);
	return error;
}

/* True if name is the temporary file itself: others may have something of theirs under its name in the workshop. */
static bool is_it(const struct incoming *file, int directory_fd, const char *name)
{
	struct stat held, named;

	return fstat(file->temporary.fd, &held) == 0 && fstatat(directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* Have the temporary file, whatever there is of it, in the directory where it is going to be. */
static int move_home(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	char name[LADE_TEMPORARY_NAME_SIZE];
	int fd, error;

	if (file->workshop_fd < 0)
		return 0;
	error = lade_directory_pin(file->directory, &fd, fault);
	if (error)
		return error;
	lade_temporary_name(file->name, 0, name);
	if (renameat(file->workshop_fd, file->temporary.name, fd, name)) {
		error = errno == EXDEV ? LADE_E_AGAIN : lade_fault_set(fault, LADE_E_SYSTEM, "move temporary file of", file->name);
	} else if (is_it(file, fd, name)) {
		memcpy(file->temporary.name, name, sizeof(name));
		file->workshop_fd = -1;
	} else {
		(void)unlinkat(fd, name, 0);
		error = lade_fault_set(fault, LADE_E_CHANGED, "move temporary file of", file->name);
	}
	lade_directory_unpin(file->directory);
	return error == LADE_E_AGAIN ? bring_home(receiver, file, fault) : error;
}

/* Shorter: it ends in a hole. */
static int set_length(const struct incoming *file, struct stat *st, struct lade_fault *fault)
{
	if (fstat(file->temporary.fd, st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat temporary file of", file->name);
	if (file->appends && file->size < (uint64_t)file->existing.st_size)
		return lade_fault_set(fault, LADE_E_CHANGED, "append to (the source became shorter)", file->name);
	/* Shorter: it ends in a hole. */
	if (!file->is_device && (uint64_t)st->st_size != file->size && ftruncate(file->temporary.fd, (off_t)file->size))
		return lade_fault_set(fault, LADE_E_SYSTEM, "set length of", file->name);
	return 0;
}

/* Give the temporary file its place, length, metadata and name. */
static int commit(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	struct lade_metadata_place place = { -1, -1, file->name };
	bool from_workshop = file->workshop_fd >= 0;
	struct lade_fault problem;
	struct stat st;
	int fd, error = move_home(receiver, file, fault);

	if (!error)
		error = set_length(file, &st, fault);
	if (error)
		return error;
	place.fd = file->temporary.fd;
	if (lade_metadata_apply(&receiver->keep, &file->metadata, &place, &st, lade_incoming_replaces(file), receiver->identities,
				&problem))
		lade_receiver_problem(receiver, file->directory, file->name, &problem);
	if ((receiver->keep.options & LADE_OPTION_FSYNC) && fsync(place.fd))
		return lade_fault_set(fault, LADE_E_SYSTEM, "fsync", file->name);
	error = lade_directory_pin(file->directory, &fd, fault);
	if (error)
		return error;
	file->temporary.yields = lade_grant_appends(receiver->session.settings);
	if (!file->overwrite && (file->existed || from_workshop || (receiver->keep.options & REPLACERS)))
		error = rename_into_place(receiver, file, fd, fault);
	else
		error = lade_temporary_commit(&file->temporary, fd, file->name, fault);
	lade_directory_unpin(file->directory);
	return error;
}

/* It is in place: whatever comes after it may want what it has. */
static void add_to_index(struct lade_receiver *receiver, const struct incoming *file)
{
	struct stat st;
	int fd;

	if (!receiver->indexed || lade_directory_pin(file->directory, &fd, NULL))
		return;
	if (fstatat(fd, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		lade_indexed_committed(receiver, file, &st);
	lade_directory_unpin(file->directory);
}

/* Digest the file, which is in place, if the user wants to know that. False: he does not, or it is gone again. */
static bool digest_wanted(struct lade_receiver *receiver, const struct incoming *file, uint8_t out[LADE_DIGEST_LEN])
{
	struct lade_run_key plain;
	int directory_fd, fd, error;

	if (!(receiver->session.settings->items & LADE_ITEMS_DIGEST) || lade_directory_pin(file->directory, &directory_fd, NULL))
		return false;
	fd = openat(directory_fd, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	lade_directory_unpin(file->directory);
	if (fd < 0)
		return false;
	lade_run_key_plain(&plain);
	error = lade_file_digest(fd, file->size, &plain, out, NULL);
	close(fd);
	return !error;
}

static void tell(struct lade_receiver *receiver, struct incoming *file)
{
	char *path = lade_directory_path(file->directory, file->name);
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_msg_item item = {
		.changes = file->changes,
		.mode = (uint32_t)file->metadata.mode,
		.size = file->size,
		.mtime_s = file->metadata.mtime.tv_sec,
		.mtime_ns = (uint32_t)file->metadata.mtime.tv_nsec,
		.uid = file->metadata.uid,
		.gid = file->metadata.gid,
		.moved = file->moved,
		.signed_len = file->signed_len,
	};

	if (path) {
		if (digest_wanted(receiver, file, digest))
			item.digest = lade_slice(digest, sizeof(digest));
		item.path = lade_receiver_told_name(receiver, path);
		lade_receiver_tell_file(receiver, file, &item);
	}
	free(path);
}

static void committed(struct lade_receiver *receiver, struct incoming *file)
{
	struct lade_session *session = &receiver->session;

	touch(file->directory, receiver);
	add_to_index(receiver, file);
	lade_holding_clear(receiver, file->directory, file->name);
	lade_session_lock(session);
	if (file->changes & LADE_ITEM_DATA) {
		session->totals.transferred++;
		session->totals.transferred_size += file->size;
	}
	if (!lade_incoming_replaces(file))
		lade_totals_created(&session->totals, S_IFREG);
	lade_session_unlock(session);
	if (lade_session_itemizes(session, file->changes))
		tell(receiver, file);
}

/* Its old name is gone: to whoever reads the items that is a deletion, as in a dry run. */
static void left_old_name(struct lade_receiver *receiver, const struct incoming *file)
{
	struct lade_session *session = &receiver->session;

	lade_session_lock(session);
	lade_totals_deleted(&session->totals, S_IFREG);
	lade_session_unlock(session);
	lade_receiver_tell_deleted(receiver, S_IFREG, file->moved_from);
}

/* Let a file that is to be deleted go to its new name. False: it has to be copied. */
static bool move_here(struct lade_receiver *receiver, const struct incoming *file, int directory_fd)
{
	const char *name;
	struct stat st;
	bool moved;
	int fd;

	if (!file->may_move || lade_receiver_open_parent(receiver, file->moved_from, &fd, &name, NULL))
		return false;
	if (!lade_receiver_may_delete(receiver)) {
		close(fd);
		return false;
	}
	moved = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 1 &&
		lade_delta_is_of(file->delta, &st) &&
		renameat2(fd, name, directory_fd, file->name, RENAME_NOREPLACE) == 0;
	close(fd);
	if (moved)
		left_old_name(receiver, file);
	return moved;
}

/*
 * Have the file under its name, where its content is already, or at the place from which it comes; st is what it is then. 0,
 * LADE_E_AGAIN if it is to be copied, or the fault.
 */
static int have_in_place(struct lade_receiver *receiver, const struct incoming *file, int directory_fd, struct stat *st,
			 struct lade_fault *fault)
{
	bool moved = file->moved_from && move_here(receiver, file, directory_fd);

	if (file->moved_from && !moved)
		return LADE_E_AGAIN;
	if (fstatat(directory_fd, file->name, st, AT_SYMLINK_NOFOLLOW))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat", file->name);
	if (moved)
		return 0;
	/* It has got another name, which must not change with this one. */
	if (st->st_nlink != 1 && !file->overwrite)
		return LADE_E_AGAIN;
	return lade_delta_is_of(file->delta, st) ? 0 : lade_fault_set(fault, LADE_E_CHANGED, "update", file->name);
}

/* What stands there, or at the place from which it comes, has the right content already: give it its metadata. */
static int mend(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	struct lade_metadata_place place = { -1, -1, file->name };
	struct lade_fault problem;
	struct stat st;
	int fd, error = lade_directory_pin(file->directory, &fd, fault);

	if (error)
		return error;
	place.directory_fd = fd;
	error = have_in_place(receiver, file, fd, &st, fault);
	if (!error)
		lade_metadata_unfake(&receiver->keep, &(struct lade_attributes_place){ -1, fd, file->name }, &st);
	if (!error && lade_metadata_apply(&receiver->keep, &file->metadata, &place, &st, file->moved_from ? NULL : &st,
					  receiver->identities, &problem))
		lade_receiver_problem(receiver, file->directory, file->name, &problem);
	lade_directory_unpin(file->directory);
	return error;
}

/* What a session that did not write over it left is of no use any more. */
static void remove_left(const struct incoming *file)
{
	char name[LADE_TEMPORARY_NAME_SIZE];
	int fd;

	if (lade_directory_pin(file->directory, &fd, NULL))
		return;
	lade_temporary_name(file->name, 0, name);
	(void)lade_temporary_remove_stale(fd, name);
	lade_directory_unpin(file->directory);
}

static void done(struct lade_receiver *receiver, struct incoming *file)
{
	if (file->overwrite && file->left)
		remove_left(file);
	committed(receiver, file);
	lade_receiver_stored(receiver, file->index, !file->unsteady);
}

int lade_incoming_commit_now(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	int error;

	lade_indexed_replaces(receiver, file);
	error = commit(receiver, file, fault);
	if (!error)
		done(receiver, file);
	return error;
}

/* --delay-updates: all that can fail for want of room is done now. */
static int delay(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	struct stat st;
	int error = move_home(receiver, file, fault);

	if (!error)
		error = set_length(file, &st, fault);
	if (!error && (receiver->keep.options & LADE_OPTION_FSYNC) && fsync(file->temporary.fd))
		error = lade_fault_set(fault, LADE_E_SYSTEM, "fsync", file->name);
	return error ? error : lade_holding_delay(receiver, file, fault);
}

bool lade_incoming_commit(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt)
{
	bool untouched = file->delta && lade_delta_untouched(file->delta);
	/* Of a file that comes with the same content, as of any other, the old one becomes a backup: it needs another inode. */
	bool renewed = (receiver->keep.options & LADE_OPTION_BACKUP) && !file->moved_from;
	struct lade_fault fault;
	int error = untouched && !renewed ? mend(receiver, file, &fault) : LADE_E_AGAIN;
	bool mended = error != LADE_E_AGAIN;

	if (!mended)
		error = lade_incoming_open(receiver, file, attempt, &fault);
	if (!mended && !error && untouched)
		error = lade_delta_copy(receiver, file->delta, &fault);
	if (!mended && !error && (receiver->keep.options & LADE_OPTION_DELAY_UPDATES) && !file->overwrite) {
		error = delay(receiver, file, &fault);
		if (!error)
			return true;
	} else if (!mended && !error) {
		error = lade_incoming_commit_now(receiver, file, &fault);
		if (!error)
			return true;
	}
	if (error) {
		lade_receiver_problem(receiver, file->directory, file->name, &fault);
		return false;
	}
	done(receiver, file);
	return true;
}

void lade_receiver_whole_file(struct lade_receiver *receiver, struct incoming *file)
{
	if (!lade_incoming_commit(receiver, file, 0) && file->leader)
		lade_receiver_leader_failed(receiver, file->leader - 1);
	lade_receiver_tell_file(receiver, file, NULL);
	lade_incoming_free(file);
}
