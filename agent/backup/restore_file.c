/*
 * One file: what of it is there already, where its chunks are written, and how it gets its name.
 *
 * A file of one chunk is opened, written and finished by whoever has the chunk. One of several is written in any order; it is locked by its temporary file, and a restore that was killed
 * finds in it what had come. All its chunks are compared then: what is in it is not believed.
 */
#include "agent/backup/restore_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/sync/stamp.h"
#include "agent/tree/read_open.h"

/* ---- the end ---- */

/* The same for who has the lock, or is alone with the file. */
static void note_failure(struct restore_file *file, const struct lade_fault *fault)
{
	if (!file->failed) {
		file->fault = malloc(sizeof(*file->fault));
		if (file->fault)
			*file->fault = *fault;
	}
	file->failed = true;
}

void restore_file_fail(struct restore_file *file, const struct lade_fault *fault)
{
	pthread_mutex_lock(&file->lock);
	note_failure(file, fault);
	pthread_mutex_unlock(&file->lock);
}

static void note_errno(struct restore_file *file, const char *operation)
{
	struct lade_fault fault;

	lade_fault_set(&fault, LADE_E_SYSTEM, operation, file->path);
	note_failure(file, &fault);
}

/* Give it its metadata and its name. */
static void commit(struct restore_file *file, int directory_fd)
{
	struct lade_restore *restore = file->restore;
	const struct lade_metadata_place place = { file->temporary.fd, -1, NULL };
	struct lade_fault fault;
	struct stat st;

	if (fstat(place.fd, &st)) {
		note_errno(file, "stat");
		return;
	}
	if (lade_metadata_apply(&restore->keep, &file->wanted, &place, &st, NULL, restore->identities, &fault))
		restore_metadata_problem(restore, file->path, &fault);
	file->temporary.yields = restore->setup.overwrite == LADE_OVERWRITE_NEVER;
	if (lade_temporary_commit(&file->temporary, directory_fd, file->name, &fault))
		note_failure(file, &fault);
}

/* Tell what became of it, and let go of all that it holds. */
static void close_file(struct restore_file *file, enum lade_restore_action action)
{
	struct lade_restore *restore = file->restore;
	struct lade_fault none;

	if (file->failed) {
		lade_fault_set(&none, LADE_E_MEMORY, "restore", file->path);
		restore_problem(restore, file->path, file->fault ? file->fault : &none);
	} else {
		if (file->first)
			atomic_store(&file->first->good, true);
		restore_tell(restore, file->path, file->wanted.mode, file->recipe->length, action);
	}
	file->finished = true;
	lade_recipe_cursor_free(file->cursor);
	file->cursor = NULL;
	restore_basis_match_fini(&file->match);
	free(file->holes);
	file->holes = NULL;
	lade_directory_unref(file->directory);
	file->directory = NULL;
}

static bool open_temporary(struct restore_file *file, int directory_fd);

/* All its content is there, or will not come. */
static void finish(struct restore_file *file)
{
	struct lade_fault fault;
	int fd;

	if (lade_directory_pin(file->directory, &fd, &fault)) {
		note_failure(file, &fault);
	} else {
		/* An empty file, or one that is all hole, was never written to. */
		if (!file->failed && (file->temporary.fd >= 0 || open_temporary(file, fd)))
			commit(file, fd);
		if (file->failed)
			lade_temporary_discard(&file->temporary, fd);
		lade_directory_unpin(file->directory);
	}
	close_file(file, file->replaces ? LADE_RESTORE_UPDATED : LADE_RESTORE_MADE);
}

void restore_file_release(struct restore_file *file)
{
	if (atomic_fetch_sub(&file->left, 1) == 1)
		finish(file);
}

/* ---- writing ---- */

bool restore_file_is_several(const struct restore_file *file)
{
	return file->recipe->depth > 1 || file->recipe->count > 1;
}

/*
 * Have the file be as long as it will be, and its room be taken, without which there is no reason to begin; file systems that cannot do that need not. What has something in it already may share
 * that with others, and need little. Under the lock, or alone.
 */
static void set_length(struct restore_file *file)
{
	const off_t len = (off_t)file->recipe->length;

	if (ftruncate(file->temporary.fd, len))
		note_errno(file, "set the length of");
	else if (!file->sparse && !file->dirty && file->recipe->length >= RESTORE_ALLOCATE_LEN && fallocate(file->temporary.fd, 0, 0, len) &&
		 (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		note_errno(file, "take room for");
}

/* Make the temporary file. Under the lock, or alone. False: the file has failed. */
static bool open_temporary(struct restore_file *file, int directory_fd)
{
	struct lade_restore *restore = file->restore;
	const mode_t mode = lade_metadata_first_mode(&restore->keep, &file->wanted, NULL);
	struct lade_fault fault;
	int error = LADE_E_UNSUPPORTED;

	/* One that may be gone on with needs a name, and has a mode that says whose it is. */
	if (!restore_file_is_several(file) && file->unnamed)
		error = lade_temporary_open_unnamed(directory_fd, file->name, mode, &file->temporary, &fault);
	if (error)
		error = lade_temporary_open(directory_fd, file->name, 0, restore_file_is_several(file) ? 0600 : mode, &file->temporary, &fault);
	if (error) {
		file->temporary.fd = -1;
		note_failure(file, &fault);
	}
	/* Of what has a basis it is set when that was cloned: FICLONE refuses a file that is longer than one that ends within a block. */
	if (!error && (restore_file_is_several(file) || file->sparse) && !file->match.range_count)
		set_length(file);
	return !file->failed;
}

/* Have the file be open. False: it has failed. */
static bool be_open(struct restore_file *file)
{
	struct lade_fault fault;
	bool good;
	int fd;

	pthread_mutex_lock(&file->lock);
	good = !file->failed;
	if (good && file->temporary.fd < 0) {
		good = lade_directory_pin(file->directory, &fd, &fault) == 0;
		if (good) {
			good = open_temporary(file, fd);
			lade_directory_unpin(file->directory);
		} else {
			note_failure(file, &fault);
		}
	}
	pthread_mutex_unlock(&file->lock);
	return good;
}

void restore_file_write(struct restore_file *file, uint64_t off, struct lade_slice bytes)
{
	struct lade_fault fault;
	bool good;

	if (!be_open(file))
		return;
	good = restore_write(file, off, bytes);
	if (!good) {
		lade_fault_set(&fault, LADE_E_SYSTEM, "write", file->path);
		restore_file_fail(file, &fault);
	}
}

/* ---- what is there already ---- */

/* Between so many bytes that are copied somebody may have stopped it all. */
#define COPY_STEP_LEN (UINT64_C(64) << 20)

/* Copy a range of the basis as it is. False: the file has failed, or the range cannot be read. */
static bool copy_bytes(struct restore_file *file, int basis, const struct restore_basis_range *range)
{
	struct lade_move move = {
		.in_fd = basis, .in_off = (off_t)range->from, .out_fd = file->temporary.fd, .out_off = (off_t)range->to, .len = range->len,
	};
	struct lade_fault fault;

	if (!range->len || lade_move(file->restore->movers, &move, &fault) == 0)
		return true;
	/* What cannot be read any more may be fetched; what cannot be written cannot. */
	if (fault.code != LADE_E_SHRUNK && fault.code != LADE_E_SOURCE)
		note_failure(file, &fault);
	return false;
}

/* The same of a piece without holes. Where blocks are shared, its whole ones, if they are whole at both places, can be, but by a move that has nothing else. */
static bool copy_piece(struct restore_file *file, int basis, const struct restore_basis_range *piece)
{
	const uint64_t head = (RESTORE_BLOCK_LEN - piece->to % RESTORE_BLOCK_LEN) % RESTORE_BLOCK_LEN;
	struct restore_basis_range part = { piece->to, piece->from, head, false };

	if (!file->cloned || piece->to % RESTORE_BLOCK_LEN != piece->from % RESTORE_BLOCK_LEN || piece->len < head + RESTORE_SHARE_LEAST)
		return copy_bytes(file, basis, piece);
	if (!copy_bytes(file, basis, &part))
		return false;
	part = (struct restore_basis_range){ piece->to + head, piece->from + head, (piece->len - head) / RESTORE_BLOCK_LEN * RESTORE_BLOCK_LEN, false };
	if (!copy_bytes(file, basis, &part))
		return false;
	part = (struct restore_basis_range){ part.to + part.len, part.from + part.len, piece->len - head - part.len, false };
	return copy_bytes(file, basis, &part);
}

/* Copy a range, but for holes. If all of the basis was cloned then what is in its place is there. */
static bool copy_range(struct restore_file *file, int basis, struct restore_basis_range range)
{
	const bool is_there = file->cloned && range.to == range.from;

	while (range.len) {
		struct restore_basis_range piece = range;
		bool hole;

		if (restore_stopped(file->restore))
			return false;
		if (piece.len > COPY_STEP_LEN)
			piece.len = COPY_STEP_LEN - piece.to % RESTORE_BLOCK_LEN;
		piece.len = restore_same_kind(file, range.to, piece.len, &hole);
		if (hole ? !restore_leave_out(file, piece.to, piece.len) : !is_there && !copy_piece(file, basis, &piece)) {
			if (hole)
				note_errno(file, "write");
			return false;
		}
		range = (struct restore_basis_range){ range.to + piece.len, range.from + piece.len, range.len - piece.len, false };
	}
	return true;
}

bool restore_file_take(struct restore_file *file, int basis)
{
	if (!file->taken && be_open(file)) {
		/* All of it at once, where that costs nothing: what is in its place needs no copy then. */
		file->cloned = ioctl(file->temporary.fd, FICLONE, basis) == 0;
		file->dirty = file->dirty || file->cloned;
		set_length(file);
		file->taken = true;
	}
	return !file->cloned && !file->failed;
}

/* Have the ranges of the basis that was compared be in the temporary file. False: the file has failed, or not all can be read. */
static bool copy_ranges(struct restore_file *file, int basis)
{
	const struct restore_basis_match *match = &file->match;

	(void)restore_file_take(file, basis);
	for (size_t i = 0; !file->failed && i < match->range_count; i++)
		if (!match->ranges[i].written && !copy_range(file, basis, match->ranges[i]))
			return false;
	return !file->failed;
}

/* What was compared is of no use: all is to be fetched. */
static void start_over(struct restore_file *file)
{
	struct lade_fault fault;

	restore_basis_match_fini(&file->match);
	file->dirty = file->temporary.fd >= 0;
	if (lade_recipe_cursor_seek(file->cursor, 0, &fault))
		note_failure(file, &fault);
}

/* What is there was not found out. A file that a restore was stopped at has not failed. */
static void note_finding(struct restore_file *file, const struct lade_fault *fault)
{
	if (fault->code != LADE_E_CANCELLED)
		note_failure(file, fault);
}

/* Use what is in a file that is there. True: it has all of the content, as it is. */
static bool use_basis(struct restore_file *file, int basis, const struct stat *st, struct restore_reader *reader)
{
	const struct restore_seen seen = { basis, (uint64_t)st->st_size, file };
	const struct lade_stamp before = lade_stamp_of(0, st);
	struct lade_stamp after;
	struct lade_fault fault;
	struct stat now;
	bool same;

	if (restore_basis_find(reader, &seen, restore_file_is_several(file), file->cursor, &file->match, &fault)) {
		note_finding(file, &fault);
		return false;
	}
	same = restore_basis_is_same(&file->match, file->recipe->length) && (uint64_t)st->st_size == file->recipe->length;
	if (!same && file->match.range_count && !copy_ranges(file, basis) && !file->failed)
		start_over(file);
	if (file->failed)
		return false;
	/* Somebody who writes to it meanwhile may have changed what was compared. */
	after = fstat(basis, &now) == 0 ? lade_stamp_of(0, &now) : (struct lade_stamp){ .inode = 0 };
	if (!lade_stamp_equal(&before, &after)) {
		start_over(file);
		return false;
	}
	atomic_fetch_add(&file->restore->bytes_local, file->match.found_len);
	return same;
}

/* What a restore that was ended has left of it is gone on with. True: it is open now. */
static bool use_left(struct restore_file *file, int directory_fd, struct restore_reader *reader)
{
	struct lade_fault fault;
	struct stat st;

	if (!restore_file_is_several(file) || !lade_temporary_left(directory_fd, file->name) || lade_temporary_continue(directory_fd, file->name, &file->temporary))
		return false;
	file->dirty = true;
	if (fstat(file->temporary.fd, &st) || ftruncate(file->temporary.fd, (off_t)file->recipe->length))
		note_errno(file, "go on with");
	else if (restore_basis_find(reader, &(struct restore_seen){ file->temporary.fd, (uint64_t)st.st_size, NULL }, false, file->cursor, &file->match, &fault))
		note_finding(file, &fault);
	else
		atomic_fetch_add(&file->restore->bytes_local, file->match.found_len);
	return true;
}

/* ---- the tasks ---- */

/* All of its content is in its recipe. */
static void write_inline(struct restore_file *file)
{
	if (file->recipe->length)
		restore_file_write(file, 0, lade_slice(file->recipe->inline_bytes, (size_t)file->recipe->length));
	finish(file);
}

/* The content is there: metadata may not be. */
static void keep_content(struct restore_file *file, int directory_fd)
{
	struct lade_fault fault;

	if (restore_apply(file->restore, directory_fd, file->name, &file->wanted, &fault))
		restore_metadata_problem(file->restore, file->path, &fault);
	close_file(file, LADE_RESTORE_UNCHANGED);
}

/* True if the len bytes of an open file are those of the recipe in it. */
static bool is_inline(const struct restore_file *file, int fd)
{
	uint8_t bytes[LADE_STREAM_INLINE_MAX];
	const size_t len = (size_t)file->recipe->length;

	return pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)len && memcmp(bytes, file->recipe->inline_bytes, len) == 0;
}

/* Compare what is there with the content. True: it is all there, as it is. */
static bool look_at_basis(struct restore_file *file, int directory_fd, struct restore_reader *reader)
{
	const int fd = lade_read_open(directory_fd, file->name, LADE_READ_NOATIME);
	bool same = false;
	struct stat st;

	/* What cannot be read is replaced. */
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		same = file->cursor ? use_basis(file, fd, &st, reader) : (uint64_t)st.st_size == file->recipe->length && is_inline(file, fd);
	close(fd);
	return same;
}

static int new_cursor(struct restore_file *file)
{
	const struct lade_stream_source *source = &file->restore->setup.source.stream;
	struct lade_fault fault;

	if (!file->recipe->depth || lade_recipe_cursor_new(source, LADE_CHUNK_CONTENT, file->recipe, &file->cursor) == 0)
		return 0;
	lade_fault_set(&fault, LADE_E_MEMORY, "restore", file->path);
	note_failure(file, &fault);
	return LADE_E_MEMORY;
}

/* Find out what is there, and what is to be fetched; what needs nothing is finished. */
static void prepare_content(struct restore_file *file, int directory_fd, struct restore_reader *reader)
{
	if (file->task == RESTORE_OVER && look_at_basis(file, directory_fd, reader)) {
		keep_content(file, directory_fd);
		return;
	}
	if (file->task == RESTORE_NEW && !file->failed)
		(void)use_left(file, directory_fd, reader);
	/* Nobody goes on with it, nor is it done. */
	if (!file->failed && restore_stopped(file->restore))
		return;
	/* If nothing of it is to be fetched it is done: as many files as a batch has may be so, and none is to stay open. */
	if (file->failed || (file->match.whole && !file->match.missing_count && file->temporary.fd >= 0))
		finish(file);
	else if (!file->cursor)
		write_inline(file);
	else
		atomic_store(&file->left, 1);
}

/* Compare what was restored with the snapshot. */
static int check_chunks(struct restore_file *file, int fd, struct restore_reader *reader, struct lade_fault *fault)
{
	const struct restore_seen seen = { fd, file->recipe->length, NULL };
	const struct restore_look *looks;
	int count;

	if (!file->cursor)
		return is_inline(file, fd) ? 0 : lade_fault_set(fault, LADE_E_CHANGED, "verify", file->path);
	while ((count = restore_look(reader, &seen, file->cursor, RESTORE_LOOKS_MAX, &looks, fault)) > 0) {
		for (int i = 0; i < count; i++) {
			if (looks[i].is == 1)
				continue;
			errno = looks[i].sys_errno;
			return lade_fault_set(fault, looks[i].is ? looks[i].is : LADE_E_CHANGED, "verify", file->path);
		}
	}
	return count;
}

static void check(struct restore_file *file, int directory_fd, struct restore_reader *reader)
{
	const int fd = lade_read_open(directory_fd, file->name, LADE_READ_NOATIME);
	struct lade_fault fault;
	struct stat st;
	int error;

	if (fd < 0 || fstat(fd, &st))
		error = lade_fault_set(&fault, LADE_E_SYSTEM, "verify", file->path);
	else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != file->recipe->length)
		error = lade_fault_set(&fault, LADE_E_CHANGED, "verify", file->path);
	else
		error = check_chunks(file, fd, reader, &fault);
	if (fd >= 0)
		close(fd);
	if (error && error != LADE_E_CANCELLED)
		restore_problem(file->restore, file->path, &fault);
	else if (!error)
		atomic_fetch_add(&file->restore->verified, 1);
	file->finished = true;
}

void restore_file_prepare(struct restore_file *file, struct restore_reader *reader)
{
	struct lade_directory *directory = lade_directory_ref(file->directory);
	struct lade_fault fault;
	int fd, error = lade_directory_pin(directory, &fd, &fault);

	if (error) {
		note_failure(file, &fault);
		close_file(file, LADE_RESTORE_KEPT);
	} else if (new_cursor(file)) {
		close_file(file, LADE_RESTORE_KEPT);
	} else if (file->task == RESTORE_CHECK) {
		check(file, fd, reader);
	} else if (file->task == RESTORE_SAME) {
		keep_content(file, fd);
	} else {
		prepare_content(file, fd, reader);
	}
	/* The file may have let go of it: it is complete if this was the last of what is in it. */
	if (!error)
		lade_directory_unpin(directory);
	lade_directory_unref(directory);
}

/* ---- asking ---- */

static bool is_in_hole(const struct restore_file *file, uint64_t off, uint32_t len)
{
	bool hole;

	return file->hole_count && restore_same_kind(file, off, len, &hole) == len && hole;
}

int restore_file_next(struct restore_file *file, struct lade_chunk_want *want_out)
{
	struct lade_stream_item item;
	struct lade_fault fault;
	uint64_t off;
	int got = 1;

	for (;;) {
		if (file->asked < file->match.missing_count) {
			item = file->match.missing[file->asked].item;
			off = file->match.missing[file->asked++].off;
		} else {
			got = lade_recipe_cursor_next(file->cursor, &item, &off, &fault);
		}
		if (got < 0)
			restore_file_fail(file, &fault);
		if (got != 1)
			return 0;
		/* What is all hole need not be fetched to be known. */
		if (!is_in_hole(file, off, item.len))
			break;
		if (file->dirty && !restore_leave_out(file, off, item.len)) {
			lade_fault_set(&fault, LADE_E_SYSTEM, "write", file->path);
			restore_file_fail(file, &fault);
			return 0;
		}
	}
	*want_out = (struct lade_chunk_want){ .len = item.len, .kind = LADE_CHUNK_CONTENT, .cookie = file, .off = off };
	memcpy(want_out->id, item.id, LADE_CHUNK_ID_LEN);
	atomic_fetch_add(&file->left, 1);
	return 1;
}
