/*
 * [cut] A cut is looked for when as many bytes are there as the greatest chunk has, or the stream ends: more would make no difference. So what is
 * kept is less than one greatest chunk before each look. Bytes move down once for each greatest length that went away, not for each chunk.
 */
#include "agent/store/stream_cutter.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096u

void lade_stream_cutter_init(struct lade_stream_cutter *cutter, const struct lade_strict_cut *cut, size_t unit,
			     int (*take)(void *context, struct lade_slice chunk, struct lade_fault *fault), void *context)
{
	*cutter = (struct lade_stream_cutter){ .cut = cut, .unit = unit, .take = take, .context = context };
}

void lade_stream_cutter_fini(struct lade_stream_cutter *cutter)
{
	free(cutter->data);
	cutter->data = NULL;
	cutter->room = 0;
	lade_stream_cutter_reset(cutter);
}

void lade_stream_cutter_reset(struct lade_stream_cutter *cutter)
{
	cutter->start = cutter->end = 0;
}

struct lade_slice lade_stream_cutter_rest(const struct lade_stream_cutter *cutter)
{
	return lade_slice(cutter->end == cutter->start ? NULL : cutter->data + cutter->start, cutter->end - cutter->start);
}

/* The length of the first chunk; data are a multiple of the unit, or so many that a chunk is one. */
static size_t next(const struct lade_stream_cutter *cutter, const uint8_t *data, size_t len)
{
	const size_t found = lade_strict_cut_next(cutter->cut, data, len);

	return found - found % cutter->unit;
}

/* Room for len more bytes, at most a greatest chunk with what is there. */
static int make_room(struct lade_stream_cutter *cutter, size_t len)
{
	const size_t most = 2 * (size_t)cutter->cut->lengths.greatest;
	size_t room = cutter->room ? cutter->room : FIRST_ROOM;
	uint8_t *data;

	if (cutter->start >= cutter->cut->lengths.greatest || cutter->start == cutter->end) {
		if (cutter->start < cutter->end)
			memmove(cutter->data, cutter->data + cutter->start, cutter->end - cutter->start);
		cutter->end -= cutter->start;
		cutter->start = 0;
	}
	if (len <= cutter->room - cutter->end)
		return 0;
	while (room - cutter->end < len)
		room *= 2;
	if (room > most)
		room = most;
	data = realloc(cutter->data, room);
	if (!data)
		return LADE_E_MEMORY;
	cutter->data = data;
	cutter->room = room;
	return 0;
}

/* Give away the first chunk of what is there. */
static int give(struct lade_stream_cutter *cutter, struct lade_fault *fault)
{
	const uint8_t *data = cutter->data + cutter->start;
	const size_t len = next(cutter, data, cutter->end - cutter->start);

	cutter->start += len;
	return cutter->take(cutter->context, lade_slice(data, len), fault);
}

int lade_stream_cutter_feed(struct lade_stream_cutter *cutter, struct lade_slice bytes, struct lade_fault *fault)
{
	const size_t greatest = cutter->cut->lengths.greatest;
	int error = 0;

	while (bytes.len && !error) {
		const size_t lacks = greatest - (cutter->end - cutter->start);
		size_t len = bytes.len < lacks ? bytes.len : lacks;

		/* From where they are, if nothing is before them. */
		if (len == greatest) {
			len = next(cutter, bytes.data, bytes.len);
			error = cutter->take(cutter->context, lade_slice(bytes.data, len), fault);
		} else if (make_room(cutter, len)) {
			return lade_fault_set(fault, LADE_E_MEMORY, "cut a stream", NULL);
		} else {
			memcpy(cutter->data + cutter->end, bytes.data, len);
			cutter->end += len;
			if (len == lacks)
				error = give(cutter, fault);
		}
		bytes.data += len;
		bytes.len -= len;
	}
	return error;
}

int lade_stream_cutter_finish(struct lade_stream_cutter *cutter, struct lade_fault *fault)
{
	int error = 0;

	while (cutter->start < cutter->end && !error)
		error = give(cutter, fault);
	return error;
}
