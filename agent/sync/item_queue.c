/*
 * A ring of items and places. A place is numbered by how many came before it, from one on, so it is found at once, and
 * one that has left the queue is told from all that are in it.
 */
#include "agent/sync/item_queue.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/error.h"

#define CAPACITY_LEAST 64u

struct lade_held_item {
	bool waits;                /* for its item */
	bool nothing;              /* there is none */
	struct lade_msg_item item; /* if neither; its slices lie in bytes */
	void *bytes;               /* owned; NULL: it has none */
};

static struct lade_held_item *held_at(const struct lade_item_queue *queue, size_t at)
{
	return &queue->held[(size_t)(queue->first + at) & (queue->capacity - 1)];
}

void lade_item_queue_fini(struct lade_item_queue *queue)
{
	for (size_t i = 0; i < queue->count; i++)
		free(held_at(queue, i)->bytes);
	free(queue->held);
	free(queue->last);
	*queue = (struct lade_item_queue){ .most = queue->most };
}

bool lade_item_queue_empty(const struct lade_item_queue *queue)
{
	return queue->count == 0;
}

static bool grow(struct lade_item_queue *queue)
{
	size_t capacity = queue->capacity ? 2 * queue->capacity : CAPACITY_LEAST;
	struct lade_held_item *held = calloc(capacity, sizeof(*held));

	if (!held)
		return false;
	for (size_t i = 0; i < queue->count; i++)
		held[(size_t)(queue->first + i) & (capacity - 1)] = *held_at(queue, i);
	free(queue->held);
	queue->held = held;
	queue->capacity = capacity;
	return true;
}

/* Room for one more, all zero. NULL: no memory. */
static struct lade_held_item *add(struct lade_item_queue *queue)
{
	struct lade_held_item *held;

	if (queue->count == queue->capacity && !grow(queue))
		return NULL;
	held = held_at(queue, queue->count++);
	memset(held, 0, sizeof(*held));
	return held;
}

static struct lade_slice copy_slice(uint8_t **at, struct lade_slice slice)
{
	struct lade_slice copy = lade_slice(*at, slice.len);

	if (slice.len)
		memcpy(*at, slice.data, slice.len);
	*at += slice.len;
	return copy;
}

/* 0 or LADE_E_MEMORY. */
static int copy(struct lade_held_item *held, const struct lade_msg_item *item)
{
	size_t len = item->path.len + item->target.len + item->digest.len;
	uint8_t *bytes = malloc(len ? len : 1), *at = bytes;

	if (!bytes)
		return LADE_E_MEMORY;
	held->item = *item;
	held->item.path = copy_slice(&at, item->path);
	held->item.target = copy_slice(&at, item->target);
	held->item.digest = copy_slice(&at, item->digest);
	held->bytes = bytes;
	return 0;
}

uint64_t lade_item_queue_keep(struct lade_item_queue *queue)
{
	struct lade_held_item *held = add(queue);

	if (!held)
		return 0;
	held->waits = true;
	return queue->first + queue->count;
}

int lade_item_queue_append(struct lade_item_queue *queue, const struct lade_msg_item *item)
{
	struct lade_held_item *held = add(queue);
	int error = held ? copy(held, item) : LADE_E_MEMORY;

	if (error && held)
		queue->count--;
	return error;
}

bool lade_item_queue_fill(struct lade_item_queue *queue, uint64_t place, const struct lade_msg_item *item)
{
	struct lade_held_item *held;

	if (place <= queue->first || place > queue->first + queue->count)
		return false;
	held = held_at(queue, (size_t)(place - queue->first - 1));
	if (!held->waits)
		return false;
	held->waits = false;
	held->nothing = !item || copy(held, item);
	return !item || !held->nothing;
}

void lade_item_queue_give_up(struct lade_item_queue *queue)
{
	for (size_t i = 0; i < queue->count; i++) {
		struct lade_held_item *held = held_at(queue, i);

		held->nothing |= held->waits;
		held->waits = false;
	}
}

bool lade_item_queue_take(struct lade_item_queue *queue, struct lade_msg_item *item_out)
{
	size_t most = queue->most ? queue->most : LADE_ITEM_QUEUE_MAX;

	free(queue->last);
	queue->last = NULL;
	while (queue->count) {
		struct lade_held_item *held = held_at(queue, 0);

		if (held->waits && queue->count <= most)
			return false;
		queue->first++;
		queue->count--;
		if (held->waits || held->nothing)
			continue;
		*item_out = held->item;
		queue->last = held->bytes;
		held->bytes = NULL;
		return true;
	}
	return false;
}
