/*
 * sendfile(2): the pages of a file go to a stream, or to another file, without a pipe
 * of ours. 0 means that the source ended.
 *
 * Limit: there is no flag for "more follows", so move->more is lost here; the kernel
 * holds back small segments inside one call only.
 *
 * sendfile writes a file at its own position, which may be shared with other threads
 * and processes. A target file is therefore opened once more, for a position that is ours.
 */
#include "transport/mover_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Bytes of one call: a file that is hot comes this far in a fraction of a second. */
#define SENDFILE_PIECE ((size_t)64 << 20)

static int send_pieces(struct lade_mover_run *run, int out_fd)
{
	struct lade_move *move = run->move;
	off_t off;
	ssize_t count;

	while (move->moved < move->len) {
		off = lade_mover_in_off(run);
		count = run->calls->sendfile(out_fd, move->in_fd, &off,
					     lade_mover_piece(run, SENDFILE_PIECE));
		if (count < 0) {
			if (lade_mover_again(run, LADE_MOVER_OUT))
				continue;
			return lade_mover_sort(run, "sendfile");
		}
		if (count == 0)
			return lade_mover_source_ended(run, "sendfile");
		lade_mover_consume(run, (size_t)count);
		lade_mover_arrive(run, (size_t)count);
	}
	return 0;
}

/* A second description of the target, positioned. Also works for unlinked files. */
static int reopen_target(const struct lade_mover_run *run)
{
	char name[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", run->move->out_fd);
	do {
		fd = open(name, O_WRONLY | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd >= 0 && lseek(fd, lade_mover_out_off(run), SEEK_SET) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int lade_mover_sendfile(struct lade_mover_run *run)
{
	int fd, ret;

	if (run->out != LADE_MOVER_FILE)
		return send_pieces(run, run->move->out_fd);
	fd = reopen_target(run);
	if (fd < 0)
		return lade_mover_refuse(run, errno);
	ret = send_pieces(run, fd);
	close(fd);
	return ret;
}
