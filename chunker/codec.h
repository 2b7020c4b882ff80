/*
 * Compression: zstd, one payload at a time, by itself or with what went before it in view. See RFC 8878 and zstd(1).
 */
#ifndef LADE_CHUNKER_CODEC_H
#define LADE_CHUNKER_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"

/* Levels: higher ones are slower and shrink more. Those above take more memory than a session should. */
#define LADE_CODEC_LEVEL_MAX 19
#define LADE_CODEC_LEVEL_DEFAULT 3

/* The longest window of what goes on: what a receiver must keep, as a power of two. */
#define LADE_CODEC_WINDOW_LOG_MAX 27
/*
 * From this level on it pays to go on: a source tree as one file was 8 to 12 % shorter for a third more time. At level 3 it was
 * 2 to 5 % for a quarter more.
 */
#define LADE_CODEC_LEVEL_FAR 6

/* What one thread needs to compress and to decompress; made of memory that is taken when it is first needed. */
struct lade_codec;

/* Returns 0 or LADE_E_MEMORY. The caller frees it with lade_codec_free(). */
int lade_codec_new(struct lade_codec **codec_out);

/* Free what the thread kept for it. NULL does nothing. */
void lade_codec_free(struct lade_codec *codec);

/*
 * Compress raw to at most capacity bytes at out. level: 1..LADE_CODEC_LEVEL_MAX. Returns 0 and the length in *len_out,
 * LADE_E_LIMIT if it does not get that short, or LADE_E_MEMORY.
 */
int lade_codec_compress(struct lade_codec *codec, int level, struct lade_slice raw, uint8_t *out, size_t capacity,
			size_t *len_out);

/*
 * Decompress packed, any bytes from outside, to exactly raw_len bytes at out. Returns 0, LADE_E_PROTOCOL if it is no such
 * thing, or LADE_E_MEMORY.
 */
int lade_codec_decompress(struct lade_codec *codec, struct lade_slice packed, uint8_t *out, size_t raw_len);

/* What lade_codec_continue() is to do. */
struct lade_codec_stream {
	int level;
	bool afresh;    /* do not go on: what comes has nothing to do with what was */
	uint64_t total; /* bytes that may come, for the window of one that begins */
};

/*
 * As lade_codec_compress(), going on with what this was called with before: it is one frame, of which each call makes a stretch. It
 * begins anew where stream says so, or another level, or after a failure; *begins_out tells.
 */
int lade_codec_continue(struct lade_codec *codec, const struct lade_codec_stream *stream, struct lade_slice raw, uint8_t *out,
			size_t capacity, size_t *len_out, bool *begins_out);

/* As lade_codec_decompress(), of stretches in their order; begins: of the first one of a frame. */
int lade_codec_resume(struct lade_codec *codec, bool begins, struct lade_slice packed, uint8_t *out, size_t raw_len);

#endif
