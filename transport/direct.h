/*
 * Reading large files past the page cache (O_DIRECT), piece by piece from the beginning to the end, and, if that is wanted, the
 * next piece while the caller works on the present one: by io_uring, else by a thread.
 *
 * What is read so has to stand at certain boundaries of the file and of memory (statx(2), STATX_DIOALIGN); the reader takes
 * whatever is around a piece as well, into buffers of its own. Where a file system refuses, reading goes on through the page cache
 * at the byte reached. See open(2), O_DIRECT; io_uring(7).
 *
 * Nothing here is for several threads at once.
 */
#ifndef LADE_TRANSPORT_DIRECT_H
#define LADE_TRANSPORT_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"

/* Most bytes of a piece. */
#define LADE_DIRECT_PIECE_MAX (4u << 20)

/*
 * The system calls of the reader, so that tests can make any of them fail. lade_direct_kernel is the real ones.
 */
struct lade_direct_calls {
	/* Boundaries for O_DIRECT on fd, in bytes: 0: not known; -1: it does not work there, with errno. */
	int64_t (*alignment)(int fd);
	int (*get_flags)(int fd);            /* F_GETFL */
	int (*set_flags)(int fd, int flags); /* F_SETFL */
	ssize_t (*pread)(int fd, void *buffer, size_t len, off_t off);
	int (*ring)(unsigned entries, void *ring_out); /* io_uring_queue_init(): 0 or a negative errno */
	int (*submit)(void *ring);                     /* io_uring_submit(): how many were, or a negative errno */
};
extern const struct lade_direct_calls lade_direct_kernel;

/* A reader, for one file after another. */
struct lade_direct;

/* What it is to be. */
struct lade_direct_wish {
	uint32_t piece_len;                    /* most bytes of a piece, from 1 to LADE_DIRECT_PIECE_MAX */
	bool ahead;                            /* read the next piece while one is in use */
	const struct lade_direct_calls *calls; /* NULL: the kernel's; borrowed until the reader is freed */
};

/* Make one. Returns 0, or LADE_E_MEMORY. The caller frees *direct_out with lade_direct_free(). */
int lade_direct_new(const struct lade_direct_wish *wish, struct lade_direct **direct_out, struct lade_fault *fault);

/* End what is under way, and free. NULL does nothing. */
void lade_direct_free(struct lade_direct *direct);

/*
 * Why the next piece is not read by io_uring although that was wanted: static text, *sys_errno_out the reason; NULL if it is, or nothing
 * was to be read yet. *thread_out: a thread does it instead, else nobody.
 */
const char *lade_direct_excuse(const struct lade_direct *direct, int *sys_errno_out, bool *thread_out);

/*
 * Begin with a file, which no other descriptor of this open file may be reading at the same time (O_DIRECT is set on it). fd is borrowed
 * until lade_direct_close(), which the caller calls before he closes it. Returns 0, or LADE_E_UNSUPPORTED with fault->sys_errno (EINVAL of
 * most file systems that have no such thing) and fd as it was: read it in another way.
 */
int lade_direct_open(struct lade_direct *direct, int fd, struct lade_fault *fault);

/* A piece of the file, and how far the caller will go on from there, in bytes. Pieces behind it are taken to be as long as it, up to end. */
struct lade_direct_piece {
	uint64_t off;
	uint32_t len;
	uint64_t end; /* off + len or more */
};

/*
 * Read a piece. *data_out is borrowed until the next call for this reader. Returns 0, LADE_E_SHRUNK (the file ends before the piece does),
 * LADE_E_SOURCE (it cannot be read) or LADE_E_MEMORY; what cannot be read ahead is an error when its turn comes. fault's subject is left empty.
 */
int lade_direct_read(struct lade_direct *direct, const struct lade_direct_piece *piece, const uint8_t **data_out,
		     struct lade_fault *fault);

/* True if the file is read through the page cache by now: its file system refused a piece, for the reason *sys_errno_out. */
bool lade_direct_gave_up(const struct lade_direct *direct, int *sys_errno_out);

/* End what is under way and let go of the file. Without one nothing happens. */
void lade_direct_close(struct lade_direct *direct);

#endif
