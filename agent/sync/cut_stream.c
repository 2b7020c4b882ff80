/*
 * Cutting a file. It is read in pieces that stay in the processor's cache until they are cut and
 * digested; what is left of a piece is less than the longest chunk and moves to the front.
 */
#include "agent/sync/cut_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sync/file_digest.h"

/* Bytes that are read at a time, beside room for a chunk that has begun. */
#define READ_LEN (512u << 10)
/* The smallest class that is used: below, recipes cost more than what they save. */
#define CLASS_LEAST 13u

unsigned lade_cut_class_of(uint64_t size)
{
	unsigned cut_class = CLASS_LEAST;

	/* The power of two nearest to the root: 2 * cut_class is next to log2(size). */
	while (cut_class < LADE_CUT_CLASS_MAX && size >> (2 * cut_class + 1))
		cut_class++;
	return cut_class;
}

int lade_cut_stream_start(struct lade_cut_stream *stream, const struct lade_run_key *key, unsigned cut_class, int fd,
			  uint64_t off, uint64_t end)
{
	size_t capacity;

	if (stream->cut_class != cut_class)
		lade_cut_init(&stream->cut, key, cut_class);
	stream->cut_class = cut_class;
	capacity = READ_LEN + stream->cut.max_len;
	if (stream->capacity < capacity) {
		free(stream->buffer);
		stream->capacity = 0;
		stream->buffer = malloc(capacity);
		if (!stream->buffer)
			return LADE_E_MEMORY;
		stream->capacity = capacity;
	}
	stream->fd = fd;
	stream->read_off = off;
	stream->end = end;
	stream->first = stream->held = 0;
	return 0;
}

/* Fill the buffer as far as the range goes. */
static int fill(struct lade_cut_stream *stream, struct lade_fault *fault)
{
	struct lade_range range = { .fd = stream->fd, .off = stream->read_off };
	size_t room;
	int error;

	errno = ECANCELED;
	if (stream->stopped && stream->stopped(stream->context))
		return lade_fault_set(fault, LADE_E_SOURCE, "read", NULL);
	memmove(stream->buffer, stream->buffer + stream->first, stream->held);
	stream->first = 0;
	room = stream->capacity - stream->held;
	range.len = (uint32_t)(stream->end - stream->read_off < room ? stream->end - stream->read_off : room);
	error = lade_range_read(&range, stream->buffer + stream->held, fault);
	if (error)
		return error;
	stream->read_off += range.len;
	stream->held += range.len;
	return 0;
}

int lade_cut_stream_next(struct lade_cut_stream *stream, struct lade_cut_chunk *chunk_out, struct lade_fault *fault)
{
	int error;

	if (stream->held < stream->cut.max_len && stream->read_off < stream->end) {
		error = fill(stream, fault);
		if (error)
			return error;
	}
	if (!stream->held)
		return 0;
	chunk_out->data = stream->buffer + stream->first;
	chunk_out->len = (uint32_t)lade_cut_next(&stream->cut, chunk_out->data, stream->held);
	stream->first += chunk_out->len;
	stream->held -= chunk_out->len;
	return 1;
}

void lade_cut_stream_fini(struct lade_cut_stream *stream)
{
	free(stream->buffer);
	*stream = (struct lade_cut_stream){ .fd = -1 };
}
