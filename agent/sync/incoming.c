/*
 * An incoming file: its temporary file, or the file itself, where it is written over. What makes it the file itself is incoming_commit.c.
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

const struct stat *lade_incoming_replaces(const struct incoming *file)
{
	return file->existed && S_ISREG(file->existing.st_mode) ? &file->existing : NULL;
}

/* Permission bits for a file while it is made: its final ones where that saves a chmod and exposes nothing, else private. */
static mode_t working_mode(const struct lade_receiver *receiver, const struct incoming *file)
{
	mode_t mode = lade_metadata_mode(&receiver->keep, &file->metadata, lade_incoming_replaces(file));
	bool ours = receiver->keep.fake || !(receiver->keep.options & LADE_OPTION_OWNER) || receiver->keep.euid ||
		file->metadata.uid == receiver->keep.euid;

	if (file->size > LADE_SMALL_MAX || !ours || (mode & (S_ISUID | S_ISGID | S_ISVTX)))
		return 0600;
	return lade_metadata_first_mode(&receiver->keep, &file->metadata, lade_incoming_replaces(file)) | (receiver->keep.fake ? 0600 : 0);
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

int lade_incoming_back_up(struct lade_receiver *receiver, const struct incoming *file, int directory_fd, enum backup_how how,
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
	int error = file->existed && !file->begun ? lade_incoming_back_up(receiver, file, directory_fd, BACKUP_COPY, fault) : 0;
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
