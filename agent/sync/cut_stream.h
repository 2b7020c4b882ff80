/*
 * Cutting a range of a file into chunks, one after another, through one buffer.
 */
#ifndef LADE_AGENT_SYNC_CUT_STREAM_H
#define LADE_AGENT_SYNC_CUT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunker/cut.h"
#include "protocol/error.h"

/* Plain storage; all zeros is a stream that was not started. */
struct lade_cut_stream {
	struct lade_cut cut;
	unsigned cut_class; /* cut is prepared for it; 0: for none */
	int fd;             /* borrowed */
	uint64_t end;       /* where the range ends */
	uint64_t read_off;  /* what is to be read next */
	uint8_t *buffer;    /* of capacity */
	size_t capacity, first, held; /* bytes of the range that are in it, from first on */
	bool (*stopped)(void *context); /* NULL, or whether the caller does not want the rest any more: then reading fails */
	void *context;
};

/* One chunk. */
struct lade_cut_chunk {
	const uint8_t *data; /* borrowed until the next call */
	uint32_t len;
};

/*
 * Start with the bytes from off to end of fd, cut by key and class. The first chunk begins at off. Returns 0 or
 * LADE_E_MEMORY. May be called again for another range.
 */
int lade_cut_stream_start(struct lade_cut_stream *stream, const struct lade_run_key *key, unsigned cut_class, int fd,
			  uint64_t off, uint64_t end);

/*
 * The next chunk. Returns 1, 0 at the end of the range, LADE_E_SHRUNK if the file ends before it, or LADE_E_SOURCE;
 * fault's subject is left empty.
 */
int lade_cut_stream_next(struct lade_cut_stream *stream, struct lade_cut_chunk *chunk_out, struct lade_fault *fault);

/* Free the buffer. */
void lade_cut_stream_fini(struct lade_cut_stream *stream);

/* The class for files of size bytes: chunks of about the root of the size, so that a recipe is short and so is what one change costs. */
unsigned lade_cut_class_of(uint64_t size);

#endif
