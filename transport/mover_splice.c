/*
 * splice(2): pages move from one descriptor into a pipe and from the pipe into the
 * other descriptor. Where an end is a pipe itself no other is needed.
 *
 * With a pipe of ours between them the two calls have one end each, so an error
 * always has its owner. What the target refuses at a middle byte is in our pipe by
 * then: it is drained by read and write, and the next way goes on after it. When
 * writing fails for good those bytes count as consumed and not moved, and the pipe is
 * closed.
 *
 * Invariant: our pipe holds consumed - moved bytes.
 */
#include "transport/mover_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* A TCP reader sleeps until this many bytes are there: fewer wake-ups, fuller pipes. */
#define SPLICE_LOWAT (256 << 10)

/* More than one byte is worth waiting for on TCP only; elsewhere the option is left alone. */
static bool has_lowat(const struct lade_mover_run *run)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return run->in == LADE_MOVER_SOCKET && !run->move->eager &&
	       getsockopt(run->move->in_fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       (domain == AF_INET || domain == AF_INET6);
}

/*
 * Keep SO_RCVLOWAT at what is announced or below: with more, the last bytes would wait
 * for bytes that the peer sends only after an answer to these. Without the option (or
 * where it fails) everything works, more slowly.
 */
static void set_lowat(const struct lade_mover_run *run, int *lowat)
{
	int want = (int)lade_mover_piece(run, SPLICE_LOWAT);

	if (want < 1)
		want = 1;
	if (want == *lowat)
		return;
	setsockopt(run->move->in_fd, SOL_SOCKET, SO_RCVLOWAT, &want, sizeof(want));
	*lowat = want;
}

/* Take what the source has, up to the size of the pipe, which is empty. */
static int fill(struct lade_mover_run *run, const struct lade_pipe *pipe)
{
	off_t off = lade_mover_in_off(run);
	ssize_t count;

	do {
		count = run->calls->splice(run->move->in_fd, off == LADE_NO_OFFSET ? NULL : &off,
					   pipe->write_fd, NULL,
					   lade_mover_piece(run, pipe->capacity), SPLICE_F_MOVE);
	} while (count < 0 && lade_mover_again(run, LADE_MOVER_IN));
	if (count > 0) {
		lade_mover_consume(run, (size_t)count);
		return 0;
	}
	if (count == 0)
		return lade_mover_source_ended(run, "splice");
	if (lade_fallback_reason(LADE_PATH_SPLICE, errno))
		return lade_mover_refuse(run, errno);
	return lade_mover_source_failed(run, "splice");
}

/* Carry what is in the pipe to the target through memory; then the next way's turn. */
static int drain_by_copying(struct lade_mover_run *run, const struct lade_pipe *pipe, int refusal)
{
	struct lade_move *move = run->move;
	uint8_t *buffer = lade_mover_buffer_get(run->movers);
	uint64_t held;
	ssize_t count;
	int ret = 0;

	if (!buffer)
		return lade_fault_set(run->fault, LADE_E_MEMORY, "splice", NULL);
	run->path = LADE_PATH_COPY;
	while (ret == 0 && (held = move->consumed - move->moved) > 0) {
		count = run->calls->read(pipe->read_fd, buffer,
					 held < LADE_MOVER_PIECE ? (size_t)held : LADE_MOVER_PIECE);
		if (count < 0 && lade_mover_again(run, 0))
			continue;
		if (count <= 0)
			ret = lade_fault_set(run->fault, LADE_E_SOURCE, "read", NULL);
		else if (lade_mover_write(run, buffer, (size_t)count) < 0)
			ret = lade_mover_target_failed(run, "write");
	}
	lade_mover_buffer_put(run->movers, buffer);
	return ret ? ret : lade_mover_refuse(run, refusal);
}

/* Empty the pipe into the target. */
static int drain(struct lade_mover_run *run, const struct lade_pipe *pipe)
{
	struct lade_move *move = run->move;
	unsigned flags = SPLICE_F_MOVE;
	off_t off;
	ssize_t count;

	if (move->more || move->consumed < move->len)
		flags |= SPLICE_F_MORE;
	while (move->moved < move->consumed) {
		off = lade_mover_out_off(run);
		count = run->calls->splice(pipe->read_fd, NULL, move->out_fd,
					   off == LADE_NO_OFFSET ? NULL : &off,
					   (size_t)(move->consumed - move->moved), flags);
		if (count > 0) {
			lade_mover_arrive(run, (size_t)count);
			continue;
		}
		if (count < 0 && lade_mover_again(run, LADE_MOVER_OUT))
			continue;
		if (count == 0)
			return drain_by_copying(run, pipe, EINVAL);
		if (lade_fallback_reason(LADE_PATH_SPLICE, errno))
			return drain_by_copying(run, pipe, errno);
		return lade_mover_target_failed(run, "splice");
	}
	return 0;
}

static int splice_through(struct lade_mover_run *run, const struct lade_pipe *pipe)
{
	bool lowat_used = has_lowat(run);
	int lowat = 0, ret = 0; /* whatever the caller set before is not to be relied on */

	while (ret == 0 && run->move->moved < run->move->len) {
		if (lowat_used)
			set_lowat(run, &lowat);
		ret = fill(run, pipe);
		if (ret == 0)
			ret = drain(run, pipe);
	}
	if (lowat > 1) {
		lowat = 1;
		setsockopt(run->move->in_fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof(lowat));
	}
	return ret;
}

/* One end is a pipe already: one call does it. */
static int splice_direct(struct lade_mover_run *run)
{
	struct lade_move *move = run->move;
	unsigned flags;
	off_t in_off, out_off;
	size_t len;
	ssize_t count;

	while (move->moved < move->len) {
		in_off = lade_mover_in_off(run);
		out_off = lade_mover_out_off(run);
		len = lade_mover_piece(run, LADE_PIPE_SIZE);
		flags = SPLICE_F_MOVE;
		if (move->more || move->moved + len < move->len)
			flags |= SPLICE_F_MORE;
		count = run->calls->splice(move->in_fd, in_off == LADE_NO_OFFSET ? NULL : &in_off,
					   move->out_fd,
					   out_off == LADE_NO_OFFSET ? NULL : &out_off, len, flags);
		if (count < 0 && lade_mover_again(run, LADE_MOVER_IN | LADE_MOVER_OUT))
			continue;
		if (count == 0)
			return lade_mover_source_ended(run, "splice");
		if (count < 0 && lade_fallback_reason(LADE_PATH_SPLICE, errno))
			return lade_mover_refuse(run, errno);
		/* Reading a pipe does not fail; writing one fails by EPIPE only. */
		if (count < 0 && (run->in == LADE_MOVER_PIPE || errno == EPIPE))
			return lade_mover_target_failed(run, "splice");
		if (count < 0)
			return lade_mover_source_failed(run, "splice");
		lade_mover_consume(run, (size_t)count);
		lade_mover_arrive(run, (size_t)count);
	}
	return 0;
}

int lade_mover_splice(struct lade_mover_run *run)
{
	struct lade_pipe pipe;
	int ret;

	if (run->in == LADE_MOVER_PIPE || run->out == LADE_MOVER_PIPE)
		return splice_direct(run);
	if (lade_pipe_pool_get(&run->movers->pipes, &pipe) < 0)
		return lade_mover_refuse(run, errno);
	ret = splice_through(run, &pipe);
	lade_pipe_pool_put(&run->movers->pipes, &pipe, run->move->consumed == run->move->moved);
	return ret;
}
