/*
 * Items in the order in which they are to be told, where some are not known yet: a queue of items and of
 * places that are kept for one.
 *
 * Pure memory, and no lock: see told.c for who calls it. Nothing is allocated as long as no place is kept. It is bounded: where too
 * much waits for the first place, that is given up, and its item is told out of order.
 */
#ifndef LADE_AGENT_SYNC_ITEM_QUEUE_H
#define LADE_AGENT_SYNC_ITEM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/message.h"

/* Items and places at most. */
#define LADE_ITEM_QUEUE_MAX 65536u

struct lade_held_item;

/* All zero: empty. */
struct lade_item_queue {
	struct lade_held_item *held; /* ring of capacity, a power of two; count in use from that of number first on; owned */
	size_t capacity, count;
	uint64_t first;              /* so many have left the queue */
	size_t most;                 /* 0: LADE_ITEM_QUEUE_MAX */
	void *last;                  /* bytes of the item that was taken last; owned */
};

/* Free what the queue holds; it is empty then. */
void lade_item_queue_fini(struct lade_item_queue *queue);

/* True if nothing is in the queue: what is to be told now may be told at once. */
bool lade_item_queue_empty(const struct lade_item_queue *queue);

/* Keep the place of an item that comes later. Returns its number, or 0 without memory: then it has none. */
uint64_t lade_item_queue_keep(struct lade_item_queue *queue);

/* Append a copy of item. 0, or LADE_E_MEMORY: it is not in the queue. */
int lade_item_queue_append(struct lade_item_queue *queue, const struct lade_msg_item *item);

/*
 * The item for a place is known: a copy of it takes that, or nothing does (NULL). False if the place is none or was given up, or
 * there is no memory: item is then to be told now.
 */
bool lade_item_queue_fill(struct lade_item_queue *queue, uint64_t place, const struct lade_msg_item *item);

/* Give up all places that wait for their item. */
void lade_item_queue_give_up(struct lade_item_queue *queue);

/* Take the next item to be told; its slices are borrowed until the next call. False: there is none, or it is not known yet. */
bool lade_item_queue_take(struct lade_item_queue *queue, struct lade_msg_item *item_out);

#endif
