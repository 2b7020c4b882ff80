/*
 * zstd by its simple interface with contexts: each payload is a frame of its own, decompressed
 * in one piece into memory of the announced length, so that neither a window nor a length that
 * a peer makes up costs memory.
 */
#include "chunker/codec.h"

#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "protocol/error.h"

struct lade_codec {
	ZSTD_CCtx *compressor;
	ZSTD_DCtx *decompressor;
};

int lade_codec_new(struct lade_codec **codec_out)
{
	*codec_out = calloc(1, sizeof(**codec_out));
	return *codec_out ? 0 : LADE_E_MEMORY;
}

void lade_codec_free(struct lade_codec *codec)
{
	if (!codec)
		return;
	ZSTD_freeCCtx(codec->compressor);
	ZSTD_freeDCtx(codec->decompressor);
	free(codec);
}

/* What an error of zstd is for us; refused: for anything but memory. */
static int error_of(size_t result, int refused)
{
	return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? LADE_E_MEMORY : refused;
}

int lade_codec_compress(struct lade_codec *codec, int level, struct lade_slice raw, uint8_t *out, size_t capacity,
			size_t *len_out)
{
	size_t result;

	if (!codec->compressor)
		codec->compressor = ZSTD_createCCtx();
	if (!codec->compressor)
		return LADE_E_MEMORY;
	result = ZSTD_compressCCtx(codec->compressor, out, capacity, raw.data, raw.len, level);
	if (ZSTD_isError(result))
		return error_of(result, LADE_E_LIMIT);
	*len_out = result;
	return 0;
}

int lade_codec_decompress(struct lade_codec *codec, struct lade_slice packed, uint8_t *out, size_t raw_len)
{
	size_t result;

	if (!codec->decompressor)
		codec->decompressor = ZSTD_createDCtx();
	if (!codec->decompressor)
		return LADE_E_MEMORY;
	result = ZSTD_decompressDCtx(codec->decompressor, out, raw_len, packed.data, packed.len);
	if (ZSTD_isError(result))
		return error_of(result, LADE_E_PROTOCOL);
	return result == raw_len ? 0 : LADE_E_PROTOCOL;
}
