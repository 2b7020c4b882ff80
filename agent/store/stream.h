/*
 * Streams of a repository: bytes in, a recipe out, and back. agent/store/FORMAT.md section 5.
 */
#ifndef LADE_AGENT_STORE_STREAM_H
#define LADE_AGENT_STORE_STREAM_H

#include "agent/store/stream_recipe.h"

/*
 * Writes streams of one kind, one after the other; for one thread at a time. It holds at most two chunks of the greatest length, and a few of
 * lists.
 */
struct lade_stream_writer;

/*
 * Make one for streams of that kind (not LADE_CHUNK_RECIPE). sink is copied, what it points to borrowed. Returns 0 or LADE_E_MEMORY; the caller
 * frees it with lade_stream_writer_free().
 */
int lade_stream_writer_new(const struct lade_stream_sink *sink, enum lade_chunk_kind kind, struct lade_stream_writer **writer_out);

/* Free it. NULL does nothing. */
void lade_stream_writer_free(struct lade_stream_writer *writer);

/* Give up the stream at hand; the next one may begin. */
void lade_stream_writer_reset(struct lade_stream_writer *writer);

/* Bytes of the stream at hand so far. */
uint64_t lade_stream_writer_length(const struct lade_stream_writer *writer);

/*
 * Append bytes. Calls put for each chunk that is found. Returns 0, LADE_E_MEMORY, LADE_E_LIMIT (LADE_STREAM_LENGTH_MAX) or what put returned.
 * After a failure the stream can only be given up.
 */
int lade_stream_writer_feed(struct lade_stream_writer *writer, struct lade_slice bytes, struct lade_fault *fault);

/*
 * The stream ends: append its recipe to out. Returns 0 or as lade_stream_writer_feed(), also the error of out. The next stream may begin, failure
 * or not.
 */
int lade_stream_writer_finish(struct lade_stream_writer *writer, struct lade_writer *out, struct lade_fault *fault);

/* Reads one stream; for one thread at a time. It holds at most one chunk, and one of a list for each depth. */
struct lade_stream_reader;

/*
 * Make one, at the beginning of the stream. source and recipe are copied; recipe is of that kind and was got with the source's lengths. Returns 0
 * or LADE_E_MEMORY; the caller frees it with lade_stream_reader_free().
 */
int lade_stream_reader_new(const struct lade_stream_source *source, enum lade_chunk_kind kind, const struct lade_stream_recipe *recipe,
			   struct lade_stream_reader **reader_out);

/* Free it. NULL does nothing. */
void lade_stream_reader_free(struct lade_stream_reader *reader);

/* Bytes from where it is to the end. */
uint64_t lade_stream_reader_left(const struct lade_stream_reader *reader);

/*
 * Read len bytes, or as many as there are to the end, to out; *len_out says how many. Calls get as needed. Returns 0, LADE_E_CHANGED,
 * LADE_E_MEMORY or what get returned; it is where it was then, and what is at out of no use.
 */
int lade_stream_reader_read(struct lade_stream_reader *reader, void *out, size_t len, size_t *len_out, struct lade_fault *fault);

/* Go to off; beyond the end is the end. Nothing is got until it is read. */
void lade_stream_reader_seek(struct lade_stream_reader *reader, uint64_t off);

#endif
