/*
 * Items in the order of the entry stream, whatever is done first. The planner goes through the entries in order: what it knows it
 * tells, for a file that it asks for it keeps a place, which the worker who puts the file there fills.
 *
 * One thread at a time hands items on, with a lock of its own: to do that it may have to wait for the session's.
 */
#include "agent/sync/receiver_internal.h"

#include <string.h>

/* Hand on all that need not wait. Lock held. */
static void hand_on(struct lade_receiver *receiver)
{
	struct lade_msg_item item;

	while (lade_item_queue_take(&receiver->items, &item))
		lade_session_item(&receiver->session, &item);
}

void lade_receiver_tell(struct lade_receiver *receiver, const struct lade_msg_item *item)
{
	pthread_mutex_lock(&receiver->telling);
	/* Without memory it comes too early. */
	if (lade_item_queue_empty(&receiver->items) || lade_item_queue_append(&receiver->items, item))
		lade_session_item(&receiver->session, item);
	hand_on(receiver);
	pthread_mutex_unlock(&receiver->telling);
}

struct lade_slice lade_receiver_told_name(const struct lade_receiver *receiver, const char *path)
{
	const char *name = receiver->only_source ? receiver->only_source : path;

	return lade_slice(name, strlen(name));
}

void lade_receiver_tell_later(struct lade_receiver *receiver, struct incoming *file)
{
	if (!lade_session_itemizes(&receiver->session, file->changes))
		return;
	pthread_mutex_lock(&receiver->telling);
	file->told = lade_item_queue_keep(&receiver->items);
	hand_on(receiver);
	pthread_mutex_unlock(&receiver->telling);
}

void lade_receiver_tell_file(struct lade_receiver *receiver, struct incoming *file, const struct lade_msg_item *item)
{
	if (!item && !file->told)
		return;
	pthread_mutex_lock(&receiver->telling);
	if (!lade_item_queue_fill(&receiver->items, file->told, item) && item)
		lade_session_item(&receiver->session, item);
	file->told = 0;
	hand_on(receiver);
	pthread_mutex_unlock(&receiver->telling);
}

void lade_receiver_tell_all(struct lade_receiver *receiver)
{
	pthread_mutex_lock(&receiver->telling);
	lade_item_queue_give_up(&receiver->items);
	hand_on(receiver);
	pthread_mutex_unlock(&receiver->telling);
}
