/*
 * A hole of a described file. A new temporary file has no blocks where nothing was written; what is not touched yet may have
 * the same zeros with blocks, and one that is continued or written over may have anything.
 */
#include "agent/sync/delta_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/sync/content.h"
#include "protocol/grow.h"

/* True if the basis has nothing but zeros in the range. */
static bool all_zeros(const struct delta *delta, uint64_t off, uint64_t len, uint8_t *buffer)
{
	bool zeros = off <= (uint64_t)delta->basis.st.st_size && len <= (uint64_t)delta->basis.st.st_size - off;

	while (len && zeros) {
		off_t data = lseek(delta->basis.fd, (off_t)off, SEEK_DATA);
		uint64_t skip = data < 0 ? (errno == ENXIO ? len : 0) : (uint64_t)data - off;
		uint32_t part;

		skip = skip < len ? skip : len;
		off += skip;
		len -= skip;
		part = len < LADE_RUN_DEFAULT ? (uint32_t)len : LADE_RUN_DEFAULT;
		if (!part)
			break;
		zeros = lade_delta_read_old(delta, off, part, buffer) && !buffer[0] && !memcmp(buffer, buffer + 1, part - 1);
		off += part;
		len -= part;
	}
	return zeros;
}

/* Remember a hole of a file that is not touched yet. False: no memory. */
static bool note_hole(struct delta *delta, uint64_t off, uint64_t len)
{
	struct stretch *holes = lade_grown(delta->holes, delta->hole_count, &delta->hole_capacity, sizeof(*holes));

	if (!holes)
		return false;
	delta->holes = holes;
	delta->holes[delta->hole_count++] = (struct stretch){ .off = off, .len = len };
	return true;
}

int lade_delta_punch_noted(const struct delta *delta, int fd)
{
	int error = 0;

	for (size_t i = 0; i < delta->hole_count && !error; i++)
		error = lade_content_punch(fd, delta->holes[i].off, delta->holes[i].len);
	return error;
}

/* Something may stand in its place: that goes. */
static bool punch(struct lade_receiver *receiver, struct delta *delta, const struct news *news)
{
	struct lade_fault fault;
	int error;

	if (!lade_delta_need_target(receiver, delta, news))
		return false;
	error = lade_content_punch(delta->file->temporary.fd, news->event.off, news->event.len);
	if (!error)
		return true;
	lade_fault_set(&fault, error, "write", delta->file->name);
	lade_delta_fail(receiver, delta, &fault);
	return false;
}

static bool make_hole(struct lade_receiver *receiver, struct delta *delta, const struct news *news, struct workspace *space)
{
	uint64_t off = news->event.off, len = news->event.len;
	bool old = delta->resumed || delta->file->overwrite || lade_incoming_is_allocated(receiver);

	if (delta->untouched || (delta->in_place && delta->file->overwrite)) {
		if (!all_zeros(delta, off, len, space->piece)) {
			if (!lade_delta_leave_places(receiver, delta, news, space))
				return false;
		} else if (!delta->untouched || note_hole(delta, off, len)) {
			delta->in_place_to = off + len;
		} else {
			lade_delta_out_of_memory(receiver, delta);
			return false;
		}
	}
	return delta->untouched || !old || punch(receiver, delta, news);
}

int lade_delta_take_hole(struct lade_receiver *receiver, struct delta *delta, const struct news *news,
			 struct workspace *space)
{
	bool made;

	if (lade_delta_appends(receiver, delta, news->event.off, news->event.len)) {
		made = lade_delta_append_hole(receiver, delta, news);
	} else {
		made = lade_delta_prepare(receiver, delta, news, space) && make_hole(receiver, delta, news, space);
		lade_indexed_note(receiver, delta, news);
	}
	/* It has no digest to differ from, so a length of 0 is judged: nothing is to be asked for again. */
	return lade_delta_judge(receiver, delta, news->event.off, 0, made);
}
