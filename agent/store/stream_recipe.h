/*
 * Recipes: which chunks a stream consists of. agent/store/FORMAT.md [recipe].
 *
 * A recipe is a small value; where a stream has many chunks, the list of them is a stream of its own, whose chunks are put and got by functions of
 * the caller. A builder makes it, a cursor goes through it; neither holds more than a few chunks of lists for each depth.
 */
#ifndef LADE_AGENT_STORE_STREAM_RECIPE_H
#define LADE_AGENT_STORE_STREAM_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/format.h"
#include "agent/store/pack.h"
#include "chunker/strict_cut.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

#define LADE_STREAM_LENGTH_MAX ((uint64_t)INT64_MAX) /* bytes of a stream */
#define LADE_STREAM_INLINE_MAX 256u                  /* bytes of a stream that is in its recipe */
#define LADE_STREAM_ITEMS_MAX 32u                    /* items in a recipe */
#define LADE_STREAM_ITEM_LEN 44u                     /* bytes of an encoded item */
#define LADE_STREAM_DEPTH_MAX 6u

/* Greatest lengths of chunks, in bytes: what a decoder goes by. */
struct lade_stream_lengths {
	uint32_t content;
	uint32_t entries; /* of directories and of lists */
};

/* A chunk of a stream, or of a list of chunks. */
struct lade_stream_item {
	uint8_t id[LADE_CHUNK_ID_LEN];
	uint32_t len;    /* bytes of the chunk */
	uint64_t covers; /* bytes of the stream that it stands for */
};

struct lade_stream_recipe {
	uint64_t length; /* bytes of the stream */
	unsigned depth;  /* 0: it is in inline_bytes; 1: items are its chunks; above: chunks of a list */
	unsigned count;  /* of items; 0 at depth 0 */
	uint8_t inline_bytes[LADE_STREAM_INLINE_MAX];
	struct lade_stream_item items[LADE_STREAM_ITEMS_MAX];
};

/* The greatest lengths that a repository has. */
struct lade_stream_lengths lade_stream_lengths_of(const struct lade_format *format);

/* The greatest length of chunks of a kind, in bytes. */
uint32_t lade_stream_greatest(const struct lade_stream_lengths *lengths, enum lade_chunk_kind kind);

/*
 * Get a recipe of a stream of that kind (not LADE_CHUNK_RECIPE); what follows it is left in the reader. Returns 0 or LADE_E_CHANGED: that is none.
 * Nothing is borrowed, and nothing is to be freed. Any thread.
 */
int lade_stream_recipe_get(struct lade_reader *reader, enum lade_chunk_kind kind, const struct lade_stream_lengths *lengths,
			   struct lade_stream_recipe *recipe_out);

/* Append a recipe, which is one that lade_stream_recipe_get() takes. Errors are the writer's. */
void lade_stream_recipe_put(struct lade_writer *writer, const struct lade_stream_recipe *recipe);

/*
 * Append the recipe of a stream that is in it: bytes.len is at most LADE_STREAM_INLINE_MAX. Errors are the writer's; LADE_E_LIMIT if they are
 * more.
 */
void lade_stream_recipe_put_inline(struct lade_writer *writer, struct lade_slice bytes);

/* Write the bytes of an item; for stream*.c. */
void lade_stream_item_put(uint8_t out[LADE_STREAM_ITEM_LEN], const struct lade_stream_item *item);

/* Read them; whether it may be is not looked at. For stream*.c. */
void lade_stream_item_get(const uint8_t bytes[LADE_STREAM_ITEM_LEN], struct lade_stream_item *item_out);

/* True if an item may stand in a list whose depth is that, of a stream whose chunks have `greatest` bytes at most; for stream*.c. */
bool lade_stream_item_ok(const struct lade_stream_item *item, unsigned depth, uint32_t greatest, uint32_t list_greatest);

/* ---- building ---- */

/* Where chunks go. cuts are two, as lade_chunk_cuts() makes them; all is borrowed. */
struct lade_stream_sink {
	/* Name a chunk and keep it, if it is not kept already. bytes are borrowed for the call. Returns 0 or what went wrong, which ends the stream. */
	int (*put)(void *context, enum lade_chunk_kind kind, struct lade_slice bytes, uint8_t id_out[LADE_CHUNK_ID_LEN], struct lade_fault *fault);
	void *context;
	const struct lade_strict_cut *cuts;
};

/* Makes recipes of chunks that were named already; for one thread at a time. */
struct lade_recipe_builder;

/*
 * Make one for streams of that kind (not LADE_CHUNK_RECIPE). sink is copied, what it points to borrowed. Returns 0 or LADE_E_MEMORY; the caller
 * frees it with lade_recipe_builder_free().
 */
int lade_recipe_builder_new(const struct lade_stream_sink *sink, enum lade_chunk_kind kind, struct lade_recipe_builder **builder_out);

/* Free it. NULL does nothing. */
void lade_recipe_builder_free(struct lade_recipe_builder *builder);

/* Give up the stream at hand; the next one may begin. */
void lade_recipe_builder_reset(struct lade_recipe_builder *builder);

/*
 * The next chunk of the stream: its id and its length in bytes. Calls put for chunks of lists. Returns 0; LADE_E_USAGE: no chunk has that length;
 * LADE_E_LIMIT: the stream is too long; LADE_E_MEMORY; or what put returned. After a failure the stream can only be given up.
 */
int lade_recipe_builder_add(struct lade_recipe_builder *builder, const uint8_t id[LADE_CHUNK_ID_LEN], uint32_t len, struct lade_fault *fault);

/*
 * The stream ends: append its recipe to writer. A stream without chunks is the empty one; one of at most LADE_STREAM_INLINE_MAX bytes belongs into
 * the recipe itself (lade_stream_recipe_put_inline()) and is refused: LADE_E_USAGE. Returns 0 or as lade_recipe_builder_add(), also the writer's
 * error. The next stream may begin, failure or not.
 */
int lade_recipe_builder_finish(struct lade_recipe_builder *builder, struct lade_writer *writer, struct lade_fault *fault);

/* ---- going through ---- */

/* Where chunks come from. context is borrowed. */
struct lade_stream_source {
	/* Fill item->len bytes at out with the chunk, verified to be the one of that kind and id. Returns 0 or what went wrong. */
	int (*get)(void *context, enum lade_chunk_kind kind, const struct lade_stream_item *item, uint8_t *out, struct lade_fault *fault);
	void *context;
	struct lade_stream_lengths lengths;
};

/* Goes through the chunks of a stream; for one thread at a time. */
struct lade_recipe_cursor;

/*
 * Make one, at the beginning of the stream. source and recipe are copied; recipe is of that kind and was got with the source's lengths. Returns 0
 * or LADE_E_MEMORY; the caller frees it with lade_recipe_cursor_free().
 */
int lade_recipe_cursor_new(const struct lade_stream_source *source, enum lade_chunk_kind kind, const struct lade_stream_recipe *recipe,
			   struct lade_recipe_cursor **cursor_out);

/* Free it. NULL does nothing. */
void lade_recipe_cursor_free(struct lade_recipe_cursor *cursor);

/*
 * The next chunk, and, if off_out is not NULL, where in the stream it begins. Returns 1; 0 at the end, and for a stream that is in its recipe;
 * LADE_E_CHANGED: a list is not what the recipe says; LADE_E_MEMORY; or what get returned. It may be called again after a failure, and tries
 * again.
 */
int lade_recipe_cursor_next(struct lade_recipe_cursor *cursor, struct lade_stream_item *item_out, uint64_t *off_out, struct lade_fault *fault);

/*
 * Go to the chunk that holds the byte at off, which is the next one then; off of at least the stream's length is its end. Gets at most one chunk
 * of a list for each depth. Returns 0 or as lade_recipe_cursor_next().
 */
int lade_recipe_cursor_seek(struct lade_recipe_cursor *cursor, uint64_t off, struct lade_fault *fault);

#endif
