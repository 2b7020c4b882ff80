/*
 * The reader: a few buffers in a circle, the first of them with the piece in use.
 *
 * Invariants: a buffer is written to by nobody but a job that was started on it and not yet waited for; what was read ahead and failed is read
 * again when its turn comes, so that only an ordinary call says what is wrong with a file; the boundary is 1 once the file is read through the
 * page cache.
 */
#include "transport/direct.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/direct_internal.h"

/*
 * What is wanted of reads at least and at most, in bytes. A page does everywhere where the kernel cannot tell, and is not more than what a disk reads
 * for less. What asks for more than the most (the allocation units of some XFS volumes) does so for writing: EINVAL tells.
 */
#define ALIGN_MIN ((size_t)4096)
#define ALIGN_MAX ((size_t)64 << 10)

/* One piece in memory, or on its way there. */
struct slot {
	uint8_t *buffer;            /* ALIGN_MAX at both ends more than a piece; made when it is first needed */
	struct lade_direct_job job; /* from a boundary before the piece to one behind it */
	struct lade_direct_piece piece;
	bool started;               /* and not waited for */
};

struct lade_direct {
	const struct lade_direct_calls *calls;
	struct lade_direct_ahead reads;
	bool ahead;
	uint32_t piece_len;
	struct slot slots[LADE_DIRECT_PIECES];
	unsigned head, count; /* the piece in use, if count, and those behind it in the order of the file */
	int fd;               /* -1: no file */
	size_t align;         /* a power of two; 1: through the page cache */
	int sys_errno;        /* why that is */
};

/* ---- the kernel ---- */

static int64_t kernel_alignment(int fd)
{
#ifdef STATX_DIOALIGN
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) || !(st.stx_mask & STATX_DIOALIGN))
		return 0;
	if (!st.stx_dio_mem_align || !st.stx_dio_offset_align) {
		errno = EINVAL;
		return -1;
	}
	return st.stx_dio_mem_align > st.stx_dio_offset_align ? st.stx_dio_mem_align : st.stx_dio_offset_align;
#else
	(void)fd;
	return 0;
#endif
}

static int kernel_get_flags(int fd)
{
	return fcntl(fd, F_GETFL);
}

static int kernel_set_flags(int fd, int flags)
{
	return fcntl(fd, F_SETFL, flags);
}

static int kernel_ring(unsigned entries, void *ring_out)
{
	return io_uring_queue_init(entries, ring_out, 0);
}

static int kernel_submit(void *ring)
{
	return io_uring_submit(ring);
}

const struct lade_direct_calls lade_direct_kernel = {
	.alignment = kernel_alignment,
	.get_flags = kernel_get_flags,
	.set_flags = kernel_set_flags,
	.pread = pread,
	.ring = kernel_ring,
	.submit = kernel_submit,
};

/* ---- the reader ---- */

int lade_direct_new(const struct lade_direct_wish *wish, struct lade_direct **direct_out, struct lade_fault *fault)
{
	struct lade_direct *direct = calloc(1, sizeof(*direct));

	if (!direct)
		return lade_fault_set(fault, LADE_E_MEMORY, "read", NULL);
	direct->calls = wish->calls ? wish->calls : &lade_direct_kernel;
	direct->reads.calls = direct->calls;
	direct->ahead = wish->ahead;
	direct->piece_len = wish->piece_len;
	direct->fd = -1;
	*direct_out = direct;
	return 0;
}

/* Forget what is in memory and on its way. */
static void drop(struct lade_direct *direct)
{
	for (; direct->count; direct->count--) {
		struct slot *slot = &direct->slots[direct->head];

		if (slot->started)
			lade_direct_ahead_wait(&direct->reads, &slot->job);
		slot->started = false;
		direct->head = (direct->head + 1) % LADE_DIRECT_PIECES;
	}
}

void lade_direct_free(struct lade_direct *direct)
{
	if (!direct)
		return;
	drop(direct);
	lade_direct_ahead_fini(&direct->reads);
	for (unsigned i = 0; i < LADE_DIRECT_PIECES; i++)
		free(direct->slots[i].buffer);
	free(direct);
}

const char *lade_direct_excuse(const struct lade_direct *direct, int *sys_errno_out, bool *thread_out)
{
	*sys_errno_out = direct->reads.sys_errno;
	*thread_out = direct->reads.thread.running;
	return direct->reads.excuse;
}

static size_t usable_alignment(int64_t told)
{
	bool is_power = told > 0 && (told & (told - 1)) == 0;

	if (!is_power || (uint64_t)told > ALIGN_MAX)
		return told > 0 ? ALIGN_MAX : ALIGN_MIN;
	return (size_t)told < ALIGN_MIN ? ALIGN_MIN : (size_t)told;
}

/* With the reason in errno. */
static int unsupported(struct lade_fault *fault)
{
	lade_fault_set(fault, LADE_E_UNSUPPORTED, "read directly", NULL);
	if (fault)
		fault->sys_errno = errno;
	return LADE_E_UNSUPPORTED;
}

int lade_direct_open(struct lade_direct *direct, int fd, struct lade_fault *fault)
{
	int64_t told;
	int flags;

	lade_direct_close(direct);
	told = direct->calls->alignment(fd);
	if (told < 0)
		return unsupported(fault);
	flags = direct->calls->get_flags(fd);
	if (flags < 0 || direct->calls->set_flags(fd, flags | O_DIRECT) < 0)
		return unsupported(fault);
	direct->fd = fd;
	direct->align = usable_alignment(told);
	return 0;
}

void lade_direct_close(struct lade_direct *direct)
{
	drop(direct);
	direct->fd = -1;
	direct->sys_errno = 0;
}

bool lade_direct_gave_up(const struct lade_direct *direct, int *sys_errno_out)
{
	*sys_errno_out = direct->sys_errno;
	return direct->sys_errno != 0;
}

/* Go on through the page cache, for the reason in errno. False if not even that can be had. */
static bool give_up(struct lade_direct *direct)
{
	int reason = errno, flags = direct->calls->get_flags(direct->fd);

	if (flags < 0 || direct->calls->set_flags(direct->fd, flags & ~O_DIRECT) < 0)
		return false;
	direct->sys_errno = reason;
	direct->align = 1;
	return true;
}

/* Bytes of the slot's buffer up to the end of its piece. */
static size_t needed(const struct slot *slot)
{
	return (size_t)(slot->piece.off - (uint64_t)slot->job.off) + slot->piece.len;
}

/*
 * Read what is missing of a slot of which got bytes are there. Where the kernel stopped is no boundary as a rule: the next read begins
 * before it.
 */
static int read_rest(struct lade_direct *direct, struct slot *slot, size_t got, struct lade_fault *fault)
{
	while (got < needed(slot)) {
		size_t at = got & ~(direct->align - 1);
		ssize_t count = direct->calls->pread(direct->fd, (uint8_t *)slot->job.vector.iov_base + at,
						     slot->job.vector.iov_len - at, slot->job.off + (off_t)at);

		if (count < 0 && (errno == EINTR || (errno == EINVAL && direct->align > 1 && give_up(direct))))
			continue;
		if (count < 0)
			return lade_fault_set(fault, LADE_E_SOURCE, "read", NULL);
		if (at + (size_t)count <= got)
			return lade_fault_set(fault, LADE_E_SHRUNK, "read", NULL);
		got = at + (size_t)count;
	}
	return 0;
}

/* Put a piece behind the others. False if there is no memory for it. */
static bool append(struct lade_direct *direct, const struct lade_direct_piece *piece)
{
	struct slot *slot = &direct->slots[(direct->head + direct->count) % LADE_DIRECT_PIECES];
	uint64_t mask = direct->align - 1, begin = piece->off & ~mask, end = (piece->off + piece->len + mask) & ~mask;

	assert(piece->len <= direct->piece_len);
	if (!slot->buffer)
		slot->buffer = aligned_alloc(ALIGN_MAX, (direct->piece_len + 3 * ALIGN_MAX - 1) / ALIGN_MAX * ALIGN_MAX);
	if (!slot->buffer)
		return false;
	slot->piece = *piece;
	slot->job = (struct lade_direct_job){
		.fd = direct->fd, .vector = { slot->buffer, (size_t)(end - begin) }, .off = (off_t)begin,
	};
	slot->started = direct->ahead && lade_direct_ahead_start(&direct->reads, &slot->job);
	direct->count++;
	return true;
}

/* Start reading what comes behind the last piece. It need not succeed. */
static void read_ahead(struct lade_direct *direct)
{
	while (direct->ahead && direct->count < LADE_DIRECT_PIECES) {
		struct lade_direct_piece next = direct->slots[(direct->head + direct->count - 1) % LADE_DIRECT_PIECES].piece;

		next.off += next.len;
		if (next.off >= next.end)
			return;
		if (next.end - next.off < next.len)
			next.len = (uint32_t)(next.end - next.off);
		if (!append(direct, &next) || !direct->slots[(direct->head + direct->count - 1) % LADE_DIRECT_PIECES].started)
			return;
	}
}

/* Let go of the piece that was in use, and of everything if the next is not the one that was expected. */
static void advance(struct lade_direct *direct, const struct lade_direct_piece *piece)
{
	struct slot *slot;

	if (!direct->count)
		return;
	direct->head = (direct->head + 1) % LADE_DIRECT_PIECES;
	direct->count--;
	slot = &direct->slots[direct->head];
	if (direct->count && (slot->piece.off != piece->off || slot->piece.len != piece->len))
		drop(direct);
}

int lade_direct_read(struct lade_direct *direct, const struct lade_direct_piece *piece, const uint8_t **data_out,
		     struct lade_fault *fault)
{
	struct slot *slot;
	size_t got = 0;
	int error;

	advance(direct, piece);
	if (!direct->count && !append(direct, piece))
		return lade_fault_set(fault, LADE_E_MEMORY, "read", NULL);
	slot = &direct->slots[direct->head];
	read_ahead(direct);
	if (slot->started) {
		lade_direct_ahead_wait(&direct->reads, &slot->job);
		slot->started = false;
		got = slot->job.result > 0 ? (size_t)slot->job.result : 0;
	}
	error = read_rest(direct, slot, got, fault);
	*data_out = error ? NULL : slot->buffer + (slot->piece.off - (uint64_t)slot->job.off);
	return error;
}
