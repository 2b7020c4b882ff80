/*
 * An incoming file: its temporary file, and what makes that the file itself; or the file itself, where it is written over.
 */
#include "agent/sync/receiver_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sync/content.h"
#include "agent/sync/file_digest.h"
#include "agent/sync/grant.h"
#include "agent/sync/totals.h"

/* Under these even a name that was free may have to be made so. */
#define REPLACERS (LADE_OPTION_DELETE | LADE_OPTION_FORCE | LADE_OPTION_BACKUP)

/* The next run must not take what was left half-written for the file, whatever the clock says. Only the owner may do that. */
static void make_different(const struct incoming *file)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, file->metadata.mtime };

	times[1].tv_sec += times[1].tv_sec > 0 ? -1 : 1;
	(void)futimens(file->temporary.fd, times);
}

/* What did not come whole is not to be taken for what is right by the next run. */
static void shorten(const struct incoming *file)
{
	uint64_t old = (uint64_t)file->existing.st_size, to = file->grown_to > old ? file->grown_to : old;
	struct stat st;

	if (fstat(file->temporary.fd, &st) == 0 && (uint64_t)st.st_size > to)
		(void)!ftruncate(file->temporary.fd, (off_t)to);
}

void lade_incoming_discard(struct incoming *file, struct lade_temporary *temporary)
{
	int fd;

	if (temporary->fd < 0)
		return;
	if (file->appends)
		shorten(file);
	if (file->overwrite)
		make_different(file);
	if (file->workshop_fd >= 0) {
		lade_temporary_discard(temporary, file->workshop_fd);
	} else if (lade_directory_pin(file->directory, &fd, NULL) == 0) {
		lade_temporary_discard(temporary, fd);
		lade_directory_unpin(file->directory);
	} else {
		close(temporary->fd);
		temporary->fd = -1;
	}
}

void lade_incoming_free(struct incoming *file)
{
	if (!file)
		return;
	lade_incoming_discard(file, &file->temporary);
	lade_incoming_discard(file, &file->kept);
	lade_shared_end(file);
	lade_delta_free(file->delta);
	free(file->moved_from);
	free(file->key);
	lade_directory_unref(file->basis_directory);
	free(file->basis_name);
	lade_directory_unref(file->directory);
	free((void *)file->metadata.xattrs.data);
	free(file);
}

/* What the temporary file is named after. */
static const char *key_of(const struct incoming *file)
{
	return file->key ? file->key : file->name;
}

/* Leave its temporary file where the next session finds it. */
static void leave(const struct lade_receiver *receiver, struct incoming *file)
{
	char name[LADE_TEMPORARY_NAME_SIZE];
	int fd;

	memcpy(name, file->temporary.name, sizeof(name));
	lade_temporary_leave(&file->temporary);
	if (lade_directory_pin(file->directory, &fd, NULL))
		return;
	lade_holding_leave(receiver, file->workshop_fd >= 0 ? file->workshop_fd : fd, name, fd, file->name);
	lade_directory_unpin(file->directory);
}

void lade_incoming_leave(const struct lade_receiver *receiver, struct incoming *file)
{
	char first[LADE_TEMPORARY_NAME_SIZE];

	/* The next session looks under the name of a first attempt only. */
	lade_temporary_name(key_of(file), 0, first);
	if (file->temporary.fd >= 0 && !file->no_partial && file->size > LADE_SMALL_MAX && !file->temporary.unnamed &&
	    strcmp(file->temporary.name, first) == 0)
		leave(receiver, file);
	lade_incoming_free(file);
}

/* The file that it replaces, whose mode stays without -p; NULL if there is none. */
static const struct stat *replaced(const struct incoming *file)
{
	return file->existed && S_ISREG(file->existing.st_mode) ? &file->existing : NULL;
}

/* Permission bits for a file while it is made: its final ones where that saves a chmod and exposes nothing, else private. */
static mode_t working_mode(const struct lade_receiver *receiver, const struct incoming *file)
{
	mode_t mode = lade_metadata_mode(&receiver->keep, &file->metadata, replaced(file));
	bool ours = receiver->keep.fake || !(receiver->keep.options & LADE_OPTION_OWNER) || receiver->keep.euid ||
		file->metadata.uid == receiver->keep.euid;

	if (file->size > LADE_SMALL_MAX || !ours || (mode & (S_ISUID | S_ISGID | S_ISVTX)))
		return 0600;
	return lade_metadata_first_mode(&receiver->keep, &file->metadata, replaced(file)) | (receiver->keep.fake ? 0600 : 0);
}

/* Two threads may both try: they find the same. */
static bool unnamed_works(struct lade_receiver *receiver, int directory_fd, const char *name)
{
	int known = atomic_load_explicit(&receiver->unnamed, memory_order_relaxed);

	if (!known) {
		known = lade_temporary_unnamed_works(directory_fd, name) ? 1 : -1;
		atomic_store_explicit(&receiver->unnamed, known, memory_order_relaxed);
	}
	return known > 0;
}

/* What the file is about to take the place of becomes a backup, if that is asked for. 0 or the fault. */
static int back_up(struct lade_receiver *receiver, const struct incoming *file, int directory_fd, enum backup_how how,
		   struct lade_fault *fault)
{
	char *path;
	int error;

	if (!(receiver->keep.options & LADE_OPTION_BACKUP))
		return 0;
	path = lade_directory_path(file->directory, file->name);
	error = path ? lade_backup(receiver, directory_fd, path, how, fault) :
		lade_fault_set(fault, LADE_E_MEMORY, "back up", file->name);
	free(path);
	return error;
}

/* --inplace. What it is given is checked before anything is done to it, its length included. */
static int open_itself(struct lade_receiver *receiver, struct incoming *file, int directory_fd, struct lade_fault *fault)
{
	int error = file->existed && !file->begun ? back_up(receiver, file, directory_fd, BACKUP_COPY, fault) : 0;
	struct stat st;

	if (!error)
		error = file->is_device ?
			lade_temporary_open_device(directory_fd, file->name, file->size, &file->temporary, fault) :
			lade_temporary_open_itself(directory_fd, file->name, working_mode(receiver, file), &file->temporary, fault);
	if (!error && file->appends && !file->begun && fstat(file->temporary.fd, &st) == 0 && st.st_size != file->existing.st_size)
		error = lade_fault_set(fault, LADE_E_CHANGED, "append to", file->name);
	if (!error && file->delta)
		error = lade_delta_overwrites(file->delta, file->temporary.fd, fault);
	if (error)
		lade_temporary_discard(&file->temporary, directory_fd);
	else
		file->begun = true;
	return error;
}

/* A small file need not be continued by another session, so it goes without a name where nothing stands in its way. */
static int open_temporary(struct lade_receiver *receiver, struct incoming *file, int directory_fd, uint32_t attempt,
			  struct lade_fault *fault)
{
	mode_t mode = working_mode(receiver, file);

	if (file->overwrite)
		return open_itself(receiver, file, directory_fd, fault);
	if (file->workshop_fd >= 0)
		return lade_temporary_open(file->workshop_fd, file->key, attempt > 0, 0600, &file->temporary, fault);
	/* Another file system below may not have it; what is delayed is opened by its name again. */
	if (file->in_new && !(receiver->keep.options & LADE_OPTION_DELAY_UPDATES) && file->size <= LADE_SMALL_MAX && unnamed_works(receiver, directory_fd, file->name) &&
	    lade_temporary_open_unnamed(directory_fd, file->name, mode, &file->temporary, NULL) == 0)
		return 0;
	return lade_temporary_open(directory_fd, file->name, attempt > 0, mode, &file->temporary, fault);
}

/* -S leaves out zeros: the file has its length from the start, so that they can be read. */
static int lengthen(const struct lade_receiver *receiver, const struct incoming *file, struct lade_fault *fault)
{
	struct stat st;

	/* The length of a file that grows tells how much of it is there. */
	if (!(receiver->keep.options & LADE_OPTION_SPARSE) || file->appends)
		return 0;
	if (fstat(file->temporary.fd, &st) ||
	    ((uint64_t)st.st_size < file->size && ftruncate(file->temporary.fd, (off_t)file->size)))
		return lade_fault_set(fault, LADE_E_SYSTEM, "set length of", file->name);
	return 0;
}

/* --preallocate: without room for it the file fails before anything is sent for nothing. Not every file system can. */
static int allocate(const struct lade_receiver *receiver, const struct incoming *file, struct lade_fault *fault)
{
	if (!(receiver->keep.options & LADE_OPTION_PREALLOCATE) || !file->size ||
	    fallocate(file->temporary.fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)file->size) == 0 || errno == EOPNOTSUPP || errno == EINTR)
		return 0;
	return lade_fault_set(fault, LADE_E_SYSTEM, "allocate blocks of", file->name);
}

static int open_if_needed(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt, struct lade_fault *fault)
{
	int fd, error;

	if (file->temporary.fd >= 0)
		return 0;
	error = lade_directory_pin(file->directory, &fd, fault);
	if (error)
		return error;
	error = open_temporary(receiver, file, fd, attempt, fault);
	lade_directory_unpin(file->directory);
	if (!error)
		error = allocate(receiver, file, fault);
	return error ? error : lengthen(receiver, file, fault);
}

int lade_incoming_continue(struct lade_receiver *receiver, struct incoming *file, int directory_fd)
{
	struct lade_fault fault;
	int error = lade_temporary_continue(file->workshop_fd >= 0 ? file->workshop_fd : directory_fd, key_of(file),
					    &file->temporary);

	if (error)
		return error;
	error = lengthen(receiver, file, &fault);
	if (error)
		lade_temporary_leave(&file->temporary);
	return error;
}

int lade_incoming_open(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt, struct lade_fault *fault)
{
	int error;

	/* A file that is not described is in one thread's hands at a time. */
	if (!file->delta)
		return open_if_needed(receiver, file, attempt, fault);
	pthread_mutex_lock(&receiver->opening);
	error = open_if_needed(receiver, file, attempt, fault);
	pthread_mutex_unlock(&receiver->opening);
	return error;
}

bool lade_incoming_is_allocated(const struct lade_receiver *receiver)
{
	return (receiver->keep.options & LADE_OPTION_SPARSE) && (receiver->keep.options & LADE_OPTION_PREALLOCATE);
}

int lade_incoming_put(const struct lade_receiver *receiver, const struct incoming *file, const uint8_t *data, size_t len,
		      uint64_t off)
{
	bool sparse = (receiver->keep.options & LADE_OPTION_SPARSE) && !file->appends;
	/* Of a described file more may be written to one place: what turned out wrong, and what an earlier session left. */
	bool over = (sparse && (file->delta || file->overwrite)) || (file->delta && file->overwrite);
	const struct lade_content content = { file->temporary.fd, sparse, over, lade_incoming_is_allocated(receiver) };

	return lade_content_put(&content, data, len, off);
}

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
		error = back_up(receiver, file, directory_fd, BACKUP_KEEP, fault);
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
	if (lade_metadata_apply(&receiver->keep, &file->metadata, &place, &st, replaced(file), receiver->identities,
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
	if (!replaced(file))
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
