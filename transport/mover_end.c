/*
 * The two ends of a transfer: reading and writing with retries, waiting where a
 * descriptor is non-blocking, and saying which end failed.
 *
 * Invariant: consumed and moved are counted right after the call that changed them.
 */
#include "transport/mover_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

size_t lade_mover_piece(const struct lade_mover_run *run, size_t max)
{
	uint64_t left = run->move->len - run->move->consumed;

	return left < max ? (size_t)left : max;
}

off_t lade_mover_in_off(const struct lade_mover_run *run)
{
	if (run->in != LADE_MOVER_FILE)
		return LADE_NO_OFFSET;
	return run->move->in_off + (off_t)run->move->consumed;
}

off_t lade_mover_out_off(const struct lade_mover_run *run)
{
	if (run->out != LADE_MOVER_FILE)
		return LADE_NO_OFFSET;
	return run->move->out_off + (off_t)run->move->moved;
}

void lade_move_count(const struct lade_move *move, uint64_t len)
{
	if (move->counter)
		atomic_fetch_add_explicit(move->counter, len, memory_order_relaxed);
}

void lade_mover_consume(struct lade_mover_run *run, size_t len)
{
	run->move->consumed += len;
	lade_move_count(run->move, len);
	atomic_fetch_add_explicit(&run->movers->consumed, len, memory_order_relaxed);
}

void lade_mover_arrive(struct lade_mover_run *run, size_t len)
{
	run->move->moved += len;
	run->move->used = run->path;
}

static bool non_blocking(int fd, enum lade_mover_kind kind)
{
	int flags;

	/* O_NONBLOCK on a regular file means nothing, and poll(2) calls it ready always. */
	if (kind == LADE_MOVER_FILE)
		return false;
	flags = fcntl(fd, F_GETFL);
	return flags >= 0 && (flags & O_NONBLOCK);
}

static void wait_for(int fd, short events)
{
	struct pollfd pollfd = { fd, events, 0 };

	/* Whatever poll says, the call that is made again knows better. */
	while (poll(&pollfd, 1, -1) < 0 && errno == EINTR)
		;
}

bool lade_mover_again(const struct lade_mover_run *run, unsigned ends)
{
	const struct lade_move *move = run->move;
	int saved = errno;
	bool waited = false;

	if (saved == EINTR)
		return true;
	if (saved != EAGAIN && saved != EWOULDBLOCK)
		return false;
	/* Where both may be the reason, each wait ends at once for the one that was not. */
	if ((ends & LADE_MOVER_IN) && non_blocking(move->in_fd, run->in)) {
		wait_for(move->in_fd, POLLIN);
		waited = true;
	}
	if ((ends & LADE_MOVER_OUT) && non_blocking(move->out_fd, run->out)) {
		wait_for(move->out_fd, POLLOUT);
		waited = true;
	}
	errno = saved;
	return waited;
}

ssize_t lade_mover_read(struct lade_mover_run *run, void *buf, size_t len)
{
	ssize_t count;

	do {
		if (run->in == LADE_MOVER_FILE)
			count = run->calls->pread(run->move->in_fd, buf, len,
						  lade_mover_in_off(run));
		else
			count = run->calls->read(run->move->in_fd, buf, len);
	} while (count < 0 && lade_mover_again(run, LADE_MOVER_IN));
	if (count > 0)
		lade_mover_consume(run, (size_t)count);
	return count;
}

static ssize_t write_some(const struct lade_mover_run *run, const uint8_t *buf, size_t len)
{
	const struct lade_move *move = run->move;
	int flags = MSG_NOSIGNAL;

	switch (run->out) {
	case LADE_MOVER_FILE:
		return run->calls->pwrite(move->out_fd, buf, len, lade_mover_out_off(run));
	case LADE_MOVER_SOCKET:
		if (move->more || move->moved + len < move->len)
			flags |= MSG_MORE;
		return run->calls->send(move->out_fd, buf, len, flags);
	case LADE_MOVER_PIPE:
	case LADE_MOVER_STREAM:
		break;
	}
	return run->calls->write(move->out_fd, buf, len);
}

int lade_mover_write(struct lade_mover_run *run, const uint8_t *buf, size_t len)
{
	ssize_t count;

	while (len > 0) {
		count = write_some(run, buf, len);
		if (count < 0 && lade_mover_again(run, LADE_MOVER_OUT))
			continue;
		if (count == 0)
			errno = EIO; /* no write of some bytes may report none: never loop on it */
		if (count <= 0)
			return -1;
		lade_mover_arrive(run, (size_t)count);
		buf += count;
		len -= (size_t)count;
	}
	return 0;
}

static bool stream_gone(enum lade_mover_kind kind)
{
	return kind != LADE_MOVER_FILE && (errno == EPIPE || errno == ECONNRESET);
}

int lade_mover_source_failed(struct lade_mover_run *run, const char *operation)
{
	return lade_fault_set(run->fault, stream_gone(run->in) ? LADE_E_CLOSED : LADE_E_SOURCE,
			      operation, NULL);
}

int lade_mover_source_ended(struct lade_mover_run *run, const char *operation)
{
	int code = run->in == LADE_MOVER_FILE ? LADE_E_SHRUNK : LADE_E_CLOSED;

	return lade_fault_set(run->fault, code, operation, NULL);
}

int lade_mover_target_failed(struct lade_mover_run *run, const char *operation)
{
	return lade_fault_set(run->fault, stream_gone(run->out) ? LADE_E_CLOSED : LADE_E_TARGET,
			      operation, NULL);
}

int lade_mover_refuse(struct lade_mover_run *run, int error)
{
	run->refusal = error;
	return LADE_MOVER_NEXT;
}

int lade_mover_sort(struct lade_mover_run *run, const char *operation)
{
	if (lade_fallback_reason(run->path, errno))
		return lade_mover_refuse(run, errno);
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EPIPE:
	case ECONNRESET:
	case EAGAIN: /* SO_SNDTIMEO: files do not say this */
		return lade_mover_target_failed(run, operation);
	default:
		run->refusal = errno;
		return LADE_MOVER_BLAME;
	}
}

bool lade_mover_source_short(const struct lade_mover_run *run, off_t end)
{
	struct stat st;

	return fstat(run->move->in_fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < end;
}
