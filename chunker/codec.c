/*
 * zstd by its simple interface with contexts, where each payload is a frame of its own, decompressed
 * in one piece into memory of the announced length, so that neither a window nor a length that
 * a peer makes up costs memory; and by its streaming interface, where that is the price of a window.
 */
#include "chunker/codec.h"

#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "protocol/error.h"

/* The shortest window, as a power of two. */
#define WINDOW_LOG_MIN 17

struct lade_codec {
	ZSTD_CCtx *compressor;
	ZSTD_DCtx *decompressor;
	ZSTD_CCtx *stream;    /* of lade_codec_continue() */
	int level;            /* of the frame that goes on; 0: none does */
	ZSTD_DCtx *resumed;   /* of lade_codec_resume() */
	bool resuming;        /* a frame goes on */
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
	ZSTD_freeCCtx(codec->stream);
	ZSTD_freeDCtx(codec->resumed);
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

/* ---- what goes on ---- */

static int window_log(uint64_t total)
{
	int log = WINDOW_LOG_MIN;

	while (log < LADE_CODEC_WINDOW_LOG_MAX && total >> log)
		log++;
	return log;
}

/* Begin a frame. */
static int begin(struct lade_codec *codec, const struct lade_codec_stream *stream)
{
	if (!codec->stream)
		codec->stream = ZSTD_createCCtx();
	if (!codec->stream)
		return LADE_E_MEMORY;
	if (ZSTD_isError(ZSTD_CCtx_reset(codec->stream, ZSTD_reset_session_and_parameters)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(codec->stream, ZSTD_c_compressionLevel, stream->level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(codec->stream, ZSTD_c_windowLog, window_log(stream->total))) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(codec->stream, ZSTD_c_enableLongDistanceMatching, 1)))
		return LADE_E_MEMORY;
	codec->level = stream->level;
	return 0;
}

int lade_codec_continue(struct lade_codec *codec, const struct lade_codec_stream *stream, struct lade_slice raw, uint8_t *out,
			size_t capacity, size_t *len_out, bool *begins_out)
{
	ZSTD_inBuffer from = { raw.data, raw.len, 0 };
	ZSTD_outBuffer to = { out, capacity, 0 };
	size_t left;

	*begins_out = stream->afresh || codec->level != stream->level;
	if (*begins_out && begin(codec, stream))
		return LADE_E_MEMORY;
	do
		left = ZSTD_compressStream2(codec->stream, &to, &from, ZSTD_e_flush);
	while (!ZSTD_isError(left) && left && to.pos < to.size);
	*len_out = to.pos;
	if (!left)
		return 0;
	/* What does not travel is no part of the frame. */
	codec->level = 0;
	return ZSTD_isError(left) ? error_of(left, LADE_E_LIMIT) : LADE_E_LIMIT;
}

/* True if there is more unpacked than was announced. */
static bool has_more(ZSTD_DCtx *context)
{
	uint8_t byte;
	ZSTD_inBuffer from = { &byte, 0, 0 };
	ZSTD_outBuffer to = { &byte, 1, 0 };

	return !ZSTD_isError(ZSTD_decompressStream(context, &to, &from)) && to.pos;
}

int lade_codec_resume(struct lade_codec *codec, bool begins, struct lade_slice packed, uint8_t *out, size_t raw_len)
{
	ZSTD_inBuffer from = { packed.data, packed.len, 0 };
	ZSTD_outBuffer to = { out, raw_len, 0 };
	size_t result = 1, before;

	if (!codec->resumed) {
		codec->resumed = ZSTD_createDCtx();
		if (!codec->resumed ||
		    ZSTD_isError(ZSTD_DCtx_setParameter(codec->resumed, ZSTD_d_windowLogMax, LADE_CODEC_WINDOW_LOG_MAX)))
			return LADE_E_MEMORY;
	}
	if (begins)
		(void)ZSTD_DCtx_reset(codec->resumed, ZSTD_reset_session_only);
	else if (!codec->resuming)
		return LADE_E_PROTOCOL;
	codec->resuming = false;
	do {
		before = from.pos + to.pos;
		result = ZSTD_decompressStream(codec->resumed, &to, &from);
	} while (!ZSTD_isError(result) && result && from.pos + to.pos > before && (from.pos < from.size || to.pos < to.size));
	if (ZSTD_isError(result))
		return error_of(result, LADE_E_PROTOCOL);
	/* A frame does not end, as nobody knows which run is the last. */
	if (!result || from.pos < from.size || to.pos < to.size || has_more(codec->resumed))
		return LADE_E_PROTOCOL;
	codec->resuming = true;
	return 0;
}
