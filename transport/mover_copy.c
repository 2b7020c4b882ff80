/*
 * The copying way: read(2) and write(2) through a pooled buffer. It works on every
 * pair of descriptors, never refuses, and knows which end failed: the ways with
 * ambiguous errors leave the verdict to it.
 */
#include "transport/mover_internal.h"

#include <errno.h>

static int copy(struct lade_mover_run *run, uint8_t *buffer)
{
	struct lade_move *move = run->move;
	ssize_t count;

	while (move->moved < move->len) {
		count = lade_mover_read(run, buffer, lade_mover_piece(run, LADE_MOVER_PIECE));
		if (count < 0)
			return lade_mover_source_failed(run, "read");
		if (count == 0)
			return lade_mover_source_ended(run, "read");
		if (lade_mover_write(run, buffer, (size_t)count) < 0)
			return lade_mover_target_failed(run, "write");
	}
	return 0;
}

int lade_mover_copy(struct lade_mover_run *run)
{
	uint8_t *buffer = lade_mover_buffer_get(run->movers);
	int ret;

	if (!buffer)
		return lade_fault_set(run->fault, LADE_E_MEMORY, "copy", NULL);
	ret = copy(run, buffer);
	lade_mover_buffer_put(run->movers, buffer);
	return ret;
}
