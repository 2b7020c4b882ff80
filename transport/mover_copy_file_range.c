/*
 * copy_file_range(2): the file system copies inside the kernel, or shares extents, or
 * lets its server do it (NFS, CIFS).
 *
 * Limit: 0 before the end does not prove that the source ended (pseudo files report it
 * as well), so it only means the next way.
 */
#include "transport/mover_internal.h"

#include <errno.h>

/* Bytes of one call: it cannot be cancelled in between where extents are copied. */
#define RANGE_PIECE ((size_t)1 << 30)

int lade_mover_copy_file_range(struct lade_mover_run *run)
{
	struct lade_move *move = run->move;
	off_t in_off, out_off;
	ssize_t count;

	while (move->moved < move->len) {
		in_off = lade_mover_in_off(run);
		out_off = lade_mover_out_off(run);
		count = run->calls->copy_file_range(move->in_fd, &in_off, move->out_fd, &out_off,
						    lade_mover_piece(run, RANGE_PIECE), 0);
		if (count < 0) {
			if (lade_mover_again(run, 0))
				continue;
			return lade_mover_sort(run, "copy_file_range");
		}
		if (count == 0) {
			if (lade_mover_source_short(run, lade_mover_in_off(run) + 1))
				return lade_mover_source_ended(run, "copy_file_range");
			return lade_mover_refuse(run, 0);
		}
		lade_mover_consume(run, (size_t)count);
		lade_mover_arrive(run, (size_t)count);
	}
	return 0;
}
