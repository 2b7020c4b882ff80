/*
 * Compression: zstd, one payload at a time. See RFC 8878 and zstd(1).
 */
#ifndef LADE_CHUNKER_CODEC_H
#define LADE_CHUNKER_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/bytes.h"

/* Levels: higher ones are slower and shrink more. Those above take more memory than a session should. */
#define LADE_CODEC_LEVEL_MAX 19
#define LADE_CODEC_LEVEL_DEFAULT 3

/* What one thread needs to compress and to decompress; made of memory that is taken when it is first needed. */
struct lade_codec;

/* Returns 0 or LADE_E_MEMORY. The caller frees it with lade_codec_free(). */
int lade_codec_new(struct lade_codec **codec_out);
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

#endif
