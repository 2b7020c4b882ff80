/*
 * Files that are described to a receiver with an index: a recipe that was kept is said instead of reading the file, and
 * one that was made is kept.
 */
#include "agent/sync/sender_feed.h"

#include <unistd.h>

#include "agent/state.h"
#include "agent/sync/grant.h"
#include "protocol/recipe.h"

/* Without a place for state nothing is kept, and nothing is said about it: it is not what the user asked for. */
static bool have_store(struct feeder *feeder)
{
	const struct lade_grant *grant = feeder->session->settings->grant;

	if (feeder->store_fd == -1 && grant)
		feeder->store_fd = lade_grant_state(grant, "recipes");
	else if (feeder->store_fd == -1)
		(void)lade_state_open("recipes", &feeder->store_fd, NULL);
	if (feeder->store_fd == -1)
		feeder->store_fd = LADE_NO_STORE;
	return feeder->store_fd >= 0;
}

void lade_feed_find_kept(struct feeder *feeder, const struct stat *st)
{
	struct large *large = &feeder->large;

	if (!feeder->session->pieces.lasts || large->source->size < LADE_RECIPE_KEPT_LEAST || !have_store(feeder))
		return;
	clock_gettime(CLOCK_REALTIME, &feeder->kept_start);
	feeder->kept_of = (struct lade_recipe_of){
		.key = &feeder->session->pieces, .cut_class = large->source->cut_class,
		.stamp = lade_stamp_of(lade_stamp_file_system(large->fd), st),
	};
	lade_writer_reset(&feeder->kept);
	large->kept = lade_recipe_store_get(feeder->store_fd, &feeder->kept_of, &feeder->kept) ? KEPT_SAID : KEPT_MADE;
	if (large->kept == KEPT_SAID)
		lade_reader_init(&feeder->kept_left, feeder->kept.data, feeder->kept.len);
}

/* True if the message is the next one of the open file. */
static bool goes_on(const struct large *large, const struct lade_message *message)
{
	uint64_t left = large->source->size - large->off;

	if (message->type == LADE_MSG_HOLE)
		return message->hole.off == large->off && message->hole.len && message->hole.len <= left;
	return message->type == LADE_MSG_RECIPE && message->recipe.off == large->off && message->recipe.len &&
		message->recipe.len <= left && lade_recipe_check(message->recipe.chunks, message->recipe.len) == 0;
}

int lade_feed_say_kept(struct feeder *feeder, struct lade_fault *fault)
{
	struct lade_session_send *machine = feeder->sender->machine;
	struct large *large = &feeder->large;
	struct lade_message message;
	uint64_t len;
	int error;

	/* It was checked as a whole; should it not fit all the same, the rest is read. */
	if (lade_message_get(&feeder->kept_left, &message) || !goes_on(large, &message)) {
		large->kept = KEPT_NOT;
		large->extent_end = large->off;
		return 0;
	}
	lade_session_lock(feeder->session);
	if (message.type == LADE_MSG_HOLE) {
		len = message.hole.len;
		error = lade_session_send_hole(machine, large->slot, large->off, len, &feeder->control);
	} else {
		len = message.recipe.len;
		message.recipe.slot = large->slot;
		error = lade_session_send_recipe(machine, &message.recipe, &feeder->control);
	}
	feeder->session->progress.bytes_done += len;
	lade_session_unlock(feeder->session);
	large->off += len;
	return error ? lade_fault_set(fault, error, "describe", NULL) : 0;
}

void lade_feed_keep_piece(struct feeder *feeder, const struct lade_msg_recipe *recipe)
{
	struct lade_msg_recipe kept = *recipe;

	kept.slot = 0;
	if (feeder->large.kept == KEPT_MADE)
		lade_put_recipe(&feeder->kept, &kept);
}

void lade_feed_keep_hole(struct feeder *feeder, uint64_t off, uint64_t len)
{
	const struct lade_msg_hole hole = { 0, off, len };

	if (feeder->large.kept == KEPT_MADE)
		lade_put_hole(&feeder->kept, &hole);
}

void lade_feed_keep(struct feeder *feeder, const struct stat *st)
{
	const struct lade_recipe_of *of = &feeder->kept_of;
	struct lade_stamp now = lade_stamp_of(of->stamp.file_system, st);
	struct lade_fault fault;

	if (feeder->large.kept != KEPT_MADE || feeder->large.off < feeder->large.source->size || feeder->kept.error ||
	    !lade_stamp_equal(&now, &of->stamp) || !lade_stamp_settled(&of->stamp, &feeder->kept_start))
		return;
	/* A full disk costs another reading, not this session. */
	(void)lade_recipe_store_put(feeder->store_fd, of, lade_slice(feeder->kept.data, feeder->kept.len), &fault);
}
