/*
 * Movers: the zero-copy (and, last, the copying) ways to carry a contiguous range
 * of bytes from one descriptor to another. Every way has the same signature; the
 * driver lade_move() picks one and, when a kernel or a file system refuses it,
 * continues with the next at the byte reached.
 *
 * Sources and targets are regular files or block devices (with an offset) or
 * streams (sockets, pipes and the like, no offset). Which ways exist for which pair,
 * in the order in which they are tried:
 *
 *   file -> file      clone, copy_file_range, splice, sendfile, mmap, copy
 *                     (AUTO: clone, copy_file_range, copy)
 *   file -> stream    sendfile, splice, mmap, copy
 *   stream -> file    splice, copy
 *   stream -> stream  splice, copy
 *
 * See sendfile(2), splice(2), copy_file_range(2), ioctl_ficlonerange(2).
 */
#ifndef LADE_TRANSPORT_MOVER_H
#define LADE_TRANSPORT_MOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/error.h"
#include "transport/throttle.h"

/* The ways; the table above says in which order a pair tries them. */
enum lade_path {
	LADE_PATH_AUTO,            /* the best that works */
	LADE_PATH_CLONE,           /* FICLONERANGE: share the extents */
	LADE_PATH_COPY_FILE_RANGE, /* copied (or shared) inside the kernel */
	LADE_PATH_SENDFILE,
	LADE_PATH_SPLICE,          /* through a pooled pipe; directly where one end is a pipe */
	LADE_PATH_MMAP,            /* mapped windows and write(2) */
	LADE_PATH_COPY,            /* read(2) and write(2) */
	LADE_PATH_COUNT,
};

/* Name as --path= takes it ("sendfile"); NULL beyond the table. Static text. */
const char *lade_path_name(enum lade_path path);

/* Find a path by its name. Returns 0 and sets *path_out, or LADE_E_USAGE. */
int lade_path_parse(const char *name, enum lade_path *path_out);

/* Offset of a stream. A regular file with this offset is a stream: its own position is used. */
#define LADE_NO_OFFSET ((off_t)-1)

/* One contiguous transfer. The caller fills the first part, lade_move() the second. */
struct lade_move {
	int in_fd;           /* borrowed; stays open */
	off_t in_off;        /* byte offset in a file, or LADE_NO_OFFSET for a stream */
	int out_fd;          /* borrowed; O_APPEND may send bytes to the end of a file */
	off_t out_off;       /* as in_off */
	uint64_t len;        /* bytes to move */
	bool more;           /* more bytes for a target socket follow at once; a hint */
	enum lade_path path; /* start here in the pair's order; AUTO or not of the pair: top */
	struct lade_throttle *throttle; /* bytes wait for it, except those that are cloned; borrowed, NULL: none */
	bool eager;          /* take bytes of a TCP source as they come, without SO_RCVLOWAT: somebody watches whether they do */
	bool only;           /* path is not AUTO: no fallback, LADE_E_UNSUPPORTED instead */
	_Atomic uint64_t *counter; /* bytes are added here as they are taken from the source; borrowed, NULL: nowhere */

	uint64_t consumed;   /* bytes taken from the source */
	uint64_t moved;      /* bytes that reached the target; never above consumed */
	enum lade_path used; /* the way that moved the last bytes; AUTO if none did */
};

/*
 * The system calls that movers make, so that tests can make any of them fail at
 * any call. lade_mover_kernel is the real ones.
 */
struct lade_mover_calls {
	ssize_t (*sendfile)(int out_fd, int in_fd, off_t *off, size_t len);
	ssize_t (*splice)(int in_fd, off_t *in_off, int out_fd, off_t *out_off, size_t len,
			  unsigned flags);
	ssize_t (*copy_file_range)(int in_fd, off_t *in_off, int out_fd, off_t *out_off,
				   size_t len, unsigned flags);
	/* FICLONERANGE on out_fd; 0 or -1 */
	int (*clone_range)(int out_fd, int in_fd, off_t in_off, uint64_t len, off_t out_off);
	ssize_t (*read)(int fd, void *buf, size_t len);
	ssize_t (*pread)(int fd, void *buf, size_t len, off_t off);
	ssize_t (*write)(int fd, const void *buf, size_t len);
	ssize_t (*pwrite)(int fd, const void *buf, size_t len, off_t off);
	ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
};
extern const struct lade_mover_calls lade_mover_kernel;

/*
 * What movers keep between transfers: pooled pipes and copy buffers, four of each.
 * One per process; safe for several threads.
 */
struct lade_movers;

/*
 * Make one. calls is borrowed until lade_movers_free() (NULL: lade_mover_kernel).
 * Returns 0, or LADE_E_MEMORY. The caller frees *movers_out with lade_movers_free().
 */
int lade_movers_new(const struct lade_mover_calls *calls, struct lade_movers **movers_out);

/* Bytes that were taken from sources so far, those of moves under way too. Any thread. */
uint64_t lade_movers_consumed(const struct lade_movers *movers);

/* Close the pooled pipes and free. NULL does nothing. No transfer may be under way. */
void lade_movers_free(struct lade_movers *movers);

/*
 * Move move->len bytes. Returns 0 when all of them reached the target, else with
 * consumed and moved telling how far it came (what a failed mover left in a pipe
 * has been drained to the target, or counts as consumed and not moved):
 *
 *   LADE_E_SHRUNK       the source file ended early
 *   LADE_E_CLOSED       the source stream ended early, or either stream is gone
 *                       (EPIPE, ECONNRESET)
 *   LADE_E_SOURCE       reading failed (EIO, ...)
 *   LADE_E_TARGET       writing failed (ENOSPC, EDQUOT, EFBIG, EIO, ...)
 *   LADE_E_UNSUPPORTED  only: this way does not work here; fault->sys_errno says why
 *   LADE_E_MEMORY
 *
 * Where one call has two ends (sendfile, splice, copy_file_range) an errno that may
 * belong to either is attributed by trying: the copying way decides (with `only`, one
 * read of the source does).
 *
 * Retries EINTR; waits by poll(2), without a limit, where a descriptor is non-blocking
 * (end a wait by shutdown(2)). EAGAIN of a blocking one is its SO_RCVTIMEO or SO_SNDTIMEO:
 * a failure of that end. Never changes file offsets of files. A move through send(2) uses
 * MSG_NOSIGNAL, but sendfile, splice and pipes raise SIGPIPE as write(2) does: the
 * program ignores that signal. Holes are copied as zeros by all but clone. Changes
 * SO_RCVLOWAT of a TCP source and leaves it at 1.
 *
 * sendfile and splice lend pages of the source to a target socket or pipe: a page
 * overwritten before the peer took it arrives changed.
 *
 * fault may be NULL; its subject is left empty: the caller knows the names.
 */
int lade_move(struct lade_movers *movers, struct lade_move *move, struct lade_fault *fault);

/* Add bytes to the move's counter that are there without being moved: holes, and what went another way. */
void lade_move_count(const struct lade_move *move, uint64_t len);

/* One row of a fallback table: why an errno means "try the next way". */
struct lade_fallback {
	enum lade_path path;
	int error;          /* errno; 0: the call reported no progress */
	const char *reason; /* which kernel, which file system; static text */
};

/* The reason why error makes path fall back, or NULL where it is a real failure. */
const char *lade_fallback_reason(enum lade_path path, int error);

#endif
