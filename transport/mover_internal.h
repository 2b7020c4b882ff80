/*
 * What the movers share: the state of one transfer, and the two ends with their
 * waiting, retrying and blaming. Stays in transport/.
 *
 * A way is a function on the state. It carries on from move->moved and returns 0
 * (all moved), a negative LADE_E code with the fault described, or one of the two
 * positive events below. With an event, consumed equals moved: nothing is in between.
 */
#ifndef LADE_TRANSPORT_MOVER_INTERNAL_H
#define LADE_TRANSPORT_MOVER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/mover.h"
#include "transport/pipe_pool.h"

/* Refused; refusal says why. The next way of the pair carries on. */
#define LADE_MOVER_NEXT 1

/* A call with two ends failed with refusal, and either may be to blame: copying tells. */
#define LADE_MOVER_BLAME 2

/*
 * Bytes of a copy buffer, and of one write from a mapping: as fast as any more. Longer writes make the
 * page cache of ext4 take yet larger folios, which are fresh memory as a rule; 32 KiB was
 * steadier there on a virtual machine, and a fifth slower at its best.
 */
#define LADE_MOVER_PIECE ((size_t)128 << 10)

/* Most idle copy buffers. */
#define LADE_MOVER_BUFFERS 4

struct lade_movers {
	const struct lade_mover_calls *calls;
	struct lade_pipe_pool pipes;
	pthread_mutex_t mutex; /* guards the buffers */
	uint8_t *buffers[LADE_MOVER_BUFFERS];
	unsigned buffer_count;
	_Atomic uint64_t consumed; /* by all moves */
};

/* What an end is. */
enum lade_mover_kind {
	LADE_MOVER_FILE,   /* has an offset */
	LADE_MOVER_SOCKET,
	LADE_MOVER_PIPE,
	LADE_MOVER_STREAM, /* anything else without an offset */
};

/* Ends to wait for. */
#define LADE_MOVER_IN 1u
#define LADE_MOVER_OUT 2u

/* One transfer under way; everything is borrowed. */
struct lade_mover_run {
	struct lade_movers *movers;
	const struct lade_mover_calls *calls;
	struct lade_move *move;
	struct lade_fault *fault;
	enum lade_mover_kind in;
	enum lade_mover_kind out;
	enum lade_path path; /* the way at work */
	int refusal;         /* errno of the last event */
};

/* The ways; what each returns stands at the top. Two files share their extents by FICLONERANGE. */
int lade_mover_clone(struct lade_mover_run *run);

/* copy_file_range(2), between two files. */
int lade_mover_copy_file_range(struct lade_mover_run *run);

/* sendfile(2), from a file to whatever the target is. */
int lade_mover_sendfile(struct lade_mover_run *run);

/* splice(2), through a pipe of ours where neither end is one. */
int lade_mover_splice(struct lade_mover_run *run);

/* mmap(2) of the source, a file, and write(2). */
int lade_mover_mmap(struct lade_mover_run *run);

/* read(2) and write(2): never an event, and LADE_E_MEMORY where there is no buffer. */
int lade_mover_copy(struct lade_mover_run *run);

/* Take a buffer of LADE_MOVER_PIECE bytes; NULL: there is no memory. Any thread. */
uint8_t *lade_mover_buffer_get(struct lade_movers *movers);

/* Give it back. errno stays as it is. Any thread. */
void lade_mover_buffer_put(struct lade_movers *movers, uint8_t *buffer);

/* Bytes still to take from the source, at most max. */
size_t lade_mover_piece(const struct lade_mover_run *run, size_t max);

/* Where in the source the next byte is taken from; LADE_NO_OFFSET for streams. */
off_t lade_mover_in_off(const struct lade_mover_run *run);

/* Where in the target the next byte goes to; LADE_NO_OFFSET for streams. */
off_t lade_mover_out_off(const struct lade_mover_run *run);

/* Count len bytes that left the source. */
void lade_mover_consume(struct lade_mover_run *run, size_t len);

/* Count len bytes that reached the target, by the way at work. */
void lade_mover_arrive(struct lade_mover_run *run, size_t len);

/*
 * After a call that failed with errno: true if it should be made again, because it
 * was interrupted, or because one of ends (LADE_MOVER_IN, _OUT) is non-blocking and
 * has been waited for. Else false; errno stays.
 */
bool lade_mover_again(const struct lade_mover_run *run, unsigned ends);

/* Read and count up to len bytes. Returns bytes, 0 at the end, or -1 with errno. */
ssize_t lade_mover_read(struct lade_mover_run *run, void *buf, size_t len);

/*
 * Write and count len bytes that have been taken from the source. Returns 0, or -1
 * with errno; what was written before is counted.
 */
int lade_mover_write(struct lade_mover_run *run, const uint8_t *buf, size_t len);

/* Describe the failure of the source that is in errno. Returns LADE_E_CLOSED for a stream whose other end is gone, else LADE_E_SOURCE. */
int lade_mover_source_failed(struct lade_mover_run *run, const char *operation);

/* Describe that the source ended too early. Returns LADE_E_SHRUNK for a file, else LADE_E_CLOSED. */
int lade_mover_source_ended(struct lade_mover_run *run, const char *operation);

/* Describe the failure of the target that is in errno. Returns LADE_E_CLOSED for a stream whose other end is gone, else LADE_E_TARGET. */
int lade_mover_target_failed(struct lade_mover_run *run, const char *operation);

/* Note why the way is given up; returns LADE_MOVER_NEXT. */
int lade_mover_refuse(struct lade_mover_run *run, int error);

/*
 * Sort errno of a call with two ends: refused, the target's for certain (ENOSPC,
 * EPIPE, ...), or LADE_MOVER_BLAME.
 */
int lade_mover_sort(struct lade_mover_run *run, const char *operation);

/* True if the source is a regular file that ends before its byte at end. */
bool lade_mover_source_short(const struct lade_mover_run *run, off_t end);

#endif
