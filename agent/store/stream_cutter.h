/*
 * Collects a stream that comes in pieces of any lengths and gives its chunks away as they are found: agent/store/FORMAT.md [cut]. For stream*.c.
 */
#ifndef LADE_AGENT_STORE_STREAM_CUTTER_H
#define LADE_AGENT_STORE_STREAM_CUTTER_H

#include <stddef.h>
#include <stdint.h>

#include "chunker/strict_cut.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/* The caller's storage, for one thread at a time. It holds at most twice the greatest length of a chunk. */
struct lade_stream_cutter {
	const struct lade_strict_cut *cut; /* borrowed */
	size_t unit;                       /* bytes: chunks are a multiple of it, and so is the stream */
	int (*take)(void *context, struct lade_slice chunk, struct lade_fault *fault); /* 0, or what went wrong; the chunk is borrowed for the call */
	void *context;
	uint8_t *data;
	size_t start, end, room; /* of data: what is not given away yet, and all that there is */
};

/* Start with no bytes; cut, take and context are borrowed until lade_stream_cutter_fini(). unit: 1..LADE_STRICT_CUT_LEAST_MIN. */
void lade_stream_cutter_init(struct lade_stream_cutter *cutter, const struct lade_strict_cut *cut, size_t unit,
			     int (*take)(void *context, struct lade_slice chunk, struct lade_fault *fault), void *context);

/* Free its memory. */
void lade_stream_cutter_fini(struct lade_stream_cutter *cutter);

/* Forget the bytes, keep the memory. */
void lade_stream_cutter_reset(struct lade_stream_cutter *cutter);

/* Append bytes, and give away the chunks that end in them. Returns 0, LADE_E_MEMORY or what take returned. */
int lade_stream_cutter_feed(struct lade_stream_cutter *cutter, struct lade_slice bytes, struct lade_fault *fault);

/* What was not given away; borrowed until the next call. */
struct lade_slice lade_stream_cutter_rest(const struct lade_stream_cutter *cutter);

/* The stream ends: give the rest away. Returns 0 or what take returned; the cutter is empty then. */
int lade_stream_cutter_finish(struct lade_stream_cutter *cutter, struct lade_fault *fault);

#endif
