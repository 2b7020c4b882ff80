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
	if (lade_directory_pin(file->directory, &fd, NULL) == 0) {
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
	lade_delta_free(file->delta);
	free(file->moved_from);
	lade_directory_unref(file->basis_directory);
	free(file->basis_name);
	lade_directory_unref(file->directory);
	free((void *)file->metadata.xattrs.data);
	free(file);
}

void lade_incoming_leave(struct incoming *file)
{
	char first[LADE_TEMPORARY_NAME_SIZE];

	/* The next session looks under the name of a first attempt only. */
	lade_temporary_name(file->name, 0, first);
	if (file->size > LADE_SMALL_MAX && !file->temporary.unnamed && strcmp(file->temporary.name, first) == 0)
		lade_temporary_leave(&file->temporary);
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
	bool ours = !(receiver->keep.options & LADE_OPTION_OWNER) || receiver->keep.euid ||
		file->metadata.uid == receiver->keep.euid;

	return file->size <= LADE_SMALL_MAX && ours && !(mode & (S_ISUID | S_ISGID | S_ISVTX)) ? mode : 0600;
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

/* --inplace. What it is given is checked before anything is done to it, its length included. */
static int open_itself(struct lade_receiver *receiver, struct incoming *file, int directory_fd, struct lade_fault *fault)
{
	int error = lade_temporary_open_itself(directory_fd, file->name, working_mode(receiver, file), &file->temporary,
					       fault);
	struct stat st;

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
	/* Another file system below may not have it. */
	if (file->in_new && file->size <= LADE_SMALL_MAX && unnamed_works(receiver, directory_fd, file->name) &&
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
	int error = lade_temporary_continue(directory_fd, file->name, &file->temporary);

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
		if (error)
			return error;
	}
	return lade_temporary_commit(&file->temporary, directory_fd, file->name, fault);
}

/* Give the temporary file its length, metadata and name. */
static int commit(struct lade_receiver *receiver, struct incoming *file, struct lade_fault *fault)
{
	const struct lade_metadata_place place = { file->temporary.fd, -1, file->name };
	struct lade_fault problem;
	struct stat st;
	int fd, error;

	if (fstat(place.fd, &st))
		return lade_fault_set(fault, LADE_E_SYSTEM, "stat temporary file of", file->name);
	if (file->appends && file->size < (uint64_t)file->existing.st_size)
		return lade_fault_set(fault, LADE_E_CHANGED, "append to (the source became shorter)", file->name);
	/* Shorter: it ends in a hole. */
	if ((uint64_t)st.st_size != file->size && ftruncate(place.fd, (off_t)file->size))
		return lade_fault_set(fault, LADE_E_SYSTEM, "set length of", file->name);
	if (lade_metadata_apply(&receiver->keep, &file->metadata, &place, &st, replaced(file), receiver->identities,
				&problem))
		lade_receiver_problem(receiver, file->directory, file->name, &problem);
	if ((receiver->keep.options & LADE_OPTION_FSYNC) && fsync(place.fd))
		return lade_fault_set(fault, LADE_E_SYSTEM, "fsync", file->name);
	error = lade_directory_pin(file->directory, &fd, fault);
	if (error)
		return error;
	if (!file->overwrite && (file->existed || (receiver->keep.options & LADE_OPTION_DELETE)))
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

static void committed(struct lade_receiver *receiver, struct incoming *file)
{
	struct lade_session *session = &receiver->session;
	char *path;

	touch(file->directory, receiver);
	add_to_index(receiver, file);
	lade_session_lock(session);
	if (file->changes & LADE_ITEM_DATA)
		session->totals.transferred++;
	if (!file->existed)
		session->totals.created++;
	lade_session_unlock(session);
	if (!(receiver->keep.options & LADE_OPTION_ITEMIZE) || !file->changes)
		return;
	path = lade_directory_path(file->directory, file->name);
	if (path)
		lade_session_item(session, file->changes, (uint32_t)file->metadata.mode, path, NULL);
	free(path);
}

/* Its old name is gone: to whoever reads the items that is a deletion, as in a dry run. */
static void left_old_name(struct lade_receiver *receiver, const struct incoming *file)
{
	struct lade_session *session = &receiver->session;

	lade_session_lock(session);
	session->totals.deleted++;
	lade_session_unlock(session);
	lade_session_item(session, LADE_ITEM_DELETED, S_IFREG, file->moved_from, NULL);
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

bool lade_incoming_commit(struct lade_receiver *receiver, struct incoming *file, uint32_t attempt)
{
	bool untouched = file->delta && lade_delta_untouched(file->delta);
	struct lade_fault fault;
	int error = untouched ? mend(receiver, file, &fault) : LADE_E_AGAIN;
	bool mended = error != LADE_E_AGAIN;

	if (!mended)
		error = lade_incoming_open(receiver, file, attempt, &fault);
	if (!mended && !error && untouched)
		error = lade_delta_copy(receiver, file->delta, &fault);
	if (!mended && !error) {
		lade_indexed_replaces(receiver, file);
		error = commit(receiver, file, &fault);
	}
	if (error) {
		lade_receiver_problem(receiver, file->directory, file->name, &fault);
		return false;
	}
	if (file->overwrite && file->left)
		remove_left(file);
	committed(receiver, file);
	return true;
}

void lade_receiver_empty_file(struct lade_receiver *receiver, struct incoming *file)
{
	if (!lade_incoming_commit(receiver, file, 0) && file->leader)
		lade_receiver_leader_failed(receiver, file->leader - 1);
	lade_incoming_free(file);
}
