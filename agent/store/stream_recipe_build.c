/*
 * [recipe] Making one. Level d (from 0) holds the list of items of depth d + 1: up to as many as a recipe takes they wait; with one more they
 * become a stream, whose chunks are items of the next level. Which level is the last one shows at the end: it is the first whose list has not
 * become a stream.
 */
#include "agent/store/stream_recipe.h"

#include <stdlib.h>
#include <string.h>

#include "agent/store/stream_cutter.h"

#define OPERATION "list the chunks of a stream"

struct level {
	struct lade_recipe_builder *builder;
	unsigned number;
	unsigned waiting; /* items that wait */
	bool streams;     /* the list has become a stream, and nothing waits */
	struct lade_stream_item items[LADE_STREAM_ITEMS_MAX];
	struct lade_stream_cutter cutter;
};

struct lade_recipe_builder {
	struct lade_stream_sink sink;
	uint32_t greatest; /* of the chunks of the stream */
	uint64_t length;   /* of the stream so far */
	int error;
	struct level levels[LADE_STREAM_DEPTH_MAX];
};

static int add_item(struct level *level, const struct lade_stream_item *item, struct lade_fault *fault);

/* A chunk of the list of a level is found: put it, and count what its items stand for. */
static int take_chunk(void *context, struct lade_slice chunk, struct lade_fault *fault)
{
	const struct level *level = context;
	struct lade_recipe_builder *builder = level->builder;
	struct lade_stream_item part, whole = { .len = (uint32_t)chunk.len };
	int error;

	if (level->number + 1 == LADE_STREAM_DEPTH_MAX)
		return lade_fault_set(fault, LADE_E_LIMIT, OPERATION, NULL);
	for (size_t at = 0; at < chunk.len; at += LADE_STREAM_ITEM_LEN) {
		lade_stream_item_get(chunk.data + at, &part);
		whole.covers += part.covers;
	}
	error = builder->sink.put(builder->sink.context, LADE_CHUNK_RECIPE, chunk, whole.id, fault);
	return error ? error : add_item(&builder->levels[level->number + 1], &whole, fault);
}

static int feed(struct level *level, const struct lade_stream_item *item, struct lade_fault *fault)
{
	uint8_t bytes[LADE_STREAM_ITEM_LEN];

	lade_stream_item_put(bytes, item);
	return lade_stream_cutter_feed(&level->cutter, lade_slice(bytes, sizeof(bytes)), fault);
}

static int add_item(struct level *level, const struct lade_stream_item *item, struct lade_fault *fault)
{
	int error = 0;

	if (!level->streams && level->waiting < LADE_STREAM_ITEMS_MAX) {
		level->items[level->waiting++] = *item;
		return 0;
	}
	level->streams = true;
	for (unsigned i = 0; i < level->waiting && !error; i++)
		error = feed(level, &level->items[i], fault);
	level->waiting = 0;
	return error ? error : feed(level, item, fault);
}

int lade_recipe_builder_new(const struct lade_stream_sink *sink, enum lade_chunk_kind kind, struct lade_recipe_builder **builder_out)
{
	struct lade_recipe_builder *builder = calloc(1, sizeof(*builder));

	if (!builder)
		return LADE_E_MEMORY;
	builder->sink = *sink;
	builder->greatest = sink->cuts[kind != LADE_CHUNK_CONTENT].lengths.greatest;
	for (unsigned i = 0; i < LADE_STREAM_DEPTH_MAX; i++) {
		builder->levels[i].builder = builder;
		builder->levels[i].number = i;
		lade_stream_cutter_init(&builder->levels[i].cutter, &sink->cuts[1], LADE_STREAM_ITEM_LEN, take_chunk, &builder->levels[i]);
	}
	*builder_out = builder;
	return 0;
}

void lade_recipe_builder_free(struct lade_recipe_builder *builder)
{
	if (!builder)
		return;
	for (unsigned i = 0; i < LADE_STREAM_DEPTH_MAX; i++)
		lade_stream_cutter_fini(&builder->levels[i].cutter);
	free(builder);
}

void lade_recipe_builder_reset(struct lade_recipe_builder *builder)
{
	builder->length = 0;
	builder->error = 0;
	for (unsigned i = 0; i < LADE_STREAM_DEPTH_MAX; i++) {
		builder->levels[i].waiting = 0;
		builder->levels[i].streams = false;
		lade_stream_cutter_reset(&builder->levels[i].cutter);
	}
}

int lade_recipe_builder_add(struct lade_recipe_builder *builder, const uint8_t id[LADE_CHUNK_ID_LEN], uint32_t len, struct lade_fault *fault)
{
	struct lade_stream_item item = { .len = len, .covers = len };

	if (builder->error)
		return lade_fault_set(fault, builder->error, OPERATION, NULL);
	memcpy(item.id, id, sizeof(item.id));
	if (len == 0 || len > builder->greatest)
		builder->error = lade_fault_set(fault, LADE_E_USAGE, OPERATION, NULL);
	else if (len > LADE_STREAM_LENGTH_MAX - builder->length)
		builder->error = lade_fault_set(fault, LADE_E_LIMIT, OPERATION, NULL);
	else
		builder->error = add_item(&builder->levels[0], &item, fault);
	builder->length += len;
	return builder->error;
}

/* The recipe, of the first level whose list is no stream. */
static int put_recipe(struct lade_recipe_builder *builder, struct lade_writer *writer, struct lade_fault *fault)
{
	struct lade_stream_recipe recipe = { .length = builder->length };
	unsigned top = 0;
	int error = 0;

	/* A list is at its end when those below it are. */
	for (; !error && builder->levels[top].streams; top++)
		error = lade_stream_cutter_finish(&builder->levels[top].cutter, fault);
	if (error)
		return error;
	recipe.count = builder->levels[top].waiting;
	recipe.depth = recipe.count ? top + 1 : 0;
	memcpy(recipe.items, builder->levels[top].items, sizeof(recipe.items));
	lade_stream_recipe_put(writer, &recipe);
	return writer->error ? lade_fault_set(fault, writer->error, OPERATION, NULL) : 0;
}

int lade_recipe_builder_finish(struct lade_recipe_builder *builder, struct lade_writer *writer, struct lade_fault *fault)
{
	int error;

	if (builder->error)
		error = lade_fault_set(fault, builder->error, OPERATION, NULL);
	else if (builder->length && builder->length <= LADE_STREAM_INLINE_MAX)
		error = lade_fault_set(fault, LADE_E_USAGE, OPERATION, NULL);
	else
		error = put_recipe(builder, writer, fault);
	lade_recipe_builder_reset(builder);
	return error;
}
