/*
 * The cloning way: FICLONERANGE shares the source's extents with the target (XFS,
 * btrfs, and others with reflinks). Nothing is read or written.
 *
 * Limit: offsets and length must be multiples of the file system's block, except that
 * the range may end with the source file. The caller cuts its ranges accordingly; a
 * range that is not aligned is refused as a whole (EINVAL) and copied.
 */
#include "transport/mover_internal.h"

/* One call locks both files for its whole length: 1 GiB keeps it short, and aligned. */
#define CLONE_PIECE ((size_t)1 << 30)

int lade_mover_clone(struct lade_mover_run *run)
{
	struct lade_move *move = run->move;
	size_t len;

	while (move->moved < move->len) {
		/* Never 0, which the kernel would read as "to the end of the file". */
		len = lade_mover_piece(run, CLONE_PIECE);
		if (run->calls->clone_range(move->out_fd, move->in_fd, lade_mover_in_off(run), len,
					    lade_mover_out_off(run)) < 0) {
			if (lade_mover_again(run, 0))
				continue;
			return lade_mover_sort(run, "clone");
		}
		lade_mover_consume(run, len);
		lade_mover_arrive(run, len);
	}
	return 0;
}
