/*
 * [recipe] Going through one. Level d (from 0) holds one chunk of the list of items of depth d + 1; the last level holds the recipe's own items. A
 * chunk of a list is looked at as a whole when it is got, so what is given out adds up. It ends: each item stands for a byte at least, a chunk for
 * what its item said, and the depth is that of the recipe.
 */
#include "agent/store/stream_recipe.h"

#include <stdlib.h>
#include <string.h>

#define OPERATION "read the list of the chunks of a stream"

struct level {
	uint8_t *items; /* encoded */
	size_t room;    /* bytes */
	bool there;     /* it holds the chunk of that item of the level above which is its `place` */
	size_t count, place;
	uint64_t off;   /* where in the stream the item at `place` begins */
};

struct lade_recipe_cursor {
	struct lade_stream_source source;
	uint32_t greatest; /* of chunks of the stream */
	uint64_t length;
	unsigned depth;
	struct level levels[LADE_STREAM_DEPTH_MAX];
};

static void item_at(const struct level *level, struct lade_stream_item *item_out)
{
	lade_stream_item_get(level->items + level->place * LADE_STREAM_ITEM_LEN, item_out);
}

static bool make_room(struct level *level, size_t len)
{
	uint8_t *items;

	if (len <= level->room)
		return true;
	items = realloc(level->items, len);
	if (!items)
		return false;
	level->items = items;
	level->room = len;
	return true;
}

/* To the first item of a level. */
static void rewind_to(struct level *level, uint64_t off)
{
	level->place = 0;
	level->off = off;
}

int lade_recipe_cursor_new(const struct lade_stream_source *source, enum lade_chunk_kind kind, const struct lade_stream_recipe *recipe,
			   struct lade_recipe_cursor **cursor_out)
{
	struct lade_recipe_cursor *cursor = calloc(1, sizeof(*cursor));
	struct level *top;

	if (!cursor)
		return LADE_E_MEMORY;
	cursor->source = *source;
	cursor->greatest = lade_stream_greatest(&source->lengths, kind);
	cursor->length = recipe->length;
	cursor->depth = recipe->depth;
	if (recipe->depth) {
		top = &cursor->levels[recipe->depth - 1];
		if (!make_room(top, recipe->count * LADE_STREAM_ITEM_LEN)) {
			free(cursor);
			return LADE_E_MEMORY;
		}
		for (unsigned i = 0; i < recipe->count; i++)
			lade_stream_item_put(top->items + i * LADE_STREAM_ITEM_LEN, &recipe->items[i]);
		top->there = true;
		top->count = recipe->count;
	}
	*cursor_out = cursor;
	return 0;
}

void lade_recipe_cursor_free(struct lade_recipe_cursor *cursor)
{
	if (!cursor)
		return;
	for (unsigned i = 0; i < LADE_STREAM_DEPTH_MAX; i++)
		free(cursor->levels[i].items);
	free(cursor);
}

/* True if the items of a level may be there, and stand for so many bytes. */
static bool adds_up(const struct lade_recipe_cursor *cursor, unsigned number, uint64_t covers)
{
	const struct level *level = &cursor->levels[number];
	struct lade_stream_item item;

	for (size_t i = 0; i < level->count; i++) {
		lade_stream_item_get(level->items + i * LADE_STREAM_ITEM_LEN, &item);
		if (!lade_stream_item_ok(&item, number + 1, cursor->greatest, cursor->source.lengths.entries) || item.covers > covers)
			return false;
		covers -= item.covers;
	}
	return covers == 0;
}

/* Get into a level what the level above is at, if it is not there. */
static int load(struct lade_recipe_cursor *cursor, unsigned number, struct lade_fault *fault)
{
	struct level *level = &cursor->levels[number];
	struct lade_stream_item item;
	int error;

	if (level->there)
		return 0;
	item_at(level + 1, &item);
	if (!make_room(level, item.len))
		return lade_fault_set(fault, LADE_E_MEMORY, OPERATION, NULL);
	error = cursor->source.get(cursor->source.context, LADE_CHUNK_RECIPE, &item, level->items, fault);
	if (error)
		return error;
	level->count = item.len / LADE_STREAM_ITEM_LEN;
	if (!adds_up(cursor, number, item.covers))
		return lade_fault_set(fault, LADE_E_CHANGED, OPERATION, NULL);
	rewind_to(level, level[1].off);
	level->there = true;
	return 0;
}

/* One item further; what is below is of the one before then. */
static void step(struct lade_recipe_cursor *cursor, unsigned number)
{
	struct level *level = &cursor->levels[number];
	struct lade_stream_item item;

	item_at(level, &item);
	level->off += item.covers;
	level->place++;
	for (unsigned i = 0; i < number; i++)
		cursor->levels[i].there = false;
}

int lade_recipe_cursor_next(struct lade_recipe_cursor *cursor, struct lade_stream_item *item_out, uint64_t *off_out, struct lade_fault *fault)
{
	unsigned number = 0;
	int error;

	/* Up to where there is an item left, then down again. */
	while (number < cursor->depth && (!cursor->levels[number].there || cursor->levels[number].place == cursor->levels[number].count)) {
		if (++number < cursor->depth && cursor->levels[number - 1].there)
			step(cursor, number);
	}
	if (number == cursor->depth)
		return 0;
	while (number > 0) {
		error = load(cursor, --number, fault);
		if (error)
			return error;
	}
	item_at(&cursor->levels[0], item_out);
	if (off_out)
		*off_out = cursor->levels[0].off;
	step(cursor, 0);
	return 1;
}

/* In a level whose items hold off, to the item that does. */
static void find(struct lade_recipe_cursor *cursor, unsigned number, uint64_t off)
{
	struct level *level = &cursor->levels[number];
	const size_t before = level->place;
	struct lade_stream_item item;

	rewind_to(level, number + 1 == cursor->depth ? 0 : level[1].off);
	for (;;) {
		item_at(level, &item);
		if (off - level->off < item.covers)
			break;
		level->off += item.covers;
		level->place++;
	}
	for (unsigned i = 0; level->place != before && i < number; i++)
		cursor->levels[i].there = false;
}

int lade_recipe_cursor_seek(struct lade_recipe_cursor *cursor, uint64_t off, struct lade_fault *fault)
{
	unsigned number = cursor->depth;
	int error;

	if (!cursor->depth)
		return 0;
	if (off >= cursor->length) {
		struct level *top = &cursor->levels[cursor->depth - 1];

		for (unsigned i = 0; i + 1 < cursor->depth; i++)
			cursor->levels[i].there = false;
		top->place = top->count;
		top->off = cursor->length;
		return 0;
	}
	while (number-- > 0) {
		if (number + 1 < cursor->depth) {
			error = load(cursor, number, fault);
			if (error)
				return error;
		}
		find(cursor, number, off);
	}
	return 0;
}
