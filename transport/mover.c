/*
 * The driver of the movers: names, which ways a pair of descriptors has, the table of
 * what makes a way fall back, and what is kept between transfers.
 *
 * Invariant: a way that gives up has nothing in between (consumed equals moved), so
 * the next one starts at the byte reached. The copying way ends every list and never
 * gives up, so a transfer ends.
 */
#include "transport/mover.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/mover_internal.h"

/* Index: enum lade_path. */
static const struct {
	const char *name;
	int (*way)(struct lade_mover_run *run);
} paths[LADE_PATH_COUNT] = {
	[LADE_PATH_AUTO] = { "auto", NULL },
	[LADE_PATH_CLONE] = { "clone", lade_mover_clone },
	[LADE_PATH_COPY_FILE_RANGE] = { "copy_file_range", lade_mover_copy_file_range },
	[LADE_PATH_SENDFILE] = { "sendfile", lade_mover_sendfile },
	[LADE_PATH_SPLICE] = { "splice", lade_mover_splice },
	[LADE_PATH_MMAP] = { "mmap", lade_mover_mmap },
	[LADE_PATH_COPY] = { "copy", lade_mover_copy },
};

/* The ways of each pair in their order; the copying one is last. */
static const enum lade_path file_to_file[] = {
	LADE_PATH_CLONE,    LADE_PATH_COPY_FILE_RANGE, LADE_PATH_SPLICE,
	LADE_PATH_SENDFILE, LADE_PATH_MMAP,            LADE_PATH_COPY,
};
/*
 * Across file systems splice and sendfile hand over single pages, for each of which the
 * target finds a place; a write of 128 KiB finds it once, and wins by a factor of three.
 */
static const enum lade_path file_to_file_auto[] = {
	LADE_PATH_CLONE, LADE_PATH_COPY_FILE_RANGE, LADE_PATH_COPY,
};
static const enum lade_path file_to_stream[] = {
	LADE_PATH_SENDFILE, LADE_PATH_SPLICE, LADE_PATH_MMAP, LADE_PATH_COPY,
};
static const enum lade_path stream_to_any[] = { LADE_PATH_SPLICE, LADE_PATH_COPY };

static const struct lade_fallback fallbacks[] = {
	{ LADE_PATH_CLONE, EOPNOTSUPP, "the file system cannot share extents (ext4, tmpfs)" },
	{ LADE_PATH_CLONE, ENOTTY, "the file system knows no clone call (FUSE, old kernels)" },
	{ LADE_PATH_CLONE, EXDEV, "source and target are on different file systems" },
	{ LADE_PATH_CLONE, EINVAL,
	  "the range is not aligned to the file system's blocks, or overlaps" },
	{ LADE_PATH_CLONE, EBADF, "the target is open for appending" },
	{ LADE_PATH_CLONE, EPERM, "the target is immutable, or a sandbox forbids it" },
	{ LADE_PATH_CLONE, ETXTBSY, "one of the files is a swap file" },
	{ LADE_PATH_CLONE, ENOSYS, "the kernel or a sandbox lacks the call" },

	{ LADE_PATH_COPY_FILE_RANGE, 0, "no progress before the end (pseudo files report this)" },
	{ LADE_PATH_COPY_FILE_RANGE, EXDEV,
	  "different file systems (before Linux 5.3; other types also since 5.19)" },
	{ LADE_PATH_COPY_FILE_RANGE, EINVAL, "not a regular file, or the ranges overlap" },
	{ LADE_PATH_COPY_FILE_RANGE, EOPNOTSUPP, "the file system has no such call (CIFS, NFS)" },
	{ LADE_PATH_COPY_FILE_RANGE, ENOSYS, "before Linux 4.5, or a sandbox" },
	{ LADE_PATH_COPY_FILE_RANGE, EBADF, "the target is open for appending" },
	{ LADE_PATH_COPY_FILE_RANGE, EPERM, "the target is immutable, or a sandbox forbids it" },
	{ LADE_PATH_COPY_FILE_RANGE, ETXTBSY, "one of the files is a swap file" },

	{ LADE_PATH_SENDFILE, EINVAL,
	  "the source has no page cache, or the target is a pipe (before Linux 5.12)" },
	{ LADE_PATH_SENDFILE, ENOSYS, "the file system or a sandbox lacks the call" },
	{ LADE_PATH_SENDFILE, EOPNOTSUPP, "the kind of socket does not take pages" },
	{ LADE_PATH_SENDFILE, ESPIPE, "the source cannot seek" },
	{ LADE_PATH_SENDFILE, EPERM, "a sandbox forbids it" },
	{ LADE_PATH_SENDFILE, ENOENT, "no /proc to open the target once more" },
	{ LADE_PATH_SENDFILE, EACCES, "the target may not be opened once more (mode, Landlock)" },
	{ LADE_PATH_SENDFILE, ETXTBSY, "the target may not be opened once more (it is executed)" },
	{ LADE_PATH_SENDFILE, EMFILE, "no descriptor left to open the target once more" },
	{ LADE_PATH_SENDFILE, ENFILE, "no descriptor left to open the target once more" },

	{ LADE_PATH_SPLICE, EINVAL,
	  "the file system or kind of socket does not splice, or the target is for appending" },
	{ LADE_PATH_SPLICE, ENOSYS, "the file system or a sandbox lacks the call" },
	{ LADE_PATH_SPLICE, EOPNOTSUPP, "the kind of socket does not take pages" },
	{ LADE_PATH_SPLICE, ESPIPE, "an end cannot seek" },
	{ LADE_PATH_SPLICE, EPERM, "a sandbox forbids it" },
	{ LADE_PATH_SPLICE, EMFILE, "no descriptors left for a pipe" },
	{ LADE_PATH_SPLICE, ENFILE, "no descriptors left for a pipe" },

	{ LADE_PATH_MMAP, ENODEV, "the file system cannot map files (FUSE with direct_io)" },
	{ LADE_PATH_MMAP, EACCES, "the source is no regular file" },
	{ LADE_PATH_MMAP, EPERM, "a sandbox or a seal forbids it" },
	{ LADE_PATH_MMAP, EAGAIN, "the file, or too much memory, is locked" },
	{ LADE_PATH_MMAP, EINVAL, "the file system cannot map this range" },
	{ LADE_PATH_MMAP, EOVERFLOW, "the offset is beyond what 32 bits can map" },
	{ LADE_PATH_MMAP, ENOMEM, "no address space, or too many windows at once" },
	{ LADE_PATH_MMAP, EIO, "a page cannot be read" },
};

const char *lade_path_name(enum lade_path path)
{
	return (unsigned)path < LADE_PATH_COUNT ? paths[path].name : NULL;
}

int lade_path_parse(const char *name, enum lade_path *path_out)
{
	unsigned i;

	for (i = 0; i < LADE_PATH_COUNT; i++) {
		if (strcmp(paths[i].name, name) == 0) {
			*path_out = (enum lade_path)i;
			return 0;
		}
	}
	return LADE_E_USAGE;
}

const char *lade_fallback_reason(enum lade_path path, int error)
{
	size_t i;

	for (i = 0; i < sizeof(fallbacks) / sizeof(fallbacks[0]); i++) {
		if (fallbacks[i].path == path && fallbacks[i].error == error)
			return fallbacks[i].reason;
	}
	return NULL;
}

static int clone_range(int out_fd, int in_fd, off_t in_off, uint64_t len, off_t out_off)
{
	struct file_clone_range range = {
		.src_fd = in_fd,
		.src_offset = (uint64_t)in_off,
		.src_length = len,
		.dest_offset = (uint64_t)out_off,
	};

	return ioctl(out_fd, FICLONERANGE, &range);
}

const struct lade_mover_calls lade_mover_kernel = {
	.sendfile = sendfile,
	.splice = splice,
	.copy_file_range = copy_file_range,
	.clone_range = clone_range,
	.read = read,
	.pread = pread,
	.write = write,
	.pwrite = pwrite,
	.send = send,
};

int lade_movers_new(const struct lade_mover_calls *calls, struct lade_movers **movers_out)
{
	struct lade_movers *movers = calloc(1, sizeof(*movers));

	if (!movers)
		return LADE_E_MEMORY;
	movers->calls = calls ? calls : &lade_mover_kernel;
	if (lade_pipe_pool_init(&movers->pipes) < 0) {
		free(movers);
		return LADE_E_MEMORY;
	}
	if (pthread_mutex_init(&movers->mutex, NULL)) {
		lade_pipe_pool_fini(&movers->pipes);
		free(movers);
		return LADE_E_MEMORY;
	}
	*movers_out = movers;
	return 0;
}

uint64_t lade_movers_consumed(const struct lade_movers *movers)
{
	return atomic_load_explicit(&movers->consumed, memory_order_relaxed);
}

void lade_movers_free(struct lade_movers *movers)
{
	if (!movers)
		return;
	while (movers->buffer_count > 0)
		free(movers->buffers[--movers->buffer_count]);
	pthread_mutex_destroy(&movers->mutex);
	lade_pipe_pool_fini(&movers->pipes);
	free(movers);
}

uint8_t *lade_mover_buffer_get(struct lade_movers *movers)
{
	uint8_t *buffer = NULL;

	pthread_mutex_lock(&movers->mutex);
	if (movers->buffer_count > 0)
		buffer = movers->buffers[--movers->buffer_count];
	pthread_mutex_unlock(&movers->mutex);
	return buffer ? buffer : malloc(LADE_MOVER_PIECE);
}

void lade_mover_buffer_put(struct lade_movers *movers, uint8_t *buffer)
{
	int saved = errno;

	pthread_mutex_lock(&movers->mutex);
	if (movers->buffer_count < LADE_MOVER_BUFFERS) {
		movers->buffers[movers->buffer_count++] = buffer;
		buffer = NULL;
	}
	pthread_mutex_unlock(&movers->mutex);
	free(buffer);
	errno = saved;
}

/* What fd is. Returns 0, or -1 with errno. */
static int classify(int fd, off_t off, enum lade_mover_kind *kind_out)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (off != LADE_NO_OFFSET)
		*kind_out = LADE_MOVER_FILE;
	else if (S_ISSOCK(st.st_mode))
		*kind_out = LADE_MOVER_SOCKET;
	else if (S_ISFIFO(st.st_mode))
		*kind_out = LADE_MOVER_PIPE;
	else
		*kind_out = LADE_MOVER_STREAM;
	return 0;
}

/* The ways of the pair. */
static const enum lade_path *ways_of(const struct lade_mover_run *run, size_t *count_out)
{
	if (run->in != LADE_MOVER_FILE) {
		*count_out = sizeof(stream_to_any) / sizeof(stream_to_any[0]);
		return stream_to_any;
	}
	if (run->out != LADE_MOVER_FILE) {
		*count_out = sizeof(file_to_stream) / sizeof(file_to_stream[0]);
		return file_to_stream;
	}
	if (run->move->path == LADE_PATH_AUTO) {
		*count_out = sizeof(file_to_file_auto) / sizeof(file_to_file_auto[0]);
		return file_to_file_auto;
	}
	*count_out = sizeof(file_to_file) / sizeof(file_to_file[0]);
	return file_to_file;
}

static int unsupported(struct lade_mover_run *run, enum lade_path path, int error)
{
	lade_fault_set(run->fault, LADE_E_UNSUPPORTED, lade_path_name(path), NULL);
	if (run->fault)
		run->fault->sys_errno = error;
	return LADE_E_UNSUPPORTED;
}

/* Whose fault an ambiguous errno is, where the copying way may not find out. */
static int blame(struct lade_mover_run *run)
{
	uint8_t *buffer = lade_mover_buffer_get(run->movers);
	ssize_t count;

	if (!buffer)
		return lade_fault_set(run->fault, LADE_E_MEMORY, lade_path_name(run->path), NULL);
	do {
		count = run->calls->pread(run->move->in_fd, buffer,
					  lade_mover_piece(run, LADE_MOVER_PIECE),
					  lade_mover_in_off(run));
	} while (count < 0 && lade_mover_again(run, 0));
	lade_mover_buffer_put(run->movers, buffer);
	if (count < 0)
		return lade_mover_source_failed(run, "read");
	if (count == 0)
		return lade_mover_source_ended(run, "read");
	errno = run->refusal;
	return lade_mover_target_failed(run, lade_path_name(run->path));
}

/* Go down the list until a way moves everything or fails for good. */
static int try_ways(struct lade_mover_run *run, const enum lade_path *ways, size_t count)
{
	const struct lade_move *move = run->move;
	bool only = move->only && move->path != LADE_PATH_AUTO;
	enum lade_path path;
	size_t i = 0;
	int ret;

	while (i + 1 < count && ways[i] != move->path)
		i++;
	if (ways[i] != move->path) {
		if (only)
			return unsupported(run, move->path, EINVAL);
		i = 0;
	}
	for (;;) {
		path = ways[i];
		run->path = path; /* a way may change it while it copies a remainder */
		ret = paths[path].way(run);
		if (ret <= 0)
			return ret;
		assert(run->move->consumed == run->move->moved && i + 1 < count);
		if (only && ret == LADE_MOVER_BLAME)
			return blame(run);
		if (only)
			return unsupported(run, path, run->refusal);
		i = ret == LADE_MOVER_BLAME ? count - 1 : i + 1;
	}
}

/* Move all of it at once. */
static int move_now(struct lade_movers *movers, struct lade_move *move, struct lade_fault *fault)
{
	struct lade_mover_run run = { .movers = movers, .calls = movers->calls,
				      .move = move, .fault = fault };
	const enum lade_path *ways;
	size_t count;

	assert(move->in_off >= -1 && move->out_off >= -1);
	move->consumed = 0;
	move->moved = 0;
	move->used = LADE_PATH_AUTO;
	if (classify(move->in_fd, move->in_off, &run.in) < 0)
		return lade_mover_source_failed(&run, "fstat");
	if (classify(move->out_fd, move->out_off, &run.out) < 0)
		return lade_mover_target_failed(&run, "fstat");
	ways = ways_of(&run, &count);
	return try_ways(&run, ways, count);
}

static off_t behind(off_t off, uint64_t len)
{
	return off == LADE_NO_OFFSET ? off : off + (off_t)len;
}

/* Sharing extents moves no bytes: where that works for all of it nothing waits. */
static bool clone_all(struct lade_movers *movers, struct lade_move *move)
{
	struct lade_move clone = *move;

	if ((move->path != LADE_PATH_AUTO && move->path != LADE_PATH_CLONE) || move->in_off == LADE_NO_OFFSET ||
	    move->out_off == LADE_NO_OFFSET)
		return false;
	clone.path = LADE_PATH_CLONE;
	clone.only = true;
	if (move_now(movers, &clone, NULL))
		return false;
	clone.path = move->path;
	clone.only = move->only;
	*move = clone;
	return true;
}

/* Move it in pieces, as the limit grants them. */
static int move_in_pieces(struct lade_movers *movers, struct lade_move *move, struct lade_fault *fault)
{
	uint64_t consumed = 0, moved = 0;
	enum lade_path used = LADE_PATH_AUTO;
	int error = 0;

	while (moved < move->len && !error) {
		struct lade_move piece = *move;
		uint64_t left = move->len - moved;

		piece.in_off = behind(move->in_off, moved);
		piece.out_off = behind(move->out_off, moved);
		piece.len = lade_throttle_take(move->throttle, left < SIZE_MAX ? (size_t)left : SIZE_MAX);
		piece.more = move->more || piece.len < left;
		error = move_now(movers, &piece, fault);
		lade_throttle_give_back(move->throttle, (size_t)(piece.len - piece.moved));
		consumed += piece.consumed;
		moved += piece.moved;
		used = piece.moved ? piece.used : used;
	}
	move->consumed = consumed;
	move->moved = moved;
	move->used = used;
	return error;
}

int lade_move(struct lade_movers *movers, struct lade_move *move, struct lade_fault *fault)
{
	if (!move->throttle)
		return move_now(movers, move, fault);
	return clone_all(movers, move) ? 0 : move_in_pieces(movers, move, fault);
}
